"""Orders, receipts, trades, markets and firms as a naive venue keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from matching import commands as c

Note = tuple[Any, ...]
MOST = 2**53 - 1
DAY_MOST = 99991231
WINDOW = 15 * 60 * 1_000_000  # how long an id is known
AHEAD = 60 * 1_000_000  # how far a stamp may be in the future
FAR = 400 * 24 * 3600 * 1_000_000  # how far ahead anything may be dated
RECEIPTS = 64  # that one order may name or hold
HOLDERS = 200  # firms that may ever hold part of one root
IMMEDIATE = (c.TimeInForce.IOC, c.TimeInForce.FOK)


@dataclass(eq=False)
class Stand:
    """An order. `place` is "in", "book", "stop", "out" (suspended) or "aside".

    `goods` are what a sale holds, [receipt, lots] in the order of use.
    """

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
    goods: list[list[int]] = field(default_factory=list)

    @property
    def buys(self) -> bool:
        return self.side == c.Side.BUY


@dataclass(eq=False)
class Receipt:
    """Title to goods. `kg` is the weight of the one piece, 0 where every lot weighs the same."""

    number: int
    root: int
    firm: int
    where: int
    free: int
    kg: int
    day: int


@dataclass(eq=False)
class Trade:
    """What a trade binds. `had` are the receipts of which the buyer got something delivered."""

    where: int
    buyer: int
    seller: int
    value: int
    buyer_fee: int
    seller_fee: int
    bound: int
    goods: list[list[int]]
    at: int
    begun: bool = False
    had: set[int] = field(default_factory=set)


@dataclass(eq=False)
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


@dataclass(eq=False)
class Firm:
    group: int
    cash: int = 0
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
