"""The journal itself: snapshots, faults of the disk and of the database, who may do what."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import psycopg
import pysqlite3
import pytest

from exchange.blocks import DamagedBlock
from exchange.journal import (
    JournalError,
    LeaseHeld,
    PostgresJournal,
    SqliteJournal,
    install,
    open_journal,
)
from exchange.limits import SNAPSHOT_BLOCKS, SNAPSHOT_BLOCKS_MOST, SNAPSHOTS_KEPT
from exchange.sequencer import NotReadable, Result, Sequencer, VenueState, Waiting, recover
from matching.commands import AnyCommand, CreditCash, DefineFirm, OpenDay
from matching.engine import ENGINE_VERSION
from tests import servers

VENUE = 1


def give(sequencer: Sequencer, *commands: AnyCommand) -> list[Result | str]:
    """Commit the commands in one block and return their answers."""
    answers: list[Result | str] = []
    for command in commands:
        sequencer.submit(VENUE, Waiting(command, 10, time.monotonic() + 60, answers.append))
    sequencer._serve(sequencer.venues[VENUE])
    return answers


def deposits(sequencer: Sequencer, first: int, count: int) -> None:
    """Commit a block for each deposit, and take a snapshot after each."""
    for number in range(first, first + count):
        give(sequencer, CreditCash(f"d{number}", 7, 1))
        sequencer.snapshot(sequencer.venues[VENUE])


@pytest.mark.databases
def test_three_snapshots_are_kept_and_the_newest_whole_one_is_used(journal_url: str) -> None:
    with closing(open_journal(journal_url)) as journal:
        sequencer = Sequencer(journal, [VENUE])
        give(sequencer, OpenDay(20261123), DefineFirm(7, 7))
        deposits(sequencer, 1, 5)
        digest = sequencer.venues[VENUE].engine.digest()
        assert [claim.seq for claim in journal.claims(VENUE)] == [7, 6, 5]
        assert len(journal.claims(VENUE)) == SNAPSHOTS_KEPT
        spoil(journal_url, journal, "WHERE seq = 7")

        found = journal.good_snapshot(VENUE, ENGINE_VERSION)

        assert found is not None
        assert found[0].seq == 6
        spoil(journal_url, journal, "")
        assert journal.good_snapshot(VENUE, ENGINE_VERSION) is None
        engine, _ = recover(journal, VENUE)
        assert engine.digest() == digest, "without any snapshot the whole journal is replayed"
        assert journal.good_snapshot(VENUE, "another version") is None


def spoil(
    journal_url: str, journal: SqliteJournal | PostgresJournal | object, condition: str
) -> None:
    """Change bytes of snapshots, as a bad disk does."""
    if isinstance(journal, SqliteJournal):
        journal._db.execute(
            f"UPDATE journal_snapshot SET state = CAST(x'00' || state AS BLOB) {condition}"
        )
        return
    with psycopg.connect(owner_of(journal_url), autocommit=True) as db:
        statement = f"UPDATE journal_snapshot SET state = '\\x00'::bytea || state {condition}"
        db.execute(statement)  # type: ignore[arg-type]


def owner_of(journal_url: str) -> str:
    return journal_url.replace("haidai_engine", "haidai_owner")


def test_a_snapshot_is_not_used_over_a_damaged_block(journal_url: str) -> None:
    with closing(SqliteJournal(journal_url.removeprefix("sqlite://"))) as journal:
        sequencer = Sequencer(journal, [VENUE])
        give(sequencer, OpenDay(20261123))
        sequencer.snapshot(sequencer.venues[VENUE])
        journal._db.execute("DROP TRIGGER journal_block_no_update")
        journal._db.execute("UPDATE journal_block SET ts_us = ts_us + 1 WHERE seq = 2")

        with pytest.raises(DamagedBlock, match="venue 1, block 2"):
            recover(journal, VENUE)


def test_a_process_that_dies_often_still_takes_snapshots(journal_url: str) -> None:
    with closing(open_journal(journal_url)) as journal:
        first = Sequencer(journal, [VENUE])
        give(first, OpenDay(20261123))
        again = Sequencer(journal, [VENUE])  # as after a kill: no snapshot was taken
        assert again.venues[VENUE].since_snapshot == 3, "what was replayed counts"
        again.venues[VENUE].since_snapshot = SNAPSHOT_BLOCKS_MOST - 1
        give(again, DefineFirm(7, 7))
        assert journal.newest_snapshot(VENUE) == 4


def test_a_snapshot_waits_for_an_idle_moment(journal_url: str) -> None:
    with closing(open_journal(journal_url)) as journal:
        sequencer = Sequencer(journal, [VENUE])
        sequencer.venues[VENUE].since_snapshot = SNAPSHOT_BLOCKS
        give(sequencer, OpenDay(20261123))
        assert journal.newest_snapshot(VENUE) == 0, "not while somebody may be waiting"
        sequencer._snapshot_when_idle()
        assert journal.newest_snapshot(VENUE) == 2


def test_a_full_disk_stops_the_venue_and_it_goes_on_when_there_is_room(journal_url: str) -> None:
    with closing(SqliteJournal(journal_url.removeprefix("sqlite://"))) as journal:
        sequencer = Sequencer(journal, [VENUE])
        give(sequencer, OpenDay(20261123), DefineFirm(7, 7))
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages}")
        acknowledged = 0
        while isinstance(give(sequencer, CreditCash(f"d{acknowledged}", 7, 1))[0], Result):
            acknowledged += 1

        assert sequencer.venues[VENUE].state is VenueState.RECOVERING
        assert give(sequencer, CreditCash("more", 7, 1)) == ["RECOVERING"]
        with pytest.raises(NotReadable, match="RECOVERING"):
            sequencer.engine(VENUE)

        journal._db.execute(f"PRAGMA max_page_count = {pages + 100}")
        sequencer.venues[VENUE].rejoin_at_ns = 0
        sequencer._renew()

        assert sequencer.venues[VENUE].state is VenueState.OPEN
        assert sequencer.engine(VENUE).cash(7) == (acknowledged, 0, 0)
        assert isinstance(give(sequencer, CreditCash("more", 7, 1))[0], Result)


@pytest.mark.databases
def test_followers_hear_a_block_whose_success_was_in_doubt(journal_url: str) -> None:
    with closing(open_journal(journal_url)) as journal:
        sequencer = Sequencer(journal, [VENUE])
        heard: list[int] = []
        sequencer.publish = lambda block: heard.append(block.seq)
        give(sequencer, OpenDay(20261123))
        append = journal.append

        def durable_but_unheard(block: object) -> None:
            append(block)  # type: ignore[arg-type]
            journal.append = append  # type: ignore[method-assign]
            raise OSError("the answer was lost")

        journal.append = durable_but_unheard  # type: ignore[method-assign]
        give(sequencer, DefineFirm(7, 7))
        give(sequencer, CreditCash("d", 7, 1))
        assert heard == [2, 3, 4, 5], "block 3 was in doubt, block 4 opened again"


@pytest.mark.databases
def test_a_clean_stop_lets_the_next_writer_in_at_once(journal_url: str) -> None:
    first = Sequencer(open_journal(journal_url), [VENUE])
    first.stop()
    first.journal.close()
    with closing(open_journal(journal_url)) as journal:
        assert Sequencer(journal, [VENUE]).venues[VENUE].epoch == 2


@pytest.mark.databases
def test_epochs_go_on_in_a_journal_that_was_restored_without_leases(journal_url: str) -> None:
    with closing(open_journal(journal_url)) as journal:
        for _ in range(3):
            Sequencer(journal, [VENUE]).stop()
        journal._db.execute("DELETE FROM journal_lease") if isinstance(
            journal, SqliteJournal
        ) else forget_leases(journal_url)
        assert Sequencer(journal, [VENUE]).venues[VENUE].epoch == 4


def forget_leases(journal_url: str) -> None:
    with psycopg.connect(owner_of(journal_url), autocommit=True) as db:
        db.execute("DELETE FROM journal_lease")


def test_the_sqlite_journal_is_durable_and_exclusive(journal_url: str) -> None:
    path = journal_url.removeprefix("sqlite://")
    with closing(SqliteJournal(path)) as journal:
        assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert pysqlite3.sqlite_version_info >= (3, 51, 3)
        for read_only in (False, True):
            with pytest.raises(JournalError, match=r"in use|locked"):
                SqliteJournal(path, read_only=read_only)
    with pytest.raises(JournalError, match="there is no journal at"):
        SqliteJournal(path + "x", read_only=True)


@pytest.mark.databases
def test_only_the_engine_may_touch_the_journal(
    journal_url: str, request: pytest.FixtureRequest
) -> None:
    if journal_url.startswith("sqlite"):
        return  # a file has no roles
    install(owner_of(journal_url))  # may be repeated
    for role in ("haidai_app", "haidai_follower"):
        with psycopg.connect(journal_url.replace("haidai_engine", role), autocommit=True) as db:
            for table in ("journal_block", "journal_snapshot", "journal_lease"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    db.execute(f"SELECT 1 FROM {table}")  # type: ignore[arg-type]
    with psycopg.connect(journal_url, autocommit=True) as db:
        for statement in (
            "UPDATE journal_block SET seq = 0",
            "DELETE FROM journal_block",
            "TRUNCATE journal_block",
            "DELETE FROM journal_lease",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement)  # type: ignore[arg-type]
    with psycopg.connect(owner_of(journal_url), autocommit=True) as db:
        for statement in ("UPDATE journal_block SET seq = 0", "TRUNCATE journal_block"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                db.execute(statement)  # type: ignore[arg-type]


@pytest.mark.databases
def test_postgresql_without_the_tables_says_what_to_run(
    journal_url: str, request: pytest.FixtureRequest
) -> None:
    if journal_url.startswith("sqlite"):
        return  # makes its own
    postgres: servers.Postgres = request.getfixturevalue("postgres")
    with pytest.raises(JournalError, match="install_journal"):
        open_journal(postgres.url("haidai_engine", postgres.new_database()))


@pytest.mark.databases
def test_a_lost_database_connection_is_made_again(journal_url: str) -> None:
    if journal_url.startswith("sqlite"):
        return  # has none
    with closing(PostgresJournal(journal_url)) as journal:
        sequencer = Sequencer(journal, [VENUE])
        give(sequencer, OpenDay(20261123), DefineFirm(7, 7))
        with psycopg.connect(journal_url, autocommit=True) as db:
            db.execute("SELECT pg_terminate_backend(%s)", (journal._db.info.backend_pid,))
        assert give(sequencer, CreditCash("d", 7, 1)) == ["RECOVERING"]
        assert sequencer.venues[VENUE].state is VenueState.OPEN
        assert isinstance(give(sequencer, CreditCash("d", 7, 1))[0], Result)
        assert sequencer.engine(VENUE).cash(7) == (1, 0, 0)


@pytest.mark.databases
def test_a_living_lease_is_refused_and_named(journal_url: str) -> None:
    if journal_url.startswith("sqlite"):
        return  # the file itself is exclusive
    with closing(open_journal(journal_url)) as journal, closing(open_journal(journal_url)) as other:
        journal.acquire(VENUE)
        with pytest.raises(LeaseHeld, match="venue 1 has a writer whose lease is alive"):
            other.acquire(VENUE)


@pytest.mark.databases
def test_a_cancelled_wait_for_the_replica_is_an_unknown_outcome(
    journal_url: str, request: pytest.FixtureRequest
) -> None:
    if journal_url.startswith("sqlite"):
        return  # has no replica
    postgres: servers.Postgres = request.getfixturevalue("postgres")
    with closing(PostgresJournal(journal_url)) as journal:
        sequencer = Sequencer(journal, [VENUE])
        answers: list[Result | str] = []
        with postgres._superuser("postgres") as db:
            db.execute("ALTER SYSTEM SET synchronous_standby_names = 'absent'")
            db.execute("SELECT pg_reload_conf()")
            try:
                wait_for(db, "SELECT current_setting('synchronous_standby_names') = 'absent'")
                work = threading.Thread(
                    target=lambda: answers.extend(give(sequencer, OpenDay(20261123)))
                )
                pid = journal._db.info.backend_pid
                work.start()
                waiting = "SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = %s"
                wait_for(db, waiting, pid)
                db.execute("ALTER SYSTEM RESET synchronous_standby_names")
                db.execute("SELECT pg_cancel_backend(%s)", (pid,))
                db.execute("SELECT pg_reload_conf()")
                work.join(20)
            finally:
                db.execute("ALTER SYSTEM RESET synchronous_standby_names")
                db.execute("SELECT pg_reload_conf()")
        assert answers == ["RECOVERING"], "PostgreSQL said that it had committed; it may not have"


def wait_for(db: psycopg.Connection[tuple[object, ...]], question: str, *values: object) -> None:
    """Ask the database until it says yes."""
    give_up_at = time.monotonic() + 20
    while db.execute(question, values).fetchone() != (True,):  # type: ignore[arg-type]
        assert time.monotonic() < give_up_at, question
