"""Whole contracts as traders live them, on the real engine and ledger; exact to the fen."""

from __future__ import annotations

import pytest
from django.db.models import F

from settlement import books
from settlement.ledger import Code
from settlement.models import Invoice
from tests.settlement.contracts.trade import Deal, defaults, delivering, invoicing, settling
from tests.settlement.test_settlement import Still

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


def test_coal_off_its_base_costs_less_and_the_rest_of_the_money_returns() -> None:
    """10,000 t at 722; delivered 10,040 t at 5,423 kcal, sulphur 0.92, moisture 19.4."""
    deal = Deal(lots=10_000)
    assert deal.state == "secured"
    deal.deliver(5_020_000, 5_020_000)
    deal.certificate(qnet_ar="5423", st_d="0.92", mt="19.4")
    assert deal.state == "delivered"
    deal.accept()
    # 722 x 5423 / 5500 - 5 = 706.892 -> 706.89; 10,040 t less 1 % = 9,939.6 t
    value = 70_689 * 99_396 // 10
    body = deal.statement().body
    assert (body["value_fen"], body["payable_kg"]) == (value, 10_040_000)
    deal.agree()
    assert deal.state == "settled"
    fee = 361_000  # 5 bp of 7,220,000 yuan, each side
    kept = value * 5 // 100
    assert deal.money(deal.seller) == value - fee - kept
    assert deal.money(deal.buyer) == 2_000_000_000 - value - fee
    assert deal.money(deal.buyer, Code.COMMITTED) == kept
    deal.prove()
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    assert deal.money(deal.seller) == value - fee
    assert deal.money(deal.buyer, Code.COMMITTED) == 0
    assert deal.fees() == 2 * fee
    deal.prove()
    # Accepted invoices are what contracts came to, or the books are wrong.
    with deal.scope():
        Invoice.objects.update(gross_fen=F("gross_fen") - 1, net_fen=F("net_fen") - 1)
        (fault,) = books.prove(Still(deal.world), wait_s=0).faults  # type: ignore[arg-type]
    assert fault == f"accepted invoices say {value - 1}, their contracts {value}"


def test_a_deposit_is_topped_up_before_delivery_and_again_by_the_final_statement() -> None:
    deal = Deal(lots=1_000, cover_bp=1_000, buyer_yuan=1_000_000)
    assert deal.state == "matched"
    assert deal.money(deal.buyer, Code.COMMITTED) == 7_942_000 + 39_710  # a tenth of 110 %, fee
    assert deal.refusal(delivering.order_delivery, **deal.as_buyer(), code="X") == "CONTRACT_STATE"
    assert deal.pay() == 79_420_000 + 39_710 - 7_942_000 - 39_710
    with deal.scope():
        paid = deal.contract().events.get(kind="paid")
    assert (paid.firm_id, paid.detail) == (deal.buyer.pk, {"committed_fen": 79_420_000 + 39_710})
    assert deal.state == "secured"
    deal.deliver(1_099_000)
    deal.certificate(qnet_ar="5700", st_d="0.80", mt="18")
    deal.accept()
    deal.agree()
    # 722 x 5700 / 5500 = 748.25; 1,099 t: more than the 794,200 yuan that were bound
    value = 74_825 * 1_099
    assert deal.state == "top_up"
    assert deal.pay() == value + 36_100 - 79_420_000 - 39_710
    assert deal.state == "settled"
    deal.invoice()
    deal.take_invoice()
    assert (deal.state, deal.money(deal.seller)) == ("closed", value - 36_100)
    deal.prove()


