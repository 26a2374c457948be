"""What the operator and the day scheduler ask: firms, instruments, phases, halts, days."""

from __future__ import annotations

import msgspec

from matching.commands import (
    ChangePhase,
    DefineFirm,
    DefineInstrument,
    Disconnect,
    HaltScope,
    KillSwitch,
    OpenDay,
    Phase,
    SetFirmLimits,
    SetFirmStatus,
    SetHalt,
    SetReference,
    SetSelfMatch,
    TimeInForce,
)
from matching.continuous import trigger_stops
from matching.cover import TOKEN, Account
from matching.events import (
    AnyEvent,
    CancelReason,
    DayOpened,
    FirmDefined,
    FirmLimitsChanged,
    FirmStatusChanged,
    HaltChanged,
    InstrumentDefined,
    KillSwitched,
    OrdersWithdrawn,
    PhaseChanged,
    ReferenceChanged,
    RejectReason,
    SelfMatchChanged,
)
from matching.holding import withdraw
from matching.instrument import Instrument, wrong_terms
from matching.limits import CLIENT_IDS_PER_FIRM, DEDUP_WINDOW_US, RATE_MOST, REASON_LENGTH
from matching.passing import enter_phase, resume
from matching.phases import NEXT
from matching.rules import Refusal
from matching.state import Venue
from matching.trading import cancel_all
from matching.units import MAX_INT

Answer = Refusal | list[AnyEvent]


def define_firm(venue: Venue, command: DefineFirm) -> Answer:
    """Admit a firm with no cash and no goods."""
    if not (0 < command.firm_id <= MAX_INT and 0 < command.group_id <= MAX_INT):
        return RejectReason.INVALID, ()
    known = venue.accounts.get(command.firm_id)
    if known is not None:
        same = known.group_id == command.group_id
        return (RejectReason.SAME if same else RejectReason.ALREADY_DEFINED), (command.firm_id,)
    venue.admit(Account(command.firm_id, command.group_id))
    return [FirmDefined(command.firm_id, command.group_id)]


def set_firm_status(venue: Venue, command: SetFirmStatus) -> Answer:
    """Suspend a firm or make it active again."""
    account = venue.accounts.get(command.firm_id)
    if account is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    if account.status == command.status:
        return RejectReason.SAME, ()
    account.status = command.status
    account.note_bounds()
    return [FirmStatusChanged(command.firm_id, command.status)]


def define_instrument(venue: Venue, command: DefineInstrument) -> Answer:
    """Admit an instrument in phase CLOSED."""
    known = venue.instruments.get(command.instrument_id)
    if known is not None:
        same = known.terms == command
        reason = RejectReason.SAME if same else RejectReason.ALREADY_DEFINED
        return reason, (command.instrument_id,)
    refusal = wrong_terms(command)
    if refusal is not None:
        return refusal
    venue.instruments[command.instrument_id] = Instrument(command)
    return [InstrumentDefined(*msgspec.structs.astuple(command))]


def change_phase(venue: Venue, command: ChangePhase) -> Answer:
    """Move an instrument along the phase table; entering CLOSED expires its day orders."""
    instrument = venue.instruments.get(command.instrument_id)
    if instrument is None:
        return RejectReason.UNKNOWN_INSTRUMENT, (command.instrument_id,)
    if command.phase == instrument.phase:
        return RejectReason.SAME, ()
    before = instrument.phase
    is_call = command.phase == Phase.CALL
    if command.phase not in NEXT[before] or (is_call and not instrument.is_matched):
        return RejectReason.PHASE, (int(before),)
    instrument.phase = command.phase
    instrument.note_standing()
    events: list[AnyEvent] = [PhaseChanged(command.instrument_id, command.phase)]
    enter_phase(venue, instrument, before, events)
    if command.phase == Phase.CLOSED:
        book = instrument.book
        standing = [*book.bids, *book.asks, *instrument.stops.values()]
        for order in (*standing, *instrument.suspended.values()):
            if order.tif == TimeInForce.DAY:
                events.append(withdraw(venue, order, "", CancelReason.EXPIRED))
    return events


def set_halt(venue: Venue, command: SetHalt) -> Answer:
    """Halt or resume the venue, an instrument or a firm."""
    if len(command.reason) > REASON_LENGTH or not 0 <= command.actor_id <= MAX_INT:
        return RejectReason.INVALID, ()
    if command.scope == HaltScope.VENUE:
        if command.target_id:
            return RejectReason.INVALID, ()
        halted = venue.halted
    elif command.scope == HaltScope.INSTRUMENT:
        instrument = venue.instruments.get(command.target_id)
        if instrument is None:
            return RejectReason.UNKNOWN_INSTRUMENT, (command.target_id,)
        halted = instrument.halted
    else:
        account = venue.accounts.get(command.target_id)
        if account is None:
            return RejectReason.UNKNOWN_FIRM, (command.target_id,)
        halted = account.halted
    if halted == command.halted:
        return RejectReason.SAME, ()
    if command.scope == HaltScope.VENUE:
        venue.halted = command.halted
    elif command.scope == HaltScope.INSTRUMENT:
        venue.instruments[command.target_id].halted = command.halted
        venue.instruments[command.target_id].note_standing()
    else:
        venue.accounts[command.target_id].halted = command.halted
        venue.accounts[command.target_id].note_bounds()
    return [
        HaltChanged(
            command.scope, command.target_id, command.halted, command.actor_id, command.reason
        )
    ]


