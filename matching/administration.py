"""What the operator and the day scheduler ask: firms, instruments, phases, halts, days."""

from __future__ import annotations

import msgspec

from matching.commands import (
    ChangePhase,
    DefineFirm,
    DefineInstrument,
    HaltScope,
    OpenDay,
    Phase,
    SetFirmStatus,
    SetHalt,
    SetReference,
)
from matching.cover import Account
from matching.events import (
    AnyEvent,
    CancelReason,
    DayOpened,
    FirmDefined,
    FirmStatusChanged,
    HaltChanged,
    InstrumentDefined,
    PhaseChanged,
    ReferenceChanged,
    RejectReason,
)
from matching.instrument import Instrument, wrong_terms
from matching.limits import REASON_LENGTH
from matching.phases import BUILT, NEXT
from matching.rules import Refusal
from matching.state import Venue
from matching.trading import withdraw
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
    venue.accounts[command.firm_id] = Account(command.firm_id, command.group_id)
    return [FirmDefined(command.firm_id, command.group_id)]


def set_firm_status(venue: Venue, command: SetFirmStatus) -> Answer:
    """Suspend a firm or make it active again."""
    account = venue.accounts.get(command.firm_id)
    if account is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    if account.status == command.status:
        return RejectReason.SAME, ()
    account.status = command.status
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
    if command.phase not in NEXT[instrument.phase] or command.phase not in BUILT:
        return RejectReason.PHASE, (int(instrument.phase),)
    instrument.phase = command.phase
    events: list[AnyEvent] = [PhaseChanged(command.instrument_id, command.phase)]
    if command.phase == Phase.CLOSED:
        for order in [*instrument.book.bids, *instrument.book.asks]:
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
    else:
        venue.accounts[command.target_id].halted = command.halted
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
    return [DayOpened(command.day)]


def set_reference(venue: Venue, command: SetReference) -> Answer:
    """Set an instrument's reference price and band. Resting orders stay where they are."""
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
    instrument.low_ticks = low
    instrument.reference_ticks = reference
    instrument.high_ticks = high
    return [ReferenceChanged(command.instrument_id, reference, low, high)]
