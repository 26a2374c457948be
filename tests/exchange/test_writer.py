"""The single writer: durable before acknowledged, chained, fenced, rebuilt by replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pysqlite3
import pytest

from exchange.blocks import GENESIS, Block, DamagedBlock, make_block
from exchange.frames import Address, pack, read_frame
from exchange.journal import Fenced, Journal, JournalError, open_journal
from exchange.limits import CANCEL_LANE, COMMAND_BYTES, REQUEST_BYTES, VENUE_QUEUE
from exchange.link import LinkClient, LinkError, Result
from exchange.link_server import LinkServer
from exchange.sequencer import (
    ReplayDiffers,
    Sequencer,
    Venue,
    VenueState,
    Waiting,
    now_us,
    recover,
    replay_block,
)
from matching.commands import (
    AnyCommand,
    CancelOrder,
    ChangePhase,
    CreditCash,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    Mode,
    OpenDay,
    PassTime,
    Phase,
    Side,
    Special,
    TimeInForce,
)
from matching.engine import ENGINE_VERSION, Engine
from matching.events import (
    CancelReason,
    CashCredited,
    CommandRejected,
    DayOpened,
    FirmDefined,
    OrderCancelled,
    RejectReason,
    TimePassed,
)

pytestmark = pytest.mark.databases
VENUE = 1


class Clock:
    """Microseconds that only move when asked."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


def give(sequencer: Sequencer, *commands: AnyCommand) -> list[Result | str]:
    """Commit the commands in one block and return their answers."""
    answers: list[Result | str] = []
    for command in commands:
        sequencer.submit(VENUE, Waiting(command, 10, time.monotonic() + 60, answers.append))
    sequencer._serve(sequencer.venues[VENUE])
    return answers


def release_lease(journal_url: str) -> None:
    """Let the PostgreSQL lease of a stopped writer run out at once."""
    if journal_url.startswith("postgresql"):
        with psycopg.connect(journal_url, autocommit=True) as db:
            db.execute("UPDATE journal_lease SET renewed_at = 'epoch'")


def test_results_come_after_the_block_is_durable(journal_url: str) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    durable_at_answer: list[int] = []
    sequencer.submit(
        VENUE,
        Waiting(
            OpenDay(20261123),
            10,
            time.monotonic() + 60,
            lambda result: durable_at_answer.append(journal.last(VENUE).seq),  # type: ignore[union-attr]
        ),
    )
    sequencer._serve(sequencer.venues[VENUE])
    assert durable_at_answer == [2]  # block 1 opened the venue
    journal.close()


def test_a_restart_rebuilds_the_same_engine_from_snapshot_and_blocks(journal_url: str) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    give(sequencer, OpenDay(20261123), DefineFirm(7, 7))
    sequencer.stop()
    give(sequencer, CreditCash("in", 7, 500))
    digest = sequencer.venues[VENUE].engine.digest()
    journal.close()
    release_lease(journal_url)

    journal = open_journal(journal_url)
    engine, head = recover(journal, VENUE)
    assert engine.digest() == digest
    assert head is not None
    assert head.seq == 3
    assert journal.good_snapshot(VENUE, ENGINE_VERSION)[0].seq == 2  # type: ignore[index]
    again = Sequencer(journal, [VENUE], clock=Clock())
    assert again.venues[VENUE].epoch == 2
    assert again.venues[VENUE].engine.cash(7) == (500, 0, 0)
    journal.close()


def test_a_repeated_command_gets_its_first_answer_even_from_an_old_block(journal_url: str) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    give(sequencer, OpenDay(20261123), DefineFirm(7, 7))
    (first,) = give(sequencer, CreditCash("in", 7, 500))
    sequencer.venues[VENUE].recent.clear()
    (second,) = give(sequencer, CreditCash("in", 7, 500))
    assert isinstance(first, Result)
    assert second == Result(first.seq, 0, first.ts_us, first.events, True)
    assert first.events == (CashCredited("in", 7, 500),)
    journal.close()


