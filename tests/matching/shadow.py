"""A follower that keeps books, cash and goods by addition alone, as `matching.events` promises.

It knows no rule: not what a hold is, not who comes first, not when an order trades. What it keeps
must equal what the engine has, or an event says too little.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from matching import events as said
from matching.commands import Side
from matching.engine import Engine


@dataclass
class Stand:
    firm: int
    instrument: int
    side: Side
    price: int
    open: int
    held_fen: int
    receipts: dict[int, int]
    shown: int = 0  # of what is open, while it rests

    def take(self, receipt: int, lots: int) -> None:
        left = self.receipts.pop(receipt) - lots
        if left:
            self.receipts[receipt] = left


@dataclass
class Shadow:
    cash: dict[int, list[int]] = field(default_factory=dict)  # available, held, committed
    goods: dict[int, list[int]] = field(default_factory=dict)  # firm, instrument, free, held, comm.
    orders: dict[int, Stand] = field(default_factory=dict)
    book: list[int] = field(default_factory=list)  # resting order ids, oldest at the price first
    cash_in: int = 0
    cash_out: int = 0

    def follow(self, events: tuple[Any, ...]) -> None:
        for event in events:
            getattr(self, f"on_{type(event).__name__}", lambda _: None)(event)

    # Orders.

    def on_OrderEntered(self, event: said.OrderEntered) -> None:
        self.orders[event.order_id] = Stand(
            event.firm_id,
            event.instrument_id,
            event.side,
            event.price_ticks,
            event.quantity_lots,
            event.held_fen,
            dict(event.receipts),
        )
        self.move_cash(event.firm_id, -event.held_fen, event.held_fen, 0)
        for receipt, lots in event.receipts:
            self.move_goods(receipt, -lots, lots, 0)

    def on_OrderRested(self, event: said.OrderRested) -> None:
        stand = self.orders[event.order_id]
        open_lots = event.open_lots + event.hidden_lots
        assert (stand.price, stand.open) == (event.price_ticks, open_lots)
        stand.shown = event.open_lots
        self.book.append(event.order_id)

    def on_OrderRefreshed(self, event: said.OrderRefreshed) -> None:
        self.orders[event.order_id].shown = event.shown_lots
        self.book.append(event.order_id)

    def on_OrderSuspended(self, event: said.OrderSuspended) -> None:
        stand = self.orders[event.order_id]
        assert stand.open == event.open_lots + event.hidden_lots
        if event.resting:
            assert stand.shown == event.open_lots
            self.book.remove(event.order_id)
        stand.shown = 0

    def on_OrderReduced(self, event: said.OrderReduced) -> None:
        stand = self.orders[event.order_id]
        stand.open -= event.reduced_lots
        stand.held_fen -= event.freed_fen
        assert stand.open == event.open_lots
        self.move_cash(event.firm_id, event.freed_fen, -event.freed_fen, 0)
        for receipt, lots in event.receipts:
            self.move_goods(receipt, lots, -lots, 0)
            stand.take(receipt, lots)
        if event.shown_lots:
            self.show_less(event.order_id, event.shown_lots)

    def show_less(self, order_id: int, lots: int) -> None:
        """A resting order shows less; who shows nothing is not in the book."""
        stand = self.orders[order_id]
        stand.shown -= lots
        assert stand.shown >= 0
        if not stand.shown:
            self.book.remove(order_id)

    def on_TradeBusted(self, event: said.TradeBusted) -> None:
        back = event.buyer_committed_fen
        self.move_cash(event.buyer_firm_id, back, 0, -back)
        for receipt, lots, _ in event.receipts:
            self.move_goods(receipt, lots, 0, -lots)

    def on_TradePaid(self, event: said.TradePaid) -> None:
        self.move_cash(event.firm_id, -event.amount_fen, 0, event.amount_fen)

    def on_TradeDischarged(self, event: said.TradeDischarged) -> None:
        spent = event.to_seller_fen + event.to_buyer_fen + event.fees_fen
        got = event.to_buyer_fen + event.penalty_fen
        self.move_cash(event.buyer_firm_id, got, 0, -spent)
        self.move_cash(event.seller_firm_id, event.to_seller_fen - event.penalty_fen, 0, 0)
        for receipt, lots, _ in event.delivered:
            self.move_goods(receipt, 0, 0, -lots)
        for receipt, lots, _ in event.returned:
            self.move_goods(receipt, lots, 0, -lots)

    def on_TradeExecuted(self, event: said.TradeExecuted) -> None:
        for order_id in (event.maker_order_id, event.taker_order_id):
            stand = self.orders[order_id]
            stand.open -= event.quantity_lots
            if stand.side == Side.BUY:
                stand.held_fen -= event.buyer_freed_fen
            else:
                for receipt, lots, _ in event.receipts:
                    stand.take(receipt, lots)
        assert self.orders[event.maker_order_id].open == event.maker_open_lots
        for order_id in (event.maker_order_id, event.taker_order_id):
            if self.orders[order_id].shown and (
                event.in_auction or order_id == event.maker_order_id
            ):
                self.show_less(order_id, event.quantity_lots)
        freed, committed = event.buyer_freed_fen, event.buyer_committed_fen
        self.move_cash(event.buyer_firm_id, freed - committed, -freed, committed)
        for receipt, lots, _ in event.receipts:
            self.move_goods(receipt, 0, -lots, lots)
        assert sum(lots for _, lots, _ in event.receipts) == event.quantity_lots
        assert sum(kg for _, _, kg in event.receipts) == event.weight_kg

    def on_OrderCancelled(self, event: said.OrderCancelled) -> None:
        stand = self.orders[event.order_id]
        assert stand.open == event.cancelled_lots
        if event.resting:
            assert stand.shown == event.cancelled_lots - event.hidden_lots
            self.book.remove(event.order_id)
            stand.shown = 0
        self.move_cash(event.firm_id, event.freed_fen, -event.freed_fen, 0)
        for receipt, lots in event.receipts:
            self.move_goods(receipt, lots, -lots, 0)
            stand.take(receipt, lots)
        stand.open -= event.cancelled_lots
        stand.held_fen -= event.freed_fen

    def on_OrderAmended(self, event: said.OrderAmended) -> None:
        stand = self.orders[event.order_id]
        assert (stand.price, stand.open, stand.held_fen) == (
            event.old_price_ticks,
            event.old_open_lots + event.old_hidden_lots,
            event.old_held_fen,
        )
        assert stand.shown == event.old_open_lots
        self.move_cash(
            event.firm_id,
            event.old_held_fen - event.held_fen,
            event.held_fen - event.old_held_fen,
            0,
        )
        for receipt, lots in event.old_receipts:
            self.move_goods(receipt, lots, -lots, 0)
        for receipt, lots in event.receipts:
            self.move_goods(receipt, -lots, lots, 0)
        stand.price, stand.open = event.price_ticks, event.open_lots + event.hidden_lots
        stand.held_fen, stand.receipts = event.held_fen, dict(event.receipts)
        stand.shown = event.open_lots
        if not event.kept_priority:
            self.book.remove(event.order_id)
            stand.shown = 0

    # Bonds of one-way auctions.

    def on_BidderJoined(self, event: said.BidderJoined) -> None:
        self.move_cash(event.firm_id, -event.bond_fen, event.bond_fen, 0)

    def on_BondReleased(self, event: said.BondReleased) -> None:
        self.move_cash(event.firm_id, event.bond_fen, -event.bond_fen, 0)

    # Cash and goods.

    def on_FirmDefined(self, event: said.FirmDefined) -> None:
        self.cash[event.firm_id] = [0, 0, 0]

    def on_CashCredited(self, event: said.CashCredited) -> None:
        self.cash_in += event.amount_fen
        self.move_cash(event.firm_id, event.amount_fen, 0, 0)

    def on_CashReserved(self, event: said.CashReserved) -> None:
        self.move_cash(event.firm_id, -event.amount_fen, 0, event.amount_fen)

    def on_CashDebited(self, event: said.CashDebited) -> None:
        self.cash_out += event.amount_fen
        self.move_cash(event.firm_id, 0, 0, -event.amount_fen)

    def on_CashReleased(self, event: said.CashReleased) -> None:
        self.move_cash(event.firm_id, event.amount_fen, 0, -event.amount_fen)

    def on_GoodsCredited(self, event: said.GoodsCredited) -> None:
        self.goods[event.receipt_id] = [event.firm_id, event.instrument_id, event.lots, 0, 0]

    def on_GoodsDebited(self, event: said.GoodsDebited) -> None:
        self.move_goods(event.receipt_id, -event.lots, 0, 0)

    def on_GoodsWithheld(self, event: said.GoodsWithheld) -> None:
        firm, instrument, free, held, _ = self.goods[event.receipt_id]
        assert (firm, instrument) == (event.firm_id, event.instrument_id)
        assert 0 < event.lots <= free + held, "what is withheld is there, free or on offer"

    def on_TradeSettled(self, event: said.TradeSettled) -> None:
        paid = event.value_fen + event.buyer_fee_fen
        back = event.buyer_committed_fen - paid
        self.move_cash(event.buyer_firm_id, back, 0, -event.buyer_committed_fen)
        self.move_cash(event.seller_firm_id, event.value_fen - event.seller_fee_fen, 0, 0)
        self.cash_out += event.buyer_fee_fen + event.seller_fee_fen
        for source, receipt, lots, _ in event.moves:
            self.move_goods(source, 0, 0, -lots)
            assert receipt not in self.goods or not any(self.goods[receipt][2:])
            self.goods[receipt] = [event.buyer_firm_id, event.instrument_id, lots, 0, 0]

    def move_cash(self, firm: int, available: int, held: int, committed: int) -> None:
        stations = self.cash[firm]
        stations[0] += available
        stations[1] += held
        stations[2] += committed
        assert min(stations) >= 0, "no station goes below nothing"

    def move_goods(self, receipt: int, free: int, held: int, committed: int) -> None:
        row = self.goods[receipt]
        row[2] += free
        row[3] += held
        row[4] += committed
        assert min(row) >= 0, "no station goes below nothing"

    # What must be equal.

    def compare(self, engine: Engine) -> None:
        totals = engine.totals()
        assert {firm: row for firm, *row in totals["cash"]} == self.cash
        assert (totals["cash_in"], totals["cash_out"]) == (self.cash_in, self.cash_out)
        assert {r: [f, i, *lots] for f, i, r, *lots, _ in totals["goods"]} == {
            receipt: row for receipt, row in self.goods.items() if any(row[2:])
        }
        for instrument in engine.instruments():
            for side in Side:
                mine = [
                    (number, self.orders[number])
                    for number in self.book
                    if (self.orders[number].instrument, self.orders[number].side)
                    == (instrument.instrument_id, side)
                ]
                sign = -1 if side == Side.BUY else 1
                mine.sort(key=lambda pair: pair[1].price * sign)  # stable: oldest stays first
                assert [
                    (number, one.price, one.shown, one.open, one.held_fen, one.receipts)
                    for number, one in mine
                ] == [
                    (order.order_id, order.price_ticks, order.open_lots - order.hidden_lots,
                     order.open_lots, order.held_fen, dict(order.receipts))
                    for order in instrument.book.side(side)
                ]  # fmt: skip
