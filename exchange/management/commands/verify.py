"""Check the journal as it is stored: chain, numbers, epochs, event hashes, snapshots."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange.archive import Archive, open_archive
from exchange.blocks import DamagedBlock
from exchange.journal import JournalError, verified
from exchange.link import LinkError
from matching.units import VenueId


class Command(BaseCommand):
    help = (
        "Check every stored block of the journal: that none is missing, that each continues the"
        " one before it and matches its own hash, that its events match theirs, that epochs never"
        " go back, and that the snapshots are whole and belong to their blocks. Executes nothing"
        " (`replay --verify` does). Ends with 1 and names the block when something is wrong."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", type=int, help="only the venue with this id")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = []
        try:
            with open_archive(
                settings.HAIDAI_DATA_DIR, settings.JOURNAL_URL, settings.ENGINE_LINK
            ) as archive:
                self.stdout.write(f"reading {archive.source}")
                venue_ids = archive.venue_ids()
                if options["venue"] is not None:
                    venue_ids = [found for found in venue_ids if found == options["venue"]]
                    if not venue_ids:
                        raise CommandError(f"the journal has no venue {options['venue']}")
                for venue_id in venue_ids:
                    try:
                        self.stdout.write(verify(archive, venue_id))
                    except DamagedBlock as error:
                        wrong.append(str(error))
                        self.stderr.write(str(error))
        except (JournalError, LinkError) as error:
            raise CommandError(str(error)) from error
        if wrong:
            raise CommandError(f"the journal is damaged: {wrong[0]}")


def verify(archive: Archive, venue_id: VenueId) -> str:
    """Check a venue's stored blocks and snapshots; return what was found as a sentence.

    Raises `DamagedBlock` naming the place.
    """
    claims = {claim.seq: claim for claim in archive.claims(venue_id)}
    seq, head = 0, b""
    for block in verified(archive.blocks(venue_id)):
        seq, head = block.seq, block.hash
        claim = claims.pop(seq, None)
        if claim is None:
            continue
        if claim.held != claim.sha256:
            raise DamagedBlock(f"venue {venue_id}: the snapshot at block {seq} is not whole")
        if (claim.block_hash, claim.event_hash) != (block.hash, block.event_hash):
            raise DamagedBlock(f"venue {venue_id}: the snapshot at block {seq} is of another block")
    if claims:
        raise DamagedBlock(f"venue {venue_id}: a snapshot of block {max(claims)}, which is missing")
    return f"venue {venue_id}: {seq} blocks, whole; the last one's hash is {head.hex()}"
