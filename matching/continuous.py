"""An incoming order against the book: price first, then time, at the resting order's price."""

from __future__ import annotations

from typing import Final

import msgspec

from matching.commands import OrderKind, Phase, SelfMatch, Side, TimeInForce
from matching.events import (
    AnyEvent,
    CancelReason,
    OrderRefreshed,
    OrderRested,
    PhaseChanged,
    StopTriggered,
    TradeExecuted,
    VolatilityInterrupted,
)
from matching.holding import reduce, release, withdraw
from matching.instrument import Instrument
from matching.limits import INDICATE_US
from matching.locks import clear_full, hold_root, lock, too_many_holders
from matching.orders import BOOK, INCOMING, STOP, Order
from matching.records import UnsettledTrade
from matching.rules import first_related, refuse_meeting
from matching.state import END_CALL, INDICATE, Venue
from matching.units import MAX_INT, Kg, Lots, ReceiptId, Ticks, value_fen

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY
_DAY: Final = TimeInForce.DAY
_IOC: Final = TimeInForce.IOC
_FOK: Final = TimeInForce.FOK
_CALL: Final = Phase.CALL
_CONTINUOUS: Final = Phase.CONTINUOUS
_REFUSE_NEWEST: Final = SelfMatch.REFUSE_NEWEST


def match(venue: Venue, instrument: Instrument, taker: Order, events: list[AnyEvent]) -> None:
    """Trade `taker` against the other side while prices cross, as far as its group's policy,
    the dynamic band and the bound on holders let it.

    The trade of two orders whose one receipt covers it is `trade`, written out: half the work.
    """
    buys = taker.side is _BUY
    side = instrument.asks if buys else instrument.bids
    limit = taker.price_ticks
    account = taker.account
    group_id = account.group_id
    low = high = 0
    terms = instrument.terms
    if terms.dynamic_bp:
        low, high = instrument.dynamic_band()
    goods = venue.goods
    full_roots = goods.full_roots
    has_lock = instrument.has_lock
    is_short = instrument.is_exact and instrument.is_matched
    tick_cover = instrument.tick_cover
    instrument_id = instrument.instrument_id
    open_lots = taker.open_lots
    while open_lots:
        price = side.best_ticks
        if (price > limit) if buys else (price < limit):
            return
        level = side.best
        if level is None:
            return
        if high and not low <= price <= high:
            interrupt(venue, instrument, price, low, high, events)
            return
        maker = level.head
        assert maker is not None, "no price level is empty"
        other = maker.account
        if other.group_id == group_id:
            meet_own(venue, maker, taker, events)
            open_lots = taker.open_lots
            continue
        stays = maker.open_lots
        hidden = maker.hidden_lots
        lots = stays - hidden if hidden else stays
        if lots > open_lots:
            lots = open_lots
        if buys:
            buyer, seller, payer, giver = taker, maker, account, other
        else:
            buyer, seller, payer, giver = maker, taker, other, account
        held = seller.receipts
        receipt_id, available = held[0]
        if not is_short or len(held) != 1 or available < lots:
            events.append(trade(venue, instrument, maker, taker, lots, price))
            follow_up(venue, instrument, maker, taker, events)
            open_lots = end_if_full(venue, taker, events) if full_roots else taker.open_lots
            continue
        receipt = goods.by_id[receipt_id]
        receipt.held_lots -= lots
        receipt.committed_lots += lots
        weight_kg = lots * terms.lot_kg
        used = ((receipt_id, lots, weight_kg),)
        units = price * lots
        value = units * instrument.lot_tick_fen
        committed = units * tick_cover // 10_000
        buyer_fee = value * terms.buyer_fee_bp // 10_000
        seller_fee = value * terms.seller_fee_bp // 10_000
        open_lots -= lots
        stays -= lots
        taker.open_lots = open_lots
        maker.open_lots = stays
        level.lots -= lots
        order_id = maker.order_id
        if not stays:  # `leave` and `BookSide.remove`, of a level's first order
            del other.orders[order_id]
            maker.place = INCOMING
            maker.level = None
            after = maker.after
            level.head = after
            if after is not None:
                after.before = maker.after = None
            else:
                level.tail = None
                side.drop(level)
        left = available - lots
        seller.receipts = ((receipt_id, left),) if left else ()
        freed = buyer.held_fen
        still = open_lots if buys else stays
        if still:
            buyer.held_fen = held_after = buyer.price_ticks * still * tick_cover // 10_000
            freed -= held_after
        else:
            buyer.held_fen = 0
        if committed > freed:  # as in `trade`
            committed = freed
        payer.held_fen -= freed
        payer.committed_fen += committed
        payer.available_fen += freed - committed
        firm_id = payer.firm_id
        seller_id = giver.firm_id
        firms = goods.holders[receipt.root_id]
        if firm_id in firms:
            firms[firm_id] += 1
        else:
            hold_root(venue, receipt.root_id, firm_id)
        instrument.last_ticks = price
        trade_id = venue.last_trade_id = venue.last_trade_id + 1
        venue.trades[trade_id] = UnsettledTrade(
            instrument_id, firm_id, seller_id, value, buyer_fee, seller_fee, committed, used,
            venue.ts_us,
        )  # fmt: skip
        events.append(
            TradeExecuted(
                trade_id, instrument_id, price, lots, weight_kg, value, order_id, taker.order_id,
                taker.side, firm_id, seller_id, buyer_fee, seller_fee, freed, committed, stays,
                used, False,
            )
        )  # fmt: skip
        if hidden or has_lock or full_roots:
            follow_up(venue, instrument, maker, taker, events)
            open_lots = end_if_full(venue, taker, events)


