"""Goods out of the market that have not left the store: set aside, and taken in again.

The engine has no station for them. They are debited there (`WithholdGoods`, `DebitGoods`) and
credited again (`CreditGoods`) with their own root and resale day, by operations whose ids begin
with `aside:`; the follower recognises those and books them between the firm's `trading` and `aside`
accounts, so that nothing seems to leave the store. Between the two commands the goods are what they
should be: set aside. A crash there loses nothing, because the second command is decided, and
written, apart.

A freeze and an expiry go over the owner's will: its offers of the goods are withdrawn. For a pledge
or a split the owner has asked, and withdraws first what it offers.

A part gets its own number and stays of its root, for the engine may meanwhile pass on the rest
under the old one. Each root's holders stay as many: the firm that gets its goods back is one.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import models

from exchange.models import LIVE_STATES, OrderRow, User
from matching.commands import CreditGoods, DebitGoods, Side, WithholdGoods
from matching.events import GoodsCredited, GoodsDebited
from matching.units import FirmId, Lots, ReceiptId
from settlement import outbox, receipts
from settlement.limits import RECEIPT_HOLDS
from settlement.models import HoldKind, HoldState, Receipt, ReceiptHold, ReceiptState
from settlement.models.hold import BINDING, LIVE

PREFIX: Final = "aside:"
"""What the engine's operation ids of goods set aside begin with."""
_BACK: Final = ":back"


class HoldError(Exception):
    """Goods cannot be set aside or taken in again; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def locked(receipt_id: ReceiptId) -> Receipt:
    """Return a receipt for a change; raise `UNKNOWN_RECEIPT`, also for another venue's."""
    found = (
        Receipt.objects.select_for_update(of=("self",))
        .select_related("instrument", "owner", "venue")
        .filter(pk=receipt_id, state__in=[ReceiptState.REGISTERED, ReceiptState.ASIDE])
        .first()
    )
    if found is None:
        raise HoldError("UNKNOWN_RECEIPT")
    return found


def locked_hold(hold_id: int, kind: HoldKind) -> ReceiptHold:
    """Return a hold of a kind for a change; raise `UNKNOWN_` and the kind's name otherwise."""
    rows = ReceiptHold.objects.select_for_update(of=("self",))
    found = rows.filter(pk=hold_id, kind=kind).first()
    if found is None:
        raise HoldError(f"UNKNOWN_{kind.name}")
    return found


def check_owner(hold: ReceiptHold) -> Receipt:
    """Return a hold's receipt for a change; raise `OWNER_CHANGED` if it is another's by now."""
    receipt = locked(hold.receipt_id)
    if receipt.owner_id != hold.firm_id:
        raise HoldError("OWNER_CHANGED")
    return receipt


def answered(hold: ReceiptHold, *, agreed: bool, by: User, now: dt.datetime) -> ReceiptHold:
    """Write down the answer to a hold that was entered, and ask the engine for what is agreed."""
    hold.answered_by, hold.answered_at = by, now
    hold.state = HoldState.ASKED if agreed else HoldState.DECLINED
    hold.save()
    if agreed:
        ask(hold)
    return hold


def held_lots(firm_id: FirmId) -> dict[ReceiptId, Lots]:
    """Return the lots of each receipt that a firm's open offers hold, as far as is projected."""
    held: dict[ReceiptId, Lots] = {}
    rows = OrderRow.objects.filter(firm_id=firm_id, state__in=LIVE_STATES, side=Side.SELL)
    for receipts_held in rows.values_list("receipts", flat=True):
        for receipt_id, lots in receipts_held:
            held[receipt_id] = held.get(receipt_id, 0) + lots
    return held


def free_lots(receipt: Receipt) -> Lots:
    """Return what of a receipt no offer and no contract holds; the engine has the last word."""
    if receipt.state != ReceiptState.REGISTERED:
        return 0
    bound = receipt.locked_lots + held_lots(receipt.owner_id).get(receipt.pk, 0)
    return max(receipt.lots - bound, 0)


def unbound_lots(receipt: Receipt) -> Lots:
    """Return what of a receipt no contract holds, offered or not; the engine has the last word."""
    if receipt.state != ReceiptState.REGISTERED:
        return 0
    return max(receipt.lots - receipt.locked_lots, 0)


def live(receipt: Receipt, *kinds: str) -> models.QuerySet[ReceiptHold]:
    """Return the holds of a receipt that are not over, of these kinds or of all."""
    rows = ReceiptHold.objects.filter(receipt=receipt, state__in=LIVE)
    return rows.filter(kind__in=kinds) if kinds else rows


def history(receipt: Receipt, firm_id: FirmId = 0, *, most: int = 50) -> list[ReceiptHold]:
    """Return the holds of a receipt, latest first; only those on one firm's goods if it is named.

    An earlier holder's are not the present one's to see.
    """
    rows = ReceiptHold.objects.select_related(
        "asked_by", "answered_by", "consent_by", "lifted_by", "firm"
    ).filter(receipt=receipt)
    return list((rows.filter(firm_id=firm_id) if firm_id else rows).order_by("-pk")[:most])


def living(kinds: list[str], *, most: int = 100) -> list[ReceiptHold]:
    """Return the venue's holds of these kinds that are not over, oldest first."""
    rows = ReceiptHold.objects.select_related(
        "receipt__instrument", "receipt__warehouse", "receipt__venue", "firm", "asked_by"
    )
    return list(rows.filter(kind__in=kinds, state__in=LIVE).order_by("pk")[:most])


