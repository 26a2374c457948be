"""A journal to be read from outside: through the engine that runs, or from the file when none does.

The SQLite journal belongs to one process at a time. Whoever finds the data directory free locks it
while reading, so that no engine starts meanwhile; whoever finds it taken asks the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from exchange.blocks import Block
from exchange.journal import Journal, SnapshotClaim, open_journal
from exchange.link import BlockingLink
from exchange.locks import InUseError, lock
from matching.units import VenueId


class Archive(Protocol):
    """Blocks and snapshots of all venues, to be read."""

    source: str
    """Where they come from, for people."""

    def venue_ids(self) -> list[VenueId]:
        """Return the venues that have blocks."""

    def blocks(self, venue_id: VenueId) -> Iterator[Block]:
        """Yield a venue's blocks from the first to the one that is newest now, unverified."""

    def claims(self, venue_id: VenueId) -> list[SnapshotClaim]:
        """Return what the kept snapshots claim and hold."""

    def digest(self, venue_id: VenueId) -> tuple[int, bytes] | None:
        """Return block and digest of the running engine, None when none runs."""


class _Stored:
    def __init__(self, journal: Journal, source: str) -> None:
        self._journal = journal
        self.source = source

    def venue_ids(self) -> list[VenueId]:
        return self._journal.venue_ids()

    def blocks(self, venue_id: VenueId) -> Iterator[Block]:
        return self._journal.blocks(venue_id)

    def claims(self, venue_id: VenueId) -> list[SnapshotClaim]:
        return self._journal.claims(venue_id)

    def digest(self, venue_id: VenueId) -> tuple[int, bytes] | None:
        return None


class _Running:
    def __init__(self, link: BlockingLink, address: str) -> None:
        self._link = link
        self._address = address
        self.source = f"the running engine at {address}"

    def venue_ids(self) -> list[VenueId]:
        return self._link.venue_ids()

    def blocks(self, venue_id: VenueId) -> Iterator[Block]:
        with BlockingLink(self._address) as link:
            for block in link.follow(venue_id, 0):
                if block is None:
                    return
                yield block

    def claims(self, venue_id: VenueId) -> list[SnapshotClaim]:
        return self._link.snapshots(venue_id)

    def digest(self, venue_id: VenueId) -> tuple[int, bytes] | None:
        return self._link.digest(venue_id)


@contextmanager
def open_archive(directory: Path, journal_url: str, link_address: str) -> Iterator[Archive]:
    """Open the journal of a data directory for reading.

    Raises `JournalError` when there is none, `LinkError` when the engine does not answer.
    """
    try:
        held = lock(directory, "engine.lock")
    except InUseError:
        with BlockingLink(link_address) as link:
            yield _Running(link, link_address)
        return
    try:
        journal = open_journal(journal_url, read_only=True)
        try:
            place = journal_url.removeprefix("sqlite://") if "sqlite" in journal_url else "database"
            yield _Stored(journal, f"{place} (no engine runs)")
        finally:
            journal.close()
    finally:
        held.close()
