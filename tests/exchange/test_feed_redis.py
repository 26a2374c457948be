"""Live frames through a real Valkey that loses some: each is handed out once and in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio

from exchange import feed_redis, reference
from exchange.feed_redis import Numbered, Publisher, Relay
from exchange.feed_server import FeedClient, FeedServer
from exchange.feeds import Frame
from exchange.link import LinkClient, LinkError
from matching.commands import Mode, OpenDay
from tests.exchange.market import DAY, Market
from tests.exchange.running import engine

pytestmark = pytest.mark.valkey
KEY = (1, "ticker")


class Feeds:
    """A feed server's memory, a publisher that the test holds, and one reader."""

    def __init__(self, url: str) -> None:
        self.frames: Numbered = []
        self.is_down = False
        self.fetched: list[int] = []
        self.got: list[int] = []
        self.changed = asyncio.Event()
        self.publisher = Publisher(url)
        self.relay = Relay(url, fetch=self.fetch, last_seqs=self.last_seqs, hand_out=self.hand_out)

    async def fetch(self, key: tuple[int, str], from_seq: int) -> Numbered | None:
        if self.is_down:
            raise LinkError("RECOVERING")
        self.fetched.append(from_seq)
        return [frame for frame in self.frames if frame[0] > from_seq]

    async def last_seqs(self, venue_id: int) -> dict[str, int]:
        return {KEY[1]: self.frames[-1][0]} if self.frames else {}

    def hand_out(self, venue_id: int, topic: str, seq: int, payload: bytes) -> None:
        assert (venue_id, topic, payload) == (*KEY, b"%d" % seq)
        self.got.append(seq)
        self.changed.set()

    def make(self, *, lost: bool = False) -> None:
        """Make the next frame; a lost one reaches the server's ring and not Redis."""
        seq = len(self.frames) + 1
        self.frames.append((seq, b"%d" % seq))
        if not lost:
            self.publisher.put(*KEY, seq, b"%d" % seq)

    async def join(self) -> Numbered:
        self.relay.subscribe(KEY)
        await self.relay.ready(KEY)
        return await self.relay.complete(KEY, -1, await self.fetch(KEY, -1) or [])

    async def until(self, *seqs: int) -> None:
        async with asyncio.timeout(10):
            while self.got != list(seqs):
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def feeds(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Feeds]:
    monkeypatch.setattr(feed_redis, "BEAT_S", 0.05)
    feeds = Feeds(valkey_url)
    feeds.relay.start()
    task = asyncio.create_task(feeds.publisher.run())
    yield feeds
    await feeds.relay.close()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_frames_are_handed_out_once_and_in_order(feeds: Feeds) -> None:
    feeds.make()
    assert await feeds.join() == [(1, b"1")]
    for _ in range(3):
        feeds.make()
    feeds.publisher.put(*KEY, 2, b"2")  # Redis may also say a thing twice
    feeds.make()
    await feeds.until(2, 3, 4, 5)
    assert feeds.fetched == [-1]


async def test_a_hole_is_filled_before_the_frame_that_showed_it(feeds: Feeds) -> None:
    await feeds.join()
    feeds.make()
    feeds.make(lost=True)
    feeds.make(lost=True)
    feeds.make()
    await feeds.until(1, 2, 3, 4)


async def test_a_lost_last_frame_is_found_by_the_beat(feeds: Feeds) -> None:
    await feeds.join()
    feeds.make()
    await feeds.until(1)
    feeds.make(lost=True)
    await feeds.until(1, 2)


async def test_a_fill_that_fails_is_tried_again(feeds: Feeds) -> None:
    await feeds.join()
    feeds.is_down = True
    feeds.make(lost=True)
    feeds.make()
    feeds.is_down = False
    await feeds.until(1, 2)


async def test_who_joins_late_gets_what_was_handed_out_while_the_answer_travelled(
    feeds: Feeds,
) -> None:
    await feeds.join()
    feeds.make()
    late = await feeds.fetch(KEY, -1)
    assert late == [(1, b"1")]
    feeds.make()
    feeds.make()
    await feeds.until(1, 2, 3)
    assert await feeds.relay.complete(KEY, -1, late) == [(1, b"1"), (2, b"2"), (3, b"3")]


async def test_after_redis_dropped_the_readers_nothing_is_missing(
    feeds: Feeds, valkey_url: str
) -> None:
    await feeds.join()
    feeds.make()
    await feeds.until(1)
    async with redis.asyncio.from_url(valkey_url) as client:
        assert await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub") >= 1
    feeds.make()
    feeds.make()
    await feeds.until(1, 2, 3)


async def test_a_topic_given_up_is_no_longer_read(feeds: Feeds, valkey_url: str) -> None:
    await feeds.join()
    feeds.relay.unsubscribe(KEY)
    async with redis.asyncio.from_url(valkey_url) as client, asyncio.timeout(10):
        while dict(await client.pubsub_numsub("haidai:feed:1:ticker")) != {
            b"haidai:feed:1:ticker": 0
        }:
            await feeds.last_seqs(1)
    feeds.make()
    again = await feeds.join()
    assert (again, feeds.got) == ([(1, b"1")], [])


async def test_without_redis_the_beat_alone_brings_the_frames(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feed_redis, "BEAT_S", 0.05)
    monkeypatch.setattr(feed_redis, "_READY_S", 0.05)
    feeds = Feeds("redis://127.0.0.1:1/0")
    feeds.relay.start()
    assert await feeds.join() == []
    feeds.make(lost=True)
    await feeds.until(1)
    await feeds.relay.close()
    assert "Redis does not answer" in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_server_and_client_find_each_other_through_redis(
    journal_url: str, tmp_path: Path, valkey_url: str
) -> None:
    frames: list[tuple[int, Frame]] = []
    changed = asyncio.Event()

    def on_frame(venue_id: int, frame: Frame) -> None:
        frames.append((venue_id, frame))
        changed.set()

    await asyncio.to_thread(reference.load)
    link, address = f"unix://{tmp_path / 'engine.sock'}", f"unix://{tmp_path / 'feeds.sock'}"
    with engine(journal_url, link):
        task = asyncio.create_task(FeedServer(link, [1], valkey_url).run(address))
        client = FeedClient(address, on_frame, lambda: None, valkey_url)
        submit = LinkClient(link)
        await submit.connect()
        await client.connect()
        client.subscribe(1, "ticker")
        snapshot = await client.fetch(1, "ticker")
        assert snapshot is not None
        assert [seq for seq, _ in snapshot] == [0]
        market = Market()
        for command in (OpenDay(DAY), market.define(1, Mode.LISTED), market.define(2, Mode.LISTED)):
            await submit.submit(1, command)
        async with asyncio.timeout(10):
            while len(frames) < 2:
                changed.clear()
                await changed.wait()
        assert [(venue_id, frame.topic, frame.seq) for venue_id, frame in frames] == [
            (1, "ticker", 1),
            (1, "ticker", 2),
        ]
        assert list(json.loads(frames[1][1].payload)["data"]["instruments"]) == ["2"]
        assert await client.last_seqs(1) == {"ticker": 2}
        assert await client.last_seqs(9) == {}
        await submit.close()
        await client.close()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
