"""Ratings on a contract's page, and what a firm is rated where it is named."""

from __future__ import annotations

import json
import re
from typing import Any

from exchange import scope
from exchange.models import Instrument
from matching.commands import Side
from settlement.models import Rating
from tests.web.desk import Desk, codes, desk
from tests.web.test_contracts import PAGE, act, acts, agreed, deliver

__all__ = ["desk"]

GOOD = {"punctuality": "5", "quality": "5", "documents": "4"}
BAD = {"punctuality": "1", "quality": "2", "documents": "1", "text": "逾期付款"}


def over(desk: Desk) -> None:
    """A contract that is delivered, invoiced and closed."""
    agreed(desk, cover_bp=10_000)
    deliver(desk)
    buyer, seller = desk.client("finance", "lzrd"), desk.client("finance", "rzyf")
    for who in (buyer, seller):
        act(desk, who, "agree")
    bill = {"number": "26377000000012345678", "gross": "361000.00", "weight": "500"}
    act(desk, seller, "invoice", **bill, vat="41530.97")
    act(desk, buyer, "answer", accepted="yes")


def standings(page: str) -> list[str]:
    return re.findall(r'data-testid="standing">评价 ([^<]+)<', page)


def on_the_board(desk: Desk, client: Any) -> Any:
    with scope.venue(1):
        (coal,) = Instrument.objects.order_by("pk")
    page = client.get(f"/qldz/trade/{coal.code}/").content.decode()
    data = re.search(r'<script id="page" type="application/json">(.*?)</script>', page)
    assert data is not None
    return json.loads(data[1])["standings"]


def test_each_rates_once_and_both_are_shown_together(desk: Desk) -> None:
    over(desk)
    buyer, seller = desk.client("trader", "lzrd"), desk.client("finance", "rzyf")
    operator = desk.client("operator")
    for wrong, refusal in (
        (GOOD | {"quality": ""}, ["REQUIRED"]),
        (GOOD | {"quality": "6"}, ["CHOICE"]),
        (GOOD | {"text": "x" * 201}, ["TOO_LONG"]),
    ):
        answer = act(desk, buyer, "rate", **wrong)
        assert (answer.status_code, codes(answer)) == (422, refusal)
    assert act(desk, seller, "rate", **BAD).status_code == 302
    assert "逾期付款" in seller.get(PAGE).content.decode(), "one's own is always seen"
    for reader in (buyer, operator):
        page = reader.get(PAGE).content.decode()
        assert ("逾期付款" in page, "rating-row" in page, standings(page)) == (False, False, [])
    assert act(desk, buyer, "rate", **GOOD).status_code == 302
    for reader in (buyer, seller, operator):
        page = reader.get(PAGE).content.decode()
        assert page.count('data-testid="rating-row"') == 2
        assert "逾期付款" in page
        assert standings(page) == ["1.3 (1)", "4.7 (1)"]
        assert "rate" not in acts(page)
        assert " style=" not in page
    assert "rating-row" not in desk.client("warehouse").get(PAGE).content.decode()
    again = seller.post(
        PAGE, {"act": "rate", "op_id": "5f0c4d6e-5f0c-4d6e-8f0c-5f0c4d6e5f0c"} | BAD
    )
    assert again.status_code == 302
    with scope.venue(1):
        assert Rating.objects.count() == 2


def test_only_traders_and_finance_of_a_party_rate(desk: Desk) -> None:
    over(desk)
    for role, firm in (
        ("delivery", "lzrd"), ("operator", ""), ("clerk", ""), ("trader", "jnqf"),
    ):  # fmt: skip
        client = desk.client(role, firm)
        answer = client.post(PAGE, {"act": "rate"} | GOOD)
        assert answer.status_code == 404
    with scope.venue(1):
        assert not Rating.objects.exists()


def test_a_firm_is_named_with_its_rating_in_the_lists(desk: Desk) -> None:
    over(desk)
    buyer, seller = desk.client("trader", "lzrd"), desk.client("trader", "rzyf")
    listing = "/qldz/contracts/"
    assert standings(buyer.get(listing).content.decode()) == []
    act(desk, buyer, "rate", **GOOD)
    act(desk, seller, "rate", **BAD)
    assert standings(buyer.get(listing).content.decode()) == ["4.7 (1)"]
    assert standings(seller.get(listing).content.decode()) == ["1.3 (1)"]
    both = standings(desk.client("operator").get(listing).content.decode())
    assert both == ["1.3 (1)", "4.7 (1)"]
    assert on_the_board(desk, buyer) == {}, "nobody offers anything"
    with scope.venue(1):
        (coal,) = Instrument.objects.order_by("pk")
    desk.enter(desk.firm("rzyf"), coal, Side.SELL, 500, 722)
    desk.catch_up()
    for client in (buyer, seller, desk.client("trader", "jnqf")):
        assert on_the_board(desk, client) == {"RZYF": "4.7 (1)"}
