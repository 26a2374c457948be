"""The loop shared by everything downstream of the journal.

A follower writes what a block means in one transaction with its bookmark. Keys come from the
journal, so a block applied twice finds its own rows; a block that does not continue the bookmark
stops the process loudly, for `serve` to start it again and for people to look.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Sequence
from typing import Protocol

from django.db import connection, transaction

from exchange import scope
from exchange.blocks import GENESIS, Block
from exchange.limits import FOLLOW_BLOCKS
from exchange.link import BlockingLink, LinkError
from exchange.models import Bookmark

log = logging.getLogger(__name__)


class Follower(Protocol):
    """What is downstream. `apply` runs inside a transaction and inside the venue's scope."""

    name: str

    def apply(self, block: Block) -> None:
        """Write what the block means."""

    def after_commit(self, venue_id: int) -> None:
        """Act on what is now durable; may be called again for the same rows."""


class OutOfOrder(Exception):
    """A block does not continue what a follower has read: rows and journal have parted."""


def apply_blocks(followers: Sequence[Follower], venue_id: int, blocks: Sequence[Block]) -> None:
    """Apply consecutive blocks of a venue in one transaction, each follower from its bookmark."""
    with scope.venue(venue_id):
        with transaction.atomic():
            for follower in followers:
                mark, _ = Bookmark.objects.get_or_create(venue_id=venue_id, follower=follower.name)
                before = mark.seq
                for block in blocks:
                    if block.seq <= mark.seq:
                        continue
                    if block.seq != mark.seq + 1:
                        raise OutOfOrder(
                            f"{follower.name}: block {block.seq} of venue {venue_id} does not"
                            f" continue block {mark.seq}"
                        )
                    block.verify(bytes(mark.hash) if mark.seq else GENESIS)
                    follower.apply(block)
                    mark.seq = block.seq
                    mark.hash = block.hash
                if mark.seq != before:
                    Bookmark.objects.filter(pk=mark.pk).update(seq=mark.seq, hash=mark.hash)
        for follower in followers:
            follower.after_commit(venue_id)


def run(
    followers: Sequence[Follower],
    venue_ids: Sequence[int],
    link_address: str,
    stop: threading.Event,
) -> None:
    """Follow all venues until `stop` is set: one reader each, one writer for the database."""
    arrived: queue.Queue[tuple[int, Block | LinkError]] = queue.Queue(maxsize=1_000)
    links = []
    for venue_id in venue_ids:
        with scope.venue(venue_id):
            marks = {mark.follower: mark.seq for mark in Bookmark.objects.all()}
            for follower in followers:
                follower.after_commit(venue_id)  # what the last process left unsent
        after_seq = min(marks.get(follower.name, 0) for follower in followers)
        link = BlockingLink(link_address)
        links.append(link)
        threading.Thread(
            target=_read, args=(link, venue_id, after_seq, arrived, stop), daemon=True
        ).start()
    try:
        while not stop.is_set():
            try:
                first = arrived.get(timeout=0.2)
            except queue.Empty:
                continue
            waiting = [first]
            with contextlib.suppress(queue.Empty):
                while len(waiting) < FOLLOW_BLOCKS:
                    waiting.append(arrived.get_nowait())
            batch: dict[int, list[Block]] = {}
            for venue_id, block in waiting:
                if isinstance(block, LinkError):
                    raise OutOfOrder(f"venue {venue_id} can not be followed: {block.code}")
                batch.setdefault(venue_id, []).append(block)
            for venue_id, blocks in batch.items():
                apply_blocks(followers, venue_id, blocks)
    finally:
        stop.set()
        for link in links:
            link.close()
        connection.close()


def _read(
    link: BlockingLink,
    venue_id: int,
    after_seq: int,
    arrived: queue.Queue[tuple[int, Block | LinkError]],
    stop: threading.Event,
) -> None:
    def put(item: Block | LinkError) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                arrived.put((venue_id, item), timeout=0.5)
                return

    try:
        for block in link.follow(venue_id, after_seq):
            if stop.is_set():
                return
            if block is not None:
                put(block)
    except LinkError as error:
        put(error)  # for example an engine that does not serve this venue: never in silence
    finally:
        link.close()  # it may have connected just as the others were closed
