"""Events -> what everybody sees of a market: books, tickers, trades and candles, by addition."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final

from exchange import candles
from exchange.limits import FEED_CANDLES, FEED_LEVELS, FEED_TRADES
from matching.commands import HaltScope, Mode, Phase, Side
from matching.events import (
    AuctionIndicated,
    DayOpened,
    HaltChanged,
    InstrumentDefined,
    PhaseChanged,
    ReferenceChanged,
    TradeExecuted,
    VolatilityInterrupted,
)

SPARK_MINUTES: Final = 60


def book_crc(bids: list[list[int]], asks: list[list[int]]) -> int:
    """Return the CRC-32 of the ten best levels a side, as the protocol defines it."""
    text = "|".join(f"{level[0]}:{level[1]}" for level in (*bids[:10], *asks[:10]))
    return zlib.crc32(text.encode("ascii"))


class MarketFeeds:
    """The public topics of one venue, as plain data."""

    def __init__(self) -> None:
        self.at = 0  # milliseconds
        self.minute = 0
        self.books: dict[int, list[dict[int, list[int]]]] = {}  # id -> [bids, asks] price -> ...
        self.windows: dict[int, list[list[list[int]]]] = {}  # what was last published
        self.listed: dict[int, bool] = {}
        self.trades: dict[int, list[list[int]]] = {}
        self.tickers: dict[int, dict[str, Any]] = {}
        self.candles: dict[int, dict[str, list[list[int]]]] = {}
        # Topic -> key -> what changed in the block that is being read; not persisted.
        self._touched: dict[str, Any] = {}

    def _touch(self, topic: str, key: Any, value: Any) -> None:
        self._touched.setdefault(topic, {})[key] = value

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

    def _market(self, word: str, instrument_id: int, interval: str) -> dict[str, Any] | None:
        """Return the whole of a public topic of an instrument; None for no such topic."""
        if word == "book" and not interval:
            bids, asks = self.windows.get(instrument_id, [[], []])
            return {"bids": bids, "asks": asks, "crc": book_crc(bids, asks)}
        if word == "trades" and not interval:
            return {"trades": self.trades.get(instrument_id, [])[::-1]}
        if word == "candles" and interval in candles.INTERVALS:
            return {"candles": self.candles.get(instrument_id, {}).get(interval, [])}
        return None

    # Events.

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


MARKET_EVENTS: Final[dict[type, Callable[[Any, Any], None]]] = {
    InstrumentDefined: MarketFeeds._defined,
    PhaseChanged: MarketFeeds._phase,
    HaltChanged: MarketFeeds._halt,
    ReferenceChanged: MarketFeeds._reference,
    DayOpened: MarketFeeds._day,
    AuctionIndicated: MarketFeeds._indicated,
    VolatilityInterrupted: MarketFeeds._interrupted,
}
