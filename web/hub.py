"""One subscription per process and topic; every socket is handed the same text.

A new subscriber gets a snapshot and then every later frame, without a hole or a repeat, because
the feed server answers a fetch between the frames that it belongs between. Slow readers of public
topics get the newest state instead of each frame; slow readers of private ones are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import msgspec
from django.conf import settings

from exchange.feed_server import FeedClient
from exchange.feeds import Frame
from exchange.link import LinkClient, LinkError, VenueState
from web.limits import HEARTBEAT_MS, PRIVATE_BACKLOG, PUBLIC_BACKLOG

_json: Final = msgspec.json.Encoder().encode
_HEARTBEAT: Final = "heartbeat"
TOO_SLOW: Final = 4008


class Subscriber:
    """One socket: what it listens to, what waits for it, and the task that writes.

    `topics` has the last number put in the queue for each internal topic, None while the topic's
    first frames are being fetched.
    """

    def __init__(
        self,
        venue_id: int,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
    ) -> None:
        self.venue_id = venue_id
        self.topics: dict[str, int | None] = {}
        self.lagging: set[str] = set()
        self._queue: deque[tuple[str, str]] = deque()
        self._ready = asyncio.Event()
        self._send = send
        self._close = close
        self._closing: asyncio.Task[None] | None = None
        self._has_heartbeat = False
        self._writer = asyncio.get_running_loop().create_task(self._write())

    def put(self, text: str, topic: str = "") -> None:
        """Queue a finished frame; `topic` is set for frames of a topic."""
        if self._closing is not None:
            return
        if len(self._queue) >= PUBLIC_BACKLOG and topic and ":" not in topic:
            # Conflate: forget what waits of this topic; a snapshot follows when there is room.
            self._queue = deque(item for item in self._queue if item[0] != topic)
            self.lagging.add(topic)
            return
        if len(self._queue) >= PRIVATE_BACKLOG:
            # The writer waits for a reader that does not read: it can not be asked to close.
            self.stop()
            self._closing = asyncio.get_running_loop().create_task(self._give_up())
            return
        self._queue.append((topic, text))
        self._ready.set()

    def put_heartbeat(self, text: str) -> None:
        """Queue a heartbeat unless the one before still waits: they do not pile up."""
        if not self._has_heartbeat:
            self._has_heartbeat = True
            self.put(text, _HEARTBEAT)

    async def _write(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._queue:
                topic, text = self._queue.popleft()
                if topic == _HEARTBEAT:
                    self._has_heartbeat = False
                await self._send(text)

    async def _give_up(self) -> None:
        await self._close(TOO_SLOW)

    @property
    def waiting(self) -> int:
        """How many frames wait for the socket."""
        return len(self._queue)

    def stop(self) -> None:
        """Stop writing and forget what waits."""
        self._writer.cancel()
        self._queue.clear()


class Hub:
    """What one web process knows of the feeds, and the sockets that it serves."""

    def __init__(self) -> None:
        self.link = LinkClient(settings.ENGINE_LINK)
        self.feed = FeedClient(settings.FEED_LINK, self._on_frame, self._on_reset)
        self.sockets: dict[int, int] = {}
        """How many sockets each user has here."""
        self._listeners: dict[tuple[int, str], set[Subscriber]] = {}
        self._subscribers: set[Subscriber] = set()
        self._states: dict[int, VenueState] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to connect; the connections come up, and come up again, by themselves."""
        self.feed.start()
        self.begin(self.link.connect())
        self.begin(self._beat())

    async def close(self) -> None:
        """Stop everything."""
        for subscriber in list(self._subscribers):
            self.remove(subscriber)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.feed.close()
        await self.link.close()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something of its own accord, until it ends or the hub does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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

        False when there is no such topic. Raises `LinkError` while the feeds are away; the topic
        is served as soon as they are back.
        """
        key = (subscriber.venue_id, topic)
        listeners = self._listeners.setdefault(key, set())
        if not listeners:
            self.feed.subscribe(*key)
        listeners.add(subscriber)
        before = subscriber.topics.get(topic)
        subscriber.topics[topic] = None  # nothing live until the fetch is answered
        try:
            frames = await self.feed.fetch(subscriber.venue_id, topic, from_seq)
        except LinkError:
            if topic in subscriber.topics:
                subscriber.topics[topic] = from_seq if before is None else before
            raise
        if frames is None:
            self.leave(subscriber, topic)
            return False
        if topic in subscriber.topics:  # it may have left meanwhile
            subscriber.lagging.discard(topic)
            last = from_seq or 0
            for seq, payload in frames:
                subscriber.put(payload.decode(), topic)
                last = seq
            subscriber.topics[topic] = last
        return True

    def leave(self, subscriber: Subscriber, topic: str) -> None:
        """Take a topic from a subscriber."""
        subscriber.topics.pop(topic, None)
        subscriber.lagging.discard(topic)
        key = (subscriber.venue_id, topic)
        listeners = self._listeners.get(key)
        if listeners is not None:
            listeners.discard(subscriber)
            if not listeners:
                del self._listeners[key]
                self.feed.unsubscribe(*key)

    # Frames.

    def _on_frame(self, venue_id: int, frame: Frame) -> None:
        listeners = self._listeners.get((venue_id, frame.topic))
        if not listeners:
            return
        topic, seq, payload = frame
        text = payload.decode()
        for subscriber in listeners:
            last = subscriber.topics[topic]
            if last is None or seq <= last or topic in subscriber.lagging:
                continue
            if seq > last + 1:
                subscriber.topics[topic] = None
                self.begin(self._rejoin(subscriber, topic, last))
                continue
            subscriber.topics[topic] = seq
            subscriber.put(text, topic)

    def _on_reset(self) -> None:
        """The feeds came back: every socket resumes every topic from where it was."""
        for subscriber in self._subscribers:
            for topic, last in subscriber.topics.items():
                self.begin(self._rejoin(subscriber, topic, last))

    async def _rejoin(self, subscriber: Subscriber, topic: str, last: int | None) -> None:
        if topic in subscriber.topics:
            with contextlib.suppress(LinkError):
                await self.join(subscriber, topic, last)

    async def _refresh(self, subscriber: Subscriber, topic: str) -> None:
        """Give a socket that has caught up the newest state of a conflated topic."""
        subscriber.lagging.discard(topic)
        try:
            await self.join(subscriber, topic)
        except LinkError:
            if topic in subscriber.topics:
                subscriber.lagging.add(topic)

    # Heartbeats and states.

    def state(self, venue_id: int) -> VenueState:
        """Return the venue's state as last heard."""
        return self._states.get(venue_id, VenueState.RECOVERING)

    async def opening_state(self, venue_id: int) -> VenueState:
        """Return the venue's state for a new socket; the process may have started just now."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self.feed.connect()
        return await self.refresh_state(venue_id)

    async def refresh_state(self, venue_id: int) -> VenueState:
        """Ask the engine for the venue's state; tell the venue's sockets when it has changed."""
        found = VenueState.RECOVERING
        if self.feed.is_up:
            with contextlib.suppress(LinkError):
                found = await self.link.state(venue_id)
        before = self._states.get(venue_id)
        self._states[venue_id] = found
        if before is not None and found != before:
            text = encoded({"t": "state", "state": found, "now": now_ms()})
            for subscriber in self._subscribers:
                if subscriber.venue_id == venue_id:
                    subscriber.put(text)
        return found

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_MS / 1000)
            await self.heartbeat()

    async def heartbeat(self) -> None:
        """Send every socket the state and its last numbers; catch up those that lagged."""
        venue_ids = {subscriber.venue_id for subscriber in self._subscribers}
        await asyncio.gather(*(self.refresh_state(venue_id) for venue_id in venue_ids))
        for subscriber in list(self._subscribers):
            if subscriber.lagging and not subscriber.waiting:
                for topic in list(subscriber.lagging):
                    self.begin(self._refresh(subscriber, topic))
            subscriber.put_heartbeat(
                encoded(
                    {
                        "t": "heartbeat",
                        "now": now_ms(),
                        "state": self.state(subscriber.venue_id),
                        "seqs": {
                            topic.partition(":")[0]: seq
                            for topic, seq in subscriber.topics.items()
                            if seq is not None and topic not in subscriber.lagging
                        },
                    }
                )
            )


def now_ms() -> int:
    """Return the server's clock in milliseconds UTC."""
    return time.time_ns() // 1_000_000


_hub: Hub | None = None


def get_hub() -> Hub:
    """Return this process's hub, started; one event loop serves all sockets of a process."""
    global _hub
    if _hub is None:
        _hub = Hub()
        _hub.start()
    return _hub


def encoded(frame: dict[str, Any]) -> str:
    """Return a frame as JSON."""
    return _json(frame).decode()
