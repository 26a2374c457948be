"""Hostile values in every field of an auction's commands: refused, never raised, nothing lost."""

from __future__ import annotations

import random
from enum import IntEnum
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from matching.commands import AnyCommand, WithdrawAuction
from matching.engine import Engine
from matching.events import AnyEvent
from matching.units import MAX_INT
from tests.matching.bidding import (
    CLOCK,
    CLOSES,
    FIRMS,
    OPENS,
    PURCHASE,
    SALE,
    SEALED,
    SECOND,
    at,
    bid,
    join,
    market,
    opened,
)

NUMBERS = (0, -1, 1, 2, 9, 20, 760, 800, MAX_INT, MAX_INT + 1, 2**63 - 1, -(2**63), OPENS, CLOSES)
_commands = msgspec.msgpack.Decoder(AnyCommand)
_events = msgspec.msgpack.Decoder(tuple[AnyEvent, ...])


def hostile(chance: random.Random, value: Any) -> Any:
    """A value of the same shape that a decoder lets through."""
    if isinstance(value, bool):
        return not value
    if type(value) is int:
        return chance.choice(NUMBERS)
    if isinstance(value, IntEnum):
        return chance.choice(list(type(value)))
    if isinstance(value, str):
        return chance.choice(("", "x" * 300, "é"))
    return tuple(chance.choice(NUMBERS) for _ in range(chance.choice((0, 1, 2, 70))))


@pytest.mark.parametrize("seed", range(16))
def test_hostile_commands_are_answered(seed: int) -> None:
    chance = random.Random(seed)
    notice = (SALE, SEALED, PURCHASE, CLOCK)[seed % 4]
    engine = opened(notice) if seed % 3 else market()
    for number in range(40):
        command: Any = chance.choice(
            (
                notice,
                replace(SALE, auction_id=2),
                WithdrawAuction("w", 1, "fire"),
                join(chance.choice(FIRMS)),
                bid("b", chance.choice(FIRMS), chance.choice((2, 4, 20)), 800),
            )
        )
        names = command.__struct_fields__
        key = "op_id" if "op_id" in names else "client_order_id"
        changes: dict[str, Any] = {key: f"n{number}"}
        for name in chance.sample(names, chance.choice((0, 1, 1, 2))):
            changes[name] = hostile(chance, getattr(command, name))
        if "at_us" in names:
            changes["at_us"] = engine.venue.ts_us
        sent = _commands.decode(msgspec.msgpack.encode(replace(command, **changes)))

        events = engine.apply(sent)

        engine.check()
        assert events
        assert _events.decode(msgspec.msgpack.encode(events)) == events
        if chance.random() < 0.1:
            at(engine, engine.venue.ts_us + chance.choice((1, 30, 60, 300)) * SECOND)
    assert Engine.restore(engine.snapshot()).digest() == engine.digest()
