"""`replay`, `verify`, `snapshot`, `backup`: asking the running engine, or the file at rest."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pysqlite3
import pytest
from django.core.management import CommandError, call_command

from exchange.journal import open_journal
from exchange.link import BlockingLink
from exchange.locks import lock
from exchange.sequencer import Sequencer
from matching.commands import CreditCash, DefineFirm, OpenDay
from tests.exchange.running import engine


@pytest.fixture
def data(tmp_path: Path, settings: object) -> Path:
    """A data directory of its own, with a journal of two venues and a snapshot."""
    for name, value in {
        "HAIDAI_DATA_DIR": tmp_path,
        "JOURNAL_URL": f"sqlite://{tmp_path / 'journal.sqlite3'}",
        "ENGINE_LINK": f"unix://{tmp_path / 'engine.sock'}",
    }.items():
        setattr(settings, name, value)
    with running(tmp_path), BlockingLink(f"unix://{tmp_path / 'engine.sock'}") as link:
        for venue_id in (1, 2):
            link.submit(venue_id, OpenDay(20261123))
            link.submit(venue_id, DefineFirm(7, 7))
            link.submit(venue_id, CreditCash("in", 7, 500))
    return tmp_path


def running(path: Path) -> object:
    """Return a context in which an engine of two venues runs."""
    return engine(f"sqlite://{path / 'journal.sqlite3'}", f"unix://{path / 'engine.sock'}", (1, 2))


def say(*arguments: object, **options: object) -> list[str]:
    """Return what a command says, by line."""
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue().splitlines()


def damage(path: Path, statement: str) -> None:
    """Change a journal at rest past its triggers."""
    db = pysqlite3.connect(path / "journal.sqlite3")
    db.execute("DROP TRIGGER journal_block_no_update")
    db.execute(statement)
    db.commit()
    db.close()


def test_replay_at_rest_and_while_the_engine_runs_gives_the_same_state(data: Path) -> None:
    at_rest = say("replay", "--verify")
    with lock(data, "engine.lock"), running(data):
        live = say("replay", "--verify")

    assert at_rest[0] == f"reading {data / 'journal.sqlite3'} (no engine runs)"
    assert live[0] == f"reading the running engine at unix://{data / 'engine.sock'}"
    assert len(at_rest) == len(live) == 3
    assert "venue 1: 4 blocks, 3 commands, 3 events re-executed" in at_rest[1]
    assert "every byte equal, hash chain whole, 1 states equal" in at_rest[1]
    assert "venue 1: 5 blocks, 3 commands, 3 events re-executed" in live[1], "opened once more"
    assert at_rest[1].split("state ")[1] != at_rest[2].split("state ")[1]
    assert "2 states equal" in live[1], "the snapshot and the running engine"


def test_replay_of_one_venue_leaves_the_others_alone(data: Path) -> None:
    assert [line.split(":")[0] for line in say("replay", "--venue", "2")[1:]] == ["venue 2"]
    with pytest.raises(CommandError, match="no venue 9"):
        say("replay", "--venue", "9")


def test_replay_and_verify_name_what_differs_and_go_on_to_the_next_venue(data: Path) -> None:
    damage(data, "UPDATE journal_block SET ts_us = ts_us + 1 WHERE venue_id = 1 AND seq = 3")
    out = StringIO()
    for command in ("verify", "replay"):
        with pytest.raises(CommandError, match="venue 1, block 3: its content"):
            call_command(command, *["--verify"] * (command == "replay"), stdout=out, stderr=out)
    assert out.getvalue().count("venue 2: 4 blocks") == 2


def test_verify_checks_snapshots_against_their_blocks(data: Path) -> None:
    assert say("verify")[1].startswith("venue 1: 4 blocks, whole; the last one's hash is ")
    damage(data, "UPDATE journal_snapshot SET block_hash = event_hash WHERE venue_id = 1")
    with pytest.raises(CommandError, match="venue 1: the snapshot at block 4 is of another block"):
        say("verify")


def test_replay_compares_the_state_with_the_snapshot(data: Path) -> None:
    damage(data, "UPDATE journal_snapshot SET state = CAST(state || x'00' AS BLOB)")
    with pytest.raises(CommandError, match="venue 1, block 4: the state differs"):
        say("replay", "--verify")


@pytest.mark.parametrize("command", ["replay", "verify"])
def test_without_a_journal_the_command_says_where_it_looked(
    command: str, tmp_path: Path, settings: object
) -> None:
    settings.HAIDAI_DATA_DIR = tmp_path  # type: ignore[attr-defined]
    settings.JOURNAL_URL = f"sqlite://{tmp_path / 'none.sqlite3'}"  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="there is no journal at"):
        say(command)


def test_the_engine_refuses_a_damaged_journal_and_names_the_block(data: Path) -> None:
    damage(data, "UPDATE journal_block SET ts_us = ts_us + 1 WHERE venue_id = 2 AND seq = 4")
    with pytest.raises(CommandError, match="venue 2, block 4: its content"):
        say("engine", "--venues", "1,2")
    with pytest.raises(CommandError, match="expected ids like 1,2,3"):
        say("engine", "--venues", "one")


def test_a_snapshot_is_taken_on_demand(data: Path) -> None:
    with running(data):
        assert say("snapshot") == ["venue 1: snapshot at 5", "venue 2: snapshot at 5"]
    with pytest.raises(CommandError, match="does not answer"):
        say("snapshot")


@pytest.mark.django_db(transaction=True)
def test_a_backup_taken_while_the_market_runs_starts_as_it_was(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with lock(data, "engine.lock"), running(data):
        lines = say("backup", str(copy))
        with BlockingLink(f"unix://{data / 'engine.sock'}") as link:
            seq, digest = link.digest(1)
            link.submit(1, CreditCash("later", 7, 1))
    assert lines[-2:] == [f"journal.sqlite3: venue {n}, {seq} blocks" for n in (1, 2)]
    assert (copy / "app.sqlite3").stat().st_size > 0
    journal = open_journal(f"sqlite://{copy / 'journal.sqlite3'}")
    restored = Sequencer(journal, [1])
    assert restored.venues[1].engine.cash(7) == (500, 0, 0)
    assert restored.venues[1].seq == seq + 1
    assert restored.venues[1].epoch > 2, "epochs go on"
    journal.close()
    assert len(digest) == 32
    with pytest.raises(CommandError, match="exists or can not be made"):
        say("backup", str(copy))
