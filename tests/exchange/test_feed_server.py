"""The feed server: one connection a web process, in order, no holes, resumed after restarts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from exchange import feed_server, reference
from exchange.feed_server import FeedClient, FeedServer
from exchange.feeds import FeedBuilder, Frame
from exchange.frames import Address, pack, read_frame
from exchange.limits import FEED_FETCH_BYTES
from exchange.link import LinkClient, LinkError
from exchange.models import FeedState, Firm
from matching.commands import AnyCommand, DefineFirm, Mode, OpenDay
from tests.exchange.market import COAL, DAY, SQUID, Market
from tests.exchange.running import engine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def engine_link(journal_url: str, tmp_path: Path) -> Iterator[str]:
    reference.load()
    address = f"unix://{tmp_path / 'engine.sock'}"
    with engine(journal_url, address):
        yield address


class Reader:
    """What a web process does: keeps frames in the order in which they come."""

    def __init__(self, address: str) -> None:
        self.frames: list[tuple[int, Frame]] = []
        self.resets = 0
        self.changed = asyncio.Event()
        self.client = FeedClient(address, self._on_frame, self._on_reset)

    def _on_frame(self, venue_id: int, frame: Frame) -> None:
        self.frames.append((venue_id, frame))
        self.changed.set()

    def _on_reset(self) -> None:
        self.resets += 1
        self.changed.set()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not done():
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def serving(link: str, address: str) -> AsyncIterator[FeedServer]:
    server = FeedServer(link, [1])
    task = asyncio.create_task(server.run(address))
    try:
        yield server
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def send(link: str, *commands: AnyCommand) -> int:
    """Submit the commands; return the block of the last."""
    client = LinkClient(link)
    await client.connect()
    seq = 0
    for command in commands:
        seq = (await client.submit(1, command)).seq
    await client.close()
    return seq


async def reached(reader: Reader, seq: int) -> None:
    """Wait until the server has read the block `seq`."""
    async with asyncio.timeout(10):
        while True:
            frames = await reader.client.fetch(1, "ticker")
            assert frames is not None
            if json.loads(frames[0][1])["block"] >= seq:
                return


def listing(*ids: int) -> list[AnyCommand]:
    return [OpenDay(DAY), *(Market().define(number, Mode.LISTED) for number in ids)]


async def test_a_subscriber_gets_a_snapshot_and_then_every_frame(
    engine_link: str, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path / 'feeds.sock'}"
    async with serving(engine_link, address):
        reader = Reader(address)
        await reader.client.connect()
        await reached(reader, await send(engine_link, *listing(COAL)))
        reader.client.subscribe(1, "ticker")
        snapshot = await reader.client.fetch(1, "ticker")
        assert snapshot is not None
        assert [seq for seq, _ in snapshot] == [1]
        await send(engine_link, *listing(SQUID)[1:])
        await reader.until(lambda: len(reader.frames) == 1)
        assert reader.frames[0][0] == 1
        assert json.loads(reader.frames[0][1].payload)["seq"] == 2
        missed = await reader.client.fetch(1, "ticker", 1)
        assert missed == [(2, reader.frames[0][1].payload)]
        assert await reader.client.fetch(1, "ticker", 2) == []
        assert await reader.client.fetch(1, "book.99") is None
        assert await reader.client.fetch(7, "ticker") is None
        reader.client.unsubscribe(1, "ticker")
        await reached(reader, await send(engine_link, Market().define(3, Mode.LISTED)))
        assert len(reader.frames) == 1
        await reader.client.close()


async def test_the_asker_has_its_answer_before_the_next_live_frame_is_handed_out() -> None:
    """The hub attaches a socket when the answer arrives; a frame handed out earlier is lost."""
    order: list[str] = []
    finished = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await read_frame(reader))[0] == "sub"
        _, request, *_ = await read_frame(reader)
        # One write: the answer and what follows it arrive together.
        frames = [pack("frame", 1, "ticker", seq, b"") for seq in (5, 6)]
        writer.write(b"".join([pack("fetched", request, [[4, b"snapshot"]]), *frames]))
        await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        finished.set()

    server = await Address("tcp://127.0.0.1:0").listen(serve)
    port = server.sockets[0].getsockname()[1]
    done = asyncio.Event()

    def on_frame(venue_id: int, frame: Frame) -> None:
        order.append(f"frame {frame.seq}")
        if frame.seq == 6:
            done.set()

    client = FeedClient(f"tcp://127.0.0.1:{port}", on_frame, lambda: None)
    await client.connect()
    client.subscribe(1, "ticker")
    frames = await client.fetch(1, "ticker")
    order.append(f"answer {frames[-1][0] if frames else None}")
    async with asyncio.timeout(10):
        await done.wait()
    assert order == ["answer 4", "frame 5", "frame 6"]
    await client.close()
    await finished.wait()
    server.close()


async def test_a_restart_goes_on_from_the_kept_state_with_the_same_numbers(
    engine_link: str, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path / 'feeds.sock'}"
    reader = Reader(address)
    async with serving(engine_link, address):
        await reader.client.connect()
        reader.client.subscribe(1, "ticker")
        await reached(reader, await send(engine_link, *listing(COAL)))
    kept = await FeedState.objects.aget(venue_id=1)
    assert kept.seq == 3
    last = await send(engine_link, Market().define(SQUID, Mode.LISTED))
    async with serving(engine_link, address) as server:
        await reader.until(lambda: reader.resets == 2)
        await reached(reader, last)
        missed = await reader.client.fetch(1, "ticker", 1)
        assert missed is not None
        assert [json.loads(payload)["t"] for _, payload in missed] == ["update"]
        assert [seq for seq, _ in missed] == [2]
        assert server._saved[1] == 3
    await reader.client.close()


async def test_a_firm_admitted_while_the_server_runs_has_its_code_in_the_next_frame(
    engine_link: str, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path / 'feeds.sock'}"
    async with serving(engine_link, address) as server:
        reader = Reader(address)
        await reader.client.connect()
        await reached(reader, await send(engine_link, OpenDay(DAY)))
        firm = await Firm.objects.acreate(code="newco", uscc="91379900MADEMZ9999", name_zh="新")
        await reached(reader, await send(engine_link, DefineFirm(firm.pk, firm.pk)))
        assert server._codes(firm.pk) == "NEWCO"
        await reader.client.close()


async def test_a_fetch_waits_until_the_history_is_through(engine_link: str, tmp_path: Path) -> None:
    """Or a reader that resumes would get a snapshot older than what it has seen."""
    address = f"unix://{tmp_path / 'feeds.sock'}"
    await send(engine_link, *listing(COAL, SQUID))
    later = tmp_path / "later.sock"
    async with serving(f"unix://{later}", address) as server:
        reader = Reader(address)
        await reader.client.connect()
        whole = asyncio.create_task(reader.client.fetch(1, "ticker"))
        missed = asyncio.create_task(reader.client.fetch(1, "ticker", 1))
        seqs = asyncio.create_task(reader.client.last_seqs(1))
        async with asyncio.timeout(5):
            while len(server._early[1]) < 3:
                await asyncio.sleep(0)
        later.symlink_to(engine_link.removeprefix("unix://"))
        snapshot = await whole
        assert snapshot is not None
        assert set(json.loads(snapshot[0][1])["data"]["instruments"]) == {str(COAL), str(SQUID)}
        assert [seq for seq, _ in await missed or ()] == [2]
        assert (await seqs)["ticker"] == 2
        await reader.client.close()


async def test_too_many_early_fetches_close_the_connection(
    engine_link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_server, "EARLY_FETCHES", 2)
    address = f"unix://{tmp_path / 'feeds.sock'}"
    async with serving(f"unix://{tmp_path / 'never.sock'}", address):
        first = Reader(address)
        await first.client.connect()
        await first.client.close()
        reader, writer = await Address(address).open()
        for number in range(3):
            writer.write(pack("fetch", number, 1, "ticker", -1))
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_resume_that_would_be_too_large_gets_the_snapshot(
    engine_link: str, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path / 'feeds.sock'}"
    async with serving(engine_link, address) as server:
        reader = Reader(address)
        await reader.client.connect()
        await reached(reader, await send(engine_link, *listing(COAL)))
        builder = server._builders[1]
        builder.rings["ticker"].extend([b"x" * (FEED_FETCH_BYTES // 2)] * 3)
        builder.seqs["ticker"] += 3
        frames = await reader.client.fetch(1, "ticker", 2)
        assert frames is not None
        assert frames[0][1] == b"x" * (FEED_FETCH_BYTES // 2)
        frames = await reader.client.fetch(1, "ticker", 1)
        assert frames is not None
        assert [json.loads(payload)["t"] for _, payload in frames] == ["snapshot"]
        await reader.client.close()


async def test_a_subscriber_that_does_not_read_is_dropped_and_the_others_go_on(
    engine_link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_server, "SUBSCRIBER_BACKLOG", 1_000)
    address = f"unix://{tmp_path / 'feeds.sock'}"
    async with serving(engine_link, address) as server:
        reader = Reader(address)
        await reader.client.connect()
        await reached(reader, await send(engine_link, *listing(COAL)))
        _, asleep = await Address(address).open()
        asleep.write(pack("sub", 1, "big"))
        reader.client.subscribe(1, "big")
        await reader.client.fetch(1, "ticker")
        async with asyncio.timeout(10):
            while len(server._subscribers.get((1, "big"), ())) < 2:
                await reader.client.fetch(1, "ticker")
        for sent in range(1, 100):
            server._publish(1, Frame("big", sent, b"x" * 100_000))
            await reader.until(partial(_has, reader, sent))
            if len(server._subscribers[1, "big"]) == 1:
                break
        assert sent < 99, "the sleeper was dropped"
        assert reader.client.is_up
        asleep.close()
        await reader.client.close()


def _has(reader: Reader, count: int) -> bool:
    return len(reader.frames) == count


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff\xff\xff\xff",
        pack("dance"),
        pack("sub"),
        pack("fetch", 1, 1, [], "x"),
        b"\0\0\0\1\xc1",
    ],
)
async def test_nonsense_closes_that_connection_only(
    nonsense: bytes, engine_link: str, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path / 'feeds.sock'}"
    async with serving(engine_link, address):
        reader = Reader(address)
        await reader.client.connect()
        other_reader, other = await Address(address).open()
        other.write(nonsense)
        async with asyncio.timeout(10):
            assert await other_reader.read() == b""
        other.close()
        await reached(reader, 1)
        await reader.client.close()


async def test_after_an_error_no_half_applied_state_is_kept(
    engine_link: str, tmp_path: Path
) -> None:
    address = f"unix://{tmp_path / 'feeds.sock'}"
    await send(engine_link, *listing(COAL))
    other = FeedBuilder(1, str)
    other.apply(Market().give())  # the first block of another journal
    await FeedState.objects.acreate(venue_id=1, seq=1, hash=other.hash, state=other.state())
    with pytest.raises(BaseExceptionGroup) as stopped:
        await FeedServer(engine_link, [1]).run(address)
    assert stopped.group_contains(RuntimeError, match="does not continue")
    assert [row.seq async for row in FeedState.objects.all()] == [1]


async def test_a_fetch_while_the_server_is_away_says_so(tmp_path: Path) -> None:
    reader = Reader(f"unix://{tmp_path / 'feeds.sock'}")
    reader.client.start()
    with pytest.raises(LinkError, match="RECOVERING"):
        await reader.client.fetch(1, "ticker")
    await reader.client.close()
