"""Cover and order rate to the last fen and microsecond."""

from __future__ import annotations

import msgspec
import pytest

from matching.commands import (
    AnyCommand,
    CreditCash,
    CreditGoods,
    DefineFirm,
    EnterOrder,
    KillSwitch,
    LiftOrder,
    ReserveCash,
    SetFirmLimits,
    SetReference,
    SettleTrade,
    Side,
    TimeInForce,
)
from matching.engine import Engine
from matching.events import CommandRejected, OrderEntered
from matching.limits import AHEAD_US, DEDUP_WINDOW_US
from matching.units import MAX_INT
from tests.matching.market import BUYER, COAL, NOW, SELLER, buy, give, open_market, refusal, sell
from tests.matching.test_holders import LISTED

FOUR_LOTS_FEN = 320_160
"""4 t at 800 yuan and 5 basis points of fee."""


def with_cash(fen: int, engine: Engine) -> Engine:
    give(engine, ReserveCash("r", BUYER, 1_000_000 - fen))
    give(engine, sell("s", 4))
    return engine


def fill_or_kill(name: str) -> EnterOrder:
    return EnterOrder(BUYER, 1, name, NOW, 7, Side.BUY, TimeInForce.FOK, 800, 4)


@pytest.mark.parametrize("command", [buy("b", 4), fill_or_kill("b")], ids=["plain", "special"])
def test_money_that_just_suffices_suffices(command: AnyCommand) -> None:
    engine = with_cash(FOUR_LOTS_FEN, open_market())
    assert isinstance(give(engine, command)[0], OrderEntered)
    assert engine.cash(BUYER) == (0, 0, 1_000_000)


@pytest.mark.parametrize("command", [buy("b", 4), fill_or_kill("b")], ids=["plain", "special"])
def test_a_fen_too_little_is_too_little(command: AnyCommand) -> None:
    engine = with_cash(FOUR_LOTS_FEN - 1, open_market())
    assert refusal(engine, command) == ("CASH", (FOUR_LOTS_FEN, FOUR_LOTS_FEN - 1))


def test_a_lift_may_cost_the_last_fen_and_no_more() -> None:
    for fen, refused in ((FOUR_LOTS_FEN, False), (FOUR_LOTS_FEN - 1, True)):
        engine = with_cash(fen, open_market(LISTED))
        answer = engine.apply(LiftOrder(BUYER, 1, "l", NOW, 1, 4))[0]
        assert isinstance(answer, CommandRejected) is refused
        engine.check()


def test_a_firm_gets_its_next_order_when_its_rate_says_so() -> None:
    engine = open_market()
    give(engine, SetFirmLimits(BUYER, 5, 2, 0))  # five a second, two at once
    give(engine, buy("a", 1, 799))
    give(engine, buy("b", 1, 799))
    assert refusal(engine, buy("c", 1, 799)) == ("RATE", (5, 2))
    engine.begin_block(2, NOW + 199_999)
    assert refusal(engine, buy("d", 1, 799)) == ("RATE", (5, 2))
    engine.begin_block(3, NOW + 200_000)
    give(engine, buy("e", 1, 799))
    engine.begin_block(4, NOW + 60_000_000)
    give(engine, buy("f", 1, 799))
    give(engine, buy("g", 1, 799))
    assert refusal(engine, buy("h", 1, 799)) == ("RATE", (5, 2)), "a rest saves no more than two"


def test_a_firm_has_a_group_and_its_number_is_positive() -> None:
    engine = open_market()
    for firm, group in ((5, 0), (0, 5), (5, -1)):
        assert refusal(engine, DefineFirm(firm, group))[0] == "INVALID"
    give(engine, DefineFirm(5, 1))


def test_a_reference_may_lie_on_its_band() -> None:
    engine = open_market()
    for reference, low, high in ((700, 700, 900), (900, 700, 900), (800, 800, 800)):
        give(engine, SetReference(7, reference, low, high))
    for reference, low, high in ((699, 700, 900), (901, 700, 900), (0, 0, 900)):
        refusal(engine, SetReference(7, reference, low, high))