def end_if_full(venue: Venue, taker: Order, events: list[AnyEvent]) -> Lots:
    """End what is left of a sale that has filled a root; return what stays open."""
    if (
        taker.open_lots
        and taker.side is not _BUY
        and too_many_holders(venue, taker.receipts, 0) is not None
    ):
        events.append(release(venue, taker, "", CancelReason.HOLDERS, resting=False))
    return taker.open_lots


def meet_own(venue: Venue, maker: Order, taker: Order, events: list[AnyEvent]) -> None:
    """An order meets one of its own group: do what the incoming firm has chosen."""
    policy = taker.account.self_match
    reason = CancelReason.SELF_MATCH
    if policy is _REFUSE_NEWEST:
        # It was asked before anything changed; since then a root has become full, and the sales
        # that stood between the two have left the book.
        events.append(release(venue, taker, "", reason, resting=False))
    elif policy is SelfMatch.CANCEL_OLDEST:
        events.append(withdraw(venue, maker, "", reason))
    elif policy is SelfMatch.CANCEL_BOTH:
        events.append(withdraw(venue, maker, "", reason))
        events.append(release(venue, taker, "", reason, resting=False))
    else:
        lots = min(taker.open_lots, maker.open_lots - maker.hidden_lots)
        for order in (maker, taker):
            if order.open_lots == lots:
                if order is maker:
                    events.append(withdraw(venue, maker, "", reason))
                else:
                    events.append(release(venue, taker, "", reason, resting=False))
            elif order is maker and order.open_lots - order.hidden_lots == lots:
                events.append(reduce(venue, maker, lots, reason))
                refresh(venue, maker, events)
            else:
                events.append(reduce(venue, order, lots, reason))


def interrupt(
    venue: Venue,
    instrument: Instrument,
    price_ticks: Ticks,
    low: Ticks,
    high: Ticks,
    events: list[AnyEvent],
) -> None:
    """Stop at the dynamic band: the instrument calls an auction and reopens by it."""
    until_us = venue.ts_us + instrument.terms.call_seconds * 1_000_000
    instrument.phase = _CALL
    instrument.note_standing()
    instrument.call_until_us = until_us
    instrument.indicated = (0, 0, 0)
    instrument.indicate_us = venue.ts_us + INDICATE_US
    venue.remind(until_us, END_CALL, instrument.instrument_id)
    venue.remind(instrument.indicate_us, INDICATE, instrument.instrument_id)
    instrument_id = instrument.instrument_id
    events.append(VolatilityInterrupted(instrument_id, price_ticks, low, high, until_us))
    events.append(PhaseChanged(instrument_id, _CALL))


def follow_up(
    venue: Venue, instrument: Instrument, maker: Order, taker: Order, events: list[AnyEvent]
) -> None:
    """What a trade brings about besides itself: a refreshed iceberg, a lock, a full root."""
    if maker.hidden_lots and maker.open_lots == maker.hidden_lots:
        refresh(venue, maker, events)
    if instrument.has_lock:
        buyer, seller = (taker, maker) if taker.side is _BUY else (maker, taker)
        lock(venue, instrument, buyer, seller, events)
    if venue.goods.filled:
        clear_full(venue, events)


def refresh(venue: Venue, order: Order, events: list[AnyEvent]) -> None:
    """Show the next part of an iceberg, behind all orders at its price."""
    assert order.special is not None
    instrument = venue.instruments[order.instrument_id]
    side = instrument.bids if order.side is _BUY else instrument.asks
    side.remove(order)
    shown = min(order.special.display_lots, order.open_lots)
    order.hidden_lots = order.open_lots - shown
    side.add(order)
    events.append(
        OrderRefreshed(
            order.order_id,
            order.firm_id,
            order.instrument_id,
            order.side,
            order.price_ticks,
            shown,
        )
    )


