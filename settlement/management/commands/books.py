"""Print the proof of books of each venue."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange import scope
from exchange.link import BlockingLink, LinkError
from exchange.models import Venue
from settlement import books


class Command(BaseCommand):
    help = (
        "Prove the books: that every ledger sums to zero, that nothing is half exchanged, and that"
        " ledger and engine agree on every firm's cash and goods at the same journal block. The"
        " venue must be running. Exits with 1 when something differs, and says what."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", default="", help="code of one venue (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        venues = Venue.objects.all()
        if options["venue"]:
            venues = venues.filter(code=options["venue"].lower())
        if not venues:
            raise CommandError("There is no such venue.")
        wrong = 0
        with BlockingLink(settings.ENGINE_LINK) as link:
            for venue in venues:
                with scope.venue(venue.id):
                    try:
                        proof = books.prove(link)
                    except LinkError as error:
                        raise CommandError(
                            f"The engine does not answer ({error}). Start it with: make demo"
                        ) from error
                    except books.NoCommonHeight as error:
                        raise CommandError(f"{venue.code}: {error}") from error
                self.stdout.write(
                    f"{venue.code}: block {proof.seq}, {proof.firms} firms,"
                    f" {proof.receipts} receipts,"
                    f" {proof.ledgers} ledgers, {proof.cash_fen} fen, {proof.goods_kg} kg:"
                    f" {'agree' if not proof.faults else 'DIFFER'}"
                )
                for fault in proof.faults:
                    self.stdout.write(f"  {fault}")
                wrong += len(proof.faults)
        if wrong:
            raise CommandError(f"{wrong} differences")
