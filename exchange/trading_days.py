"""Calendar -> phases: which day it is, what should be open, and the commands that make it so."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import close_old_connections

from exchange import bands, reference, rulebook, scope
from exchange.link import BlockingLink, LinkError
from exchange.models import Bookmark, DayStatistics, Instrument, InstrumentStatus, Venue
from matching.commands import AnyCommand, ChangePhase, OpenDay, Phase, SetReference
from matching.events import CommandRejected
from matching.units import Day, Ticks

log = logging.getLogger(__name__)
SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
PULSE_S: Final = 1
"""How often the scheduler compares the calendar with the engine."""
PROJECTION_WAIT_S: Final = 5
"""How long a day's turn waits for the statistics of the day that ends."""


class BeyondHorizon(Exception):
    """The calendar is not published that far; nothing may be scheduled there."""


@cache
def _calendar() -> tuple[dt.date, frozenset[dt.date]]:
    calendar = reference.fixture()["calendar"]
    horizon = dt.date.fromisoformat(str(calendar["horizon"]))
    return horizon, frozenset(
        dt.date.fromisoformat(str(text)) for text in calendar["holidays_2026"]
    )


def is_trading_day(day: dt.date) -> bool:
    """Say whether a venue with the real calendar trades: Monday to Friday, no public holiday.

    Working Saturdays that make up for holidays (调休) are not trading days.
    """
    horizon, holidays = _calendar()
    if day > horizon or day.year < 2026:
        raise BeyondHorizon(f"{day} is outside the published calendar (2026 to {horizon})")
    return day.weekday() < 5 and day not in holidays


def as_day(date: dt.date) -> Day:
    """Return 2026-11-23 as 20261123."""
    return date.year * 10_000 + date.month * 100 + date.day


