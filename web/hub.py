"""One subscription per process and topic; every socket is handed the same bytes.

A new subscriber gets a snapshot and then every later frame, without a hole or a repeat, because
the feed server answers a fetch between the frames that it belongs between. Slow readers of public
topics get the newest state instead of each frame; slow readers of private ones are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from django.conf import settings

from exchange.feed_server import FeedClient
from exchange.feeds import Frame
from exchange.link import LinkClient, LinkError, VenueState
from web.limits import HEARTBEAT_MS, PRIVATE_BACKLOG, PUBLIC_BACKLOG

_encode: Final = msgspec.json.Encoder().encode
TOO_SLOW: Final = 4008


class Subscriber:
    """One socket: what it listens to, what waits for it, and the task that writes."""

    def __init__(
        self,
        venue_id: int,
        send: Callable[[bytes], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
    ) -> None:
        self.venue_id = venue_id
        self.topics: dict[str, int] = {}  # internal topic -> last seq put in the queue
        self.lagging: set[str] = set()
        self._queue: deque[tuple[str, bytes]] = deque()
        self._ready = asyncio.Event()
        self._send = send
        self._close = close
        self._closing = False
        self.task = asyncio.get_running_loop().create_task(self._write())

    def put(self, payload: bytes, topic: str = "") -> None:
        """Queue a finished frame; `topic` is set for frames of a topic."""
        if self._closing:
            return
        if len(self._queue) >= PUBLIC_BACKLOG and topic and ":" not in topic:
            # Conflate: forget what waits of this topic; a snapshot follows when there is room.
            self._queue = deque(item for item in self._queue if item[0] != topic)
            self.lagging.add(topic)
            return
        if len(self._queue) >= PRIVATE_BACKLOG:
            self._closing = True
            self._queue.clear()
            self._ready.set()
            return
        self._queue.append((topic, payload))
        self._ready.set()

    async def _write(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._queue:
                _, payload = self._queue.popleft()
                await self._send(payload)
            if self._closing:
                await self._close(TOO_SLOW)
                return

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for the socket."""
        return not self._queue

    def stop(self) -> None:
        """Stop writing."""
        self.task.cancel()


