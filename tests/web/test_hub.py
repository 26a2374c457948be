"""The hub: every reader the same frames without a hole; slow ones cost nobody else anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from exchange.sequencer import now_us
from matching.commands import EnterOrder, Side, TimeInForce
from tests.web.stage import Stage, feeds, seeded, stage, until
from web import hub as hub_module
from web.hub import TOO_SLOW, Hub, Subscriber, get_hub

__all__ = ["seeded", "stage"]


class Reader:
    """A socket's end: what it was sent, and whether it reads at the moment."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.texts: list[str] = []
        self.closed = 0
        self.reads = asyncio.Event()
        self.reads.set()
        self.subscriber = Subscriber(1, self._send, self._close)
        hub.add(self.subscriber)

    async def _send(self, text: str) -> None:
        await self.reads.wait()
        self.texts.append(text)

    async def _close(self, code: int) -> None:
        self.closed = code

    def frames(self, *kinds: str) -> list[dict[str, Any]]:
        """Return what arrived, only `kinds` if given."""
        found = [json.loads(text) for text in self.texts]
        return [frame for frame in found if not kinds or frame["t"] in kinds]

    def seqs(self) -> list[int]:
        """Return the numbers of snapshots and updates, as they arrived."""
        return [frame["seq"] for frame in self.frames("snapshot", "update")]


async def order(stage: Stage, hub: Hub) -> None:
    """Enter an order of the buyer: one block that changes book, orders and funds."""
    stage.numbers += 1
    who = (stage.buyer.pk, 1, f"h{stage.numbers}", now_us())
    terms = (Side.BUY, TimeInForce.DAY, 700, 500)
    await hub.link.submit(1, EnterOrder(*who, stage.coal.pk, *terms))


async def trade(stage: Stage, hub: Hub, times: int = 1) -> None:
    """Enter orders, one a block, and wait for each until the hub has heard of it."""
    listener = Reader(hub)
    await hub.join(listener.subscriber, f"book.{stage.coal.pk}")
    for number in range(1, times + 1):
        await order(stage, hub)
        await until(lambda number=number: len(listener.frames("update")) == number)
    hub.remove(listener.subscriber)


async def test_all_readers_get_the_same_text_from_one_subscription(stage: Stage) -> None:
    hub = get_hub()
    topic = f"book.{stage.coal.pk}"
    first, second = Reader(hub), Reader(hub)
    assert await hub.join(first.subscriber, topic)
    assert await hub.join(second.subscriber, topic)
    assert hub.feed._topics == {(1, topic)}
    await trade(stage, hub, 2)
    await until(lambda: len(first.texts) == len(second.texts) == 3)
    assert [frame["t"] for frame in first.frames()] == ["snapshot", "update", "update"]
    assert first.texts == second.texts
    hub.remove(first.subscriber)
    assert hub.feed._topics == {(1, topic)}
    hub.leave(second.subscriber, topic)
    assert (hub.feed._topics, hub._listeners) == (set(), {})


async def test_a_reader_resumes_from_the_number_it_has(stage: Stage) -> None:
    hub = get_hub()
    topic = f"book.{stage.coal.pk}"
    await trade(stage, hub, 3)
    reader = Reader(hub)
    await hub.join(reader.subscriber, topic)
    newest = reader.subscriber.topics[topic]
    assert newest is not None
    later = Reader(hub)
    await hub.join(later.subscriber, topic, newest - 2)
    await until(lambda: len(later.texts) == 2)
    assert [(f["t"], f["seq"]) for f in later.frames()] == [
        ("update", newest - 1),
        ("update", newest),
    ]
    beyond = Reader(hub)
    await hub.join(beyond.subscriber, topic, newest + 5)
    await until(lambda: len(beyond.texts) == 1)
    assert [frame["t"] for frame in beyond.frames()] == ["snapshot"]


