"""The engine's standard flows, everything on: every check, cover, dedup, events.

- single: one book of about 2,000 open orders (the flow of `bench_engine`);
- many: the same flow over 50 instruments;
- deep: a book of 100,000 orders on 10,000 levels, then the same mix of commands on it;
- uncross: a call auction of 100,000 orders that all cross;
- snapshot, restore: of the deep book;
- growth: ns a command at 1,000 to 1,000,000 resting orders and at 10 to 10,000 levels.

The probe beside them is a bare `SortedDict` of price levels on the single flow; trust the ratio.

Run: python -m tests.benchmarks.bench_matching [--scale 1] [--json]
"""

import argparse
import gc
import json
import random
import sys
import time
import tracemalloc
from typing import Any

from matching.commands import (
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
from matching.events import OrderEntered
from tests.benchmarks import bench_engine

START_US = bench_engine.START_US
MIDDLE = 50_000
BUYERS, SELLERS = tuple(range(1, 9)), tuple(range(9, 17))


def market(instruments: int) -> Engine:
    """Return an engine with open instruments, eight rich buyers and eight rich sellers."""
    engine = Engine(1)
    engine.begin_block(1, START_US)
    setup: list[AnyCommand] = [OpenDay(20261123)]
    setup += [DefineFirm(firm, firm) for firm in (*BUYERS, *SELLERS)]
    setup += [CreditCash(f"cash{firm}", firm, 10**15) for firm in BUYERS]
    receipt = 0
    for number in range(1, instruments + 1):
        setup.append(
            DefineInstrument(
                number, Mode.MATCHED, 100, 1000, 1, 1, 10**6, 10**14, MIDDLE, 1, 2 * MIDDLE,
                10_000, 0, 5, 5, approval_id=1,
            )
        )  # fmt: skip
        setup += [ChangePhase(number, Phase.PRE_OPEN), ChangePhase(number, Phase.CONTINUOUS)]
        for firm in SELLERS:
            receipt += 1
            goods = (receipt, receipt, firm, number, 10**9, 10**12, 0)
            setup.append(CreditGoods(f"goods{receipt}", *goods))
    for command in setup:
        events = engine.apply(command)
        assert type(events[0]).__name__ != "CommandRejected", (command, events)
    return engine


class Sender:
    """Makes commands with ids of their own, in blocks of 500 at 10,000 a second."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sent = 0

    def order(self, side: Side, price: int, lots: int, where: int = 1) -> EnterOrder:
        self.sent += 1
        firm = (BUYERS if side is Side.BUY else SELLERS)[self.sent % 8]
        at = START_US + self.sent // 10
        return EnterOrder(firm, 1, f"c{self.sent}", at, where, side, TimeInForce.DAY, price, lots)

    def give(self, commands: list[AnyCommand]) -> float:
        """Apply the commands; return seconds, nothing else in the loop."""
        engine = self.engine
        spent = 0.0
        gc.collect()
        gc.disable()
        for start in range(0, len(commands), 500):
            block = commands[start : start + 500]
            engine.begin_block(engine.seq + 1, START_US + (engine.seq + 1) * 50_000)
            began = time.perf_counter()
            engine.apply_all(block)
            spent += time.perf_counter() - began
        gc.enable()
        return spent


def filled(orders: int, levels: int, instruments: int = 1) -> Sender:
    """Return a market whose books hold `orders` on `levels` prices in all."""
    sender = Sender(market(instruments))
    chance = random.Random(3)
    commands: list[AnyCommand] = []
    half = max(levels // 2, 1)
    for number in range(orders):
        side = Side.BUY if number % 2 else Side.SELL
        away = 1 + number // 2 % half
        price = MIDDLE - away if side is Side.BUY else MIDDLE + away
        where = 1 + number % instruments
        commands.append(sender.order(side, price, chance.randint(1, 50), where))
    sender.give(commands)
    return sender


def mixed(sender: Sender, commands: int, levels: int, instruments: int = 1) -> float:
    """Return commands a second of the standard mix on a filled market: 55 % enter (one in eight
    crosses), 45 % cancel a random resting order."""
    chance = random.Random(5)
    live = [(o.order_id, o.firm_id) for o in sender.engine.open_orders()]
    chance.shuffle(live)
    half = max(levels // 2, 1)
    queue: list[AnyCommand] = []
    for _ in range(commands):
        if chance.random() < 0.45 and live:
            order_id, firm = live.pop()
            sender.sent += 1
            at = START_US + sender.sent // 10
            queue.append(CancelOrder(firm, 1, f"c{sender.sent}", at, order_id))
            continue
        side = Side.BUY if chance.random() < 0.5 else Side.SELL
        away = -3 if chance.random() < 0.12 else min(chance.randint(1, 200), half)
        price = MIDDLE - away if side is Side.BUY else MIDDLE + away
        where = chance.randint(1, instruments)
        queue.append(sender.order(side, price, chance.randint(1, 50), where))
    return commands / sender.give(queue)


def uncross(orders: int) -> tuple[float, int]:
    """Return seconds of an uncross in which every order crosses, and its trades."""
    sender = Sender(market(1))
    sender.engine.apply(ChangePhase(1, Phase.CALL))
    chance = random.Random(9)
    commands: list[AnyCommand] = []
    for number in range(orders):
        side = Side.BUY if number % 2 else Side.SELL
        away = chance.randint(0, 2_000)
        price = MIDDLE + away if side is Side.BUY else MIDDLE - away
        commands.append(sender.order(side, price, chance.randint(1, 50)))
    sender.give(commands)
    gc.collect()
    gc.disable()
    began = time.perf_counter()
    events = sender.engine.apply(ChangePhase(1, Phase.CONTINUOUS))
    spent = time.perf_counter() - began
    gc.enable()
    return spent, sum(type(event).__name__ == "TradeExecuted" for event in events)


def bytes_an_order(orders: int) -> int:
    """Return the memory that a resting order takes, its place in the dedup window included."""
    sender = Sender(market(1))
    commands: list[AnyCommand] = []
    chance = random.Random(3)
    for number in range(orders):
        side = Side.BUY if number % 2 else Side.SELL
        away = chance.randint(1, 1_000)
        price = MIDDLE - away if side is Side.BUY else MIDDLE + away
        commands.append(sender.order(side, price, chance.randint(1, 50)))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for command in commands:
        events = sender.engine.apply(command)
        assert type(events[0]) is OrderEntered
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used // orders


def run(scale: float = 1.0) -> list[dict[str, Any]]:
    """Measure every flow; `scale` shortens them all."""
    rows: list[dict[str, Any]] = []
    n = max(int(100_000 * scale), 200)
    commands = max(int(200_000 * scale), 500)

    def note(flow: str, **figures: Any) -> None:
        rows.append({"benchmark": "matching", "flow": flow, **figures})
        print(f"{flow}: {figures}", file=sys.stderr, flush=True)

    base = bench_engine.run(commands)
    probe = base["probe_commands_per_s"]
    note("probe", commands_per_s=probe, ratio_to_probe=1.0)
    single = base["commands_per_s"]
    note("single", commands_per_s=single, ratio_to_probe=round(single / probe, 2))
    for flow, orders, levels, instruments in (("many", n // 5, 100, 50), ("deep", n, n // 10, 1)):
        sender = filled(orders, levels, instruments)
        rate = round(mixed(sender, commands // 2, levels, instruments))
        note(flow, commands_per_s=rate, ratio_to_probe=round(rate / probe, 2))
    gc.disable()  # as the engine's process has it
    began = time.perf_counter()
    state = sender.engine.snapshot()
    took = time.perf_counter() - began
    note("snapshot", orders=len(sender.engine.open_orders()), seconds=round(took, 3),
         megabytes=round(len(state) / 1e6, 1))  # fmt: skip
    began = time.perf_counter()
    restored = Engine.restore(state)
    took = time.perf_counter() - began
    gc.enable()
    note("restore", orders=len(restored.open_orders()), seconds=round(took, 3))
    del sender, restored, state
    took, trades = uncross(n)
    note("uncross", orders=n, trades=trades, seconds=round(took, 3))
    note("memory", bytes_per_resting_order=bytes_an_order(max(n // 5, 200)))
    for orders, levels in (
        (n // 100, n // 1000), (n // 10, n // 1000), (n, n // 1000), (10 * n, n // 1000),
        (n, n // 10_000), (n, n // 100), (n, n // 10),
    ):  # fmt: skip
        rate = mixed(filled(orders, max(levels, 2)), commands // 4, max(levels, 2))
        note("growth", orders=orders, levels=max(levels, 2), ns_a_command=round(1e9 / rate))
    return rows


def main() -> None:
    """Print a table on standard error as it goes, and JSON lines at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="1 is the real size (half a minute)"
    )
    for row in run(parser.parse_args().scale):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
