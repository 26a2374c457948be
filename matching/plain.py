"""The short way of the plainest commands: nine of ten that a venue gets.

A plain order of an open, matched instrument, and the cancellation or amendment of one that rests
there, are done here, written flat: few calls, every test by hand, fields set one by one. It only
decides that nothing could refuse; where anything could, the command goes the long way, which is
the rule (`special.enter_special`, `trading.cancel`, `trading.amend`). It takes half the bytecodes
of the long way, and `tests/matching/test_plain.py` holds both together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from matching import continuous
from matching.commands import AmendOrder, AnyCommand, CancelOrder, EnterOrder, Side, TimeInForce
from matching.cover import TOKEN, Account, Receipt
from matching.events import (
    AnyEvent,
    CancelReason,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    OrderRested,
    ReceiptLots,
)
from matching.instrument import Instrument
from matching.limits import AHEAD_US, DEDUP_WINDOW_US, ID_LENGTH, OPEN_ORDERS_PER_FIRM
from matching.locks import locked
from matching.orders import BOOK, Order, new_order
from matching.rules import refuse_meeting
from matching.special import enter_special
from matching.state import Venue
from matching.trading import amend, cancel
from matching.units import INT_BITS, FirmId, InstrumentId, Lots, Micros, ReceiptId

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY
_DAY: Final = TimeInForce.DAY
_IOC: Final = TimeInForce.IOC
_GTC: Final = TimeInForce.GTC
_REQUESTED: Final = CancelReason.REQUESTED
_IMMEDIATE: Final = CancelReason.IMMEDIATE

_AGE_MOST_US: Final = DEDUP_WINDOW_US + AHEAD_US
_NO_SHELVES: Final[dict[InstrumentId, dict[ReceiptId, Receipt]]] = {}
_NO_RECEIPTS: Final[dict[ReceiptId, Receipt]] = {}


def apply_all(
    venue: Venue,
    commands: Sequence[AnyCommand],
    otherwise: Callable[[AnyCommand, int], tuple[AnyEvent, ...]],
) -> list[tuple[AnyEvent, ...]]:
    """Execute or refuse commands of the block one after the other; return each one's events.

    `otherwise(command, index)` answers whatever is neither plain nor well-formed, new and in time;
    `index` is the command's place in the block.
    """
    accounts = venue.accounts
    instruments = venue.instruments
    goods = venue.goods
    oldest_us = venue.oldest_us
    heard = venue.heard
    first = len(heard.commands)
    # Kept in one go: what the window does not keep is taken out again, which is rare.
    heard.commands.extend(commands)  # type: ignore[arg-type]
    is_roomy = has_room(accounts, len(commands))
    answers: list[tuple[AnyEvent, ...]] = []
    give = answers.append
    command: Any
    for command in commands:
        kind = type(command)
        if kind is not EnterOrder and kind is not CancelOrder and kind is not AmendOrder:
            is_roomy = False  # it may set limits
            give(otherwise(command, first + len(answers)))
            continue
        firm_id = command.firm_id
        # Subscripts rather than `get`: three times cheaper where the key is there.
        try:
            account: Account = accounts[firm_id]
        except KeyError:
            give(otherwise(command, first + len(answers)))
            continue
        client_order_id: str = command.client_order_id
        remembered = account.remembered
        age_us: Micros = command.at_us - oldest_us
        if (
            client_order_id in remembered
            or age_us < 0
            or age_us > _AGE_MOST_US
            or not client_order_id
            or len(client_order_id) > ID_LENGTH
            or command.trader_id >> INT_BITS  # negative or too large, in one step
            or (not is_roomy and len(remembered) >= account.remember_most)
            or (
                account.orders_per_s
                and kind is not CancelOrder
                and not take_token(account, venue.ts_us)
            )
        ):
            give(otherwise(command, first + len(answers)))
            continue
        remembered[client_order_id] = heard
        orders = account.orders

        if kind is EnterOrder:
            entry: EnterOrder = command
            instrument_id = entry.instrument_id
            try:
                instrument = instruments[instrument_id]
            except KeyError:
                give(enter_special(venue, account, entry))
                continue
            price = entry.price_ticks
            lots = entry.quantity_lots
            tif = entry.tif
            units = price * lots
            if (
                not instrument.is_plain
                or account.is_bounded
                or venue.halted
                or price < instrument.warn_low_ticks
                or price > instrument.warn_high_ticks
                or lots < instrument.min_lots
                or lots > instrument.max_lots
                or lots % instrument.step_lots
                or units > instrument.max_units
                or entry.special is not None
                or entry.receipt_ids
                or (tif is not _DAY and tif is not _GTC and tif is not _IOC)
                or (not is_roomy and len(orders) >= OPEN_ORDERS_PER_FIRM)
                or (
                    instrument.has_lock
                    and locked(venue, instrument, account.group_id, entry.side) is not None
                )
            ):
                give(enter_special(venue, account, entry))
                continue
            side = entry.side
            if side is _BUY:
                if instrument.asks.best_ticks <= price or tif is _IOC:
                    give(cross(venue, account, entry, instrument))
                    continue
                own = instrument.bids
                key = -price
                held: tuple[ReceiptLots, ...] = ()
                need = units * instrument.tick_cover // 10_000
                available = account.available_fen
                if need > available:
                    give(enter_special(venue, account, entry))
                    continue
                account.available_fen = available - need
                account.held_fen += need
            else:
                if instrument.bids.best_ticks >= price or tif is _IOC:
                    give(cross(venue, account, entry, instrument))
                    continue
                own = instrument.asks
                key = price
                need = 0
                # Most sales fit the firm's oldest receipt, which then holds them all.
                receipt = oldest(venue, firm_id, instrument_id, lots)
                if receipt is None:
                    give(enter_special(venue, account, entry))
                    continue
                receipt.free_lots -= lots
                receipt.held_lots += lots
                held = ((receipt.receipt_id, lots),)
            order_id = venue.last_order_id = venue.last_order_id + 1
            trader_id = entry.trader_id
            orders[order_id] = order = Order()
            order.order_id = order_id
            order.account = account
            order.trader_id = trader_id
            order.instrument_id = instrument_id
            order.side = side
            order.tif = tif
            order.price_ticks = price
            order.quantity_lots = order.open_lots = lots
            order.held_fen = need
            order.receipts = held
            order.special = order.after = None
            order.session = entry.session
            order.place = BOOK
            order.hidden_lots = 0
            # `BookSide.add`, written out.
            try:
                level = own.levels[key]
            except KeyError:
                order.level = order.before = None
                own.add(order)
            else:
                tail = level.tail
                assert tail is not None, "no price level is empty"
                order.level = level
                order.before = tail
                tail.after = level.tail = order
                level.lots += lots
            give(
                (
                    OrderEntered(
                        order_id, firm_id, trader_id, client_order_id, instrument_id, side, tif,
                        price, lots, need, held, 0,
                    ),
                    OrderRested(order_id, firm_id, instrument_id, side, price, lots),
                )
            )  # fmt: skip
            continue

        order_id = command.order_id
        try:
            order = orders[order_id]
        except KeyError:
            give((cancel if kind is CancelOrder else amend)(venue, account, command))
            continue
        instrument_id = order.instrument_id
        instrument = instruments[instrument_id]
        at = order.level
        if at is None or not instrument.is_plain:
            give((cancel if kind is CancelOrder else amend)(venue, account, command))
            continue
        if kind is AmendOrder:
            give(move(venue, account, command, order, instrument))
            continue
        # `holding.withdraw` and `BookSide.remove`, written out. Nobody sees the order again, so
        # its own fields stay as they are.
        del orders[order_id]
        side = order.side
        before = order.before
        after = order.after
        if before is not None:
            before.after = after
            if after is not None:
                after.before = before
            else:
                at.tail = before
        elif after is not None:
            at.head = after
            after.before = None
        else:
            at.head = at.tail = None
            (instrument.bids if side is _BUY else instrument.asks).drop(at)
        lots = order.open_lots
        hidden = order.hidden_lots
        if hidden:
            at.hidden_lots -= hidden
            at.lots -= lots - hidden
        else:
            at.lots -= lots
        held = order.receipts
        if held:
            freed = 0
            for receipt_id, freed_lots in held:
                receipt = goods.by_id[receipt_id]
                receipt.held_lots -= freed_lots
                receipt.free_lots += freed_lots
        else:
            freed = order.held_fen
            account.held_fen -= freed
            account.available_fen += freed
        give(
            (
                OrderCancelled(
                    order_id, firm_id, client_order_id, instrument_id, side,
                    order.price_ticks, lots, freed, held, _REQUESTED, True, hidden,
                ),
            )
        )  # fmt: skip
    return answers


def has_room(accounts: dict[FirmId, Account], count: int) -> bool:
    """Whether no firm reaches a bound on ids or open orders within `count` more commands.

    Asked once for a long block, instead of twice for each of its commands; each command adds one
    id and one open order at most. Of a short block nothing is known.
    """
    if count < 4 * len(accounts):
        return False
    return all(
        [
            len(account.remembered) + count <= account.remember_most
            and len(account.orders) + count <= OPEN_ORDERS_PER_FIRM
            for account in accounts.values()
        ]
    )


def oldest(
    venue: Venue, firm_id: FirmId, instrument_id: InstrumentId, lots: Lots
) -> Receipt | None:
    """Return the firm's oldest receipt if all of `lots` are free and sellable there.

    None says nothing more than that the long way has to look.
    """
    goods = venue.goods
    if goods.full_roots:
        return None
    shelves = goods.by_owner.get(firm_id, _NO_SHELVES)
    for receipt in shelves.get(instrument_id, _NO_RECEIPTS).values():
        if receipt.free_lots >= lots and receipt.sellable_from_day <= venue.day:
            return receipt
        break
    return None


def cross(
    venue: Venue, account: Account, entry: EnterOrder, instrument: Instrument
) -> tuple[AnyEvent, ...]:
    """Enter an otherwise plain order that meets the other side, or that must trade at once."""
    side, price, lots = entry.side, entry.price_ticks, entry.quantity_lots
    buys = side is _BUY
    other = instrument.asks if buys else instrument.bids
    meets = other.best_ticks <= price if buys else other.best_ticks >= price
    if meets and refuse_meeting(instrument, side, price, lots, account) is not None:
        return enter_special(venue, account, entry)
    firm_id = account.firm_id
    instrument_id = instrument.instrument_id
    need = 0
    held: tuple[ReceiptLots, ...] = ()
    receipt: Receipt | None = None
    if buys:
        need = price * lots * instrument.tick_cover // 10_000
        if need > account.available_fen:
            return enter_special(venue, account, entry)
    else:
        receipt = oldest(venue, firm_id, instrument_id, lots)
        if receipt is None:
            return enter_special(venue, account, entry)
        held = ((receipt.receipt_id, lots),)
    order_id = venue.last_order_id = venue.last_order_id + 1
    trader_id, tif = entry.trader_id, entry.tif
    entered = OrderEntered(
        order_id, firm_id, trader_id, entry.client_order_id, instrument_id, side, tif,
        price, lots, need, held, 0,
    )  # fmt: skip
    if not meets:  # immediate, and nothing is there: what it would hold is free again at once
        return entered, OrderCancelled(
            order_id, firm_id, "", instrument_id, side, price, lots, need, held, _IMMEDIATE, False,
        )  # fmt: skip
    if receipt is None:
        account.available_fen -= need
        account.held_fen += need
    else:
        receipt.free_lots -= lots
        receipt.held_lots += lots
    order = new_order(
        order_id, account, trader_id, instrument_id, side, tif, price, lots, need, held, None,
        entry.session,
    )  # fmt: skip
    events: list[AnyEvent] = [entered]
    continuous.arrive(venue, instrument, order, events)
    if instrument.stops:
        continuous.trigger_stops(venue, instrument, events)
    return tuple(events)


def move(
    venue: Venue, account: Account, command: AmendOrder, order: Order, instrument: Instrument
) -> tuple[AnyEvent, ...]:
    """Amend an order so that it rests elsewhere, behind all others there, and meets nobody.

    The resale lock is not asked: what it forbids has left the book (`locks.suspend`).
    """
    price = command.price_ticks
    quantity = command.quantity_lots
    old_price = order.price_ticks
    old_open = order.open_lots
    open_lots = quantity - order.quantity_lots + old_open
    side = order.side
    buys = side is _BUY
    if (
        order.special is not None
        or account.is_bounded
        or venue.halted
        or open_lots <= 0
        or (price == old_price and open_lots <= old_open)
        or quantity < instrument.min_lots
        or quantity > instrument.max_lots
        or quantity % instrument.step_lots
        or price < instrument.low_ticks
        or price > instrument.high_ticks
        or price * quantity > instrument.max_units
        or (instrument.asks.best_ticks <= price if buys else instrument.bids.best_ticks >= price)
    ):
        return amend(venue, account, command)
    old_held = order.held_fen
    old_receipts = receipts = order.receipts
    need = 0
    if buys:
        own = instrument.bids
        need = price * open_lots * instrument.tick_cover // 10_000
        more = need - old_held
        if more > account.available_fen:
            return amend(venue, account, command)
        account.available_fen -= more
        account.held_fen += more
        order.held_fen = need
    else:
        own = instrument.asks
        if open_lots != old_open:
            extra = open_lots - old_open
            receipt = oldest(venue, account.firm_id, order.instrument_id, extra)
            # More from the one receipt that it holds already; all else is the long way's.
            if (
                extra < 0
                or receipt is None
                or len(old_receipts) != 1
                or old_receipts[0][0] != receipt.receipt_id
            ):
                return amend(venue, account, command)
            receipt.free_lots -= extra
            receipt.held_lots += extra
            order.receipts = receipts = ((receipt.receipt_id, open_lots),)
    own.remove(order)
    order.price_ticks = price
    order.quantity_lots = quantity
    order.open_lots = open_lots
    own.add(order)
    order_id, firm_id, instrument_id = order.order_id, account.firm_id, order.instrument_id
    # Behind all others of its firm, too: the order of a dict is state.
    del account.orders[order_id]
    account.orders[order_id] = order
    return (
        OrderAmended(
            order_id, firm_id, command.client_order_id, instrument_id, side,
            old_price, old_open, old_held, old_receipts,
            price, quantity, open_lots, need, receipts, False, 0, 0,
        ),
        OrderRested(order_id, firm_id, instrument_id, side, price, open_lots),
    )  # fmt: skip


def take_token(account: Account, ts_us: Micros) -> bool:
    """Take what one order costs from a firm's bucket; False when there is too little."""
    if account.tokens_at_us != ts_us:
        account.refill(ts_us)
    if account.tokens < TOKEN:
        return False
    account.tokens -= TOKEN
    return True
