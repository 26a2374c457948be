"""What traders ask: enter, lift, amend, cancel. All checks first; then nothing can fail."""

from __future__ import annotations

from typing import Final

from matching import continuous
from matching.commands import (
    AmendOrder,
    CancelOrder,
    EnterOrder,
    LiftOrder,
    Side,
    TimeInForce,
)
from matching.cover import Account, Receipt
from matching.events import (
    AnyEvent,
    CancelReason,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    ReceiptLots,
    RejectReason,
)
from matching.instrument import Instrument
from matching.limits import RECEIPTS_PER_ORDER
from matching.orders import Order
from matching.rules import (
    Allocation,
    Refusal,
    above_maximum,
    allocate,
    allocate_oldest,
    outside_band,
    refuse_entry,
    refuse_meeting,
    refuse_standing,
)
from matching.state import Venue
from matching.units import MAX_INT, Lots

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_DAY: Final = TimeInForce.DAY
_REQUESTED: Final = CancelReason.REQUESTED

Answer = Refusal | list[AnyEvent]


def enter(venue: Venue, account: Account, command: EnterOrder) -> Answer:
    """Enter an order: refuse it, or hold its cover, trade what crosses, rest or cancel the rest."""
    price = command.price_ticks
    lots = command.quantity_lots
    if not (0 < price <= MAX_INT and 0 < lots <= MAX_INT):
        return RejectReason.INVALID, ()
    if len(command.receipt_ids) > RECEIPTS_PER_ORDER:
        return RejectReason.LIMIT, (len(command.receipt_ids), RECEIPTS_PER_ORDER)
    instrument = venue.instruments.get(command.instrument_id)
    if instrument is None:
        return RejectReason.UNKNOWN_INSTRUMENT, (command.instrument_id,)
    refusal = refuse_entry(command, instrument, account, venue.halted)
    if refusal is not None:
        return refusal
    side = command.side
    taken: Allocation
    if side is _BUY:
        if command.receipt_ids:
            return RejectReason.RECEIPTS_ON_BUY, ()
        need = instrument.need_fen(price, lots)
        if need > account.available_fen:
            return RejectReason.CASH, (need, account.available_fen)
        taken = []
        account.available_fen -= need
        account.held_fen += need
    else:
        found = allocate(
            venue.goods, instrument, command.firm_id, command.receipt_ids, lots, venue.day
        )
        if type(found) is tuple:
            return found
        taken = found  # type: ignore[assignment]
        need = 0
        for receipt, used in taken:
            receipt.free_lots -= used
            receipt.held_lots += used
    venue.last_order_id += 1
    order = Order(
        venue.last_order_id,
        account,
        command.trader_id,
        command.instrument_id,
        side,
        command.tif,
        price,
        lots,
        need,
        taken,
    )
    events: list[AnyEvent] = [
        OrderEntered(
            order.order_id,
            command.firm_id,
            command.trader_id,
            command.client_order_id,
            command.instrument_id,
            side,
            command.tif,
            price,
            lots,
            need,
            receipt_lots(taken),
            0,
        )
    ]
    if instrument.is_matched:
        # Most orders meet nobody: look before calling, 4 % of all commands' time.
        across = instrument.book.asks if side is _BUY else instrument.book.bids
        best = across.best
        if best is not None and best.price_ticks * across.sign <= price * across.sign:
            continuous.match(venue, instrument, order, events)
    if order.open_lots:
        if command.tif is _DAY:
            events.append(continuous.rest(venue, instrument, order))
        else:
            events.append(release(order, "", CancelReason.IMMEDIATE, resting=False))
    return events


