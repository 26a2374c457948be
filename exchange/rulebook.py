"""What the operator decides: who is admitted, what is listed, in which mode, and what stands still.

Each decision is validated here, written as a row, and sent to the engine, which has the last
word; a command that was lost on the way is sent again by the same call, because the engine
answers `SAME` to what it already knows.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.db import transaction

from exchange import bands, reference
from exchange.link import BlockingLink
from exchange.models import (
    DECISION_OPEN,
    Approval,
    Commodity,
    Decision,
    DecisionKind,
    DecisionState,
    Delivery,
    Firm,
    Instrument,
    InstrumentStatus,
    Membership,
    ResaleRule,
    TradingMode,
    User,
    Venue,
    Warehouse,
)
from matching.commands import (
    DefineFirm,
    DefineInstrument,
    FirmStatus,
    HaltScope,
    KillSwitch,
    Mode,
    ResaleLock,
    SetFirmLimits,
    SetFirmStatus,
    SetHalt,
)
from matching.events import AnyEvent, CommandRejected, RejectReason
from matching.units import MAX_INT

MODES: Final = {TradingMode.LISTED: Mode.LISTED, TradingMode.MATCHED: Mode.MATCHED}
LOCKS: Final = {
    ResaleRule.PRODUCT: ResaleLock.PRODUCT_T5_SYMMETRIC,
    ResaleRule.RECEIPT: ResaleLock.RECEIPT_T5,
}
CALL_SECONDS_MOST: Final = 86_400
CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{0,19}")
"""An instrument's code: upper case, as it stands in addresses and on the wall board."""
UNITS: Final = ("t", "coil", "batch", "carton")


class RuleError(Exception):
    """A decision breaks a rule: `code` says which, `field` where, `values` what was compared."""

    def __init__(self, code: str, field: str = "", values: tuple[int, ...] = ()) -> None:
        super().__init__(f"{code} {field} {values}")
        self.code = code
        self.field = field
        self.values = values


@dataclass(frozen=True, slots=True)
class InstrumentTerms:
    """What an operator fills in to list an instrument. Units as the names say; prices in ticks."""

    commodity: Commodity
    warehouse: Warehouse
    code: str
    name_zh: str
    name_en: str
    grade_zh: str
    grade_en: str
    basis: str
    unit: str
    mode: str
    tick_fen_per_t: int
    lot_kg: int
    min_lots: int
    step_lots: int
    max_lots: int
    max_value_fen: int
    reference_ticks: int
    band_bp: int
    buyer_fee_bp: int
    seller_fee_bp: int
    plus_tolerance_bp: int = 0
    piece_min_kg: int = 0
    piece_max_kg: int = 0
    approval: Approval | None = None
    cover_bp: int = 10_000
    delivery: str = Delivery.RECEIPT
    dynamic_bp: int = 0
    call_seconds: int = 0
    max_day_lots: int = 0
    resale_rule: str = ResaleRule.PRODUCT


def suggested_terms(
    commodity: Commodity, warehouse: Warehouse, mode: str, approval: Approval | None = None
) -> InstrumentTerms:
    """Return the terms that the fixture gives a commodity, for the form and for the demo."""
    row = commodity.parameters
    quantity = row["quantity"]
    defaults = reference.fixture()["defaults"]
    name, _, grade = commodity.name_zh.partition(" ")
    piece = quantity.get("piece_mass", {})
    return InstrumentTerms(
        commodity=commodity,
        warehouse=warehouse,
        code=f"{commodity.code}-{warehouse.code.partition('-')[0]}",
        name_zh=commodity.name_zh,
        name_en=commodity.name_en,
        grade_zh=grade or f"{name}基准品",
        grade_en=grade if grade.isascii() and grade else "base grade",
        basis=row["quote"]["basis"],
        unit=quantity["unit"],
        mode=mode,
        tick_fen_per_t=yuan_to_fen(row["quote"]["tick"]),
        lot_kg=quantity["lot_kg"],
        min_lots=reference.lots(quantity, quantity["min"]),
        step_lots=reference.lots(quantity, quantity["step"]),
        max_lots=reference.lots(quantity, quantity["max_order"]),
        max_value_fen=yuan_to_fen(row["risk"]["max_order_value"]),
        reference_ticks=row["reference_price"]["demo_last"] // row["quote"]["tick"],
        band_bp=percent_to_bp(row["risk"]["price_limit_pct"]),
        buyer_fee_bp=defaults["trading_fee_bp"]["buyer"],
        seller_fee_bp=defaults["trading_fee_bp"]["seller"],
        plus_tolerance_bp=percent_to_bp(row["weight_basis"]["tolerance_pct"]["plus"]),
        piece_min_kg=piece.get("min_kg", 0),
        piece_max_kg=piece.get("max_kg", 0),
        approval=approval,
    )