def as_date(day: Day) -> dt.date:
    """Return 20261123 as 2026-11-23."""
    return dt.date(day // 10_000, day // 100 % 100, day % 100)


def add_trading_days(day: Day, count: int, *, always_open: bool) -> Day:
    """Return the day `count` trading days after `day`; a venue that never closes counts every day.

    Raises `BeyondHorizon` rather than guess past the published calendar.
    """
    date = as_date(day)
    while count:
        date += dt.timedelta(days=1)
        if always_open or is_trading_day(date):
            count -= 1
    return as_day(date)


def local(ts_us: int) -> dt.datetime:
    """Return an instant on Shanghai's clock."""
    return dt.datetime.fromtimestamp(ts_us // 1_000_000, tz=SHANGHAI)


def phase_at(ts_us: int, *, always_open: bool) -> Phase:
    """Return the phase that the calendar asks for; PRE_LIST counts as PRE_OPEN for now."""
    if always_open:
        return Phase.CONTINUOUS
    now = local(ts_us)
    if not is_trading_day(now.date()):
        return Phase.CLOSED
    clock = now.strftime("%H:%M")
    for session in reference.fixture()["sessions"]:
        if session["start"] <= clock < session["end"]:
            name = session["phase"]
            return Phase.PRE_OPEN if name == "PRE_LIST" else Phase[name]
    return Phase.CLOSED


# What leads from one phase to another in the engine's table (matching.phases.NEXT).
_STEP: Final[dict[tuple[Phase, Phase], Phase]] = {
    (Phase.CLOSED, Phase.PRE_OPEN): Phase.PRE_OPEN,
    (Phase.CLOSED, Phase.CONTINUOUS): Phase.PRE_OPEN,
    (Phase.CLOSED, Phase.BREAK): Phase.PRE_OPEN,
    (Phase.PRE_OPEN, Phase.CONTINUOUS): Phase.CONTINUOUS,
    (Phase.PRE_OPEN, Phase.BREAK): Phase.CONTINUOUS,
    (Phase.PRE_OPEN, Phase.CLOSED): Phase.CONTINUOUS,
    (Phase.CONTINUOUS, Phase.BREAK): Phase.BREAK,
    (Phase.CONTINUOUS, Phase.CLOSED): Phase.CLOSED,
    (Phase.CONTINUOUS, Phase.PRE_OPEN): Phase.CLOSED,
    (Phase.BREAK, Phase.CONTINUOUS): Phase.CONTINUOUS,
    (Phase.BREAK, Phase.CLOSED): Phase.CLOSED,
    (Phase.BREAK, Phase.PRE_OPEN): Phase.CLOSED,
    # A call goes on until who began it ends it, the operator or the engine; the close ends it, too.
    (Phase.CALL, Phase.CLOSED): Phase.CLOSED,
    (Phase.CALL, Phase.PRE_OPEN): Phase.CLOSED,
    (Phase.CALL, Phase.CONTINUOUS): Phase.CALL,
    (Phase.CALL, Phase.BREAK): Phase.CALL,
}


def next_commands(
    market: dict[str, Any],
    ts_us: int,
    *,
    always_open: bool,
    new_reference: Callable[[int, Day], tuple[Ticks, Ticks, Ticks] | None],
) -> list[AnyCommand]:
    """Return what the engine must be told now, from where it stands; empty when all is well.

    Pure and repeatable: after a crash in the middle the same call continues. A day turns by
    closing everything, setting the references, opening the day, and only then any phase.
    `market` is `Engine.market()`; `new_reference(instrument, day)` gives (reference, low, high)
    from the day that ends, or None to keep them.
    """
    today = as_day(local(ts_us).date())
    target = phase_at(ts_us, always_open=always_open)
    # A real venue opens its day with its first session; nights and holidays belong to no new day.
    turn = market["day"] < today and target != Phase.CLOSED
    commands: list[AnyCommand] = []
    for row in market["instruments"]:
        phase = Phase(row[1])
        aim = Phase.CLOSED if turn else target
        if phase != aim and _STEP[phase, aim] != phase:
            commands.append(ChangePhase(row[0], _STEP[phase, aim]))
    if turn and not commands:
        if market["day"]:
            for row in market["instruments"]:
                terms = new_reference(row[0], market["day"])
                if terms is not None and terms != (row[3], row[4], row[5]):
                    commands.append(SetReference(row[0], *terms))
        commands.append(OpenDay(today))
    return commands


class Scheduler(threading.Thread):
    """Keeps every venue's phases and day as the calendar wants them. Restart-safe."""

    def __init__(self, link_address: str, clock: Callable[[], int], stop: threading.Event) -> None:
        super().__init__(name="scheduler", daemon=True)
        self._address = link_address
        self._clock = clock
        self._stop_event = stop

    def run(self) -> None:
        """Compare and correct, once a pulse, until told to stop."""
        with BlockingLink(self._address) as link:
            while not self._stop_event.is_set():
                try:
                    close_old_connections()
                    for venue in Venue.objects.all():
                        self._pulse_or_say_why(venue, link)
                except Exception:
                    log.exception("scheduler")
                self._stop_event.wait(PULSE_S)

    def _pulse_or_say_why(self, venue: Venue, link: BlockingLink) -> None:
        """One venue in trouble must not keep the others from opening."""
        try:
            with scope.venue(venue.id):
                self.pulse(venue, link)
        except LinkError as error:
            log.info("scheduler: venue %s does not answer: %s", venue.id, error)
        except Exception:
            log.exception("scheduler: venue %s", venue.id)

    def pulse(self, venue: Venue, link: BlockingLink) -> None:
        """Bring one venue where it should be; at most one step per instrument and round.

        An instrument whose row was written and whose command was lost is announced again.
        """
        for instrument in Instrument.objects.filter(status=InstrumentStatus.PROPOSED):
            try:
                rulebook.announce(instrument, link)
            except rulebook.RuleError as error:
                log.warning("scheduler: instrument %s: %s", instrument.pk, error)
        for _ in range(4):
            market = link.market(venue.id)
            commands = next_commands(
                market,
                self._clock(),
                always_open=venue.always_open,
                new_reference=partial(self._reference, market["seq"]),
            )
            if not commands:
                return
            refused = False
            for command in commands:
                outcome = link.submit(venue.id, command).events[0]
                if isinstance(outcome, CommandRejected):
                    refused = True
                    log.warning("scheduler: venue %s: %s: %s", venue.id, command, outcome.reason)
            if refused:
                return

    def _reference(
        self, seq: int, instrument_id: int, day: Day
    ) -> tuple[Ticks, Ticks, Ticks] | None:
        """Return the volume-weighted average of `day` with its band, once statistics are there."""
        deadline = time.monotonic() + PROJECTION_WAIT_S
        while not Bookmark.objects.filter(follower="projections", seq__gte=seq).exists():
            if time.monotonic() > deadline or self._stop_event.wait(0.02):
                raise LinkError("RECOVERING")  # the next pulse asks again
        statistics = DayStatistics.objects.filter(instrument_id=instrument_id, day=day).first()
        instrument = Instrument.objects.filter(pk=instrument_id).first()
        if statistics is None or instrument is None:
            return None
        average = bands.average_ticks(
            statistics.turnover_fen, statistics.weight_kg, instrument.tick_fen_per_t
        )
        return (average, *bands.band(average, instrument.band_bp))
