"""Warehouse receipts: register, collect, divide and transfer. Title moves only in a settlement."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, models, transaction

from exchange.models import Firm, Instrument, User, Venue, Warehouse
from exchange.scope import current_venue_id
from matching.commands import CreditGoods, DebitGoods
from matching.events import (
    GoodsCredited,
    GoodsDebited,
    TradeBusted,
    TradeDischarged,
    TradeExecuted,
    TradeSettled,
)
from matching.units import Day, FirmId, Kg, Lots, ReceiptId, TradeId
from settlement import endorsements, outbox, receipt_papers
from settlement.models import Receipt, ReceiptChange, ReceiptState
from settlement.receipt_papers import Papers


class ReceiptError(Exception):
    """A request about a receipt was refused before anything changed; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def number(receipt: Receipt) -> str:
    """Return the number that people use, such as QLDZ-R-000123."""
    return f"{receipt.venue.code.upper()}-R-{receipt.pk:06d}"


def register(
    *,
    venue: Venue,
    firm: Firm,
    instrument: Instrument,
    warehouse: Warehouse,
    lots: Lots,
    weight_kg: Kg,
    op_id: str,
    by: User | None,
    lot_reference: str,
    papers: Papers,
    now: dt.datetime,
) -> Receipt:
    """Register goods in store for their owner; the engine makes them sellable.

    `weight_kg` is lots x lot mass, or the weighed mass of the one piece. `papers` are what the
    keeper states about the pile (民法典 art. 909). Repeated with the same `op_id` it returns the
    first receipt, whose papers stay. Raises `ReceiptError`, or `PaperError` for the papers.
    """
    if lots < 1 or weight_kg < 1:
        raise ReceiptError("AMOUNT")
    if not lot_reference.strip():
        raise ReceiptError("REQUIRED")
    if instrument.venue_id != venue.id or warehouse.pk != instrument.warehouse_id:
        raise ReceiptError("WAREHOUSE")
    known = Receipt.objects.filter(origin=op_id).exists()
    pile_taken = Receipt.objects.filter(
        warehouse=warehouse,
        lot_reference=lot_reference.strip(),
        state__in=ReceiptState.alive(),
    ).exists()
    if pile_taken and not known:
        raise ReceiptError("PILE_TAKEN")  # one pile, one receipt
    files = receipt_papers.Files()
    if not known:
        files = receipt_papers.check(papers, instrument.commodity, now=now)
        receipt_papers.keep(files, venue)
    try:
        with transaction.atomic():
            receipt, created = Receipt.objects.get_or_create(
                venue=venue,
                origin=op_id,
                defaults={
                    "owner": firm,
                    "instrument": instrument,
                    "warehouse": warehouse,
                    "lot_reference": lot_reference.strip(),
                    "lots": lots,
                    "weight_kg": weight_kg,
                    "state": ReceiptState.APPLIED,
                    "registered_by": by,
                    "made_at": now,
                },
            )
            if created:
                Receipt.objects.filter(pk=receipt.pk).update(root_id=receipt.pk)
                receipt.root_id = receipt.pk
                receipt_papers.write(papers, files, receipt, venue=venue, firm=firm)
                outbox.write(
                    CreditGoods(
                        op_id, receipt.pk, receipt.pk, firm.pk, instrument.pk, lots, weight_kg, 0
                    )
                )
    except IntegrityError as error:
        # Another venue, or another keeper at this moment, has registered the pile.
        raise ReceiptError("PILE_TAKEN") from error
    # Owner and quantity may have changed since; the pile and its goods have not.
    same = (receipt.lot_reference, receipt.instrument_id) == (lot_reference.strip(), instrument.pk)
    if not same:
        raise ReceiptError("OP_ID_REUSED")
    return receipt


