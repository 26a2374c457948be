"""Resting orders of one instrument, in price-time priority."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sortedcontainers import SortedDict

from matching.commands import Side
from matching.orders import Order
from matching.units import MAX_INT, Lots, Ticks

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY


class Level:
    """All resting orders at one price, oldest first, as an intrusive linked list.

    `lots` are shown; icebergs have `hidden_lots` beside them.
    """

    __slots__ = ("head", "hidden_lots", "lots", "price_ticks", "tail")

    def __init__(self, price_ticks: Ticks) -> None:
        self.price_ticks = price_ticks
        self.head: Order | None = None
        self.tail: Order | None = None
        self.lots: Lots = 0
        self.hidden_lots: Lots = 0

    def __iter__(self) -> Iterator[Order]:
        order = self.head
        while order is not None:
            yield order
            order = order.after


class BookSide:
    """One side: price levels sorted by price, the best one and its price cached.

    `SortedDict` sorts ascending; the bids are keyed by the negated price, so that on both sides
    the best level comes first.
    """

    __slots__ = ("best", "best_ticks", "groups", "levels", "nothing_ticks", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: SortedDict[int, Level] = SortedDict()
        self.best: Level | None = None
        # Without orders: a price that no order of the other side can meet.
        self.nothing_ticks: Ticks = 0 if sign < 0 else MAX_INT + 1
        self.best_ticks = self.nothing_ticks
        # In a call: how many orders of each group rest here; None in other phases.
        self.groups: dict[int, int] | None = None

    def count_groups(self, *, wanted: bool) -> None:
        """Count the orders of each group from now on, or no more."""
        self.groups = None
        if wanted:
            self.groups = {}
            for order in self:
                group_id = order.account.group_id
                self.groups[group_id] = self.groups.get(group_id, 0) + 1

    def __del__(self) -> None:
        """Cut the links between orders and levels, which no collector would find (`Order`)."""
        for level in self.levels.values():
            order = level.head
            level.head = level.tail = None
            while order is not None:
                after = order.after
                order.level = order.before = order.after = None
                order = after

    def add(self, order: Order) -> None:
        """Put `order` behind all orders at its price."""
        price = order.price_ticks
        key = price * self.sign
        levels = self.levels
        level: Level
        try:  # costs nothing where the level exists, as most do
            level = levels[key]
        except KeyError:
            level = levels[key] = Level(price)
            best = self.best
            if best is None or key < best.price_ticks * self.sign:
                self.best = level
                self.best_ticks = price
        tail = level.tail
        if tail is None:
            level.head = order
        else:
            tail.after = order
            order.before = tail
        level.tail = order
        order.level = level
        hidden = order.hidden_lots
        level.lots += order.open_lots - hidden
        if hidden:
            level.hidden_lots += hidden
        if self.groups is not None:
            group_id = order.account.group_id
            self.groups[group_id] = self.groups.get(group_id, 0) + 1

    def remove(self, order: Order) -> None:
        """Take `order` out of its level; an emptied level goes with it."""
        level = order.level
        assert level is not None, "only a resting order can be removed"
        before = order.before
        after = order.after
        order.level = None
        if before is None:
            level.head = after
        else:
            before.after = after
            order.before = None
        if after is None:
            level.tail = before
        else:
            after.before = before
            order.after = None
        hidden = order.hidden_lots
        level.lots -= order.open_lots - hidden
        if hidden:
            level.hidden_lots -= hidden
        if level.head is None:
            self.drop(level)
        if self.groups is not None:
            self.groups[order.account.group_id] -= 1

    def drop(self, level: Level) -> None:
        """Take an emptied level out."""
        del self.levels[level.price_ticks * self.sign]
        if level is self.best:
            if self.levels:
                best: Level = self.levels.peekitem(0)[1]
                self.best, self.best_ticks = best, best.price_ticks
            else:
                self.best, self.best_ticks = None, self.nothing_ticks

    def __iter__(self) -> Iterator[Order]:
        """Yield the orders in priority: best price first, then oldest first."""
        for level in self.levels.values():
            yield from level


class Book:
    """Both sides of one instrument.

    Invariants, checked by `check()`:
      1. Every resting order shows something and stands at the level of its price.
      2. No price level is empty; its lots (shown ones) are those of its orders.
      3. The cached best level is the best one.
    Who may stand crossed depends on mode and phase: `Engine.check()`.
    """

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(-1)
        self.asks = BookSide(1)

    def side(self, side: Side) -> BookSide:
        """Return where orders of `side` rest."""
        return self.bids if side is _BUY else self.asks

    def opposite(self, side: Side) -> BookSide:
        """Return what an order of `side` trades against."""
        return self.asks if side is _BUY else self.bids

    def check(self) -> None:
        """Assert every invariant of the class."""
        for book_side in (self.bids, self.asks):
            first = next(iter(book_side.levels.values()), None)
            assert book_side.best is first, "the cached best level is the best"
            best_ticks = book_side.nothing_ticks if first is None else first.price_ticks
            assert book_side.best_ticks == best_ticks, "its price is cached with it"
            if book_side.groups is not None:
                groups = [order.account.group_id for order in book_side]
                for group_id, count in book_side.groups.items():
                    assert groups.count(group_id) == count, "the groups of a call are counted"
                assert book_side.groups.keys() >= set(groups)
            for key, level in book_side.levels.items():
                orders = list(level)
                assert orders, "no price level is empty"
                assert key == level.price_ticks * book_side.sign
                assert level.tail is orders[-1]
                assert level.lots == sum(order.open_lots - order.hidden_lots for order in orders)
                assert level.hidden_lots == sum(order.hidden_lots for order in orders)
                for order in orders:
                    assert order.open_lots > order.hidden_lots >= 0, (
                        "a resting order shows something"
                    )
                    assert order.price_ticks == level.price_ticks
                    assert order.level is level

    def crossed(self) -> Iterator[tuple[Order, Order]]:
        """Yield each bid and ask that stand crossed."""
        bid, ask = self.bids.best, self.asks.best
        if bid is None or ask is None:
            return
        low, high = ask.price_ticks, bid.price_ticks
        asks = [order for order in self.asks if order.price_ticks <= high]
        for one in self.bids:
            if one.price_ticks < low:
                return
            for other in asks:
                if one.price_ticks >= other.price_ticks:
                    yield one, other