def yuan_to_fen(text: Any) -> int:
    """Return an amount in yuan as fen; raises `RuleError` for fractions of a fen."""
    return _scaled(text, 100)


def percent_to_bp(text: Any) -> int:
    """Return a percentage as basis points; raises `RuleError` for fractions of one."""
    return _scaled(text, 100)


def _scaled(text: Any, factor: int) -> int:
    try:
        exact = Decimal(str(text)) * factor
    except InvalidOperation as error:
        raise RuleError("NUMBER") from error
    if exact != exact.to_integral_value() or not 0 <= exact <= MAX_INT:
        raise RuleError("NUMBER")
    return int(exact)


# Instruments.


def check_terms(terms: InstrumentTerms, venue: Venue, today: dt.date) -> None:
    """Raise `RuleError` for the first rule that the terms break, naming the field."""
    positive = (
        "tick_fen_per_t",
        "lot_kg",
        "min_lots",
        "step_lots",
        "max_lots",
        "max_value_fen",
        "reference_ticks",
        "band_bp",
    )
    for field in positive:
        if not 0 < getattr(terms, field) <= MAX_INT:
            raise RuleError("NUMBER", field, (getattr(terms, field),))
    for field in ("buyer_fee_bp", "seller_fee_bp", "plus_tolerance_bp"):
        if not 0 <= getattr(terms, field) <= 1_000 + 9_000 * (field == "plus_tolerance_bp"):
            raise RuleError("NUMBER", field, (getattr(terms, field),))
    if not 1 <= terms.cover_bp <= 10_000:
        raise RuleError("NUMBER", "cover_bp", (terms.cover_bp,))
    if terms.delivery not in Delivery.values:
        raise RuleError("CHOICE", "delivery")
    if terms.cover_bp < 10_000 and terms.delivery == Delivery.RECEIPT:
        raise RuleError("DEPOSIT_NEEDS_ACCEPTANCE", "cover_bp")  # a receipt passes fully paid only
    if terms.resale_rule not in ResaleRule.values:
        raise RuleError("CHOICE", "resale_rule")
    if not 0 <= terms.dynamic_bp <= 10_000:
        raise RuleError("NUMBER", "dynamic_bp", (terms.dynamic_bp,))
    if terms.dynamic_bp and terms.mode != TradingMode.MATCHED:
        raise RuleError("VOLATILITY_MODE", "dynamic_bp")
    if not (1 if terms.dynamic_bp else 0) <= terms.call_seconds <= CALL_SECONDS_MOST:
        raise RuleError("CALL_SECONDS", "call_seconds", (terms.call_seconds,))
    if not 0 <= terms.max_day_lots <= MAX_INT:
        raise RuleError("NUMBER", "max_day_lots", (terms.max_day_lots,))
    if 0 < terms.max_day_lots < terms.min_lots:
        raise RuleError(
            RejectReason.BELOW_MINIMUM, "max_day_lots", (terms.max_day_lots, terms.min_lots)
        )
    if terms.band_bp >= 10_000:
        raise RuleError("NUMBER", "band_bp", (terms.band_bp,))
    if terms.tick_fen_per_t * terms.lot_kg % 1000:
        raise RuleError(
            RejectReason.FRACTION_OF_FEN, "tick_fen_per_t", (terms.tick_fen_per_t, terms.lot_kg)
        )
    if terms.min_lots % terms.step_lots:
        raise RuleError(RejectReason.QUANTITY_STEP, "min_lots", (terms.min_lots, terms.step_lots))
    if terms.max_lots < terms.min_lots:
        raise RuleError(RejectReason.BELOW_MINIMUM, "max_lots", (terms.max_lots, terms.min_lots))
    if terms.unit not in UNITS:
        raise RuleError("CHOICE", "unit")
    if terms.basis not in reference.fixture()["pricing_bases"]:
        raise RuleError("CHOICE", "basis")
    if terms.mode not in MODES:
        raise RuleError("CHOICE", "mode")
    if terms.commodity.category not in terms.warehouse.categories:
        raise RuleError("WAREHOUSE_CATEGORY", "warehouse")
    if terms.mode == TradingMode.MATCHED:
        check_approval(terms.approval, venue, terms.commodity, today)
    if not CODE.fullmatch(terms.code):
        raise RuleError(RejectReason.INVALID, "code")
    for field, most in (("name_zh", 60), ("name_en", 80), ("grade_zh", 60), ("grade_en", 80)):
        text = getattr(terms, field)
        if not text.strip():
            raise RuleError("REQUIRED", field)
        if len(text) > most:
            raise RuleError(RejectReason.INVALID, field, (len(text), most))
    if Instrument.objects.filter(code=terms.code).exists():
        raise RuleError("CODE_TAKEN", "code")


