"""Commands per second through the engine, with every check, cover, dedup and events on.

One instrument, four firms: 45 % passive limit, 40 % cancel, 5 % amend, 8 % aggressive, 2 % IOC far
from the market; about 2,000 open orders. The probe beside it is a bare `SortedDict` of price levels
without accounts, checks, dedup or event objects, on the same flow; trust the ratio.

Run: python -m tests.benchmarks.bench_engine [--commands 200000]
"""

import argparse
import gc
import json
import random
import time
from collections import OrderedDict
from typing import Any

from sortedcontainers import SortedDict

from matching.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    ChangePhase,
    CreditCash,
    CreditGoods,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    Mode,
    OpenDay,
    Phase,
    Side,
    TimeInForce,
)
from matching.engine import Engine

START_US = 1_800_000_000_000_000
OPEN_ORDERS = 2_000
MIDDLE = 10_000


def market() -> Engine:
    """Return an engine with one open instrument and four rich firms: 1, 2 buy; 3, 4 sell."""
    engine = Engine(1)
    engine.begin_block(1, START_US)
    setup: list[AnyCommand] = [OpenDay(20261123)]
    setup += [DefineFirm(firm, firm) for firm in (1, 2, 3, 4)]
    setup.append(
        DefineInstrument(
            1, Mode.MATCHED, 100, 1000, 1, 1, 10**6, 10**14, MIDDLE, 1, 2 * MIDDLE, 10_000, 0, 5, 5,
            approval_id=1,
        )
    )  # fmt: skip
    setup += [ChangePhase(1, Phase.PRE_OPEN), ChangePhase(1, Phase.CONTINUOUS)]
    setup += [CreditCash(f"cash{firm}", firm, 10**15) for firm in (1, 2)]
    setup += [CreditGoods(f"goods{n}", n, n, 3 + n % 2, 1, 10**9, 10**12, 0) for n in range(1, 21)]
    for command in setup:
        events = engine.apply(command)
        assert type(events[0]).__name__ != "CommandRejected", (command, events)
    return engine


def flow(commands: int, seed: int = 7) -> list[tuple[str, int, int, int, int]]:
    """Return (kind, side, price, lots, which open order) rows; what is open is tracked roughly."""
    chance = random.Random(seed)
    rows = []
    open_orders = 0
    for _ in range(commands):
        draw = chance.random()
        side = chance.choice((1, 2))
        lots = chance.randint(1, 50)
        away = min(int(chance.expovariate(1 / 25)) + 1, 150)
        price = MIDDLE - away if side == 1 else MIDDLE + away
        if open_orders < OPEN_ORDERS // 2 or draw < 0.45:
            rows.append(("enter", side, price, lots, 0))
            open_orders += 1
        elif draw < 0.85:
            rows.append(("cancel", side, 0, 0, chance.randrange(1 << 30)))
            open_orders -= 1
        elif draw < 0.9:
            rows.append(("amend", side, price, lots, chance.randrange(1 << 30)))
        elif draw < 0.98:
            through = MIDDLE + 3 if side == 1 else MIDDLE - 3
            rows.append(("enter", side, through, lots, 0))
        else:
            far = MIDDLE - 200 if side == 1 else MIDDLE + 200
            rows.append(("ioc", side, far, lots, 0))
    return rows


Blocks = list[tuple[int, list[AnyCommand]]]


