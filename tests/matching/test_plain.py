"""The short way answers like the long way: whatever comes, the same events, the same bytes."""

from __future__ import annotations

from random import Random

import pytest

from matching import commands as c
from matching import plain
from matching.engine import Engine
from matching.events import AnyEvent, CommandRejected

NOW = 1_795_400_000_000_000
COAL = 1


def market(resale_lock: c.ResaleLock = c.ResaleLock.NONE) -> Engine:
    engine = Engine(1)
    engine.begin_block(1, NOW)
    setup: list[c.AnyCommand] = [c.OpenDay(20261123)]
    for firm, cash in ((1, 3_000_000), (2, 500_000), (3, 100_000_000), (4, 10**9)):
        setup += [c.DefineFirm(firm, max(firm, 2)), c.CreditCash(f"cash{firm}", firm, cash)]
    setup.append(
        c.DefineInstrument(
            COAL, c.Mode.MATCHED, 100, 1000, 2, 2, 60, 10**7, 100, 80, 120, 10_000, 300, 5, 7,
            approval_id=1, product_id=5, resale_lock=resale_lock,
        )
    )  # fmt: skip
    for number, (firm, lots) in enumerate(((1, 30), (1, 90), (2, 40), (3, 400), (4, 6)), 1):
        goods = (number, number, firm, COAL, lots, lots * 1000, 0)
        setup.append(c.CreditGoods(f"goods{number}", *goods))
    setup += [c.ChangePhase(COAL, phase) for phase in (c.Phase.PRE_OPEN, c.Phase.CONTINUOUS)]
    for command in setup:
        assert not isinstance(engine.apply(command)[0], CommandRejected), command
    return engine


def chances(seed: int) -> list[c.AnyCommand]:
    """Plain commands and those just beside: a term too many, a bound passed, a repeat."""
    chance = Random(seed)
    commands: list[c.AnyCommand] = []
    for number in range(240):
        firm = chance.randint(1, 4)
        name = f"c{chance.randint(1, number + 1) if chance.random() < 0.05 else number}"
        stamp = NOW + chance.choice((0, 0, 0, -(10**8), -(15 * 60 * 10**6), -(10**9), 61 * 10**6))
        if chance.random() < 0.02:
            name = chance.choice(("", "x" * 36, "x" * 37))
        who = (firm, chance.choice((1, 1, 1, 0, -1, 2**53 - 1, 2**53)), name, stamp)
        draw = chance.random()
        if draw < 0.55:
            special = c.Special(display_lots=4) if chance.random() < 0.05 else None
            commands.append(
                c.EnterOrder(
                    *who, COAL if chance.random() < 0.98 else 9, chance.choice(list(c.Side)),
                    chance.choice([c.TimeInForce.DAY] * 4 + list(c.TimeInForce)),
                    chance.randint(78, 122) if chance.random() < 0.2 else chance.randint(95, 105),
                    chance.choice((2, 4, 6, 8, 10, 20, 40, 60, 62, 3, 1, 0)), (), special,
                )
            )  # fmt: skip
        elif draw < 0.75:
            commands.append(c.CancelOrder(*who, chance.randint(1, number + 1)))
        elif draw < 0.97:
            order = chance.randint(1, number + 1)
            price, lots = chance.randint(94, 106), chance.choice((2, 4, 6, 12, 20, 40, 5))
            commands.append(c.AmendOrder(*who, order, price, lots))
        else:
            commands.append(c.SetHalt(c.HaltScope.VENUE, 0, chance.random() < 0.3, 1, "test"))
    return commands


def over_days(seed: int) -> list[c.AnyCommand]:
    """The same, while days pass: locks come and go."""
    chance, day, commands = Random(seed), 20261123, list[c.AnyCommand]()
    for command in chances(seed):
        if chance.random() < 0.08:
            day += 1
            commands.append(c.OpenDay(day))
        commands.append(command)
    return commands


def the_long_way(engine: Engine, command: c.AnyCommand) -> tuple[AnyEvent, ...]:
    kept = engine.venue.heard.commands
    kept.append(command)  # type: ignore[arg-type]
    return engine._apply_one(command, len(kept) - 1)


@pytest.mark.parametrize("seed", range(40))
def test_the_short_way_and_the_long_way_give_the_same_bytes(seed: int) -> None:
    commands = chances(seed)
    short, long = market(), market()
    assert [the_long_way(long, command) for command in commands] == short.apply_all(commands)
    short.check()
    assert long.snapshot() == short.snapshot()


@pytest.mark.parametrize("seed", range(40))
def test_both_ways_lock_what_was_traded_for_five_days(seed: int) -> None:
    commands = over_days(seed)
    short, long = (market(c.ResaleLock.PRODUCT_T5_SYMMETRIC) for _ in range(2))
    answers = [the_long_way(long, command) for command in commands]
    assert answers == short.apply_all(commands)
    short.check()
    assert long.snapshot() == short.snapshot()


def test_such_days_meet_locks_and_go_the_short_way_between_them() -> None:
    met: set[str] = set()
    for seed in range(20):
        engine = market(c.ResaleLock.PRODUCT_T5_SYMMETRIC)
        for events in engine.apply_all(over_days(seed)):
            met |= {type(event).__name__ for event in events}
            met.add(str(getattr(events[0], "reason", "")))
    wanted = {"RESALE_LOCK", "OrderSuspended", "OrderResumed", "OrderAmended", "TradeExecuted"}
    assert wanted <= met


@pytest.mark.skipif(plain.__file__.endswith(".so"), reason="compiled code looks up no names")
def test_both_ways_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    for name in ("enter_special", "cancel", "amend", "cross", "move"):
        real = getattr(plain, name)
        monkeypatch.setattr(
            plain, name, lambda *given, n=name, r=real: taken.append(n) or r(*given)
        )
    engine = market()
    asked = [command for seed in range(5) for command in chances(seed)]
    engine.apply_all(asked)
    entered = sum(isinstance(command, c.EnterOrder) for command in asked)
    assert {"enter_special", "cancel", "amend", "cross", "move"} == set(taken)
    assert taken.count("enter_special") + taken.count("cross") < entered
