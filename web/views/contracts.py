"""Contracts: the list, one contract with everything that happened, and what may be done to it."""

from __future__ import annotations

import datetime as dt
import uuid
from fractions import Fraction
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from exchange import decisions
from exchange.link import BlockingLink
from settlement import outbox, queries
from settlement.contracts import exhibits, paying, rating, settling
from settlement.contracts.flow import ContractError, worked_out
from settlement.contracts.statement import Final as FinalFigures
from settlement.ledger import Kind
from settlement.models import (
    ContractPaper,
    DeliveryOrder,
    Dispute,
    Inspection,
    Invoice,
    Obligation,
    ObligationState,
    WeighTicket,
)
from settlement.quality.assess import AssessError, is_off_the_scale
from settlement.quality.rules import RuleSet, read_rules
from web import display, roles, words
from web.documents.contract import is_drawable
from web.forms.base import has_acted, remember
from web.forms.contract import ContractForm
from web.forms.quality import PREFIX
from web.middleware import VenueRequest
from web.reasons import sentence
from web.rule_words import line_words
from web.views.acts import ACTS, View, offered
from web.views.documents import EXHIBIT_READERS
from web.views.office import REFUSED
from web.views.todo import steps

S = ObligationState
_PAYMENT_ORDER: Final = (Kind.COMMIT, Kind.PAYMENT, Kind.FEE, Kind.PENALTY, Kind.RELEASE)
_PASSED: Final = (S.MATCHED, S.SECURED, S.SETTLED, S.CLOSED)
_ACCEPTED: Final = (
    S.MATCHED, S.SECURED, S.DELIVERING, S.DELIVERED, S.STATED, S.SETTLED, S.CLOSED,
)  # fmt: skip
_ASIDE: Final = {S.DISPUTED: S.DELIVERED, S.TOP_UP: S.STATED}
_FIELDS: Final = {
    "SCALE": "gross", "PICKUP_CODE": "code", "AMOUNT": "amount", "FILE_SIZE": "file",
    "NOT_A_CERTIFICATE": "file", "PHOTO_PIXELS": "file", "EVIDENCE_TWICE": "file",
    "REPLACE_DAYS": "days",
}  # fmt: skip
_MONEY: Final = frozenset({"INVOICE_AMOUNT", "INVOICE_VAT", "AMOUNT"})


@roles.only(roles.FIRM, roles.OPERATE, roles.HANDLE)
@require_GET
def contracts(request: VenueRequest) -> HttpResponse:
    """Show the firm's contracts; the venue's own people see all."""
    firm = request.seat.firm
    found = queries.contracts(firm)
    known = _standings({who for one in found for who in (one.buyer_id, one.seller_id)})
    rows = [
        {
            "contract": one,
            "buyer_standing": known.get(one.buyer_id, ""),
            "seller_standing": known.get(one.seller_id, ""),
            "number": words.contract_number(request.venue, one.trade_id),
            "is_buyer": firm is not None and one.buyer_id == firm.pk,
            "next": words.next_step(one),
        }
        for one in found
    ]
    return render(request, "office/contracts.html", {"rows": rows})


@roles.only(roles.FIRM, roles.OPERATE, roles.HANDLE)
@require_http_methods(["GET", "POST"])
def contract(request: VenueRequest, trade_id: int) -> HttpResponse:
    """Show one contract and what this seat may do to it; do it when a form is sent."""
    found = queries.contract(request.seat.firm, trade_id)
    if found is None:
        raise Http404
    view = View(found.obligation, request.seat, timezone.now())
    forms: dict[str, ContractForm] = {}
    status = 200
    if request.method == "POST":
        name = request.POST.get("act", "")
        act = ACTS.get(name)
        if act is None or not act.is_for(view):
            raise Http404
        form = act.make(view, request.POST, request.FILES) if name in offered(view) else None
        if form is None:
            messages.error(request, sentence("CONTRACT_STATE"))
            return redirect("contract", venue=request.venue.code, trade_id=trade_id)
        if form.is_valid() and (has_acted(request, form) or _run(request, view, name, form)):
            return redirect("contract", venue=request.venue.code, trade_id=trade_id)
        forms[name] = form
        status = REFUSED
    return render(
        request, "office/contract.html", _page(request, found, view, forms), status=status
    )


