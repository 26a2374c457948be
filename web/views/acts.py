"""What each seat may do to a contract now, as one table: a form, a button, and what it calls."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_noop as _

from exchange.models import Role, Seat
from settlement.contracts import (
    cutting,
    defaults,
    delivering,
    disputes,
    exhibits,
    invoicing,
    paying,
    rating,
    replacing,
    settling,
)
from settlement.contracts.flow import State, worked_out
from settlement.models import (
    Dispute,
    DisputeState,
    Invoice,
    InvoiceState,
    Matter,
    Obligation,
    PriceCut,
    Replacement,
)
from settlement.quality.rules import read_rules
from settlement.quality.tolerance import Amount
from web.forms.contract import (
    AgreeForm,
    AnswerForm,
    AwardForm,
    ContractForm,
    CourtForm,
    CutForm,
    DecideForm,
    DecideWeightForm,
    DisputeForm,
    ExcessForm,
    ExhibitForm,
    InspectForm,
    InvoiceForm,
    ObjectForm,
    OfferForm,
    RateForm,
    ReasonForm,
    RedForm,
    RemedyForm,
    ReplaceForm,
    TakeForm,
    TakeReplacementForm,
    TicketForm,
    WeighForm,
)

_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Signs of a pick-up code that nobody mistakes for another."""
D = DisputeState
EXHIBIT_ROLES: Final = frozenset({Role.FINANCE, Role.DELIVERY, Role.CLERK, Role.INSPECTOR})
"""Who puts evidence forward: of a party whoever deals with its money or its goods."""


@dataclass(frozen=True, slots=True)
class View:
    """Who looks at which contract, and when."""

    contract: Obligation
    seat: Seat
    now: dt.datetime

    @property
    def side(self) -> str:
        """ "buyer", "seller", or "" for the venue's own people."""
        firm_id = self.seat.firm_id
        if firm_id is None:
            return ""
        return "buyer" if firm_id == self.contract.buyer_id else "seller"

    def is_now(self, *states: State) -> bool:
        """Say whether the contract is in one of these states and is not a mere receipt's."""
        return self.contract.state in states and bool(self.contract.terms)

    def dispute(self) -> Dispute | None:
        """Return the dispute about the contract's money, if there is one to act on."""
        if self.contract.state != State.SETTLED:
            return None
        return Dispute.objects.filter(obligation=self.contract).first()

    def disputed(self, *states: DisputeState) -> bool:
        """Say whether a dispute stands in one of these states."""
        dispute = self.dispute()
        return dispute is not None and dispute.state in states

    def invoice(self, state: InvoiceState) -> bool:
        """Say whether an invoice of the contract stands in this state."""
        return Invoice.objects.filter(obligation=self.contract, state=state).exists()

    def who(self) -> dict[str, Any]:
        """Return the acting party for settlement's functions."""
        return {"firm": self.seat.firm, "by": self.seat.user, "now": self.now}

    def staff(self) -> dict[str, Any]:
        """Return the acting person of the venue for settlement's functions."""
        return {"by": self.seat.user, "now": self.now}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do. `offered` has looked at role and side before `run` is ever called."""

    title: str
    button: str
    role: Role | frozenset[Role]
    side: str
    offered: Callable[[View], bool]
    make: Callable[..., ContractForm]
    run: Callable[[View, Any], object]

    def is_for(self, view: View) -> bool:
        """Say whether this is the seat's to do at all, now or at another time."""
        roles = self.role if isinstance(self.role, frozenset) else {self.role}
        return view.seat.role in roles and self.side in ("", "any", view.side)


def _form(kind: type[ContractForm]) -> Callable[..., ContractForm]:
    def make(view: View, *args: Any, **options: Any) -> ContractForm:
        return kind(view.contract, *args, **options)

    return make


def _inspect_form(view: View, *args: Any, **options: Any) -> ContractForm:
    quality = view.contract.terms["quality"]
    units = {row["code"]: row.get("unit", "-") for row in quality["attributes"]}
    return InspectForm(view.contract, read_rules(quality), units, *args, **options)


def _weigh_form(view: View, *args: Any, **options: Any) -> ContractForm:
    rules = read_rules(view.contract.terms["quality"])
    return WeighForm(view.contract, rules, *args, **options)


def _refuse_form(view: View, *args: Any, **options: Any) -> ContractForm:
    numbers = sorted(delivering.refusable(view.contract))
    return TicketForm(view.contract, numbers, *args, **options)


def _weight_form(view: View, *args: Any, **options: Any) -> ContractForm:
    rows = view.contract.tickets.filter(replaced=False).order_by("number")
    numbers = list(rows.values_list("number", flat=True))
    return DecideWeightForm(view.contract, numbers, *args, **options)


def _remedy_form(view: View, *args: Any, **options: Any) -> ContractForm:
    return RemedyForm(view.contract, defaults.remedies(view.contract), *args, **options)


