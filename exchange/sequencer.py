"""The single writer: number, apply, journal, acknowledge.

One loop serves all venues of the process. For each it drains what waits (at most 500 commands),
stamps the block, applies, appends ONE block, and only then answers and publishes. Serial is
best: committing in a second thread was nine times slower under load (ARCHITECTURE 4).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from exchange.blocks import GENESIS, Block, DamagedBlock, encode_events, make_block
from exchange.journal import Fenced, Journal, JournalError, LeaseHeld, verified
from exchange.limits import (
    APPLY_AT_ONCE,
    BLOCK_BYTES,
    BLOCK_COMMANDS,
    BLOCK_EVENTS,
    CANCEL_LANE,
    LEASE_TTL_MS,
    REJOIN_MS,
    SNAPSHOT_BLOCKS,
    SNAPSHOT_BLOCKS_MOST,
    VENUE_QUEUE,
)
from matching.commands import AnyCommand, CancelOrder, PassTime
from matching.engine import ENGINE_VERSION, Engine
from matching.events import AnyEvent, CommandRepeated
from matching.units import FirmId, Micros, VenueId

log = logging.getLogger(__name__)

IDLE_COLLECT_OBJECTS: Final = 50_000
"""Collecting this many objects takes about 20 ms; beyond it a rare cycle is left for ever."""
RECENT_BLOCKS: Final = 256
"""Blocks kept in memory, to answer repeated commands without reading the journal."""


def collect_only_when_idle() -> None:
    """Stop the collector for this process: books are long-lived and it would walk them.

    With thresholds raised instead, a collection of the young alone held the writer for 20 to 70 ms
    under 50,000 commands/s. `Sequencer.run` collects when nothing has come for a while.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


def collect_when_idle() -> None:
    """Collect what has been made since the last idle moment, unless that would take long."""
    if gc.isenabled():
        return  # a process that did not ask for it
    if gc.get_count()[0] <= IDLE_COLLECT_OBJECTS:
        gc.collect()
    gc.freeze()


class VenueState(StrEnum):
    """What a venue can do for its users now. Every fault maps to one of these."""

    OPEN = "open"
    CANCEL_ONLY = "cancel_only"
    HALTED = "halted"
    RECOVERING = "recovering"


class NotReadable(Exception):
    """A venue's memory may differ from its journal: nothing of it may leave the process."""


@dataclass(frozen=True, slots=True)
class Result:
    """The durable outcome of one command; of a repeat, the first outcome."""

    seq: int
    index: int
    ts_us: Micros
    events: tuple[AnyEvent, ...]
    repeated: bool


Answer: TypeAlias = Callable[[Result | str], None]
"""Called once: with the result, or with an error code (BUSY, DEADLINE, RECOVERING, HALTED)."""


@dataclass(slots=True)
class Waiting:
    """A command in the queue. `deadline` is monotonic seconds; `size` bytes as it arrived."""

    command: AnyCommand
    size: int
    deadline: float
    answer: Answer


def now_us() -> Micros:
    """Return the wall clock in microseconds."""
    return time.time_ns() // 1000


@dataclass
class Venue:
    """One venue of the writer: engine, chain head, queue, and who follows."""

    venue_id: VenueId
    epoch: int
    engine: Engine
    head: Block | None
    state: VenueState = VenueState.OPEN
    queue: deque[Waiting] = field(default_factory=deque)
    recent: OrderedDict[int, Block] = field(default_factory=OrderedDict)
    since_snapshot: int = 0
    rejoin_at_ns: int = 0
    """Monotonic nanoseconds of the next attempt to rejoin, while `recovering`."""

    @property
    def seq(self) -> int:
        """The newest durable block."""
        return self.head.seq if self.head is not None else 0

    @property
    def ts_us(self) -> Micros:
        """When it was stamped; time does not go back."""
        return self.head.ts_us if self.head is not None else 0

    def extend(self, block: Block) -> None:
        """Take note of a block that has become durable."""
        self.head = block
        self.since_snapshot += 1
        self.recent[block.seq] = block
        if len(self.recent) > RECENT_BLOCKS:
            self.recent.popitem(last=False)


