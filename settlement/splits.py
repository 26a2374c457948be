"""A receipt split at its owner's wish (RULEBOOK C4): whole physical units, the keeper's consent.

A part is a number of the instrument's steps (bundles, pallets, wagons: what the goods are counted
in), no smaller than its least quantity, and so is what is left. A single piece has no parts.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import Firm, User, Venue
from matching.units import Lots, ReceiptId
from settlement import endorsements, set_aside
from settlement.models import HoldKind, HoldState, Receipt, ReceiptHold, ReceiptState
from settlement.set_aside import HoldError


@transaction.atomic
def ask(
    *,
    venue: Venue,
    firm: Firm,
    receipt_id: ReceiptId,
    lots: Lots,
    op_id: str,
    by: User,
    now: dt.datetime,
) -> ReceiptHold:
    """Ask the keeper to split `lots` off a firm's receipt; a repeat returns the first request.

    Raises `HoldError`: `UNKNOWN_RECEIPT` alike for another's, `RECEIPT_ASIDE`, `RECEIPT_MOVING`,
    `NOT_SIGNED`, `SPLIT_OPEN`, `INDIVISIBLE`, `BELOW_MINIMUM`, `QUANTITY_STEP`, `SPLIT_REST`,
    `SPLIT_FREE`, `OP_ID_REUSED`.
    """
    known = ReceiptHold.objects.filter(op_id=set_aside.PREFIX + op_id).first()
    if known is not None:
        if (known.kind, known.firm_id, known.lots) != (HoldKind.SPLIT, firm.pk, lots):
            raise HoldError("OP_ID_REUSED")
        return known
    receipt = set_aside.locked(receipt_id)
    if receipt.owner_id != firm.pk:
        raise HoldError("UNKNOWN_RECEIPT")
    _check(receipt, lots)
    if set_aside.live(receipt, HoldKind.SPLIT).exists():
        raise HoldError("SPLIT_OPEN")
    return ReceiptHold.objects.create(
        venue=venue,
        kind=HoldKind.SPLIT,
        receipt=receipt,
        firm=firm,
        lots=lots,
        state=HoldState.ENTERED,
        op_id=set_aside.PREFIX + op_id,
        asked_by=by,
        asked_at=now,
    )


@transaction.atomic
def answer(hold_id: int, *, agreed: bool, by: User, now: dt.datetime) -> ReceiptHold:
    """The keeper consents, and the part gets its own number; or declines.

    Raises `HoldError`: `UNKNOWN_SPLIT`, `SPLIT_STATE`, `OWNER_CHANGED`, and what has come to
    stand against it since, as in `ask`. Fewer free lots are the engine's refusal.
    """
    hold = set_aside.locked_hold(hold_id, HoldKind.SPLIT)
    if hold.state != HoldState.ENTERED:
        raise HoldError("SPLIT_STATE")
    if agreed:
        _check(set_aside.check_owner(hold), hold.lots)
    return set_aside.answered(hold, agreed=agreed, by=by, now=now)


def waiting(*, most: int = 100) -> list[ReceiptHold]:
    """Return the venue's requests that no keeper has answered, oldest first."""
    rows = ReceiptHold.objects.select_related(
        "receipt__instrument", "receipt__warehouse", "receipt__venue", "firm"
    )
    return list(
        rows.filter(kind=HoldKind.SPLIT, state=HoldState.ENTERED).order_by("asked_at", "pk")[:most]
    )


def _check(receipt: Receipt, lots: Lots) -> None:
    instrument = receipt.instrument
    if receipt.state == ReceiptState.ASIDE:
        raise HoldError("RECEIPT_ASIDE")
    if set_aside.is_moving(receipt):
        raise HoldError("RECEIPT_MOVING")
    if endorsements.is_unsigned(receipt):
        raise HoldError("NOT_SIGNED")
    if instrument.piece_max_kg:
        raise HoldError("INDIVISIBLE")
    if lots < instrument.min_lots:
        raise HoldError("BELOW_MINIMUM")
    if lots % instrument.step_lots:
        raise HoldError("QUANTITY_STEP")
    if receipt.lots - lots < instrument.min_lots:
        raise HoldError("SPLIT_REST")
    if lots > set_aside.free_lots(receipt):
        raise HoldError("SPLIT_FREE")
