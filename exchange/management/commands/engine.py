"""Run the engine process: the single writer of all venues of this installation."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from exchange.blocks import DamagedBlock
from exchange.journal import JournalError, open_journal
from exchange.limits import LEASE_WAIT_MS
from exchange.link_server import LinkServer
from exchange.locks import InUseError, lock
from exchange.models import Venue
from exchange.sequencer import ReplayDiffers, Sequencer, collect_only_when_idle


class Command(BaseCommand):
    help = (
        "Run the engine: one process that matches and journals the orders of every venue."
        " `manage.py serve` starts it for you. It listens at ENGINE_LINK, keeps the journal at"
        " JOURNAL_URL, and refuses to start beside another one or on a damaged journal."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--venues",
            default="",
            help="ids of the venues to serve, comma-separated (default: all in the database)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["venues"]:
            try:
                venue_ids = [int(word) for word in options["venues"].split(",")]
            except ValueError as error:
                raise CommandError("--venues: expected ids like 1,2,3") from error
        else:
            venue_ids = list(Venue.objects.order_by("id").values_list("id", flat=True))
            connections.close_all()  # the engine never touches the application's database again
        if not venue_ids:
            raise CommandError("There is no venue yet. Try: make demo")
        try:
            with (
                lock(settings.HAIDAI_DATA_DIR, "engine.lock"),
                contextlib.closing(open_journal(settings.JOURNAL_URL)) as journal,
            ):
                collect_only_when_idle()  # a restore of 100,000 orders is three times faster so
                sequencer = Sequencer(
                    journal, venue_ids, lease_wait_ms=LEASE_WAIT_MS, progress=self.stdout.write
                )
                gc.freeze()
                try:
                    asyncio.run(serve(sequencer, settings.ENGINE_LINK))
                finally:
                    sequencer.stop()
        except (InUseError, JournalError, DamagedBlock, ReplayDiffers) as error:
            raise CommandError(str(error)) from error
        except (OSError, ValueError) as error:
            raise CommandError(f"the engine stopped: {error}") from error


async def serve(sequencer: Sequencer, address: str) -> None:
    """Serve until SIGTERM or SIGINT; then what waits is refused and a snapshot is taken."""
    server = await LinkServer(sequencer).listen(address)
    loop = asyncio.get_running_loop()
    work = loop.create_task(sequencer.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await work
    finally:
        server.close()
