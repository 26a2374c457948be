"""Orders, markets and firms as a naive venue keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from matching import commands as c

Note = tuple[Any, ...]
MOST = 2**53 - 1
WINDOW = 15 * 60 * 1_000_000  # how long an id is known
AHEAD = 60 * 1_000_000  # how far a stamp may be in the future
IMMEDIATE = (c.TimeInForce.IOC, c.TimeInForce.FOK)


@dataclass
class Stand:
    """An order. `place` is "in", "book", "stop" or "out" (suspended)."""

    number: int
    firm: int
    trader: int
    where: int
    side: c.Side
    tif: c.TimeInForce
    price: int
    total: int
    open: int
    special: c.Special
    session: int
    shown: int = 0
    place: str = "in"

    @property
    def buys(self) -> bool:
        return self.side == c.Side.BUY


@dataclass
class Market:
    terms: c.DefineInstrument
    low: int
    high: int
    reference: int
    phase: c.Phase = c.Phase.CLOSED
    halted: bool = False
    last: int = 0
    call_until: int = 0
    indicated: tuple[int, int, int] = (0, 0, 0)
    indicate_at: int = 0
    book: list[Stand] = field(default_factory=list)  # oldest first
    stops: list[Stand] = field(default_factory=list)
    out: list[Stand] = field(default_factory=list)

    @property
    def matched(self) -> bool:
        return self.terms.mode == c.Mode.MATCHED


@dataclass
class Firm:
    group: int
    cash: int = 0
    bound: int = 0
    halted: bool = False
    suspended: bool = False
    blocked: set[int] = field(default_factory=set)
    policy: c.SelfMatch = c.SelfMatch.REFUSE_NEWEST
    rate: int = 0
    burst: int = 0
    tokens: Fraction = Fraction(0)
    filled_at: int = 0
    most_value: int = 0
    value: int = 0
    lots: dict[int, int] = field(default_factory=dict)
