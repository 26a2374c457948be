"""Durable commands per second and the wait for an acknowledgement: sequencer and journal together.

One venue, the order flow of a busy matched instrument: about half passive limits, two fifths
cancels, a tenth that trades. Commands are offered at a fixed rate whether or not the writer keeps
up, and each is timed from the moment at which it was due. Every block is really synced to the disk;
p99 repeats badly on shared disks: rank nothing by it. `fsync_us` is the disk's own time beside it.

Run: python -m tests.benchmarks.bench_durable [--commands 200000] [--offered 50000]
"""

import argparse
import asyncio
import gc
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from exchange.journal import install, open_journal
from exchange.sequencer import Result, Sequencer, Waiting, collect_only_when_idle
from matching.commands import AnyCommand, CancelOrder, EnterOrder, Side, TimeInForce
from matching.engine import Engine
from matching.events import OrderCancelled, OrderRested, TradeExecuted
from tests import servers
from tests.durability.market import BUYERS, PRICE, SELLERS, VENUE, opening

START_US = 1_800_000_000_000_000
OPEN_ORDERS = 2_000


def flow(count: int, seed: int = 7) -> list[AnyCommand]:
    """Return `count` commands; an engine that executes them in this order refuses none."""
    chance = random.Random(seed)
    engine = Engine(VENUE)
    engine.begin_block(1, START_US)
    for command in opening():
        engine.apply(command)
    firm_of: dict[int, int] = {}
    ids: list[int] = []
    commands: list[AnyCommand] = []
    while len(commands) < count:
        name = f"c{len(commands)}"
        command: AnyCommand
        draw = chance.random()
        while ids and ids[-1] not in firm_of:
            ids.pop()
        if ids and (len(firm_of) > OPEN_ORDERS or draw < 0.4):
            place = chance.randrange(len(ids))
            ids[place], ids[-1] = ids[-1], ids[place]
            order_id = ids.pop()
            if order_id not in firm_of:
                continue
            command = CancelOrder(firm_of[order_id], 1, name, START_US, order_id)
        else:
            buys = chance.random() < 0.5
            firm = chance.choice(BUYERS if buys else SELLERS)
            away = -3 if draw > 0.9 else min(int(chance.expovariate(1 / 25)) + 1, 150)
            price = PRICE - away if buys else PRICE + away
            side = Side.BUY if buys else Side.SELL
            lots = chance.randint(1, 50)
            command = EnterOrder(firm, 1, name, START_US, 1, side, TimeInForce.DAY, price, lots)
        commands.append(command)
        for event in engine.apply(command):
            if type(event) is OrderRested:
                firm_of[event.order_id] = event.firm_id
                ids.append(event.order_id)
            elif type(event) is OrderCancelled:
                firm_of.pop(event.order_id, None)
            elif type(event) is TradeExecuted and event.maker_open_lots == 0:
                firm_of.pop(event.maker_order_id, None)
    return commands


async def drive(sequencer: Sequencer, commands: list[AnyCommand], offered_per_s: int) -> Any:
    """Offer the commands at the rate; return (latencies in s, seconds in all, refusals)."""
    latencies: list[float] = []
    refused: dict[str, int] = {}
    done = asyncio.Event()
    left = len(commands)

    def one(due: float) -> Any:
        def answer(outcome: Result | str) -> None:
            nonlocal left
            if isinstance(outcome, str):
                refused[outcome] = refused.get(outcome, 0) + 1
            else:
                latencies.append(time.perf_counter() - due)
            left -= 1
            if not left:
                done.set()

        return answer

    work = asyncio.create_task(sequencer.run())
    began = time.perf_counter()
    deadline = time.monotonic() + 600
    sent = 0
    while sent < len(commands):
        due = min(int((time.perf_counter() - began) * offered_per_s), len(commands))
        for number in range(sent, due):
            waiting = Waiting(commands[number], 60, deadline, one(began + number / offered_per_s))
            sequencer.submit(VENUE, waiting)
        sent = max(sent, due)
        await asyncio.sleep(0)
    await done.wait()
    took = time.perf_counter() - began
    work.cancel()
    return latencies, took, refused


def fsync_us(directory: Path) -> int:
    """Return the median time of one small write with fsync."""
    took = []
    with open(directory / "probe", "wb") as out:
        for _ in range(50):
            began = time.perf_counter_ns()
            out.write(b"x" * 4096)
            out.flush()
            os.fsync(out.fileno())
            took.append(time.perf_counter_ns() - began)
    return sorted(took)[25] // 1000


def run(commands: int, url: str, offered_per_s: int) -> dict[str, Any]:
    """Measure one journal: `sqlite:///path` or `postgresql://…`, made and empty."""
    queue = flow(commands)
    began_us = time.time_ns() // 1000
    journal = open_journal(url)
    sequencer = Sequencer(
        journal, [VENUE], clock=lambda: START_US + time.time_ns() // 1000 - began_us
    )
    for command in opening():
        sequencer.submit(VENUE, Waiting(command, 60, time.monotonic() + 60, lambda _: None))
    sequencer._serve(sequencer.venues[VENUE])
    first = sequencer.venues[VENUE].seq
    collect_only_when_idle()
    cpu = time.process_time()
    latencies, took, refused = asyncio.run(drive(sequencer, queue, offered_per_s))
    cpu = time.process_time() - cpu
    gc.enable()
    gc.unfreeze()
    blocks = sequencer.venues[VENUE].seq - first
    sequencer.venues[VENUE].engine.check()
    journal.close()
    latencies.sort()
    at = len(latencies) - 1
    return {
        "benchmark": "durable",
        "journal": url.split(":")[0],
        "commands": commands,
        "offered_per_s": offered_per_s,
        "durable_per_s": round(len(latencies) / took),
        "ack_p50_ms": round(latencies[at // 2] * 1000, 2),
        "ack_p99_ms": round(latencies[at * 99 // 100] * 1000, 2),
        "blocks": blocks,
        "commands_per_block": round(len(latencies) / max(blocks, 1), 1),
        "cpu_s": round(cpu, 2),
        "refused": refused,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=200_000, help="how many commands")
    parser.add_argument("--offered", type=int, default=50_000, help="commands offered per second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        print(json.dumps({"fsync_us": fsync_us(home)}))
        for offered in (options.offered // 10, options.offered):
            url = f"sqlite://{home / f'journal-{offered}.sqlite3'}"
            count = min(options.commands, offered * 8)
            print(json.dumps(run(count, url, offered)), flush=True)
        postgres = servers.Postgres(home / "postgresql")
        try:
            for offered in (options.offered // 10, options.offered):
                database = postgres.new_database()
                install(postgres.url("haidai_owner", database))
                url = postgres.url("haidai_engine", database)
                count = min(options.commands, offered * 8)
                print(json.dumps(run(count, url, offered)), flush=True)
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