def trade(
    venue: Venue,
    instrument: Instrument,
    maker: Order,
    taker: Order,
    lots: Lots,
    price: Ticks,
    *,
    in_auction: bool = False,
) -> TradeExecuted:
    """Execute `lots` between two orders at `price`.

    An order that is used up leaves the book. Cash of the buyer and goods of the seller move from
    held to committed; what the buyer had held beyond that returns to available.
    """
    terms = instrument.terms
    buyer, seller = (taker, maker) if taker.side is _BUY else (maker, taker)
    held = seller.receipts
    receipt_id, available = held[0]
    receipts: tuple[tuple[ReceiptId, Lots, Kg], ...]
    by_id = venue.goods.by_id
    if available >= lots:  # one receipt covers it: by far the most frequent case
        left = ((receipt_id, available - lots),) if available > lots else ()
        seller.receipts = left if len(held) == 1 else (*left, *held[1:])
        receipt = by_id[receipt_id]
        receipt.held_lots -= lots
        receipt.committed_lots += lots
        weight_kg = receipt.piece_kg or lots * terms.lot_kg
        receipts = ((receipt_id, lots, weight_kg),)
    else:
        receipts, weight_kg = consume(venue, seller, lots, terms.lot_kg)
    # `units.value_fen`, `units.fee_fen` and `Instrument.need_fen`, written out for exact terms.
    is_exact = instrument.is_exact
    if is_exact:
        tick_cover = instrument.tick_cover
        units = price * lots
        value = units * instrument.lot_tick_fen
        committed = units * tick_cover // 10_000
    else:
        value = value_fen(price, terms.tick_fen_per_t, weight_kg)
        committed = instrument.hold_fen(value)
    buyer_fee = value * terms.buyer_fee_bp // 10_000
    seller_fee = value * terms.seller_fee_bp // 10_000

    stays = maker.open_lots - lots
    if stays:
        if maker.level is not None:
            maker.level.lots -= lots
    else:
        leave(venue, instrument, maker)
    maker.open_lots = stays
    if in_auction:
        if taker.open_lots == lots:
            leave(venue, instrument, taker)
        elif taker.level is not None:
            taker.level.lots -= lots
    taker.open_lots -= lots

    freed = buyer.held_fen
    held_after = 0
    if buyer.open_lots:
        if is_exact:
            units = buyer.price_ticks * buyer.open_lots
            held_after = units * tick_cover // 10_000
        else:
            held_after = instrument.need_fen(buyer.price_ticks, buyer.open_lots)
        freed -= held_after
    # Rounding of the two holds can differ by a fen from the hold of the difference; what is
    # freed always covers value and fee, because cover is full (`units.hold_fen`).
    if committed > freed:
        committed = freed
    buyer.held_fen = held_after
    account = buyer.account
    account.held_fen -= freed
    account.committed_fen += committed
    account.available_fen += freed - committed

    firm_id = account.firm_id
    seller_id = seller.account.firm_id
    holders = venue.goods.holders
    for used in receipts:
        root_id = by_id[used[0]].root_id
        firms = holders[root_id]
        if firm_id in firms:
            firms[firm_id] += 1
        else:
            hold_root(venue, root_id, firm_id)
    instrument.last_ticks = price
    trade_id = venue.last_trade_id = venue.last_trade_id + 1
    venue.trades[trade_id] = UnsettledTrade(
        instrument.instrument_id,
        firm_id,
        seller_id,
        value,
        buyer_fee,
        seller_fee,
        committed,
        receipts,
        venue.ts_us,
    )
    return TradeExecuted(
        trade_id,
        instrument.instrument_id,
        price,
        lots,
        weight_kg,
        value,
        maker.order_id,
        taker.order_id,
        taker.side,
        firm_id,
        seller_id,
        buyer_fee,
        seller_fee,
        freed,
        committed,
        stays,
        receipts,
        in_auction,
    )


def leave(venue: Venue, instrument: Instrument, order: Order) -> None:
    """Take an order that is used up from its book and its firm."""
    del order.account.orders[order.order_id]
    if order.level is not None:
        (instrument.bids if order.side is _BUY else instrument.asks).remove(order)
        if not instrument.is_matched:
            del venue.offers[order.order_id]
    order.place = INCOMING