def test_corn_on_three_trucks_of_which_the_mouldy_one_is_refused() -> None:
    deal = Deal("GRN-CRN", venue="lblm", seller="dzhf", buyer="wfdf", lots=9, buyer_yuan=400_000)
    price = deal.goods.reference_ticks * deal.goods.tick_fen_per_t
    sound = {"test_weight": "690", "mould": "1.0", "moisture": "14.0", "impurity": "1.0"}
    deal.order()
    for _ in range(3):
        deal.truck(30_000)
    for ticket in (1, 3):
        deal.certificate(ticket, **sound)
    deal.certificate(2, **(sound | {"mould": "4.5"}))
    deal.loaded()
    assert deal.refusal(delivering.refuse_ticket, **deal.as_buyer(), ticket=1) == "NOT_REFUSABLE"
    deal.do(delivering.refuse_ticket, **deal.as_buyer(), ticket=2)
    deal.accept()
    body = deal.statement().body
    assert [part["tickets"] for part in body["parts"]] == [[1], [3]]
    assert body["value_fen"] == 2 * (price * 30)
    assert body["accepted_kg"] == 60_000
    missing = body["missing_kg"]
    assert missing > 0, "a third is missing: beyond the tolerance"
    penalty = (price * missing // 1000 * 1_000 + 5_000) // 10_000
    deal.agree()
    fee = price * 90 * 5 // 10_000
    kept = body["value_fen"] * 5 // 100
    assert deal.money(deal.seller) == body["value_fen"] - fee - penalty - kept
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    deal.prove()


def test_a_cotton_batch_with_premiums_by_its_conditioned_weight() -> None:
    deal = Deal(
        "CTN-3128B",
        venue="lblm",
        seller="bzmy",
        buyer="lbhf",
        lots=1,
        buyer_yuan=1_000_000,
        weights=(42_180,),
    )
    deal.deliver(42_180)
    deal.certificate(
        color="21", length="29", micronaire="A", strength="S2", trash="1.8", regain="6.2"
    )
    deal.accept()
    body = deal.statement().body
    price = deal.goods.reference_ticks * deal.goods.tick_fen_per_t
    # golden case: +325 yuan a tonne, and 43.403 t conditioned out of 42.180 t
    assert body["value_fen"] == ((price + 32_500) * 43_403 * 2 + 1_000) // 2_000
    deal.agree()
    if deal.state == "top_up":
        deal.pay()
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    deal.prove()


def test_squid_too_warm_waits_for_the_umpire_who_lets_it_pass() -> None:
    deal = Deal("SEA-SQD", venue="jdsc", seller="rcyy", buyer="whhx", lots=500, buyer_yuan=400_000)
    sound = {"size": "200-300g", "glaze": "5", "tvbn": "20"}
    deal.deliver(500 * deal.goods.lot_kg)
    deal.certificate(**(sound | {"core_temp": "-13"}))
    assert deal.state == "disputed"
    assert deal.refusal(settling.accept, **deal.as_buyer()) == "CONTRACT_STATE"
    clerk = {"by": deal.people["clerk"]}
    assert deal.refusal(delivering.end_umpire, **clerk) == "UMPIRE_MISSING"
    deal.certificate(**(sound | {"core_temp": "-18"}))
    deal.do(delivering.end_umpire, **clerk)
    assert deal.state == "delivered"
    deal.accept()
    deal.agree()
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    assert deal.statement().body["parts"][0]["measured"]["core_temp"] == "-18"
    deal.prove()


def test_squid_that_the_umpire_finds_too_warm_is_out_and_the_seller_pays_a_penalty() -> None:
    deal = Deal(
        "SEA-SQD",
        venue="jdsc",
        seller="rcyy",
        buyer="whhx",
        lots=500,
        buyer_yuan=400_000,
        seller_yuan=100_000,
    )
    warm = {"size": "200-300g", "glaze": "5", "core_temp": "-13"}
    deal.deliver(500 * deal.goods.lot_kg)
    deal.certificate(**warm)
    deal.certificate(**warm)
    deal.do(delivering.end_umpire, by=deal.people["clerk"])
    deal.accept()
    assert deal.state == "seller_default"
    deal.do(defaults.choose, **deal.as_buyer(), remedy="penalty")
    assert (deal.state, deal.contract().unpaid_fen) == ("terminated", 0)
    value = deal.contract().value_fen
    assert deal.money(deal.buyer) == 40_000_000 + value // 10
    assert deal.money(deal.seller) == 10_000_000 - value // 10
    deal.prove()


def test_a_buyer_refuses_the_excess_beyond_the_tolerance() -> None:
    deal = Deal(lots=1_000)
    deal.deliver(600_000, 520_000)  # 1,120 t; 1,100 t is the most that must be taken
    deal.do(delivering.refuse_excess, **deal.as_buyer(), refused=True)
    deal.accept()
    body = deal.statement().body
    assert (body["delivered_kg"], body["payable_kg"]) == (1_120_000, 1_100_000)
    assert body["value_fen"] == 72_200 * 1_100
    deal.agree()
    assert deal.state == "settled"
    deal.prove()


def test_a_buyer_that_takes_the_excess_pays_it_at_the_contract_price() -> None:
    deal = Deal(lots=1_000)
    deal.deliver(600_000, 520_000)
    deal.do(delivering.refuse_excess, **deal.as_buyer(), refused=False)
    deal.accept()
    assert deal.statement().body["value_fen"] == 72_200 * 1_120


def test_an_invoice_must_say_what_was_settled() -> None:
    deal = Deal(lots=1_000)
    deal.deliver(1_000_000)
    deal.accept()
    deal.agree()
    right = {"gross_fen": 72_200_000, "vat_fen": 8_306_195, "weight_kg": 1_000_000}
    said = deal.as_seller() | {"number": "26377000000012345678"}
    for field, code in (
        ("gross_fen", "INVOICE_AMOUNT"),
        ("vat_fen", "INVOICE_VAT"),
        ("weight_kg", "INVOICE_WEIGHT"),
    ):
        wrong = right | {field: right[field] + 1}
        assert deal.refusal(invoicing.issue, **said, **wrong) == code
    buyer = deal.as_buyer() | {"number": "26377000000012345678"}
    assert deal.refusal(invoicing.issue, **buyer, **right) == "NOT_ALLOWED"
    deal.do(invoicing.issue, **said, **right)
    said_no = {**deal.as_buyer(), "accepted": False}
    assert deal.refusal(invoicing.answer, **said_no, reason=" ") == "REQUIRED"
    assert deal.refusal(invoicing.answer, **said_no, reason="x" * 201) == "TOO_LONG"
    deal.do(invoicing.answer, **said_no, reason="抬头错误" * 50)
    with deal.scope():
        assert Invoice.objects.get().reason == "抬头错误" * 50, "nothing of it is lost"
    assert deal.refusal(
        invoicing.issue, **(said | {"number": "26377000000012345679"}), **right
    ) == ("RED_INVOICE_DUE")
    deal.do(invoicing.red_letter, **deal.as_seller(), number="26377000000099999999")
    deal.invoice("26377000000012345679")
    deal.take_invoice()
    assert deal.state == "closed"
    with deal.scope():
        assert invoicing.totals() == (72_200_000, 72_200_000)
