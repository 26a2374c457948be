"""Serves the feeds of all venues to web processes, and the client that a web process uses.

On one connection the answer to a fetch comes after every live frame up to its last number and
before every later one, so that a socket can be attached without a hole or a repeat.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections

from exchange.feed_redis import Publisher, Relay
from exchange.feeds import FeedBuilder, Frame
from exchange.frames import Address, FrameError, pack, read_frame
from exchange.limits import FEED_FETCH_BYTES
from exchange.link import LinkClient, LinkError
from exchange.models import FeedState, Firm, Venue
from matching.events import FirmDefined

log = logging.getLogger(__name__)

SUBSCRIBER_BACKLOG: Final = 16 * 1024 * 1024
"""Bytes that may wait for one web process; beyond it the connection is dropped."""
EARLY_FETCHES: Final = 10_000
"""Fetches of one venue that may wait for its history; beyond it the connection is closed."""
REQUEST_S: Final = 5
"""A web process waits this long for the answer to a fetch."""
SAVE_BLOCKS: Final = 1_000
SAVE_S: Final = 30
_RETRY_S: Final = 0.1


class FirmCodes:
    """Public codes of firms by id, read from the database when a new one is admitted."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = {}

    def load(self) -> None:
        """Read all codes; called before blocks are applied, outside the event loop."""
        close_old_connections()
        self._codes = dict(Firm.objects.values_list("id", "code"))

    def __contains__(self, firm_id: int) -> bool:
        return firm_id in self._codes

    def __call__(self, firm_id: int) -> str:
        """Return a firm's code, or its id where the code is not known yet."""
        return self._codes.get(firm_id, str(firm_id)).upper()


