"""Cover of orders: held when they enter, freed when they leave, moved on when they trade."""

from __future__ import annotations

from typing import Final

from matching.commands import Side
from matching.cover import Account
from matching.events import CancelReason, OrderCancelled, OrderReduced, ReceiptLots, RejectReason
from matching.instrument import Instrument
from matching.orders import BOOK, INCOMING, STOP, SUSPENDED, Order
from matching.rules import Allocation, Refusal, allocate
from matching.state import Venue
from matching.units import Fen, Lots, ReceiptId, Ticks

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY


def cover(
    venue: Venue,
    instrument: Instrument,
    account: Account,
    side: Side,
    price_ticks: Ticks,
    lots: Lots,
    receipt_ids: tuple[ReceiptId, ...],
) -> Refusal | tuple[Fen, Allocation]:
    """Return what an order would hold, in fen and receipts, or why it cannot. Changes nothing."""
    if side is _BUY:
        if receipt_ids:
            return RejectReason.RECEIPTS_ON_BUY, ()
        need = instrument.need_fen(price_ticks, lots)
        if need > account.available_fen:
            return RejectReason.CASH, (need, account.available_fen)
        return need, []
    found = allocate(venue.goods, instrument, account.firm_id, receipt_ids, lots, venue.day)
    if isinstance(found, tuple):
        return found
    return 0, found


def hold(account: Account, need: Fen, taken: Allocation) -> tuple[ReceiptLots, ...]:
    """Move cash available -> held and goods free -> held; return the goods as events say it."""
    account.available_fen -= need
    account.held_fen += need
    return hold_goods(taken)


def hold_goods(taken: Allocation) -> tuple[ReceiptLots, ...]:
    """Move the allocated lots of each receipt from free to held; return them."""
    if len(taken) == 1:
        receipt, lots = taken[0]
        receipt.free_lots -= lots
        receipt.held_lots += lots
        return ((receipt.receipt_id, lots),)
    for receipt, lots in taken:
        receipt.free_lots -= lots
        receipt.held_lots += lots
    return tuple([(receipt.receipt_id, lots) for receipt, lots in taken])


def free_goods(venue: Venue, order: Order) -> tuple[ReceiptLots, ...]:
    """Move the goods that an order holds from held to free; return them."""
    held = order.receipts
    order.receipts = ()
    by_id = venue.goods.by_id
    for receipt_id, lots in held:
        receipt = by_id[receipt_id]
        receipt.held_lots -= lots
        receipt.free_lots += lots
    return held


def give_back(venue: Venue, order: Order, lots: Lots) -> tuple[ReceiptLots, ...]:
    """Free `lots` of the goods that an order holds, those it would use last first; return them."""
    kept = list(order.receipts)
    given = []
    while lots:
        receipt_id, held = kept.pop()
        receipt = venue.goods.by_id[receipt_id]
        freed = min(held, lots)
        receipt.held_lots -= freed
        receipt.free_lots += freed
        given.append((receipt_id, freed))
        lots -= freed
        if freed < held:
            kept.append((receipt_id, held - freed))
    order.receipts = tuple(kept)
    return tuple(given)


def merged(
    first: tuple[ReceiptLots, ...], more: tuple[ReceiptLots, ...]
) -> tuple[ReceiptLots, ...]:
    """Return both, one entry a receipt, in order of use."""
    lots_of: dict[ReceiptId, Lots] = {}
    for receipt_id, lots in (*first, *more):
        lots_of[receipt_id] = lots_of.get(receipt_id, 0) + lots
    return tuple(lots_of.items())


def take_out(venue: Venue, order: Order) -> None:
    """Take an order from wherever it stands, its account included; its cover stays held."""
    instrument = venue.instruments[order.instrument_id]
    if order.place == BOOK:
        (instrument.book.bids if order.side is _BUY else instrument.book.asks).remove(order)
        if not instrument.is_matched:
            del venue.offers[order.order_id]
    elif order.place == STOP:
        del instrument.stops[order.order_id]
    elif order.place == SUSPENDED:
        del instrument.suspended[order.order_id]
    if order.place != INCOMING:
        del order.account.orders[order.order_id]
    order.place = INCOMING


def withdraw(
    venue: Venue, order: Order, client_order_id: str, reason: CancelReason
) -> OrderCancelled:
    """Take an order from wherever it stands and free what it holds."""
    resting = order.place == BOOK
    take_out(venue, order)
    return release(venue, order, client_order_id, reason, resting=resting)


def release(
    venue: Venue, order: Order, client_order_id: str, reason: CancelReason, *, resting: bool
) -> OrderCancelled:
    """Free what an order holds for its open part, and say so."""
    freed = order.held_fen
    cancelled = order.open_lots
    receipts: tuple[ReceiptLots, ...] = ()
    if order.receipts:
        receipts = free_goods(venue, order)
    else:
        account = order.account
        account.held_fen -= freed
        account.available_fen += freed
        order.held_fen = 0
    order.open_lots = 0
    hidden, order.hidden_lots = order.hidden_lots, 0
    return OrderCancelled(
        order.order_id,
        order.firm_id,
        client_order_id,
        order.instrument_id,
        order.side,
        order.price_ticks,
        cancelled,
        freed,
        receipts,
        reason,
        resting,
        hidden if resting else 0,
    )


def reduce(venue: Venue, order: Order, lots: Lots, reason: CancelReason) -> OrderReduced:
    """Take `lots`, fewer than are open, from an order and free what they held.

    Of an iceberg in the book the shown part goes first; at least one shown lot must stay.
    """
    instrument = venue.instruments[order.instrument_id]
    order.open_lots -= lots
    freed = 0
    receipts: tuple[ReceiptLots, ...] = ()
    if order.side is _BUY:
        need = instrument.need_fen(order.price_ticks, order.open_lots)
        freed = order.held_fen - need
        order.held_fen = need
        order.account.held_fen -= freed
        order.account.available_fen += freed
    else:
        receipts = give_back(venue, order, lots)
    shown = 0
    if order.level is not None:
        shown = lots
        order.level.lots -= lots
    return OrderReduced(
        order.order_id,
        order.firm_id,
        order.instrument_id,
        order.side,
        order.price_ticks,
        lots,
        shown,
        order.open_lots,
        freed,
        receipts,
        reason,
    )
