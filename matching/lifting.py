"""Taking what others have posted in a `listed` book: one order, or the best that one may lift."""

from __future__ import annotations

from typing import Final

from matching import continuous
from matching.checks import (
    PLAIN,
    Wish,
    firm_may_trade,
    instrument_is_open,
    no_lock_holds,
    note_entered,
    venue_is_open,
)
from matching.commands import LiftBest, LiftOrder, Mode, Phase, Side, TimeInForce
from matching.cover import Account
from matching.events import AnyEvent, CancelReason, OrderEntered, RejectReason
from matching.holding import cover, hold, release
from matching.instrument import Instrument
from matching.limits import RECEIPTS_PER_ORDER
from matching.locks import too_many_holders, used_first
from matching.orders import Order, new_order
from matching.rules import Allocation, Refusal, may_see, rejected
from matching.state import Venue
from matching.units import MAX_INT, Fen, Lots, OrderId, Ticks

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_CHECKS: Final = (venue_is_open, instrument_is_open)


def lift(venue: Venue, account: Account, command: LiftOrder) -> tuple[AnyEvent, ...]:
    """Take lots of one resting order of a `listed` book, at that order's own price."""
    firm_id, client_order_id = account.firm_id, command.client_order_id
    maker = find_offer(venue, command.order_id)
    lots = command.quantity_lots
    if not 0 < lots <= MAX_INT:
        return rejected(firm_id, client_order_id, RejectReason.INVALID, ())
    if len(command.receipt_ids) > RECEIPTS_PER_ORDER:
        values = (len(command.receipt_ids), RECEIPTS_PER_ORDER)
        return rejected(firm_id, client_order_id, RejectReason.LIMIT, values)
    if maker is None or not (may_see(maker, firm_id) or maker.firm_id == firm_id):
        return rejected(firm_id, client_order_id, RejectReason.UNKNOWN_ORDER, (command.order_id,))
    instrument = venue.instruments[maker.instrument_id]
    side = _SELL if maker.side is _BUY else _BUY
    price = maker.price_ticks
    wish = wished(instrument, account, command.trader_id, side, price, lots)
    refusal = refuse_taking(venue, wish)
    if refusal is None and maker.group_id == account.group_id:
        refusal = RejectReason.RELATED_PARTY, (maker.order_id,)
    if refusal is None:
        refusal = refuse_quantity(instrument, maker, lots) or refuse_amount(wish)
    if refusal is not None:
        return rejected(firm_id, client_order_id, *refusal)
    covered = cover(venue, instrument, account, side, price, lots, command.receipt_ids)
    if isinstance(covered[0], RejectReason):
        return rejected(firm_id, client_order_id, *covered)
    need, taken = covered
    refusal = refuse_holder(venue, maker, account, taken, lots)
    if refusal is not None:
        return rejected(firm_id, client_order_id, *refusal)

    # From here on nothing can fail.
    note_entered(wish)
    order, entered = taker(venue, command, wish, need, taken, maker.order_id)
    events: list[AnyEvent] = [entered]
    events.append(continuous.trade(venue, instrument, maker, order, lots, price))
    continuous.follow_up(venue, instrument, maker, order, events)
    return tuple(events)


