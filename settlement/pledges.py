"""Pledges of receipts (民法典 art. 441, RULEBOOK C22): registered, and released, by two people.

The keeper enters a pledge with its pledgee, the amount it secures, its document, and the
declaration that the pile is pledged nowhere else; the market's operator confirms it. It is
released on the pledgee's written consent, which the keeper enters and the operator confirms.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import User, Venue
from matching.units import Fen, Lots, ReceiptId
from settlement import set_aside
from settlement.limits import FUNDS_MOST_FEN
from settlement.models import HoldKind, HoldState, Receipt, ReceiptHold, ReceiptState
from settlement.set_aside import HoldError


@transaction.atomic
def enter(
    *,
    venue: Venue,
    receipt_id: ReceiptId,
    pledgee: str,
    secured_fen: Fen,
    document: str,
    is_unpledged: bool,
    lots: Lots,
    op_id: str,
    by: User,
    now: dt.datetime,
) -> ReceiptHold:
    """Enter a pledge of lots of a receipt (0: all that is free) for the operator to confirm.

    Raises `HoldError`: `PLEDGED_ELSEWHERE` without the declaration, `RECEIPT_FROZEN` over a
    freeze, `RECEIPT_ASIDE` over another pledge or expired goods, `UNKNOWN_RECEIPT`,
    `RECEIPT_MOVING`, `REQUIRED`, `AMOUNT`, `NOTHING_FREE`, `LIMIT`, `OP_ID_REUSED`.
    """
    known = ReceiptHold.objects.filter(op_id=set_aside.PREFIX + op_id).first()
    if known is not None:
        asked = (HoldKind.PLEDGE, pledgee.strip(), secured_fen, document.strip())
        if (known.kind, known.pledgee, known.secured_fen, known.document) != asked:
            raise HoldError("OP_ID_REUSED")
        return known
    if not is_unpledged:
        raise HoldError("PLEDGED_ELSEWHERE")
    if not pledgee.strip() or not document.strip():
        raise HoldError("REQUIRED")
    receipt = set_aside.locked(receipt_id)
    if not 0 < secured_fen <= FUNDS_MOST_FEN or not 0 <= lots <= receipt.lots:
        raise HoldError("AMOUNT")
    _check_free(receipt)
    set_aside.check_room(receipt)
    taken = lots or set_aside.free_lots(receipt)
    if not taken:
        raise HoldError("NOTHING_FREE")
    return ReceiptHold.objects.create(
        venue=venue,
        kind=HoldKind.PLEDGE,
        receipt=receipt,
        firm_id=receipt.owner_id,
        lots=taken,
        document=document.strip(),
        pledgee=pledgee.strip(),
        secured_fen=secured_fen,
        state=HoldState.ENTERED,
        op_id=set_aside.PREFIX + op_id,
        asked_by=by,
        asked_at=now,
    )


@transaction.atomic
def confirm(hold_id: int, *, agreed: bool, by: User, now: dt.datetime) -> ReceiptHold:
    """The operator confirms an entered pledge, and the goods are set aside; or declines it.

    Raises `HoldError`: `UNKNOWN_PLEDGE`, `PLEDGE_STATE`, `SAME_PERSON`, and what has come to
    stand against the pledge since: `OWNER_CHANGED`, `RECEIPT_FROZEN`, `RECEIPT_ASIDE`,
    `RECEIPT_MOVING`, `UNKNOWN_RECEIPT`.
    """
    hold = set_aside.locked_hold(hold_id, HoldKind.PLEDGE)
    if hold.state != HoldState.ENTERED:
        raise HoldError("PLEDGE_STATE")
    if hold.asked_by_id == by.pk:
        raise HoldError("SAME_PERSON")
    if agreed:
        _check_free(set_aside.check_owner(hold))
    return set_aside.answered(hold, agreed=agreed, by=by, now=now)


@transaction.atomic
def consent(hold_id: int, *, document: str, by: User, now: dt.datetime) -> ReceiptHold:
    """The keeper enters the pledgee's written consent to the release; entered anew it is replaced.

    Raises `HoldError`: `UNKNOWN_PLEDGE`, `PLEDGE_STATE`, `REQUIRED`.
    """
    hold = set_aside.locked_hold(hold_id, HoldKind.PLEDGE)
    if hold.state != HoldState.HELD:
        raise HoldError("PLEDGE_STATE")
    if not document.strip():
        raise HoldError("REQUIRED")
    hold.consent_by, hold.consent_at, hold.lift_document = by, now, document.strip()
    hold.save()
    return hold


@transaction.atomic
def release(hold_id: int, *, by: User, now: dt.datetime) -> ReceiptHold:
    """The operator confirms the consent: the pledge ends, and the goods are free again.

    They stay set aside while they are frozen or expired. Raises `HoldError`: `UNKNOWN_PLEDGE`,
    `PLEDGE_STATE`, `NO_CONSENT`, `SAME_PERSON`.
    """
    hold = set_aside.locked_hold(hold_id, HoldKind.PLEDGE)
    if hold.state != HoldState.HELD:
        raise HoldError("PLEDGE_STATE")
    if hold.consent_by_id is None:
        raise HoldError("NO_CONSENT")
    if hold.consent_by_id == by.pk:
        raise HoldError("SAME_PERSON")
    hold.lifted_by, hold.lifted_at = by, now
    set_aside.end(hold, set_aside.locked(hold.receipt_id))
    hold.save()
    return hold


def _check_free(receipt: Receipt) -> None:
    """Raise unless the receipt's goods are the market's, frozen by nobody and not in motion."""
    if set_aside.live(receipt, HoldKind.FREEZE).exists():
        raise HoldError("RECEIPT_FROZEN")
    if receipt.state == ReceiptState.ASIDE:
        raise HoldError("RECEIPT_ASIDE")
    if set_aside.is_moving(receipt):
        raise HoldError("RECEIPT_MOVING")
