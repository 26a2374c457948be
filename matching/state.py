"""Everything that a venue engine remembers, and its bytes.

The order of every dict here is state: `snapshot` keeps it and `restore` rebuilds it, or a replay
from a snapshot would differ from a replay from the first block (RELIABILITY D6).
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import Any, Final, cast

import msgspec

from matching.commands import (
    AnyCommand,
    ClientCommand,
    DefineInstrument,
    FirmStatus,
    Phase,
    SelfMatch,
    Side,
    Special,
    TimeInForce,
)
from matching.cover import Account, Goods, Heard, Receipt
from matching.instrument import Instrument
from matching.limits import AHEAD_US, DEDUP_WINDOW_US
from matching.negotiation_state import Negotiation
from matching.one_way_state import OneWay
from matching.orders import Order, new_order
from matching.records import Lock, Reserve, UnsettledTrade
from matching.units import (
    Day,
    Fen,
    FirmId,
    InstrumentId,
    Lots,
    Micros,
    OrderId,
    TradeId,
)

_commands = msgspec.msgpack.Decoder(list[AnyCommand | None])
_encode = msgspec.msgpack.Encoder().encode

# Calling an enum costs four times more than looking its member up (CPython 3.11).
_SIDES: Final = {int(side): side for side in Side}
_TIMES: Final = {int(tif): tif for tif in TimeInForce}

# What a timer is about; its key names the order, instrument, auction or negotiation.
EXPIRE_ORDER: Final = 1
END_CALL: Final = 2
INDICATE: Final = 3
ONE_WAY: Final = 4
NEGOTIATION: Final = 5


class Venue:
    """The state of one venue. Invariants are asserted by `Engine.check()`."""

    __slots__ = (
        "accounts",
        "auctions",
        "cash_in_fen",
        "cash_out_fen",
        "day",
        "day_number",
        "forgotten",
        "goods",
        "goods_in_lots",
        "goods_out_lots",
        "groups",
        "halted",
        "heard",
        "instruments",
        "last_auction_id",
        "last_negotiation_id",
        "last_order_id",
        "last_trade_id",
        "locks",
        "negotiations",
        "newest_us",
        "offers",
        "oldest_us",
        "operations",
        "reserves",
        "seq",
        "timers",
        "trades",
        "ts_us",
        "venue_id",
        "window",
    )

    def __init__(self, venue_id: int) -> None:
        self.venue_id = venue_id
        self.seq = 0
        self.ts_us: Micros = 0
        # What a command's stamp may be in this block; both follow from `ts_us`.
        self.oldest_us: Micros = 0
        self.newest_us: Micros = 0
        self.day: Day = 0
        # Trading days since the venue began: the resale lock counts in them.
        self.day_number = 0
        self.halted = False
        self.last_order_id: OrderId = 0
        self.last_trade_id: TradeId = 0
        self.last_negotiation_id = 0
        # Auctions are numbered by the operator, upwards; an id never comes again.
        self.last_auction_id = 0
        self.cash_in_fen: Fen = 0
        self.cash_out_fen: Fen = 0
        self.goods_in_lots: dict[InstrumentId, Lots] = {}
        self.goods_out_lots: dict[InstrumentId, Lots] = {}
        self.accounts: dict[FirmId, Account] = {}
        self.groups: dict[int, list[Account]] = {}
        self.instruments: dict[InstrumentId, Instrument] = {}
        # Resting orders of `listed` books, which other firms lift by id.
        self.offers: dict[OrderId, Order] = {}
        self.goods = Goods()
        self.trades: dict[TradeId, UnsettledTrade] = {}
        self.reserves: dict[str, Reserve] = {}
        self.locks: dict[tuple[int, int], Lock] = {}
        self.negotiations: dict[int, Negotiation] = {}
        self.auctions: dict[int, OneWay] = {}
        # (due, kind, key), a heap. An entry that no longer means anything is ignored when due.
        self.timers: list[tuple[Micros, int, int]] = []
        # Operation ids are unique for ever: id -> (payload, block seq, index).
        self.operations: dict[str, tuple[bytes, int, int]] = {}
        # The dedup window: blocks in order of arrival, the current one last, and how many
        # commands of the oldest are forgotten. Each firm's ids are in `Account.remembered`.
        self.heard = Heard(0)
        self.window: deque[Heard] = deque((self.heard,))
        self.forgotten = 0

    def begin(self, seq: int, ts_us: Micros) -> None:
        """Begin block `seq` at `ts_us`. Forgets client order ids that have grown too old."""
        self.seq = seq
        self.ts_us = ts_us
        self.oldest_us = ts_us - DEDUP_WINDOW_US
        self.newest_us = ts_us + AHEAD_US
        self._forget()
        self.heard = Heard(seq)
        self.window.append(self.heard)

    def _forget(self) -> None:
        """Forget the window's oldest commands up to the first that is young enough."""
        window, oldest = self.window, self.oldest_us
        if not self.heard.commands:
            window.pop()
        while window:
            commands = window[0].commands
            for position in range(self.forgotten, len(commands)):
                command = commands[position]
                if command is None:
                    continue
                if command.at_us >= oldest:
                    self.forgotten = position
                    return
                del self.accounts[command.firm_id].remembered[command.client_order_id]
                commands[position] = None
            window.popleft()
            self.forgotten = 0

    def admit(self, account: Account) -> None:
        """Take a firm in."""
        self.accounts[account.firm_id] = account
        self.groups.setdefault(account.group_id, []).append(account)

    def remind(self, due_us: Micros, kind: int, key: int) -> None:
        """Have `PassTime` look at something at `due_us`."""
        heappush(self.timers, (due_us, kind, key))

    def next_due(self) -> tuple[Micros, int, int] | None:
        """Take the next timer that is due, as (due, kind, key), or None."""
        if self.timers and self.timers[0][0] <= self.ts_us:
            return heappop(self.timers)
        return None

    def snapshot(self) -> bytes:
        """Return the whole state as msgpack, every dict in its order."""
        accounts = [
            (
                account.firm_id,
                account.group_id,
                int(account.status),
                account.halted,
                account.available_fen,
                account.held_fen,
                account.committed_fen,
                int(account.self_match),
                list(account.blocked_traders),
                account.orders_per_s,
                account.burst,
                account.tokens,
                account.tokens_at_us,
                account.max_day_value_fen,
                account.day_value_fen,
                list(account.day_lots.items()),
                account.remember_most,
                [_order_row(order) for order in account.orders.values()],
            )
            for account in self.accounts.values()
        ]
        receipts = [
            (
                receipt.receipt_id,
                receipt.root_id,
                receipt.firm_id,
                receipt.instrument_id,
                receipt.free_lots,
                receipt.held_lots,
                receipt.committed_lots,
                receipt.piece_kg,
                receipt.sellable_from_day,
            )
            for receipt in self.goods.by_id.values()
        ]
        # Each owner's receipts in their own order, which a change of owner may have mixed.
        owners = [
            (firm_id, instrument_id, list(mine))
            for firm_id, shelves in self.goods.by_owner.items()
            for instrument_id, mine in shelves.items()
        ]
        holders = [(root_id, list(firms.items())) for root_id, firms in self.goods.holders.items()]
        instruments = [
            (
                _encode(instrument.terms),
                instrument.reference_ticks,
                instrument.low_ticks,
                instrument.high_ticks,
                int(instrument.phase),
                instrument.halted,
                instrument.last_ticks,
                instrument.call_until_us,
                instrument.indicate_us,
                instrument.indicated,
                [order.order_id for order in instrument.book.bids],
                [order.order_id for order in instrument.book.asks],
                list(instrument.stops),
                list(instrument.suspended),
            )
            for instrument in self.instruments.values()
        ]
        # A block's commands as bytes of their own: they come back in one go, already typed.
        window = [(heard.seq, _encode(heard.commands)) for heard in self.window]
        operations = [(op_id, *kept) for op_id, kept in self.operations.items()]
        return _encode(
            [
                [
                    self.venue_id,
                    self.seq,
                    self.ts_us,
                    self.day,
                    self.day_number,
                    self.halted,
                    self.last_order_id,
                    self.last_trade_id,
                    self.last_negotiation_id,
                    self.last_auction_id,
                    self.cash_in_fen,
                    self.cash_out_fen,
                ],
                list(self.goods_in_lots.items()),
                list(self.goods_out_lots.items()),
                accounts,
                receipts,
                owners,
                holders,
                list(self.goods.full_roots),
                instruments,
                list(self.offers),
                list(self.trades.items()),
                list(self.reserves.items()),
                [(*key, lock) for key, lock in self.locks.items()],
                list(self.negotiations.items()),
                list(self.auctions.items()),
                sorted(self.timers),
                operations,
                window,
            ]
        )

    @classmethod
    def restore(cls, data: bytes) -> Venue:
        """Return the state that `snapshot` wrote."""
        (
            numbers,
            goods_in,
            goods_out,
            accounts,
            receipts,
            owners,
            holders,
            full_roots,
            instruments,
            offers,
            trades,
            reserves,
            locks,
            negotiations,
            auctions,
            timers,
            operations,
            window,
        ) = msgspec.msgpack.decode(data)
        (
            venue_id,
            seq,
            ts_us,
            day,
            day_number,
            halted,
            order_id,
            trade_id,
            talk_id,
            auction_id,
            cash_in,
            out,
        ) = numbers
        venue = cls(venue_id)
        venue.begin(seq, ts_us)
        venue.day = day
        venue.day_number = day_number
        venue.halted = halted
        venue.last_order_id = order_id
        venue.last_trade_id = trade_id
        venue.last_negotiation_id = talk_id
        venue.last_auction_id = auction_id
        venue.cash_in_fen = cash_in
        venue.cash_out_fen = out
        venue.goods_in_lots = dict(goods_in)
        venue.goods_out_lots = dict(goods_out)
        orders: dict[OrderId, Order] = {}
        for row in accounts:
            account = _account(row)
            venue.admit(account)
            for order_row in row[-1]:
                order = _order(account, order_row)
                account.orders[order.order_id] = orders[order.order_id] = order
        for row in receipts:
            number, root_id, firm_id, instrument_id, free, held, committed, piece, day_ = row
            receipt = Receipt(number, root_id, firm_id, instrument_id, free, piece, day_)
            receipt.held_lots = held
            receipt.committed_lots = committed
            venue.goods.by_id[number] = receipt
        for firm_id, instrument_id, receipt_ids in owners:
            venue.goods.by_owner.setdefault(firm_id, {})[instrument_id] = {
                receipt_id: venue.goods.by_id[receipt_id] for receipt_id in receipt_ids
            }
        venue.goods.holders = {root_id: dict(firms) for root_id, firms in holders}
        venue.goods.full_roots = dict.fromkeys(full_roots)
        for row in instruments:
            instrument = _instrument(row, orders)
            venue.instruments[instrument.instrument_id] = instrument
        venue.offers = {order_id: orders[order_id] for order_id in offers}
        for trade_id, trade in trades:
            venue.trades[trade_id] = msgspec.convert(trade, UnsettledTrade)
        for op_id, reserve in reserves:
            venue.reserves[op_id] = msgspec.convert(reserve, Reserve)
        for group_id, product_id, lock in locks:
            venue.locks[group_id, product_id] = msgspec.convert(lock, Lock)
        for number, talk in negotiations:
            venue.negotiations[number] = msgspec.convert(talk, Negotiation)
        for number, auction in auctions:
            venue.auctions[number] = msgspec.convert(auction, OneWay)
        venue.timers = [(due_us, kind, key) for due_us, kind, key in timers]
        for op_id, payload, op_seq, op_index in operations:
            venue.operations[op_id] = (payload, op_seq, op_index)
        venue.window.clear()
        for first_seq, commands in window:
            venue.heard = Heard(first_seq)
            venue.heard.commands = cast(list[ClientCommand | None], _commands.decode(commands))
            venue.window.append(venue.heard)
            for command in venue.heard.commands:
                if command is not None:
                    remembered = venue.accounts[command.firm_id].remembered
                    remembered[command.client_order_id] = venue.heard
        return venue


