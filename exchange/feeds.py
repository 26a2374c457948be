"""Events -> the frames of `docs/PROTOCOL.md`, each encoded once.

`FeedBuilder` is pure: the same blocks give the same frames with the same sequence numbers on every
server and after every restart. Books, orders, funds and receipts are kept by adding up events.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from exchange import candles
from exchange.blocks import Block
from exchange.limits import FEED_CANDLE_RING, FEED_CANDLES, FEED_LEVELS, FEED_RING, FEED_TRADES
from matching.commands import HaltScope, Mode, Phase, Side, Special
from matching.events import (
    AuctionIndicated,
    CancelReason,
    CashCredited,
    CashDebited,
    CashReleased,
    CashReserved,
    DayOpened,
    GoodsCredited,
    GoodsDebited,
    HaltChanged,
    InstrumentDefined,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    OrderReduced,
    OrderRefreshed,
    OrderRested,
    OrderResumed,
    OrderSuspended,
    PhaseChanged,
    ReferenceChanged,
    StopTriggered,
    TradeBusted,
    TradeExecuted,
    TradeSettled,
    VolatilityInterrupted,
)
from matching.units import FirmId, VenueId

_encode: Final = msgspec.json.Encoder().encode
DONE_ORDERS: Final = 50
FILLS: Final = 100
SETTLED_CONTRACTS: Final = 100
SPARK_MINUTES: Final = 60
_PLAIN: Final = Special()
_FORMAT: Final = 2


class Frame(NamedTuple):
    """A finished frame of one topic: `payload` is the JSON that every socket gets."""

    topic: str
    seq: int
    payload: bytes


def book_crc(bids: list[list[int]], asks: list[list[int]]) -> int:
    """Return the CRC-32 of the ten best levels a side, as the protocol defines it."""
    text = "|".join(f"{level[0]}:{level[1]}" for level in (*bids[:10], *asks[:10]))
    return zlib.crc32(text.encode("ascii"))


class FeedBuilder:
    """The feeds of one venue. `firm_code` gives the public code of a firm's id."""

    def __init__(self, venue_id: VenueId, firm_code: Callable[[FirmId], str]) -> None:
        self.venue_id = venue_id
        self.firm_code = firm_code
        self.seq = 0
        self.hash = b""
        self.at = 0  # milliseconds
        self.minute = 0
        # What topics show, as plain data: persisted by `state()`.
        self.seqs: dict[str, int] = {}
        self.books: dict[int, list[dict[int, list[int]]]] = {}  # id -> [bids, asks] price -> ...
        self.windows: dict[int, list[list[list[int]]]] = {}  # what was last published
        self.listed: dict[int, bool] = {}
        self.trades: dict[int, list[list[int]]] = {}
        self.tickers: dict[int, dict[str, Any]] = {}
        self.candles: dict[int, dict[str, list[list[int]]]] = {}
        self.orders: dict[int, dict[str, Any]] = {}  # open ones
        self.owners: dict[int, int] = {}  # open order -> firm
        self.done: dict[int, list[dict[str, Any]]] = {}  # firm -> newest last
        self.fills: dict[int, list[dict[str, Any]]] = {}
        self.funds: dict[int, list[int]] = {}
        self.receipts: dict[int, dict[int, dict[str, Any]]] = {}  # firm -> id -> receipt
        self.contracts: dict[int, dict[str, Any]] = {}  # open trade -> shared fields
        self.settled: dict[int, list[dict[str, Any]]] = {}  # firm -> newest last
        # Not persisted: rings begin empty after a restart, and a gap is then filled by a snapshot.
        self.rings: dict[str, deque[bytes]] = {}
        self._touched: dict[str, Any] = {}

    # Blocks in, frames out.

    def apply(self, block: Block) -> list[Frame]:
        """Return the frames that a block gives: at most one a topic."""
        self.seq = block.seq
        self.hash = block.hash
        self.at = block.ts_us // 1000
        self.minute = block.ts_us // 60_000_000
        self._touched = {}
        for events in block.decoded_events():
            for event in events:
                handle = _HANDLE.get(type(event))
                if handle is not None:
                    handle(self, event)
        return self._publish()

    def _touch(self, topic: str, key: Any, value: Any) -> None:
        self._touched.setdefault(topic, {})[key] = value

    def _publish(self) -> list[Frame]:
        frames = []
        # Books first: the best prices that they find belong to the ticker's frame.
        deltas = {
            topic: self._book_delta(int(topic.partition(".")[2]))
            for topic in list(self._touched)
            if topic.startswith("book.")
        }
        for topic, changed in self._touched.items():
            word = topic.partition(".")[0]
            if word == "book":
                delta = deltas[topic]
                if delta is None:
                    continue
                data = delta
            elif word == "offers":
                data = {"offers": list(changed.values())}
            elif word == "trades":
                data = {"trades": list(changed.values())}
            elif word == "ticker":
                data = {"instruments": {str(key): self.tickers[key] for key in changed}}
            elif word == "candles":
                data = {"candles": list(changed.values())}
            else:
                private, _, _ = topic.partition(":")
                if private == "funds":
                    data = self._funds(int(topic.partition(":")[2]))
                else:
                    data = {private: list(changed.values())}
            frames.append(self._frame(topic, data))
        return frames

    def _frame(self, topic: str, data: dict[str, Any]) -> Frame:
        seq = self.seqs.get(topic, 0) + 1
        self.seqs[topic] = seq
        payload = _encode(
            {
                "t": "update",
                "topic": topic.partition(":")[0],
                "seq": seq,
                "prev_seq": seq - 1,
                "block": self.seq,
                "at": self.at,
                "data": data,
            }
        )
        ring = self.rings.get(topic)
        if ring is None:
            most = FEED_CANDLE_RING if topic.startswith("candles.") else FEED_RING
            ring = self.rings[topic] = deque(maxlen=most)
        ring.append(payload)
        return Frame(topic, seq, payload)

    # Snapshots.

    def snapshot(self, topic: str) -> Frame | None:
        """Return the whole state of a topic as of its newest frame; None for no such topic."""
        data = self._whole(topic)
        if data is None:
            return None
        seq = self.seqs.get(topic, 0)
        payload = _encode(
            {
                "t": "snapshot",
                "topic": topic.partition(":")[0],
                "seq": seq,
                "block": self.seq,
                "at": self.at,
                "data": data,
            }
        )
        return Frame(topic, seq, payload)

    def since(self, topic: str, from_seq: int) -> list[Frame] | None:
        """Return the frames after `from_seq` if the ring still has them all, else None."""
        missed = self.seqs.get(topic, 0) - from_seq
        ring = self.rings.get(topic, ())
        if not 0 <= missed <= len(ring):
            return None
        payloads = islice(ring, len(ring) - missed, None)
        return [Frame(topic, seq, payload) for seq, payload in enumerate(payloads, from_seq + 1)]

    def last_seqs(self) -> dict[str, int]:
        """Return the newest sequence number of each topic that has had a frame."""
        return self.seqs

    def _whole(self, topic: str) -> dict[str, Any] | None:
        private, colon, firm = topic.partition(":")
        if colon:
            return self._private(private, int(firm))
        word, _, rest = topic.partition(".")
        if word == "ticker" and not rest:
            return {"instruments": {str(key): row for key, row in self.tickers.items()}}
        number, _, interval = rest.partition(".")
        if not number.isdecimal() or int(number) not in self.books:
            return None
        instrument_id = int(number)
        if word == "book" and not interval:
            bids, asks = self.windows.get(instrument_id, [[], []])
            return {"bids": bids, "asks": asks, "crc": book_crc(bids, asks)}
        if word == "offers" and not interval and self.listed[instrument_id]:
            return {
                "offers": [
                    self._offer(order)
                    for order in self.orders.values()
                    if order["instrument"] == instrument_id and not order["firms"]
                ]
            }
        if word == "trades" and not interval:
            return {"trades": self.trades.get(instrument_id, [])[::-1]}
        if word == "candles" and interval in candles.INTERVALS:
            return {"candles": self.candles.get(instrument_id, {}).get(interval, [])}
        return None

    def _private(self, word: str, firm_id: int) -> dict[str, Any] | None:
        if word == "orders":
            mine = [
                order for order_id, order in self.orders.items() if self.owners[order_id] == firm_id
            ]
            return {"orders": mine + self.done.get(firm_id, [])[::-1]}
        if word == "directed":
            return {
                "directed": [
                    self._offer(order)
                    for order in self.orders.values()
                    if firm_id in order["firms"]
                ]
            }
        if word == "fills":
            return {"fills": self.fills.get(firm_id, [])[::-1]}
        if word == "funds":
            return self._funds(firm_id)
        if word == "receipts":
            return {"receipts": list(self.receipts.get(firm_id, {}).values())}
        if word == "contracts":
            mine = [
                self._contract(contract, firm_id)
                for contract in self.contracts.values()
                if firm_id in (contract["buyer"], contract["seller"])
            ]
            return {"contracts": mine[::-1] + self.settled.get(firm_id, [])[::-1]}
        return None

    def _funds(self, firm_id: int) -> dict[str, int]:
        available, held, committed = self.funds.get(firm_id, [0, 0, 0])
        return {"available": available, "held": held, "committed": committed}

    # Books.

    def _level(self, instrument_id: int, side: Side, price: int, lots: int, orders: int) -> None:
        levels = self.books[instrument_id][0 if side == Side.BUY else 1]
        level = levels.get(price)
        if level is None:
            level = levels[price] = [0, 0]
        level[0] += lots
        level[1] += orders
        assert level[0] >= 0, "no level holds less than nothing"
        assert level[1] >= 0, "no level holds less than nothing"
        if not level[0]:
            del levels[price]
        self._touch(f"book.{instrument_id}", 0, None)

    def _book_delta(self, instrument_id: int) -> dict[str, Any] | None:
        """Return what changed in the published window since the last frame, or None."""
        sides = self.books[instrument_id]
        before = self.windows.get(instrument_id, [[], []])
        now: list[list[list[int]]] = []
        delta: list[list[list[int]]] = []
        for number, levels in enumerate(sides):
            prices = sorted(levels, reverse=number == 0)[:FEED_LEVELS]
            window = [[price, *levels[price]] for price in prices]
            old = {level[0]: level for level in before[number]}
            changed = [level for level in window if old.pop(level[0], None) != level]
            changed += [[price, 0, 0] for price in old]
            now.append(window)
            delta.append(changed)
        bid = now[0][0][0] if now[0] else 0
        ask = now[1][0][0] if now[1] else 0
        row = self.tickers[instrument_id]
        if (row["bid"], row["ask"]) != (bid, ask):
            row["bid"], row["ask"] = bid, ask
            self._touch("ticker", instrument_id, None)
        if not delta[0] and not delta[1]:
            return None
        self.windows[instrument_id] = now
        return {"bids": delta[0], "asks": delta[1], "crc": book_crc(now[0], now[1])}

    def _ticker(self, instrument_id: int) -> dict[str, Any]:
        self._touch("ticker", instrument_id, None)
        return self.tickers[instrument_id]

    # Events about instruments.

    def _defined(self, event: InstrumentDefined) -> None:
        self.books[event.instrument_id] = [{}, {}]
        self.windows[event.instrument_id] = [[], []]
        self.listed[event.instrument_id] = event.mode == Mode.LISTED
        self.tickers[event.instrument_id] = {
            "last": 0,
            "open": 0,
            "high": 0,
            "low": 0,
            "reference": event.reference_ticks,
            "low_limit": event.low_ticks,
            "high_limit": event.high_ticks,
            "volume": 0,
            "turnover": 0,
            "bid": 0,
            "ask": 0,
            "phase": int(Phase.CLOSED),
            "halted": False,
            "indicated": [0, 0, 0],
            "until": 0,
            "at": 0,
            "spark": [],
        }
        self._ticker(event.instrument_id)

    def _phase(self, event: PhaseChanged) -> None:
        row = self._ticker(event.instrument_id)
        row["phase"] = int(event.phase)
        row["indicated"] = [0, 0, 0]
        if event.phase != Phase.CALL:
            row["until"] = 0

    def _indicated(self, event: AuctionIndicated) -> None:
        row = self._ticker(event.instrument_id)
        row["indicated"] = [event.price_ticks, event.volume_lots, event.surplus_lots]

    def _interrupted(self, event: VolatilityInterrupted) -> None:
        self._ticker(event.instrument_id)["until"] = event.until_us // 1000

    def _halt(self, event: HaltChanged) -> None:
        if event.scope == HaltScope.INSTRUMENT:
            self._ticker(event.target_id)["halted"] = event.halted

    def _reference(self, event: ReferenceChanged) -> None:
        row = self._ticker(event.instrument_id)
        row["reference"] = event.reference_ticks
        row["low_limit"] = event.low_ticks
        row["high_limit"] = event.high_ticks

    def _day(self, event: DayOpened) -> None:
        for instrument_id in self.tickers:
            row = self._ticker(instrument_id)
            for field in ("open", "high", "low", "volume", "turnover"):
                row[field] = 0
            row["spark"] = row["spark"][-1:]

    # Events about orders and trades.

    def _entered(self, event: OrderEntered) -> None:
        special = event.special or _PLAIN
        self.orders[event.order_id] = {
            "order": event.order_id,
            "client_id": event.client_order_id,
            "instrument": event.instrument_id,
            "side": int(event.side),
            "tif": int(event.tif),
            "price": event.price_ticks,
            "lots": event.quantity_lots,
            "executed": 0,
            "open": event.quantity_lots,
            "held": event.held_fen,
            "receipts": [list(pair) for pair in event.receipts],
            "state": "waiting" if special.stop_ticks else "open",
            "shown": 0,
            "kind": int(special.kind),
            "expires": special.expires_us // 1000,
            "display": special.display_lots,
            "least": special.least_lots,
            "stop": special.stop_ticks,
            "firms": list(special.firm_ids),
            "lifted": event.lifted_order_id,
            "at": self.at,
            "changed": self.at,
        }
        self.owners[event.order_id] = event.firm_id
        self._cash(event.firm_id, -event.held_fen, event.held_fen, 0)
        for receipt_id, lots in event.receipts:
            self._goods(event.firm_id, receipt_id, -lots, lots, 0)
        self._order_changed(event.order_id)

    def _order_changed(self, order_id: int) -> dict[str, Any]:
        order = self.orders[order_id]
        order["changed"] = self.at
        firm_id = self.owners[order_id]
        self._touch(f"orders:{firm_id}", order_id, order)
        self._offer_changed(order, firm_id)
        return order

    def _offer_changed(self, order: dict[str, Any], firm_id: int) -> None:
        """Tell an offer's change to those who may lift it: everybody, or whom it names."""
        if not self.listed[order["instrument"]] or order["lifted"]:
            return
        offer = self._offer(order, firm_id)
        if not order["firms"]:
            self._touch(f"offers.{order['instrument']}", order["order"], offer)
        for named in order["firms"]:
            self._touch(f"directed:{named}", order["order"], offer)

    def _show(self, order_id: int, lots: int) -> None:
        """A resting order shows more or less; one that shows nothing is not in the book.

        Directed offers are in no public book.
        """
        order = self.orders[order_id]
        before = order["shown"]
        order["shown"] = shown = before + lots
        if not order["firms"]:
            count = (1 if shown else 0) - (1 if before else 0)
            self._level(order["instrument"], order["side"], order["price"], lots, count)

    def _finish(self, order_id: int, state: str) -> None:
        order = self.orders.pop(order_id)
        firm_id = self.owners.pop(order_id)
        order["state"] = state
        order["open"] = order["shown"] = 0
        order["held"] = 0
        order["receipts"] = []
        self._offer_changed(order, firm_id)
        done = self.done.setdefault(firm_id, [])
        done.append(order)
        del done[:-DONE_ORDERS]

    def _offer(self, order: dict[str, Any], firm_id: int = 0) -> dict[str, Any]:
        return {
            "order": order["order"],
            "instrument": order["instrument"],
            "side": order["side"],
            "price": order["price"],
            "lots": order["lots"],
            "open": order["shown"],
            "least": order["least"],
            "firm": self.firm_code(firm_id or self.owners[order["order"]]),
            "at": order["at"],
            "receipts": [receipt_id for receipt_id, _ in order["receipts"]],
        }

    def _rested(self, event: OrderRested) -> None:
        self.orders[event.order_id]["state"] = "open"
        self._show(event.order_id, event.open_lots)
        self._order_changed(event.order_id)

    def _refreshed(self, event: OrderRefreshed) -> None:
        self._show(event.order_id, event.shown_lots)

    def _reduced(self, event: OrderReduced) -> None:
        if event.shown_lots:
            self._show(event.order_id, -event.shown_lots)
        order = self.orders[event.order_id]
        order["open"] = event.open_lots
        order["held"] -= event.freed_fen
        self._use(order, dict(event.receipts))
        self._cash(event.firm_id, event.freed_fen, -event.freed_fen, 0)
        for receipt_id, lots in event.receipts:
            self._goods(event.firm_id, receipt_id, lots, -lots, 0)
        self._order_changed(event.order_id)

    def _suspended(self, event: OrderSuspended) -> None:
        if event.resting:
            self._show(event.order_id, -event.open_lots)
        self.orders[event.order_id]["state"] = "suspended"
        self._order_changed(event.order_id)

    def _resumed(self, event: OrderResumed) -> None:
        order = self.orders[event.order_id]
        order["state"] = "waiting" if order["stop"] else "open"
        self._order_changed(event.order_id)

    def _triggered(self, event: StopTriggered) -> None:
        order = self.orders[event.order_id]
        order["state"] = "open"
        order["stop"] = 0
        self._order_changed(event.order_id)

    @staticmethod
    def _use(order: dict[str, Any], used: dict[int, int]) -> None:
        """Take lots of receipts from what an order holds."""
        left = [[one, lots - used.get(one, 0)] for one, lots in order["receipts"]]
        order["receipts"] = [pair for pair in left if pair[1]]

    def _traded(self, event: TradeExecuted) -> None:
        lots = event.quantity_lots
        for order_id in (event.maker_order_id, event.taker_order_id):
            firm_id = self.owners[order_id]
            order = self.orders[order_id]
            if order["shown"] and (event.in_auction or order_id == event.maker_order_id):
                self._show(order_id, -lots)
            order["executed"] += lots
            order["open"] -= lots
            buys = order["side"] == Side.BUY
            if buys:
                order["held"] -= event.buyer_freed_fen
            else:
                self._use(order, {receipt_id: used for receipt_id, used, _ in event.receipts})
            self._order_changed(order_id)
            if order["open"] == 0:
                self._finish(order_id, "filled")
            fill = {
                "trade": event.trade_id,
                "order": order_id,
                "instrument": event.instrument_id,
                "side": order["side"],
                "price": event.price_ticks,
                "lots": lots,
                "weight": event.weight_kg,
                "value": event.value_fen,
                "fee": event.buyer_fee_fen if buys else event.seller_fee_fen,
                "at": self.at,
            }
            fills = self.fills.setdefault(firm_id, [])
            fills.append(fill)
            del fills[:-FILLS]
            self._touch(f"fills:{firm_id}", event.trade_id, fill)
        self._cash(
            event.buyer_firm_id,
            event.buyer_freed_fen - event.buyer_committed_fen,
            -event.buyer_freed_fen,
            event.buyer_committed_fen,
        )
        for receipt_id, used, _ in event.receipts:
            self._goods(event.seller_firm_id, receipt_id, 0, -used, used)
        self._market_data(event)
        contract = {
            "trade": event.trade_id,
            "instrument": event.instrument_id,
            "price": event.price_ticks,
            "lots": lots,
            "weight": event.weight_kg,
            "value": event.value_fen,
            "buyer": event.buyer_firm_id,
            "seller": event.seller_firm_id,
            "buyer_fee": event.buyer_fee_fen,
            "seller_fee": event.seller_fee_fen,
            "state": "open",
            "at": self.at,
            "settled_at": 0,
        }
        self.contracts[event.trade_id] = contract
        self._contract_changed(contract)

    def _market_data(self, event: TradeExecuted) -> None:
        instrument_id, price, lots = event.instrument_id, event.price_ticks, event.quantity_lots
        trade = [event.trade_id, price, lots, int(event.taker_side), self.at]
        tape = self.trades.setdefault(instrument_id, [])
        tape.append(trade)
        del tape[:-FEED_TRADES]
        self._touch(f"trades.{instrument_id}", event.trade_id, trade)
        row = self._ticker(instrument_id)
        if not row["volume"]:
            row["open"] = row["high"] = row["low"] = price
        row["high"] = max(row["high"], price)
        row["low"] = min(row["low"], price)
        row["last"] = price
        row["volume"] += lots
        row["turnover"] += event.value_fen
        if row["at"] // 60_000 == self.minute and row["spark"]:
            row["spark"][-1] = price
        else:
            row["spark"] = [*row["spark"][-(SPARK_MINUTES - 1) :], price]
        row["at"] = self.at
        series = self.candles.setdefault(instrument_id, {name: [] for name in candles.INTERVALS})
        for name, seconds in candles.INTERVALS.items():
            start = candles.start_of(self.at // 1000, seconds)
            candle = candles.add(series[name], start, price, lots, FEED_CANDLES)
            self._touch(f"candles.{instrument_id}.{name}", start, candle)

    def _cancelled(self, event: OrderCancelled) -> None:
        if event.resting:
            self._show(event.order_id, event.hidden_lots - event.cancelled_lots)
        self._order_changed(event.order_id)
        expired = event.reason == CancelReason.EXPIRED
        self._finish(event.order_id, "expired" if expired else "cancelled")
        self._cash(event.firm_id, event.freed_fen, -event.freed_fen, 0)
        for receipt_id, lots in event.receipts:
            self._goods(event.firm_id, receipt_id, lots, -lots, 0)

    def _amended(self, event: OrderAmended) -> None:
        kept = event.open_lots if event.kept_priority else 0
        self._show(event.order_id, kept - event.old_open_lots)
        order = self.orders[event.order_id]
        order["price"] = event.price_ticks
        order["lots"] = event.quantity_lots
        order["open"] = event.open_lots + event.hidden_lots
        order["held"] = event.held_fen
        order["receipts"] = [list(pair) for pair in event.receipts]
        more = event.held_fen - event.old_held_fen
        self._cash(event.firm_id, -more, more, 0)
        for receipt_id, lots in event.old_receipts:
            self._goods(event.firm_id, receipt_id, lots, -lots, 0)
        for receipt_id, lots in event.receipts:
            self._goods(event.firm_id, receipt_id, -lots, lots, 0)
        self._order_changed(event.order_id)

    # Events about cash and goods.

    def _cash(self, firm_id: int, available: int, held: int, committed: int) -> None:
        if not (available or held or committed):
            return
        sums = self.funds.setdefault(firm_id, [0, 0, 0])
        sums[0] += available
        sums[1] += held
        sums[2] += committed
        self._touch(f"funds:{firm_id}", 0, None)

    def _goods(
        self, firm_id: int, receipt_id: int, free: int, held: int, committed: int
    ) -> dict[str, Any]:
        receipt = self.receipts[firm_id][receipt_id]
        receipt["free"] += free
        receipt["held"] += held
        receipt["committed"] += committed
        self._touch(f"receipts:{firm_id}", receipt_id, receipt)
        if not (receipt["free"] or receipt["held"] or receipt["committed"]):
            receipt["weight"] = 0
            del self.receipts[firm_id][receipt_id]
        return receipt

    def _new_receipt(
        self,
        firm_id: int,
        receipt_id: int,
        root_id: int,
        instrument_id: int,
        lots: int,
        kg: int,
        day: int,
    ) -> None:
        receipt = {
            "receipt": receipt_id,
            "root": root_id,
            "instrument": instrument_id,
            "free": lots,
            "held": 0,
            "committed": 0,
            "weight": kg,
            "from_day": day,
        }
        self.receipts.setdefault(firm_id, {})[receipt_id] = receipt
        self._touch(f"receipts:{firm_id}", receipt_id, receipt)

    def _credited(self, event: CashCredited) -> None:
        self._cash(event.firm_id, event.amount_fen, 0, 0)

    def _reserved(self, event: CashReserved) -> None:
        self._cash(event.firm_id, -event.amount_fen, 0, event.amount_fen)

    def _debited(self, event: CashDebited) -> None:
        self._cash(event.firm_id, 0, 0, -event.amount_fen)

    def _released(self, event: CashReleased) -> None:
        self._cash(event.firm_id, event.amount_fen, 0, -event.amount_fen)

    def _goods_credited(self, event: GoodsCredited) -> None:
        self._new_receipt(
            event.firm_id,
            event.receipt_id,
            event.root_id,
            event.instrument_id,
            event.lots,
            event.weight_kg,
            event.sellable_from_day,
        )

    def _goods_debited(self, event: GoodsDebited) -> None:
        receipt = self._goods(event.firm_id, event.receipt_id, -event.lots, 0, 0)
        receipt["weight"] = max(receipt["weight"] - event.weight_kg, 0)

    def _settled(self, event: TradeSettled) -> None:
        back = event.buyer_committed_fen - event.value_fen - event.buyer_fee_fen
        self._cash(event.buyer_firm_id, back, 0, -event.buyer_committed_fen)
        self._cash(event.seller_firm_id, event.value_fen - event.seller_fee_fen, 0, 0)
        for source_id, receipt_id, lots, kg in event.moves:
            source = self._goods(event.seller_firm_id, source_id, 0, 0, -lots)
            source["weight"] = max(source["weight"] - kg, 0)
            self._new_receipt(
                event.buyer_firm_id,
                receipt_id,
                source["root"],
                event.instrument_id,
                lots,
                kg,
                event.sellable_from_day,
            )
        contract = self.contracts.pop(event.trade_id)
        contract["state"] = "settled"
        contract["settled_at"] = self.at
        self._end_contract(contract)

    def _busted(self, event: TradeBusted) -> None:
        """Both sides have back what the trade bound; the day's volume is corrected."""
        back = event.buyer_committed_fen
        self._cash(event.buyer_firm_id, back, 0, -back)
        for receipt_id, lots, _ in event.receipts:
            self._goods(event.seller_firm_id, receipt_id, lots, 0, -lots)
        contract = self.contracts.pop(event.trade_id)
        contract["state"] = "busted"
        contract["settled_at"] = self.at
        row = self._ticker(event.instrument_id)
        row["volume"] = max(row["volume"] - contract["lots"], 0)
        row["turnover"] = max(row["turnover"] - contract["value"], 0)
        self._end_contract(contract)

    def _end_contract(self, contract: dict[str, Any]) -> None:
        self._contract_changed(contract)
        for firm_id in (contract["buyer"], contract["seller"]):
            settled = self.settled.setdefault(firm_id, [])
            settled.append(self._contract(contract, firm_id))
            del settled[:-SETTLED_CONTRACTS]

    def _contract_changed(self, contract: dict[str, Any]) -> None:
        for firm_id in (contract["buyer"], contract["seller"]):
            self._touch(
                f"contracts:{firm_id}", contract["trade"], self._contract(contract, firm_id)
            )

    def _contract(self, contract: dict[str, Any], firm_id: int) -> dict[str, Any]:
        buys = contract["buyer"] == firm_id
        return {
            "trade": contract["trade"],
            "instrument": contract["instrument"],
            "side": 1 if buys else 2,
            "price": contract["price"],
            "lots": contract["lots"],
            "weight": contract["weight"],
            "value": contract["value"],
            "fee": contract["buyer_fee"] if buys else contract["seller_fee"],
            "counterparty": self.firm_code(contract["seller"] if buys else contract["buyer"]),
            "state": contract["state"],
            "at": contract["at"],
            "settled_at": contract["settled_at"],
        }

    # Persistence.

    def state(self) -> bytes:
        """Return everything but the rings, to go on from after a restart."""
        return msgspec.msgpack.encode([_FORMAT, {name: getattr(self, name) for name in _PERSISTED}])

    @classmethod
    def from_state(
        cls, venue_id: VenueId, firm_code: Callable[[FirmId], str], state: bytes
    ) -> FeedBuilder | None:
        """Return the builder that `state` wrote, or None if its layout is another version's."""
        fmt, values = msgspec.msgpack.decode(state, strict=False)
        if fmt != _FORMAT or values.keys() != set(_PERSISTED):
            return None
        builder = cls(venue_id, firm_code)
        for name, value in values.items():
            setattr(builder, name, value)
        return builder


_PERSISTED: Final = (
    "seq",
    "hash",
    "at",
    "seqs",
    "books",
    "windows",
    "listed",
    "trades",
    "tickers",
    "candles",
    "orders",
    "owners",
    "done",
    "fills",
    "funds",
    "receipts",
    "contracts",
    "settled",
)

_HANDLE: Final[dict[type, Callable[[FeedBuilder, Any], None]]] = {
    InstrumentDefined: FeedBuilder._defined,
    PhaseChanged: FeedBuilder._phase,
    HaltChanged: FeedBuilder._halt,
    ReferenceChanged: FeedBuilder._reference,
    DayOpened: FeedBuilder._day,
    OrderEntered: FeedBuilder._entered,
    OrderRested: FeedBuilder._rested,
    TradeExecuted: FeedBuilder._traded,
    OrderCancelled: FeedBuilder._cancelled,
    OrderAmended: FeedBuilder._amended,
    OrderRefreshed: FeedBuilder._refreshed,
    OrderReduced: FeedBuilder._reduced,
    OrderSuspended: FeedBuilder._suspended,
    OrderResumed: FeedBuilder._resumed,
    StopTriggered: FeedBuilder._triggered,
    TradeBusted: FeedBuilder._busted,
    AuctionIndicated: FeedBuilder._indicated,
    VolatilityInterrupted: FeedBuilder._interrupted,
    CashCredited: FeedBuilder._credited,
    CashReserved: FeedBuilder._reserved,
    CashDebited: FeedBuilder._debited,
    CashReleased: FeedBuilder._released,
    GoodsCredited: FeedBuilder._goods_credited,
    GoodsDebited: FeedBuilder._goods_debited,
    TradeSettled: FeedBuilder._settled,
}
