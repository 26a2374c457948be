"""Events say enough: a follower that only adds keeps the same books, cash and goods."""

from __future__ import annotations

import os
import random

import pytest

from matching.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    ChangePhase,
    CreditCash,
    CreditGoods,
    DebitCash,
    DebitGoods,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    FirmStatus,
    HaltScope,
    LiftOrder,
    Mode,
    OpenDay,
    Phase,
    ReleaseCash,
    ReserveCash,
    SetFirmStatus,
    SetHalt,
    SetReference,
    SettleTrade,
    Side,
    TimeInForce,
)
from matching.engine import Engine
from matching.events import CommandRejected
from tests.matching.shadow import Shadow

NOW = 1_795_400_000_000_000
CAMPAIGNS = 12 * int(os.environ.get("HAIDAI_DEEP", "1"))
COAL, COIL, GRAIN = 1, 2, 3
FIRMS = (1, 2, 3, 4)
DEFINED: tuple[AnyCommand, ...] = (
    OpenDay(20261123),
    DefineFirm(1, 1), DefineFirm(2, 1), DefineFirm(3, 3), DefineFirm(4, 4),
    DefineInstrument(
        COAL, Mode.MATCHED, 100, 1000, 2, 2, 60, 10**9, 100, 90, 110, 10_000, 300, 5, 7,
        approval_id=1,
    ),
    DefineInstrument(
        COIL, Mode.MATCHED, 1000, 24_000, 1, 1, 20, 10**11, 100, 90, 110, 10_000, 0, 5, 5,
        20_000, 28_000, 1,
    ),
    DefineInstrument(
        GRAIN, Mode.LISTED, 100, 1000, 2, 2, 60, 10**9, 100, 90, 110, 10_000, 100, 3, 3
    ),
)  # fmt: skip


class Campaign:
    """Random commands of every kind; most make sense, some are refused."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.number = 0
        self.operations: list[str] = []

    def opening(self) -> list[AnyCommand]:
        commands = list(DEFINED)
        for instrument in (COAL, COIL, GRAIN):
            commands.append(ChangePhase(instrument, Phase.PRE_OPEN))
            commands.append(ChangePhase(instrument, Phase.CONTINUOUS))
        for firm in FIRMS:
            commands.append(CreditCash(f"cash{firm}", firm, 5_000_000_000))
            for instrument in (COAL, COIL, GRAIN):
                commands += [self.goods(firm, instrument) for _ in range(4)]
        return commands

    def next_id(self) -> int:
        self.number += 1
        return self.number

    def goods(self, firm: int, instrument: int) -> CreditGoods:
        number = self.next_id()
        lots = 1 if instrument == COIL else self.chance.randint(1, 30)
        kg = self.chance.randint(20_000, 28_000) if instrument == COIL else lots * 1000
        day = self.chance.choice((0, 0, 0, 20261124))
        return CreditGoods(f"g{number}", number, number, firm, instrument, lots, kg, day)

    def command(self, engine: Engine, now: int) -> AnyCommand:
        chance, number = self.chance, self.next_id()
        firm = chance.choice(FIRMS)
        client = f"c{number}"
        resting = engine.open_orders()
        mine = chance.choice(resting) if resting else None
        price = chance.randint(89, 111)
        lots = chance.choice((1, 2, 2, 4, 4, 6, 8, 12, 20))
        draw = chance.random()
        if draw < 0.45 or mine is None:
            tif = chance.choice((TimeInForce.DAY,) * 5 + (TimeInForce.IOC,))
            side, instrument = chance.choice(list(Side)), chance.choice((COAL, COIL, GRAIN))
            if instrument == COIL:
                lots = chance.randint(1, 3)
            return EnterOrder(firm, 1, client, now, instrument, side, tif, price, lots)
        if draw < 0.55:
            return LiftOrder(
                firm, 1, client, now, mine.order_id, chance.choice((lots, mine.open_lots))
            )
        if draw < 0.67:
            return AmendOrder(mine.firm_id, 1, client, now, mine.order_id, price, lots)
        if draw < 0.77:
            return CancelOrder(mine.firm_id, 1, client, now, mine.order_id)
        if draw < 0.87 and engine.venue.trades:
            trade = chance.choice(list(engine.venue.trades))
            count = len(engine.venue.trades[trade].receipts)
            ids = tuple(self.next_id() for _ in range(count))
            return SettleTrade(f"s{number}", trade, ids, chance.choice((0, 20261124)))
        if draw < 0.90:
            self.operations.append(f"r{number}")
            return ReserveCash(f"r{number}", firm, chance.randint(1, 10**8))
        if draw < 0.93 and self.operations:
            end = chance.choice((DebitCash, ReleaseCash))
            return end(f"e{number}", chance.choice(self.operations))
        if draw < 0.95:
            return self.goods(firm, chance.choice((COAL, COIL, GRAIN)))
        if draw < 0.97:
            receipts = [receipt.receipt_id for receipt in engine.receipts()]
            return DebitGoods(f"d{number}", chance.choice(receipts), chance.randint(1, 3))
        return chance.choice(
            [
                SetHalt(HaltScope.FIRM, firm, chance.random() < 0.3, 1, "test"),
                SetFirmStatus(firm, chance.choice(list(FirmStatus))),
                SetReference(COAL, 100, chance.randint(85, 95), chance.randint(105, 115)),
                ChangePhase(chance.choice((COAL, COIL, GRAIN)), chance.choice(list(Phase))),
                OpenDay(engine.venue.day + chance.randint(0, 1)),
            ]
        )


def reopening() -> list[AnyCommand]:
    """Return what lets everybody trade again after a block that may have stopped them."""
    commands: list[AnyCommand] = []
    for instrument in (COAL, COIL, GRAIN):
        commands.append(ChangePhase(instrument, Phase.PRE_OPEN))
        commands.append(ChangePhase(instrument, Phase.CONTINUOUS))
    for firm in FIRMS:
        commands.append(SetHalt(HaltScope.FIRM, firm, False, 1, "test"))
        commands.append(SetFirmStatus(firm, FirmStatus.ACTIVE))
    return commands


@pytest.mark.parametrize("seed", range(CAMPAIGNS))
def test_a_follower_that_only_adds_keeps_books_cash_and_goods(seed: int) -> None:
    campaign, shadow, engine = Campaign(seed), Shadow(), Engine(1)
    engine.begin_block(1, NOW)
    twin: Engine | None = None
    for command in campaign.opening():
        events = engine.apply(command)
        assert not isinstance(events[0], CommandRejected), events
        shadow.follow(events)
    for seq in range(2, 52):
        now = NOW + seq * 40_000_000
        engine.begin_block(seq, now)
        if twin is not None:
            twin.begin_block(seq, now)
        for _ in range(8):
            command = campaign.command(engine, now)
            events = engine.apply(command)
            shadow.follow(events)
            if twin is not None:
                assert twin.apply(command) == events, "a restored engine goes on alike"
        for command in reopening():
            events = engine.apply(command)
            shadow.follow(events)
            if twin is not None:
                assert twin.apply(command) == events
        engine.check()
        shadow.compare(engine)
        if seq == 20:
            twin = Engine.restore(engine.snapshot())
    assert twin is not None
    twin.check()
    assert twin.digest() == engine.digest()