def _agree_form(view: View, *args: Any, **options: Any) -> ContractForm:
    form = AgreeForm(view.contract, *args, **options)
    form.fields["sha256"].initial = view.contract.statement.sha256
    return form


def _take_form(view: View, *args: Any, **options: Any) -> ContractForm:
    form = TakeForm(view.contract, *args, **options)
    form.fields["value_fen"].initial = view.contract.price_cut.value_fen
    return form


def _may_take(view: View) -> bool:
    if not _may_cut(view):
        return False
    cut = PriceCut.objects.filter(obligation=view.contract).first()
    return cut is not None and cut.by_firm_id != view.seat.firm_id


def _may_cut(view: View) -> bool:
    """Say whether the statement may still be lowered: while it waits for one of the two."""
    if not view.is_now(State.STATED) or Dispute.objects.filter(obligation=view.contract).exists():
        return False
    return not (view.contract.buyer_agreed_at and view.contract.seller_agreed_at)


def _may_award(view: View) -> bool:
    return view.disputed(D.HELD) and view.contract.dispute.held_by_id != view.seat.user_id


def _take_replacement_form(view: View, *args: Any, **options: Any) -> ContractForm:
    form = TakeReplacementForm(view.contract, *args, **options)
    form.fields["days"].initial = view.contract.replacement.days
    form.fields["refused_kg"].initial = view.contract.replacement.kg
    return form


def _may_take_replacement(view: View) -> bool:
    if not replacing.may_replace(view.contract):
        return False
    row = Replacement.objects.filter(obligation=view.contract).first()
    return row is not None and row.by_firm_id != view.seat.firm_id


def _may_exhibit(view: View) -> bool:
    matter = exhibits.matter_of(view.contract)
    return matter is Matter.GOODS or (matter is Matter.MONEY and view.seat.role != Role.INSPECTOR)


def _is_over(view: View) -> bool:
    if not view.is_now(State.DELIVERED):
        return False
    return worked_out(view.contract).delivered.amount is Amount.OVER


def _may_agree(view: View) -> bool:
    if not view.is_now(State.STATED) or Dispute.objects.filter(obligation=view.contract).exists():
        return False
    return getattr(view.contract, f"{view.side}_agreed_at") is None


def _new_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))


