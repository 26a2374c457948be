"""Take a snapshot of every venue's engine now."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange.link import BlockingLink, LinkError


class Command(BaseCommand):
    help = (
        "Have the running engine keep its state now, so that its next start replays less. It does"
        " so by itself every few thousand blocks and whenever it is stopped."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with BlockingLink(settings.ENGINE_LINK) as link:
                for venue_id in link.venue_ids():
                    self.stdout.write(f"venue {venue_id}: snapshot at {link.snapshot(venue_id)}")
        except LinkError as error:
            raise CommandError(f"the engine does not answer ({error.code})") from error