def _account(row: Any) -> Account:
    (
        firm_id,
        group_id,
        status,
        halted,
        available,
        held,
        committed,
        self_match,
        blocked,
        orders_per_s,
        burst,
        tokens,
        tokens_at_us,
        max_day_value,
        day_value,
        day_lots,
        remember_most,
        _,
    ) = row
    account = Account(firm_id, group_id)
    account.status = FirmStatus(status)
    account.halted = halted
    account.available_fen = available
    account.held_fen = held
    account.committed_fen = committed
    account.self_match = SelfMatch(self_match)
    account.blocked_traders = dict.fromkeys(blocked)
    account.orders_per_s = orders_per_s
    account.burst = burst
    account.tokens = tokens
    account.tokens_at_us = tokens_at_us
    account.max_day_value_fen = max_day_value
    account.day_value_fen = day_value
    account.day_lots = dict(day_lots)
    account.remember_most = remember_most
    account.note_bounds()
    return account


def _instrument(row: Any, orders: dict[OrderId, Order]) -> Instrument:
    (
        terms,
        reference,
        low,
        high,
        phase,
        halted,
        last,
        call_until_us,
        indicate_us,
        indicated,
        bids,
        asks,
        stops,
        suspended,
    ) = row
    instrument = Instrument(msgspec.msgpack.decode(terms, type=DefineInstrument))
    instrument.set_reference(reference, low, high)
    instrument.phase = Phase(phase)
    instrument.halted = halted
    instrument.note_standing()
    instrument.last_ticks = last
    instrument.call_until_us = call_until_us
    instrument.indicate_us = indicate_us
    price, volume, surplus = indicated
    instrument.indicated = (price, volume, surplus)
    for book_side, numbers in ((instrument.book.bids, bids), (instrument.book.asks, asks)):
        for order_id in numbers:
            book_side.add(orders[order_id])
    instrument.stops = {order_id: orders[order_id] for order_id in stops}
    instrument.suspended = {order_id: orders[order_id] for order_id in suspended}
    return instrument


def _order_row(order: Order) -> tuple[Any, ...]:
    return (
        order.order_id,
        order.trader_id,
        order.instrument_id,
        int(order.side),
        int(order.tif),
        order.price_ticks,
        order.quantity_lots,
        order.open_lots,
        order.held_fen,
        order.receipts,
        order.special,
        order.session,
        order.place,
        order.hidden_lots,
    )


def _order(account: Account, row: Any) -> Order:
    (
        order_id,
        trader_id,
        instrument_id,
        side,
        tif,
        price,
        quantity,
        open_lots,
        held,
        receipts,
        special,
        session,
        place,
        hidden,
    ) = row
    order = new_order(
        order_id,
        account,
        trader_id,
        instrument_id,
        _SIDES[side],
        _TIMES[tif],
        price,
        quantity,
        held,
        tuple([(receipt_id, lots) for receipt_id, lots in receipts]),
        None if special is None else msgspec.convert(special, Special),
        session,
        place,
    )
    order.open_lots = open_lots
    order.hidden_lots = hidden
    return order
