"""What settlement asks: money and goods in and out, trades discharged, each exactly once."""

from __future__ import annotations

import pytest

from matching.commands import (
    AnyCommand,
    CancelOrder,
    CreditCash,
    CreditGoods,
    DebitCash,
    DebitGoods,
    ReleaseCash,
    ReserveCash,
    SettleTrade,
)
from matching.events import (
    CashCredited,
    CashDebited,
    CashReleased,
    CommandRejected,
    CommandRepeated,
    GoodsDebited,
    RejectReason,
    TradeSettled,
)
from matching.units import MAX_INT
from tests.matching.market import BUYER, NOW, SELLER, TODAY, buy, give, open_market, refusal, sell


def test_a_deposit_that_comes_twice_counts_once_for_ever() -> None:
    engine = open_market()
    deposit = CreditCash("d", BUYER, 500)
    assert engine.apply(deposit) == (CashCredited("d", BUYER, 500),)
    engine.begin_block(2, NOW + 10**15)  # thirty years later

    assert engine.apply(deposit) == (CommandRepeated(0, "d", 1, 8),)
    assert refusal(engine, CreditCash("d", BUYER, 501)) == ("OP_ID_REUSED", ())
    assert engine.cash(BUYER) == (1_000_500, 0, 0)


def test_a_refused_operation_does_not_bind_its_id() -> None:
    engine = open_market()
    assert refusal(engine, CreditCash("d", 99, 500)) == ("UNKNOWN_FIRM", (99,))
    assert give(engine, CreditCash("d", BUYER, 500)) == (CashCredited("d", BUYER, 500),)


def test_a_withdrawal_is_set_aside_and_then_paid() -> None:
    engine = open_market()
    give(engine, ReserveCash("r", BUYER, 400_000))
    assert engine.cash(BUYER) == (600_000, 0, 400_000)
    assert give(engine, DebitCash("p", "r")) == (CashDebited("p", "r", BUYER, 400_000),)
    assert engine.cash(BUYER) == (600_000, 0, 0)
    assert refusal(engine, ReleaseCash("q", "r")) == ("UNKNOWN_OPERATION", ())


def test_a_withdrawal_that_fails_comes_back() -> None:
    engine = open_market()
    give(engine, ReserveCash("r", BUYER, 400_000))
    assert give(engine, ReleaseCash("p", "r")) == (CashReleased("p", "r", BUYER, 400_000),)
    assert engine.cash(BUYER) == (1_000_000, 0, 0)
    assert refusal(engine, DebitCash("q", "r")) == ("UNKNOWN_OPERATION", ())


def test_money_that_an_order_holds_cannot_be_withdrawn() -> None:
    engine = open_market()
    give(engine, buy("b", 10))  # 800,000 fen and 5 bp
    assert refusal(engine, ReserveCash("r", BUYER, 199_601)) == ("CASH", (199_601, 199_600))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (CreditCash("x", BUYER, 0), ("INVALID", ())),
        (CreditCash("x", BUYER, MAX_INT), ("LIMIT", (1_000_000, MAX_INT))),
        (CreditCash("", BUYER, 1), ("INVALID", ())),
        (CreditCash("x" * 65, BUYER, 1), ("INVALID", ())),
        (ReserveCash("x", 99, 1), ("UNKNOWN_FIRM", (99,))),
        (ReserveCash("x", BUYER, -1), ("INVALID", ())),
        (CreditGoods("x", 2, 2, 99, 7, 1, 1000, 0), ("UNKNOWN_FIRM", (99,))),
        (CreditGoods("x", 2, 2, SELLER, 8, 1, 1000, 0), ("UNKNOWN_INSTRUMENT", (8,))),
        (CreditGoods("x", 1, 1, SELLER, 7, 1, 1000, 0), ("ALREADY_DEFINED", (1,))),
        (CreditGoods("x", 2, 2, SELLER, 7, 2, 1999, 0), ("RECEIPT_WEIGHT", (1999, 2000, 2000))),
        (CreditGoods("x", 2, 2, SELLER, 7, 0, 0, 0), ("INVALID", ())),
        (CreditGoods("x", 2, 0, SELLER, 7, 1, 1000, 0), ("INVALID", ())),
        (CreditGoods("x", 2, 2, SELLER, 7, 1, 1000, -1), ("INVALID", ())),
        (DebitGoods("x", 9, 1), ("UNKNOWN_RECEIPT", (9,))),
        (DebitGoods("x", 1, 11), ("GOODS", (11, 10))),
        (DebitGoods("x", 1, 0), ("INVALID", ())),
        (SettleTrade("x", 5, (1,), 0), ("UNKNOWN_TRADE", (5,))),
    ],
)
def test_an_operation_that_makes_no_sense_is_refused(
    command: AnyCommand, reason: tuple[str, tuple[int, ...]]
) -> None:
    assert refusal(open_market(), command) == reason


