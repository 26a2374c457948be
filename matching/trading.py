"""What traders ask: enter, amend, cancel, one or many. All checks first; then nothing can fail."""

from __future__ import annotations

from typing import Final

from matching import continuous
from matching.checks import PLAIN, Wish, first_refusal, note_entered
from matching.commands import (
    AmendOrder,
    CancelOrder,
    ClientCommand,
    MassCancel,
    Mode,
    Phase,
    SelfMatch,
    Side,
    TimeInForce,
)
from matching.cover import Account, Receipt
from matching.events import (
    AnyEvent,
    CancelReason,
    OrderAmended,
    OrderRested,
    OrdersWithdrawn,
    ReceiptLots,
    RejectReason,
)
from matching.holding import (
    give_back,
    hold_goods,
    merged,
    take_out,
    withdraw,
)
from matching.limits import RECEIPTS_PER_ORDER
from matching.locks import too_many_holders
from matching.orders import BOOK, INCOMING, STOP, SUSPENDED, Order
from matching.rules import Allocation, Refusal, allocate_oldest, rejected
from matching.state import Venue
from matching.units import MAX_INT, ReceiptId

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY
_DAY: Final = TimeInForce.DAY
_IOC: Final = TimeInForce.IOC
_CALL: Final = Phase.CALL
_GTC: Final = TimeInForce.GTC
_REFUSE_NEWEST: Final = SelfMatch.REFUSE_NEWEST
_REQUESTED: Final = CancelReason.REQUESTED
_NOTHING: Final[dict[ReceiptId, Receipt]] = {}


def amend(venue: Venue, account: Account, command: AmendOrder) -> tuple[AnyEvent, ...]:
    """Give a resting order a new price and total quantity; see `AmendOrder` for its priority."""
    order_id = command.order_id
    price = command.price_ticks
    quantity = command.quantity_lots
    if not (0 < price <= MAX_INT and 0 < quantity <= MAX_INT):
        return refuse(command, (RejectReason.INVALID, ()))
    orders = account.orders
    if order_id not in orders:
        return refuse(command, (RejectReason.UNKNOWN_ORDER, (order_id,)))
    order = orders[order_id]
    instrument = venue.instruments[order.instrument_id]
    terms = instrument.terms
    side = order.side
    old_price, old_open, old_held = order.price_ticks, order.open_lots, order.held_fen
    old_hidden = order.hidden_lots
    open_lots = quantity - (order.quantity_lots - old_open)
    if side is _BUY:
        own = instrument.bids
        best = instrument.asks.best
        meets = best is not None and best.price_ticks <= price
    else:
        own = instrument.asks
        best = instrument.bids.best
        meets = best is not None and best.price_ticks >= price
    wish = None
    # As in `enter`: true whenever anything could refuse. The resale lock cannot: what it forbids
    # has left the book.
    if (
        meets
        or order.place != BOOK
        or order.special is not None
        or not instrument.is_plain
        or account.is_bounded
        or venue.halted
        or open_lots <= 0
        or (price == old_price and open_lots == old_open)
        or quantity < terms.min_lots
        or quantity % terms.step_lots
        or quantity > terms.max_lots
        or not instrument.low_ticks <= price <= instrument.high_ticks
        or price * quantity * instrument.lot_tick_fen > terms.max_value_fen
    ):
        refusal = refuse_amendment(order, price, quantity)
        if refusal is not None:
            return refuse(command, refusal)
        wish = Wish(
            account, command.trader_id, instrument, side, order.tif, price, open_lots,
            order.special or PLAIN, open_lots - old_open,
            instrument.largest_value_fen(price, open_lots)
            - instrument.largest_value_fen(old_price, old_open),
            order,
        )  # fmt: skip
        refusal = first_refusal(venue, wish)
        if refusal is not None:
            return refuse(command, refusal)
    old_receipts: tuple[ReceiptLots, ...] = ()
    need = 0
    more: Allocation = []
    if side is _BUY:
        need = instrument.need_fen(price, open_lots)
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
            if venue.goods.full_roots and instrument.is_matched:
                taken = tuple([(receipt.receipt_id, used) for receipt, used in more])
                refusal = too_many_holders(venue, taken, 0)
                if refusal is not None:
                    return refuse(command, refusal)

    # From here on nothing can fail.
    if wish is not None:
        note_entered(wish)
    keeps_priority = price == old_price and open_lots < old_open
    if keeps_priority:
        assert order.level is not None
        order.hidden_lots = max(old_hidden - (old_open - open_lots), 0)
        order.level.lots -= (old_open - old_hidden) - (open_lots - order.hidden_lots)
        order.level.hidden_lots -= old_hidden - order.hidden_lots
    elif instrument.is_matched:
        own.remove(order)
        del orders[order_id]
        order.place = INCOMING
        order.hidden_lots = 0
    else:
        take_out(venue, order)
        order.hidden_lots = 0
    new_receipts = old_receipts
    if side is _BUY:
        account.available_fen -= need - old_held
        account.held_fen += need - old_held
        order.held_fen = need
    elif open_lots != old_open:
        if more:
            order.receipts = merged(old_receipts, hold_goods(more))
        else:
            give_back(venue, order, old_open - open_lots)
        new_receipts = order.receipts
    order.price_ticks = price
    order.quantity_lots = quantity
    order.open_lots = open_lots
    firm_id, instrument_id = account.firm_id, order.instrument_id
    amended = OrderAmended(
        order_id, firm_id, command.client_order_id, instrument_id, side,
        old_price, old_open - old_hidden, old_held, old_receipts,
        price, quantity, open_lots - order.hidden_lots, order.held_fen, new_receipts,
        keeps_priority, old_hidden, order.hidden_lots,
    )  # fmt: skip
    if keeps_priority:
        return (amended,)
    if not meets and order.special is None and instrument.is_matched:
        order.place = BOOK
        own.add(order)
        orders[order_id] = order
        return amended, OrderRested(order_id, firm_id, instrument_id, side, price, open_lots)
    events: list[AnyEvent] = [amended]
    continuous.arrive(venue, instrument, order, events)
    if instrument.stops:
        continuous.trigger_stops(venue, instrument, events)
    return tuple(events)


