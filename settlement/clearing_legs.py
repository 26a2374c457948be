"""What a batch asks of the bank: first all pay-ins, and when each is final, the pay-outs.

```
CLOSED ──▶ PAYING_IN ──nobody is short──▶ PAYING_OUT ──nobody is owed──▶ DONE
  │          └ a pay-in refused: the firm's latest contracts drop out, the rest is counted anew,
  ▼            and only the differences are asked for: the next revision
NOT_CARRIED
```

What a firm has in the clearing account is what it paid in and was not yet paid out. It is *short*
of its net while that is less, and *owed* the rest when it is more: the income of a seller and the
surplus of who paid in for something that dropped out later are one pay-out. Nets sum to zero, so
that the clearing account is empty once nobody is short or owed.

Everything is rows. `advance` is the only one that moves a batch, may die anywhere, and goes on from
what it finds; what became of a leg is what its operation says, and UNKNOWN is never an end.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from exchange import trading_days
from exchange.models import Firm, User, Venue
from exchange.scope import current_venue_id
from matching.units import Fen, FirmId
from settlement import clearing
from settlement.clearing import OPERATOR, ClearingError
from settlement.models import (
    AccountState,
    BatchState,
    BooksCheck,
    BoundAccount,
    LegDirection,
    NettingBatch,
    NettingLeg,
    NettingSettings,
    OperationState,
    PaymentOperation,
)
from settlement.models.netting import BATCH_NEXT, OPEN_BATCH
from settlement.payments import operations, rails, reconcile
from settlement.payments.operations import Place
from settlement.payments.ports import Answer, OperationKind

log = logging.getLogger(__name__)
_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_KINDS: Final = {
    LegDirection.IN: OperationKind.SWEEP_IN,
    LegDirection.OUT: OperationKind.SWEEP_OUT,
}


def advance(now: dt.datetime) -> int:
    """Take the current venue's open batch as far as it goes now; return how many steps it took.

    Steps are transactions of their own, and a rail that answers at once is asked between them. Not
    to be called inside a transaction unless the rail is immediate.
    """
    steps = 0
    while True:
        batch = NettingBatch.objects.filter(state__in=OPEN_BATCH).first()
        if batch is None:
            return steps
        _ask_at_once(batch, now)
        if not _step(batch.pk, now):
            return steps
        steps += 1


def _ask_at_once(batch: NettingBatch, now: dt.datetime) -> None:
    """Work on the legs of a rail that answers in its caller's transaction."""
    if not batch.rail or not rails.rail(batch.rail).capabilities().is_immediate:
        return
    waiting = NettingLeg.objects.filter(batch=batch, operation__state=OperationState.NEW)
    for pk in waiting.order_by("pk").values_list("operation_id", flat=True):
        operations.work(pk, rails.rail(batch.rail), now, _nothing)


def _nothing(row: PaymentOperation, answer: Answer) -> None:
    """The batch looks at its legs by itself."""


@transaction.atomic
def _step(pk: int, now: dt.datetime) -> bool:
    """Do the next thing about a batch; False if it has to wait."""
    batch = NettingBatch.objects.select_for_update(of=("self",)).get(pk=pk)
    if batch.state == BatchState.CLOSED:
        return _begin(batch, now)
    if batch.state == BatchState.PAYING_IN:
        return _collect(batch, now)
    if batch.state == BatchState.PAYING_OUT:
        return _distribute(batch, now)
    return False  # another worker has ended it


def _begin(batch: NettingBatch, now: dt.datetime) -> bool:
    """Choose the rail; whoever has no account there is not in this batch."""
    rail = rails.current()
    batch.rail = rail.name
    if not rail.capabilities().carries_legs:
        _move(batch, BatchState.NOT_CARRIED, now)
        return True
    if _books_are_broken():
        return _wait(batch, "BOOKS_BROKEN")
    places = _places(batch)
    absent = clearing.legs(batch).keys() - places.keys()
    if absent:
        clearing.drop_out(batch, _funding(batch), absent=absent)
    _move(batch, BatchState.PAYING_IN, now)
    return True