def change(journal_url: str, statement: str) -> None:
    """Damage a journal past its triggers, as a broken disk or an intruder would."""
    if journal_url.startswith("sqlite"):
        db = pysqlite3.connect(journal_url.removeprefix("sqlite://"))
        db.execute("DROP TRIGGER journal_block_no_update")
        db.execute("DROP TRIGGER journal_block_no_delete")
        db.execute(statement)
        db.commit()
        db.close()
        return
    owner = journal_url.replace("haidai_engine", "haidai_owner")
    with psycopg.connect(owner, autocommit=True) as db:
        db.execute("ALTER TABLE journal_block DISABLE TRIGGER ALL")
        db.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE journal_block SET ts_us = ts_us + 1 WHERE seq = 2", "venue 1, block 2: its con"),
        ("UPDATE journal_block SET prev_hash = hash WHERE seq = 3", "venue 1, block 3: does not"),
        ("DELETE FROM journal_block WHERE seq = 2", "venue 1, block 2: is missing"),
    ],
)
def test_a_damaged_journal_refuses_to_start_and_names_the_block(
    journal_url: str, statement: str, complaint: str
) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    give(sequencer, OpenDay(20261123), DefineFirm(7, 7))
    give(sequencer, CreditCash("in", 7, 500))
    journal.close()
    release_lease(journal_url)
    change(journal_url, statement)

    journal = open_journal(journal_url)
    try:
        with pytest.raises(DamagedBlock, match=complaint):
            Sequencer(journal, [VENUE])
    finally:
        journal.close()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE journal_block SET epoch = 9", "DELETE FROM journal_block"],
)
def test_no_role_may_change_or_remove_a_block(journal_url: str, statement: str) -> None:
    journal = open_journal(journal_url)
    Sequencer(journal, [VENUE], clock=Clock())
    with pytest.raises((pysqlite3.IntegrityError, psycopg.errors.Error)):
        journal._db.execute(statement)  # type: ignore[attr-defined]
    journal.close()


def test_a_second_writer_is_refused_while_the_first_lives(journal_url: str) -> None:
    journal = open_journal(journal_url)
    Sequencer(journal, [VENUE], clock=Clock())

    def second() -> None:
        other = open_journal(journal_url)
        try:
            Sequencer(other, [VENUE])
        finally:
            other.close()

    with pytest.raises(JournalError):
        second()
    journal.close()


def test_a_fenced_writer_can_not_append(journal_url: str, request: pytest.FixtureRequest) -> None:
    if not journal_url.startswith("postgresql"):
        assert request.config.getoption("--database") == "sqlite"
        return  # an exclusive file: the second writer is refused, see above
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    release_lease(journal_url)
    successor = Sequencer(open_journal(journal_url), [VENUE], clock=Clock())
    with pytest.raises(Fenced):
        give(sequencer, OpenDay(20261123))
    assert isinstance(give(successor, OpenDay(20261123))[0], Result)
    journal.close()
    successor.journal.close()


