"""The operator freezes, the reviewer lifts, the firm sees why."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from exchange import scope
from exchange.models import Role
from settlement.models import FundsFreeze
from tests.web.desk import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.django_db
PAGE = "/qldz/ops/freezes/"


def send(client: Client, **fields: Any) -> Any:
    return client.post(PAGE, {"op_id": str(uuid.uuid4())} | fields)


def test_the_operator_freezes_the_firm_sees_it_and_the_reviewer_lifts(desk: Desk) -> None:
    firm = desk.firm("lzrd")
    desk.pay_in(firm, 1_000)
    operator, reviewer = desk.client(Role.OPERATOR), desk.client(Role.REVIEWER)
    finance = desk.client(Role.FINANCE, "lzrd")
    ask = {"act": "freeze", "firm": str(firm.pk), "reason": "court", "document": "(2026) 7"}
    too_much = send(operator, **ask, amount="1000.01")
    assert (too_much.status_code, "CASH" in too_much.content.decode()) == (422, True)
    assert send(operator, **ask | {"document": ""}, amount="1").status_code == 422
    assert send(operator, **ask, amount="x").status_code == 422
    assert send(reviewer, **ask, amount="1").status_code == 404
    assert send(operator, **ask, amount="300").status_code == 302
    desk.catch_up()
    page = finance.get("/qldz/funds/").content.decode()
    assert "司法冻结 · (2026) 7 · ¥300.00" in page
    assert "¥700.00" in page
    other = desk.client(Role.FINANCE, "rzyf").get("/qldz/funds/").content.decode()
    assert "司法冻结" not in other
    with scope.venue(desk.venue.id):
        row = FundsFreeze.objects.exclude(state="refused").get()
    assert 'data-testid="lift"' not in operator.get(PAGE).content.decode(), "another person lifts"
    assert send(reviewer, act="lift", row=row.pk, document="").status_code == 302
    assert send(reviewer, act="lift", row=10**6, document="x").status_code == 404
    row.refresh_from_db()
    assert row.state == "frozen"
    send(reviewer, act="lift", row=row.pk, document="(2026) 8")
    desk.catch_up()
    row.refresh_from_db()
    assert row.state == "lifted"
    assert "(2026) 8" in operator.get(PAGE).content.decode()


def test_without_an_amount_payouts_stop(desk: Desk) -> None:
    firm = desk.firm("lzrd")
    desk.pay_in(firm, 1_000)
    ask = {"act": "freeze", "firm": str(firm.pk), "reason": "aml", "document": "ticket 9"}
    assert send(desk.client(Role.OPERATOR), **ask, amount="").status_code == 302
    finance = desk.client(Role.FINANCE, "lzrd")
    out = finance.post(
        "/qldz/funds/", {"op_id": str(uuid.uuid4()), "act": "out", "amount": "1"}
    ).content.decode()
    assert "FROZEN" in out
    assert "停止出金" in out
