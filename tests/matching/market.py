"""A small open market for unit tests: one instrument, two firms with money and goods."""

from __future__ import annotations

from matching.commands import (
    AnyCommand,
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
from matching.events import AnyEvent, CommandRejected

NOW = 1_795_400_000_000_000
TODAY = 20261123
BUYER, SELLER = 1, 2
COAL = DefineInstrument(
    7, Mode.MATCHED, 100, 1000, 1, 1, 100, 10**9, 800, 720, 880, 10_000, 0, 5, 7, approval_id=1
)


def open_market(terms: DefineInstrument = COAL) -> Engine:
    """Return an engine in block 1: the buyer has 1,000,000 fen, the seller 10 lots in receipt 1."""
    engine = Engine(1)
    engine.begin_block(1, NOW)
    for command in (
        OpenDay(TODAY),
        DefineFirm(BUYER, 1),
        DefineFirm(SELLER, 2),
        terms,
        ChangePhase(7, Phase.PRE_OPEN),
        ChangePhase(7, Phase.CONTINUOUS),
        CreditCash("cash", BUYER, 1_000_000),
        CreditGoods("goods", 1, 1, SELLER, 7, 10, 10 * terms.lot_kg, 0),
    ):
        give(engine, command)
    return engine


def buy(name: str, lots: int, price: int = 800, at_us: int = NOW) -> EnterOrder:
    return EnterOrder(BUYER, 1, name, at_us, 7, Side.BUY, TimeInForce.DAY, price, lots)


def sell(name: str, lots: int, price: int = 800, receipts: tuple[int, ...] = ()) -> EnterOrder:
    return EnterOrder(SELLER, 1, name, NOW, 7, Side.SELL, TimeInForce.DAY, price, lots, receipts)


def give(engine: Engine, command: AnyCommand) -> tuple[AnyEvent, ...]:
    """Apply a command that must succeed; every invariant holds afterwards."""
    events = engine.apply(command)
    assert not isinstance(events[0], CommandRejected), events
    engine.check()
    return events


def refusal(engine: Engine, command: AnyCommand) -> tuple[str, tuple[int, ...]]:
    """Apply a command that must be refused; return why. Nothing of the market changes."""
    before = engine.totals(), engine.market(), engine.open_orders()
    (event,) = engine.apply(command)
    assert isinstance(event, CommandRejected), event
    assert (engine.totals(), engine.market(), engine.open_orders()) == before
    engine.check()
    return str(event.reason), event.values
