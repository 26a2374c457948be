"""The engine as a process of its own, to be killed, frozen and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def environment(data: Path, journal_url: str, **more: str) -> dict[str, str]:
    """Return the environment of an installation whose data lies in `data`."""
    return os.environ | {
        "HAIDAI_DATA_DIR": str(data),
        "JOURNAL_URL": journal_url,
        "ENGINE_LINK": link(data),
    } | more  # fmt: skip


def link(data: Path) -> str:
    """Return the address at which the engine of `data` listens."""
    return f"unix://{data / 'engine.sock'}"


def run(data: Path, journal_url: str, *arguments: str, **more: str) -> tuple[int, str]:
    """Run a command of `manage.py` to its end; return its exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=environment(data, journal_url, **more),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


class EngineProcess:
    """`manage.py engine` for venue 1."""

    def __init__(self, data: Path, journal_url: str) -> None:
        self.data = data
        self.journal_url = journal_url
        self.said = (data / "engine.log").open("a+")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; whoever needs it connects when it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "engine", "--venues", "1"],
            env=environment(self.data, self.journal_url),
            cwd=ROOT,
            stdout=self.said,
            stderr=self.said,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; return the exit code."""
        assert self.process is not None
        return self.process.wait(30)

    def kill(self) -> None:
        """End it as a power cut would, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def output(self) -> str:
        """Return all that it said so far."""
        self.said.seek(0)
        return self.said.read()

    def close(self) -> None:
        """End it and close its log."""
        self.kill()
        self.said.close()
