"""Start engine, followers and web, watch them, and start again what dies."""

from __future__ import annotations

import ctypes
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from exchange.locks import InUseError, lock

DEATHS_MOST = 5
"""A process that dies more often than this within `DEATHS_WITHIN_S` is not started again."""
DEATHS_WITHIN_S = 60
STOP_S = 10
READY_S = 60


@dataclass
class Child:
    """One process that `serve` keeps alive."""

    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=deque)
    start_at: float = 0
    """Monotonic seconds before which it is not started again."""

    def start(self) -> None:
        """Start it; it dies with its parent, even if that is killed."""
        parent = os.getpid()

        def tie() -> None:
            libc = ctypes.CDLL(None)
            if hasattr(libc, "prctl"):
                libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)

        self.process = subprocess.Popen(  # noqa: S603 - our own arguments
            self.arguments, preexec_fn=tie, start_new_session=True
        )

    def died(self, now: float) -> int:
        """Take note of its end; return how often that happened within `DEATHS_WITHIN_S`.

        The first time it may start again at once, then after 0.5, 1, 2, 4 seconds.
        """
        self.process = None
        self.deaths.append(now)
        while now - self.deaths[0] > DEATHS_WITHIN_S:
            self.deaths.popleft()
        often = len(self.deaths)
        self.start_at = now + (0.25 * 2 ** (often - 1) if often > 1 else 0)
        return often


class Command(BaseCommand):
    help = (
        "Serve the whole product on this machine: starts the engine, the followers and the web"
        " server as processes of their own, starts again the one that dies, and stops them all on"
        " Ctrl-C. Data lives in HAIDAI_DATA_DIR. Use --prepare on the first start."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="TCP port (default: 8000)")
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
        )
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="first bring the database up to date and collect the static files",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        data: Path = settings.HAIDAI_DATA_DIR
        try:
            held = lock(data, "serve.lock")
        except InUseError as error:
            raise CommandError(str(error)) from error
        host, port = options["host"], options["port"]
        check_port(host, port)
        environment_key(data)
        if options["prepare"]:
            prepare(self.stdout.write)
        else:
            check_prepared()
            connection.close()  # this process only watches from here on
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        children = [
            Child("engine", [*manage, "engine"]),
            Child("followers", [*manage, "follow"]),
            Child(
                "web",
                [
                    *[sys.executable, "-m", "web.consumers.server", "-b", host, "-p", str(port)],
                    *["--no-server-name", "-v", "0", "config.asgi:application"],
                ],
            ),
        ]
        stopping: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: stopping.append(number))
        try:
            for child in children:
                self.start(child)
            self.watch(children, stopping, host, port)
        finally:
            stop(children)
            held.close()
        self.stdout.write("stopped")

    def start(self, child: Child) -> None:
        """Start a process and say so."""
        child.start()
        assert child.process is not None
        self.stdout.write(f"{child.name}: started (pid {child.process.pid})")
        self.stdout.flush()

    def watch(self, children: list[Child], stopping: list[int], host: str, port: int) -> None:
        """Start again what dies, until a signal comes; say once when everything answers."""
        ready = False
        asked_at = began = time.monotonic()
        while not stopping:
            for child in children:
                if child.process is None:
                    if time.monotonic() >= child.start_at:
                        self.start(child)
                    continue
                code = child.process.poll()
                if code is None:
                    continue
                often = child.died(time.monotonic())
                if often > DEATHS_MOST or (not ready and code not in (-9, -15)):
                    raise CommandError(
                        f"{child.name} stopped with {code}"
                        f" ({often} times within a minute); see its message above"
                    )
                self.stderr.write(f"{child.name}: ended with {code}; starting it again")
                self.stderr.flush()
            if not ready and time.monotonic() - asked_at > 0.2:
                asked_at = time.monotonic()
                if answers(host, port):
                    ready = True
                    self.stdout.write(f"ready: http://{host}:{port}/")
                    self.stdout.flush()
                elif asked_at - began > READY_S:
                    raise CommandError(f"nothing answers on port {port} after {READY_S} s")
            time.sleep(0.05)


def check_port(host: str, port: int) -> None:
    """Raise `CommandError` that says what to do when the port cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Port {port} of {host} is taken or not allowed ({error}). Choose another one:"
                f" make demo PORT={port + 1 if port < 65_000 else 8000}"
            ) from error


def check_prepared() -> None:
    """Raise `CommandError` unless the database and the static files are those of this version."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing or not (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        raise CommandError(
            "The database or the static files are not prepared for this version."
            " Start once with: manage.py serve --prepare"
        )


def environment_key(data: Path) -> None:
    """Keep a secret key in the data directory, so that sessions survive a restart."""
    path = data / "secret.key"
    if not os.environ.get("SECRET_KEY") and not path.exists():
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(50))


def prepare(say: Any) -> None:
    """Bring the database up to date and collect static files, in processes of their own."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    for text, arguments in (
        ("database: bringing it up to date", ["migrate", "--verbosity", "0"]),
        ("static files: collecting", ["collectstatic", "--noinput", "--verbosity", "0"]),
    ):
        say(text)
        done = subprocess.run([*manage, *arguments], check=False)  # noqa: S603
        if done.returncode:
            raise CommandError(f"`manage.py {arguments[0]}` failed; see its message above")


def answers(host: str, port: int) -> bool:
    """Say whether the product is ready: web, engine and feeds."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": "127.0.0.1"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def stop(children: list[Child]) -> None:
    """End all children: web first, the engine last, by force after `STOP_S`."""
    deadline = time.monotonic() + STOP_S
    for child in reversed(children):
        if child.process is not None and child.process.poll() is None:
            child.process.terminate()
            try:
                child.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
