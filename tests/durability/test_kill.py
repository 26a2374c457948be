"""The engine's process dies under load: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.link import LinkClient
from tests.durability.load import Load, check_journal
from tests.durability.process import EngineProcess, link, run

ROUNDS = int(os.environ.get("KILL_ROUNDS", "3"))
"""How often the engine is killed; a release wants hundreds."""


@pytest.fixture
def engine(tmp_path: Path, journal_url: str) -> Iterator[EngineProcess]:
    process = EngineProcess(tmp_path, journal_url)
    yield process
    process.close()


async def kill_under_load(engine: EngineProcess, rounds: int) -> Load:
    """Kill and restart `engine` again and again at moments of chance; stop it cleanly at last."""
    chance = random.Random(7)
    engine.start()
    load = Load(link(engine.data))
    client = LinkClient(load.address)
    await client.connect()
    await load.open_market(client)
    tasks = [asyncio.create_task(load.client(client)) for _ in range(load.clients)]
    for _ in range(rounds):
        await load.grow(chance.randrange(50, 400))
        engine.kill()
        engine.start()
    await load.grow(200)
    load.stop = True
    await asyncio.gather(*tasks)
    await client.close()
    engine.signal(signal.SIGTERM)
    assert await asyncio.to_thread(engine.wait) == 0, engine.output()
    return load


@pytest.mark.databases
async def test_no_acknowledged_command_is_lost_or_executed_twice_when_the_engine_is_killed(
    engine: EngineProcess,
) -> None:
    load = await kill_under_load(engine, ROUNDS)

    blocks = check_journal(engine.journal_url, load.answers)

    assert {block.epoch for block in blocks} == set(range(1, ROUNDS + 2))
    said = [
        run(engine.data, engine.journal_url, "replay", "--verify", PYTHONHASHSEED=seed)
        for seed in ("1", "42")
    ]
    assert [code for code, _ in said] == [0, 0], said
    states = [text.split("state ")[1] for _, text in said]
    assert states[0] == states[1], "the same under any order of hashing"


@pytest.mark.databases
async def test_a_frozen_writer_is_replaced_and_can_not_write_when_it_wakes(
    tmp_path: Path, journal_url: str
) -> None:
    if journal_url.startswith("sqlite"):
        return  # one process holds the file; see test_a_second_engine_is_refused_by_name
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = EngineProcess(tmp_path / "a", journal_url)
    second = EngineProcess(tmp_path / "b", journal_url)
    with contextlib.closing(first), contextlib.closing(second):
        first.start()
        load = Load(link(first.data))
        client = LinkClient(load.address)
        await client.connect()
        await load.open_market(client)
        tasks = [asyncio.create_task(load.client(client)) for _ in range(load.clients)]
        await load.grow(300)
        first.signal(signal.SIGSTOP)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        second.start()  # waits until the lease of the frozen one has run out
        other = LinkClient(link(second.data))
        await other.connect()
        tasks = [asyncio.create_task(load.client(other)) for _ in range(load.clients)]
        await load.grow(300)
        first.signal(signal.SIGCONT)
        assert await asyncio.to_thread(first.wait) == 1
        assert "another writer holds the lease" in first.output()
        await load.grow(300)
        load.stop = True
        await asyncio.gather(*tasks)
        await client.close()
        await other.close()
    blocks = check_journal(journal_url, load.answers)
    assert {block.epoch for block in blocks} == {1, 2}


def test_a_second_engine_is_refused_by_name(engine: EngineProcess) -> None:
    async def started() -> None:
        client = LinkClient(link(engine.data))
        await client.connect()
        await client.close()

    engine.start()
    asyncio.run(started())
    assert engine.process is not None

    code, said = run(engine.data, engine.journal_url, "engine", "--venues", "1")

    assert code == 1
    assert f"belongs to a running instance (pid {engine.process.pid})" in said
    assert "Traceback" not in said
