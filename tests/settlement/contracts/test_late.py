"""Late collection and what a penalty's proceeds do not cover: exact to the fen, then bounded."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.contracts.collecting import storage_fen
from settlement.ledger import Code
from tests.settlement.contracts.trade import (
    Deal,
    defaults,
    delivering,
    disputes,
    settling,
    timers,
)

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

VALUE = 72_200_000  # 1,000 t at 722 yuan
FEE = 36_100
RATE = 20  # fen a tonne and day: coal
DAY0 = dt.date(2026, 11, 30)


@pytest.mark.parametrize(
    ("collected", "days", "fen"),
    [
        ([], 0, 0),
        ([], 3, 1_000 * 3 * 20),
        ([(2, 400_000)], 3, (400 * 2 + 600 * 3) * 20),
        ([(-1, 400_000)], 3, 600 * 3 * 20),  # what left in time stored nothing
        ([(1, 1_200_000)], 3, 1_000 * 1 * 20),  # over-delivery is no goods of this contract
        ([(0, 999_975)], 1, 1),  # 25 kg a night: half a fen, up
        ([(0, 999_976)], 1, 0),
    ],
)
def test_storage_is_a_night_for_what_was_still_there(
    collected: list[tuple[int, int]], days: int, fen: int
) -> None:
    left = [(DAY0 + dt.timedelta(days=day), kg) for day, kg in collected]
    assert fen == storage_fen(
        agreed_kg=1_000_000, collected=left, since=DAY0, until=DAY0 + dt.timedelta(days=days),
        fen_per_t_day=20,
    )  # fmt: skip


def test_what_is_collected_beyond_the_agreed_weight_is_not_stored_however_told() -> None:
    left = [(DAY0 + dt.timedelta(days=day), kg) for day, kg in ((1, 600_000), (3, 500_000))]
    for told in (left, left[::-1]):
        assert storage_fen(
            agreed_kg=1_000_000, collected=told, since=DAY0, until=DAY0 + dt.timedelta(days=9),
            fen_per_t_day=20,
        ) == (600 + 3 * 400) * 20  # fmt: skip


@given(st.integers(0, 10**9), st.integers(0, 30), st.integers(0, 30), st.integers(1, 500))
def test_collecting_earlier_never_costs_more(kg: int, early: int, more: int, rate: int) -> None:
    def cost(day: int) -> int:
        left = [(DAY0 + dt.timedelta(days=day), kg // 2)]
        until = DAY0 + dt.timedelta(days=60)
        return storage_fen(
            agreed_kg=kg, collected=left, since=DAY0, until=until, fen_per_t_day=rate
        )

    assert cost(early) <= cost(early + more)


def test_a_buyer_that_comes_late_pays_storage_and_nothing_else() -> None:
    deal = Deal()
    deal.order()
    deal.wait(days=15)
    assert (deal.state, deal.kinds()[-1]) == ("delivering", "collection_late")
    deal.wait(days=4)
    deal.truck(1_000_000)
    deal.loaded()
    storage = 1_000 * 4 * RATE
    contract = deal.contract()
    assert (contract.state, contract.storage_fen, contract.left_kg) == ("delivered", storage, 0)
    deal.accept()
    assert deal.statement().body["storage_fen"] == storage
    deal.agree()
    kept = VALUE * 5 // 100
    assert deal.money(deal.seller) == VALUE + storage - FEE - kept
    assert deal.money(deal.buyer) == 2_000_000_000 - VALUE - storage - FEE
    deal.prove()


def test_a_buyer_that_never_comes_defaults_after_ten_days_and_owes_storage_besides() -> None:
    deal = Deal(cover_bp=1_000, buyer_yuan=800_000)
    deal.pay()
    deal.order()
    deal.wait(days=15)
    deal.wait(days=9, hours=23)
    assert deal.state == "delivering"
    deal.wait(hours=1)
    assert deal.state == "buyer_default"
    storage = 1_000 * 10 * RATE
    assert deal.contract().storage_fen == storage
    deal.do(defaults.choose, **deal.as_seller(), remedy="penalty")
    assert deal.state == "terminated"
    assert deal.money(deal.seller) == VALUE // 10 + storage
    assert deal.money(deal.buyer) == 80_000_000 - VALUE // 10 - storage
    assert deal.money(deal.buyer, Code.COMMITTED) == 0
    deal.prove()


def test_a_buyer_that_never_orders_delivery_has_the_same_days_and_pays_the_same() -> None:
    deal = Deal()
    deal.wait(days=16)
    assert (deal.state, deal.contract().storage_from is None) == ("secured", False)
    deal.order()
    deal.truck(1_000_000)
    deal.loaded()
    assert deal.contract().storage_fen == 1_000 * RATE
    assert deal.kinds().count("collection_late") == 1


def test_a_buyer_that_neither_orders_nor_comes_defaults_after_ten_days() -> None:
    deal = Deal()
    deal.wait(days=25, hours=6)
    assert (deal.state, deal.contract().storage_fen) == ("buyer_default", 1_000 * 10 * RATE)


def test_a_buyer_that_orders_late_gets_no_second_grace() -> None:
    deal = Deal()
    deal.wait(days=16)
    deal.order()
    deal.wait(days=15)
    assert deal.state == "buyer_default"
    assert deal.contract().storage_fen == 1_000 * 16 * RATE
    assert deal.kinds().count("collection_late") == 1


def test_who_leaves_a_part_lying_pays_storage_and_a_penalty_on_that_part() -> None:
    deal = Deal()
    deal.order()
    deal.truck(400_000)
    deal.wait(days=25)
    assert deal.state == "delivered"
    storage = 600 * 10 * RATE
    deal.accept()
    body = deal.statement().body
    assert (body["missing_kg"], body["left_kg"], body["storage_fen"]) == (
        500_000, 500_000, storage,
    )  # fmt: skip
    deal.agree()
    part, penalty = 72_200 * 400, 72_200 * 500 // 10
    kept = part * 5 // 100
    assert deal.money(deal.seller) == part + storage + penalty - FEE - kept
    assert deal.money(deal.buyer) == 2_000_000_000 - part - storage - penalty - FEE
    deal.prove()


def test_within_the_tolerance_nobody_is_late() -> None:
    deal = Deal()
    deal.order()
    deal.truck(900_000)
    deal.wait(days=15)
    assert (deal.state, deal.contract().storage_from) == ("delivered", None)


def test_where_the_seller_brings_the_goods_nobody_collects() -> None:
    deal = Deal(basis="DELIVERED")
    deal.order()
    deal.wait(days=15)
    contract = deal.contract()
    assert (contract.state, contract.storage_from) == ("seller_default", None)


def test_where_the_seller_brings_the_goods_a_buyer_that_never_asks_for_them_defaults() -> None:
    deal = Deal(basis="DELIVERED")
    deal.wait(days=15, hours=1)
    contract = deal.contract()
    assert (contract.state, contract.storage_fen) == ("buyer_default", 0)


def test_goods_that_are_not_there_are_the_sellers_default_whoever_was_late() -> None:
    deal = Deal(seller_yuan=100_000)
    deal.order()
    keeper = {"by": deal.people["keeper"]}
    assert deal.refusal(delivering.report_missing, **keeper, reason=" ") == "REQUIRED"
    assert deal.refusal(delivering.report_missing, **keeper, reason="x" * 401) == "TOO_LONG"
    deal.wait(days=17)
    deal.do(delivering.report_missing, **keeper, reason="垛位无此货")
    contract = deal.contract()
    assert (contract.state, contract.storage_fen) == ("seller_default", 0)
    with deal.scope():
        told = contract.events.get(kind="goods_missing")
    assert (told.by, told.detail) == (deal.people["keeper"], {"reason": "垛位无此货"})
    deal.do(defaults.choose, **deal.as_buyer(), remedy="penalty")
    assert deal.state == "terminated"
    assert deal.money(deal.buyer) == 2_000_000_000 + VALUE // 10
    deal.prove()


def test_what_was_loaded_in_part_is_not_reported_missing() -> None:
    deal = Deal()
    deal.order()
    deal.truck(1_000)
    keeper = {"by": deal.people["keeper"], "reason": "垛位无此货"}
    assert deal.refusal(delivering.report_missing, **keeper) == "LOADED_ALREADY"


def test_refused_goods_of_a_late_buyer_are_not_stored_at_its_cost() -> None:
    deal = Deal("SEA-SQD", venue="jdsc", seller="rcyy", buyer="whhx", lots=500)
    deal.order()
    deal.wait(days=7)
    deal.truck(500 * deal.goods.lot_kg)
    deal.loaded()
    assert deal.contract().storage_fen > 0
    deal.certificate(size="200-300g", glaze="5", tvbn="31")
    deal.accept()
    contract = deal.contract()
    assert (contract.state, contract.storage_fen) == ("seller_default", 0)


def small_part(deal: Deal) -> int:
    """Deliver so little that the penalty on the rest exceeds it; return what stays owed."""
    deal.order()
    deal.truck(40_000)
    deal.loaded()
    deal.accept()
    deal.agree()
    return 72_200 * 860 // 10 - (72_200 * 40 - FEE)


def test_a_penalty_beyond_the_proceeds_is_asked_of_the_sellers_money_at_once() -> None:
    deal = Deal(seller_yuan=100_000)
    owed = small_part(deal)
    contract = deal.contract()
    assert (contract.state, contract.penalty_fen, contract.penalty_at) == ("settled", 0, None)
    assert deal.money(deal.seller) == 10_000_000 - owed
    assert deal.money(deal.buyer) == 2_000_000_000 - 72_200 * 40 - FEE + 72_200 * 860 // 10
    with deal.scope():
        assert [one.free_lots for one in deal.world.engine.receipts()] == [960]
    deal.prove()


def test_while_the_seller_lacks_it_the_rest_stands_bound_and_the_contract_open() -> None:
    deal = Deal()
    owed = small_part(deal)
    assert deal.contract().penalty_fen == owed
    with deal.scope():
        assert [one.free_lots for one in deal.world.engine.receipts()] == [0]
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "settled"
    deal.wait(days=3)
    deal.pay_in(deal.seller, 100_000)
    deal.cash_in += 10_000_000
    deal.wait(days=1)
    contract = deal.contract()
    assert (contract.state, contract.penalty_fen) == ("closed", 0)
    assert deal.money(deal.seller) == 10_000_000 - owed
    assert deal.kinds().count("penalty_paid") == 1
    deal.prove()


def test_after_thirty_days_the_goods_are_free_and_the_penalty_stays_owed_and_shown() -> None:
    deal = Deal()
    owed = small_part(deal)
    deal.invoice()
    deal.take_invoice()
    deal.wait(days=29)
    assert deal.state == "settled"
    deal.wait(days=2, hours=6)
    contract = deal.contract()
    assert (contract.state, contract.penalty_fen, contract.penalty_at) == ("closed", owed, None)
    assert "penalty_unpaid" in deal.kinds()
    with deal.scope():
        assert [one.free_lots for one in deal.world.engine.receipts()] == [960]
    assert deal.world.engine.venue.trades == {}
    deal.prove()


def test_a_dispute_about_money_that_a_penalty_has_used_up_is_ruled_on_without_any() -> None:
    deal = Deal(seller_yuan=100_000)
    deal.order()
    deal.truck(40_000)
    deal.loaded()
    deal.accept()
    deal.do(settling.object_to, **deal.as_seller(), amount_fen=1_000_000, reason="短重")
    assert (deal.state, deal.dispute().amount_fen) == ("settled", 0)
    deal.do(disputes.respond, **deal.as_buyer(), text="不同意")
    for who in (deal.as_buyer(), deal.as_seller()):
        deal.do(disputes.offer, **who, fen=0)
    assert deal.dispute().state == "executed"
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    deal.prove()


def test_storage_beyond_what_is_bound_is_asked_for_before_the_exchange() -> None:
    deal = Deal(cover_bp=1_000, buyer_yuan=2_000_000)
    deal.pay()
    deal.order()
    deal.wait(days=24)
    deal.truck(1_099_000)
    deal.loaded()
    deal.accept()
    deal.agree()
    value, storage = 72_200 * 1_099, 1_000 * 9 * RATE
    assert deal.state == "top_up"
    assert deal.pay() == value + FEE + storage - 79_420_000 - 39_710
    assert (deal.state, deal.contract().unpaid_fen) == ("settled", 0)
    assert settling.extra_fen(deal.contract()) == storage
    deal.prove()


def test_the_buyers_fee_counts_when_the_final_value_is_just_above_what_is_bound() -> None:
    deal = Deal(cover_bp=1_000, buyer_yuan=2_000_000)
    deal.pay()
    deal.deliver(1_100_500)  # 794,561 yuan with 794,597.10 bound: the fee of 361 does not fit
    deal.accept()
    deal.agree()
    assert deal.state == "top_up"
    assert deal.pay() == 72_200 * 1_100 + 36_100 + FEE - 79_420_000 - 39_710
    assert (deal.state, deal.contract().unpaid_fen) == ("settled", 0)


def test_a_second_sweep_that_comes_too_late_asks_for_no_penalty_again() -> None:
    deal = Deal()
    small_part(deal)
    assert deal.contract().penalty_at is not None
    kinds = deal.kinds()
    with deal.scope():
        assert timers._ask_penalty(1, deal.now) is False, "another has asked for today"
    deal.pay_in(deal.seller, 100_000)
    deal.cash_in += 10_000_000
    deal.miss(days=1, hours=1)
    assert deal.sweep() == 1, "the penalty is asked for again, and nothing else is due"
    with deal.scope():
        assert timers._ask_penalty(1, deal.now) is False, "another has got it"
    assert deal.kinds()[len(kinds) :].count("penalty_paid") == 1
