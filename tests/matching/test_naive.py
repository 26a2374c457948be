"""The engine against a naive venue written from the rules: all commands, all phases."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from matching import commands as c
from tests.matching.naive_pair import COAL, GROUPS, LOCKED, MARKETS, POSTED, WILD, Pair

DEEP = int(os.environ.get("HAIDAI_DEEP", "1"))
CAMPAIGNS = 24 * DEEP
STEPS = 250


class Chance(Pair):
    """A pair that is given commands by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        super().__init__()

    def who(self, firm: int) -> tuple[int, int, str, int]:
        self.ids += 1
        return firm, self.chance.randint(1, 2), f"c{self.ids}", self.now

    def step(self) -> None:
        chance = self.chance
        draw = chance.random()
        if draw < 0.06:
            self.wait(chance.choice((1, 400_000, 5_000_000, 40_000_000, 901_000_000)))
        elif draw < 0.08:
            self.go_on_from_a_snapshot()
        elif draw < 0.58:
            self.give(self.enter())
        elif draw < 0.70:
            self.give(self.change())
        elif draw < 0.84:
            self.give(self.take())
        elif draw < 0.87 and self.naive.trades:
            self.ids += 1
            trade = chance.choice(list(self.naive.trades))
            self.give(c.BustTrade(f"b{self.ids}", trade, 1, 2, "test"))
        else:
            self.give(self.operate())

    def enter(self) -> c.EnterOrder:
        chance = self.chance
        where = chance.choice(MARKETS)
        special = None
        tif = chance.choice(
            [c.TimeInForce.DAY] * 4 + [c.TimeInForce.IOC, c.TimeInForce.FOK, c.TimeInForce.GTC]
        )
        if chance.random() < 0.5:
            if chance.random() < 0.15:
                tif = c.TimeInForce.GTD
            special = c.Special(
                chance.choice([c.OrderKind.LIMIT] * 5 + list(c.OrderKind)),
                self.now + chance.randint(-9_000_000, 60_000_000)
                if tif == c.TimeInForce.GTD
                else 0,
                chance.choice((0, 0, 0, 2, 4)),
                chance.choice((0, 0, 0, 0, 2, 3, 4)),
                chance.choice([c.PostOnly.NO] * 4 + list(c.PostOnly)),
                0,
                chance.choice(((), (), (), (3,), (1, 4))) if where == POSTED else (),
            )
            if special.kind == c.OrderKind.STOP_LIMIT or chance.random() < 0.1:
                stop = chance.randint(94, 107)
                special = c.Special(
                    c.OrderKind.STOP_LIMIT, special.expires_us, special.display_lots, 0,
                    c.PostOnly.NO, stop,
                )  # fmt: skip
            elif special.kind == c.OrderKind.PROTECTED and chance.random() < 0.8:
                tif = c.TimeInForce.IOC
                special = c.Special(special.kind, 0, 0, special.least_lots)
        return c.EnterOrder(
            *self.who(chance.randint(1, 4)), where, chance.choice(list(c.Side)), tif,
            chance.randint(93, 107), chance.choice((1, 2, 2, 4, 4, 6, 8, 12, 26)), (), special,
            chance.randint(0, 2),
        )  # fmt: skip

    def change(self) -> c.AnyCommand:
        chance = self.chance
        orders = list(self.naive.orders.values())
        order = chance.choice(orders) if orders else None
        firm = order.firm if order and chance.random() < 0.9 else chance.randint(1, 4)
        number = order.number if order else 1
        if chance.random() < 0.4:
            return c.CancelOrder(*self.who(firm), number)
        price = chance.choice((order.price if order else 100, chance.randint(93, 107)))
        total = order.total if order else 4
        lots = chance.choice((total, max(total - 2, 1), total + 2, chance.randint(1, 26)))
        return c.AmendOrder(*self.who(firm), number, price, lots)

    def take(self) -> c.AnyCommand:
        chance = self.chance
        firm = chance.randint(1, 4)
        if chance.random() < 0.5:
            side, price = chance.choice(list(c.Side)), chance.randint(93, 107)
            return c.LiftBest(*self.who(firm), POSTED, side, price, chance.randint(1, 26))
        posted = [o for o in self.naive.markets[POSTED].book]
        order = chance.choice(posted or list(self.naive.orders.values()) or [None])
        number = order.number if order else 1
        lots = chance.choice((order.open if order else 1, chance.randint(1, 13)))
        return c.LiftOrder(*self.who(firm), number, lots)

    def operate(self) -> c.AnyCommand:
        chance = self.chance
        firm = chance.randint(1, 4)
        low = chance.randint(93, 97)
        choices: list[c.AnyCommand] = [
            c.MassCancel(*self.who(firm), chance.randint(0, 2), chance.randint(0, 4), 0),
            c.MassCancel(*self.who(firm), 0, 0, chance.randint(0, 2)),
            c.KillSwitch(firm, chance.randint(0, 2), chance.random() < 0.3, 1, "test"),
            c.KillSwitch(firm, 0, False, 1, "test"),
            c.Disconnect(firm, chance.randint(1, 2)),
            c.SetFirmLimits(firm, chance.choice((1, 2)), chance.randint(1, 9), 0),
            c.SetFirmLimits(firm, 0, 0, chance.choice((10**5, 3 * 10**5))),
            c.SetFirmStatus(firm, c.FirmStatus(chance.choice((1, 1, 1, 2)))),
            c.SetSelfMatch(firm, chance.choice(list(c.SelfMatch))),
            c.SetSelfMatch(firm, chance.choice(list(c.SelfMatch))),
            c.SetHalt(c.HaltScope.FIRM, firm, chance.random() < 0.2, 1, "test"),
            c.SetHalt(c.HaltScope.INSTRUMENT, chance.randint(1, 4), chance.random() < 0.2, 1, "t"),
            c.SetHalt(c.HaltScope.VENUE, 0, chance.random() < 0.1, 1, "test"),
            c.SetReference(chance.randint(1, 4), chance.randint(98, 102), low, 200 - low),
            c.OpenDay(self.naive.day + chance.randint(0, 1)),
            c.ChangePhase(chance.randint(1, 4), chance.choice(list(c.Phase))),
            c.ChangePhase(chance.choice((COAL, LOCKED, WILD)), c.Phase.CALL),
            c.ChangePhase(chance.randint(1, 4), c.Phase.CONTINUOUS),
            c.ChangePhase(chance.randint(1, 4), c.Phase.CONTINUOUS),
        ]
        return chance.choice(choices)