def collect(*, firm: Firm, receipt_id: ReceiptId, lots: Lots, op_id: str) -> None:
    """Take free goods of a firm's receipt out of the market; the engine says whether they are free.

    Raises `ReceiptError("UNKNOWN_RECEIPT")` alike for a receipt that is not there or another's,
    `NOT_SIGNED` while a transfer of it waits for the keeper's signature, `RECEIPT_ASIDE` while it
    is frozen, pledged or expired.
    """
    living = [ReceiptState.REGISTERED, ReceiptState.ASIDE]
    found = Receipt.objects.filter(pk=receipt_id, owner=firm, state__in=living).first()
    if found is None:
        raise ReceiptError("UNKNOWN_RECEIPT")
    if found.state == ReceiptState.ASIDE:
        raise ReceiptError("RECEIPT_ASIDE")
    if lots < 1:
        raise ReceiptError("AMOUNT")
    if endorsements.is_unsigned(found):
        raise ReceiptError("NOT_SIGNED")
    outbox.write(DebitGoods(op_id, receipt_id, lots))


# What events mean for receipts. Each is called once a block, in the follower's transaction.


def credited(event: GoodsCredited, *, key: str, at: dt.datetime) -> None:
    """The engine has taken the goods in: the receipt is registered."""
    Receipt.objects.filter(pk=event.receipt_id, state=ReceiptState.APPLIED).update(
        state=ReceiptState.REGISTERED
    )
    _note(key, event.receipt_id, "registered", event.firm_id, event.lots, event.weight_kg, at)


def debited(event: GoodsDebited, *, key: str, at: dt.datetime) -> None:
    """The owner has collected goods."""
    _shrink(event.receipt_id, event.lots, event.weight_kg, locked=0)
    _note(key, event.receipt_id, "collected", event.firm_id, event.lots, event.weight_kg, at)


def lock(event: TradeExecuted) -> None:
    """A trade binds lots of the seller's receipts."""
    for receipt_id, lots, _ in event.receipts:
        Receipt.objects.filter(pk=receipt_id).update(locked_lots=models.F("locked_lots") + lots)


def unlock(event: TradeBusted) -> None:
    """An undone trade frees the seller's receipts; the numbers kept for the buyer stay unused."""
    for position, (receipt_id, lots, _) in enumerate(event.receipts):
        Receipt.objects.filter(pk=receipt_id).update(locked_lots=models.F("locked_lots") - lots)
        Receipt.objects.filter(
            origin=f"trade:{event.trade_id}:{position}", state=ReceiptState.RESERVED
        ).update(state=ReceiptState.UNUSED)


def reserve_numbers(event: TradeExecuted, *, at: dt.datetime) -> list[ReceiptId]:
    """Return one receipt number per receipt that a trade consumed, for the buyer's part."""
    numbers = []
    for position, (receipt_id, lots, kg) in enumerate(event.receipts):
        source = Receipt.objects.get(pk=receipt_id)
        row, _ = Receipt.objects.get_or_create(
            venue_id=current_venue_id(),
            origin=f"trade:{event.trade_id}:{position}",
            defaults={
                "root_id": source.root_id,
                "parent_id": source.pk,
                "owner_id": event.buyer_firm_id,
                "instrument_id": source.instrument_id,
                "warehouse_id": source.warehouse_id,
                "lot_reference": source.lot_reference,
                "lots": lots,
                "weight_kg": kg,
                "state": ReceiptState.RESERVED,
                "made_at": at,
            },
        )
        numbers.append(row.pk)
    return numbers


def move_title(event: TradeSettled, *, key: str, at: dt.datetime) -> None:
    """Title passes: a part as a new receipt of the same root, a whole receipt under its number.

    Either way the keeper has a transfer to sign.
    """
    for position, (source_id, receipt_id, lots, kg) in enumerate(event.moves):
        buyer = event.buyer_firm_id
        endorsements.record(
            f"{key}/{position}",
            receipt_id=receipt_id,
            trade_id=event.trade_id,
            from_firm_id=event.seller_firm_id,
            to_firm_id=buyer,
            lots=lots,
            weight_kg=kg,
            at=at,
        )
        spare = Receipt.objects.filter(
            origin=f"trade:{event.trade_id}:{position}", state=ReceiptState.RESERVED
        )
        if receipt_id == source_id:
            spare.update(state=ReceiptState.UNUSED)
            Receipt.objects.filter(pk=source_id).update(
                owner_id=buyer,
                locked_lots=0,
                lots=lots,
                weight_kg=kg,
                sellable_from_day=event.sellable_from_day,
            )
            _note(
                f"{key}/{position}", source_id, "transferred", buyer, lots, kg, at, event.trade_id
            )
            continue
        spare.update(
            state=ReceiptState.REGISTERED, sellable_from_day=event.sellable_from_day, made_at=at
        )
        _shrink(source_id, lots, kg, locked=lots)
        seller = event.seller_firm_id
        trade_id = event.trade_id
        _note(
            f"{key}/{position}a", source_id, "split_off", seller, lots, kg, at, trade_id, receipt_id
        )
        _note(
            f"{key}/{position}b", receipt_id, "split_from", buyer, lots, kg, at, trade_id, source_id
        )