def lift(venue: Venue, account: Account, command: LiftOrder) -> Answer:
    """Take lots of one resting order of a `listed` book, at that order's own price."""
    lots = command.quantity_lots
    if not 0 < lots <= MAX_INT:
        return RejectReason.INVALID, ()
    if len(command.receipt_ids) > RECEIPTS_PER_ORDER:
        return RejectReason.LIMIT, (len(command.receipt_ids), RECEIPTS_PER_ORDER)
    maker = venue.orders.get(command.order_id)
    if maker is None:
        return RejectReason.UNKNOWN_ORDER, (command.order_id,)
    instrument = venue.instruments[maker.instrument_id]
    refusal = refuse_standing(instrument, account, venue.halted)
    if refusal is not None:
        return refusal
    if instrument.is_matched:
        return RejectReason.MODE, (int(instrument.terms.mode),)
    if maker.group_id == account.group_id:
        return RejectReason.RELATED_PARTY, (maker.order_id,)
    refusal = refuse_lifted_quantity(instrument, maker, lots) or outside_band(
        instrument, maker.price_ticks
    )
    if refusal is not None:
        return refusal
    refusal = above_maximum(instrument, maker.price_ticks, lots)
    if refusal is not None:
        return refusal
    side = _SELL if maker.side is _BUY else _BUY
    taken: Allocation = []
    need = 0
    if side is _BUY:
        if command.receipt_ids:
            return RejectReason.RECEIPTS_ON_BUY, ()
        need = instrument.need_fen(maker.price_ticks, lots)
        if need > account.available_fen:
            return RejectReason.CASH, (need, account.available_fen)
        account.available_fen -= need
        account.held_fen += need
    else:
        found = allocate(
            venue.goods, instrument, command.firm_id, command.receipt_ids, lots, venue.day
        )
        if isinstance(found, tuple):
            return found
        taken = found
        hold(taken)
    venue.last_order_id += 1
    order = Order(
        venue.last_order_id,
        account,
        command.trader_id,
        instrument.instrument_id,
        side,
        TimeInForce.IOC,
        maker.price_ticks,
        lots,
        need,
        taken,
    )
    entered = OrderEntered(
        order.order_id,
        command.firm_id,
        command.trader_id,
        command.client_order_id,
        instrument.instrument_id,
        side,
        TimeInForce.IOC,
        order.price_ticks,
        lots,
        need,
        receipt_lots(taken),
        maker.order_id,
    )
    return [entered, continuous.trade(venue, instrument, maker, order, lots)]


def refuse_lifted_quantity(instrument: Instrument, maker: Order, lots: Lots) -> Refusal | None:
    """Refuse a lift that leaves a remainder nobody could lift (rulebook 4.4).

    Less than the minimum is allowed only if it clears the remainder; what stays must be zero or
    at least the minimum.
    """
    terms = instrument.terms
    if lots > maker.open_lots:
        return RejectReason.EXCEEDS_OPEN, (lots, maker.open_lots)
    stays = maker.open_lots - lots
    if stays == 0:
        return None
    if lots < terms.min_lots:
        return RejectReason.BELOW_MINIMUM, (lots, terms.min_lots)
    if lots % terms.step_lots:
        return RejectReason.QUANTITY_STEP, (lots, terms.step_lots)
    if stays < terms.min_lots:
        return RejectReason.RESIDUAL, (stays, terms.min_lots)
    return None


def amend(venue: Venue, account: Account, command: AmendOrder) -> Answer:
    """Give a resting order a new price and total quantity; see `AmendOrder` for its priority."""
    price = command.price_ticks
    quantity = command.quantity_lots
    if not (0 < price <= MAX_INT and 0 < quantity <= MAX_INT):
        return RejectReason.INVALID, ()
    order = venue.orders.get(command.order_id)
    if order is None or order.firm_id != command.firm_id:
        return RejectReason.UNKNOWN_ORDER, (command.order_id,)
    instrument = venue.instruments[order.instrument_id]
    refusal = refuse_standing(instrument, account, venue.halted)
    if refusal is not None:
        return refusal
    executed = order.quantity_lots - order.open_lots
    if quantity <= executed:
        return RejectReason.BELOW_EXECUTED, (quantity, executed)
    if price == order.price_ticks and quantity == order.quantity_lots:
        return RejectReason.SAME, ()
    open_lots = quantity - executed
    refusal = refuse_meeting(instrument, order.side, price, open_lots, order.group_id, order)
    if refusal is None and quantity < instrument.terms.min_lots:
        refusal = RejectReason.BELOW_MINIMUM, (quantity, instrument.terms.min_lots)
    if refusal is None and quantity % instrument.terms.step_lots:
        refusal = RejectReason.QUANTITY_STEP, (quantity, instrument.terms.step_lots)
    if refusal is None:
        refusal = outside_band(instrument, price) or above_maximum(instrument, price, quantity)
    if refusal is not None:
        return refusal

    old_price, old_open, old_held = order.price_ticks, order.open_lots, order.held_fen
    old_receipts = receipt_lots(order.receipts)
    need = 0
    more: Allocation = []
    if order.side is _BUY:
        need = instrument.need_fen(price, open_lots)
        if need - old_held > account.available_fen:
            return RejectReason.CASH, (need - old_held, account.available_fen)
    elif open_lots > old_open:
        found = allocate_oldest(
            venue.goods, instrument, order.firm_id, open_lots - old_open, venue.day
        )
        if isinstance(found, tuple):
            return found
        more = found
        if len(order.receipts) + len(more) > RECEIPTS_PER_ORDER:
            return RejectReason.LIMIT, (len(order.receipts) + len(more), RECEIPTS_PER_ORDER)

    # From here on nothing can fail.
    keeps_priority = price == old_price and open_lots < old_open
    if keeps_priority:
        assert order.level is not None
        order.level.lots -= old_open - open_lots
    else:
        instrument.book.side(order.side).remove(order)
        del venue.orders[order.order_id]
        account.open_orders -= 1
    if order.side is _BUY:
        account.available_fen -= need - old_held
        account.held_fen += need - old_held
        order.held_fen = need
    elif open_lots > old_open:
        hold(more)
        order.receipts = merged(order.receipts, more)
    else:
        give_back(order, old_open - open_lots)
    order.price_ticks = price
    order.quantity_lots = quantity
    order.open_lots = open_lots
    events: list[AnyEvent] = [
        OrderAmended(
            order.order_id,
            order.firm_id,
            command.client_order_id,
            order.instrument_id,
            order.side,
            old_price,
            old_open,
            old_held,
            old_receipts,
            price,
            quantity,
            open_lots,
            order.held_fen,
            receipt_lots(order.receipts),
            keeps_priority,
        )
    ]
    if not keeps_priority:
        if instrument.is_matched:
            continuous.match(venue, instrument, order, events)
        if order.open_lots:
            events.append(continuous.rest(venue, instrument, order))
    return events