def check_approval(
    approval: Approval | None, venue: Venue, commodity: Commodity, today: dt.date
) -> None:
    """Raise `RuleError` unless a valid approval, activated by a second person, covers this.

    Two-sided matching of standard goods is restricted in China (电子商务法 art. 46).
    """
    if (
        approval is None
        or approval.venue_id != venue.id
        or approval.activated_by_id is None
        or not approval.valid_from <= today <= approval.valid_to
        or commodity.code not in approval.scope
    ):
        raise RuleError(RejectReason.APPROVAL_REQUIRED, "approval")


def propose_instrument(
    *,
    venue: Venue,
    operator: User | None,
    link: BlockingLink,
    terms: InstrumentTerms,
    today: dt.date,
) -> Instrument:
    """List an instrument: validate, write the row, tell the engine. The scheduler opens it.

    Raises `RuleError`; `LinkError` when the engine does not answer, in which case the row stays
    PROPOSED and `announce` sends it again.
    """
    check_terms(terms, venue, today)
    with transaction.atomic():
        instrument = Instrument.objects.create(
            venue=venue,
            code=terms.code,
            commodity=terms.commodity,
            warehouse=terms.warehouse,
            name_zh=terms.name_zh,
            name_en=terms.name_en,
            grade_zh=terms.grade_zh,
            grade_en=terms.grade_en,
            basis=terms.basis,
            unit=terms.unit,
            mode=terms.mode,
            approval=terms.approval if terms.mode == TradingMode.MATCHED else None,
            tick_fen_per_t=terms.tick_fen_per_t,
            lot_kg=terms.lot_kg,
            piece_min_kg=terms.piece_min_kg,
            piece_max_kg=terms.piece_max_kg,
            min_lots=terms.min_lots,
            step_lots=terms.step_lots,
            max_lots=terms.max_lots,
            max_value_fen=terms.max_value_fen,
            reference_ticks=terms.reference_ticks,
            band_bp=terms.band_bp,
            plus_tolerance_bp=terms.plus_tolerance_bp,
            cover_bp=terms.cover_bp,
            delivery=terms.delivery,
            dynamic_bp=terms.dynamic_bp,
            call_seconds=terms.call_seconds,
            max_day_lots=terms.max_day_lots,
            resale_rule=terms.resale_rule,
            buyer_fee_bp=terms.buyer_fee_bp,
            seller_fee_bp=terms.seller_fee_bp,
            vat_pct=terms.commodity.vat_pct,
            listed_by=operator,
        )
    announce(instrument, link)
    return instrument


