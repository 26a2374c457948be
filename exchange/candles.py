"""Trades -> candles of each interval."""

from __future__ import annotations

from typing import Final

from matching.units import Lots, Ticks

INTERVALS: Final[dict[str, int]] = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86_400}
"""Names and seconds. Days begin at midnight in Asia/Shanghai, eight hours before UTC's."""
_DAY_SHIFT_S: Final = 8 * 3600


def start_of(at_s: int, seconds: int) -> int:
    """Return the start, in seconds UTC, of the candle that `at_s` falls into."""
    if seconds == 86_400:
        return (at_s + _DAY_SHIFT_S) // seconds * seconds - _DAY_SHIFT_S
    return at_s // seconds * seconds


def add(candles: list[list[int]], start_s: int, price: Ticks, lots: Lots, most: int) -> list[int]:
    """Add a trade to the newest candle or begin one; keep `most`. Return the candle changed.

    A candle is [start_s, open, high, low, close, lots].
    """
    if candles and candles[-1][0] == start_s:
        candle = candles[-1]
        candle[2] = max(candle[2], price)
        candle[3] = min(candle[3], price)
        candle[4] = price
        candle[5] += lots
        return candle
    candle = [start_s, price, price, price, price, lots]
    candles.append(candle)
    if len(candles) > most:
        del candles[0]
    return candle