class FeedServer:
    """Builds every venue's feeds from the journal and hands frames to subscribers."""

    def __init__(
        self, link_address: str, venue_ids: list[int], redis_url: str | None = None
    ) -> None:
        self._link_address = link_address
        url = settings.REDIS_URL if redis_url is None else redis_url
        self._publisher = Publisher(url) if url else None
        self._codes = FirmCodes()
        self._builders: dict[int, FeedBuilder] = {}
        self._venue_ids = venue_ids
        self._connections: set[asyncio.StreamWriter] = set()
        self._subscribers: dict[tuple[int, str], set[asyncio.StreamWriter]] = {}
        self._saved: dict[int, int] = {}
        # Until a venue's history is through, its fetches wait here: the state that was kept is
        # older than what the readers have seen of the server before this one.
        self._early: dict[int, list[tuple[asyncio.StreamWriter, list[Any]]]] = {
            venue_id: [] for venue_id in venue_ids
        }

    async def run(self, address: str) -> None:
        """Serve until cancelled; then keep the state for the next start.

        After an error nothing is kept: a block may have been applied in part, and the state that
        was kept before it is good.
        """
        await sync_to_async(self._load, thread_sensitive=False)()
        server = await Address(address).listen(self._serve)
        try:
            async with asyncio.TaskGroup() as group:
                for venue_id in self._venue_ids:
                    group.create_task(self._follow(venue_id))
                group.create_task(self._save_now_and_then())
                if self._publisher is not None:
                    group.create_task(self._publisher.run())
        except asyncio.CancelledError:
            for venue_id in self._venue_ids:
                await self._save(venue_id)
            raise
        finally:
            server.close()
            for writer in self._connections:
                writer.close()

    def _load(self) -> None:
        self._codes.load()
        kept = {row.venue_id: row for row in FeedState.objects.all()}
        for venue_id in self._venue_ids:
            builder = None
            if venue_id in kept:
                state = bytes(kept[venue_id].state)
                builder = FeedBuilder.from_state(venue_id, self._codes, state)
            self._builders[venue_id] = builder or FeedBuilder(venue_id, self._codes)
            self._saved[venue_id] = self._builders[venue_id].seq

    async def _save(self, venue_id: int) -> None:
        """Keep a venue's state: taken here, between two blocks, and written in a thread."""
        builder = self._builders[venue_id]
        if builder.seq == self._saved[venue_id]:
            return
        kept: dict[str, Any] = {"seq": builder.seq, "hash": builder.hash, "state": builder.state()}
        await sync_to_async(_write_state, thread_sensitive=False)(venue_id, kept)
        self._saved[venue_id] = kept["seq"]

    async def _save_now_and_then(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(1)
            due = time.monotonic() - last >= SAVE_S
            for venue_id, builder in self._builders.items():
                if due or builder.seq - self._saved[venue_id] >= SAVE_BLOCKS:
                    await self._save(venue_id)
            if due:
                last = time.monotonic()

    async def _follow(self, venue_id: int) -> None:
        builder = self._builders[venue_id]
        client = LinkClient(self._link_address)
        async for block in client.follow(venue_id, builder.seq):
            if block is None:
                self._history_is_through(venue_id)
                continue
            if builder.hash and block.prev_hash != builder.hash:
                raise RuntimeError(
                    f"feeds: block {block.seq} of venue {venue_id} does not continue"
                    f" block {builder.seq}"
                )
            if any(
                type(event) is FirmDefined and event.firm_id not in self._codes
                for events in block.decoded_events()
                for event in events
            ):
                await sync_to_async(self._codes.load, thread_sensitive=False)()
            for frame in builder.apply(block):
                self._publish(venue_id, frame)

    def _publish(self, venue_id: int, frame: Frame) -> None:
        if self._publisher is not None:
            self._publisher.put(venue_id, *frame)
            return
        writers = self._subscribers.get((venue_id, frame.topic))
        if not writers:
            return
        data = pack("frame", venue_id, frame.topic, frame.seq, frame.payload)
        for writer in list(writers):
            if writer.transport.get_write_buffer_size() > SUBSCRIBER_BACKLOG:
                writer.transport.abort()
                writers.discard(writer)
            else:
                writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                self._request(await read_frame(reader), writer)
        except (FrameError, ValueError, TypeError) as error:
            log.warning("feeds: %s; connection closed", error)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            for writers in self._subscribers.values():
                writers.discard(writer)
            writer.close()

    def _request(self, items: list[Any], writer: asyncio.StreamWriter) -> None:
        word = items[0]
        if word == "sub":
            _, venue_id, topic = items
            self._subscribers.setdefault((venue_id, topic), set()).add(writer)
        elif word == "unsub":
            _, venue_id, topic = items
            self._subscribers.get((venue_id, topic), set()).discard(writer)
        elif word == "fetch":
            _, request, venue_id, topic, from_seq = items
            if venue_id in self._early:
                self._wait_for_history(venue_id, writer, items)
                return
            frames = self._fetch(venue_id, topic, from_seq)
            answer = None if frames is None else [[f.seq, f.payload] for f in frames]
            writer.write(pack("fetched", request, answer))
        elif word == "seqs":
            _, request, venue_id = items
            if venue_id in self._early:
                self._wait_for_history(venue_id, writer, items)
                return
            builder = self._builders.get(venue_id)
            writer.write(pack("fetched", request, builder.last_seqs() if builder else {}))
        else:
            raise ValueError(word)

    def _wait_for_history(
        self, venue_id: int, writer: asyncio.StreamWriter, items: list[Any]
    ) -> None:
        early = self._early[venue_id]
        if len(early) >= EARLY_FETCHES:
            raise ValueError("too many fetches before the venue's history is through")
        early.append((writer, items))

    def _history_is_through(self, venue_id: int) -> None:
        for writer, items in self._early.pop(venue_id, []):
            if writer in self._connections:
                try:
                    self._request(items, writer)
                except (ValueError, TypeError) as error:
                    log.warning("feeds: %s; connection closed", error)
                    writer.close()

    def _fetch(self, venue_id: int, topic: str, from_seq: int) -> list[Frame] | None:
        builder = self._builders.get(venue_id)
        if builder is None:
            return None
        if from_seq >= 0:
            missed = builder.since(topic, from_seq)
            if missed is not None and sum(len(f.payload) for f in missed) <= FEED_FETCH_BYTES:
                return missed
        snapshot = builder.snapshot(topic)
        return None if snapshot is None else [snapshot]


def _write_state(venue_id: int, kept: dict[str, Any]) -> None:
    close_old_connections()
    FeedState.objects.update_or_create(venue=Venue(pk=venue_id), defaults=kept)


class FeedClient:
    """A web process's one connection to the feeds. Reconnects by itself and says so."""

    def __init__(
        self,
        address: str,
        on_frame: Callable[[int, Frame], None],
        on_reset: Callable[[], None],
        redis_url: str | None = None,
    ) -> None:
        self._address = Address(address)
        self._on_frame = on_frame
        self._on_reset = on_reset
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._topics: set[tuple[int, str]] = set()
        # Each with the event that says that the asker has had its answer.
        self._fetches: dict[int, tuple[asyncio.Future[Any], asyncio.Event]] = {}
        self._numbers = itertools.count(1)
        url = settings.REDIS_URL if redis_url is None else redis_url
        self._relay: Relay | None = None
        if url:
            self._relay = Relay(
                url, fetch=self._fetch, last_seqs=self.last_seqs, hand_out=self._relayed
            )

    def _relayed(self, venue_id: int, topic: str, seq: int, payload: bytes) -> None:
        self._on_frame(venue_id, Frame(topic, seq, payload))

    @property
    def is_up(self) -> bool:
        """Whether the feeds can be reached now."""
        return self._up.is_set()

    def start(self) -> None:
        """Begin to connect, and to reconnect for ever."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())
            if self._relay is not None:
                self._relay.start()

    async def connect(self) -> None:
        """Start and wait until the feeds answer."""
        self.start()
        await self._up.wait()

    async def _stay_connected(self) -> None:
        while True:
            try:
                reader, writer = await self._address.open()
            except OSError:
                await asyncio.sleep(_RETRY_S)
                continue
            self._writer = writer
            for venue_id, topic in self._topics:
                writer.write(pack("sub", venue_id, topic))
            self._up.set()
            self._on_reset()
            with contextlib.suppress(FrameError, asyncio.IncompleteReadError, ConnectionError):
                while True:
                    items = await read_frame(reader)
                    if items[0] == "frame":
                        _, venue_id, topic, seq, payload = items
                        self._on_frame(venue_id, Frame(topic, seq, payload))
                    elif items[1] in self._fetches:
                        future, taken = self._fetches[items[1]]
                        if not future.done():
                            future.set_result(items[2])
                        # The asker runs before the next frame is handed out, or it would miss it.
                        await taken.wait()
            self._up.clear()
            self._writer = None
            writer.close()
            for future, _ in self._fetches.values():
                if not future.done():
                    future.set_exception(LinkError("RECOVERING", 250))
            await asyncio.sleep(_RETRY_S)

    def subscribe(self, venue_id: int, topic: str) -> None:
        """From now on live frames of the topic go to `on_frame`."""
        if self._relay is not None:
            self._relay.subscribe((venue_id, topic))
            return
        self._topics.add((venue_id, topic))
        if self._writer is not None:
            self._writer.write(pack("sub", venue_id, topic))

    def unsubscribe(self, venue_id: int, topic: str) -> None:
        """No more frames of the topic."""
        if self._relay is not None:
            self._relay.unsubscribe((venue_id, topic))
            return
        self._topics.discard((venue_id, topic))
        if self._writer is not None:
            self._writer.write(pack("unsub", venue_id, topic))

    async def fetch(
        self, venue_id: int, topic: str, from_seq: int | None = None
    ) -> list[tuple[int, bytes]] | None:
        """Return (seq, payload) of the snapshot, or of what was missed; None for no such topic."""
        key = (venue_id, topic)
        after = -1 if from_seq is None else from_seq
        if self._relay is None:
            return await self._fetch(key, after)
        await self._relay.ready(key)
        found = await self._fetch(key, after)
        return None if found is None else await self._relay.complete(key, after, found)

    async def last_seqs(self, venue_id: int) -> dict[str, int]:
        """Return the newest sequence number of each topic of a venue."""
        found: dict[str, int] = await self._request("seqs", venue_id)
        return found

    async def _fetch(self, key: tuple[int, str], after: int) -> list[tuple[int, bytes]] | None:
        found = await self._request("fetch", *key, after)
        return None if found is None else [(seq, payload) for seq, payload in found]

    async def _request(self, word: str, *items: Any) -> Any:
        """Ask the feed server; the caller runs before the next frame is handed out."""
        if self._writer is None:
            raise LinkError("RECOVERING", 250)
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        taken = asyncio.Event()
        self._fetches[number] = (future, taken)
        self._writer.write(pack(word, number, *items))
        try:
            return await asyncio.wait_for(future, REQUEST_S)
        except TimeoutError:
            raise LinkError("RECOVERING", 250) from None
        finally:
            del self._fetches[number]
            taken.set()

    async def close(self) -> None:
        """Stop."""
        if self._relay is not None:
            await self._relay.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
