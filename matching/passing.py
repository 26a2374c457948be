"""What time brings: expiries, the ends of calls, of auctions and of proposals."""

from __future__ import annotations

from typing import Final

from matching import continuous, negotiation, one_way_close
from matching.commands import PassTime, Phase
from matching.events import (
    AnyEvent,
    CancelReason,
    OrderResumed,
    PhaseChanged,
    TimePassed,
)
from matching.holding import withdraw
from matching.instrument import Instrument
from matching.limits import DUE_AT_ONCE, INDICATE_US
from matching.locks import locked
from matching.orders import BOOK, INCOMING, STOP, SUSPENDED
from matching.state import END_CALL, EXPIRE_ORDER, INDICATE, NEGOTIATION, ONE_WAY, Venue
from matching.uncross import indicate, uncross
from matching.units import OrderId

_OPEN: Final = (Phase.CALL, Phase.CONTINUOUS)


def pass_time(venue: Venue, command: PassTime) -> list[AnyEvent]:
    """Do what has come due, oldest first, `DUE_AT_ONCE` things at most."""
    events: list[AnyEvent] = [TimePassed(venue.ts_us)]
    for _ in range(DUE_AT_ONCE):
        due = venue.next_due()
        if due is None:
            break
        due_us, kind, key = due
        if kind == EXPIRE_ORDER:
            expire(venue, key, events)
        elif kind == END_CALL:
            instrument = venue.instruments[key]
            # An operator may have ended the call meanwhile, and another may have begun.
            if instrument.phase is Phase.CALL and instrument.call_until_us == due_us:
                reopen(venue, instrument, events)
        elif kind == INDICATE:
            instrument = venue.instruments[key]
            if instrument.phase is Phase.CALL and instrument.indicate_us == due_us:
                indicate(instrument, events)
                indicate_next(venue, instrument)
        elif kind == NEGOTIATION:
            negotiation.lapse(venue, key, due_us, events)
        elif kind == ONE_WAY:
            one_way_close.come_due(venue, key, due_us, events)
    return events


def expire(venue: Venue, order_id: OrderId, events: list[AnyEvent]) -> None:
    """End a good-till-date order, wherever it stands."""
    for account in venue.accounts.values():
        order = account.orders.get(order_id)
        if order is not None and order.place in (BOOK, STOP, SUSPENDED):
            events.append(withdraw(venue, order, "", CancelReason.EXPIRED))
            return


def enter_phase(
    venue: Venue, instrument: Instrument, before: Phase, events: list[AnyEvent]
) -> None:
    """Do what a change of phase brings: a call is uncrossed, locks are looked at again."""
    if before is Phase.CALL:
        uncross(venue, instrument, events)
    if instrument.phase is Phase.CALL:
        instrument.indicated = (0, 0, 0)
        indicate_next(venue, instrument)
    if instrument.phase in _OPEN:
        resume(venue, instrument, events)
    if instrument.stops:
        continuous.trigger_stops(venue, instrument, events)


def indicate_next(venue: Venue, instrument: Instrument) -> None:
    """Arrange for the next look at what a call would give."""
    instrument.indicate_us = venue.ts_us + INDICATE_US
    venue.remind(instrument.indicate_us, INDICATE, instrument.instrument_id)


def reopen(venue: Venue, instrument: Instrument, events: list[AnyEvent]) -> None:
    """End a call that the engine began: uncross, and trade on."""
    instrument.phase = Phase.CONTINUOUS
    instrument.note_standing()
    events.append(PhaseChanged(instrument.instrument_id, Phase.CONTINUOUS))
    enter_phase(venue, instrument, Phase.CALL, events)


def resume(venue: Venue, instrument: Instrument, events: list[AnyEvent]) -> None:
    """Let suspended orders whose lock is over enter again, in the order of their suspension."""
    for order in list(instrument.suspended.values()):
        if order.place != SUSPENDED:
            continue
        if locked(venue, instrument, order.group_id, order.side) is not None:
            continue
        del instrument.suspended[order.order_id]
        events.append(OrderResumed(order.order_id, order.firm_id, instrument.instrument_id))
        special = order.special
        if special is not None and special.stop_ticks:
            order.place = STOP
            instrument.stops[order.order_id] = order
            continue
        del order.account.orders[order.order_id]
        order.place = INCOMING
        continuous.reenter(venue, instrument, order, events)
