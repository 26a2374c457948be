"""Re-execute the journal and compare what comes out with what it says."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from exchange.archive import Archive, open_archive
from exchange.blocks import DamagedBlock
from exchange.journal import JournalError, verified
from exchange.link import LinkError
from exchange.sequencer import ReplayDiffers, replay_block
from matching.engine import ENGINE_VERSION, Engine
from matching.units import VenueId


class Command(BaseCommand):
    help = (
        "Re-execute the journal from its first block with this version of the engine and compare"
        " every event, byte for byte. Reads through the running engine, or opens the journal when"
        " no engine runs, and says which. Ends with 1 at the first difference, naming block and"
        " command. With --verify it checks the hash chain as well, and the state at every snapshot"
        " and of the running engine."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--verify", action="store_true", help="check hashes, snapshots and the engine's state"
        )
        parser.add_argument("--venue", type=int, help="only the venue with this id")

    def handle(self, *args: Any, **options: Any) -> None:
        failures = []
        try:
            with open_archive(
                settings.HAIDAI_DATA_DIR, settings.JOURNAL_URL, settings.ENGINE_LINK
            ) as archive:
                self.stdout.write(f"reading {archive.source}")
                venue_ids = archive.venue_ids()
                if options["venue"] is not None:
                    if options["venue"] not in venue_ids:
                        raise CommandError(f"the journal has no venue {options['venue']}")
                    venue_ids = [options["venue"]]
                for venue_id in venue_ids:
                    try:
                        self.stdout.write(replay(archive, venue_id, verify=options["verify"]))
                    except (DamagedBlock, ReplayDiffers) as error:
                        failures.append(str(error))
                        self.stderr.write(str(error))
        except (JournalError, LinkError) as error:
            raise CommandError(str(error)) from error
        if failures:
            raise CommandError(f"the journal does not replay: {failures[0]}")


def replay(archive: Archive, venue_id: VenueId, *, verify: bool) -> str:
    """Re-execute a venue's journal; return what was found to be equal, as a sentence.

    Raises `ReplayDiffers` or `DamagedBlock` naming the place.
    """
    engine = Engine(venue_id)
    running = archive.digest(venue_id) if verify else None
    states = {running[0]: running[1]} if running else {}
    if verify:
        for claim in archive.claims(venue_id):
            if claim.engine_version == ENGINE_VERSION:
                states.setdefault(claim.seq, claim.held)
    blocks = archive.blocks(venue_id)
    seq = commands = events = compared = 0
    began = time.monotonic_ns()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"venue {venue_id}", total=None)
        for block in verified(blocks) if verify else blocks:
            replay_block(engine, block)
            seq = block.seq
            answers = block.decoded_events()
            commands += len(answers)
            events += sum(map(len, answers))
            expected = states.get(seq)
            if expected is not None:
                if engine.digest() != expected:
                    raise ReplayDiffers(f"venue {venue_id}, block {seq}: the state differs")
                compared += 1
            progress.update(task, advance=1, description=f"venue {venue_id}: block {seq}")
    took_ms = max((time.monotonic_ns() - began) // 1_000_000, 1)
    checked = f", hash chain whole, {compared} states equal" if verify else ""
    return (
        f"venue {venue_id}: {seq} blocks, {commands} commands, {events} events re-executed in"
        f" {took_ms} ms, every byte equal{checked}; state {engine.digest().hex()}"
    )
