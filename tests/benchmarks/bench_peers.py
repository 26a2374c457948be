"""The engine beside other people's Python engines: the same flow, in one run, ratios printed.

The flow is `bench_engine`'s. What a peer cannot do is said its way: an amendment is a cancel and a
new order, an immediate order is entered and withdrawn. No peer checks cover, bands or phases, knows
repeated commands or holds a resale lock; ours does all of it. Each peer's commands are made
before its clock starts, and the trades that it reports are printed beside.

Run by `make bench-peers`, in an environment of its own: the fastest peer wants Python 3.12.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import time
from collections.abc import Callable, Iterator
from typing import Any

from matching.commands import AmendOrder, CancelOrder, EnterOrder, TimeInForce
from matching.engine import Engine
from matching.events import TradeExecuted
from tests.benchmarks import bench_engine

Step = tuple[str, int, int, int, int, int]
"""(enter | ioc | cancel, order id, firm, side, price, lots)."""


def steps(played: bench_engine.Blocks) -> Iterator[Step]:
    """Yield the flow in words that every engine knows, with our order ids."""
    last_id = 0
    sides: dict[int, int] = {}
    for _, block in played:
        for command in block:
            if isinstance(command, EnterOrder):
                last_id += 1
                side = sides[last_id] = int(command.side)
                kind = "ioc" if command.tif is TimeInForce.IOC else "enter"
                price, lots = command.price_ticks, command.quantity_lots
                yield kind, last_id, command.firm_id, side, price, lots
            elif isinstance(command, CancelOrder):
                yield "cancel", command.order_id, command.firm_id, sides[command.order_id], 0, 0
            elif isinstance(command, AmendOrder):
                number, firm = command.order_id, command.firm_id
                side, price = sides[number], command.price_ticks
                yield "cancel", number, firm, side, 0, 0
                yield "enter", number, firm, side, price, command.quantity_lots


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """Return seconds and what `work` counted, the collector off."""
    gc.collect()
    gc.disable()
    began = time.perf_counter()
    counted = work()
    spent = time.perf_counter() - began
    gc.enable()
    return spent, counted


def haidai(played: bench_engine.Blocks) -> tuple[float, int]:
    """Ours, everything on."""
    engine: Engine = bench_engine.market()

    def work() -> int:
        trades = 0
        for seq, (ts, block) in enumerate(played, 2):
            engine.begin_block(seq, ts)
            for events in engine.apply_all(block):
                for event in events:
                    trades += type(event) is TradeExecuted
        return trades

    return timed(work)


def matching_engine(flow: list[Step]) -> tuple[float, int]:
    """matching-engine 0.1.1 (MIT): `SortedList` of keys, intrusive lists, msgspec events."""
    from matching_engine import domain
    from matching_engine.engine import MatchingEngine
    from matching_engine.events import Trade

    sides = {1: domain.Side.BUY, 2: domain.Side.SELL}
    times = {"enter": domain.TimeInForce.GTC, "ioc": domain.TimeInForce.IOC}
    commands = [
        domain.SequencedCommand(
            seq,
            0,
            domain.CancelOrder(number, firm)
            if kind == "cancel"
            else domain.NewOrder(number, firm, sides[side], price, lots, tif=times[kind]),
        )
        for seq, (kind, number, firm, side, price, lots) in enumerate(flow, 1)
    ]
    process = MatchingEngine().process

    def work() -> int:
        trades = 0
        for command in commands:
            for event in process(command):
                trades += type(event) is Trade
        return trades

    return timed(work)


def pyorderbook(flow: list[Step]) -> tuple[float, int]:
    """pyorderbook 0.4.9 (MIT): heaps of levels, decimals, UUIDs."""
    import logging

    from pyorderbook.book import Book
    from pyorderbook.order import Order
    from pyorderbook.order import Side as TheirSide

    logging.disable()
    sides = {1: TheirSide.BID, 2: TheirSide.ASK}
    latest: dict[int, Any] = {}
    commands = []
    for kind, number, _, side, price, lots in flow:
        if kind != "cancel":
            latest[number] = Order(sides[side], "coal", price, lots)
            commands.append((True, latest[number]))
        if kind != "enter":
            commands.append((False, latest[number]))
    book = Book()

    def work() -> int:
        trades = 0
        match, cancel, known = book.match, book.cancel, book.order_map
        for enters, order in commands:
            if enters:
                trades += len(match(order).trades)
            elif order.id in known:
                cancel(order)
        return trades

    return timed(work)


def lightmatchingengine(flow: list[Step]) -> tuple[float, int]:
    """lightmatchingengine 2019.1.4 (MIT): dicts of price levels, lists of orders."""
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine

    made = 0
    latest: dict[int, int] = {}
    commands = []
    for kind, number, _, side, price, lots in flow:
        if kind != "cancel":
            made += 1
            latest[number] = made
            commands.append((True, made, price, lots, side))
        if kind != "enter":
            commands.append((False, latest[number], 0, 0, 0))
    engine = LightMatchingEngine()

    def work() -> int:
        trades = 0
        add, cancel = engine.add_order, engine.cancel_order
        for enters, number, price, lots, side in commands:
            if enters:
                # It reports each fill once for the taker's level and once for each maker.
                trades += sum(t.order_id != number for t in add("coal", price, lots, side)[1])
            else:
                order = engine.order_books["coal"].order_id_map.get(number)
                if order is not None and order.leaves_qty:  # it asserts on what was filled
                    cancel(number, "coal")
        return trades

    return timed(work)


PEERS: dict[str, Callable[[list[Step]], tuple[float, int]]] = {
    "matching-engine 0.1.1": matching_engine,
    "pyorderbook 0.4.9": pyorderbook,
    "lightmatchingengine 2019.1.4": lightmatchingengine,
}


def run(commands: int = 200_000, rounds: int = 3) -> list[dict[str, Any]]:
    """Measure ours and every peer in turn, `rounds` times; the best of each counts."""
    rows = bench_engine.flow(commands)
    played, engine, _ = bench_engine.drive_engine(rows)
    engine.check()
    flow = list(steps(played))
    asked = sum(len(block) for _, block in played)
    best: dict[str, tuple[float, int]] = {}
    for _ in range(rounds):
        for name in ("haidai", *PEERS):
            found = haidai(played) if name == "haidai" else PEERS[name](flow)
            best[name] = min(best.get(name, found), found)
    probe = min(bench_engine.drive_probe(rows) for _ in range(rounds))
    ours = best["haidai"][0]
    result = [
        {
            "benchmark": "peers",
            "peer": name,
            "commands_per_s": round(asked / spent),
            "trades": trades,
            "haidai_to_peer": round(spent / ours, 2),
            "ratio_to_probe": round(probe / spent, 2),
        }
        for name, (spent, trades) in best.items()
    ]
    print(f"Python {platform.python_version()}, {asked} commands")
    for row in result:
        print(
            f"{row['peer']:30s} {row['commands_per_s']:>10,} commands/s  {row['trades']:>7,} trades"
            f"  ours: x {row['haidai_to_peer']}"
        )
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=200_000, help="how many to drive")
    for line in run(parser.parse_args().commands):
        print(json.dumps(line))