def test_goods_that_an_order_holds_cannot_be_collected() -> None:
    engine = open_market()
    give(engine, sell("s", 7))
    assert refusal(engine, DebitGoods("x", 1, 4)) == ("GOODS", (4, 3))
    assert give(engine, DebitGoods("y", 1, 3)) == (GoodsDebited("y", 1, SELLER, 7, 3, 3000),)


def test_a_receipt_that_is_used_up_is_forgotten() -> None:
    engine = open_market()
    give(engine, DebitGoods("y", 1, 10))
    assert engine.receipt(1) is None
    assert engine.totals()["goods"] == []


def test_settlement_moves_title_money_and_fees_in_one_step() -> None:
    engine = open_market()
    give(engine, sell("s", 4))
    give(engine, buy("b", 4, 810))

    events = give(engine, SettleTrade("t", 1, (50,), 20261124))

    value, buyer_fee, seller_fee = 320_000, 160, 224
    assert events == (
        TradeSettled(
            "t", 1, 7, BUYER, SELLER, value, buyer_fee, seller_fee, value + buyer_fee,
            ((1, 50, 4, 4000),), 20261124,
        ),
    )  # fmt: skip
    assert engine.cash(BUYER) == (1_000_000 - value - buyer_fee, 0, 0)
    assert engine.cash(SELLER) == (value - seller_fee, 0, 0)
    assert engine.totals()["cash_out"] == buyer_fee + seller_fee
    assert [row[:6] for row in engine.totals()["goods"]] == [
        [SELLER, 7, 1, 6, 0, 0],
        [BUYER, 7, 50, 4, 0, 0],
    ]


def test_a_receipt_that_passes_whole_keeps_its_number() -> None:
    engine = open_market()
    give(engine, sell("s", 10))
    give(engine, buy("b", 10))
    (settled,) = give(engine, SettleTrade("t", 1, (50,), 0))
    assert isinstance(settled, TradeSettled)
    assert settled.moves == ((1, 1, 10, 10_000),)
    receipt = engine.receipt(1)
    assert receipt is not None
    assert receipt.firm_id == BUYER


def test_a_trade_is_settled_once() -> None:
    engine = open_market()
    give(engine, sell("s", 4))
    give(engine, buy("b", 4))
    settle = SettleTrade("t", 1, (50,), 0)
    give(engine, settle)
    index = len(engine.venue.heard.commands) - 1
    assert engine.apply(settle) == (CommandRepeated(0, "t", 1, index),)
    assert refusal(engine, SettleTrade("u", 1, (51,), 0)) == ("UNKNOWN_TRADE", (1,))


@pytest.mark.parametrize(
    ("new_ids", "reason"),
    [
        ((), ("INVALID", ())),
        ((50, 51), ("INVALID", ())),
        ((0,), ("INVALID", ())),
        ((1,), ("ALREADY_DEFINED", (1,))),
    ],
)
def test_new_receipts_need_new_numbers_one_for_each_source(
    new_ids: tuple[int, ...], reason: tuple[str, tuple[int, ...]]
) -> None:
    engine = open_market()
    give(engine, sell("s", 4))
    give(engine, buy("b", 4))
    assert refusal(engine, SettleTrade("t", 1, new_ids, 0)) == reason


def test_goods_bought_today_are_sold_when_they_may_be() -> None:
    engine = open_market()
    give(engine, sell("s", 4))
    give(engine, buy("b", 4))
    give(engine, SettleTrade("t", 1, (50,), TODAY + 5))
    offer = sell("o", 4, 850, (50,))
    mine = type(offer)(BUYER, *[getattr(offer, name) for name in offer.__struct_fields__[1:]])
    assert refusal(engine, mine) == ("RECEIPT_NOT_YET_SELLABLE", (50, TODAY + 5, TODAY))


def test_money_back_from_a_cancel_is_what_was_held() -> None:
    engine = open_market()
    give(engine, buy("b", 10))
    assert engine.cash(BUYER) == (199_600, 800_400, 0)
    give(engine, CancelOrder(BUYER, 1, "c", NOW, 1))
    assert engine.cash(BUYER) == (1_000_000, 0, 0)


def test_every_refusal_of_an_operation_names_it() -> None:
    engine = open_market()
    answer = engine.apply(CreditCash("mine", 99, 500))
    assert answer == (CommandRejected(0, "mine", RejectReason.UNKNOWN_FIRM, (99,)),)
