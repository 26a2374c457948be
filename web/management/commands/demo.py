"""Start the demo from nothing: data, processes, seed, bots; print addresses and log-ins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange.locks import InUseError, lock
from web.management.commands.serve import (
    Child,
    answers,
    check_port,
    environment_key,
    prepare,
    stop,
)

READY_S = 90
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Stop on the first signal; a second one cannot disturb the stopping."""
    for one in STOP_SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt


class Command(BaseCommand):
    help = (
        "Start the demo: three markets with 13 commodities, 12 firms, live trading and every"
        " screen, on 127.0.0.1. Prints the addresses and log-ins; Ctrl-C stops it, and the next"
        " start goes on with the same data."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="TCP port (default: 8000)")
        parser.add_argument(
            "--bots", type=int, default=1, help="0 leaves the markets quiet (default: 1)"
        )
        parser.add_argument(
            "--data", default="var/demo", help="directory of the demo's data (default: var/demo)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        data = Path(options["data"]).absolute()
        port: int = options["port"]
        if data != settings.HAIDAI_DATA_DIR or not settings.HAIDAI_DEMO:
            # Settings are read once: start again with the demo's own.
            environment = os.environ | {"HAIDAI_DATA_DIR": str(data), "HAIDAI_DEMO": "1"}
            os.execve(sys.executable, [sys.executable, *sys.argv], environment)  # noqa: S606
        for number in STOP_SIGNALS:
            signal.signal(number, interrupt)
        self.children: list[Child] = []
        try:
            self.work(data, port, bots=bool(options["bots"]))
        except KeyboardInterrupt:
            self.say("stopping")
        finally:
            stop(self.children)
        self.say("demo stopped; the data stays")

    def work(self, data: Path, port: int, *, bots: bool) -> None:
        """Prepare, start, seed, and watch until `serve` ends or a signal interrupts."""
        try:
            lock(data, "serve.lock").close()
        except InUseError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"Cannot write to the data directory: {error}") from error
        check_port("127.0.0.1", port)
        self.say(f"data: {data}")
        environment_key(data)
        prepare(self.say)
        self.say("seed: venues, firms, people")
        self._manage("seed_demo", "--rows")
        serve = self._start("serve", "--port", str(port))
        self._wait(serve, port)
        self.say("seed: instruments, money, warehouse receipts")
        self._manage("seed_demo", "--commands")
        if bots:
            self._start("bots", "--port", str(port))
            self.say("bots: trading")
        self._addresses(port)
        if serve.wait():
            raise CommandError("the product has stopped; see its message above")

    def say(self, text: str) -> None:
        """Print a line at once."""
        self.stdout.write(text)
        self.stdout.flush()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        child = Child(arguments[0], [*manage, *arguments])
        self.children.append(child)
        child.start()
        assert child.process is not None
        return child.process

    def _manage(self, *arguments: str) -> None:
        if self._start(*arguments).wait():
            raise CommandError(f"`manage.py {arguments[0]}` failed; see its message above")

    def _wait(self, serve: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + READY_S
        while not answers("127.0.0.1", port):
            if serve.poll() is not None:
                raise CommandError("the product did not start; see its message above")
            if time.monotonic() > deadline:
                raise CommandError(f"the product was not ready after {READY_S} s")
            time.sleep(0.1)

    def _addresses(self, port: int) -> None:
        from rich.console import Console
        from rich.table import Table

        from web.demo import cast

        base = f"http://127.0.0.1:{port}"
        table = Table(title=f"Haidai 海岱 (demo) {base}/", title_justify="left")
        for heading in ("venue", "wall board, no log-in", "who", "log-in"):
            table.add_column(heading)
        for code, seller, buyer in (
            ("qldz", "rzyf", "lzrd"),
            ("jdsc", "rcyy", "whhx"),
            ("lblm", "dzhf", "wfdf"),
        ):
            wall = f"{base}/wall/{code}/"
            table.add_row(code.upper(), wall, "sells", f"{seller}-trader")
            table.add_row("", "", "buys", f"{buyer}-trader")
            table.add_row("", "", "operates", f"{code}-operator, {code}-reviewer")
            table.add_row("", "", "stores", f"{code}-warehouse")
            table.add_row("", "", "inspects, settles", f"{code}-inspector, {code}-clerk")
            table.add_row("", "", "money, goods", f"{buyer}-finance, {buyer}-delivery")
        Console(width=110, soft_wrap=True).print(table)
        self.say(f"password of everybody: {cast.PASSWORD}")
        self.say(f"open {base}/ — Ctrl-C stops the demo")