def kinds_on(receipt_ids: list[ReceiptId]) -> dict[ReceiptId, list[ReceiptHold]]:
    """Return what holds each of these receipts out of the market now."""
    found: dict[ReceiptId, list[ReceiptHold]] = {}
    held = (HoldState.HELD, HoldState.LIFTING)
    rows = ReceiptHold.objects.filter(receipt_id__in=receipt_ids, state__in=held)
    for one in rows.exclude(kind=HoldKind.SPLIT).order_by("pk"):
        found.setdefault(one.receipt_id, []).append(one)
    return found


def check_room(receipt: Receipt) -> None:
    """Raise `LIMIT` when a receipt has as many live holds as it may have."""
    if live(receipt).count() >= RECEIPT_HOLDS:
        raise HoldError("LIMIT")


def is_moving(receipt: Receipt) -> bool:
    """Say whether the engine has been asked about this receipt and has not answered yet."""
    moving = (HoldState.ASKED, HoldState.LIFTING)
    return ReceiptHold.objects.filter(receipt=receipt, state__in=moving).exists()


def ask(hold: ReceiptHold) -> None:
    """Ask the engine for the hold's lots if they are free; the caller has moved it to ASKED."""
    assert hold.state == HoldState.ASKED
    outbox.write(DebitGoods(hold.op_id, hold.receipt_id, hold.lots))


def withhold(hold: ReceiptHold, lots: Lots) -> None:
    """Ask the engine for lots of the hold's firm although offers hold them; 0: all unbound.

    The caller has made the hold ASKED, with the lots that it expects. For 0 the engine counts:
    what is traded until it answers stays, and the hold says then how much it is (`taken`).
    """
    assert hold.state == HoldState.ASKED
    outbox.write(WithholdGoods(hold.op_id, hold.receipt_id, lots, hold.firm_id))


def end(hold: ReceiptHold, receipt: Receipt) -> None:
    """End a hold that is HELD: the goods go back unless another hold lies on them.

    The caller has locked both rows, and saves the hold.
    """
    others = ReceiptHold.objects.filter(receipt=receipt, state__in=BINDING).exclude(pk=hold.pk)
    if others.exists():
        hold.state = HoldState.LIFTED
    else:
        hold.state = HoldState.LIFTING
        _give_back(hold, receipt)


def _give_back(hold: ReceiptHold, receipt: Receipt) -> None:
    outbox.write(
        CreditGoods(
            hold.op_id + _BACK,
            receipt.pk,
            receipt.root_id,
            receipt.owner_id,
            receipt.instrument_id,
            receipt.lots,
            receipt.weight_kg,
            receipt.sellable_from_day,
        )
    )


# What events mean. Each is called once a block, in the follower's transaction.


def taken(event: GoodsDebited, *, key: str, at: dt.datetime) -> None:
    """The engine has given the goods: the whole receipt, or a part that gets its own number.

    How many they are is the engine's to say when all were asked for.
    """
    hold = ReceiptHold.objects.select_for_update(of=("self",)).get(op_id=event.op_id)
    receipt = Receipt.objects.get(pk=event.receipt_id)
    is_whole = receipt.lots == event.lots
    if is_whole:
        part = receipt
        Receipt.objects.filter(pk=part.pk).update(state=ReceiptState.ASIDE)
        receipts.note(key, part, "set_aside", at=at)
    else:
        part = receipts.divide(event, receipt, key=key, at=at)
    hold.receipt = part
    hold.lots = event.lots
    hold.state = HoldState.HELD
    if hold.firm_id != event.firm_id:
        # Title passed between the request and the engine's answer: it was meant for another's.
        hold.refusal = "OWNER_CHANGED"
        hold.state = HoldState.LIFTING
    elif hold.kind == HoldKind.SPLIT:
        hold.refusal = "SPLIT_WHOLE" if is_whole else ""
        hold.state = HoldState.LIFTING
    hold.save(update_fields=["receipt", "lots", "state", "refusal"])
    if hold.state == HoldState.LIFTING:
        _give_back(hold, part)


def returned(event: GoodsCredited, *, key: str, at: dt.datetime) -> None:
    """The engine has taken the goods in again: the receipt is the market's as before."""
    Receipt.objects.filter(pk=event.receipt_id, state=ReceiptState.ASIDE).update(
        state=ReceiptState.REGISTERED
    )
    receipt = Receipt.objects.get(pk=event.receipt_id)
    hold = ReceiptHold.objects.select_for_update(of=("self",)).get(
        op_id=event.op_id.removesuffix(_BACK)
    )
    hold.state = HoldState.REFUSED if hold.refusal else HoldState.LIFTED
    hold.save(update_fields=["state"])
    if hold.kind != HoldKind.SPLIT:
        receipts.note(key, receipt, "given_back", at=at)


def aside_kg() -> dict[tuple[FirmId, int], int]:
    """Return the weight set aside by (firm, instrument) of the current venue; books ask."""
    rows = (
        Receipt.objects.filter(state=ReceiptState.ASIDE)
        .order_by()
        .values_list("owner_id", "instrument_id")
        .annotate(models.Sum("weight_kg"))
    )
    return {(firm, instrument): int(kg) for firm, instrument, kg in rows}