def announce(instrument: Instrument, link: BlockingLink) -> None:
    """Tell the engine about a PROPOSED instrument; what it refuses is marked with the reason."""
    low, high = bands.band(instrument.reference_ticks, instrument.band_bp)
    refused = _refusal(
        link,
        instrument.venue_id,
        DefineInstrument(
            instrument.pk,
            MODES[TradingMode(instrument.mode)],
            instrument.tick_fen_per_t,
            instrument.lot_kg,
            instrument.min_lots,
            instrument.step_lots,
            instrument.max_lots,
            instrument.max_value_fen,
            instrument.reference_ticks,
            low,
            high,
            instrument.cover_bp,
            instrument.plus_tolerance_bp,
            instrument.buyer_fee_bp,
            instrument.seller_fee_bp,
            instrument.piece_min_kg,
            instrument.piece_max_kg,
            instrument.approval_id or 0,
            instrument.commodity_id,
            LOCKS[ResaleRule(instrument.resale_rule)],
            instrument.dynamic_bp,
            instrument.call_seconds,
            instrument.max_day_lots,
        ),
    )
    if refused is not None:
        Instrument.objects.filter(pk=instrument.pk, status=InstrumentStatus.PROPOSED).update(
            status=InstrumentStatus.REFUSED, refusal=refused.reason
        )
        raise RuleError(refused.reason, "", refused.values)


def halt_instrument(
    *, operator: User, link: BlockingLink, instrument: Instrument, reason: str
) -> None:
    """Suspend an instrument; resting orders stay and can be cancelled. Two people resume it."""
    _halt(link, instrument.venue_id, HaltScope.INSTRUMENT, instrument.pk, operator, reason)


def halt_venue(*, venue: Venue, operator: User, link: BlockingLink, reason: str) -> None:
    """Halt the whole venue. Two people resume it (`decisions.ask_resume`)."""
    _halt(link, venue.id, HaltScope.VENUE, 0, operator, reason)


def _halt(
    link: BlockingLink,
    venue_id: int,
    scope: HaltScope,
    target_id: int,
    operator: User,
    reason: str,
) -> None:
    if not reason.strip():
        raise RuleError("REQUIRED", "reason")
    _void(DecisionKind.RESUME, f"instrument:{target_id}" if target_id else "venue")
    command = SetHalt(scope, target_id, True, operator.pk, reason.strip())
    refused = _refusal(link, venue_id, command)
    if refused is not None:
        raise RuleError(refused.reason, "", refused.values)


def _void(kind: DecisionKind, target: str) -> None:
    """End what was asked, or agreed and not answered, before: it was not about this stop."""
    waiting = Decision.objects.filter(kind=kind, target=target, state__in=DECISION_OPEN)
    waiting.update(state=DecisionState.EXPIRED)


# Firms.


def admit_firm(*, venue: Venue, firm: Firm, link: BlockingLink) -> None:
    """Tell the engine about a member firm; repeatable."""
    refused = _refusal(link, venue.id, DefineFirm(firm.pk, firm.group))
    if refused is not None:
        raise RuleError(refused.reason, "firm", refused.values)


def set_firm_status(*, membership: Membership, link: BlockingLink, active: bool) -> None:
    """Suspend a member firm at its venue, or make it active again. Its cancels stay allowed.

    The row follows when the projection has read the engine's answer.
    """
    status = FirmStatus.ACTIVE if active else FirmStatus.SUSPENDED
    refused = _refusal(link, membership.venue_id, SetFirmStatus(membership.firm_id, status))
    if refused is not None:
        raise RuleError(refused.reason, "firm", refused.values)


