"""Hypothesis drives the engine and the naive venue through all commands in all phases.

The seeded campaigns of `test_naive.py` give more commands a second; this machine shrinks what it
finds to a few, and sends what no campaign does: repeats, wrong stamps, hostile ids and amounts.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    multiple,
    rule,
    run_state_machine_as_test,
)

from matching import commands as c
from tests.matching.naive_pair import COAL, MARKETS, POSTED, WILD, Pair
from tests.matching.naive_rules import (
    FEW,
    FIRMS,
    HOSTILE,
    MOST,
    NAMES,
    NEAR,
    PLACES,
    SIDES,
    Auctioned,
    Defined,
    Settled,
    Talked,
    mostly,
)

DEEP = int(os.environ.get("HAIDAI_DEEP", "1"))
BRIEF = bool(os.environ.get("HAIDAI_FEW"))  # for mutants: enough to find most, soon
# Many shards rather than long ones, for Hypothesis remembers every choice: 840 make 126 of 800.
SHARDS = 6 if DEEP == 1 else max(DEEP * 3 // 20, 6)
EXAMPLES = 15 if BRIEF else 150 if DEEP == 1 else 800
TRADERS = mostly(st.integers(1, 2), MOST + 1, -1)
PRICES = mostly(st.integers(93, 107), *HOSTILE)
LOTS = mostly(st.sampled_from((1, 2, 2, 4, 4, 6, 8, 12, 26)), *HOSTILE)
STAMPS = mostly(st.just(0), -901_000_000, 61_000_000)
TIFS = st.sampled_from(c.TimeInForce)
SESSIONS = st.integers(0, 2)
FLAGS = st.booleans()
SPECIALS = st.builds(
    c.Special,
    st.sampled_from(c.OrderKind),
    st.sampled_from((0, 0, 1)),  # a date, counted from now below
    st.sampled_from((0, 0, 2, 4)),
    st.sampled_from((0, 0, 2, 3)),
    st.sampled_from(c.PostOnly),
    st.sampled_from((0, 0, 98, 102)),
    st.sampled_from(((), (), (3,), (1, 4))),
)


class Venues(Settled, Talked, Auctioned, Defined):
    """One history; after each command both venues said the same and stand the same."""

    orders = Bundle("orders")
    said = Bundle("said")

    def order(self, command: c.AnyCommand) -> MultipleResults[int]:
        """Give what may make an order; hand on its number."""
        before = self.pair.naive.numbers
        self.pair.give(command)
        return multiple(*range(before + 1, self.pair.naive.numbers + 1))

    @rule(target=orders, firm=FIRMS, trader=TRADERS, stamp=STAMPS, where=PLACES, side=SIDES,
          tif=st.sampled_from((c.TimeInForce.DAY, c.TimeInForce.IOC, c.TimeInForce.GTC)),
          price=PRICES, lots=LOTS, session=SESSIONS)  # fmt: skip
    def enter_plain(self, firm: int, trader: int, stamp: int, where: int, side: c.Side,
                    tif: c.TimeInForce, price: int, lots: int, session: int) -> Any:  # fmt: skip
        return self.order(c.EnterOrder(
            *self.who(firm, trader, stamp), where, side, tif, price, lots, (), None, session
        ))  # fmt: skip

    @rule(target=orders, firm=st.integers(1, 4), where=st.sampled_from(MARKETS[:6]), price=NEAR,
          lots=FEW, names=NAMES)  # fmt: skip
    def sell_by_name(self, firm: int, where: int, price: int, lots: int,
                     names: tuple[int, ...]) -> Any:  # fmt: skip
        named = self.own(firm, where, names)
        return self.order(c.EnterOrder(
            *self.who(firm), where, c.Side.SELL, c.TimeInForce.GTC, price, lots, named
        ))  # fmt: skip

    @rule(target=orders, firm=st.integers(1, 4), where=st.sampled_from(MARKETS), side=SIDES,
          tif=TIFS, price=PRICES, lots=LOTS, special=SPECIALS,
          ahead=st.integers(0, 60))  # fmt: skip
    def enter_special(self, firm: int, where: int, side: c.Side, tif: c.TimeInForce, price: int,
                      lots: int, special: c.Special, ahead: int) -> Any:  # fmt: skip
        dated = self.pair.now + ahead * 1_000_000 if special.expires_us else 0
        terms = c.Special(
            special.kind, dated, special.display_lots, special.least_lots, special.post_only,
            special.stop_ticks, special.firm_ids,
        )  # fmt: skip
        return self.order(
            c.EnterOrder(*self.who(firm, 1), where, side, tif, price, lots, (), terms)
        )

    @rule(target=orders, firm=st.integers(1, 4), where=st.sampled_from((COAL, WILD)), side=SIDES,
          price=st.integers(97, 103), lots=st.sampled_from((4, 6, 8, 12)),
          shown=st.sampled_from((2, 4)))  # fmt: skip
    def enter_iceberg(self, firm: int, where: int, side: c.Side, price: int, lots: int,
                      shown: int) -> Any:  # fmt: skip
        special = c.Special(display_lots=shown)
        return self.order(c.EnterOrder(
            *self.who(firm, 2), where, side, c.TimeInForce.GTC, price, lots, (), special, 1
        ))  # fmt: skip

    @rule(target=orders, firm=st.integers(1, 4), where=st.sampled_from((COAL, WILD)), side=SIDES,
          price=st.integers(94, 106), stop=st.integers(94, 106))  # fmt: skip
    def enter_stop(self, firm: int, where: int, side: c.Side, price: int, stop: int) -> Any:
        special = c.Special(c.OrderKind.STOP_LIMIT, stop_ticks=stop)
        return self.order(c.EnterOrder(
            *self.who(firm, 1), where, side, c.TimeInForce.DAY, price, 2, (), special
        ))  # fmt: skip

    def owner(self, number: int, other: int) -> int:
        """Whose order it is; `other` where another is to try."""
        order = self.pair.naive.orders.get(number)
        return order.firm if order is not None and not other else other or 1

    @rule(number=orders, other=st.sampled_from((0, 0, 0, 0, 1, 2, 3, 4, 9)), price=PRICES,
          lots=LOTS)  # fmt: skip
    def amend(self, number: int, other: int, price: int, lots: int) -> None:
        firm = self.owner(number, other)
        self.pair.give(c.AmendOrder(*self.who(firm, 1), number, price, lots))

    @rule(number=orders, less=st.integers(-4, 6))
    def amend_quantity(self, number: int, less: int) -> None:
        order = self.pair.naive.orders.get(number)
        price, total = (order.price, order.total) if order is not None else (100, 2)
        firm = self.owner(number, 0)
        self.pair.give(c.AmendOrder(*self.who(firm, 1), number, price, total - less))

    @rule(number=orders, other=st.sampled_from((0, 0, 0, 3, 9)))
    def cancel(self, number: int, other: int) -> None:
        self.pair.give(c.CancelOrder(*self.who(self.owner(number, other), 1), number))

    @rule(number=st.sampled_from(HOSTILE))
    def cancel_nothing(self, number: int) -> None:
        self.pair.give(c.CancelOrder(*self.who(1, 1), number))

    @rule(target=orders, number=orders, firm=FIRMS, lots=LOTS, whole=FLAGS, names=NAMES)
    def lift(self, number: int, firm: int, lots: int, whole: bool,
             names: tuple[int, ...]) -> Any:  # fmt: skip
        order = self.pair.naive.orders.get(number)
        wanted = order.open if whole and order is not None else lots
        named = self.own(firm, order.where, names) if order is not None and order.buys else ()
        return self.order(c.LiftOrder(*self.who(firm, 2), number, wanted, named))

    @rule(target=orders, firm=FIRMS, where=mostly(st.just(POSTED), COAL, 9), side=SIDES,
          price=PRICES, lots=LOTS)  # fmt: skip
    def lift_best(self, firm: int, where: int, side: c.Side, price: int, lots: int) -> Any:
        return self.order(c.LiftBest(*self.who(firm, 1), where, side, price, lots))

    @rule(firm=FIRMS, trader=st.integers(0, 2), where=st.integers(0, 4), side=st.integers(0, 2))
    def mass_cancel(self, firm: int, trader: int, where: int, side: int) -> None:
        self.pair.give(c.MassCancel(*self.who(firm, 1), trader, where, side))

    @rule(target=said, firm=st.integers(1, 4), price=st.integers(98, 102), side=SIDES)
    def enter_to_repeat(self, firm: int, price: int, side: c.Side) -> c.EnterOrder:
        command = c.EnterOrder(
            *self.who(firm, 1), COAL, side, c.TimeInForce.DAY, price, 2, (), None
        )
        self.pair.give(command)
        return command

    @rule(command=said, change=st.sampled_from((0, 0, 1, 2)))
    def repeat(self, command: c.EnterOrder, change: int) -> None:
        """The same once more; with another quantity; as another kind of command."""
        again: c.AnyCommand = command
        head = (command.firm_id, command.trader_id, command.client_order_id, command.at_us)
        if change == 1:
            again = c.EnterOrder(
                *head, COAL, command.side, command.tif, command.price_ticks, 4, (), None
            )
        elif change == 2:
            again = c.CancelOrder(*head, 1)
        self.pair.give(again)

    @rule(firm=FIRMS, trader=mostly(st.integers(0, 2), -1, MOST + 1), blocked=FLAGS)
    def kill(self, firm: int, trader: int, blocked: bool) -> None:
        self.pair.give(c.KillSwitch(firm, trader, blocked, 1, "test"))

    @rule(firm=FIRMS, session=st.integers(0, 2))
    def disconnect(self, firm: int, session: int) -> None:
        self.pair.give(c.Disconnect(firm, session))

    @rule(firm=FIRMS, rate=mostly(st.sampled_from((0, 1, 2)), -1, 100_001), burst=st.integers(1, 9),
          value=mostly(st.sampled_from((0, 3 * 10**5, 10**6)), -1, MOST + 1))  # fmt: skip
    def bound_firm(self, firm: int, rate: int, burst: int, value: int) -> None:
        self.pair.give(c.SetFirmLimits(firm, rate, burst if rate else 0, value))

    @rule(firm=FIRMS, policy=st.sampled_from(c.SelfMatch))
    def choose_self_match(self, firm: int, policy: c.SelfMatch) -> None:
        self.pair.give(c.SetSelfMatch(firm, policy))

    @rule(firm=FIRMS, status=st.sampled_from(c.FirmStatus))
    def suspend_firm(self, firm: int, status: c.FirmStatus) -> None:
        self.pair.give(c.SetFirmStatus(firm, status))

    @rule(scope=st.sampled_from(c.HaltScope), number=st.integers(0, 5), halted=FLAGS)
    def halt(self, scope: c.HaltScope, number: int, halted: bool) -> None:
        what = number % 2 if scope == c.HaltScope.VENUE else number
        self.pair.give(c.SetHalt(scope, what, halted, 1, "test"))

    @rule(where=PLACES, low=st.integers(93, 97), reference=mostly(st.integers(98, 102), *HOSTILE))
    def set_reference(self, where: int, low: int, reference: int) -> None:
        self.pair.give(c.SetReference(where, reference, low, 200 - low))

    @rule(more=st.integers(0, 6), hostile=mostly(st.just(0), *HOSTILE))
    def open_day(self, more: int, hostile: int) -> None:
        self.pair.give(c.OpenDay(hostile or self.pair.naive.day + more))

    @rule(where=PLACES, phase=st.sampled_from(c.Phase))
    def change_phase(self, where: int, phase: c.Phase) -> None:
        self.pair.give(c.ChangePhase(where, phase))

    @rule(us=st.sampled_from((1, 400_000, 5_000_000, 40_000_000, 901_000_000)))
    def wait(self, us: int) -> None:
        self.pair.wait(us)

    @rule()
    def go_on_from_a_snapshot(self) -> None:
        self.pair.go_on_from_a_snapshot()

    def teardown(self) -> None:
        self.pair.look_at_everything()
        self.pair.go_on_from_a_snapshot()


@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_engine_and_the_naive_venue_agree_whatever_hypothesis_sends(shard: int) -> None:
    crowded = shard % 6 == 5
    machine = seed(shard)(type("Shard", (Venues,), {"start": lambda _: Pair(crowded=crowded)}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=50,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
