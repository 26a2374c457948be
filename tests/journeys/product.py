"""The product itself, started as its user starts it, on a data directory and port of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "haidai-demo-2026"
START_S = 300
STOP_S = 60


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Product:
    """`manage.py demo`: three venues, seeded, with or without bots. Waits until it says `until`."""

    def __init__(
        self,
        data: Path,
        *,
        bots: bool = False,
        until: str = "Ctrl-C stops the demo",
        port: int = 0,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.lines: list[str] = []
        self.sessions: dict[str, Any] = {}  # of the people who have logged in
        self._heard = threading.Condition()
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "JOURNAL_URL", "REDIS_URL", "SECRET_KEY")
        }
        environment |= {"HAIDAI_DATA_DIR": str(data), "HAIDAI_DEMO": "1", "PYTHONUNBUFFERED": "1"}
        environment |= more or {}
        self.environment = environment
        self.process = subprocess.Popen(
            [
                *[sys.executable, "manage.py", "demo", "--port", str(self.port)],
                *["--bots", str(int(bots)), "--data", str(data)],
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self.wait_for(until, START_S)
        except AssertionError:
            self.__exit__()  # nobody else knows of it yet
            raise

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as said:
            for line in said:
                with self._heard:
                    self.lines.append(line.rstrip())
                    self._heard.notify_all()
        with self._heard:
            self.lines.append("(ended)")
            self._heard.notify_all()

    def wait_for(self, pattern: str, seconds: float, *, after: int = 0) -> re.Match[str]:
        """Wait until a line matches; fail with all that was said."""
        deadline = time.monotonic() + seconds
        with self._heard:
            while True:
                for line in self.lines[after:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                left = deadline - time.monotonic()
                if left <= 0 or "(ended)" in self.lines[after:]:
                    raise AssertionError(f"no line with {pattern!r}:\n" + "\n".join(self.lines))
                self._heard.wait(left)

    def kill(self, name: str) -> None:
        """Kill one of the product's processes without warning and wait for `serve` to notice."""
        after = len(self.lines)
        pids = [int(found.group(1)) for line in self.lines if (found := self._started(name, line))]
        os.kill(pids[-1], signal.SIGKILL)
        self.wait_for(rf"{name}: ended with -9; starting it again", STOP_S, after=after)
        self.wait_for(rf"^{name}: started", STOP_S, after=after)

    @staticmethod
    def _started(name: str, line: str) -> re.Match[str] | None:
        return re.search(rf"^{name}: started \(pid (\d+)\)", line)

    def manage(self, *arguments: str) -> tuple[int, str]:
        """Run a command of the product; return its exit code and what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
            check=False,
        )
        return done.returncode, done.stdout

    def __enter__(self) -> Product:
        return self

    def __exit__(self, *fault: object) -> None:
        if self.process.poll() is None:
            self.stop()
        self.process.wait(STOP_S)

    def stop(self) -> int:
        """Stop as Ctrl-C does; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(STOP_S)
        self.wait_for(r"\(ended\)", STOP_S)
        return code

    def said_last(self) -> str:
        """Return the last line that it said before it ended."""
        return self.lines[self.lines.index("(ended)") - 1]