class BrokenOnce:
    """A journal whose next append is durable, but whose success nobody hears of."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._append = journal.append
        journal.append = self._fail  # type: ignore[method-assign]

    def _fail(self, block: Block) -> None:
        self._append(block)
        self._journal.append = self._append  # type: ignore[method-assign]
        raise OSError("the answer was lost")


def test_an_append_of_unknown_outcome_is_told_to_nobody_and_rejoined_by_replay(
    journal_url: str,
) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    give(sequencer, OpenDay(20261123), DefineFirm(7, 7))
    BrokenOnce(journal)
    assert give(sequencer, CreditCash("in", 7, 500)) == ["RECOVERING"]
    venue = sequencer.venues[VENUE]
    assert venue.state is VenueState.OPEN
    assert venue.engine.cash(7) == (500, 0, 0), "it had become durable, so it happened"
    (again,) = give(sequencer, CreditCash("in", 7, 500))
    assert isinstance(again, Result)
    assert again.repeated
    assert venue.engine.cash(7) == (500, 0, 0), "and it happened once"
    journal.close()


def test_an_exception_in_the_engine_halts_the_venue_and_journals_nothing(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())

    def explode(self: Engine, commands: list[AnyCommand]) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Engine, "apply_all", explode)
    assert give(sequencer, OpenDay(20261123)) == ["HALTED"]
    assert sequencer.venues[VENUE].state is VenueState.HALTED
    assert journal.last(VENUE).seq == 1  # type: ignore[union-attr]
    journal.close()


def test_a_full_queue_answers_busy_but_keeps_a_lane_for_cancels(journal_url: str) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    answers: list[Result | str] = []

    def send(command: AnyCommand) -> None:
        sequencer.submit(VENUE, Waiting(command, 10, time.monotonic() + 60, answers.append))

    for _ in range(VENUE_QUEUE + 1):
        send(OpenDay(1))
    assert answers == ["BUSY"]
    for _ in range(CANCEL_LANE + 1):
        send(CancelOrder(1, 1, "x", 1, 1))
    assert answers == ["BUSY", "BUSY"]
    journal.close()


def test_a_command_past_its_deadline_is_refused_unexecuted(journal_url: str) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    answers: list[Result | str] = []
    sequencer.submit(VENUE, Waiting(OpenDay(1), 10, time.monotonic() - 1, answers.append))
    sequencer._serve(sequencer.venues[VENUE])
    assert answers == ["DEADLINE"]
    assert journal.last(VENUE).seq == 1  # type: ignore[union-attr]
    journal.close()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (ENGINE_VERSION, "command 1: replay differs$"),
        ("1", "engine version 1 wrote it.*make clean"),
    ],
)
def test_replay_names_the_command_whose_events_differ(version: str, words: str) -> None:
    block = make_block(
        venue_id=1,
        seq=1,
        epoch=1,
        ts_us=1,
        prev_hash=GENESIS,
        prev_event_hash=GENESIS,
        commands=[DefineFirm(1, 1), DefineFirm(2, 2)],
        events=[(FirmDefined(1, 1),), (FirmDefined(2, 3),)],
        engine_version=version,
    )
    with pytest.raises(ReplayDiffers, match=f"venue 1, block 1, .*{words}"):
        replay_block(Engine(1), block)


async def _with_link(
    journal_url: str, tmp_path: Path, body: Callable[[str, Sequencer], Any]
) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE])
    address = f"unix://{tmp_path / 'engine.sock'}"
    server = await LinkServer(sequencer).listen(address)
    work = asyncio.create_task(sequencer.run())
    try:
        await body(address, sequencer)
    finally:
        work.cancel()
        server.close()
        journal.close()


async def test_the_link_carries_commands_results_and_blocks(
    journal_url: str, tmp_path: Path
) -> None:
    async def body(address: str, sequencer: Sequencer) -> None:
        client = LinkClient(address)
        await client.connect()
        result = await client.submit(VENUE, OpenDay(20261123))
        assert result.events == (DayOpened(20261123),)
        refused = await client.submit(VENUE, OpenDay(20261123))
        assert refused.events == (CommandRejected(0, "", RejectReason.DAY, (20261123, 20261123)),)
        assert await client.state(VENUE) is VenueState.OPEN
        with pytest.raises(LinkError, match="UNKNOWN_VENUE"):
            await client.submit(9, OpenDay(20261123))
        seen = []
        async for block in client.follow(VENUE, 0):
            if block is None:
                break
            seen.append(block)
        assert [block.seq for block in seen] == [1, 2, 3]
        assert seen[1].decoded_events() == [(DayOpened(20261123),)]
        seen[1].verify(seen[0].hash, seen[0].event_hash)
        await client.close()

    await _with_link(journal_url, tmp_path, body)


async def test_nonsense_on_the_link_is_answered_and_hurts_nobody(
    journal_url: str, tmp_path: Path
) -> None:
    async def body(address: str, sequencer: Sequencer) -> None:
        reader, writer = await Address(address).open()
        writer.write(pack("command", 1, VENUE, b"\xc1 not msgpack", 100))
        assert (await read_frame(reader))[:3] == ["error", 1, "MALFORMED"]
        writer.write(pack("command", 2, VENUE, bytes(COMMAND_BYTES + 1), 100))
        assert (await read_frame(reader))[:3] == ["error", 2, "TOO_LARGE"]
        writer.write(pack("dance", 3))
        assert (await read_frame(reader))[:3] == ["error", 3, "MALFORMED"]
        writer.write(b"\xff\xff\xff\xff")
        assert await reader.read() == b"", "what is not a frame closes the connection"
        writer.close()
        client = LinkClient(address)
        await client.connect()
        assert (await client.submit(VENUE, DefineFirm(1, 1))).events == (FirmDefined(1, 1),)
        await client.close()

    await _with_link(journal_url, tmp_path, body)


def test_venue_is_at_zero_before_its_first_block() -> None:
    assert Venue(1, 1, Engine(1), None).seq == 0


async def test_the_first_answer_to_a_client_order_id_can_be_asked_for(
    journal_url: str, tmp_path: Path
) -> None:
    async def body(address: str, sequencer: Sequencer) -> None:
        client = LinkClient(address)
        await client.connect()
        await client.submit(VENUE, DefineFirm(7, 7))
        first = await client.submit(VENUE, CancelOrder(7, 1, "c1", now_us(), 99))
        sequencer.venues[VENUE].recent.clear()
        again = await client.first_answer(VENUE, 7, "c1")
        assert again == Result(first.seq, first.index, first.ts_us, first.events, True)
        assert await client.first_answer(VENUE, 8, "c1") is None, "the id is another firm's"
        with pytest.raises(LinkError, match="UNKNOWN_VENUE"):
            await client.first_answer(9, 7, "c1")
        await client.close()

    await _with_link(journal_url, tmp_path, body)


async def test_hostile_requests_are_answered_and_the_link_lives(
    journal_url: str, tmp_path: Path
) -> None:
    async def body(address: str, sequencer: Sequencer) -> None:
        reader, writer = await Address(address).open()
        hostile: list[tuple[Any, ...]] = [
            ("follow", VENUE, -1),
            ("follow", VENUE, 2**64 - 1),
            ("follow", [], 0),
            ("follow", VENUE),
            ("cover", 5, {}),
            ("command", 5, VENUE, b"", "soon"),
            ("command", 5, VENUE, None, 5),
            ("answer", 5, VENUE, [], {}),
        ]
        for items in hostile:
            writer.write(pack(*items))
            assert (await read_frame(reader))[2] == "MALFORMED", items
        writer.write(pack("venues", 6))
        assert await read_frame(reader) == ["venues", 6, [VENUE]]
        writer.write((REQUEST_BYTES + 1).to_bytes(4, "big"))
        assert await reader.read() == b"", "a frame that nobody would send closes the connection"
        writer.close()

    await _with_link(journal_url, tmp_path, body)


def test_the_events_of_a_block_are_bounded_and_the_rest_comes_next(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=Clock())
    monkeypatch.setattr("exchange.sequencer.BLOCK_EVENTS", 1)
    monkeypatch.setattr("exchange.sequencer.APPLY_AT_ONCE", 1)
    assert len(give(sequencer, *(DefineFirm(n, n) for n in (1, 2, 3)))) == 2
    sequencer._serve(sequencer.venues[VENUE])
    events = [block.decoded_events() for block in journal.blocks(VENUE, 1)]
    assert events == [[(FirmDefined(1, 1),), (FirmDefined(2, 2),)], [(FirmDefined(3, 3),)]]
    journal.close()


def expiring(clock: Clock, name: str, seconds: int) -> EnterOrder:
    """A buy that is good for some seconds."""
    special = Special(expires_us=clock.now + seconds * 1_000_000)
    who = (1, 1, name, clock.now)
    return EnterOrder(*who, 7, Side.BUY, TimeInForce.GTD, 100, 1, special=special)


def with_an_instrument(sequencer: Sequencer) -> None:
    """Let firm 1 trade in instrument 7."""
    terms = (7, Mode.MATCHED, 100, 1000, 1, 1, 99, 10**9, 100, 90, 110, 10_000, 0, 0, 0)
    give(sequencer, OpenDay(20261123), DefineFirm(1, 1), CreditCash("c", 1, 10**9))
    give(sequencer, DefineInstrument(*terms, approval_id=1))
    give(sequencer, ChangePhase(7, Phase.PRE_OPEN), ChangePhase(7, Phase.CONTINUOUS))


def test_what_is_due_happens_before_the_commands_of_a_block(journal_url: str) -> None:
    clock = Clock()
    journal = open_journal(journal_url)
    sequencer = Sequencer(journal, [VENUE], clock=clock)
    with_an_instrument(sequencer)
    give(sequencer, expiring(clock, "a", 10))
    assert sequencer.engine(VENUE).next_due_us > 0
    clock.now += 10_000_000
    again = expiring(clock, "b", 10)
    (result,) = give(sequencer, again)
    assert isinstance(result, Result)
    block = journal.last(VENUE)
    assert block is not None
    assert block.decoded_commands() == [PassTime(), again]
    passed, cancelled = block.decoded_events()[0]
    assert passed == TimePassed(block.ts_us)
    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.reason is CancelReason.EXPIRED
    assert (result.index, result.events) == (1, block.decoded_events()[1])
    (repeated,) = give(sequencer, again)
    assert isinstance(repeated, Result)
    assert (repeated.seq, repeated.index, repeated.events) == (result.seq, 1, result.events)
    engine, _ = recover(journal, VENUE)
    assert engine.digest() == sequencer.engine(VENUE).digest()
    journal.close()


async def test_time_alone_makes_a_block_when_something_is_due(journal_url: str) -> None:
    clock = Clock()
    sequencer = Sequencer(open_journal(journal_url), [VENUE], clock=clock)
    published: list[Block] = []
    with_an_instrument(sequencer)
    give(sequencer, expiring(clock, "a", 3_600))
    sequencer.publish = published.append
    work = asyncio.create_task(sequencer.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert published == []
    clock.now += 3_600_000_000
    sequencer._wake.set()
    async with asyncio.timeout(10):
        while not published:
            await asyncio.sleep(0)
    work.cancel()
    assert published[0].decoded_commands() == [PassTime()]
    assert sequencer.engine(VENUE).open_orders() == []
    assert sequencer.engine(VENUE).next_due_us == 0
    sequencer.journal.close()
