"""`manage.py serve`: says what is wrong, starts again what dies, leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from exchange.link import BlockingLink
from exchange.locks import lock
from exchange.sequencer import VenueState
from matching.commands import DefineFirm
from matching.events import FirmDefined
from tests.durability.process import ROOT, environment, link, run
from web.management.commands.serve import Child, check_port, check_prepared

PREPARE = """
from django.core.management import call_command
from exchange import reference
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
reference.load()
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data directory with the fixture's venues."""
    path = tmp_path_factory.mktemp("serve")
    code, said = run(path, "", "shell", "--verbosity", "0", "-c", PREPARE, **places(path))
    assert code == 0, said
    return path


def places(path: Path) -> dict[str, str]:
    return {
        "JOURNAL_URL": f"sqlite://{path / 'journal.sqlite3'}",
        "DATABASE_URL": f"sqlite://{path / 'app.sqlite3'}",
        "FEED_LINK": f"unix://{path / 'feeds.sock'}",
        "STATIC_ROOT": str(path / "static"),
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": "",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A running `serve`, read line by line."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            env=environment(data, "", **places(data)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, text: str) -> str:
        """Read on until a line has `text` in it; return that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError("".join(self.lines))

    def child(self, name: str) -> int:
        """Return the process id of a child as it was announced."""
        line = next(line for line in self.lines if line.startswith(f"{name}: started"))
        return int(line.split("pid ")[1].rstrip(")\n"))


@pytest.fixture
def served(data: Path) -> Iterator[Served]:
    found = Served(data, free_port())
    found.until("ready: ")
    yield found
    if found.process.poll() is None:
        found.process.terminate()
    assert found.process.stdout is not None
    found.process.stdout.read()
    found.process.wait(20)
    found.process.stdout.close()


def test_serve_says_what_is_wrong_starts_again_what_dies_and_stops_cleanly(served: Served) -> None:
    with BlockingLink(link(served.data)) as engine:
        assert engine.venue_ids() == [1, 2, 3]
        assert engine.state(1) is VenueState.OPEN

        code, said = run(served.data, "", "serve", **places(served.data))
        assert code == 1
        assert f"belongs to a running instance (pid {served.process.pid})" in said

        before = engine.submit(1, DefineFirm(9001, 9001))
        os.kill(served.child("engine"), signal.SIGKILL)
        served.until("engine: ended with -9; starting it again")
        # By the day and the hour the calendar may have said something of its own in between.
        after = engine.submit(1, DefineFirm(9002, 9002), timeout_ms=30_000)
        assert after.seq > before.seq, "it is back, and goes on where it was"
        assert isinstance(after.events[0], FirmDefined)

    assert "engine.sock" in {path.name for path in served.data.iterdir()}
    assert (served.data / "secret.key").stat().st_mode & 0o777 == 0o600
    assert (served.data / "engine.sock").stat().st_mode & 0o777 == 0o600
    served.process.send_signal(signal.SIGINT)
    served.until("stopped")
    assert served.process.wait(20) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", served.port)) != 0


def test_the_children_end_when_serve_is_killed(served: Served) -> None:
    served.process.kill()
    # The pipe ends when the last process that could write to it has ended.
    assert served.process.stdout is not None
    served.process.stdout.read()
    lock(served.data, "engine.lock").close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", served.port)) != 0


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} of 127\.0\.0\.1 is taken"):
            check_port("127.0.0.1", port)


@pytest.mark.django_db
def test_an_unprepared_installation_says_what_to_run(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "staticfiles.json").touch()
    settings.STATIC_ROOT = tmp_path
    check_prepared()
    settings.STATIC_ROOT = tmp_path / "elsewhere"
    with pytest.raises(CommandError, match="serve --prepare"):
        check_prepared()


def test_a_process_that_keeps_dying_waits_longer_each_time() -> None:
    child = Child("engine", [])
    waits = []
    for second in range(5):
        assert child.died(second) == second + 1
        waits.append(child.start_at - second)
    assert waits == [0, 0.5, 1, 2, 4]
    assert child.died(63.5) == 2, "only those of the last minute count"