def drive_engine(rows: list[tuple[str, int, int, int, int]]) -> tuple[Blocks, Engine, int]:
    """Play the flow once; return its blocks of commands, the engine, and the number of trades."""
    engine = market()
    orders: OrderedDict[int, int] = OrderedDict()
    ids: list[int] = []
    played: Blocks = []
    trades = 0
    seq = 1
    number = 0
    for start in range(0, len(rows), 500):
        block: list[AnyCommand] = []
        ts = START_US + (start + 500) * 100
        for kind, side, price, lots, which in rows[start : start + 500]:
            number += 1
            client_id = f"c{number}"
            if kind in ("enter", "ioc"):
                firm = (1 + number % 2) if side == 1 else (3 + number % 2)
                tif = TimeInForce.DAY if kind == "enter" else TimeInForce.IOC
                block.append(EnterOrder(firm, 1, client_id, ts, 1, Side(side), tif, price, lots))
            else:
                while ids and ids[which % len(ids)] not in orders:
                    ids[which % len(ids)] = ids[-1]
                    ids.pop()
                if not ids:
                    continue
                order_id = ids[which % len(ids)]
                firm = orders[order_id]
                if kind == "cancel":
                    block.append(CancelOrder(firm, 1, client_id, ts, order_id))
                else:
                    if (price < MIDDLE) != (firm <= 2):
                        price = 2 * MIDDLE - price
                    block.append(AmendOrder(firm, 1, client_id, ts, order_id, price, 60))
        seq += 1
        engine.begin_block(seq, ts)
        answers = engine.apply_all(block)
        played.append((ts, block))
        for events in answers:
            for event in events:
                name = type(event).__name__
                if name == "OrderRested":
                    if event.order_id not in orders:
                        ids.append(event.order_id)
                    orders[event.order_id] = event.firm_id
                elif name == "OrderCancelled":
                    orders.pop(event.order_id, None)
                elif name == "TradeExecuted":
                    trades += 1
                    if event.maker_open_lots == 0:
                        orders.pop(event.maker_order_id, None)
    return played, engine, trades


def time_engine(played: Blocks) -> float:
    """Return seconds that a fresh engine needs for the same commands, nothing else in the loop."""
    engine = market()
    gc.collect()
    gc.disable()
    began = time.perf_counter()
    seq = 1
    for ts, block in played:
        seq += 1
        engine.begin_block(seq, ts)
        engine.apply_all(block)
    spent = time.perf_counter() - began
    gc.enable()
    return spent


def drive_probe(rows: list[tuple[str, int, int, int, int]]) -> float:
    """Return seconds of the bare probe: dict of orders, `SortedDict` of levels, nothing else."""
    sides: dict[int, Any] = {1: SortedDict(), 2: SortedDict()}
    index: dict[int, tuple[int, int]] = {}
    ids: list[int] = []
    number = 0
    gc.disable()
    began = time.perf_counter()
    for kind, side, price, lots, which in rows:
        if kind in ("enter", "ioc", "amend"):
            if kind == "amend":
                if not ids:
                    continue
                gone = ids[which % len(ids)]
                if gone in index:
                    key, old_side = index.pop(gone)
                    level = sides[old_side][key]
                    del level[gone]
                    if not level:
                        del sides[old_side][key]
            number += 1
            other = sides[3 - side]
            limit = -price if side == 2 else price
            while lots and other:
                key, level = other.peekitem(0)
                if key > limit:
                    break
                maker, there = next(iter(level.items()))
                take = min(there, lots)
                lots -= take
                if take == there:
                    del level[maker]
                    index.pop(maker, None)
                    if not level:
                        del other[key]
                else:
                    level[maker] = there - take
            if lots and kind != "ioc":
                key = -price if side == 1 else price
                mine = sides[side]
                level = mine.get(key)
                if level is None:
                    level = mine[key] = {}
                level[number] = lots
                index[number] = (key, side)
                ids.append(number)
        elif ids:
            gone = ids[which % len(ids)]
            if gone in index:
                key, old_side = index.pop(gone)
                level = sides[old_side][key]
                del level[gone]
                if not level:
                    del sides[old_side][key]
            ids[which % len(ids)] = ids[-1]
            ids.pop()
    spent = time.perf_counter() - began
    gc.enable()
    return spent


def run(commands: int = 200_000) -> dict[str, Any]:
    """Measure engine and probe on the same flow in one run."""
    rows = flow(commands)
    played, engine, trades = drive_engine(rows)
    engine.check()
    spent = min(time_engine(played) for _ in range(3))
    probe = min(drive_probe(rows) for _ in range(3))
    commands = sum(len(block) for _, block in played)
    return {
        "benchmark": "engine",
        "commands": commands,
        "trades": trades,
        "open_orders": len(engine.open_orders()),
        "commands_per_s": round(commands / spent),
        "probe_commands_per_s": round(commands / probe),
        "ratio_to_probe": round(probe / spent, 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=200_000, help="how many commands to drive")
    print(json.dumps(run(parser.parse_args().commands)))
