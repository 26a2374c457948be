"""Run the demo's bots against a running demo."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from web.demo import bots


class Command(BaseCommand):
    help = (
        "Trade in the demo as ordinary clients do: each bot logs in as its firm's user and sends"
        " orders over the members' socket. `manage.py demo` starts it for you."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the demo")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.HAIDAI_DEMO:
            raise CommandError("Only for the demo: set HAIDAI_DEMO=1, or run `make demo`.")
        asyncio.run(self.trade(f"http://127.0.0.1:{options['port']}"))

    async def trade(self, base_url: str) -> None:
        """Trade until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        work = loop.create_task(bots.run(base_url))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await work