def lift_best(venue: Venue, account: Account, command: LiftBest) -> tuple[AnyEvent, ...]:
    """Take the best that this firm may lift: price, then age; what is left is given up."""
    firm_id, client_order_id = account.firm_id, command.client_order_id
    lots, limit = command.quantity_lots, command.limit_ticks
    if not (0 < lots <= MAX_INT and 0 < limit <= MAX_INT):
        return rejected(firm_id, client_order_id, RejectReason.INVALID, ())
    if len(command.receipt_ids) > RECEIPTS_PER_ORDER:
        values = (len(command.receipt_ids), RECEIPTS_PER_ORDER)
        return rejected(firm_id, client_order_id, RejectReason.LIMIT, values)
    instrument = venue.instruments.get(command.instrument_id)
    if instrument is None:
        unknown = (command.instrument_id,)
        return rejected(firm_id, client_order_id, RejectReason.UNKNOWN_INSTRUMENT, unknown)
    side = command.side
    wish = wished(instrument, account, command.trader_id, side, limit, lots)
    refusal = refuse_taking(venue, wish) or refuse_amount(wish)
    if refusal is None and not next_lift(venue, wish, lots, ()):
        refusal = RejectReason.NO_OPPOSITE, ()
    if refusal is not None:
        return rejected(firm_id, client_order_id, *refusal)
    covered = cover(venue, instrument, account, side, limit, lots, command.receipt_ids)
    if isinstance(covered[0], RejectReason):
        return rejected(firm_id, client_order_id, *covered)
    need, taken = covered
    named = tuple([(receipt.receipt_id, used) for receipt, used in taken])
    if not next_lift(venue, wish, lots, named):
        refused = too_many_holders(venue, named, 0)
        assert refused is not None, "only the bound on holders depends on the receipts"
        return rejected(firm_id, client_order_id, *refused)

    # From here on nothing can fail.
    note_entered(wish)
    order, entered = taker(venue, command, wish, need, taken, 0)
    events: list[AnyEvent] = [entered]
    while order.open_lots:
        found = next_lift(venue, wish, order.open_lots, order.receipts)
        if found is None:
            break
        maker, share = found
        events.append(continuous.trade(venue, instrument, maker, order, share, maker.price_ticks))
        continuous.follow_up(venue, instrument, maker, order, events)
    if order.open_lots:
        events.append(release(venue, order, "", CancelReason.IMMEDIATE, resting=False))
    return tuple(events)


def find_offer(venue: Venue, order_id: OrderId) -> Order | None:
    """Return a resting order that can be named for a lift; a `matched` one too, to refuse it."""
    offer = venue.offers.get(order_id)
    if offer is None:
        for account in venue.accounts.values():
            order = account.orders.get(order_id)
            if order is not None and order.level is not None:
                return order
    return offer


def wished(
    instrument: Instrument,
    account: Account,
    trader_id: int,
    side: Side,
    price_ticks: Ticks,
    lots: Lots,
) -> Wish:
    """Return a lift in the form that the checks ask."""
    value = instrument.largest_value_fen(price_ticks, lots)
    return Wish(
        account, trader_id, instrument, side, TimeInForce.IOC, price_ticks, lots, PLAIN, lots, value
    )


