"""Run the followers: projections, settlement, feeds and the day scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from exchange import followers
from exchange.feed_server import FeedServer
from exchange.link import BlockingLink
from exchange.models import Venue
from exchange.projections import Projections
from exchange.sequencer import now_us
from exchange.trading_days import Scheduler
from settlement.clock import ContractClock
from settlement.follower import SettlementFollower
from settlement.payment_worker import PaymentWorker


class Command(BaseCommand):
    help = (
        "Run everything downstream of the journal in one process: rows for screens, settlement"
        " with its deadlines and payments, live feeds, and the scheduler that opens and closes the"
        " trading day. `manage.py serve` starts it for you. It goes on from its bookmarks and waits"
        " while the engine restarts."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--without-scheduler",
            action="store_true",
            help="leave phases and days alone (another process schedules them)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        venue_ids = list(Venue.objects.values_list("id", flat=True))
        if not venue_ids:
            raise CommandError("There is no venue yet. Try: make demo")
        stop = threading.Event()
        failures: list[BaseException] = []

        def books() -> None:
            try:
                with BlockingLink(settings.ENGINE_LINK) as link:
                    chain: list[followers.Follower] = [Projections(), SettlementFollower(link)]
                    followers.run(chain, venue_ids, settings.ENGINE_LINK, stop)
            except BaseException as error:
                failures.append(error)
                raise
            finally:
                stop.set()

        threads = [
            threading.Thread(target=books, name="books"),
            ContractClock(settings.ENGINE_LINK, timezone.now, stop),
            PaymentWorker(settings.ENGINE_LINK, timezone.now, stop),
        ]
        if not options["without_scheduler"]:
            threads.append(Scheduler(settings.ENGINE_LINK, now_us, stop))
        for thread in threads:
            thread.start()
        try:
            asyncio.run(serve_feeds(venue_ids, stop))
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=5)
        if failures:
            raise CommandError(f"a follower stopped: {failures[0]}")


async def serve_feeds(venue_ids: list[int], stop: threading.Event) -> None:
    """Serve the feeds until a signal comes or a follower has stopped."""
    loop = asyncio.get_running_loop()
    feeds = loop.create_task(FeedServer(settings.ENGINE_LINK, venue_ids).run(settings.FEED_LINK))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, feeds.cancel)

    async def watch() -> None:
        while not stop.is_set():
            await asyncio.sleep(0.2)
        feeds.cancel()

    watcher = loop.create_task(watch())
    with contextlib.suppress(asyncio.CancelledError):
        await feeds
    watcher.cancel()
