"""Write the demo's rows, or send its commands; both can be repeated."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange import trading_days
from exchange.link import BlockingLink
from exchange.sequencer import now_us
from web.demo import seed

WAIT_S = 30


class Command(BaseCommand):
    help = (
        "Seed the demo. `manage.py demo` runs this for you: --rows writes venues, firms and"
        " people; --commands tells the running venues about firms, instruments, money and goods."
        " Repeating either changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        group = parser.add_mutually_exclusive_group(required=True)
        group.add_argument("--rows", action="store_true", help="write the rows")
        group.add_argument("--commands", action="store_true", help="send the commands")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.HAIDAI_DEMO:
            raise CommandError("Only for the demo: set HAIDAI_DEMO=1, or run `make demo`.")
        if options["rows"]:
            seed.rows()
            return
        with BlockingLink(settings.ENGINE_LINK) as link:
            seed.commands(link, trading_days.local(now_us()).date(), self.stdout.write)
        deadline = time.monotonic() + WAIT_S
        while not seed.everything_listed():
            if time.monotonic() > deadline:
                raise CommandError("the followers have not listed every instrument in time")
            time.sleep(0.05)