def open_day(venue: Venue, command: OpenDay) -> Answer:
    """Begin a trading day; the days of a journal only go up."""
    if not venue.day < command.day <= 99991231:
        return RejectReason.DAY, (command.day, venue.day)
    venue.day = command.day
    venue.day_number += 1
    for account in venue.accounts.values():
        account.day_value_fen = 0
        account.day_lots = {}
    events: list[AnyEvent] = [DayOpened(command.day)]
    for instrument in venue.instruments.values():
        if instrument.suspended and instrument.phase in (Phase.CALL, Phase.CONTINUOUS):
            resume(venue, instrument, events)
            trigger_stops(venue, instrument, events)
    return events


def set_reference(venue: Venue, command: SetReference) -> Answer:
    """Set an instrument's reference price and band. What rests outside the band is cancelled."""
    instrument = venue.instruments.get(command.instrument_id)
    if instrument is None:
        return RejectReason.UNKNOWN_INSTRUMENT, (command.instrument_id,)
    low, reference, high = command.low_ticks, command.reference_ticks, command.high_ticks
    if not 0 < low <= reference <= high <= MAX_INT:
        return RejectReason.INVALID, ()
    if (instrument.low_ticks, instrument.reference_ticks, instrument.high_ticks) == (
        low,
        reference,
        high,
    ):
        return RejectReason.SAME, ()
    instrument.set_reference(reference, low, high)
    events: list[AnyEvent] = [ReferenceChanged(command.instrument_id, reference, low, high)]
    for order in [*instrument.book.bids, *instrument.book.asks]:
        if not low <= order.price_ticks <= high:
            events.append(withdraw(venue, order, "", CancelReason.BAND))
    return events


def kill_switch(venue: Venue, command: KillSwitch) -> Answer:
    """Block a firm or a trader and cancel what they have, or unblock (RULEBOOK 1.3)."""
    if (
        len(command.reason) > REASON_LENGTH
        or not 0 <= command.actor_id <= MAX_INT
        or not 0 <= command.trader_id <= MAX_INT
    ):
        return RejectReason.INVALID, ()
    account = venue.accounts.get(command.firm_id)
    if account is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    trader_id = command.trader_id
    if (trader_id in account.blocked_traders) == command.blocked:
        return RejectReason.SAME, ()
    if len(account.blocked_traders) >= 1_000 and command.blocked:
        return RejectReason.LIMIT, (len(account.blocked_traders), 1_000)
    cancelled: list[AnyEvent] = []
    if command.blocked:
        account.blocked_traders[trader_id] = None
        theirs = [
            order
            for order in account.orders.values()
            if not trader_id or order.trader_id == trader_id
        ]
        cancelled = cancel_all(venue, theirs, CancelReason.KILLED)
    else:
        del account.blocked_traders[trader_id]
    account.note_bounds()
    return [
        KillSwitched(
            command.firm_id,
            trader_id,
            command.blocked,
            command.actor_id,
            command.reason,
            len(cancelled),
        ),
        *cancelled,
    ]


def disconnect(venue: Venue, command: Disconnect) -> Answer:
    """Cancel what came by a connection that is gone; orders of a later one are not touched."""
    if not 0 < command.session <= MAX_INT:
        return RejectReason.INVALID, ()
    account = venue.accounts.get(command.firm_id)
    if account is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    theirs = [order for order in account.orders.values() if order.session == command.session]
    cancelled = cancel_all(venue, theirs, CancelReason.DISCONNECTED)
    return [OrdersWithdrawn(command.firm_id, "", len(cancelled)), *cancelled]


def set_firm_limits(venue: Venue, command: SetFirmLimits) -> Answer:
    """Bound what a firm may enter a second and a day; the bucket begins full."""
    account = venue.accounts.get(command.firm_id)
    if account is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    rate, burst = command.orders_per_s, command.burst
    if not (0 <= rate <= RATE_MOST and 0 <= burst <= RATE_MOST and (rate > 0) == (burst > 0)):
        return RejectReason.INVALID, ()
    if not 0 <= command.day_value_fen <= MAX_INT:
        return RejectReason.INVALID, ()
    account.orders_per_s = rate
    account.burst = burst
    account.tokens = burst * TOKEN
    account.tokens_at_us = venue.ts_us
    account.max_day_value_fen = command.day_value_fen
    # Orders that the bucket lets through within the window, and as many cancels.
    window = 2 * (rate * (DEDUP_WINDOW_US // 1_000_000) + burst)
    account.remember_most = min(window, CLIENT_IDS_PER_FIRM) if rate else CLIENT_IDS_PER_FIRM
    account.note_bounds()
    return [FirmLimitsChanged(command.firm_id, rate, burst, command.day_value_fen)]


def set_self_match(venue: Venue, command: SetSelfMatch) -> Answer:
    """Choose what becomes of a firm's order that would meet its own group's."""
    account = venue.accounts.get(command.firm_id)
    if account is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    if account.self_match == command.policy:
        return RejectReason.SAME, ()
    account.self_match = command.policy
    return [SelfMatchChanged(command.firm_id, command.policy)]
