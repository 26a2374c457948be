"""What several checks share: refusals, who meets whom, which receipts cover a sale."""

from __future__ import annotations

from typing import Final, TypeAlias

from matching.commands import FirmStatus, Phase, SelfMatch, Side, TimeInForce
from matching.cover import Account, Goods, Receipt
from matching.events import AnyEvent, CommandRejected, RejectReason
from matching.instrument import Instrument
from matching.limits import RECEIPTS_PER_ORDER, WOULD_TRADE_IDS
from matching.orders import Order
from matching.units import MAX_INT, Day, FirmId, Lots, OrderId, ReceiptId, Ticks

Refusal: TypeAlias = tuple[RejectReason, tuple[int, ...]]
Allocation: TypeAlias = list[tuple[Receipt, Lots]]
"""Lots taken from each of several receipts, in order of use."""


# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY
_DAY: Final = TimeInForce.DAY
_FOK: Final = TimeInForce.FOK
_IOC: Final = TimeInForce.IOC
_CALL: Final = Phase.CALL
_CONTINUOUS: Final = Phase.CONTINUOUS
_REFUSE_NEWEST: Final = SelfMatch.REFUSE_NEWEST
_ACTIVE: Final = FirmStatus.ACTIVE


def bounded(number: int) -> int:
    """Return a hostile number as one that fits a report."""
    return max(min(number, MAX_INT), 0)


def rejected(
    firm_id: FirmId, client_order_id: str, reason: RejectReason, values: tuple[int, ...]
) -> tuple[AnyEvent, ...]:
    """Return a refusal as the whole answer to a command."""
    shown = tuple([bounded(value) for value in values])
    return (CommandRejected(firm_id, client_order_id, reason, shown),)


def unrelated_met(
    instrument: Instrument, side: Side, price_ticks: Ticks, account: Account
) -> tuple[OrderId, ...]:
    """Return the first orders that a `side` order would meet and may trade with, in priority.

    Neither those of its own group nor those directed to others. At most `WOULD_TRADE_IDS`: what
    a refusal names.
    """
    book_side = instrument.book.opposite(side)
    sign = book_side.sign
    found: list[OrderId] = []
    for order in book_side:
        if order.price_ticks * sign > price_ticks * sign or len(found) == WOULD_TRADE_IDS:
            break
        if order.group_id != account.group_id and may_see(order, account.firm_id):
            found.append(order.order_id)
    return tuple(found)


def orders_met(instrument: Instrument, side: Side, price_ticks: Ticks) -> tuple[OrderId, ...]:
    """Return the first orders that a `side` order would meet, whosever; as many as are named."""
    book_side = instrument.book.opposite(side)
    found: list[OrderId] = []
    for order in book_side:
        if order.price_ticks * book_side.sign > price_ticks * book_side.sign:
            break
        found.append(order.order_id)
        if len(found) == WOULD_TRADE_IDS:
            break
    return tuple(found)


def may_see(order: Order, firm_id: FirmId) -> bool:
    """Whether an offer is open to a firm: directed ones are to those that they name."""
    special = order.special
    return special is None or not special.firm_ids or firm_id in special.firm_ids


def first_related(
    instrument: Instrument, side: Side, price_ticks: Ticks, lots: Lots, group_id: int
) -> Order | None:
    """Return the first order of `group_id` that these `lots` would meet, walking in priority."""
    book_side = instrument.book.asks if side is _BUY else instrument.book.bids
    if book_side.groups is not None and not book_side.groups.get(group_id):
        return None  # in a call, where half the book may cross, most groups have nothing there
    level = book_side.best
    if level is None:
        return None
    sign = book_side.sign
    limit = price_ticks * sign
    if level.price_ticks * sign > limit:
        return None
    # The best level alone decides for most; the others are asked for only when it is used up.
    order = level.head
    while order is not None:
        if order.account.group_id == group_id:
            return order
        lots -= order.open_lots - order.hidden_lots
        if lots <= 0:
            return None
        order = order.after
    # What icebergs hide comes behind all that a level shows.
    lots -= level.hidden_lots
    if lots <= 0:
        return None
    levels = book_side.levels
    keys = iter(levels)
    next(keys)
    for key in keys:
        if key > limit:
            return None
        level = levels[key]
        order = level.head
        while order is not None:
            if order.account.group_id == group_id:
                return order
            lots -= order.open_lots - order.hidden_lots
            if lots <= 0:
                return None
            order = order.after
        lots -= level.hidden_lots
        if lots <= 0:
            return None
    return None


