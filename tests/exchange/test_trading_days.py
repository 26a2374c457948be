"""The calendar, and the scheduler that makes the engine follow it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import bands, followers, reference, scope, trading_days
from exchange.link import BlockingLink, LinkError
from exchange.models import Bookmark, DayStatistics, Instrument, InstrumentStatus, Venue
from exchange.projections import Projections
from exchange.trading_days import BeyondHorizon, Scheduler, add_trading_days, phase_at
from matching.commands import ChangePhase, DefineFirm, Mode, OpenDay, Phase, SetReference
from matching.engine import Engine
from tests.exchange.market import BUYER, COAL, DAY, MIDNIGHT_US, SELLER, SQUID, Market, open_market
from tests.exchange.running import engine
from tests.world import World

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def at(clock: str, days: int = 0) -> int:
    """Return an instant of Monday 2026-11-23 in Shanghai, or of a later day."""
    hours, minutes = clock.split(":")
    return MIDNIGHT_US + days * DAY_US + (int(hours) * 60 + int(minutes)) * 60_000_000


@pytest.mark.parametrize(
    ("day", "trades"),
    [
        ("2026-11-23", True),
        ("2026-11-21", False),  # Saturday
        ("2026-10-01", False),
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", False),  # a working Saturday that makes up for a holiday
        ("2026-02-14", False),
        ("2026-12-31", True),
    ],
)
def test_a_trading_day_is_monday_to_friday_without_holidays(day: str, trades: bool) -> None:
    assert trading_days.is_trading_day(dt.date.fromisoformat(day)) is trades


@pytest.mark.parametrize("day", ["2027-01-01", "2027-01-04", "2025-12-31"])
def test_outside_the_published_calendar_nothing_is_guessed(day: str) -> None:
    with pytest.raises(BeyondHorizon, match=day):
        trading_days.is_trading_day(dt.date.fromisoformat(day))


def test_five_trading_days_over_the_national_holiday_are_the_fixtures_golden_case() -> None:
    (case,) = (one for one in reference.fixture()["golden_cases"] if one["id"].startswith("t5_"))
    bought = trading_days.as_day(dt.date.fromisoformat(case["buy_date"]))
    sold = trading_days.as_day(dt.date.fromisoformat(case["expect_first_sell_date"]))
    assert (bought, sold) == (20260929, 20261013)
    assert add_trading_days(bought, 5, always_open=False) == sold
    assert add_trading_days(bought, 5, always_open=True) == 20261004


def test_counting_past_the_horizon_fails_loudly_for_a_real_calendar_only() -> None:
    with pytest.raises(BeyondHorizon):
        add_trading_days(20261229, 5, always_open=False)
    assert add_trading_days(20261229, 5, always_open=True) == 20270103


@pytest.mark.parametrize(
    ("clock", "phase"),
    [
        ("00:00", Phase.CLOSED),
        ("08:29", Phase.CLOSED),
        ("08:30", Phase.PRE_OPEN),
        ("09:00", Phase.PRE_OPEN),
        ("09:14", Phase.PRE_OPEN),
        ("09:15", Phase.CONTINUOUS),
        ("11:29", Phase.CONTINUOUS),
        ("11:30", Phase.BREAK),
        ("13:30", Phase.CONTINUOUS),
        ("15:29", Phase.CONTINUOUS),
        ("15:30", Phase.CLOSED),
        ("23:59", Phase.CLOSED),
    ],
)
def test_the_sessions_of_a_trading_day(clock: str, phase: Phase) -> None:
    assert phase_at(at(clock), always_open=False) is phase
    assert phase_at(at(clock), always_open=True) is Phase.CONTINUOUS
    assert phase_at(at(clock, days=5), always_open=False) is Phase.CLOSED  # Saturday


def test_bands_are_rounded_inward_and_averages_half_up() -> None:
    assert bands.band(725, 600) == (682, 768)  # 681.5 and 768.5
    assert bands.band(1, 600) == (1, 1)
    assert bands.average_ticks(1_001_000, 10_000, 100) == 1_001
    assert bands.average_ticks(1_000_500, 10_000, 100) == 1_001  # 1000.5 ticks
    assert bands.average_ticks(1_000_499, 10_000, 100) == 1_000
    assert bands.average_ticks(1, 10_000, 100) == 1


# What the engine must be told: pure, played against a real engine.


def follow_calendar(
    market: Market, ts_us: int, *, always_open: bool, references: dict[int, int] | None = None
) -> list[object]:
    """Do what the calendar asks for until it asks for nothing more; return the commands."""
    told: list[object] = []
    market.now = max(market.now, ts_us - 1_000)
    for _ in range(10):
        commands = trading_days.next_commands(
            market.engine.market(),
            ts_us,
            always_open=always_open,
            new_reference=lambda number, day: (
                (references[number], 400, 600) if references and number in references else None
            ),
        )
        if not commands:
            return told
        market.accept(*commands)
        told += commands
    raise AssertionError("the calendar never had enough")


def listed_market() -> Market:
    market = Market()
    market.accept(
        DefineFirm(SELLER, SELLER),
        DefineFirm(BUYER, BUYER),
        market.define(COAL, Mode.MATCHED),
        market.define(SQUID, Mode.LISTED),
    )
    return market


def phases(engine: Engine) -> list[Phase]:
    return [instrument.phase for instrument in engine.instruments()]


def test_a_real_trading_day_goes_through_its_sessions() -> None:
    market = listed_market()
    seen = []
    for clock in ("08:00", "08:30", "09:00", "09:15", "11:30", "13:30", "15:30", "20:00"):
        follow_calendar(market, at(clock), always_open=False)
        assert len(set(phases(market.engine))) == 1
        seen.append(phases(market.engine)[0])
    assert seen == [
        Phase.CLOSED,
        Phase.PRE_OPEN,
        Phase.PRE_OPEN,
        Phase.CONTINUOUS,
        Phase.BREAK,
        Phase.CONTINUOUS,
        Phase.CLOSED,
        Phase.CLOSED,
    ]
    assert market.engine.market()["day"] == DAY


def test_an_engine_that_was_down_is_brought_where_the_calendar_stands_from_any_phase() -> None:
    for down_at in ("08:30", "09:15", "11:30", "13:30", "16:00"):
        for up_at in ("08:45", "10:00", "12:00", "14:00", "16:00"):
            market = listed_market()
            follow_calendar(market, at(down_at), always_open=False)
            next_day = at(up_at, days=1)
            follow_calendar(market, next_day, always_open=False)
            expected = phase_at(next_day, always_open=False)
            assert phases(market.engine) == [expected, expected]
            opened = expected != Phase.CLOSED
            assert market.engine.market()["day"] == (
                DAY + 1 if opened else DAY if down_at != "16:00" else 0
            )


def test_a_call_is_left_to_who_began_it_until_the_day_ends() -> None:
    market = listed_market()
    follow_calendar(market, at("10:00"), always_open=False)
    market.accept(ChangePhase(COAL, Phase.CALL))
    assert follow_calendar(market, at("10:01"), always_open=False) == []
    follow_calendar(market, at("11:31"), always_open=False)
    phases = {row[0]: Phase(row[1]) for row in market.engine.market()["instruments"]}
    assert (phases[COAL], phases[SQUID]) == (Phase.CALL, Phase.BREAK)
    told = follow_calendar(market, at("15:30"), always_open=False)
    assert ChangePhase(COAL, Phase.CLOSED) in told


def test_the_demo_day_turns_at_midnight_and_trades_around_the_clock() -> None:
    market = listed_market()
    follow_calendar(market, at("23:59"), always_open=True)
    assert phases(market.engine) == [Phase.CONTINUOUS, Phase.CONTINUOUS]
    told = follow_calendar(market, at("00:00", days=1), always_open=True, references={COAL: 510})
    assert told == [
        ChangePhase(COAL, Phase.CLOSED),
        ChangePhase(SQUID, Phase.CLOSED),
        SetReference(COAL, 510, 400, 600),
        OpenDay(DAY + 1),
        ChangePhase(COAL, Phase.PRE_OPEN),
        ChangePhase(SQUID, Phase.PRE_OPEN),
        ChangePhase(COAL, Phase.CONTINUOUS),
        ChangePhase(SQUID, Phase.CONTINUOUS),
    ]
    assert follow_calendar(market, at("23:59", days=1), always_open=True) == []


def test_a_day_turn_that_was_interrupted_after_any_command_is_finished_not_repeated() -> None:
    for crash_after in range(9):
        market = listed_market()
        follow_calendar(market, at("12:00"), always_open=True)
        midnight = at("00:00", days=1)
        done: list[object] = []
        while len(done) < crash_after:
            commands = trading_days.next_commands(
                market.engine.market(),
                midnight,
                always_open=True,
                new_reference=lambda number, day: (520, 400, 600) if number == COAL else None,
            )
            if not commands:
                break
            for command in commands[: crash_after - len(done)]:
                market.accept(command)
                done.append(command)
        follow_calendar(market, midnight, always_open=True, references={COAL: 520})
        assert phases(market.engine) == [Phase.CONTINUOUS, Phase.CONTINUOUS]
        state = market.engine.market()
        assert state["day"] == DAY + 1
        assert state["instruments"][0][3] == 520


def test_a_new_instrument_is_opened_and_the_others_are_left_alone() -> None:
    market = open_market()
    market.accept(market.define(3, Mode.LISTED))
    told = follow_calendar(market, market.now, always_open=True)
    assert told == [ChangePhase(3, Phase.PRE_OPEN), ChangePhase(3, Phase.CONTINUOUS)]


# The scheduler itself, with a real engine behind the link.


class Stage:
    """A venue with an engine, its projection, and a scheduler whose clock the test holds."""

    def __init__(self, link: BlockingLink, address: str) -> None:
        self.link = link
        self.venue = Venue.objects.get(code="qldz")
        self.now = at("12:00")
        stopping = threading.Event()
        stopping.set()  # a scheduler that is to stop does not wait for the projection
        self.scheduler = Scheduler(address, lambda: self.now, stopping)
        self.address = address

    def project(self) -> None:
        """Let the projection read all that the engine has said."""
        with scope.venue(self.venue.id), BlockingLink(self.address) as reader:
            mark = Bookmark.objects.filter(follower="projections").first()
            for block in reader.follow(self.venue.id, mark.seq if mark else 0):
                if block is None:
                    return
                followers.apply_blocks([Projections()], self.venue.id, [block])

    def pulse(self) -> None:
        with scope.venue(self.venue.id):
            self.scheduler.pulse(self.venue, self.link)


@pytest.fixture
def stage(journal_url: str, tmp_path: Path) -> Iterator[Stage]:
    reference.load()
    Venue.objects.update(always_open=True)
    address = f"unix://{tmp_path / 'engine.sock'}"
    with engine(journal_url, address, [1, 2, 3]), BlockingLink(address) as link:
        yield Stage(link, address)


def proposed(*commodities: str) -> list[Instrument]:
    """Return instruments whose rows were written and whose commands never arrived."""
    world = World(with_rules=False)  # its engine is not the one behind the link; rows that can go
    instruments = [world.instrument(code, mode="listed") for code in commodities]
    Instrument.objects.across_venues().update(status=InstrumentStatus.PROPOSED)
    Bookmark.objects.across_venues().delete()
    return instruments


@pytest.mark.django_db
def test_an_instrument_whose_command_was_lost_is_announced_again_and_opened(stage: Stage) -> None:
    (coal,) = proposed("COAL-T5500")
    stage.pulse()
    stage.project()
    assert stage.link.market(1)["instruments"][0][:2] == [coal.pk, Phase.CONTINUOUS]
    with scope.venue(1):
        assert Instrument.objects.get().status == InstrumentStatus.LISTED
    before = stage.link.market(1)["seq"]
    stage.pulse()
    assert stage.link.market(1)["seq"] == before, "a pulse with nothing to do says nothing"


@pytest.mark.django_db
def test_a_refused_announcement_is_marked_and_keeps_nothing_else_closed(stage: Stage) -> None:
    coal, steel = proposed("COAL-T5500", "STL-RB400E")
    Instrument.objects.across_venues().filter(pk=coal.pk).update(max_lots=1)
    stage.pulse()
    stage.project()
    with scope.venue(1):
        found = dict(Instrument.objects.values_list("pk", "status"))
        assert found == {
            coal.pk: InstrumentStatus.REFUSED,
            steel.pk: InstrumentStatus.LISTED,
        }
        assert Instrument.objects.get(pk=coal.pk).refusal == "PARAMETERS"
    assert [row[0] for row in stage.link.market(1)["instruments"]] == [steel.pk]


@pytest.mark.django_db
def test_the_reference_of_a_new_day_is_the_average_of_the_day_before(stage: Stage) -> None:
    (coal,) = proposed("COAL-T5500")
    stage.pulse()
    stage.project()
    # Two trades of the day: 100 t at 720 and 300 t at 730 yuan: 727.50 a tonne, 728 rounded up.
    DayStatistics.objects.across_venues().create(
        venue_id=1, instrument_id=coal.pk, day=DAY, open_ticks=720, high_ticks=730, low_ticks=720,
        last_ticks=730, volume_lots=400, weight_kg=400_000, trades=2,
        turnover_fen=(100 * 720 + 300 * 730) * 100,
    )  # fmt: skip
    stage.now += DAY_US
    with pytest.raises(LinkError, match="RECOVERING"):
        stage.pulse()  # closed, but the statistics may not be complete yet
    assert stage.link.market(1)["day"] == DAY
    stage.project()
    stage.pulse()
    row = stage.link.market(1)["instruments"][0]
    assert stage.link.market(1)["day"] == DAY + 1
    low, high = bands.band(728, coal.band_bp)
    assert row[1:6] == [Phase.CONTINUOUS, False, 728, low, high]


@pytest.mark.django_db(transaction=True)
def test_a_venue_beyond_its_calendar_is_reported_and_the_others_trade_on(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    proposed("COAL-T5500")
    Venue.objects.filter(code="jdsc").update(always_open=False)
    stop = threading.Event()
    asked: list[int] = []

    def clock() -> int:
        asked.append(at("12:00", days=60))
        if len(asked) > 2:
            stop.set()  # ends with the round in which all three venues were seen
        return asked[-1]

    Scheduler(stage.address, clock, stop).run()
    market = stage.link.market(1)
    assert market["day"] == 20270122
    assert [row[1] for row in market["instruments"]] == [Phase.CONTINUOUS]
    assert stage.link.market(2)["day"] == 0
    assert stage.link.market(3)["day"] == 20270122
    assert "BeyondHorizon" in caplog.text
    assert {record.args for record in caplog.records if record.levelname == "ERROR"} == {(2,)}