def refuse_amendment(order: Order, price: int, quantity: int) -> Refusal | None:
    """Return why an order cannot be amended so at all, or None."""
    if order.place in (STOP, SUSPENDED):
        return RejectReason.NOT_AMENDABLE, (order.order_id,)
    if order.place != BOOK:
        return RejectReason.UNKNOWN_ORDER, (order.order_id,)
    executed = order.quantity_lots - order.open_lots
    if quantity <= executed:
        return RejectReason.BELOW_EXECUTED, (quantity, executed)
    if price == order.price_ticks and quantity == order.quantity_lots:
        return RejectReason.SAME, ()
    return None


def cancel(venue: Venue, account: Account, command: CancelOrder) -> tuple[AnyEvent, ...]:
    """Withdraw an order. Allowed in every phase, in halts and to suspended firms."""
    order_id = command.order_id
    orders = account.orders
    if order_id not in orders:
        return refuse(command, (RejectReason.UNKNOWN_ORDER, (order_id,)))
    order = orders[order_id]
    if venue.instruments[order.instrument_id].terms.mode not in (Mode.MATCHED, Mode.LISTED):
        return refuse(command, (RejectReason.UNKNOWN_ORDER, (order_id,)))
    return (withdraw(venue, order, command.client_order_id, _REQUESTED),)


def mass_cancel(venue: Venue, account: Account, command: MassCancel) -> tuple[AnyEvent, ...]:
    """Withdraw every order of the firm that fits the filters, oldest first."""
    fitting = [
        order
        for order in account.orders.values()
        if (not command.only_trader_id or order.trader_id == command.only_trader_id)
        and (not command.only_instrument_id or order.instrument_id == command.only_instrument_id)
        and (not command.only_side or order.side == command.only_side)
    ]
    cancelled = cancel_all(venue, fitting, CancelReason.MASS)
    done = OrdersWithdrawn(account.firm_id, command.client_order_id, len(cancelled))
    return (done, *cancelled)


def cancel_all(venue: Venue, orders: list[Order], reason: CancelReason) -> list[AnyEvent]:
    """Withdraw the orders that stand in a book, wait or are suspended; proposals and bids stay."""
    return [
        withdraw(venue, order, "", reason)
        for order in orders
        if order.place in (BOOK, STOP, SUSPENDED)
    ]


def refuse(command: ClientCommand, refusal: Refusal) -> tuple[AnyEvent, ...]:
    """Return the refusal of a trader's command as its whole answer."""
    return rejected(command.firm_id, command.client_order_id, *refusal)