def refuse_meeting(
    instrument: Instrument,
    side: Side,
    price_ticks: Ticks,
    lots: Lots,
    account: Account,
) -> Refusal | None:
    """Refuse what would trade where posting never does, or with a related party.

    In a call every order of the group at a crossing price counts: which quantities will meet is
    not known yet. There the newest is refused whatever the firm has chosen.
    """
    if instrument.is_matched:
        if instrument.phase is _CALL:
            lots = MAX_INT
        elif account.self_match is not _REFUSE_NEWEST:
            return None
        related = first_related(instrument, side, price_ticks, lots, account.group_id)
        return None if related is None else (RejectReason.RELATED_PARTY, (related.order_id,))
    others = unrelated_met(instrument, side, price_ticks, account)
    return (RejectReason.WOULD_TRADE, others) if others else None


def allocate_named(
    goods: Goods,
    instrument: Instrument,
    firm_id: FirmId,
    receipt_ids: tuple[ReceiptId, ...],
    lots: Lots,
    today: Day,
) -> Refusal | Allocation:
    """Take `lots` from the named receipts, in that order, or say why not. Changes nothing."""
    taken: Allocation = []
    seen: set[ReceiptId] = set()
    free = 0
    for receipt_id in receipt_ids:
        receipt = goods.by_id.get(receipt_id)
        if receipt is None or receipt.firm_id != firm_id:
            return RejectReason.UNKNOWN_RECEIPT, (receipt_id,)
        if receipt_id in seen:
            return RejectReason.RECEIPT_REPEATED, (receipt_id,)
        seen.add(receipt_id)
        if receipt.instrument_id != instrument.instrument_id:
            return RejectReason.RECEIPT_INSTRUMENT, (receipt_id, receipt.instrument_id)
        if receipt.sellable_from_day > today:
            return (
                RejectReason.RECEIPT_NOT_YET_SELLABLE,
                (receipt_id, receipt.sellable_from_day, today),
            )
        take = min(receipt.free_lots, lots - free)
        if take:
            taken.append((receipt, take))
            free += take
    if free < lots:
        return RejectReason.GOODS, (lots, free)
    return taken


def allocate_oldest(
    goods: Goods, instrument: Instrument, firm_id: FirmId, lots: Lots, today: Day
) -> Refusal | Allocation:
    """Take `lots` from the firm's oldest sellable receipts, or say why not. Changes nothing."""
    taken: Allocation = []
    free = 0
    mine = goods.by_owner.get(firm_id, {}).get(instrument.instrument_id)
    if mine is not None:
        for receipt in mine.values():
            take = receipt.free_lots
            if take and receipt.sellable_from_day <= today:
                if take > lots - free:
                    take = lots - free
                taken.append((receipt, take))
                free += take
                if free == lots:
                    if len(taken) > RECEIPTS_PER_ORDER:
                        return RejectReason.LIMIT, (len(taken), RECEIPTS_PER_ORDER)
                    return taken
    return RejectReason.GOODS, (lots, free)


def allocate(
    goods: Goods,
    instrument: Instrument,
    firm_id: FirmId,
    receipt_ids: tuple[ReceiptId, ...],
    lots: Lots,
    today: Day,
) -> Refusal | Allocation:
    """Take `lots` from the named receipts, or from the oldest sellable ones if none is named."""
    if receipt_ids:
        return allocate_named(goods, instrument, firm_id, receipt_ids, lots, today)
    return allocate_oldest(goods, instrument, firm_id, lots, today)