def refuse_taking(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse by venue, instrument, phase, firm, mode and resale lock, as for entry."""
    instrument = wish.instrument
    refusal = venue_is_open(venue, wish) or instrument_is_open(venue, wish)
    if refusal is not None:
        return refusal
    if instrument.phase is not Phase.CONTINUOUS:
        return RejectReason.PHASE, (int(instrument.phase),)
    refusal = firm_may_trade(venue, wish)
    if refusal is not None:
        return refusal
    if instrument.terms.mode != Mode.LISTED:
        return RejectReason.MODE, (int(instrument.terms.mode),)
    return no_lock_holds(venue, wish)


def refuse_amount(wish: Wish) -> Refusal | None:
    """Refuse a price outside the band, and more than one order or the firm today may have."""
    instrument, account = wish.instrument, wish.account
    terms, price, lots = instrument.terms, wish.price_ticks, wish.lots
    if not instrument.low_ticks <= price <= instrument.high_ticks:
        return RejectReason.PRICE_BAND, (price, instrument.low_ticks, instrument.high_ticks)
    if lots > terms.max_lots:
        return RejectReason.ABOVE_MAXIMUM, (lots, terms.max_lots)
    value: Fen = wish.more_fen
    if value > terms.max_value_fen:
        return RejectReason.VALUE_MAXIMUM, (min(value, MAX_INT), terms.max_value_fen)
    if terms.max_day_lots:
        today = account.day_lots.get(instrument.instrument_id, 0) + lots
        if today > terms.max_day_lots:
            return RejectReason.DAY_QUANTITY, (today, terms.max_day_lots)
    if account.max_day_value_fen and account.day_value_fen + value > account.max_day_value_fen:
        entered = min(account.day_value_fen + value, MAX_INT)
        return RejectReason.DAY_VALUE, (entered, account.max_day_value_fen)
    return None


def least_of(instrument: Instrument, maker: Order) -> Lots:
    """Return the least that may be lifted of an offer, unless it clears the offer."""
    special = maker.special
    own = special.least_lots if special is not None else 0
    return own or instrument.terms.min_lots


def refuse_quantity(instrument: Instrument, maker: Order, lots: Lots) -> Refusal | None:
    """Refuse a lift that leaves a remainder nobody could lift (rulebook 4.4).

    Less than the minimum is allowed only if it clears the remainder; what stays must be zero or
    at least the minimum.
    """
    if lots > maker.open_lots:
        return RejectReason.EXCEEDS_OPEN, (lots, maker.open_lots)
    stays = maker.open_lots - lots
    if stays == 0:
        return None
    least = least_of(instrument, maker)
    if lots < least:
        return RejectReason.BELOW_MINIMUM, (lots, least)
    if lots % instrument.terms.step_lots:
        return RejectReason.QUANTITY_STEP, (lots, instrument.terms.step_lots)
    if stays < least:
        return RejectReason.RESIDUAL, (stays, least)
    return None


def refuse_holder(
    venue: Venue, maker: Order, account: Account, taken: Allocation, lots: Lots
) -> Refusal | None:
    """Refuse a buyer that would be one holder too many of what it would get."""
    if not venue.goods.full_roots:
        return None
    if maker.side is _BUY:
        named = tuple([(receipt.receipt_id, used) for receipt, used in taken])
        return too_many_holders(venue, named, maker.firm_id)
    return too_many_holders(venue, used_first(maker.receipts, lots), account.firm_id)


def next_lift(
    venue: Venue, wish: Wish, lots: Lots, receipts: tuple[tuple[int, Lots], ...]
) -> tuple[Order, Lots] | None:
    """Return the best order that the firm may lift, and how much of it: at most `lots`.

    A part leaves at least the offer's minimum and is no less itself; where that cannot be, the
    next order is asked. `receipts` are the taker's, if it sells.
    """
    instrument, account = wish.instrument, wish.account
    side = instrument.book.opposite(wish.side)
    step = instrument.terms.step_lots
    for maker in side:
        if maker.price_ticks * side.sign > wish.price_ticks * side.sign:
            return None
        if maker.group_id == account.group_id or not may_see(maker, account.firm_id):
            continue
        if not instrument.low_ticks <= maker.price_ticks <= instrument.high_ticks:
            continue
        share = min(lots, maker.open_lots)
        if share < maker.open_lots:
            least = least_of(instrument, maker)
            share = min(share, maker.open_lots - least)
            share -= share % step
            if share < least:
                continue
        if venue.goods.full_roots:
            if maker.side is _BUY:
                given, buyer_id = used_first(receipts, share), maker.firm_id
            else:
                given, buyer_id = used_first(maker.receipts, share), account.firm_id
            if too_many_holders(venue, given, buyer_id) is not None:
                continue
        return maker, share
    return None


def taker(
    venue: Venue,
    command: LiftOrder | LiftBest,
    wish: Wish,
    need: Fen,
    taken: Allocation,
    lifted_order_id: OrderId,
) -> tuple[Order, OrderEntered]:
    """Hold the cover of a lift and give it an order of its own; return it and its event."""
    account, instrument = wish.account, wish.instrument
    held = hold(account, need, taken)
    venue.last_order_id += 1
    order = new_order(
        venue.last_order_id,
        account,
        wish.trader_id,
        instrument.instrument_id,
        wish.side,
        TimeInForce.IOC,
        wish.price_ticks,
        wish.lots,
        need,
        held,
    )
    return order, OrderEntered(
        order.order_id,
        account.firm_id,
        wish.trader_id,
        command.client_order_id,
        instrument.instrument_id,
        wish.side,
        TimeInForce.IOC,
        wish.price_ticks,
        wish.lots,
        need,
        held,
        lifted_order_id,
    )
