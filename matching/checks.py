"""Pre-trade checks in their order. The earliest refusal wins, so that the same order always gets
the same reason; nothing is held or written before every check has passed.

`ENTRY_CHECKS` is the rule as it is meant to be read, and what runs: `plain` asks it only
where one flat condition says that something could refuse, which most orders never need.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from matching.commands import (
    FirmStatus,
    Mode,
    OrderKind,
    Phase,
    PostOnly,
    Side,
    Special,
    TimeInForce,
)
from matching.cover import Account
from matching.events import RejectReason
from matching.instrument import Instrument
from matching.limits import (
    AHEAD_MOST_US,
    DIRECTED_FIRMS,
    OPEN_ORDERS_PER_FIRM,
    STOPS_PER_FIRM,
)
from matching.locks import locked
from matching.orders import STOP, Order
from matching.phases import ENTERABLE
from matching.rules import Refusal, orders_met, refuse_meeting
from matching.state import Venue
from matching.units import MAX_INT, Fen, Lots, Ticks, TraderId

PLAIN: Final = Special()
_IMMEDIATE: Final = (TimeInForce.IOC, TimeInForce.FOK)


class Wish(NamedTuple):
    """What is asked of an instrument: an order before it is one, or the new terms of one.

    `price_ticks` is what it may cost at worst. `more_lots` and `more_fen` are what it adds to
    what the firm has entered today; `amends` is the order that the wish replaces.
    """

    account: Account
    trader_id: TraderId
    instrument: Instrument
    side: Side
    tif: TimeInForce
    price_ticks: Ticks
    lots: Lots
    special: Special
    more_lots: Lots
    more_fen: Fen
    amends: Order | None = None


Check: TypeAlias = Callable[[Venue, Wish], Refusal | None]


def venue_is_open(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse while the venue is halted."""
    return (RejectReason.VENUE_HALTED, ()) if venue.halted else None


