"""The loop of everything downstream: each block once, in order, with its bookmark, for ever."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import OperationalError

from exchange import followers, reference, scope
from exchange.blocks import GENESIS, Block, DamagedBlock, make_block
from exchange.followers import OutOfOrder, apply_blocks
from exchange.limits import FOLLOW_BLOCKS
from exchange.link import BlockingLink
from exchange.models import Bookmark
from matching.commands import CreditCash, DefineFirm, OpenDay
from matching.engine import ENGINE_VERSION
from tests.exchange.running import engine

VENUE = 1


class Notes:
    """A follower that keeps what it was given."""

    def __init__(self, name: str = "notes") -> None:
        self.name = name
        self.seqs: list[int] = []
        self.commits = 0
        self.fails_at = 0
        self.grown = threading.Condition()

    def apply(self, block: Block) -> None:
        """Note the block's number."""
        if block.seq == self.fails_at:
            raise OperationalError("the disk is full")
        with self.grown:
            self.seqs.append(block.seq)
            self.grown.notify_all()

    def after_commit(self, venue_id: int) -> None:
        """Count."""
        self.commits += 1

    def wait_for(self, seq: int) -> None:
        """Wait until a block has been noted."""
        with self.grown:
            assert self.grown.wait_for(lambda: seq in self.seqs, timeout=30), self.seqs


def chain(count: int) -> list[Block]:
    """Return empty blocks, each continuing the one before."""
    blocks: list[Block] = []
    for seq in range(1, count + 1):
        blocks.append(
            make_block(
                venue_id=VENUE,
                seq=seq,
                epoch=1,
                ts_us=seq,
                prev_hash=blocks[-1].hash if blocks else GENESIS,
                prev_event_hash=blocks[-1].event_hash if blocks else GENESIS,
                commands=[],
                events=[],
                engine_version=ENGINE_VERSION,
            )
        )
    return blocks


def bookmarks() -> dict[str, int]:
    with scope.venue(VENUE):
        return dict(Bookmark.objects.values_list("follower", "seq"))


@pytest.fixture
def venues(db: None) -> None:
    reference.load()


@pytest.mark.databases
@pytest.mark.usefixtures("venues")
def test_followers_at_different_heights_each_get_what_they_have_not_seen() -> None:
    first, second = Notes("first"), Notes("second")
    blocks = chain(5)
    apply_blocks([first], VENUE, blocks[:2])

    apply_blocks([first, second], VENUE, blocks)
    apply_blocks([first, second], VENUE, blocks)

    assert (first.seqs, second.seqs) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert bookmarks() == {"first": 5, "second": 5}
    assert (first.commits, second.commits) == (3, 2), "after each commit, even of nothing new"


@pytest.mark.databases
@pytest.mark.usefixtures("venues")
def test_a_follower_that_fails_leaves_no_trace_of_the_batch() -> None:
    first, second = Notes("first"), Notes("second")
    second.fails_at = 3

    with pytest.raises(OperationalError):
        apply_blocks([first, second], VENUE, chain(4))

    assert bookmarks() == {}
    assert (first.commits, second.commits) == (0, 0)


@pytest.mark.usefixtures("venues")
def test_a_gap_another_chain_and_a_changed_block_stop_the_follower() -> None:
    notes = Notes()
    blocks = chain(4)
    apply_blocks([notes], VENUE, blocks[:2])
    with pytest.raises(OutOfOrder, match="notes: block 4 of venue 1 does not continue block 2"):
        apply_blocks([notes], VENUE, blocks[3:])
    other = make_block(
        venue_id=VENUE,
        seq=3,
        epoch=1,
        ts_us=3,
        prev_hash=GENESIS,
        prev_event_hash=GENESIS,
        commands=[],
        events=[],
        engine_version=ENGINE_VERSION,
    )
    with pytest.raises(DamagedBlock, match="venue 1, block 3: does not continue block 2"):
        apply_blocks([notes], VENUE, [other])
    object.__setattr__(blocks[2], "ts_us", 99)
    with pytest.raises(DamagedBlock, match="venue 1, block 3: its content"):
        apply_blocks([notes], VENUE, [blocks[2]])
    assert notes.seqs == [1, 2]


class Loop(threading.Thread):
    """`followers.run` in a thread of its own, as `manage.py follow` has it."""

    def __init__(self, chain: list[Notes], venue_ids: list[int], address: str) -> None:
        super().__init__()
        self.chain = chain
        self.venue_ids = venue_ids
        self.address = address
        self.stop = threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        """Follow until stopped; keep what went wrong."""
        try:
            followers.run(self.chain, self.venue_ids, self.address, self.stop)
        except Exception as error:
            self.failure = error


@pytest.fixture
def address(tmp_path: Path) -> str:
    reference.load()
    return f"unix://{tmp_path / 'engine.sock'}"


@pytest.mark.django_db(transaction=True)
def test_the_loop_goes_on_when_the_engine_is_started_again(journal_url: str, address: str) -> None:
    notes = Notes()
    loop = Loop([notes], [VENUE], address)
    with engine(journal_url, address), BlockingLink(address) as link:
        link.submit(VENUE, OpenDay(20261123))
        for number in range(2 * FOLLOW_BLOCKS):  # more history than one slice has
            link.submit(VENUE, DefineFirm(number + 1, number + 1))
        loop.start()
        last = link.submit(VENUE, CreditCash("a", 1, 5)).seq
        notes.wait_for(last)
    with engine(journal_url, address), BlockingLink(address) as link:
        last = link.submit(VENUE, CreditCash("b", 1, 5)).seq
        notes.wait_for(last)
        loop.stop.set()
        loop.join(30)
    assert loop.failure is None
    assert notes.seqs == list(range(1, last + 1)), "each once, in order, the opening blocks too"
    assert bookmarks() == {"notes": last}


@pytest.mark.django_db(transaction=True)
def test_a_venue_that_the_engine_does_not_serve_is_said_aloud(
    journal_url: str, address: str
) -> None:
    loop = Loop([Notes()], [VENUE, 2], address)
    with engine(journal_url, address):
        loop.start()
        loop.join(30)
    assert str(loop.failure) == "venue 2 can not be followed: UNKNOWN_VENUE"