def _run(request: VenueRequest, view: View, name: str, form: ContractForm) -> bool:
    """Do it; False when it was refused, which the form then says."""
    try:
        ACTS[name].run(view, form)
    except ContractError as error:
        form.refuse(error.code, _FIELDS.get(error.code))
        if error.code in _MONEY and len(error.values) == 2:
            said, ours = (display.money(value) for value in error.values)
            form.add_error(None, _("填写 %(said)s，应为 %(ours)s。") % {"said": said, "ours": ours})
        return False
    except AssessError as error:
        form.refuse(error.code, PREFIX + error.attribute)
        return False
    remember(request, form)
    with BlockingLink(settings.ENGINE_LINK) as link:
        outbox.dispatch(link)
    refusal = ""
    if name == "pay":
        refusal = outbox.refusal_of(f"pay:{view.contract.trade_id}:{form.cleaned_data['op_id']}")
    if refusal:
        messages.error(request, sentence(refusal))
    else:
        messages.success(request, _("已办理。"))
    return True


def _page(
    request: VenueRequest, found: queries.Contract, view: View, forms: dict[str, ContractForm]
) -> dict[str, Any]:
    one = found.obligation
    firm = request.seat.firm
    parties = {one.buyer_id: one.buyer, one.seller_id: one.seller}
    own_fee = {one.buyer_id: one.buyer_fee_fen, one.seller_id: one.seller_fee_fen}
    prefix = request.venue.code.upper()
    paper = ContractPaper.objects.filter(obligation=one).defer("text").first()
    acts = []
    for name in offered(view):
        form = forms.get(name)
        if form is None:
            form = ACTS[name].make(view, initial={"op_id": uuid.uuid4()})
        form.auto_id = f"{name}_%s"
        acts.append(
            {
                "name": name,
                "title": _(ACTS[name].title),
                "button": _(ACTS[name].button),
                "form": form,
            }
        )
    known = _standings({one.buyer_id, one.seller_id})
    context = {
        "contract": one,
        "number": words.contract_number(request.venue, one.trade_id),
        "steps": _timeline(one),
        "undone_because": decisions.bust_reason(one.trade_id),
        # A firm sees its own fee and money; the venue's people see both sides.
        "fee_fen": own_fee[firm.pk] if firm else one.buyer_fee_fen + one.seller_fee_fen,
        "payments": [
            {
                "row": row,
                "payer": parties.get(row.from_firm_id),
                "payee": parties.get(row.to_firm_id),
            }
            for row in sorted(found.payments, key=lambda row: _PAYMENT_ORDER.index(row.kind))
            if firm is None or firm.pk in (row.from_firm_id, row.to_firm_id)
        ],
        "changes": [
            {
                "row": row,
                "number": f"{prefix}-R-{row.receipt_id:06d}",
                "other": f"{prefix}-R-{row.other_id:06d}" if row.other_id else "",
                "owner": parties.get(row.firm_id),
            }
            for row in found.changes
        ],
        "is_buyer": firm is not None and one.buyer_id == firm.pk,
        "paper": paper,
        "has_pdf": is_drawable(paper),
        "is_pending": not one.terms and one.state in (S.MATCHED, S.SECURED),
        "acts": acts,
        "waits": steps(one, view.now),
        "exhibits": _exhibits(one, view),
        "ratings": _ratings(one, view),
        "buyer_standing": known.get(one.buyer_id, ""),
        "seller_standing": known.get(one.seller_id, ""),
        "invoices": Invoice.objects.filter(obligation=one).order_by("pk"),
        "history": [
            {"row": row, "who": parties.get(row.firm_id), "said": row.detail.get("reason", "")}
            for row in one.events.select_related("by").order_by("pk")
        ],
    }
    return context | (_performance(one, view) if one.terms else {})


def _standings(firm_ids: set[int]) -> dict[int, str]:
    """Return what firms are rated at this venue, such as 4.7 (12)."""
    found = rating.standings(firm_ids, timezone.now())
    return {firm_id: display.standing(one.tenths, one.count) for firm_id, one in found.items()}


def _ratings(one: Obligation, view: View) -> list[dict[str, Any]]:
    """Return the ratings that this seat may see: its own, and all once they are shown."""
    if view.seat.role in roles.HANDLE:
        return []
    rows = rating.shown(one, view.now)
    if not rows and view.seat.firm is not None:
        own = rating.own(one, view.seat.firm)
        rows = [own] if own is not None else []
    return [
        {"row": row, "by": one.buyer if row.by_firm_id == one.buyer_id else one.seller}
        for row in rows
    ]


def _exhibits(one: Obligation, view: View) -> list[dict[str, Any]]:
    """Return the files of evidence, for all who may open them."""
    if view.seat.role not in EXHIBIT_READERS:
        return []
    names = {"buyer": words.own(one.buyer, "name"), "seller": words.own(one.seller, "name")}
    return [
        {"row": row, "who": names.get(row.side, ""), "name": exhibits.file_name(row)}
        for row in exhibits.of_contract(one)
    ]


