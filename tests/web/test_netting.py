"""The day's bank legs on screen: everybody's own, line by line, and nobody else's."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from exchange import scope
from exchange.models import Role
from exchange.sequencer import now_us
from matching.commands import LiftOrder, Side
from settlement import payment_worker as worker
from settlement.models import AccountState, BoundAccount, NettingBatch
from settlement.payments import rails
from settlement.payments.ports import OperationKind
from tests.settlement.payments.moody import MoodyBank
from tests.web.desk import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.django_db
PAGE = "/qldz/netting/"


def close(client: Client, **fields: Any) -> Any:
    return client.post(PAGE, {"op_id": str(uuid.uuid4()), "act": "net", "confirm": "on"} | fields)


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


def test_what_goes_to_the_bank_is_confirmed_first(desk: Desk) -> None:
    traded(desk)
    clerk = desk.client(Role.CLERK)
    refused = close(clerk, confirm="")
    assert (refused.status_code, "CONFIRM" in refused.content.decode()) == (422, True)
    with scope.venue(desk.venue.id):
        assert not NettingBatch.objects.exists()
    assert close(clerk, act="other").status_code == 404


def test_the_operator_sets_the_cut_off_and_nobody_else(desk: Desk) -> None:
    operator, clerk = desk.client(Role.OPERATOR), desk.client(Role.CLERK)
    fields = {"act": "cut_off", "cut_off": "17:30"}
    for client in (clerk, desk.client(Role.REVIEWER), desk.client(Role.FINANCE, "lzrd")):
        assert close(client, **fields).status_code == 404
    assert close(operator, **fields | {"cut_off": "25:00"}).status_code == 422
    assert close(operator, **fields).status_code == 302
    assert "每个交易日 17:30 自动轧差" in clerk.get(PAGE).content.decode()
    assert close(operator, **fields | {"cut_off": ""}).status_code == 302
    assert "自动轧差。" not in clerk.get(PAGE).content.decode()


def sub_accounts(desk: Desk, settings: Any) -> MoodyBank:
    """Let a bank carry legs between the two firms' sub-accounts from now on."""
    settings.PAYMENT_RAIL = "moody"
    bank = MoodyBank(timezone.now)
    rails.provide(bank)
    for firm in (desk.firm("rzyf"), desk.firm("lzrd")):
        BoundAccount.objects.across_venues().create(
            venue=desk.venue, firm=firm, rail="moody", holder=firm.name_zh, payout="x",
            funding=f"VA-{firm.code}", state=AccountState.BOUND, proposed_at=timezone.now(),
        )  # fmt: skip
        bank.places[f"VA-{firm.code}"] = 10**9
    return bank


def pulse(desk: Desk) -> None:
    with scope.venue(desk.venue.id):
        for _ in range(4):
            worker.pulse(timezone.now())


def test_each_leg_shows_what_the_bank_said_and_the_clerk_asks_anew(
    desk: Desk, settings: Any
) -> None:
    traded(desk)
    bank = sub_accounts(desk, settings)
    clerk, page = desk.client(Role.CLERK), f"{PAGE}1/"
    is_out = OperationKind.SWEEP_OUT
    bank.mood = lambda one: "refuse" if one.kind == is_out and one.account else "done"
    assert close(clerk).status_code == 302
    assert "缴入中" in clerk.get(page).content.decode()
    refused = close(clerk)
    assert "BATCH_OPEN" in refused.content.decode()
    pulse(desk)
    shown = clerk.get(page).content.decode()
    assert shown.count('data-testid="bank-leg"') == 3
    assert "银行拒绝了划出" in shown
    assert shown.count('data-testid="again"') == 1
    seller, buyer = desk.client(Role.FINANCE, "rzyf"), desk.client(Role.FINANCE, "lzrd")
    own = seller.get(page).content.decode()
    assert (own.count('data-testid="bank-leg"'), 'data-testid="again"' in own) == (1, False)
    assert "NO_MONEY" in own
    assert "qldz:leg:1:" in buyer.get(page).content.decode(), "the bank's reference"
    firm = desk.firm("rzyf").pk
    word = {"op_id": str(uuid.uuid4()), "firm": str(firm)}
    for client in (seller, desk.client(Role.OPERATOR)):
        assert client.post(page, word | {"confirm": "on"}).status_code == 404
    assert clerk.post(page, word).status_code == 302
    assert clerk.post(page, word | {"firm": "x", "confirm": "on"}).status_code == 404
    with scope.venue(desk.venue.id):
        assert NettingBatch.objects.get().revision == 1, "not confirmed"
    bank.mood = lambda one: "done"
    assert clerk.post(page, word | {"confirm": "on"}).status_code == 302
    pulse(desk)
    shown = clerk.get(page).content.decode()
    assert "已完成" in shown
    assert clerk.post(page, word | {"confirm": "on"}, follow=True).status_code == 200
    assert shown.count('data-testid="bank-leg"') == 4
    assert bank.places["VA-rzyf"] == 10**9 + 34_982_500
    assert bank.places["clearing"] == 0


def test_a_rail_that_carries_no_legs_says_so(desk: Desk, settings: Any) -> None:
    traded(desk)
    settings.PAYMENT_RAIL = "stripe"
    clerk = desk.client(Role.CLERK)
    close(clerk)
    shown = clerk.get(f"{PAGE}1/").content.decode()
    assert "Stripe不办理轧差收付" in shown
    assert 'data-testid="bank-leg"' not in shown
