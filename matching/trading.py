"""What traders ask: enter, lift, amend, cancel. All checks first; then nothing can fail."""

from __future__ import annotations

from typing import Final

from matching import continuous
from matching.commands import (
    AmendOrder,
    CancelOrder,
    ClientCommand,
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
    OrderRested,
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
    rejected,
)
from matching.state import Venue
from matching.units import MAX_INT, Lots

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_DAY: Final = TimeInForce.DAY
_REQUESTED: Final = CancelReason.REQUESTED


def enter(venue: Venue, account: Account, command: EnterOrder) -> tuple[AnyEvent, ...]:
    """Enter an order: refuse it, or hold its cover, trade what crosses, rest or cancel the rest."""
    price = command.price_ticks
    lots = command.quantity_lots
    receipt_ids = command.receipt_ids
    if not (0 < price <= MAX_INT and 0 < lots <= MAX_INT):
        return refuse(command, (RejectReason.INVALID, ()))
    if receipt_ids and len(receipt_ids) > RECEIPTS_PER_ORDER:
        return refuse(command, (RejectReason.LIMIT, (len(receipt_ids), RECEIPTS_PER_ORDER)))
    instrument_id = command.instrument_id
    try:
        instrument = venue.instruments[instrument_id]
    except KeyError:
        return refuse(command, (RejectReason.UNKNOWN_INSTRUMENT, (instrument_id,)))
    refusal = refuse_entry(command, instrument, account, venue.halted)
    if refusal is not None:
        return refuse(command, refusal)
    side = command.side
    taken: Allocation = []
    held: tuple[ReceiptLots, ...] = ()
    need = 0
    if side is _BUY:
        if receipt_ids:
            return refuse(command, (RejectReason.RECEIPTS_ON_BUY, ()))
        need = instrument.hold_fen(price * lots * instrument.lot_tick_fen)
        if need > account.available_fen:
            return refuse(command, (RejectReason.CASH, (need, account.available_fen)))
        account.available_fen -= need
        account.held_fen += need
        own, across = instrument.book.bids, instrument.book.asks
    else:
        found = allocate(venue.goods, instrument, account.firm_id, receipt_ids, lots, venue.day)
        if type(found) is tuple:
            return refuse(command, found)
        taken = found  # type: ignore[assignment]
        held = hold(taken)
        own, across = instrument.book.asks, instrument.book.bids
    order_id = venue.last_order_id = venue.last_order_id + 1
    trader_id = command.trader_id
    tif = command.tif
    order = Order(
        order_id, account, trader_id, instrument_id, side, tif, price, lots, need, taken
    )  # fmt: skip
    entered = OrderEntered(
        order_id,
        account.firm_id,
        trader_id,
        command.client_order_id,
        instrument_id,
        side,
        tif,
        price,
        lots,
        need,
        held,
        0,
    )
    best = across.best
    # Most orders meet nobody: what follows for those is written out, 10 % of all commands' time.
    if tif is _DAY and (
        best is None
        or not instrument.is_matched
        or best.price_ticks * across.sign > price * across.sign
    ):
        own.add(order)
        venue.orders[order_id] = order
        account.open_orders += 1
        return (
            entered,
            OrderRested(order_id, account.firm_id, instrument_id, side, price, lots),
        )
    events: list[AnyEvent] = [entered]
    continuous.match(venue, instrument, order, events)
    if order.open_lots:
        if tif is _DAY:
            events.append(continuous.rest(venue, instrument, order))
        else:
            events.append(release(order, "", CancelReason.IMMEDIATE, resting=False))
    return tuple(events)


def lift(venue: Venue, account: Account, command: LiftOrder) -> tuple[AnyEvent, ...]:
    """Take lots of one resting order of a `listed` book, at that order's own price."""
    maker = venue.orders.get(command.order_id)
    refusal = refuse_lift(venue, account, command, maker)
    if refusal is not None:
        return refuse(command, refusal)
    assert maker is not None
    instrument = venue.instruments[maker.instrument_id]
    lots = command.quantity_lots
    side = _SELL if maker.side is _BUY else _BUY
    taken: Allocation = []
    need = 0
    if side is _BUY:
        if command.receipt_ids:
            return refuse(command, (RejectReason.RECEIPTS_ON_BUY, ()))
        need = instrument.need_fen(maker.price_ticks, lots)
        if need > account.available_fen:
            return refuse(command, (RejectReason.CASH, (need, account.available_fen)))
        account.available_fen -= need
        account.held_fen += need
    else:
        found = allocate(
            venue.goods, instrument, command.firm_id, command.receipt_ids, lots, venue.day
        )
        if isinstance(found, tuple):
            return refuse(command, found)
        taken = found
    held = hold(taken)
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
        held,
        maker.order_id,
    )
    return (entered, continuous.trade(venue, instrument, maker, order, lots))