def instrument_is_open(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse while the instrument is halted."""
    if wish.instrument.halted:
        return RejectReason.INSTRUMENT_HALTED, (wish.instrument.instrument_id,)
    return None


def phase_accepts_it(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse outside trading, and in a call what must trade at once or never on arrival."""
    phase = wish.instrument.phase
    if phase not in ENTERABLE:
        return RejectReason.PHASE, (int(phase),)
    if phase == Phase.CALL and (
        wish.tif in _IMMEDIATE
        or wish.special.kind in (OrderKind.MARKET_TO_LIMIT, OrderKind.PROTECTED)
        or wish.special.post_only
    ):
        return RejectReason.PHASE, (int(phase),)
    return None


def firm_may_trade(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse firms that are halted, suspended or blocked, and blocked traders."""
    account = wish.account
    if account.halted:
        return RejectReason.FIRM_HALTED, (account.firm_id,)
    if account.status != FirmStatus.ACTIVE:
        return RejectReason.FIRM_SUSPENDED, (account.firm_id,)
    if 0 in account.blocked_traders or wish.trader_id in account.blocked_traders:
        return RejectReason.TRADER_BLOCKED, (wish.trader_id,)
    return None


def mode_allows(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse what the mode does not know; the table is in `matching/README.md`."""
    mode = wish.instrument.terms.mode
    special = wish.special
    if mode == Mode.MATCHED:
        refused = bool(special.firm_ids) or (
            special.least_lots > 0 and wish.tif != TimeInForce.IOC and wish.amends is None
        )
    elif mode == Mode.LISTED:
        refused = (
            wish.tif in _IMMEDIATE
            or special.kind != OrderKind.LIMIT
            or special.post_only != PostOnly.NO
            or special.display_lots > 0
        )
    else:
        refused = True  # proposals and bids have commands of their own
    return (RejectReason.MODE, (int(mode),)) if refused else None


def terms_agree(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse special terms that contradict each other or lie out of bounds."""
    special, tif = wish.special, wish.tif
    kind = special.kind
    immediate = tif in _IMMEDIATE
    if (
        not 0 <= special.display_lots <= MAX_INT
        or not 0 <= special.least_lots <= wish.lots
        or not 0 <= special.stop_ticks <= MAX_INT
        or (special.stop_ticks > 0) != (kind == OrderKind.STOP_LIMIT)
        or (special.expires_us > 0) != (tif == TimeInForce.GTD)
        or (kind == OrderKind.STOP_LIMIT and (immediate or special.post_only))
        or (kind == OrderKind.PROTECTED and not immediate)
        or (kind == OrderKind.MARKET_TO_LIMIT and (immediate or special.post_only))
        or (immediate and (special.display_lots or special.post_only))
        or (special.display_lots and special.display_lots % wish.instrument.terms.step_lots)
        or (special.least_lots and special.least_lots % wish.instrument.terms.step_lots)
        or len(set(special.firm_ids)) != len(special.firm_ids)
        or not all(0 < firm_id <= MAX_INT for firm_id in special.firm_ids)
    ):
        return RejectReason.INVALID, ()
    if tif == TimeInForce.GTD and wish.amends is None:
        if special.expires_us <= venue.ts_us:
            return RejectReason.EXPIRED, (special.expires_us, venue.ts_us)
        if special.expires_us > venue.ts_us + AHEAD_MOST_US:
            return RejectReason.LIMIT, (special.expires_us, venue.ts_us + AHEAD_MOST_US)
    if len(special.firm_ids) > DIRECTED_FIRMS:
        return RejectReason.LIMIT, (len(special.firm_ids), DIRECTED_FIRMS)
    return None


def no_lock_holds(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse what the resale lock forbids."""
    return locked(venue, wish.instrument, wish.account.group_id, wish.side)


def meets_nobody_it_may_not(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse trades with related parties, and postings that would trade."""
    if wish.special.kind == OrderKind.STOP_LIMIT:
        return None  # asked when it is triggered
    if wish.special.post_only:
        met = orders_met(wish.instrument, wish.side, wish.price_ticks)
        return (RejectReason.WOULD_TRADE, met) if met else None
    return refuse_meeting(wish.instrument, wish.side, wish.price_ticks, wish.lots, wish.account)


def quantity_fits(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse less than the minimum and fractions of the step, of an amendment's whole quantity."""
    terms = wish.instrument.terms
    lots = wish.lots
    if wish.amends is not None:
        lots += wish.amends.quantity_lots - wish.amends.open_lots
    if lots < terms.min_lots:
        return RejectReason.BELOW_MINIMUM, (lots, terms.min_lots)
    if lots % terms.step_lots:
        return RejectReason.QUANTITY_STEP, (lots, terms.step_lots)
    return None


def price_inside_band(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse prices, and stop prices, outside today's band."""
    instrument = wish.instrument
    low, high = instrument.low_ticks, instrument.high_ticks
    for price in (wish.price_ticks, wish.special.stop_ticks or wish.price_ticks):
        if not low <= price <= high:
            return RejectReason.PRICE_BAND, (price, low, high)
    return None


def limits_allow(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse more quantity or value than one order, or the firm today, may have."""
    account, instrument = wish.account, wish.instrument
    terms = instrument.terms
    lots = wish.lots
    if wish.amends is not None:
        lots += wish.amends.quantity_lots - wish.amends.open_lots
    if lots > terms.max_lots:
        return RejectReason.ABOVE_MAXIMUM, (lots, terms.max_lots)
    value = instrument.largest_value_fen(wish.price_ticks, lots)
    if value > terms.max_value_fen:
        return RejectReason.VALUE_MAXIMUM, (min(value, MAX_INT), terms.max_value_fen)
    if terms.max_day_lots:
        today = account.day_lots.get(instrument.instrument_id, 0) + wish.more_lots
        if wish.more_lots > 0 and today > terms.max_day_lots:
            return RejectReason.DAY_QUANTITY, (today, terms.max_day_lots)
    if account.max_day_value_fen:
        entered = account.day_value_fen + wish.more_fen
        if wish.more_fen > 0 and entered > account.max_day_value_fen:
            return RejectReason.DAY_VALUE, (min(entered, MAX_INT), account.max_day_value_fen)
    if wish.amends is None:
        if len(account.orders) >= OPEN_ORDERS_PER_FIRM:
            return RejectReason.LIMIT, (len(account.orders), OPEN_ORDERS_PER_FIRM)
        if wish.special.kind == OrderKind.STOP_LIMIT:
            waiting = sum(order.place == STOP for order in account.orders.values())
            if waiting >= STOPS_PER_FIRM:
                return RejectReason.LIMIT, (waiting, STOPS_PER_FIRM)
    return None


ENTRY_CHECKS: Final[tuple[Check, ...]] = (
    venue_is_open,
    instrument_is_open,
    phase_accepts_it,
    firm_may_trade,
    mode_allows,
    terms_agree,
    no_lock_holds,
    meets_nobody_it_may_not,
    quantity_fits,
    price_inside_band,
    limits_allow,
)
"""What is checked before cover; cover is checked last, and what it finds is what is held."""


def first_refusal(venue: Venue, wish: Wish) -> Refusal | None:
    """Return the first refusal of `ENTRY_CHECKS`, or None."""
    for check in ENTRY_CHECKS:
        refusal = check(venue, wish)
        if refusal is not None:
            return refusal
    return None


def note_entered(wish: Wish) -> None:
    """Count an accepted wish towards the firm's day."""
    account, instrument = wish.account, wish.instrument
    if account.max_day_value_fen and wish.more_fen > 0:
        account.day_value_fen += wish.more_fen
    if instrument.terms.max_day_lots and wish.more_lots > 0:
        known = account.day_lots.get(instrument.instrument_id, 0)
        account.day_lots[instrument.instrument_id] = known + wish.more_lots