def _performance(one: Obligation, view: View) -> dict[str, Any]:
    """Return what was paid, weighed, found and worked out so far."""
    order = DeliveryOrder.objects.filter(obligation=one).first()
    # The code lets who shows it load: the buyer's people have it, and nobody else.
    shows_code = view.side == "buyer"
    tickets = list(WeighTicket.objects.filter(obligation=one).order_by("number"))
    rules = read_rules(one.terms["quality"])
    context: dict[str, Any] = {
        "has_terms": True,
        "is_theoretical": rules.is_theoretical,
        "rules": one.terms.get("rules"),
        "weight_basis": words.weight_basis(one.terms["quality"]),
        "order": order,
        "pickup_code": order.code if order is not None and shows_code else "",
        "tickets": [_ticket(row, rules) for row in tickets],
        "inspections": Inspection.objects.filter(obligation=one).order_by("pk"),
        "due_fen": paying.due_fen(one, view.now)[0] if one.state in (S.MATCHED, S.TOP_UP) else 0,
        "dispute": Dispute.objects.filter(obligation=one).first(),
    }
    if tickets and one.state not in (S.BUYER_DEFAULT, S.SELLER_DEFAULT, S.TERMINATED):
        context |= _figures(one, worked_out(one))
    return context


def _ticket(row: WeighTicket, rules: RuleSet) -> dict[str, Any]:
    """Return a ticket, and of bars how their weight comes out and how far the scale stands off."""
    counted = row.theoretical_kg
    if counted is None:
        return {"row": row}
    kg_per_m = display.plain(rules.kg_per_m[row.diameter])
    return {
        "row": row,
        "how": f"Φ{row.diameter} · {kg_per_m} × {row.metres} × {row.pieces}",
        "deviation": display.signed(Fraction((row.scale_kg - counted) * 100, counted), places=2),
        "is_off": is_off_the_scale(rules, theoretical=counted, scale=row.scale_kg),
        "limit": display.plain(rules.deviation_pct) if rules.deviation_pct is not None else "",
    }


def _figures(one: Obligation, final: FinalFigures) -> dict[str, Any]:
    rules = read_rules(one.terms["quality"])
    parts = [
        {
            "tickets": "、".join(str(number) for number in part.tickets),
            "kg": part.kg,
            "certificate": part.certificate,
            "lines": [line_words(line, rules) for line in part.statement.lines]
            if part.statement
            else [],
            "price": display.money(part.statement.price) if part.statement else "",
            "weight_kg": part.statement.weight_kg if part.statement else part.kg,
            "value_fen": part.value_fen,
        }
        for part in final.parts
    ]
    shares, left_penalty_fen = None, 0
    if one.state in (S.STATED, S.TOP_UP):
        shares = settling.shares_of(one)
        left_penalty_fen = settling.left_penalty_fen(one)
    return {
        "final": final,
        "parts": parts,
        "shares": shares,
        "left_penalty_fen": left_penalty_fen,
    }


def _timeline(contract: Obligation) -> list[dict[str, Any]]:
    """Return the steps of an ordinary contract; one that ended otherwise shows where it ended."""
    states = _ACCEPTED if contract.terms else _PASSED
    reached_at: dict[str, dt.datetime] = {S.MATCHED: contract.opened_at}
    for row in contract.events.filter(kind__in=states).order_by("pk"):
        reached_at[row.kind] = row.at
    if contract.settled_at and contract.state in (S.SETTLED, S.CLOSED):
        reached_at.setdefault(S.SETTLED, contract.settled_at)
    if not contract.terms and contract.state in (S.SECURED, S.SETTLED, S.CLOSED):
        reached_at[S.SECURED] = contract.opened_at
    at = _ASIDE.get(S(contract.state), S(contract.state))
    reached = states.index(at) if at in states else -1
    done = [place <= reached or (reached < 0 and s in reached_at) for place, s in enumerate(states)]
    # A step that a replacement has undone has no time any more.
    steps = [
        {"state": state.value, "at": reached_at.get(state) if is_done else None, "is_done": is_done}
        for state, is_done in zip(states, done, strict=True)
    ]
    if contract.state not in states:
        place = len(steps) if reached < 0 else reached + 1
        last = contract.events.filter(kind=contract.state).order_by("-pk").first()
        moment = last.at if last is not None else contract.settled_at
        steps.insert(place, {"state": contract.state, "at": moment, "is_done": True})
    return steps
