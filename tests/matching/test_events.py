"""Events say enough: a follower that only adds keeps the same books, cash and goods."""

from __future__ import annotations

import os
import random

import pytest

from matching.commands import (
    Accept,
    AmendOrder,
    AnyCommand,
    BustTrade,
    CancelOrder,
    ChangePhase,
    Counter,
    CreditCash,
    CreditGoods,
    DebitCash,
    DebitGoods,
    Decline,
    DefineFirm,
    DefineInstrument,
    DischargeTrade,
    Disconnect,
    EnterOrder,
    FirmStatus,
    HaltScope,
    Invite,
    KillSwitch,
    LiftBest,
    LiftOrder,
    MassCancel,
    Mode,
    OpenDay,
    OrderKind,
    PassTime,
    PayTrade,
    Phase,
    PostOnly,
    ReleaseCash,
    ResaleLock,
    ReserveCash,
    SelfMatch,
    SetFirmLimits,
    SetFirmStatus,
    SetHalt,
    SetReference,
    SetSelfMatch,
    SettleTrade,
    Side,
    Special,
    TimeInForce,
    WithholdGoods,
)
from matching.engine import Engine
from matching.events import CommandRejected
from matching.records import UnsettledTrade
from tests.matching.shadow import Shadow

NOW = 1_795_400_000_000_000
CAMPAIGNS = 12 * int(os.environ.get("HAIDAI_DEEP", "1"))
COAL, COIL, GRAIN, LOCKED, WILD, TALKED = INSTRUMENTS = (1, 2, 3, 4, 5, 6)
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
    DefineInstrument(
        LOCKED, Mode.MATCHED, 100, 1000, 1, 1, 60, 10**9, 100, 90, 110, 10_000, 0, 0, 0,
        approval_id=1, product_id=4, resale_lock=ResaleLock.PRODUCT_T5_SYMMETRIC, max_day_lots=90,
    ),
    DefineInstrument(
        WILD, Mode.MATCHED, 100, 1000, 1, 1, 60, 10**9, 100, 90, 110, 10_000, 0, 0, 0,
        approval_id=1, dynamic_bp=400, call_seconds=60,
    ),
    DefineInstrument(
        TALKED, Mode.NEGOTIATED, 100, 1000, 2, 2, 60, 10**9, 100, 90, 110, 10_000, 100, 3, 3
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
        for instrument in INSTRUMENTS:
            commands.append(ChangePhase(instrument, Phase.PRE_OPEN))
            commands.append(ChangePhase(instrument, Phase.CONTINUOUS))
        for firm in FIRMS:
            commands.append(CreditCash(f"cash{firm}", firm, 5_000_000_000))
            for instrument in INSTRUMENTS:
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
        chance = self.chance
        kinds = (self.order, self.change, self.special, self.settlement, self.operator, self.talk)
        (make,) = chance.choices(kinds, (30, 25, 25, 10, 6, 6))
        return make(engine, now, self.next_id()) or self.order(engine, now, self.number)

    def lots(self, instrument: int) -> int:
        if instrument == COIL:
            return self.chance.randint(1, 3)
        return self.chance.choice((1, 2, 2, 4, 4, 6, 8, 12, 20))

    def order(self, engine: Engine, now: int, number: int) -> AnyCommand:
        chance = self.chance
        tif = chance.choice((*(TimeInForce.DAY,) * 5, TimeInForce.IOC, TimeInForce.GTC))
        side, instrument = chance.choice(list(Side)), chance.choice(INSTRUMENTS)
        firm, price = chance.choice(FIRMS), chance.randint(89, 111)
        return EnterOrder(
            firm, chance.randint(1, 2), f"c{number}", now, instrument, side, tif, price,
            self.lots(instrument), session=chance.randint(0, 2),
        )  # fmt: skip

    def special(self, engine: Engine, now: int, number: int) -> AnyCommand:
        chance = self.chance
        instrument = chance.choice((COAL, COAL, LOCKED, WILD, WILD, GRAIN))
        firm, side, price = chance.choice(FIRMS), chance.choice(list(Side)), chance.randint(89, 111)
        lots = self.lots(instrument)
        tif = TimeInForce.DAY
        draw = chance.randrange(9)
        if draw == 0:
            tif, special = TimeInForce.GTD, Special(expires_us=now + chance.randint(1, 90_000_000))
        elif draw == 1:
            tif, special = TimeInForce.FOK, None
        elif draw == 2:
            special = Special(OrderKind.MARKET_TO_LIMIT)
        elif draw == 3:
            tif, special = TimeInForce.IOC, Special(OrderKind.PROTECTED)
        elif draw == 4:
            special = Special(post_only=chance.choice((PostOnly.REFUSE, PostOnly.REPRICE)))
        elif draw == 5:
            lots, special = lots * 2, Special(display_lots=2)
        elif draw == 6:
            tif = chance.choice((TimeInForce.DAY, TimeInForce.GTC))
            special = Special(OrderKind.STOP_LIMIT, stop_ticks=chance.randint(92, 108))
        elif draw == 7:
            tif = TimeInForce.DAY if instrument == GRAIN else TimeInForce.IOC
            special = Special(least_lots=2)
        else:
            instrument = GRAIN
            special = Special(firm_ids=tuple(chance.sample(FIRMS, 2)))
        return EnterOrder(
            firm, 1, f"c{number}", now, instrument, side, tif, price, lots, (), special,
            chance.randint(0, 2),
        )  # fmt: skip

    def change(self, engine: Engine, now: int, number: int) -> AnyCommand | None:
        chance = self.chance
        resting = engine.open_orders()
        if not resting:
            return None
        mine, firm, client = chance.choice(resting), chance.choice(FIRMS), f"c{number}"
        price, lots = chance.randint(89, 111), self.lots(mine.instrument_id)
        draw = chance.random()
        if draw < 0.25:
            lots = chance.choice((lots, mine.open_lots))
            return LiftOrder(firm, 1, client, now, mine.order_id, lots)
        if draw < 0.40:
            side = chance.choice(list(Side))
            return LiftBest(firm, 1, client, now, GRAIN, side, price, lots * 2)
        if draw < 0.75:
            lots = chance.choice((lots, mine.quantity_lots, max(mine.quantity_lots - 2, 1)))
            price = chance.choice((price, mine.price_ticks))
            return AmendOrder(mine.firm_id, 1, client, now, mine.order_id, price, lots)
        if draw < 0.97:
            return CancelOrder(mine.firm_id, 1, client, now, mine.order_id)
        return MassCancel(firm, 1, client, now, 0, chance.choice((0, COAL)), chance.randint(0, 2))

    def settlement(self, engine: Engine, now: int, number: int) -> AnyCommand | None:
        chance = self.chance
        draw = chance.random()
        firm = chance.choice(FIRMS)
        if draw < 0.5:
            if not engine.venue.trades:
                return None
            trade = chance.choice(list(engine.venue.trades))
            if draw < 0.1:
                return BustTrade(f"b{number}", trade, 1, 2, "test")
            bound = engine.venue.trades[trade]
            if draw < 0.2:
                return PayTrade(f"p{number}", trade, chance.randint(1, 10**6))
            if draw < 0.35:
                return self.discharge(bound, trade, number)
            count = len(bound.receipts)
            ids = tuple(self.next_id() for _ in range(count))
            return SettleTrade(f"s{number}", trade, ids, chance.choice((0, 20261124)))
        if draw < 0.65:
            self.operations.append(f"r{number}")
            return ReserveCash(f"r{number}", firm, chance.randint(1, 10**8))
        if draw < 0.8:
            if not self.operations:
                return None
            end = chance.choice((DebitCash, ReleaseCash))
            return end(f"e{number}", chance.choice(self.operations))
        if draw < 0.9:
            return self.goods(firm, chance.choice(INSTRUMENTS))
        receipts = [receipt.receipt_id for receipt in engine.receipts()]
        if draw < 0.96:
            return DebitGoods(f"d{number}", chance.choice(receipts), chance.randint(1, 3))
        return WithholdGoods(f"w{number}", chance.choice(receipts), chance.choice((0, 1, 30)))

    def discharge(self, bound: UnsettledTrade, trade: int, number: int) -> AnyCommand:
        chance = self.chance
        out, home = [], []
        for receipt, lots, _ in bound.receipts:
            gone = chance.randint(0, lots)
            if gone:
                out.append((receipt, gone))
            if lots > gone and chance.random() < 0.5:
                home.append((receipt, lots - gone))
        money = bound.buyer_committed_fen
        paid = chance.choice((money, money // 2, 0))
        back = chance.choice((money - paid, 0))
        return DischargeTrade(
            f"x{number}", trade, tuple(out), tuple(home), paid, back, 0, chance.choice((0, 100))
        )

    def talk(self, engine: Engine, now: int, number: int) -> AnyCommand:
        chance, client = self.chance, f"c{number}"
        firm, price, lots = chance.choice(FIRMS), chance.randint(90, 110), chance.choice((2, 4, 6))
        until = now + chance.randint(1, 120_000_000)
        talks = list(engine.venue.negotiations.values())
        if not talks or chance.random() < 0.4:
            other, side = chance.choice(FIRMS), chance.choice(list(Side))
            return Invite(firm, 1, client, now, TALKED, other, side, price, lots, until)
        talk = chance.choice(talks)
        draw = chance.random()
        if draw < 0.4:
            return Counter(talk.to_firm_id, 1, client, now, talk.negotiation_id, price, lots, until)
        if draw < 0.8:
            return Accept(talk.to_firm_id, 1, client, now, talk.negotiation_id, talk.round_no)
        return Decline(firm, 1, client, now, talk.negotiation_id)

    def operator(self, engine: Engine, now: int, number: int) -> AnyCommand:
        chance = self.chance
        firm = chance.choice(FIRMS)
        return chance.choice(
            [
                SetHalt(HaltScope.FIRM, firm, chance.random() < 0.3, 1, "test"),
                SetFirmStatus(firm, chance.choice(list(FirmStatus))),
                SetReference(COAL, 100, chance.randint(85, 95), chance.randint(105, 115)),
                ChangePhase(chance.choice(INSTRUMENTS), chance.choice(list(Phase))),
                ChangePhase(chance.choice((COAL, WILD)), Phase.CALL),
                OpenDay(engine.venue.day + chance.randint(0, 1)),
                KillSwitch(firm, chance.randint(0, 2), chance.random() < 0.3, 1, "test"),
                Disconnect(firm, chance.randint(1, 2)),
                SetFirmLimits(firm, 1, chance.randint(5, 20), chance.choice((0, 10**9))),
                SetSelfMatch(firm, chance.choice(list(SelfMatch))),
                PassTime(),
            ]
        )


def reopening() -> list[AnyCommand]:
    """Return what lets everybody trade again after a block that may have stopped them."""
    commands: list[AnyCommand] = []
    for instrument in INSTRUMENTS:
        commands.append(ChangePhase(instrument, Phase.PRE_OPEN))
        commands.append(ChangePhase(instrument, Phase.CONTINUOUS))
    for firm in FIRMS:
        commands.append(KillSwitch(firm, 0, False, 1, "test"))
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
            engine.check()
            if twin is not None:
                assert twin.apply(command) == events, "a restored engine goes on alike"
        for command in (PassTime(), *reopening()):
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