class Sequencer:
    """The writer of the given venues. `publish` gets every block after it is durable."""

    def __init__(
        self,
        journal: Journal,
        venue_ids: list[VenueId],
        *,
        clock: Callable[[], Micros] = now_us,
        lease_wait_ms: int = 0,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.journal = journal
        self.clock = clock
        self.publish: Callable[[Block], None] = lambda block: None
        self.venues: dict[VenueId, Venue] = {}
        self._wake = asyncio.Event()
        for venue_id in venue_ids:
            self.venues[venue_id] = self._take_over(venue_id, progress, wait_ms=lease_wait_ms)

    # Starting and recovering.

    def _take_over(
        self,
        venue_id: VenueId,
        progress: Callable[[str], None],
        *,
        held_epoch: int = 0,
        wait_ms: int = 0,
    ) -> Venue:
        """Become the venue's writer: take the lease, replay, open with an empty block.

        The opening block is what fences a predecessor whose last append is still on its way.
        """
        epoch = self.journal.acquire(venue_id, held_epoch=held_epoch, wait_ms=wait_ms)
        engine, head = recover(self.journal, venue_id, progress)
        venue = Venue(venue_id, epoch, engine, head)
        if head is not None:
            venue.since_snapshot = head.seq - self.journal.newest_snapshot(venue_id)
        ts_us = max(self.clock(), venue.ts_us)
        engine.begin_block(venue.seq + 1, ts_us)
        block = self._make_block(venue, ts_us, [], [])
        self.journal.append(block)
        venue.extend(block)
        return venue

    def _lose(self, venue: Venue) -> None:
        """Forget what memory holds of a venue: it may not be what the journal holds."""
        venue.state = VenueState.RECOVERING
        venue.rejoin_at_ns = 0
        self._refuse_all(venue, [], "RECOVERING")

    def _rejoin(self, venue: Venue) -> None:
        """Rejoin by replay after an append whose outcome is unknown.

        While the journal does not answer the venue stays `recovering` and this is tried again; a
        journal that is damaged halts the venue for people to look. Raises `Fenced` when another
        writer has taken over meanwhile.
        """
        try:
            fresh = self._take_over(venue.venue_id, log.warning, held_epoch=venue.epoch)
            unheard = list(self.journal.blocks(venue.venue_id, venue.seq))
        except LeaseHeld as error:
            raise Fenced(str(error)) from error
        except Fenced:
            raise
        except (DamagedBlock, ReplayDiffers):
            log.exception("venue %s: halted", venue.venue_id)
            venue.state = VenueState.HALTED
        except Exception as error:
            log.warning("venue %s: the journal does not answer: %s", venue.venue_id, error)
            venue.rejoin_at_ns = time.monotonic_ns() + REJOIN_MS * 1_000_000
        else:
            self.venues[venue.venue_id] = fresh
            for block in unheard:  # what was in doubt and had become durable, then the opening
                self.publish(block)

    # Commands.

    def submit(self, venue_id: VenueId, waiting: Waiting) -> None:
        """Queue a command, or answer at once why not. Cancels have a lane of their own."""
        venue = self.venues.get(venue_id)
        if venue is None:
            waiting.answer("UNKNOWN_VENUE")
            return
        if venue.state in (VenueState.RECOVERING, VenueState.HALTED):
            waiting.answer(venue.state.name)
            return
        most = VENUE_QUEUE
        if isinstance(waiting.command, CancelOrder):
            most += CANCEL_LANE
        if len(venue.queue) >= most:
            waiting.answer("BUSY")
            return
        venue.queue.append(waiting)
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled. Idle, it waits; a lease is renewed every quarter of its life."""
        renew_s = LEASE_TTL_MS / 4000
        renewed = time.monotonic()
        while True:
            if not self._wake.is_set():
                try:
                    await asyncio.wait_for(self._wake.wait(), self._until_due_s(renew_s))
                except TimeoutError:
                    if not any(map(self._is_due, self.venues.values())):
                        collect_when_idle()
                        self._snapshot_when_idle()
            self._wake.clear()
            for venue in list(self.venues.values()):
                if venue.queue or self._is_due(venue):
                    self._serve(venue)
                    if venue.queue:
                        self._wake.set()
            if time.monotonic() - renewed >= renew_s:
                self._renew()
                renewed = time.monotonic()
            await asyncio.sleep(0)  # let the links read what arrived during the commit

    def _until_due_s(self, most_s: float) -> float:
        """Return how long nothing comes due in any venue, in seconds, at most `most_s`."""
        dues = [
            venue.engine.next_due_us
            for venue in self.venues.values()
            if venue.state is VenueState.OPEN and venue.engine.next_due_us
        ]
        if not dues:
            return most_s
        return max(min(most_s, (min(dues) - self.clock()) / 1_000_000), 0)

    def _is_due(self, venue: Venue) -> bool:
        """Whether time alone asks the venue for a block: an expiry, the end of a call."""
        due_us = venue.engine.next_due_us
        return venue.state is VenueState.OPEN and 0 < due_us <= self.clock()

    def _snapshot_when_idle(self) -> None:
        """Take the snapshots that are due while nobody waits: it holds the loop up."""
        for venue in self.venues.values():
            if venue.state is VenueState.OPEN and venue.since_snapshot >= SNAPSHOT_BLOCKS:
                self.snapshot(venue)

    def _renew(self) -> None:
        """Keep the leases; try to rejoin where the journal did not answer."""
        for venue in list(self.venues.values()):
            if venue.state is not VenueState.RECOVERING:
                try:
                    self.journal.renew(venue.venue_id, venue.epoch)
                except Fenced:
                    raise
                except Exception as error:
                    log.warning("venue %s: lease not renewed: %s", venue.venue_id, error)
                    self._lose(venue)
            if venue.state is VenueState.RECOVERING and time.monotonic_ns() >= venue.rejoin_at_ns:
                self._rejoin(venue)

    def _serve(self, venue: Venue) -> None:
        """Drain one block's worth of the queue and commit it."""
        batch: list[Waiting] = []
        size = 0
        now = time.monotonic()
        while venue.queue and len(batch) < BLOCK_COMMANDS and size < BLOCK_BYTES:
            waiting = venue.queue.popleft()
            if now > waiting.deadline:
                waiting.answer("DEADLINE")
                continue
            batch.append(waiting)
            size += waiting.size
        if batch or self._is_due(venue):
            self._commit(venue, batch)
            if venue.since_snapshot >= SNAPSHOT_BLOCKS_MOST and not venue.queue:
                self.snapshot(venue)

    def _commit(self, venue: Venue, batch: list[Waiting]) -> None:
        seq = venue.seq + 1
        ts_us = max(self.clock(), venue.ts_us)
        passing: list[AnyCommand] = []
        try:
            venue.engine.begin_block(seq, ts_us)
            if 0 < venue.engine.next_due_us <= ts_us:
                # Nobody waits for it: what is due happens before anything else trades.
                passing.append(PassTime())
            events = venue.engine.apply_all(passing)
            count = sum(map(len, events))
            taken = 0
            while taken < len(batch) and count <= BLOCK_EVENTS:
                some = batch[taken : taken + APPLY_AT_ONCE]
                outcomes = venue.engine.apply_all([waiting.command for waiting in some])
                events += outcomes
                count += sum(map(len, outcomes))
                taken += len(some)
            # After a sweep or a close the rest comes in the next block.
            venue.queue.extendleft(reversed(batch[taken:]))
            del batch[taken:]
        except Exception:
            # A bug: memory may be half changed. Never retried; the venue stops for people.
            log.exception("venue %s: the engine failed in block %s", venue.venue_id, seq)
            venue.state = VenueState.HALTED
            self._refuse_all(venue, batch, "HALTED")
            return
        commands = [*passing, *(waiting.command for waiting in batch)]
        block = self._make_block(venue, ts_us, commands, events)
        try:
            self.journal.append(block)
        except Fenced:
            venue.state = VenueState.RECOVERING
            self._refuse_all(venue, batch, "RECOVERING")
            raise
        except Exception:
            # The outcome is unknown: nothing of this block may be told to anybody.
            log.exception("venue %s: block %s may not be durable", venue.venue_id, seq)
            self._refuse_all(venue, batch, "RECOVERING")
            self._lose(venue)
            self._rejoin(venue)
            return
        venue.extend(block)
        for index, waiting in enumerate(batch, len(passing)):
            outcome = events[index]
            first = outcome[0]
            if type(first) is CommandRepeated:
                waiting.answer(self._first_answer(venue, block, events, first))
            else:
                waiting.answer(Result(seq, index, ts_us, outcome, repeated=False))
        self.publish(block)

    @staticmethod
    def _make_block(
        venue: Venue,
        ts_us: Micros,
        commands: list[AnyCommand],
        events: list[tuple[AnyEvent, ...]],
    ) -> Block:
        head = venue.head
        return make_block(
            venue_id=venue.venue_id,
            seq=venue.seq + 1,
            epoch=venue.epoch,
            ts_us=ts_us,
            prev_hash=head.hash if head is not None else GENESIS,
            prev_event_hash=head.event_hash if head is not None else GENESIS,
            commands=commands,
            events=events,
            engine_version=ENGINE_VERSION,
        )

    def _first_answer(
        self,
        venue: Venue,
        block: Block,
        events: list[tuple[AnyEvent, ...]],
        repeat: CommandRepeated,
    ) -> Result:
        """Return the first answer to a repeated command, from memory or from the journal."""
        if repeat.seq == block.seq:
            return Result(block.seq, repeat.index, block.ts_us, events[repeat.index], True)
        return self._recorded(venue, repeat.seq, repeat.index)

    def _recorded(self, venue: Venue, seq: int, index: int) -> Result:
        block = venue.recent.get(seq) or self.journal.read(venue.venue_id, seq - 1, 1)[0]
        return Result(seq, index, block.ts_us, block.decoded_events()[index], True)

    def first_answer(
        self, venue_id: VenueId, firm_id: FirmId, client_order_id: str
    ) -> Result | None:
        """Return the answer to a client's command of the last 15 minutes; None if none is known.

        Raises `NotReadable` like `engine`.
        """
        place = self.engine(venue_id).first_answer(firm_id, client_order_id)
        return None if place is None else self._recorded(self.venues[venue_id], *place)

    def _refuse_all(self, venue: Venue, batch: list[Waiting], code: str) -> None:
        for waiting in (*batch, *venue.queue):
            waiting.answer(code)
        venue.queue.clear()

    # Reading and stopping.

    def history(self, venue_id: VenueId, after_seq: int, most: int) -> list[Block]:
        """Return durable blocks after `after_seq`; recent ones without reading the journal."""
        venue = self.venues[venue_id]
        first = after_seq + 1
        if first in venue.recent:
            last = min(venue.seq, after_seq + most)
            return [venue.recent[seq] for seq in range(first, last + 1)]
        # A block above the head may stand in the journal and still be in doubt.
        blocks = self.journal.read(venue_id, after_seq, most)
        return [block for block in blocks if block.seq <= venue.seq]

    def engine(self, venue_id: VenueId) -> Engine:
        """Return the engine, at its newest durable block, to be read.

        Raises `NotReadable` with the venue's state while memory may differ from the journal.
        """
        venue = self.venues[venue_id]
        if venue.state in (VenueState.RECOVERING, VenueState.HALTED):
            raise NotReadable(venue.state.name)
        return venue.engine

    def snapshot(self, venue: Venue) -> int:
        """Keep the engine's state, so that the next start replays less; return its block."""
        if venue.head is not None and venue.since_snapshot:
            try:
                self.journal.save_snapshot(venue.head, venue.engine.snapshot())
            except Exception as error:
                # A missing snapshot costs time at the next start and nothing else.
                log.warning("venue %s: no snapshot: %s", venue.venue_id, error)
                return self.journal.newest_snapshot(venue.venue_id)
            venue.since_snapshot = 0
        return venue.seq

    def stop(self) -> None:
        """Take a last snapshot of each venue that can be trusted and let the lease go."""
        for venue in self.venues.values():
            if venue.state is VenueState.OPEN:
                self.snapshot(venue)
                with contextlib.suppress(JournalError):
                    self.journal.release(venue.venue_id, venue.epoch)


def recover(
    journal: Journal, venue_id: VenueId, progress: Callable[[str], None] = lambda text: None
) -> tuple[Engine, Block | None]:
    """Rebuild a venue's engine: newest good snapshot, then every block after it, re-executed.

    Raises `DamagedBlock` naming the block whose hash, place or events are not what was written.
    """
    engine = Engine(venue_id)
    head: Block | None = None
    found = journal.good_snapshot(venue_id, ENGINE_VERSION)
    if found is not None:
        head, state = found
        engine = Engine.restore(state)
    blocks = verified(
        journal.blocks(venue_id, head.seq if head else 0),
        after_seq=head.seq if head else 0,
        prev_hash=head.hash if head else GENESIS,
        prev_event_hash=head.event_hash if head else GENESIS,
        epoch=head.epoch if head else 0,
    )
    for count, block in enumerate(blocks, 1):
        replay_block(engine, block)
        head = block
        if count % 10_000 == 0:
            progress(f"venue {venue_id}: block {block.seq} replayed")
    return engine, head


class ReplayDiffers(Exception):
    """Re-executing a block gave other events than it holds. Names block and command."""


def replay_block(engine: Engine, block: Block) -> None:
    """Re-execute `block` on `engine`; raise `ReplayDiffers` unless every event byte is the same."""
    engine.begin_block(block.seq, block.ts_us)
    events = engine.apply_all(block.decoded_commands())
    if encode_events(events) == block.events:
        return
    expected = block.decoded_events()
    index = next(
        (n for n, (again, was) in enumerate(zip(events, expected, strict=False)) if again != was),
        min(len(events), len(expected)),
    )
    why = "replay differs"
    if block.engine_version != ENGINE_VERSION:
        why += (
            f", because engine version {block.engine_version} wrote it and this is version"
            f" {ENGINE_VERSION}: start the release that wrote it, or begin with a new journal"
            " (`make clean` for the demo)"
        )
    raise ReplayDiffers(f"venue {block.venue_id}, block {block.seq}, command {index}: {why}")
