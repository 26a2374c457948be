"""What traders ask: enter, lift, amend, cancel. All checks first; then nothing can fail."""

from __future__ import annotations

from typing import Final

from matching import continuous
from matching.commands import (
    AmendOrder,
    CancelOrder,
    ClientCommand,
    EnterOrder,
    FirmStatus,
    LiftOrder,
    Phase,
    Side,
    TimeInForce,
)
from matching.cover import Account
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
from matching.limits import OPEN_ORDERS_PER_FIRM, RECEIPTS_PER_ORDER
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
from matching.units import MAX_INT, Lots, ReceiptId

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_DAY: Final = TimeInForce.DAY
_CONTINUOUS: Final = Phase.CONTINUOUS
_ACTIVE: Final = FirmStatus.ACTIVE
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
    side = command.side
    tif = command.tif
    terms = instrument.terms
    if side is _BUY:
        own, across = instrument.book.bids, instrument.book.asks
        best = across.best
        meets = best is not None and best.price_ticks <= price
    else:
        own, across = instrument.book.asks, instrument.book.bids
        best = across.best
        meets = best is not None and best.price_ticks >= price
    value = price * lots * instrument.lot_tick_fen
    # Whatever could refuse makes this true; then the checks are asked in their order. Most orders
    # meet nobody and need none of them: a fifth of their time.
    if (
        meets
        or not instrument.is_matched
        or venue.halted
        or instrument.halted
        or instrument.phase is not _CONTINUOUS
        or account.halted
        or account.status is not _ACTIVE
        or lots < terms.min_lots
        or lots % terms.step_lots
        or lots > terms.max_lots
        or not instrument.low_ticks <= price <= instrument.high_ticks
        or value > terms.max_value_fen
        or account.open_orders >= OPEN_ORDERS_PER_FIRM
    ):
        refusal = refuse_entry(command, instrument, account, venue.halted)
        if refusal is not None:
            return refuse(command, refusal)
    held: tuple[ReceiptLots, ...] = ()
    need = 0
    if side is _BUY:
        if receipt_ids:
            return refuse(command, (RejectReason.RECEIPTS_ON_BUY, ()))
        # `units.hold_fen`, written out.
        need = (
            -(-value * instrument.covered // 100_000_000)
            + value * instrument.tolerance // 10_000 * instrument.fee_bp // 10_000
        )
        available = account.available_fen
        if need > available:
            return refuse(command, (RejectReason.CASH, (need, available)))
        account.available_fen = available - need
        account.held_fen += need
    else:
        found = allocate(venue.goods, instrument, account.firm_id, receipt_ids, lots, venue.day)
        if isinstance(found, tuple):
            return refuse(command, found)
        held = hold(found)
    order_id = venue.last_order_id = venue.last_order_id + 1
    trader_id = command.trader_id
    firm_id = account.firm_id
    order = Order(
        order_id, account, firm_id, account.group_id, trader_id, instrument_id, side, tif,
        price, lots, lots, need, held,
    )  # fmt: skip
    entered = OrderEntered(
        order_id, firm_id, trader_id, command.client_order_id, instrument_id, side, tif,
        price, lots, need, held, 0,
    )  # fmt: skip
    # What follows for an order that meets nobody is written out.
    if tif is _DAY and not (meets and instrument.is_matched):
        own.add(order)
        venue.orders[order_id] = order
        account.open_orders += 1
        return entered, OrderRested(order_id, firm_id, instrument_id, side, price, lots)
    events: list[AnyEvent] = [entered]
    continuous.match(venue, instrument, order, events)
    if order.open_lots:
        if tif is _DAY:
            events.append(continuous.rest(venue, instrument, order))
        else:
            events.append(release(venue, order, "", CancelReason.IMMEDIATE, resting=False))
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
    held: tuple[ReceiptLots, ...] = ()
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
        held = hold(found)
    venue.last_order_id += 1
    order = Order(
        venue.last_order_id,
        account,
        account.firm_id,
        account.group_id,
        command.trader_id,
        instrument.instrument_id,
        side,
        TimeInForce.IOC,
        maker.price_ticks,
        lots,
        lots,
        need,
        held,
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
    orders = venue.orders
    order_id = command.order_id
    price = command.price_ticks
    quantity = command.quantity_lots
    if order_id not in orders or not (0 < price <= MAX_INT and 0 < quantity <= MAX_INT):
        refusal = refuse_amendment(venue, account, command, orders.get(order_id))
        assert refusal is not None
        return refuse(command, refusal)
    order = orders[order_id]
    instrument = venue.instruments[order.instrument_id]
    terms = instrument.terms
    side = order.side
    old_price, old_open, old_held = order.price_ticks, order.open_lots, order.held_fen
    open_lots = quantity - (order.quantity_lots - old_open)
    if side is _BUY:
        own = instrument.book.bids
        best = instrument.book.asks.best
        meets = best is not None and best.price_ticks <= price
    else:
        own = instrument.book.asks
        best = instrument.book.bids.best
        meets = best is not None and best.price_ticks >= price
    # As in `enter`: true whenever anything could refuse.
    if (
        meets
        or order.account is not account
        or not instrument.is_matched
        or venue.halted
        or instrument.halted
        or instrument.phase is not _CONTINUOUS
        or account.halted
        or account.status is not _ACTIVE
        or open_lots <= 0
        or (price == old_price and open_lots == old_open)
        or quantity < terms.min_lots
        or quantity % terms.step_lots
        or quantity > terms.max_lots
        or not instrument.low_ticks <= price <= instrument.high_ticks
        or price * quantity * instrument.lot_tick_fen > terms.max_value_fen
    ):
        refusal = refuse_amendment(venue, account, command, order)
        if refusal is not None:
            return refuse(command, refusal)
    old_receipts: tuple[ReceiptLots, ...] = ()
    need = 0
    more: Allocation = []
    if side is _BUY:
        # `Instrument.need_fen`, written out.
        value = price * open_lots * instrument.lot_tick_fen
        need = (
            -(-value * instrument.covered // 100_000_000)
            + value * instrument.tolerance // 10_000 * instrument.fee_bp // 10_000
        )
        if need - old_held > account.available_fen:
            return refuse(command, (RejectReason.CASH, (need - old_held, account.available_fen)))
    else:
        old_receipts = order.receipts
        if open_lots > old_open:
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
        own.remove(order)
        del orders[order_id]
        account.open_orders -= 1
    new_receipts = old_receipts
    if side is _BUY:
        account.available_fen -= need - old_held
        account.held_fen += need - old_held
        order.held_fen = need
    elif open_lots != old_open:
        if more:
            order.receipts = merged(old_receipts, hold(more))
        else:
            give_back(venue, order, old_open - open_lots)
        new_receipts = order.receipts
    order.price_ticks = price
    order.quantity_lots = quantity
    order.open_lots = open_lots
    firm_id, instrument_id = order.firm_id, order.instrument_id
    amended = OrderAmended(
        order_id, firm_id, command.client_order_id, instrument_id, side,
        old_price, old_open, old_held, old_receipts,
        price, quantity, open_lots, order.held_fen, new_receipts, keeps_priority,
    )  # fmt: skip
    if keeps_priority:
        return (amended,)
    if not (meets and instrument.is_matched):
        own.add(order)
        orders[order_id] = order
        account.open_orders += 1
        return amended, OrderRested(order_id, firm_id, instrument_id, side, price, open_lots)
    events: list[AnyEvent] = [amended]
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
    # `withdraw` and `release`, written out: four commands of ten come here, and what they touch
    # has long left the processor's cache, so each field is read once.
    order = orders.pop(order_id)
    side = order.side
    lots = order.open_lots
    instrument_id = order.instrument_id
    book = venue.instruments[instrument_id].book
    account.open_orders -= 1
    freed = 0
    freed_receipts: tuple[ReceiptLots, ...] = ()
    if side is _BUY:
        book.bids.remove(order)
        freed = order.held_fen
        account.held_fen -= freed
        account.available_fen += freed
        order.held_fen = 0
    else:
        book.asks.remove(order)
        freed_receipts = free(venue, order)
    order.open_lots = 0
    return (
        OrderCancelled(
            order_id, account.firm_id, command.client_order_id, instrument_id, side,
            order.price_ticks, lots, freed, freed_receipts, _REQUESTED, True,
        ),
    )  # fmt: skip


def withdraw(
    venue: Venue, order: Order, client_order_id: str, reason: CancelReason
) -> OrderCancelled:
    """Take a resting order out of its book and free what it holds."""
    book = venue.instruments[order.instrument_id].book
    (book.bids if order.side is _BUY else book.asks).remove(order)
    del venue.orders[order.order_id]
    order.account.open_orders -= 1
    return release(venue, order, client_order_id, reason, resting=True)


def release(
    venue: Venue, order: Order, client_order_id: str, reason: CancelReason, *, resting: bool
) -> OrderCancelled:
    """Free what an order holds for its open part, and say so."""
    freed = order.held_fen
    cancelled = order.open_lots
    receipts: tuple[ReceiptLots, ...] = ()
    if order.receipts:
        receipts = free(venue, order)
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


def free(venue: Venue, order: Order) -> tuple[ReceiptLots, ...]:
    """Move the goods that an order holds from held to free; return them."""
    held = order.receipts
    order.receipts = ()
    by_id = venue.goods.by_id
    for receipt_id, lots in held:
        receipt = by_id[receipt_id]
        receipt.held_lots -= lots
        receipt.free_lots += lots
    return held


def hold(taken: Allocation) -> tuple[ReceiptLots, ...]:
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


def give_back(venue: Venue, order: Order, lots: Lots) -> None:
    """Free `lots` of the goods that an order holds, those it would use last first."""
    kept = list(order.receipts)
    while lots:
        receipt_id, held = kept.pop()
        receipt = venue.goods.by_id[receipt_id]
        freed = min(held, lots)
        receipt.held_lots -= freed
        receipt.free_lots += freed
        lots -= freed
        if freed < held:
            kept.append((receipt_id, held - freed))
    order.receipts = tuple(kept)


def merged(
    first: tuple[ReceiptLots, ...], more: tuple[ReceiptLots, ...]
) -> tuple[ReceiptLots, ...]:
    """Return both, one entry a receipt, in order of use."""
    lots_of: dict[ReceiptId, Lots] = {}
    for receipt_id, lots in (*first, *more):
        lots_of[receipt_id] = lots_of.get(receipt_id, 0) + lots
    return tuple(lots_of.items())


def refuse(command: ClientCommand, refusal: Refusal) -> tuple[AnyEvent, ...]:
    """Return the refusal of a trader's command as its whole answer."""
    return rejected(command.firm_id, command.client_order_id, *refusal)
