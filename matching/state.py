"""Everything that a venue engine remembers, and its bytes.

The order of every dict here is state: `snapshot` keeps it and `restore` rebuilds it, or a replay
from a snapshot would differ from a replay from the first block (RELIABILITY D6).
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from matching.commands import (
    AnyCommand,
    ClientCommand,
    DefineInstrument,
    FirmStatus,
    Phase,
    Side,
    TimeInForce,
)
from matching.cover import Account, Goods, Receipt, Remembered
from matching.instrument import Instrument
from matching.limits import AHEAD_US, DEDUP_WINDOW_US
from matching.orders import Order
from matching.units import (
    Day,
    Fen,
    FirmId,
    InstrumentId,
    Kg,
    Lots,
    Micros,
    OrderId,
    ReceiptId,
    TradeId,
)

_commands = msgspec.msgpack.Decoder(AnyCommand)
_encode = msgspec.msgpack.Encoder().encode


class UnsettledTrade(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a trade committed and `SettleTrade` will move."""

    instrument_id: InstrumentId
    buyer_firm_id: FirmId
    seller_firm_id: FirmId
    value_fen: Fen
    buyer_fee_fen: Fen
    seller_fee_fen: Fen
    buyer_committed_fen: Fen
    receipts: tuple[tuple[ReceiptId, Lots, Kg], ...]


