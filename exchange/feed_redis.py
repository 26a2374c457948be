"""Live frames through Redis, for installations with several web processes on several machines.

Redis may lose any frame: its queues are cut when it restarts, and nobody is told. Every frame has
its number in its topic, so a hole is seen at the next frame, and a lost last frame within two
beats; what is missing is fetched over the link, which loses nothing. Commands and fetches never
travel here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import redis.asyncio
from redis.exceptions import RedisError

from exchange.link import LinkError
from matching.units import VenueId

log = logging.getLogger(__name__)

WAITING_FRAMES: Final = 10_000
"""Frames that may wait for Redis; beyond it the oldest are dropped, and readers fetch them."""
RECENT_FRAMES: Final = 1_000
"""Frames of one topic that a reader keeps, to bring an answer up to what it has handed out."""
BEAT_S: Final = 1
_READY_S: Final = 1
_RETRY_S: Final = 0.2
_ATTEMPTS: Final = 3
_CONTROL: Final = "haidai:feed"

Key: TypeAlias = tuple[VenueId, str]
Numbered: TypeAlias = list[tuple[int, bytes]]


def _channel(key: Key) -> str:
    return f"{_CONTROL}:{key[0]}:{key[1]}"


class Publisher:
    """The feed server's side. `put` never waits; what Redis does not take in time is dropped."""

    def __init__(self, url: str) -> None:
        self._redis = redis.asyncio.from_url(url)
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=WAITING_FRAMES)
        self._ready = asyncio.Event()

    def put(self, venue_id: VenueId, topic: str, seq: int, payload: bytes) -> None:
        """Queue a frame."""
        self._waiting.append((_channel((venue_id, topic)), seq.to_bytes(8, "big") + payload))
        self._ready.set()

    async def run(self) -> None:
        """Publish what waits, for ever."""
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
                try:
                    async with self._redis.pipeline(transaction=False) as pipeline:
                        for channel, message in batch:
                            pipeline.publish(channel, message)
                        await pipeline.execute()
                except (RedisError, OSError) as error:
                    log.warning(
                        "feeds: Redis does not answer, %s frames lost: %s", len(batch), error
                    )
                    await asyncio.sleep(_RETRY_S)
                _stop_if_told()
        finally:
            await self._redis.aclose()


