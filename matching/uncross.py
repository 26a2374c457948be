"""Call auctions: one price at which most trades, found from the levels, executed by priority."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from matching import continuous
from matching.book import BookSide
from matching.events import AnyEvent, AuctionIndicated, AuctionUncrossed
from matching.instrument import Instrument
from matching.state import Venue
from matching.units import Lots, Ticks


class Clearing(NamedTuple):
    """What a call would give: nothing is all zeros. `surplus_lots`: buys above 0, sells below."""

    price_ticks: Ticks
    volume_lots: Lots
    surplus_lots: int


NOTHING = Clearing(0, 0, 0)


def clearing(instrument: Instrument) -> Clearing:
    """Return price, volume and surplus of the auction as the book stands.

    Most volume; then least surplus; then the side that presses (the highest price where buys are
    left over, the lowest where sells are); then nearest to the reference, the higher of two.
    Hidden parts of icebergs count. Any tick may be the price, not only one with orders: volume
    and surplus change at levels only, so the ends of the stretches between them are looked at,
    and the reference itself.
    """
    bids, asks = instrument.book.bids, instrument.book.asks
    if bids.best is None or asks.best is None:
        return NOTHING
    low, high = asks.best.price_ticks, bids.best.price_ticks
    if low > high:
        return NOTHING
    demand = list(_levels(bids, low))  # prices falling
    supply = list(_levels(asks, high))  # prices rising
    candidates = {low, high, min(max(instrument.reference_ticks, low), high)}
    for price, _ in demand:
        candidates.update((price, price + 1))
    for price, _ in supply:
        candidates.update((price - 1, price))
    prices = sorted(price for price in candidates if low <= price <= high)
    sold = {}
    total = place = 0
    for price in prices:
        while place < len(supply) and supply[place][0] <= price:
            total += supply[place][1]
            place += 1
        sold[price] = total
    total = place = 0
    rows = []
    for price in reversed(prices):
        while place < len(demand) and demand[place][0] >= price:
            total += demand[place][1]
            place += 1
        rows.append(Clearing(price, min(total, sold[price]), total - sold[price]))
    most = max(row.volume_lots for row in rows)
    rows = [row for row in rows if row.volume_lots == most]
    least = min(abs(row.surplus_lots) for row in rows)
    rows = [row for row in rows if abs(row.surplus_lots) == least]  # highest price first
    # Surplus falls as the price rises: what is left over at one end is left over at all of them.
    if rows[0].surplus_lots > 0:
        return rows[0]
    if rows[-1].surplus_lots < 0:
        return rows[-1]
    reference = instrument.reference_ticks
    return min(rows, key=lambda row: (abs(row.price_ticks - reference), -row.price_ticks))


def _levels(side: BookSide, limit: Ticks) -> Iterator[tuple[Ticks, Lots]]:
    """Yield (price, lots) of the levels from the best one to `limit`, hidden parts included."""
    for key in side.levels:
        if key > limit * side.sign:
            return
        level = side.levels[key]
        yield level.price_ticks, level.lots + level.hidden_lots


def uncross(venue: Venue, instrument: Instrument, events: list[AnyEvent]) -> None:
    """Trade what the call gives at its one price: better price first, then earlier."""
    price, volume, surplus = clearing(instrument)
    instrument.call_until_us = 0
    instrument.indicated = (0, 0, 0)
    events.append(AuctionUncrossed(instrument.instrument_id, price, volume, surplus))
    bids, asks = instrument.book.bids, instrument.book.asks
    goods = venue.goods
    has_lock = instrument.has_lock
    trade = continuous.trade
    while volume:
        bid_level, ask_level = bids.best, asks.best
        # The bound on holders may have taken orders away meanwhile.
        if bid_level is None or ask_level is None:
            return
        if bid_level.price_ticks < price or ask_level.price_ticks > price:
            return
        bid, ask = bid_level.head, ask_level.head
        assert bid is not None
        assert ask is not None
        lots = bid.open_lots - bid.hidden_lots
        offered = ask.open_lots - ask.hidden_lots
        if lots > offered:
            lots = offered
        if lots > volume:
            lots = volume
        maker, taker = (bid, ask) if bid.order_id < ask.order_id else (ask, bid)
        events.append(trade(venue, instrument, maker, taker, lots, price, in_auction=True))
        volume -= lots
        if taker.hidden_lots and taker.open_lots == taker.hidden_lots:
            continuous.refresh(venue, taker, events)
        if has_lock or maker.hidden_lots or goods.filled:
            continuous.follow_up(venue, instrument, maker, taker, events)


def indicate(instrument: Instrument, events: list[AnyEvent]) -> None:
    """Say what the call would give, if that has changed since it was said last."""
    now = clearing(instrument)
    if instrument.indicated != now:
        instrument.indicated = now
        events.append(AuctionIndicated(instrument.instrument_id, *now))