class Reserve(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Cash set aside for a withdrawal."""

    firm_id: FirmId
    amount_fen: Fen


class Venue:
    """The state of one venue. Invariants are asserted by `Engine.check()`."""

    __slots__ = (
        "accounts",
        "cash_in_fen",
        "cash_out_fen",
        "day",
        "goods",
        "goods_in_lots",
        "goods_out_lots",
        "halted",
        "index",
        "instruments",
        "last_order_id",
        "last_trade_id",
        "newest_us",
        "oldest_us",
        "operations",
        "orders",
        "reserves",
        "seq",
        "trades",
        "ts_us",
        "venue_id",
        "window",
    )

    def __init__(self, venue_id: int) -> None:
        self.venue_id = venue_id
        self.seq = 0
        self.index = 0
        self.ts_us: Micros = 0
        # What a command's stamp may be in this block; both follow from `ts_us`.
        self.oldest_us: Micros = 0
        self.newest_us: Micros = 0
        self.day: Day = 0
        self.halted = False
        self.last_order_id: OrderId = 0
        self.last_trade_id: TradeId = 0
        self.cash_in_fen: Fen = 0
        self.cash_out_fen: Fen = 0
        self.goods_in_lots: dict[InstrumentId, Lots] = {}
        self.goods_out_lots: dict[InstrumentId, Lots] = {}
        self.accounts: dict[FirmId, Account] = {}
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.orders: dict[OrderId, Order] = {}
        self.goods = Goods()
        self.trades: dict[TradeId, UnsettledTrade] = {}
        self.reserves: dict[str, Reserve] = {}
        # Operation ids are unique for ever: id -> (payload, block seq, index).
        self.operations: dict[str, tuple[bytes, int, int]] = {}
        # The dedup window in order of arrival; each firm's ids are in `Account.remembered`.
        self.window: deque[Remembered] = deque()

    def begin(self, seq: int, ts_us: Micros) -> None:
        """Begin block `seq` at `ts_us`."""
        self.seq = seq
        self.index = 0
        self.ts_us = ts_us
        self.oldest_us = ts_us - DEDUP_WINDOW_US
        self.newest_us = ts_us + AHEAD_US

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
            for (firm_id, instrument_id), mine in self.goods.by_owner.items()
        ]
        instruments = [
            (
                _encode(instrument.terms),
                instrument.reference_ticks,
                instrument.low_ticks,
                instrument.high_ticks,
                int(instrument.phase),
                instrument.halted,
                [_order_row(order) for order in instrument.book.bids],
                [_order_row(order) for order in instrument.book.asks],
            )
            for instrument in self.instruments.values()
        ]
        window = [(_encode(command), seq, index) for command, seq, index in self.window]
        operations = [(op_id, *kept) for op_id, kept in self.operations.items()]
        return _encode(
            [
                self.venue_id,
                self.seq,
                self.ts_us,
                self.day,
                self.halted,
                self.last_order_id,
                self.last_trade_id,
                self.cash_in_fen,
                self.cash_out_fen,
                list(self.goods_in_lots.items()),
                list(self.goods_out_lots.items()),
                accounts,
                receipts,
                owners,
                instruments,
                list(self.orders),
                list(self.trades.items()),
                list(self.reserves.items()),
                operations,
                window,
            ]
        )

    @classmethod
    def restore(cls, data: bytes) -> Venue:
        """Return the state that `snapshot` wrote."""
        (
            venue_id,
            seq,
            ts_us,
            day,
            halted,
            last_order_id,
            last_trade_id,
            cash_in,
            cash_out,
            goods_in,
            goods_out,
            accounts,
            receipts,
            owners,
            instruments,
            order_ids,
            trades,
            reserves,
            operations,
            window,
        ) = msgspec.msgpack.decode(data)
        venue = cls(venue_id)
        venue.begin(seq, ts_us)
        venue.day = day
        venue.halted = halted
        venue.last_order_id = last_order_id
        venue.last_trade_id = last_trade_id
        venue.cash_in_fen = cash_in
        venue.cash_out_fen = cash_out
        venue.goods_in_lots = dict(goods_in)
        venue.goods_out_lots = dict(goods_out)
        for firm_id, group_id, status, firm_halted, available, held, committed in accounts:
            account = Account(firm_id, group_id)
            account.status = FirmStatus(status)
            account.halted = firm_halted
            account.available_fen = available
            account.held_fen = held
            account.committed_fen = committed
            venue.accounts[firm_id] = account
        for row in receipts:
            receipt_id, root_id, firm_id, instrument_id, free, held, committed, piece, day_ = row
            receipt = Receipt(receipt_id, root_id, firm_id, instrument_id, free, piece, day_)
            receipt.held_lots = held
            receipt.committed_lots = committed
            venue.goods.by_id[receipt_id] = receipt
        for firm_id, instrument_id, receipt_ids in owners:
            venue.goods.by_owner[firm_id, instrument_id] = {
                receipt_id: venue.goods.by_id[receipt_id] for receipt_id in receipt_ids
            }
        resting: dict[OrderId, Order] = {}
        for terms, reference, low, high, phase, instrument_halted, bids, asks in instruments:
            instrument = Instrument(msgspec.msgpack.decode(terms, type=DefineInstrument))
            instrument.reference_ticks = reference
            instrument.low_ticks = low
            instrument.high_ticks = high
            instrument.phase = Phase(phase)
            instrument.halted = instrument_halted
            venue.instruments[instrument.instrument_id] = instrument
            for side, rows in ((Side.BUY, bids), (Side.SELL, asks)):
                for row in rows:
                    order = _order(venue, instrument, side, row)
                    instrument.book.side(side).add(order)
                    resting[order.order_id] = order
        venue.orders = {order_id: resting[order_id] for order_id in order_ids}
        for trade_id, trade in trades:
            venue.trades[trade_id] = msgspec.convert(trade, UnsettledTrade)
        for op_id, reserve in reserves:
            venue.reserves[op_id] = msgspec.convert(reserve, Reserve)
        for op_id, payload, op_seq, op_index in operations:
            venue.operations[op_id] = (payload, op_seq, op_index)
        for encoded, first_seq, first_index in window:
            command = _commands.decode(encoded)
            assert isinstance(command, ClientCommand)
            remembered = (command, first_seq, first_index)
            venue.accounts[command.firm_id].remembered[command.client_order_id] = remembered
            venue.window.append(remembered)
        return venue


def _order_row(order: Order) -> tuple[Any, ...]:
    return (
        order.order_id,
        order.firm_id,
        order.trader_id,
        int(order.tif),
        order.price_ticks,
        order.quantity_lots,
        order.open_lots,
        order.held_fen,
        order.receipts,
    )


def _order(venue: Venue, instrument: Instrument, side: Side, row: Any) -> Order:
    order_id, firm_id, trader_id, tif, price, quantity, open_lots, held, receipts = row
    account = venue.accounts[firm_id]
    order = Order(
        order_id,
        account,
        firm_id,
        account.group_id,
        trader_id,
        instrument.instrument_id,
        side,
        TimeInForce(tif),
        price,
        quantity,
        open_lots,
        held,
        tuple([(receipt_id, lots) for receipt_id, lots in receipts]),
    )
    account.open_orders += 1
    return order