async def test_a_slow_reader_of_public_topics_gets_the_newest_state_instead(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "PUBLIC_BACKLOG", 3)
    hub = get_hub()
    topic = f"book.{stage.coal.pk}"
    slow, quick = Reader(hub), Reader(hub)
    slow.reads.clear()
    await hub.join(slow.subscriber, topic)
    await hub.join(quick.subscriber, topic)
    await trade(stage, hub, 8)
    assert slow.subscriber.waiting <= 3
    slow.reads.set()
    await until(lambda: not slow.subscriber.waiting)
    await hub.heartbeat()
    await until(lambda: slow.frames("snapshot")[-1]["seq"] == quick.seqs()[-1])
    assert len(slow.frames("snapshot", "update")) < len(quick.frames("snapshot", "update"))
    await trade(stage, hub)
    await until(lambda: slow.texts[-1] == quick.texts[-1])
    assert slow.closed == 0


async def test_a_slow_reader_of_private_topics_is_closed_and_costs_no_memory(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "PRIVATE_BACKLOG", 4)
    hub = get_hub()
    slow = Reader(hub)
    slow.reads.clear()
    await hub.join(slow.subscriber, f"orders:{stage.buyer.pk}")
    await trade(stage, hub, 8)
    await until(lambda: slow.closed == TOO_SLOW)
    assert slow.subscriber.waiting == 0
    await trade(stage, hub)
    assert slow.subscriber.waiting == 0


async def test_heartbeats_carry_the_last_numbers_and_do_not_pile_up(stage: Stage) -> None:
    hub = get_hub()
    reader = Reader(hub)
    await hub.join(reader.subscriber, f"funds:{stage.buyer.pk}")
    await trade(stage, hub)
    await until(lambda: len(reader.texts) >= 2)
    await hub.heartbeat()
    await until(lambda: bool(reader.frames("heartbeat")))
    beat = reader.frames("heartbeat")[-1]
    assert (beat["state"], beat["seqs"]) == ("open", {"funds": reader.seqs()[-1]})
    reader.reads.clear()
    for _ in range(5):
        await hub.heartbeat()
    assert reader.subscriber.waiting <= 1


async def test_a_frame_that_was_lost_on_the_way_is_fetched(stage: Stage) -> None:
    hub = get_hub()
    topic = f"book.{stage.coal.pk}"
    reader = Reader(hub)
    await hub.join(reader.subscriber, topic)
    before = reader.subscriber.topics[topic]
    assert before is not None
    hub.feed.unsubscribe(1, topic)  # as if the relay had dropped it
    other = hub_module.Hub()
    other.start()
    await other.feed.connect()
    await other.link.connect()
    await trade(stage, other)
    await other.close()
    hub.feed.subscribe(1, topic)
    await trade(stage, hub)
    await until(lambda: reader.seqs() == [before, before + 1, before + 2])


async def test_who_leaves_while_a_snapshot_is_fetched_leaves_nothing_behind(stage: Stage) -> None:
    hub = get_hub()
    reader = Reader(hub)
    joining = asyncio.create_task(hub.join(reader.subscriber, "ticker"))
    await asyncio.sleep(0)
    hub.remove(reader.subscriber)
    await joining
    assert (hub._listeners, hub.feed._topics, reader.subscriber.topics) == ({}, set(), {})


@contextlib.asynccontextmanager
async def started() -> AsyncIterator[Hub]:
    hub = Hub()
    hub.start()
    try:
        yield hub
    finally:
        await hub.close()


async def test_readers_go_on_without_a_hole_when_the_feeds_come_back(seeded: Stage) -> None:
    topic = f"orders:{seeded.buyer.pk}"
    async with started() as hub:
        async with feeds():
            await hub.feed.connect()
            await hub.link.connect()
            reader = Reader(hub)
            await hub.join(reader.subscriber, topic)
            await trade(seeded, hub, 2)
            assert await hub.refresh_state(1) == "open"
        await until(lambda: not hub.feed.is_up)
        assert await hub.refresh_state(1) == "recovering"
        await until(lambda: [f["state"] for f in reader.frames("state")] == ["recovering"])
        await order(seeded, hub)
        async with feeds():
            await hub.feed.connect()
            await trade(seeded, hub)
            first = reader.seqs()[0]
            await until(lambda: reader.seqs() == [first + n for n in range(5)])
            assert await hub.refresh_state(1) == "open"