def discharge(event: TradeDischarged, *, key: str, at: dt.datetime) -> None:
    """Delivered lots have left the store as the buyer's; returned ones are the seller's again."""
    for position, (receipt_id, lots, kg) in enumerate(event.delivered):
        _shrink(receipt_id, lots, kg, locked=lots)
        buyer = event.buyer_firm_id
        where = f"{key}/{position}d"
        _note(where, receipt_id, "delivered", buyer, lots, kg, at, event.trade_id)
    for position, (receipt_id, lots, kg) in enumerate(event.returned):
        Receipt.objects.filter(pk=receipt_id).update(locked_lots=models.F("locked_lots") - lots)
        seller = event.seller_firm_id
        where = f"{key}/{position}r"
        _note(where, receipt_id, "returned", seller, lots, kg, at, event.trade_id)


def divide(event: GoodsDebited, source: Receipt, *, key: str, at: dt.datetime) -> Receipt:
    """Return the part of a receipt that was set aside, under its own number, still its owner's."""
    part = Receipt.objects.create(
        venue_id=source.venue_id,
        origin=event.op_id,
        root_id=source.root_id,
        parent_id=source.pk,
        owner_id=source.owner_id,
        instrument_id=source.instrument_id,
        warehouse_id=source.warehouse_id,
        lot_reference=source.lot_reference,
        lots=event.lots,
        weight_kg=event.weight_kg,
        sellable_from_day=source.sellable_from_day,
        state=ReceiptState.ASIDE,
        made_at=at,
    )
    _shrink(source.pk, event.lots, event.weight_kg, locked=0)
    owner, lots, kg = source.owner_id, event.lots, event.weight_kg
    _note(f"{key}/a", source.pk, "divided_off", owner, lots, kg, at, 0, part.pk)
    _note(f"{key}/b", part.pk, "divided_from", owner, lots, kg, at, 0, source.pk)
    return part


def note(key: str, receipt: Receipt, kind: str, *, at: dt.datetime) -> None:
    """Write what happened to a receipt as a whole into its history."""
    _note(key, receipt.pk, kind, receipt.owner_id, receipt.lots, receipt.weight_kg, at)


def _shrink(receipt_id: ReceiptId, lots: Lots, kg: Kg, *, locked: Lots) -> None:
    Receipt.objects.filter(pk=receipt_id).update(
        lots=models.F("lots") - lots,
        weight_kg=models.F("weight_kg") - kg,
        locked_lots=models.F("locked_lots") - locked,
    )
    Receipt.objects.filter(pk=receipt_id, lots=0, state=ReceiptState.REGISTERED).update(
        state=ReceiptState.CLOSED
    )


def _note(
    key: str,
    receipt_id: ReceiptId,
    kind: str,
    firm_id: FirmId,
    lots: Lots,
    kg: Kg,
    at: dt.datetime,
    trade_id: TradeId = 0,
    other_id: ReceiptId = 0,
) -> None:
    ReceiptChange.objects.get_or_create(
        key=f"{current_venue_id()}/{key}",
        defaults={
            "venue_id": current_venue_id(),
            "receipt_id": receipt_id,
            "kind": kind,
            "other_id": other_id,
            "firm_id": firm_id,
            "lots": lots,
            "weight_kg": kg,
            "trade_id": trade_id,
            "at": at,
        },
    )


def from_day(day: Day) -> str:
    """Return a resale day as 2026-11-28, or "" for goods that may be sold at once."""
    return f"{day // 10_000:04d}-{day // 100 % 100:02d}-{day % 100:02d}" if day else ""
