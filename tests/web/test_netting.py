"""The day's bank legs on screen: everybody's own, line by line, and nobody else's."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from exchange.models import Role
from exchange.sequencer import now_us
from matching.commands import LiftOrder, Side
from tests.web.desk import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.django_db
PAGE = "/qldz/netting/"


def close(client: Client, **fields: Any) -> Any:
    return client.post(PAGE, {"op_id": str(uuid.uuid4())} | fields)


def traded(desk: Desk) -> tuple[Any, Any]:
    """Have one firm sell another 500 t at 700 yuan; return both."""
    coal = desk.instrument()
    seller, buyer = desk.firm("rzyf"), desk.firm("lzrd")
    desk.pay_in(buyer, 1_000_000)
    desk.store(seller, coal, 500)
    offer = desk.enter(seller, coal, Side.SELL, 500, 700)
    desk.command(LiftOrder(buyer.pk, 1, "lift", now_us(), offer.order_id, 500))
    desk.catch_up()
    return seller, buyer


def test_the_clerk_closes_and_each_firm_sees_its_own_leg_alone(desk: Desk) -> None:
    traded(desk)
    clerk = desk.client(Role.CLERK)
    done = close(clerk)
    assert (done.status_code, done["Location"]) == (302, f"{PAGE}1/")
    assert "NOTHING_TO_NET" in close(clerk).content.decode()
    whole = clerk.get(f"{PAGE}1/").content.decode()
    assert whole.count('data-testid="leg"') == 3, "two firms and the operator"
    buyer, seller = desk.client(Role.FINANCE, "lzrd"), desk.client(Role.FINANCE, "rzyf")
    own = buyer.get(f"{PAGE}1/").content.decode()
    assert own.count('data-testid="leg"') == 1
    assert "缴入 ¥350,175.00" in own, "350,000 and a fee of 5 in 10,000"
    assert "划出 ¥349,825.00" in seller.get(PAGE).content.decode()
    stranger = desk.client(Role.FINANCE, "lyjc")
    assert 'data-testid="batch-row"' not in stranger.get(PAGE).content.decode()
    assert stranger.get(f"{PAGE}1/").status_code == clerk.get(f"{PAGE}2/").status_code == 404
    assert close(buyer).status_code == close(desk.client(Role.OPERATOR)).status_code == 404


def test_who_cannot_pay_in_is_left_out_with_its_contract(desk: Desk) -> None:
    _, buyer = traded(desk)
    clerk = desk.client(Role.CLERK)
    wrong = close(clerk, **{f"fund_{buyer.pk}": "x"})
    assert (wrong.status_code, "NUMBER" in wrong.content.decode()) == (422, True)
    assert close(clerk, **{f"fund_{buyer.pk}": "0"}).status_code == 302
    page = clerk.get(f"{PAGE}1/").content.decode()
    assert ('data-testid="leg"' in page, 'data-testid="drops"' in page) == (False, True)
    assert (
        'data-testid="drops"' in desk.client(Role.FINANCE, "lzrd").get(f"{PAGE}1/").content.decode()
    )
    assert close(clerk, **{f"fund_{buyer.pk}": "350,175"}).status_code == 302
    assert clerk.get(f"{PAGE}2/").content.decode().count('data-testid="leg"') == 3
