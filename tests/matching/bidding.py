"""A market with one auction instrument: an owner, and bidders with money and goods."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from matching.commands import (
    AnnounceAuction,
    AuctionForm,
    ChangePhase,
    CreditCash,
    CreditGoods,
    DefineFirm,
    DefineInstrument,
    JoinAuction,
    Mode,
    OpenDay,
    PassTime,
    Phase,
    PlaceBid,
    Side,
)
from matching.engine import Engine
from matching.events import AnyEvent
from tests.matching.market import NOW, TODAY, give

OWNER, SISTER = 9, 8  # one group
FIRMS = (1, 2, 3, 4)
SECOND = 1_000_000
OPENS, CLOSES = NOW + 60 * SECOND, NOW + 660 * SECOND
COTTON = DefineInstrument(
    7, Mode.AUCTION, 100, 1000, 2, 2, 100, 10**9, 800, 720, 880, 10_000, 0, 5, 7
)
SALE = AnnounceAuction(
    "sale", 1, 7, OWNER, Side.SELL, AuctionForm.ASCENDING, 20, 760, 0, 5, 2, 2, 50_000, OPENS,
    CLOSES, 120 * SECOND, 1, 0, False,
)  # fmt: skip
SEALED = replace(SALE, form=AuctionForm.SEALED, increment_ticks=0, extend_us=0, extensions=0)
PURCHASE = replace(SALE, side=Side.BUY, reserve_ticks=840)
CLOCK = replace(
    SALE, form=AuctionForm.DUTCH, start_ticks=800, increment_ticks=15, closes_us=0, extend_us=0,
    extensions=0, step_us=30 * SECOND,
)  # fmt: skip


def market(cash_fen: int = 10_000_000, terms: DefineInstrument = COTTON) -> Engine:
    """Return an engine in block 1; every firm has cash and 20 lots in the receipt of its number."""
    engine = Engine(1)
    engine.begin_block(1, NOW)
    commands: list[Any] = [OpenDay(TODAY), terms]
    for firm in (*FIRMS, SISTER, OWNER):
        commands.append(DefineFirm(firm, min(firm, SISTER)))
        commands.append(CreditCash(f"c{firm}", firm, cash_fen))
        commands.append(CreditGoods(f"g{firm}", firm, firm, firm, 7, 20, 20_000, 0))
    commands += [ChangePhase(7, Phase.PRE_OPEN), ChangePhase(7, Phase.CONTINUOUS)]
    for command in commands:
        give(engine, command)
    return engine


def at(engine: Engine, ts_us: int) -> tuple[AnyEvent, ...]:
    """Begin a block at `ts_us` and let time pass; return what it brought."""
    engine.begin_block(engine.seq + 1, ts_us)
    return give(engine, PassTime())[1:]


def opened(notice: AnnounceAuction = SALE, firms: tuple[int, ...] = FIRMS) -> Engine:
    """Return a market where the auction is open and the firms have joined."""
    engine = market()
    give(engine, notice)
    for firm in firms:
        give(engine, join(firm))
    at(engine, OPENS)
    return engine


def join(firm: int, auction: int = 1) -> JoinAuction:
    return JoinAuction(firm, 1, f"j{firm}-{auction}", NOW, auction)


def bid(name: str, firm: int, lots: int, price: int, *, part: bool = True) -> PlaceBid:
    return PlaceBid(firm, 1, name, OPENS, 1, price, lots, part)
