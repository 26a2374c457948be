"""A firm's pages: acts happen once, refusals stand at their field, others see nothing."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client

from exchange import scope
from exchange.models import FirmFunds, OrderRow
from exchange.models.projected import OrderState
from exchange.sequencer import now_us
from matching.commands import LiftOrder, Side
from settlement.models import FundsMovement, Receipt
from tests.web.desk import Desk, codes, desk, operation
from web.limits import PAGE_ROWS

__all__ = ["desk"]


def movements() -> list[tuple[str, int, str]]:
    with scope.venue(1):
        rows = FundsMovement.objects.order_by("pk")
        return [(row.direction, row.amount_fen, row.state) for row in rows]


def test_a_deposit_that_is_sent_twice_pays_in_once(desk: Desk) -> None:
    firm = desk.firm("lzrd")
    finance = desk.client("finance", "lzrd")
    form = {"act": "in", "amount": "12,000.50", "op_id": operation(finance.get("/qldz/funds/"))}
    answers = [finance.post("/qldz/funds/", form) for _ in range(2)]
    desk.catch_up()

    assert [(one.status_code, one["Location"]) for one in answers] == [(302, "/qldz/funds/")] * 2
    assert movements() == [("in", 1_200_050, "confirmed")]
    page = finance.get("/qldz/funds/").content.decode()
    assert "¥12,000.50" in page
    assert "+¥12,000.50" in page
    with scope.venue(1):
        assert FirmFunds.objects.get(firm_id=firm.pk).available_fen == 1_200_050


def test_too_large_a_withdrawal_is_refused_at_the_amount_with_both_figures_kept(desk: Desk) -> None:
    desk.pay_in(desk.firm("lzrd"), 100)
    finance = desk.client("finance", "lzrd")
    form = {"act": "out", "amount": "100.01", "op_id": operation(finance.get("/qldz/funds/"))}
    answer = finance.post("/qldz/funds/", form)

    assert (answer.status_code, codes(answer)) == (422, ["CASH"])
    assert 'value="100.01"' in answer.content.decode()
    assert form["op_id"] not in answer.content.decode(), "the corrected form is a new operation"
    assert movements()[1:] == [("out", 10_001, "failed")]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "REQUIRED"),
        ("abc", "NUMBER"),
        ("-1", "NUMBER"),
        ("1.234", "NUMBER"),
        ("1e5", "NUMBER"),
        ("0", "NUMBER"),
        ("１２", "NUMBER"),
        ("900000000000", "AMOUNT"),
        ("9" * 30, "NUMBER"),
    ],
)
def test_an_amount_that_is_none_changes_nothing(desk: Desk, typed: str, code: str) -> None:
    finance = desk.client("finance", "lzrd")
    op_id = operation(finance.get("/qldz/funds/"))
    answer = finance.post("/qldz/funds/", {"act": "in", "amount": typed, "op_id": op_id})
    assert (answer.status_code, codes(answer)[:1]) == (422, [code])
    assert movements() == []


def test_a_form_without_a_good_operation_id_is_refused(desk: Desk) -> None:
    finance = desk.client("finance", "lzrd")
    answer = finance.post("/qldz/funds/", {"act": "in", "amount": "1", "op_id": "x"})
    assert (answer.status_code, codes(answer)) == (422, ["INVALID"])
    assert movements() == []


def test_money_waits_for_an_engine_that_does_not_answer(desk: Desk) -> None:
    finance = desk.client("finance", "rcyy", venue="jdsc")
    op_id = operation(finance.get("/jdsc/funds/"))
    answer = finance.post("/jdsc/funds/", {"act": "in", "amount": "5", "op_id": op_id}, follow=True)
    assert answer.status_code == 200
    assert "处理中" in answer.content.decode()
    assert "data-pending" in answer.content.decode()


def test_only_the_finance_user_moves_money_and_only_the_delivery_user_goods(desk: Desk) -> None:
    coal = desk.instrument()
    receipt = desk.store(desk.firm("rzyf"), coal, 500)
    trader = desk.client("trader", "rzyf")
    finance = desk.client("finance", "rzyf")
    funds_page = trader.get("/qldz/funds/")
    receipt_page = finance.get(f"/qldz/receipts/{receipt.pk}/")
    assert '<form method="post" class="form"' not in funds_page.content.decode()
    assert 'data-testid="collect"' not in receipt_page.content.decode()
    assert trader.post("/qldz/funds/", {"act": "in", "amount": "1"}).status_code == 404
    assert finance.post(f"/qldz/receipts/{receipt.pk}/", {"quantity": "1"}).status_code == 404
    assert movements() == []


def test_goods_are_collected_once_and_never_more_than_are_free(desk: Desk) -> None:
    coal, seller = desk.instrument(), desk.firm("rzyf")
    receipt = desk.store(seller, coal, 1_000)
    desk.enter(seller, coal, Side.SELL, 600, 722)
    desk.catch_up()
    delivery = desk.client("delivery", "rzyf")
    path = f"/qldz/receipts/{receipt.pk}/"
    page = delivery.get(path)
    assert "400 吨" in page.content.decode(), "600 of 1,000 t are held by the offer"

    too_much = delivery.post(path, {"quantity": "401", "op_id": operation(page)})
    assert (too_much.status_code, codes(too_much)) == (422, ["GOODS"])
    form = {"quantity": "150", "op_id": operation(too_much)}
    assert [delivery.post(path, form).status_code for _ in range(2)] == [302, 302]
    desk.catch_up()
    with scope.venue(1):
        left = Receipt.objects.get(pk=receipt.pk)
        assert (left.lots, left.weight_kg) == (850, 850_000)


def test_a_receipt_of_another_firm_looks_like_none(desk: Desk) -> None:
    coal = desk.instrument()
    receipt = desk.store(desk.firm("rzyf"), coal, 500)
    other = desk.client("delivery", "qdhy")
    abroad = desk.client("delivery", "rcyy", venue="jdsc")
    for path in (f"/qldz/receipts/{receipt.pk}/", "/qldz/receipts/999999/"):
        assert other.get(path).status_code == 404
        assert other.post(path, {"quantity": "1"}).status_code == 404
    assert abroad.get(f"/jdsc/receipts/{receipt.pk}/").status_code == 404
    assert abroad.get(f"/qldz/receipts/{receipt.pk}/").status_code == 404


def traded(desk: Desk) -> None:
    """One settled trade of 500 t at 722 yuan/t between RZYF and LZRD."""
    coal, seller, buyer = desk.instrument(), desk.firm("rzyf"), desk.firm("lzrd")
    desk.pay_in(buyer, 1_000_000)
    desk.store(seller, coal, 1_000)
    offer = desk.enter(seller, coal, Side.SELL, 1_000, 722)
    desk.command(LiftOrder(buyer.pk, 1, "lift", now_us(), offer.order_id, 500))
    desk.catch_up()


def test_both_parties_read_the_contract_and_nobody_else(desk: Desk) -> None:
    traded(desk)
    pages = {
        firm: desk.client("trader", firm).get("/qldz/contracts/1/").content.decode()
        for firm in ("rzyf", "lzrd")
    }
    for page in pages.values():
        for text in ("QLDZ-C-000001", "500 吨", "¥361,000.00", "¥319,469.03", "¥41,530.97"):
            assert text in page
        assert 'data-state="settled"' in page
        assert 'data-kind="split_from"' in page
    assert "¥361,180.50" in pages["lzrd"], "the buyer pays value and fee"
    assert "¥361,180.50" not in pages["rzyf"], "what the other side pays in fees is not shown"
    assert "¥360,819.50" in pages["rzyf"], "the seller receives value less fee"
    kinds = re.findall(r'data-kind="([a-z]+)"', pages["lzrd"])
    assert kinds == ["commit", "payment", "release"], "in the order in which it happened"
    assert desk.client("operator").get("/qldz/contracts/1/").status_code == 200
    stranger = desk.client("trader", "jnqf")
    assert stranger.get("/qldz/contracts/1/").status_code == 404
    assert "QLDZ-C-000001" not in stranger.get("/qldz/contracts/").content.decode()
    assert desk.client("trader", "rcyy", venue="jdsc").get("/jdsc/contracts/1/").status_code == 404


def test_history_shows_a_day_and_the_days_before_are_empty(desk: Desk) -> None:
    traded(desk)
    trader = desk.client("trader", "lzrd")
    today = trader.get("/qldz/orders/")
    trades = trader.get("/qldz/orders/?list=trades")
    assert today.content.decode().count('data-testid="order-row"') == 1
    assert trades.content.decode().count('data-testid="trade-row"') == 1
    for odd in ("day=2026-01-01", "day=nonsense", "page=0", "page=²", "page=9999999999"):
        assert trader.get(f"/qldz/orders/?{odd}").status_code == 200
    assert "order-row" not in trader.get("/qldz/orders/?day=2026-01-01").content.decode()


def test_history_is_paged(desk: Desk) -> None:
    firm = desk.firm("lzrd")
    coal = desk.instrument()
    now = dt.datetime.now(dt.UTC)
    with scope.venue(1):
        OrderRow.objects.bulk_create(
            OrderRow(
                id=1_000 + number,
                venue=desk.venue,
                order_id=1_000 + number,
                firm_id=firm.pk,
                trader_id=1,
                client_order_id=f"p{number}",
                instrument_id=coal.pk,
                side=Side.BUY,
                tif=1,
                price_ticks=722,
                quantity_lots=500,
                open_lots=0,
                state=OrderState.CANCELLED,
                entered_at=now,
                changed_at=now,
                changed_seq=1,
            )
            for number in range(PAGE_ROWS + 3)
        )
    trader = desk.client("trader", "lzrd")
    counts = [
        trader.get(f"/qldz/orders/?page={page}").content.decode().count("order-row")
        for page in (1, 2, 3)
    ]
    assert counts == [PAGE_ROWS, 3, 0]


PAGES = ("funds/", "receipts/", "contracts/", "orders/")


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_gets_no_page_and_a_visitor_the_log_in(desk: Desk, page: str) -> None:
    assert Client().get(f"/qldz/{page}")["Location"].startswith("/accounts/login/")
    assert desk.client("trader", "rcyy", venue="jdsc").get(f"/qldz/{page}").status_code == 404
    # Who weighs goods sees contracts, and nobody's money or orders.
    may_see = 200 if page == "contracts/" else 404
    assert desk.client("warehouse").get(f"/qldz/{page}").status_code == may_see


@pytest.mark.parametrize("page", PAGES)
def test_pages_forbid_foreign_script_and_never_speak_of_lots(desk: Desk, page: str) -> None:
    role = "finance" if page == "funds/" else "trader"
    answer: Any = desk.client(role, "lzrd").get(f"/qldz/{page}")
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    text = answer.content.decode()
    assert "<script>" not in text
    assert " style=" not in text
    assert "lots" not in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert sorted(ids) == sorted(set(ids))


def test_a_large_withdrawal_is_agreed_to_by_another_finance_user_of_the_firm(desk: Desk) -> None:
    desk.pay_in(desk.firm("lzrd"), 1_000_000)
    asker, second = desk.client("finance", "lzrd"), desk.client("finance", "lzrd")
    form = {"act": "out", "amount": "600,000", "op_id": operation(asker.get("/qldz/funds/"))}
    assert asker.post("/qldz/funds/", form).status_code == 302
    assert movements()[1:] == [("out", 60_000_000, "awaiting")]
    own, others = (one.get("/qldz/funds/").content.decode() for one in (asker, second))
    assert ('value="yes"' in own, 'value="yes"' in others) == (False, True)
    number = re.search(r'name="movement" value="(\d+)"', others)
    assert number is not None
    word = {"act": "check", "movement": number[1], "agreed": "yes", "op_id": form["op_id"]}
    assert desk.client("trader", "lzrd").post("/qldz/funds/", word).status_code == 404
    assert desk.client("finance", "lyjc").post("/qldz/funds/", word).status_code == 404
    assert "须由另一人复核" in asker.post("/qldz/funds/", word, follow=True).content.decode()
    assert "已复核" in second.post("/qldz/funds/", word, follow=True).content.decode()
    desk.catch_up()
    desk.catch_up()
    assert movements()[1:] == [("out", 60_000_000, "confirmed")]