def _collect(batch: NettingBatch, now: dt.datetime) -> bool:
    """Ask for what firms are short of; when a pay-in came to nothing, count anew without it."""
    legs = asked(batch)
    if any(leg.operation.state not in operations.FINAL for leg in legs):
        return False
    paid = positions(legs)
    short = _short(batch, paid)
    if not short:
        _move(batch, BatchState.PAYING_OUT, now)
        return True
    places = _places(batch)
    failed = {
        leg.firm_id
        for leg in legs
        if leg.direction == LegDirection.IN and leg.operation.done_fen < leg.operation.amount_fen
    } | (short.keys() - places.keys())
    if failed & short.keys():
        # Who could not pay once is not asked again: what it has paid in so far is what it can.
        batch.revision += 1
        limits = _funding(batch) | {firm: paid.get(firm, 0) for firm in failed}
        clearing.drop_out(batch, limits)
        short = _short(batch, paid)
    for firm_id, fen in short.items():
        _ask(batch, firm_id, LegDirection.IN, fen, places[firm_id], now)
    batch.code = ""
    batch.save()
    return True


def _distribute(batch: NettingBatch, now: dt.datetime) -> bool:
    """Pay out what firms are owed; the batch is over when nobody is."""
    legs = asked(batch)
    if any(leg.operation.state not in operations.FINAL for leg in legs):
        return False
    owed = _owed(batch, positions(legs))
    if not owed:
        _move(batch, BatchState.DONE, now)
        return True
    tried = {leg.firm_id for leg in legs if leg.direction == LegDirection.OUT}
    if owed.keys() <= tried:
        return _wait(batch, "LEG_REFUSED")  # a clerk has to say where to
    if refusal := _stops(batch):
        return _wait(batch, refusal)
    places = _places(batch)
    ready = owed.keys() & places.keys() - tried
    for firm_id in sorted(ready):
        _ask(batch, firm_id, LegDirection.OUT, owed[firm_id], places[firm_id], now)
    if not ready:
        return _wait(batch, "NO_ACCOUNT")
    batch.code = ""
    batch.save()
    return True


@transaction.atomic
def again(number: int, firm_id: FirmId, *, by: User | None, now: dt.datetime) -> NettingLeg:
    """Ask anew for a pay-out that the bank has refused, to the firm's present account.

    Raises `ClearingError`: `UNKNOWN_BATCH`, `LEG_STATE` (it was not refused, or is asked already),
    `NO_ACCOUNT`, and what stops every pay-out: `BOOKS_BROKEN`, `BREAK_OPEN`.
    """
    batch = NettingBatch.objects.select_for_update(of=("self",)).filter(number=number).first()
    if batch is None:
        raise ClearingError("UNKNOWN_BATCH")
    mine = [leg for leg in asked(batch) if leg.firm_id == firm_id]
    outs = [leg for leg in mine if leg.direction == LegDirection.OUT]
    if (
        batch.state != BatchState.PAYING_OUT
        or not outs
        or outs[-1].operation.state != OperationState.REFUSED
    ):
        raise ClearingError("LEG_STATE")
    if refusal := _stops(batch):
        raise ClearingError(refusal)
    place = _places(batch).get(firm_id)
    if place is None:
        raise ClearingError("NO_ACCOUNT")
    batch.revision += 1
    batch.code = ""
    batch.save()
    fen = _owed(batch, positions(asked(batch)))[firm_id]
    return _ask(batch, firm_id, LegDirection.OUT, fen, place, now, by=by)


def _ask(
    batch: NettingBatch,
    firm_id: FirmId,
    direction: LegDirection,
    amount_fen: Fen,
    place: BoundAccount | Place,
    now: dt.datetime,
    *,
    by: User | None = None,
) -> NettingLeg:
    """Write a leg and its operation down.

    A firm is paid out once a batch, whatever the revision: the purpose says so to the database.
    """
    purpose = f"leg:{batch.number}:{firm_id}:{direction}"
    op_id = f"{purpose}:{batch.revision}"
    code = Firm.objects.values_list("code", flat=True).filter(pk=firm_id).first()
    row = operations.request(
        batch.rail,
        _KINDS[direction],
        amount_fen,
        op_id=op_id,
        purpose=op_id if direction == LegDirection.IN else purpose,
        party=code or "",
        account=place,
        now=now,
    )
    return NettingLeg.objects.create(
        venue_id=batch.venue_id,
        batch=batch,
        firm_id=firm_id,
        direction=direction,
        revision=batch.revision,
        operation=row,
        asked_by=by,
    )


def asked(batch: NettingBatch) -> list[NettingLeg]:
    """Return the legs that the bank was asked for, in order, each with its operation."""
    return list(batch.legs.select_related("operation", "asked_by").order_by("pk"))


def positions(legs: list[NettingLeg]) -> dict[FirmId, Fen]:
    """Return what each firm has in the clearing account: paid in, and not yet paid out, in fen."""
    found: defaultdict[FirmId, Fen] = defaultdict(int)
    for leg in legs:
        if leg.operation.state == OperationState.DONE:
            sign = 1 if leg.direction == LegDirection.IN else -1
            found[leg.firm_id] += sign * leg.operation.done_fen
    return dict(found)


