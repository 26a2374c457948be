"""Priority, and the invariants that `check` asserts: a broken book is noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matching.book import Book
from matching.commands import Side, TimeInForce
from matching.cover import Account
from matching.orders import Order, new_order


def order(number: int, side: Side, price: int, lots: int = 1, group: int = 1) -> Order:
    return new_order(
        number, Account(number, group), 1, 7, side, TimeInForce.DAY, price, lots, 0, ()
    )


def book(*orders: Order) -> Book:
    made = Book()
    for one in orders:
        made.side(one.side).add(one)
    made.check()
    return made


def test_better_price_comes_first_then_the_older_order() -> None:
    made = book(
        order(1, Side.BUY, 99), order(2, Side.BUY, 100), order(3, Side.BUY, 100),
        order(4, Side.SELL, 103), order(5, Side.SELL, 102), order(6, Side.SELL, 102),
    )  # fmt: skip
    assert [one.order_id for one in made.bids] == [2, 3, 1]
    assert [one.order_id for one in made.asks] == [5, 6, 4]


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_an_order_leaves_from_anywhere_and_the_rest_keep_their_place(gone: int) -> None:
    orders = [order(number, Side.SELL, 100) for number in (1, 2, 3)]
    made = book(*orders)
    made.asks.remove(orders[gone])
    made.check()
    assert [one.order_id for one in made.asks] == [n for n in (1, 2, 3) if n != gone + 1]
    assert (orders[gone].level, orders[gone].before, orders[gone].after) == (None, None, None)


def test_the_next_level_is_best_when_the_best_is_empty() -> None:
    first, second = order(1, Side.BUY, 100), order(2, Side.BUY, 99)
    made = book(first, second)
    made.bids.remove(first)
    made.check()
    assert made.bids.best is second.level
    made.bids.remove(second)
    made.check()
    assert made.bids.best is None


def _nothing_open(made: Book) -> None:
    next(iter(made.bids)).open_lots = 0


def _wrong_best(made: Book) -> None:
    made.bids.best = made.bids.levels.peekitem(-1)[1]


def _lots_of_level(made: Book) -> None:
    assert made.bids.best is not None
    made.bids.best.lots += 1


def _wrong_price(made: Book) -> None:
    next(iter(made.bids)).price_ticks += 1


def _empty_level(made: Book) -> None:
    assert made.bids.best is not None
    made.bids.best.head = None


@pytest.mark.parametrize(
    "break_it",
    [_nothing_open, _wrong_best, _lots_of_level, _wrong_price, _empty_level],
)
def test_check_notices_a_broken_book(break_it: Callable[[Book], None]) -> None:
    made = book(order(1, Side.BUY, 100, 2), order(2, Side.BUY, 99, 3))
    break_it(made)
    with pytest.raises(AssertionError):
        made.check()


def test_crossed_orders_are_found() -> None:
    made = book(
        order(1, Side.BUY, 100), order(2, Side.BUY, 98), order(3, Side.SELL, 98),
        order(4, Side.SELL, 99), order(5, Side.SELL, 101),
    )  # fmt: skip
    pairs = [(bid.order_id, ask.order_id) for bid, ask in made.crossed()]
    assert pairs == [(1, 3), (1, 4), (2, 3)]