def cancel(venue: Venue, account: Account, command: CancelOrder) -> Answer:
    """Withdraw a resting order. Allowed in every phase, in halts and to suspended firms."""
    order = venue.orders.get(command.order_id)
    if order is None or order.firm_id != command.firm_id:
        return RejectReason.UNKNOWN_ORDER, (command.order_id,)
    book = venue.instruments[order.instrument_id].book
    (book.bids if order.side is _BUY else book.asks).remove(order)
    del venue.orders[order.order_id]
    account.open_orders -= 1
    return [release(order, command.client_order_id, _REQUESTED, resting=True)]


def withdraw(
    venue: Venue, order: Order, client_order_id: str, reason: CancelReason
) -> OrderCancelled:
    """Take a resting order out of its book and free what it holds."""
    book = venue.instruments[order.instrument_id].book
    (book.bids if order.side is _BUY else book.asks).remove(order)
    del venue.orders[order.order_id]
    order.account.open_orders -= 1
    return release(order, client_order_id, reason, resting=True)


def release(
    order: Order, client_order_id: str, reason: CancelReason, *, resting: bool
) -> OrderCancelled:
    """Free what an order holds for its open part, and say so."""
    freed = order.held_fen
    cancelled = order.open_lots
    receipts: tuple[ReceiptLots, ...] = ()
    if order.receipts:
        if len(order.receipts) == 1:
            receipt, lots = order.receipts[0]
            receipt.held_lots -= lots
            receipt.free_lots += lots
            receipts = ((receipt.receipt_id, lots),)
        else:
            receipts = receipt_lots(order.receipts)
            for receipt, lots in order.receipts:
                receipt.held_lots -= lots
                receipt.free_lots += lots
        order.receipts = []
    else:
        account = order.account
        account.held_fen -= freed
        account.available_fen += freed
        order.held_fen = 0
    order.open_lots = 0
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
    )


def hold(taken: Allocation) -> None:
    """Move the allocated lots of each receipt from free to held."""
    for receipt, lots in taken:
        receipt.free_lots -= lots
        receipt.held_lots += lots


def give_back(order: Order, lots: Lots) -> None:
    """Free `lots` of the goods that an order holds, those it would use last first."""
    while lots:
        receipt, held = order.receipts[-1]
        freed = min(held, lots)
        receipt.held_lots -= freed
        receipt.free_lots += freed
        lots -= freed
        if freed == held:
            order.receipts.pop()
        else:
            order.receipts[-1] = (receipt, held - freed)


def merged(first: Allocation, more: Allocation) -> Allocation:
    """Return both allocations, one entry a receipt, in order of use."""
    lots_of: dict[int, tuple[Receipt, Lots]] = {}
    for receipt, lots in (*first, *more):
        before = lots_of.get(receipt.receipt_id)
        lots_of[receipt.receipt_id] = (receipt, lots + (before[1] if before else 0))
    return list(lots_of.values())


def receipt_lots(taken: Allocation) -> tuple[ReceiptLots, ...]:
    """Return the allocation as events state it."""
    if len(taken) == 1:
        receipt, lots = taken[0]
        return ((receipt.receipt_id, lots),)
    return tuple([(receipt.receipt_id, lots) for receipt, lots in taken])