def _short(batch: NettingBatch, paid: Mapping[FirmId, Fen]) -> dict[FirmId, Fen]:
    nets = clearing.legs(batch)
    return {firm: fen - paid.get(firm, 0) for firm, fen in nets.items() if fen > paid.get(firm, 0)}


def _owed(batch: NettingBatch, paid: Mapping[FirmId, Fen]) -> dict[FirmId, Fen]:
    nets = clearing.legs(batch)
    firms = sorted(nets.keys() | paid.keys())
    rest = {firm: paid.get(firm, 0) - nets.get(firm, 0) for firm in firms}
    return {firm: fen for firm, fen in rest.items() if fen > 0}


def _funding(batch: NettingBatch) -> dict[FirmId, Fen]:
    return {int(firm): fen for firm, fen in batch.funding.items()}


def _places(batch: NettingBatch) -> dict[FirmId, BoundAccount | Place]:
    """Return where each firm's money is at the bank, by firm, without who has no account there.

    The operator's own sub-account is the rail's to know; a rail that *is* the books needs none.
    """
    firms = clearing.legs(batch).keys() | {leg.firm_id for leg in asked(batch)}
    if rails.rail(batch.rail).capabilities().is_immediate:
        return dict.fromkeys(firms, Place())
    live = BoundAccount.objects.filter(rail=batch.rail, state=AccountState.BOUND)
    found: dict[FirmId, BoundAccount | Place] = {
        one.firm_id: one for one in live.exclude(funding="") if one.firm_id in firms
    }
    return found | {OPERATOR: Place()}


def _stops(batch: NettingBatch) -> str:
    """Say what keeps every pay-out waiting; "" if nothing does."""
    if _books_are_broken():
        return "BOOKS_BROKEN"
    return "BREAK_OPEN" if reconcile.is_frozen(batch.rail) else ""


def _books_are_broken() -> bool:
    check = BooksCheck.objects.filter(venue_id=current_venue_id()).first()
    return check is not None and bool(check.faults)


def _move(batch: NettingBatch, state: BatchState, now: dt.datetime) -> None:
    assert state in BATCH_NEXT[batch.state], (batch.state, state)
    batch.state = state
    batch.code = ""
    batch.ended_at = None if state in OPEN_BATCH else now
    batch.save()


def _wait(batch: NettingBatch, code: str) -> bool:
    if batch.code != code:
        batch.code = code
        batch.save(update_fields=["code"])
    return False


# The day's end.


@transaction.atomic
def cut_off(now: dt.datetime) -> NettingBatch | None:
    """Close the day's batch once the venue's cut-off has passed on a trading day; None if not now.

    A day is cut off once, whether or not there was something to net. While an earlier batch is not
    over it is tried again; a day that ends before that goes with the next one.
    """
    venue = Venue.objects.get(pk=current_venue_id())
    settings = NettingSettings.objects.select_for_update(of=("self",)).filter(venue=venue).first()
    local = now.astimezone(_SHANGHAI)
    day = local.date()
    if settings is None or settings.cut_off is None or local.time() < settings.cut_off:
        return None
    if settings.last_day is not None and settings.last_day >= day:
        return None
    if not venue.always_open and not trading_days.is_trading_day(day):
        return None
    batch = None
    try:
        batch = clearing.close(funding={}, by=None, now=now, day=day)
    except ClearingError as error:
        if error.code != "NOTHING_TO_NET":
            log.warning("cut-off of venue %s waits: %s", venue.code, error.code)
            return None
    settings.last_day = day
    settings.save(update_fields=["last_day"])
    return batch


@transaction.atomic
def configure(cut_off: dt.time | None, *, by: User | None, now: dt.datetime) -> None:
    """Say when the day is cut off, on Shanghai's clock; None for never.

    A time that has passed today means tomorrow for the first time.
    """
    local = now.astimezone(_SHANGHAI)
    row, _ = NettingSettings.objects.get_or_create(
        venue_id=current_venue_id(), defaults={"changed_at": now}
    )
    row.cut_off = cut_off
    row.changed_by = by
    row.changed_at = now
    if cut_off is not None and local.time() >= cut_off:
        row.last_day = local.date()
    row.save()


def settings_of_venue() -> NettingSettings | None:
    """Return the current venue's."""
    return NettingSettings.objects.filter(venue_id=current_venue_id()).first()