def refuse_lift(
    venue: Venue, account: Account, command: LiftOrder, maker: Order | None
) -> Refusal | None:
    """Return why `maker` may not be lifted, cover apart, or None."""
    lots = command.quantity_lots
    if not 0 < lots <= MAX_INT:
        return RejectReason.INVALID, ()
    if len(command.receipt_ids) > RECEIPTS_PER_ORDER:
        return RejectReason.LIMIT, (len(command.receipt_ids), RECEIPTS_PER_ORDER)
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
    return (
        refuse_lifted_quantity(instrument, maker, lots)
        or outside_band(instrument, maker.price_ticks)
        or above_maximum(instrument, maker.price_ticks, lots)
    )


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


def amend(venue: Venue, account: Account, command: AmendOrder) -> tuple[AnyEvent, ...]:
    """Give a resting order a new price and total quantity; see `AmendOrder` for its priority."""
    order = venue.orders.get(command.order_id)
    refusal = refuse_amendment(venue, account, command, order)
    if refusal is not None:
        return refuse(command, refusal)
    assert order is not None
    price = command.price_ticks
    quantity = command.quantity_lots
    instrument = venue.instruments[order.instrument_id]
    open_lots = quantity - (order.quantity_lots - order.open_lots)
    old_price, old_open, old_held = order.price_ticks, order.open_lots, order.held_fen
    old_receipts = receipt_lots(order.receipts)
    need = 0
    more: Allocation = []
    if order.side is _BUY:
        need = instrument.need_fen(price, open_lots)
        if need - old_held > account.available_fen:
            return refuse(command, (RejectReason.CASH, (need - old_held, account.available_fen)))
    elif open_lots > old_open:
        found = allocate_oldest(
            venue.goods, instrument, order.firm_id, open_lots - old_open, venue.day
        )
        if isinstance(found, tuple):
            return refuse(command, found)
        more = found
        receipts = len(order.receipts) + len(more)
        if receipts > RECEIPTS_PER_ORDER:
            return refuse(command, (RejectReason.LIMIT, (receipts, RECEIPTS_PER_ORDER)))

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
    return tuple(events)


def refuse_amendment(
    venue: Venue, account: Account, command: AmendOrder, order: Order | None
) -> Refusal | None:
    """Return why `order` may not be amended so, cover apart, or None."""
    price = command.price_ticks
    quantity = command.quantity_lots
    if not (0 < price <= MAX_INT and 0 < quantity <= MAX_INT):
        return RejectReason.INVALID, ()
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
    refusal = refuse_meeting(instrument, order.side, price, quantity - executed, order.group_id)
    if refusal is not None:
        return refusal
    terms = instrument.terms
    if quantity < terms.min_lots:
        return RejectReason.BELOW_MINIMUM, (quantity, terms.min_lots)
    if quantity % terms.step_lots:
        return RejectReason.QUANTITY_STEP, (quantity, terms.step_lots)
    return outside_band(instrument, price) or above_maximum(instrument, price, quantity)


def cancel(venue: Venue, account: Account, command: CancelOrder) -> tuple[AnyEvent, ...]:
    """Withdraw a resting order. Allowed in every phase, in halts and to suspended firms."""
    order_id = command.order_id
    orders = venue.orders
    if order_id not in orders or orders[order_id].account is not account:
        return refuse(command, (RejectReason.UNKNOWN_ORDER, (order_id,)))
    # `withdraw`, written out: four commands of ten come here.
    order = orders.pop(order_id)
    book = venue.instruments[order.instrument_id].book
    (book.bids if order.side is _BUY else book.asks).remove(order)
    account.open_orders -= 1
    return (release(order, command.client_order_id, _REQUESTED, resting=True),)


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


def hold(taken: Allocation) -> tuple[ReceiptLots, ...]:
    """Move the allocated lots of each receipt from free to held; return them as events say it."""
    for receipt, lots in taken:
        receipt.free_lots -= lots
        receipt.held_lots += lots
    return receipt_lots(taken)


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


def refuse(command: ClientCommand, refusal: Refusal) -> tuple[AnyEvent, ...]:
    """Return the refusal of a trader's command as its whole answer."""
    return rejected(command.firm_id, command.client_order_id, *refusal)


def receipt_lots(taken: Allocation) -> tuple[ReceiptLots, ...]:
    """Return the allocation as events state it."""
    if len(taken) == 1:
        receipt, lots = taken[0]
        return ((receipt.receipt_id, lots),)
    return tuple([(receipt.receipt_id, lots) for receipt, lots in taken])