def consume(
    venue: Venue, seller: Order, lots: Lots, lot_kg: Kg
) -> tuple[tuple[tuple[ReceiptId, Lots, Kg], ...], Kg]:
    """Move `lots` of the seller's receipts from held to committed, in their order of use.

    Returns (receipt, lots, kg) of each and the total weight in kg.
    """
    held = seller.receipts
    used = []
    weight = 0
    position = 0
    while lots:
        receipt_id, available = held[position]
        receipt = venue.goods.by_id[receipt_id]
        take = min(available, lots)
        receipt.held_lots -= take
        receipt.committed_lots += take
        kg = receipt.piece_kg or take * lot_kg
        used.append((receipt_id, take, kg))
        weight += kg
        lots -= take
        position += 1
        if take < available:
            seller.receipts = ((receipt_id, available - take), *held[position:])
            break
    else:
        seller.receipts = held[position:]
    return tuple(used), weight


def rest(venue: Venue, instrument: Instrument, order: Order) -> OrderRested:
    """Put what is open of `order` into the book, behind all orders at its price."""
    hidden = 0
    if order.special is not None and 0 < order.special.display_lots < order.open_lots:
        hidden = order.open_lots - order.special.display_lots
    order.hidden_lots = hidden
    order.place = BOOK
    book = instrument.book
    (book.bids if order.side is _BUY else book.asks).add(order)
    order.account.orders[order.order_id] = order
    if not instrument.is_matched:
        venue.offers[order.order_id] = order
    return OrderRested(
        order.order_id,
        order.firm_id,
        order.instrument_id,
        order.side,
        order.price_ticks,
        order.open_lots - hidden,
        hidden,
    )


def arrive(venue: Venue, instrument: Instrument, order: Order, events: list[AnyEvent]) -> None:
    """Let an admitted order trade, rest or end, by mode, phase and time in force."""
    if instrument.phase is _CONTINUOUS and instrument.is_matched:
        match(venue, instrument, order, events)
    if order.open_lots:
        if order.tif is _IOC or order.tif is _FOK:
            events.append(release(venue, order, "", CancelReason.IMMEDIATE, resting=False))
        elif instrument.phase is _CALL and first_related(
            instrument, order.side, order.price_ticks, MAX_INT, order.group_id
        ):
            # What an interruption left, or a resumed order: the uncross must not meet its group.
            events.append(release(venue, order, "", CancelReason.SELF_MATCH, resting=False))
        else:
            events.append(rest(venue, instrument, order))


def trigger_stops(venue: Venue, instrument: Instrument, events: list[AnyEvent]) -> None:
    """Let the stops that the last trade has reached enter, in the order of their entry.

    All that are reached go together; what their own trades reach goes in a next round.
    """
    while instrument.stops and instrument.phase is _CONTINUOUS and instrument.last_ticks:
        last = instrument.last_ticks
        reached = [order for order in instrument.stops.values() if is_reached(order, last)]
        if not reached:
            return
        for order in reached:
            if order.place != STOP:  # a lock has suspended it since
                continue
            del instrument.stops[order.order_id]
            del order.account.orders[order.order_id]
            order.place = INCOMING
            assert order.special is not None
            stop = order.special.stop_ticks
            order.special = msgspec.structs.replace(
                order.special, kind=OrderKind.LIMIT, stop_ticks=0
            )
            events.append(
                StopTriggered(order.order_id, order.firm_id, instrument.instrument_id, stop, last)
            )
            reenter(venue, instrument, order, events)


def is_reached(order: Order, last_ticks: Ticks) -> bool:
    """Whether a stop's price has been reached: a buy's from below, a sell's from above."""
    assert order.special is not None
    if order.side is _BUY:
        return last_ticks >= order.special.stop_ticks
    return last_ticks <= order.special.stop_ticks


def reenter(venue: Venue, instrument: Instrument, order: Order, events: list[AnyEvent]) -> None:
    """Let an order that waited enter the book, if it still may; otherwise it ends."""
    account = order.account
    reason = None
    if (
        account.halted
        or account.status != account.status.ACTIVE
        or order.trader_id in account.blocked_traders
        or 0 in account.blocked_traders
        or not instrument.low_ticks <= order.price_ticks <= instrument.high_ticks
        or (
            order.side is not _BUY
            and instrument.is_matched
            and too_many_holders(venue, order.receipts, 0) is not None
        )
    ):
        reason = CancelReason.STOP_REFUSED
    elif instrument.is_matched and account.self_match is _REFUSE_NEWEST:
        lots = order.open_lots
        related = first_related(instrument, order.side, order.price_ticks, lots, order.group_id)
        if related is not None:
            reason = CancelReason.SELF_MATCH
    elif not instrument.is_matched and refuse_meeting(
        instrument, order.side, order.price_ticks, order.open_lots, account
    ):
        reason = CancelReason.STOP_REFUSED
    if reason is not None:
        events.append(release(venue, order, "", reason, resting=False))
    else:
        arrive(venue, instrument, order, events)