ACTS: Final[Mapping[str, Act]] = {
    "pay": Act(
        _("付清应付款"), _("付款"), Role.FINANCE, "buyer",
        lambda v: v.is_now(State.MATCHED, State.TOP_UP),
        _form(ContractForm),
        lambda v, f: paying.pay(
            v.contract.trade_id, **v.who(), op_id=str(f.cleaned_data["op_id"])
        ),
    ),
    "order": Act(
        _("开具提货单"), _("开具"), Role.DELIVERY, "buyer",
        lambda v: v.is_now(State.SECURED),
        _form(ContractForm),
        lambda v, f: delivering.order_delivery(v.contract.trade_id, **v.who(), code=_new_code()),
    ),
    "weigh": Act(
        _("过磅"), _("登记磅单"), Role.WAREHOUSE, "",
        lambda v: v.is_now(State.DELIVERING),
        _weigh_form,
        lambda v, f: delivering.weigh_in(
            v.contract.trade_id, **v.staff(), code=f.cleaned_data["code"],
            plate=f.cleaned_data["plate"], gross_kg=f.kg("gross"), tare_kg=f.kg("tare"),
            pieces=f.pieces(),
        ),
    ),
    "loaded": Act(
        _("全部出库"), _("确认装运完毕"), Role.WAREHOUSE, "",
        lambda v: v.is_now(State.DELIVERING) and v.contract.tickets.exists(),
        _form(ContractForm),
        lambda v, f: delivering.finish_loading(v.contract.trade_id, **v.staff()),
    ),
    "missing": Act(
        _("无货可交"), _("报告卖方违约"), Role.WAREHOUSE, "",
        lambda v: v.is_now(State.DELIVERING) and not v.contract.tickets.exists(),
        _form(ReasonForm),
        lambda v, f: delivering.report_missing(
            v.contract.trade_id, **v.staff(), reason=f.cleaned_data["reason"]
        ),
    ),
    "inspect": Act(
        _("登记检验证书"), _("登记"), Role.INSPECTOR, "",
        lambda v: v.is_now(State.DELIVERING, State.DELIVERED, State.DISPUTED)
        and v.contract.tickets.exists(),
        _inspect_form,
        lambda v, f: delivering.inspect(
            v.contract.trade_id, **v.staff(), ticket=int(f.cleaned_data["ticket"]),
            certificate=f.cleaned_data["certificate"], agency=f.cleaned_data["agency"],
            measured=f.measured(),
        ),
    ),
    "refuse": Act(
        _("拒收"), _("拒收该车货物"), Role.DELIVERY, "buyer",
        lambda v: v.is_now(State.DELIVERED) and bool(delivering.refusable(v.contract)),
        _refuse_form,
        lambda v, f: delivering.refuse_ticket(
            v.contract.trade_id, **v.who(), ticket=int(f.cleaned_data["ticket"])
        ),
    ),
    "replacement": Act(
        _("对方提议换货"), _("接受换货"), Role.DELIVERY, "any",
        _may_take_replacement,
        _take_replacement_form,
        lambda v, f: replacing.take(
            v.contract.trade_id, **v.who(), days=f.cleaned_data["days"],
            kg=f.cleaned_data["refused_kg"],
        ),
    ),
    "replace": Act(
        _("提议换货"), _("提议"), Role.DELIVERY, "any",
        lambda v: replacing.may_replace(v.contract),
        _form(ReplaceForm),
        lambda v, f: replacing.propose(
            v.contract.trade_id, **v.who(), days=int(f.cleaned_data["days"]),
            reason=f.cleaned_data["reason"],
        ),
    ),
    "ready": Act(
        _("换货备妥"), _("确认换货已在库"), Role.WAREHOUSE, "",
        lambda v: v.is_now(State.DELIVERING) and replacing.awaits(v.contract),
        _form(ContractForm),
        lambda v, f: replacing.ready(v.contract.trade_id, **v.staff()),
    ),
    "excess": Act(
        _("溢装选择"), _("确定"), Role.DELIVERY, "buyer",
        _is_over,
        _form(ExcessForm),
        lambda v, f: delivering.refuse_excess(
            v.contract.trade_id, **v.who(), refused=f.cleaned_data["refused"] == "yes"
        ),
    ),
    "accept": Act(
        _("验收"), _("确认重量与质量"), Role.DELIVERY, "buyer",
        lambda v: v.is_now(State.DELIVERED),
        _form(ContractForm),
        lambda v, f: settling.accept(v.contract.trade_id, **v.who()),
    ),
    "dispute": Act(
        _("提出异议"), _("申请复检"), Role.DELIVERY, "any",
        lambda v: v.is_now(State.DELIVERED)
        and not v.contract.events.filter(kind="disputed_by").exists(),
        _form(DisputeForm),
        lambda v, f: delivering.dispute(
            v.contract.trade_id, **v.who(), what=f.cleaned_data["what"],
            reason=f.cleaned_data["reason"],
        ),
    ),
    "weight": Act(
        _("复磅"), _("确定净重"), Role.CLERK, "",
        lambda v: v.is_now(State.DISPUTED),
        _weight_form,
        lambda v, f: delivering.decide_weight(
            v.contract.trade_id, **v.staff(), ticket=int(f.cleaned_data["ticket"]),
            net_kg=f.kg("net"),
        ),
    ),
    "umpire": Act(
        _("复检完毕"), _("恢复验收"), Role.CLERK, "",
        lambda v: v.is_now(State.DISPUTED) and not delivering.is_held(v.contract),
        _form(ContractForm),
        lambda v, f: delivering.end_umpire(v.contract.trade_id, **v.staff()),
    ),
    "agree": Act(
        _("确认结算单"), _("同意"), Role.FINANCE, "any",
        _may_agree,
        _agree_form,
        lambda v, f: settling.agree(
            v.contract.trade_id, **v.who(), sha256=f.cleaned_data["sha256"]
        ),
    ),
    "object": Act(
        _("对结算金额有异议"), _("提交争议"), Role.FINANCE, "any",
        _may_agree,
        _form(ObjectForm),
        lambda v, f: settling.object_to(
            v.contract.trade_id, **v.who(), amount_fen=f.fen("amount"),
            reason=f.cleaned_data["reason"],
        ),
    ),
    "take": Act(
        _("对方提议减价"), _("接受减价"), Role.FINANCE, "any",
        _may_take,
        _take_form,
        lambda v, f: cutting.take(
            v.contract.trade_id, **v.who(), value_fen=f.cleaned_data["value_fen"]
        ),
    ),
    "cut": Act(
        _("提议减价"), _("提议"), Role.FINANCE, "any",
        _may_cut,
        _form(CutForm),
        lambda v, f: cutting.propose(
            v.contract.trade_id, **v.who(), value_fen=f.fen("value"),
            reason=f.cleaned_data["reason"],
        ),
    ),
    "invoice": Act(
        _("登记发票"), _("提交"), Role.FINANCE, "seller",
        lambda v: v.contract.state == State.SETTLED
        and not any(v.invoice(s) for s in InvoiceState if s != InvoiceState.RED),
        _form(InvoiceForm),
        lambda v, f: invoicing.issue(
            v.contract.trade_id, **v.who(), number=f.cleaned_data["number"],
            gross_fen=f.fen("gross"), vat_fen=f.fen("vat"), weight_kg=f.kg("weight"),
        ),
    ),
    "answer": Act(
        _("核对发票"), _("提交"), Role.FINANCE, "buyer",
        lambda v: v.contract.state == State.SETTLED and v.invoice(InvoiceState.ISSUED),
        _form(AnswerForm),
        lambda v, f: invoicing.answer(
            v.contract.trade_id, **v.who(), accepted=f.cleaned_data["accepted"] == "yes",
            reason=f.cleaned_data["reason"],
        ),
    ),
    "red": Act(
        _("开具红字发票"), _("提交"), Role.FINANCE, "seller",
        lambda v: v.invoice(InvoiceState.REJECTED),
        _form(RedForm),
        lambda v, f: invoicing.red_letter(
            v.contract.trade_id, **v.who(), number=f.cleaned_data["number"]
        ),
    ),
    "remedy": Act(
        _("选择救济方式"), _("确定"), Role.FINANCE, "any",
        lambda v: not v.contract.remedy
        and v.is_now(State.BUYER_DEFAULT if v.side == "seller" else State.SELLER_DEFAULT),
        _remedy_form,
        lambda v, f: defaults.choose(
            v.contract.trade_id, **v.who(), remedy=f.cleaned_data["remedy"]
        ),
    ),
    "respond": Act(
        _("答辩"), _("提交"), Role.FINANCE, "any",
        lambda v: v.disputed(D.ALLEGED) and v.contract.dispute.by_firm_id != v.seat.firm_id,
        _form(ReasonForm),
        lambda v, f: disputes.respond(
            v.contract.trade_id, **v.who(), text=f.cleaned_data["reason"]
        ),
    ),
    "offer": Act(
        _("和解方案"), _("提出"), Role.FINANCE, "any",
        lambda v: v.disputed(D.CONCILIATION),
        _form(OfferForm),
        lambda v, f: disputes.offer(v.contract.trade_id, **v.who(), fen=f.fen("amount")),
    ),
    "appeal": Act(
        _("申请复议"), _("提交"), Role.FINANCE, "any",
        lambda v: v.disputed(D.DECIDED),
        _form(ContractForm),
        lambda v, f: disputes.appeal(v.contract.trade_id, **v.who()),
    ),
    "panel": Act(
        _("移交专家组"), _("移交"), Role.CLERK, "",
        lambda v: v.disputed(D.CONCILIATION),
        _form(ContractForm),
        lambda v, f: disputes.to_panel(v.contract.trade_id, **v.staff()),
    ),
    "decide": Act(
        _("专家组裁决"), _("登记裁决"), Role.CLERK, "",
        lambda v: v.disputed(D.PANEL),
        _form(DecideForm),
        lambda v, f: disputes.decide(
            v.contract.trade_id, **v.staff(), seller_gets=f.fen("amount"),
            text=f.cleaned_data["reason"],
        ),
    ),
    "court": Act(
        _("仲裁或诉讼"), _("登记受理"), Role.CLERK, "",
        lambda v: v.disputed(D.ALLEGED, D.CONCILIATION, D.PANEL, D.DECIDED),
        _form(CourtForm),
        lambda v, f: disputes.take_to(
            v.contract.trade_id, **v.staff(), forum=f.cleaned_data["forum"],
            document=f.cleaned_data["document"],
        ),
    ),
    "award": Act(
        _("仲裁或法院结果"), _("登记并执行"), Role.REVIEWER, "",
        _may_award,
        _form(AwardForm),
        lambda v, f: disputes.award(
            v.contract.trade_id, **v.staff(), seller_gets=f.fen("amount"),
            document=f.cleaned_data["document"],
        ),
    ),
    "exhibit": Act(
        _("提交证据材料"), _("提交"), EXHIBIT_ROLES, "any",
        _may_exhibit,
        _form(ExhibitForm),
        lambda v, f: exhibits.attach(
            v.contract.trade_id, **v.who(), role=v.seat.role,
            content=f.cleaned_data["file"].read(), description=f.cleaned_data["description"],
        ),
    ),
    "rate": Act(
        _("评价对方"), _("提交"), frozenset({Role.TRADER, Role.FINANCE}), "any",
        lambda v: rating.may_rate(v.contract, v.seat.firm_id or 0, v.now),
        _form(RateForm),
        lambda v, f: rating.rate(
            v.contract.trade_id, **v.who(), text=f.cleaned_data["text"],
            marks=rating.Marks(
                *(int(f.cleaned_data[name]) for name in ("punctuality", "quality", "documents"))
            ),
        ),
    ),
}  # fmt: skip


def offered(view: View) -> list[str]:
    """Return the names of what this seat may do to this contract now."""
    return [name for name, act in ACTS.items() if act.is_for(view) and act.offered(view)]