class Relay:
    """A web process's side: hands out every frame of its topics once, in order, without holes.

    `fetch` and `last_seqs` ask the feed server over the link for what Redis lost.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Callable[[Key, int], Awaitable[Numbered | None]],
        last_seqs: Callable[[VenueId], Awaitable[dict[str, int]]],
        hand_out: Callable[[VenueId, str, int, bytes], None],
    ) -> None:
        self._redis = redis.asyncio.from_url(url)
        self._fetch = fetch
        self._last_seqs = last_seqs
        self._hand_out = hand_out
        self._pubsub: Any = None
        self._topics: dict[Key, _Topic] = {}
        self._wanted: asyncio.Queue[Key] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._fills: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to read, and to reconnect for ever."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work()) for work in (self._read, self._ask, self._beat)]

    async def close(self) -> None:
        """Stop."""
        for task in (*self._tasks, *self._fills):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._redis.aclose()

    def subscribe(self, key: Key) -> None:
        """From now on frames of the topic are read."""
        if key not in self._topics:
            self._topics[key] = _Topic()
            self._wanted.put_nowait(key)

    def unsubscribe(self, key: Key) -> None:
        """No more frames of the topic."""
        if self._topics.pop(key, None) is not None:
            self._wanted.put_nowait(key)

    async def ready(self, key: Key) -> None:
        """Wait until Redis sends the topic, but not for long: the beat helps out without it."""
        topic = self._topics.get(key)
        if topic is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(topic.confirmed.wait(), _READY_S)

    async def complete(self, key: Key, from_seq: int, answer: Numbered) -> Numbered:
        """Bring an answer of the link up to the frames that were handed out meanwhile.

        Whoever asked gets every later frame handed out, because nothing is awaited between the
        last look here and the return.
        """
        for _ in range(_ATTEMPTS):
            topic = self._topics.get(key)
            if topic is None:
                break
            last = answer[-1][0] if answer else max(from_seq, 0)
            if topic.last is None:
                topic.last = last
            recent = [frame for frame in topic.recent if frame[0] > last]
            if topic.last <= last or (recent and recent[0][0] == last + 1):
                return answer + recent
            answer = answer + (await self._fetch(key, last) or [])
        return answer

    async def _read(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    asked = set(self._topics)
                    await pubsub.subscribe(_CONTROL, *map(_channel, asked))
                    self._pubsub = pubsub
                    for key in self._topics.keys() ^ asked:  # came or went meanwhile
                        self._wanted.put_nowait(key)
                    async for message in pubsub.listen():
                        self._message(message)
            except (RedisError, OSError) as error:
                log.warning("feeds: Redis does not answer: %s", error)
            self._pubsub = None
            _stop_if_told()
            await asyncio.sleep(_RETRY_S)

    def _message(self, message: dict[str, Any]) -> None:
        _, _, rest = message["channel"].decode().removeprefix(_CONTROL).partition(":")
        venue_id, _, name = rest.partition(":")
        if not name:
            return
        key = (int(venue_id), name)
        topic = self._topics.get(key)
        if topic is None:
            return
        if message["type"] == "subscribe":
            topic.confirmed.set()
        elif message["type"] == "message":
            data: bytes = message["data"]
            self._frame(key, topic, int.from_bytes(data[:8], "big"), data[8:])

    def _frame(self, key: Key, topic: _Topic, seq: int, payload: bytes) -> None:
        if topic.last is None or seq <= topic.last:
            return  # nobody has asked for the topic yet, or it is known
        if seq == topic.last + 1:
            self._next(key, topic, seq, payload)
        else:
            self._fill(key, topic)

    def _next(self, key: Key, topic: _Topic, seq: int, payload: bytes) -> None:
        topic.last = seq
        topic.recent.append((seq, payload))
        self._hand_out(key[0], key[1], seq, payload)

    def _fill(self, key: Key, topic: _Topic) -> None:
        """Fetch what is missing, unless that is under way."""
        if not topic.is_filling:
            topic.is_filling = True
            task = asyncio.get_running_loop().create_task(self._fetch_missing(key, topic))
            self._fills.add(task)
            task.add_done_callback(self._fills.discard)

    async def _fetch_missing(self, key: Key, topic: _Topic) -> None:
        try:
            frames = await self._fetch(key, topic.last or 0)
        except LinkError:
            return  # the next frame or beat asks again
        finally:
            topic.is_filling = False
        for seq, payload in frames or []:
            if topic.last is not None and seq > topic.last:
                self._next(key, topic, seq, payload)

    async def _ask(self) -> None:
        """Tell Redis about topics that came and went."""
        while True:
            key = await self._wanted.get()
            pubsub = self._pubsub
            if pubsub is None:
                continue  # all topics are asked for when the connection is back
            with contextlib.suppress(RedisError, OSError):
                if key in self._topics:
                    await pubsub.subscribe(_channel(key))
                else:
                    await pubsub.unsubscribe(_channel(key))
            _stop_if_told()

    async def _beat(self) -> None:
        """Look for lost last frames: what the server had a beat ago must be here by now."""
        before: dict[VenueId, dict[str, int]] = {}
        while True:
            await asyncio.sleep(BEAT_S)
            for key, topic in list(self._topics.items()):
                venue_id, name = key
                if topic.last is not None and topic.last < before.get(venue_id, {}).get(name, 0):
                    self._fill(key, topic)
            for venue_id in {venue_id for venue_id, _ in self._topics}:
                with contextlib.suppress(LinkError):
                    before[venue_id] = await self._last_seqs(venue_id)


def _stop_if_told() -> None:
    """Raise if this task was cancelled while the Redis client was busy: it may swallow that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class _Topic:
    """What a relay knows of one topic: the newest frame handed out, None before the first ask."""

    def __init__(self) -> None:
        self.last: int | None = None
        self.recent: deque[tuple[int, bytes]] = deque(maxlen=RECENT_FRAMES)
        self.confirmed = asyncio.Event()
        self.is_filling = False