class Hub:
    """What one web process knows of the feeds, and the sockets that it serves."""

    def __init__(self) -> None:
        self.link = LinkClient(settings.ENGINE_LINK)
        self.feed = FeedClient(settings.FEED_LINK, self._on_frame, self._on_reset)
        self._listeners: dict[tuple[int, str], set[Subscriber]] = {}
        self._subscribers: set[Subscriber] = set()
        self._states: dict[int, VenueState] = {}
        self._resets: set[asyncio.Task[None]] = set()
        self._beat: asyncio.Task[None] | None = None
        self.sockets: dict[int, int] = {}  # user id -> how many

    async def start(self) -> None:
        """Connect; returns at once, connections come up by themselves."""
        if self._beat is None:
            self.feed.start()
            self._link_task = asyncio.get_running_loop().create_task(self.link.connect())
            self._beat = asyncio.get_running_loop().create_task(self._heartbeat())

    # Subscribers.

    def add(self, subscriber: Subscriber) -> None:
        """Begin to serve a socket: heartbeats from now on."""
        self._subscribers.add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Forget a socket; a topic that nobody else listens to is given up."""
        self._subscribers.discard(subscriber)
        for topic in list(subscriber.topics):
            self.leave(subscriber, topic)
        subscriber.stop()

    async def join(self, subscriber: Subscriber, topic: str, from_seq: int | None = None) -> bool:
        """Give a subscriber a topic: what it missed or a snapshot, then all that follows.

        False when there is no such topic. Raises `LinkError` while the feeds are away.
        """
        key = (subscriber.venue_id, topic)
        listeners = self._listeners.setdefault(key, set())
        if not listeners:
            self.feed.subscribe(*key)
        listeners.add(subscriber)
        subscriber.topics.pop(topic, None)  # nothing live until the fetch is answered
        try:
            frames = await self.feed.fetch(subscriber.venue_id, topic, from_seq)
        except LinkError:
            if topic not in subscriber.topics:
                subscriber.topics[topic] = -1  # `_on_reset` will serve it
            raise
        if frames is None:
            listeners.discard(subscriber)
            self._give_up(key)
            return False
        last = from_seq or 0
        for seq, payload in frames:
            subscriber.put(payload, topic)
            last = seq
        subscriber.topics[topic] = last
        return True

    def leave(self, subscriber: Subscriber, topic: str) -> None:
        """Take a topic from a subscriber."""
        subscriber.topics.pop(topic, None)
        subscriber.lagging.discard(topic)
        key = (subscriber.venue_id, topic)
        self._listeners.get(key, set()).discard(subscriber)
        self._give_up(key)

    def _give_up(self, key: tuple[int, str]) -> None:
        if not self._listeners.get(key):
            self._listeners.pop(key, None)
            self.feed.unsubscribe(*key)

    # Frames.

    def _on_frame(self, venue_id: int, frame: Frame) -> None:
        listeners = self._listeners.get((venue_id, frame.topic))
        if not listeners:
            return
        topic, seq, payload = frame
        for subscriber in listeners:
            last = subscriber.topics.get(topic)
            if last is not None and seq > last and topic not in subscriber.lagging:
                subscriber.topics[topic] = seq
                subscriber.put(payload, topic)

    def _on_reset(self) -> None:
        """The feeds came back: every socket resumes every topic from where it was."""
        task = asyncio.get_running_loop().create_task(self._resume_all())
        self._resets.add(task)
        task.add_done_callback(self._resets.discard)

    async def _resume_all(self) -> None:
        for subscriber in list(self._subscribers):
            for topic, last in list(subscriber.topics.items()):
                with contextlib.suppress(LinkError):
                    await self.join(subscriber, topic, last if last >= 0 else None)

    # Heartbeats and states.

    def state(self, venue_id: int) -> VenueState:
        """Return the venue's state as last heard."""
        return self._states.get(venue_id, VenueState.RECOVERING)

    async def refresh_state(self, venue_id: int) -> VenueState:
        """Ask the engine for the venue's state."""
        found = await self.link.state(venue_id) if self.feed.is_up else VenueState.RECOVERING
        self._states[venue_id] = found
        return found

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_MS / 1000)
            for venue_id in {subscriber.venue_id for subscriber in self._subscribers}:
                before = self._states.get(venue_id)
                state = await self.refresh_state(venue_id)
                if before is not None and state != before:
                    frame = _encode({"t": "state", "state": state, "now": now_ms()})
                    for subscriber in self._subscribers:
                        if subscriber.venue_id == venue_id:
                            subscriber.put(frame)
            for subscriber in list(self._subscribers):
                if subscriber.lagging and subscriber.is_idle:
                    for topic in list(subscriber.lagging):
                        subscriber.lagging.discard(topic)
                        with contextlib.suppress(LinkError):
                            await self.join(subscriber, topic)
                subscriber.put(
                    _encode(
                        {
                            "t": "heartbeat",
                            "now": now_ms(),
                            "state": self.state(subscriber.venue_id),
                            "seqs": {
                                topic.partition(":")[0]: seq
                                for topic, seq in subscriber.topics.items()
                                if seq >= 0
                            },
                        }
                    )
                )


def now_ms() -> int:
    """Return the server's clock in milliseconds UTC."""
    return time.time_ns() // 1_000_000


_hub: Hub | None = None


async def get_hub() -> Hub:
    """Return this process's hub, started; one event loop serves all sockets of a process."""
    global _hub
    if _hub is None:
        _hub = Hub()
        await _hub.start()
    return _hub


def encoded(frame: dict[str, Any]) -> bytes:
    """Return a frame as JSON."""
    return _encode(frame)
