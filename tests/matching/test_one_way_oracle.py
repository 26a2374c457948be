"""Random bids against a naive auction that counts lot by lot, written from the rules alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from matching.commands import AnnounceAuction, AuctionForm, Side
from matching.engine import Engine
from matching.events import AuctionEnded, BidPlaced, CommandRejected, TradeExecuted
from tests.matching.bidding import (
    CLOCK,
    CLOSES,
    FIRMS,
    OPENS,
    OWNER,
    SALE,
    SECOND,
    at,
    bid,
    join,
    market,
)
from tests.matching.market import give
from tests.matching.shadow import Shadow

CASH = 1_250_000
GOODS = 20


class Ask(NamedTuple):
    firm: int
    price: int
    lots: int
    part: bool
    wait: int


def cost(price: int, lots: int) -> int:
    value = price * lots * 100
    return value + value * 5 // 10_000


@dataclass
class Naive:
    """One auction that is open: what stands, oldest first, and what each firm could still pay."""

    notice: AnnounceAuction
    stands: list[Ask] = field(default_factory=list)
    sold: list[tuple[int, int, int]] = field(default_factory=list)  # firm, lots, price
    clock: int = 0

    def better(self, one: int, other: int) -> bool:
        return one > other if self.notice.side == Side.SELL else one < other

    def queue(self) -> list[Ask]:
        """The best first, found by taking out the best that is left again and again."""
        left, queue = list(self.stands), []
        while left:
            best = left[0]
            for one in left:
                if self.better(one.price, best.price):
                    best = one
            left.remove(best)
            queue.append(best)
        return queue

    def margin(self) -> int | None:
        """The price of the lot that is the last of the quantity, if there are so many."""
        lots = [one.price for one in self.queue() for _ in range(one.lots)]
        return (
            lots[self.notice.quantity_lots - 1] if len(lots) >= self.notice.quantity_lots else None
        )

    def affords(self, ask: Ask) -> bool:
        if self.notice.side == Side.BUY:
            return ask.lots <= GOODS - sum(lots for firm, lots, _ in self.sold if firm == ask.firm)
        spent = sum(cost(price, lots) for firm, lots, price in self.sold if firm == ask.firm)
        return cost(ask.price, ask.lots) <= CASH - self.notice.bond_fen - spent

    def refuses(self, ask: Ask) -> str | None:
        notice = self.notice
        mine = [one for one in self.stands if one.firm == ask.firm]
        floor = notice.least_lots
        if notice.form == AuctionForm.ASCENDING and mine:
            floor = mine[0].lots
        if ask.lots < floor:
            return "BELOW_MINIMUM"
        if ask.lots % notice.step_lots:
            return "QUANTITY_STEP"
        if ask.lots > notice.quantity_lots:
            return "EXCEEDS_OPEN"
        if self.better(notice.reserve_ticks, ask.price):
            return "RESERVE"
        if notice.form == AuctionForm.ASCENDING:
            up = notice.increment_ticks if notice.side == Side.SELL else -notice.increment_ticks
            beaten = [one.price for one in mine] + [self.margin() or 0] * (
                self.margin() is not None
            )
            if any(self.better(price + up, ask.price) for price in beaten):
                return "INCREMENT"
        if not 720 <= ask.price <= 880:
            return "PRICE_BAND"
        if not self.affords(ask):
            return "GOODS" if notice.side == Side.BUY else "CASH"
        return None

    def place(self, ask: Ask) -> None:
        self.stands = [one for one in self.stands if one.firm != ask.firm] + [ask]

    def close(self) -> None:
        left = self.notice.quantity_lots
        for one in self.queue():
            got = 0
            while got < one.lots and got < left:
                got += 1
            if got and (got == one.lots or (one.part and got >= self.notice.least_lots)):
                self.sold.append((one.firm, got, one.price))
                left -= got
        if self.notice.is_uniform and self.sold:
            last = self.sold[-1][2]
            self.sold = [(firm, lots, last) for firm, lots, _ in self.sold]


asks = st.builds(
    Ask,
    firm=st.sampled_from(FIRMS),
    price=st.integers(768, 832),
    lots=st.sampled_from((1, 2, 4, 4, 6, 8, 8, 10, 12, 16, 20, 22)),
    part=st.booleans(),
    wait=st.integers(0, 20),
)
notices = st.builds(
    lambda side, form, below, least, uniform, increment: replace(
        SALE,
        side=side,
        form=form,
        reserve_ticks=770 + below if side == Side.SELL else 830 - below,
        least_lots=least,
        is_uniform=uniform,
        increment_ticks=increment if form == AuctionForm.ASCENDING else 0,
        extend_us=0,
        extensions=0,
    ),
    st.sampled_from(Side),
    st.sampled_from((AuctionForm.ASCENDING, AuctionForm.SEALED)),
    st.integers(0, 15),
    st.sampled_from((2, 4, 8)),
    st.booleans(),
    st.integers(1, 8),
)


def opened_for(notice: AnnounceAuction) -> tuple[Engine, Shadow]:
    """An engine where the auction is open, and a follower that has seen its events from there."""
    engine = market(CASH * 2 if notice.side == Side.BUY else CASH)
    shadow = Shadow(
        cash={firm: list(rest) for firm, *rest in engine.totals()["cash"]},
        goods={r: [f, i, *lots] for f, i, r, *lots, _ in engine.totals()["goods"]},
        cash_in=engine.totals()["cash_in"],
    )
    shadow.follow(give(engine, notice))
    for firm in FIRMS:
        shadow.follow(give(engine, join(firm)))
    shadow.follow(at(engine, OPENS))
    shadow.compare(engine)
    return engine, shadow


def bought(events: tuple[Any, ...], side: Side) -> list[tuple[int, int, int]]:
    return [
        (
            event.buyer_firm_id if side == Side.SELL else event.seller_firm_id,
            event.quantity_lots,
            event.price_ticks,
        )
        for event in events
        if isinstance(event, TradeExecuted)
    ]


@settings(max_examples=200, deadline=None)
@given(notices, st.lists(asks, min_size=5, max_size=16), st.integers(0, 15))
def test_bids_and_awards_are_those_of_a_naive_auction(
    notice: AnnounceAuction, wishes: list[Ask], restored: int
) -> None:
    engine, shadow = opened_for(notice)
    naive = Naive(notice)
    rich = CASH * 2 if notice.side == Side.BUY else CASH
    now = OPENS
    for number, ask in enumerate(wishes):
        if number == restored:
            engine = Engine.restore(engine.snapshot())
        now += ask.wait * SECOND
        shadow.follow(at(engine, now))
        command = replace(
            bid(f"b{number}", ask.firm, ask.lots, ask.price, part=ask.part), at_us=now
        )

        events = engine.apply(command)

        engine.check()
        shadow.follow(events)
        shadow.compare(engine)
        reason = naive.refuses(ask)
        if reason is None:
            assert isinstance(events[0], BidPlaced), (events, ask)
            naive.place(ask)
        else:
            assert isinstance(events[0], CommandRejected), (events, ask)
            assert events[0].reason == reason, (events, ask)

    events = at(engine, CLOSES)

    shadow.follow(events)
    shadow.compare(engine)
    naive.close()
    assert bought(events, notice.side) == naive.sold
    ended = events[0]
    assert isinstance(ended, AuctionEnded)
    assert ended.sold_lots == sum(lots for _, lots, _ in naive.sold)
    assert ended.marginal_ticks == (naive.sold[-1][2] if naive.sold else 0)
    # Who won has committed what it pays; all else is free again.
    paid = {firm: 0 for firm in (*FIRMS, OWNER)}
    for firm, lots, price in naive.sold:
        paid[firm if notice.side == Side.SELL else OWNER] += cost(price, lots)
    assert {firm: engine.cash(firm) for firm in paid} == {
        firm: (rich - fen, 0, fen) for firm, fen in paid.items()
    }
    assert all(receipt.held_lots == 0 for receipt in engine.receipts())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(Side), st.lists(asks, min_size=4, max_size=14))
def test_acceptances_of_a_clock_are_those_of_a_naive_one(side: Side, wishes: list[Ask]) -> None:
    start, reserve = (800, 760) if side == Side.SELL else (790, 830)
    notice = replace(
        CLOCK, side=side, start_ticks=start, reserve_ticks=reserve, increment_ticks=15, least_lots=4
    )
    engine, shadow = opened_for(notice)
    naive = Naive(notice)
    prices = [800, 785, 770, 760] if side == Side.SELL else [790, 805, 820, 830]
    left, traded = notice.quantity_lots, []
    now = OPENS
    for number, ask in enumerate(wishes):
        now += 10 * SECOND
        shadow.follow(at(engine, now))
        step = (now - OPENS) // (30 * SECOND)
        command = replace(
            bid(f"b{number}", ask.firm, ask.lots, ask.price, part=ask.part), at_us=now
        )

        events = engine.apply(command)

        engine.check()
        shadow.follow(events)
        shadow.compare(engine)
        traded += bought(events, side)
        if not left or step >= len(prices):
            expected: str | None = "UNKNOWN_AUCTION"
        else:
            price = prices[step]
            lots = min(ask.lots, left) if ask.part else ask.lots
            taken = ask._replace(price=price, lots=lots)
            if lots < min(4, left):
                expected = "BELOW_MINIMUM"
            elif lots % 2:
                expected = "QUANTITY_STEP"
            elif lots > left:
                expected = "EXCEEDS_OPEN"
            elif naive.better(reserve, ask.price):
                expected = "RESERVE"
            elif naive.better(price, ask.price):
                expected = "INCREMENT"
            elif not naive.affords(taken):
                expected = "GOODS" if side == Side.BUY else "CASH"
            else:
                expected = None
                left -= lots
                naive.sold.append((ask.firm, lots, price))
        first = events[0]
        assert (first.reason if isinstance(first, CommandRejected) else None) == expected
    assert traded == naive.sold
    at(engine, OPENS + 3600 * SECOND)