@pytest.mark.parametrize(
    ("trader", "actor", "reason"), [(0, -1, "r"), (-1, 9, "r"), (0, 9, "x" * 201)]
)
def test_a_kill_switch_takes_no_hostile_values(trader: int, actor: int, reason: str) -> None:
    engine = open_market()
    assert refusal(engine, KillSwitch(BUYER, trader, True, actor, reason))[0] == "INVALID"


def test_a_firm_can_have_a_thousand_traders_blocked() -> None:
    engine = open_market()
    for trader in range(1, 1_001):
        engine.apply(KillSwitch(BUYER, trader, True, 9, "leaver"))
    assert refusal(engine, KillSwitch(BUYER, 1_001, True, 9, "leaver"))[0] == "LIMIT"


def test_a_stamp_at_the_edge_of_the_window_is_not_what_is_wrong() -> None:
    engine = open_market()
    for at_us in (NOW + AHEAD_US, NOW - DEDUP_WINDOW_US):
        assert refusal(engine, buy("", 1, at_us=at_us)) == ("INVALID", ())
    for at_us in (NOW + AHEAD_US + 1, NOW - DEDUP_WINDOW_US - 1):
        assert refusal(engine, buy("", 1, at_us=at_us))[0] == "STALE"


def test_no_firm_has_the_number_nothing() -> None:
    engine = open_market()
    order = EnterOrder(0, 1, "o", NOW, 7, Side.BUY, TimeInForce.DAY, 800, 1)
    assert refusal(engine, order) == ("INVALID", ())
    assert refusal(engine, msgspec.structs.replace(order, firm_id=99)) == ("UNKNOWN_FIRM", (99,))


def test_an_instrument_may_have_one_price_only() -> None:
    engine = open_market()
    give(engine, msgspec.structs.replace(COAL, instrument_id=8, low_ticks=800, high_ticks=800))
    wrong = msgspec.structs.replace(COAL, instrument_id=9, low_ticks=801, high_ticks=900)
    assert refusal(engine, wrong) == ("PARAMETERS", (8,))


def test_nothing_is_not_lifted() -> None:
    engine = open_market(LISTED)
    give(engine, sell("s", 4))
    for lots in (0, -1, MAX_INT + 1):
        assert refusal(engine, LiftOrder(BUYER, 1, f"l{lots}", NOW, 1, lots)) == ("INVALID", ())


def test_sixty_four_receipts_may_be_named_in_a_lift_and_no_more() -> None:
    engine = open_market(LISTED)
    give(engine, CreditCash("more", BUYER, 10**7))
    names = range(100, 165)
    for number in names:
        give(engine, CreditGoods(f"g{number}", number, number, SELLER, 7, 1, 1_000, 0))
    give(engine, buy("b", 70))
    too_many = LiftOrder(SELLER, 1, "x", NOW, 1, 65, tuple(names))
    assert refusal(engine, too_many) == ("LIMIT", (65, 64))
    lifted = give(engine, LiftOrder(SELLER, 1, "y", NOW, 1, 64, tuple(names)[:64]))
    assert isinstance(lifted[0], OrderEntered)


@pytest.mark.parametrize(
    "change", [{"receipt_id": 0}, {"root_id": 0}, {"lots": 0}, {"sellable_from_day": 99991232}]
)
def test_goods_come_in_with_numbers_that_exist(change: dict[str, int]) -> None:
    engine = open_market()
    goods = CreditGoods("g", 50, 50, SELLER, 7, 1, 1_000, 99991231)
    assert refusal(engine, msgspec.structs.replace(goods, **change)) == ("INVALID", ())
    give(engine, goods)


def test_bought_goods_may_be_bound_until_the_last_day() -> None:
    engine = open_market()
    give(engine, sell("s", 4))
    give(engine, buy("b", 4))
    assert refusal(engine, SettleTrade("t", 1, (50,), 99991232)) == ("INVALID", ())
    give(engine, SettleTrade("t", 1, (50,), 99991231))