def campaign(seed: int) -> Counter[str]:
    pair = Chance(seed)
    for number in range(STEPS):
        pair.step()
        if number % 40 == 39:  # nobody stays stopped for long
            for firm in GROUPS:
                pair.give(c.SetFirmLimits(firm, 0, 0, 0))
                pair.give(c.SetHalt(c.HaltScope.FIRM, firm, False, 1, "test"))
                pair.give(c.KillSwitch(firm, 0, False, 1, "test"))
                pair.give(c.SetFirmStatus(firm, c.FirmStatus.ACTIVE))
            pair.give(c.SetHalt(c.HaltScope.VENUE, 0, False, 1, "test"))
            pair.give(c.OpenDay(pair.naive.day + 1))
            for market in MARKETS:
                pair.give(c.SetHalt(c.HaltScope.INSTRUMENT, market, False, 1, "test"))
                pair.give(c.ChangePhase(market, c.Phase.PRE_OPEN))
                pair.give(c.ChangePhase(market, c.Phase.CONTINUOUS))
    return pair.met


@pytest.mark.parametrize("seed", range(CAMPAIGNS))
def test_the_engine_says_and_does_what_a_naive_venue_does(seed: int) -> None:
    campaign(seed)


EVERYTHING = """
in rest trade shows reduced amended suspended resumed triggered interrupted auction indicated phase
busted withdrawn switched time ended
"""
ENDINGS = "REQUESTED IMMEDIATE EXPIRED SELF_MATCH MASS KILLED DISCONNECTED STOP_REFUSED BAND"
REASONS = """
VENUE_HALTED INSTRUMENT_HALTED PHASE FIRM_HALTED FIRM_SUSPENDED TRADER_BLOCKED MODE INVALID
EXPIRED RESALE_LOCK
RELATED_PARTY WOULD_TRADE BELOW_MINIMUM QUANTITY_STEP PRICE_BAND ABOVE_MAXIMUM DAY_QUANTITY
DAY_VALUE NO_OPPOSITE NOT_FILLABLE CASH GOODS RATE UNKNOWN_ORDER NOT_AMENDABLE BELOW_EXECUTED SAME
EXCEEDS_OPEN RESIDUAL BUST_WINDOW DAY
"""


def test_the_campaigns_meet_everything_that_can_happen() -> None:
    met: Counter[str] = Counter()
    for seed in range(60):
        met.update(campaign(seed))
    wanted = {
        *EVERYTHING.split(),
        *(f"ended {word}" for word in ENDINGS.split()),
        *(f"refused {word}" for word in REASONS.split()),
    }
    assert wanted - met.keys() == set()
