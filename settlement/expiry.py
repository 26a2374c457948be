"""Goods whose storage period or shelf life is over are no longer offered; the keeper may extend.

A sweep sets them aside and so withdraws the offers of them. What contracts hold is delivered by
their own rules; what one of them gives back is the next sweep's. A restart loses nothing: the day
is in the row.
"""

from __future__ import annotations

import datetime as dt

from django.db import models, transaction

from exchange import trading_days
from exchange.models import User, Venue
from exchange.scope import current_venue_id
from matching.units import ReceiptId
from settlement import set_aside, shelf_life
from settlement.limits import EXPIRY_AGAIN_S, EXPIRY_NOTICE_DAYS, EXPIRY_SWEEP, STORAGE_DAYS_MOST
from settlement.models import (
    HoldKind,
    HoldState,
    Receipt,
    ReceiptHold,
    ReceiptPaper,
    ReceiptState,
    StorageExtension,
)
from settlement.models.hold import LIVE
from settlement.set_aside import HoldError


def sweep(now: dt.datetime) -> int:
    """Set aside the venue's expired receipts, offered or not; return how many were asked for."""
    today = now.astimezone(trading_days.SHANGHAI).date()
    over = ReceiptPaper.objects.filter(expires_on__lt=today).values("receipt_id")
    held = ReceiptHold.objects.filter(
        receipt=models.OuterRef("pk"), kind=HoldKind.EXPIRY, state__in=LIVE
    )
    due = (
        Receipt.objects.filter(
            root_id__in=over, state__in=[ReceiptState.REGISTERED, ReceiptState.ASIDE]
        )
        .exclude(models.Exists(held))
        .filter(lots__gt=models.F("locked_lots"))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    asked = 0
    for receipt_id in list(due):
        asked += _expire(receipt_id, now)
        if asked == EXPIRY_SWEEP:
            break  # the rest in the next sweep; what cannot be asked for now keeps nobody waiting
    return asked


@transaction.atomic
def _expire(receipt_id: ReceiptId, now: dt.datetime) -> int:
    try:
        receipt = set_aside.locked(receipt_id)
    except HoldError:
        return 0  # collected a moment ago
    again = now - dt.timedelta(seconds=EXPIRY_AGAIN_S)
    tried = ReceiptHold.objects.filter(receipt=receipt, kind=HoldKind.EXPIRY, asked_at__gt=again)
    if set_aside.is_moving(receipt) or tried.exists():
        return 0
    is_aside = receipt.state == ReceiptState.ASIDE
    lots = receipt.lots if is_aside else set_aside.unbound_lots(receipt)
    if not lots:
        return 0
    earlier = ReceiptHold.objects.filter(
        op_id__startswith=f"{set_aside.PREFIX}expiry:{receipt.pk}:"
    ).count()
    hold = ReceiptHold.objects.create(
        venue_id=current_venue_id(),
        kind=HoldKind.EXPIRY,
        receipt=receipt,
        firm_id=receipt.owner_id,
        lots=lots,
        state=HoldState.HELD if is_aside else HoldState.ASKED,
        op_id=f"{set_aside.PREFIX}expiry:{receipt.pk}:{earlier}",
        asked_at=now,
    )
    if not is_aside:
        set_aside.withhold(hold, 0)
    return 1


@transaction.atomic
def extend(
    *,
    venue: Venue,
    receipt_id: ReceiptId,
    stored_until: dt.date,
    document: str,
    op_id: str,
    by: User,
    now: dt.datetime,
) -> StorageExtension:
    """The keeper stores a pile longer; what had expired is the market's again. Repeated: the first.

    Shelf life is not the keeper's to extend. Raises `HoldError`: `UNKNOWN_RECEIPT`,
    `NOT_RECORDED` for a receipt without papers, `STORAGE_PERIOD`, `SHELF_LIFE`, `REQUIRED`,
    `RECEIPT_MOVING`, `OP_ID_REUSED`.
    """
    known = StorageExtension.objects.filter(op_id=op_id).first()
    if known is not None:
        if (known.stored_until, known.document) != (stored_until, document.strip()):
            raise HoldError("OP_ID_REUSED")
        return known
    today = now.astimezone(trading_days.SHANGHAI).date()
    receipt = set_aside.locked(receipt_id)
    paper = (
        ReceiptPaper.objects.select_for_update(of=("self",))
        .filter(receipt_id=receipt.root_id)
        .first()
    )
    if paper is None:
        raise HoldError("NOT_RECORDED")
    if not document.strip():
        raise HoldError("REQUIRED")
    days = (stored_until - paper.stored_from).days
    if stored_until <= max(paper.stored_until, today) or days > STORAGE_DAYS_MOST:
        raise HoldError("STORAGE_PERIOD")
    if paper.best_before is not None and stored_until > paper.best_before:
        raise HoldError("SHELF_LIFE")
    made = StorageExtension.objects.create(
        venue=venue,
        paper=paper,
        op_id=op_id,
        stored_until=stored_until,
        before=paper.stored_until,
        document=document.strip(),
        by=by,
        at=now,
    )
    paper.stored_until = stored_until
    paper.expires_on = shelf_life.expires_on(stored_until, paper.best_before)
    paper.save(update_fields=["stored_until", "expires_on"])
    _give_back(receipt.root_id, made, by=by, now=now)
    return made


def _give_back(root_id: ReceiptId, made: StorageExtension, *, by: User, now: dt.datetime) -> None:
    """End the expiry of every receipt of a pile; one that the engine is asked for is not over."""
    rows = ReceiptHold.objects.select_for_update(of=("self",)).filter(
        receipt__root_id=root_id,
        kind=HoldKind.EXPIRY,
        state__in=[HoldState.ASKED, HoldState.HELD],
    )
    for hold in rows.order_by("pk"):
        if hold.state == HoldState.ASKED:
            raise HoldError("RECEIPT_MOVING")
        hold.lifted_by, hold.lifted_at, hold.lift_document = by, now, made.document
        set_aside.end(hold, set_aside.locked(hold.receipt_id))
        hold.save()


def expiring(*, today: dt.date, most: int = 100) -> list[Receipt]:
    """Return the venue's receipts whose last day is near or over, the earliest first."""
    last = today + dt.timedelta(days=EXPIRY_NOTICE_DAYS)
    days = dict(
        ReceiptPaper.objects.filter(expires_on__lte=last).values_list("receipt_id", "expires_on")
    )
    rows = Receipt.objects.select_related("instrument", "warehouse", "venue", "owner").filter(
        root_id__in=days, state__in=[ReceiptState.REGISTERED, ReceiptState.ASIDE]
    )
    return sorted(rows, key=lambda one: (days[one.root_id], one.pk))[:most]


def last_days(root_ids: list[ReceiptId]) -> dict[ReceiptId, dt.date]:
    """Return the last day of each pile that has papers, by its root."""
    rows = ReceiptPaper.objects.filter(receipt_id__in=root_ids)
    return dict(rows.values_list("receipt_id", "expires_on"))