def ban(
    *, membership: Membership, link: BlockingLink, trader_id: int, operator: User, reason: str
) -> None:
    """Forbid a firm, or one trader of it (0: all), every order, and cancel what they have.

    The kill switch: it acts within the block, and the row follows when the projection has read
    the engine's answer. Two people lift it (`decisions.ask_lift`).
    """
    if not reason.strip():
        raise RuleError("REQUIRED", "reason")
    _void(DecisionKind.LIFT, f"trader:{membership.firm_id}:{trader_id}")
    command = KillSwitch(membership.firm_id, trader_id, True, operator.pk, reason.strip())
    refused = _refusal(link, membership.venue_id, command)
    if refused is not None:
        raise RuleError(refused.reason, "", refused.values)


def check_limits(orders_per_s: int, burst: int) -> None:
    """Raise `RuleError` unless both are given, or both 0."""
    if (orders_per_s > 0) != (burst > 0):
        raise RuleError("RATE_AND_BURST", "burst", (orders_per_s, burst))


def is_tighter(membership: Membership, terms: dict[str, int]) -> bool:
    """Whether `terms` only lower what a firm may enter, which one person may decide."""
    for name in ("orders_per_s", "burst", "day_value_fen"):
        now, wanted = getattr(membership, name), terms[name]
        if wanted != now and (not wanted or (now and wanted > now)):
            return False
    return terms["self_match"] == membership.self_match


def tighten(*, membership: Membership, link: BlockingLink, terms: dict[str, int]) -> None:
    """Lower what a firm may enter a second and a day; value in fen, 0 unbounded.

    Raises `RuleError`: `RATE_AND_BURST`, `TWO_PERSONS` if anything is wider than before. The
    firm's bucket begins full.
    """
    check_limits(terms["orders_per_s"], terms["burst"])
    if not is_tighter(membership, terms):
        raise RuleError("TWO_PERSONS")
    bounds = (terms["orders_per_s"], terms["burst"], terms["day_value_fen"])
    refused = _refusal(link, membership.venue_id, SetFirmLimits(membership.firm_id, *bounds))
    if refused is not None:
        raise RuleError(refused.reason, "", refused.values)


# Approvals.


def record_approval(
    *,
    venue: Venue,
    operator: User,
    number: str,
    authority: str,
    opinion: str,
    scope: list[str],
    valid_from: dt.date,
    valid_to: dt.date,
    is_demo: bool = False,
) -> Approval:
    """Record who approved two-sided matching, for which commodities and how long."""
    for field, text in (("number", number), ("authority", authority), ("opinion", opinion)):
        if not text.strip():
            raise RuleError("REQUIRED", field)
    if not scope:
        raise RuleError("REQUIRED", "scope")
    if valid_to < valid_from:
        raise RuleError("DATES", "valid_to")
    if Approval.objects.filter(number=number.strip()).exists():
        raise RuleError("CODE_TAKEN", "number")
    return Approval.objects.create(
        venue=venue,
        number=number.strip(),
        authority=authority.strip(),
        opinion=opinion.strip(),
        scope=scope,
        valid_from=valid_from,
        valid_to=valid_to,
        made_by=operator,
        is_demo=is_demo,
    )


def activate_approval(*, approval: Approval, reviewer: User) -> None:
    """Activate a recorded approval; the second of two people does."""
    if approval.made_by_id == reviewer.pk:
        raise RuleError("SAME_PERSON", "reviewer")
    moved = Approval.objects.filter(pk=approval.pk, activated_by__isnull=True).update(
        activated_by=reviewer
    )
    if not moved:
        raise RuleError(RejectReason.SAME, "approval")


def _refusal(link: BlockingLink, venue_id: int, command: Any) -> CommandRejected | None:
    """Return why the engine refused, or None; `SAME` means that it had been told before."""
    first: AnyEvent = link.submit(venue_id, command).events[0]
    if isinstance(first, CommandRejected) and first.reason != RejectReason.SAME:
        return first
    return None
