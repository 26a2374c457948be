"""Frozen goods: by reason and document, all or some lots of a receipt; another person lifts.

Reasons are a court's, a dispute, a block for quality, a receipt that may be false (RULEBOOK 4.3).
A freeze goes over its owner's offers: those of the goods are withdrawn, so that nobody buys them.
What a contract holds is its buyer's to come; it cannot be frozen before the contract lets it go.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import User, Venue
from matching.units import Lots, ReceiptId
from settlement import set_aside
from settlement.models import HoldKind, HoldReason, HoldState, ReceiptHold, ReceiptState
from settlement.set_aside import HoldError


@transaction.atomic
def freeze(
    *,
    venue: Venue,
    receipt_id: ReceiptId,
    reason: str,
    document: str,
    lots: Lots,
    op_id: str,
    by: User,
    now: dt.datetime,
) -> ReceiptHold:
    """Freeze lots of a receipt; 0 is all that no contract holds. A repeat returns the first freeze.

    Free lots go first; for more, offers of the goods are withdrawn, newest first. Goods that are
    set aside already (pledged, expired) are frozen as well, whole, at once: they come back when
    the last hold ends. Fewer lots outside contracts than asked for are the engine's refusal: the
    freeze ends REFUSED, and no offer is withdrawn. Raises `HoldError`: `UNKNOWN_RECEIPT`,
    `RECEIPT_MOVING`, `AMOUNT`, `NOTHING_FREE`, `REQUIRED`, `LIMIT`, `OP_ID_REUSED`.
    """
    known = ReceiptHold.objects.filter(op_id=set_aside.PREFIX + op_id).first()
    if known is not None:
        if (known.kind, known.reason, known.document) != (HoldKind.FREEZE, reason, document):
            raise HoldError("OP_ID_REUSED")
        return known
    if reason not in HoldReason.values or not document.strip():
        raise HoldError("REQUIRED")
    receipt = set_aside.locked(receipt_id)
    if set_aside.is_moving(receipt):
        raise HoldError("RECEIPT_MOVING")
    set_aside.check_room(receipt)
    is_aside = receipt.state == ReceiptState.ASIDE
    if not 0 <= lots <= receipt.lots or (is_aside and lots not in (0, receipt.lots)):
        raise HoldError("AMOUNT")
    taken = receipt.lots if is_aside else lots or set_aside.unbound_lots(receipt)
    if not taken:
        raise HoldError("NOTHING_FREE")
    hold = ReceiptHold.objects.create(
        venue=venue,
        kind=HoldKind.FREEZE,
        receipt=receipt,
        firm_id=receipt.owner_id,
        lots=taken,
        reason=reason,
        document=document.strip(),
        state=HoldState.HELD if is_aside else HoldState.ASKED,
        op_id=set_aside.PREFIX + op_id,
        asked_by=by,
        asked_at=now,
    )
    if not is_aside:
        set_aside.withhold(hold, lots)
    return hold


@transaction.atomic
def lift(hold_id: int, *, document: str, by: User, now: dt.datetime) -> ReceiptHold:
    """End a freeze on a document.

    Raises `HoldError`: `UNKNOWN_FREEZE`, `FREEZE_STATE`, `SAME_PERSON`, `REQUIRED`.
    """
    hold = set_aside.locked_hold(hold_id, HoldKind.FREEZE)
    if hold.state != HoldState.HELD:
        raise HoldError("FREEZE_STATE")
    if hold.asked_by_id == by.pk:
        raise HoldError("SAME_PERSON")
    if not document.strip():
        raise HoldError("REQUIRED")
    hold.lifted_by, hold.lifted_at, hold.lift_document = by, now, document.strip()
    set_aside.end(hold, set_aside.locked(hold.receipt_id))
    hold.save()
    return hold
