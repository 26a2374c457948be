"""The clerk's desk for money, the firm's own account, and where rails send messages."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from exchange import scope
from exchange.models import Role
from settlement import accounts
from settlement.models import (
    AccountState,
    BoundAccount,
    IncomingItem,
    IncomingState,
    LineState,
    Notification,
    OperationState,
    PaymentOperation,
    RailLine,
    Reconciliation,
)
from settlement.payments import rails
from tests.fakestripe.double import Double, signed
from tests.settlement.payments.bench import Clock, stripe_rail
from tests.web.desk import Desk, desk
from web import reasons

__all__ = ["desk"]
pytestmark = pytest.mark.django_db
PAGE, FUNDS = "/qldz/payments/", "/qldz/funds/"


def send(client: Client, page: str, **fields: Any) -> Any:
    return client.post(page, {"op_id": str(uuid.uuid4())} | fields)


def give_up(desk: Desk, firm: Any) -> None:
    with scope.venue(desk.venue.id):
        accounts.close(BoundAccount.objects.get(firm=firm).pk, firm=firm)


def test_a_firm_asks_for_its_account_and_the_clerk_agrees(desk: Desk) -> None:
    firm = desk.firm("lzrd")
    finance, clerk = desk.client(Role.FINANCE, "lzrd"), desk.client(Role.CLERK)
    with scope.venue(desk.venue.id):
        number = BoundAccount.objects.get(firm=firm).pk
    assert "已绑定" in finance.get(FUNDS).content.decode()
    assert send(finance, FUNDS, act="close", row=number).status_code == 302
    assert send(finance, FUNDS, act="close", row=number).status_code == 404
    refused = send(finance, FUNDS, act="account", payout="<>", bank_code="")
    assert refused.status_code == 422
    assert send(finance, FUNDS, act="account", payout="6222-7", bank_code="ICBK").status_code == 302
    again = send(finance, FUNDS, act="account", payout="6222-8", bank_code="")
    assert again.status_code == 422
    assert "ACCOUNT_LIVE" in again.content.decode()
    page = clerk.get(PAGE).content.decode()
    assert "6222-7" in page
    assert firm.name_zh in page
    with scope.venue(desk.venue.id):
        asked = BoundAccount.objects.get(state=AccountState.PROPOSED)
    assert send(clerk, PAGE, act="account", row=asked.pk, agreed="yes").status_code == 302
    asked.refresh_from_db()
    assert (asked.state, asked.holder) == (AccountState.BOUND, firm.name_zh)
    seen = send(clerk, PAGE, act="account", row=asked.pk, agreed="yes")
    assert seen.status_code == 302
    assert "ACCOUNT_STATE" not in seen.content.decode()
    for act, row in (("account", 10**6), ("nothing", 1)):
        assert send(clerk, PAGE, act=act, row=row, agreed="yes").status_code == 404


def test_only_the_clerk_decides_and_only_finance_asks(desk: Desk) -> None:
    desk.firm("lzrd")
    operator, trader = desk.client(Role.OPERATOR), desk.client(Role.TRADER, "lzrd")
    assert operator.get(PAGE).status_code == 200
    assert send(operator, PAGE, act="account", row=1, agreed="yes").status_code == 404
    assert send(trader, FUNDS, act="account", payout="6222-9").status_code == 404
    assert trader.get(PAGE).status_code == 404
    assert 'data-testid="bind"' not in trader.get(FUNDS).content.decode()


def test_a_firm_without_an_account_is_told_so_when_it_takes_money_out(desk: Desk) -> None:
    firm = desk.firm("lzrd")
    desk.pay_in(firm, 100)
    give_up(desk, firm)
    page = send(desk.client(Role.FINANCE, "lzrd"), FUNDS, act="out", amount="1")
    assert "NO_ACCOUNT" in page.content.decode()


def test_the_clerk_explains_breaks_assigns_items_and_answers_for_the_rail(desk: Desk) -> None:
    firm = desk.firm("lzrd")
    clerk, second = desk.client(Role.CLERK), desk.client(Role.REVIEWER)
    operator = desk.client(Role.OPERATOR)
    now = timezone.now()
    owned: dict[str, Any] = {"venue": desk.venue, "rail": "ledger"}
    with scope.venue(desk.venue.id):
        line = RailLine.objects.create(
            line_id="L1", kind="fee", amount_fen=-7, at=now, state=LineState.THEIRS_ONLY, **owned
        )
        Reconciliation.objects.create(at=now, until=now, breaks=1, **owned)
        item = IncomingItem.objects.create(
            ref="I1", payer="某人", amount_fen=500, came_at=now, state=IncomingState.UNKNOWN,
            reason="THIRD_PARTY", **owned,
        )  # fmt: skip
        account = BoundAccount.objects.get(firm=firm)
        BoundAccount.objects.filter(pk=account.pk).update(funding="F1")
        IncomingItem.objects.filter(pk=item.pk).update(account="F1")
        account.refresh_from_db()
        lost = PaymentOperation.objects.create(
            op_id="open:" + str(account.pk) + "x", purpose="x", kind="open", party="LZRD",
            amount_fen=0, state=OperationState.HUMAN, made_at=now, next_at=now, **owned,
        )  # fmt: skip
        PaymentOperation.objects.filter(pk=lost.pk).update(op_id=f"open:{account.pk}0000")
        BoundAccount.objects.create(
            pk=account.pk * 10_000, venue=desk.venue, firm=desk.firm("rzyf"), rail="stripe",
            holder="x", payout="y", state=AccountState.OPENING, proposed_at=now,
        )  # fmt: skip
    page = clerk.get(PAGE).content.decode()
    for shown in ("L1", "某人", "THIRD_PARTY", "出金已停", "须人工查明"):
        assert shown in page
    assert send(clerk, PAGE, act="line", row=line.pk, note="").status_code == 302
    line.refresh_from_db()
    assert line.state == LineState.THEIRS_ONLY, "an explanation has words"
    send(clerk, PAGE, act="line", row=line.pk, note="bank fee")
    send(clerk, PAGE, act="item", row=item.pk, firm=str(firm.pk), note="order 7")
    send(clerk, PAGE, act="operation", row=lost.pk, agreed="yes", note="cus_7")
    with scope.venue(desk.venue.id):
        found = lost.findings.get()
    # One person's word is shown, and moves nothing.
    own, others = clerk.get(PAGE).content.decode(), second.get(PAGE).content.decode()
    for testid in ("agree-return", "agree-finding"):
        assert (testid in own, testid in others) == (False, True)
    assert "cus_7" in others
    for agreeing, status in ((clerk, 302), (operator, 404)):
        assert send(agreeing, PAGE, act="check", row=item.pk, agreed="yes").status_code == status
        said = send(agreeing, PAGE, act="finding", row=found.pk, agreed="yes")
        assert said.status_code == status
    for row in (item, lost):
        row.refresh_from_db()
    assert (item.state, lost.state) == (IncomingState.CLAIMED, OperationState.HUMAN)
    send(second, PAGE, act="check", row=item.pk, agreed="yes")
    send(second, PAGE, act="finding", row=found.pk, agreed="yes")
    assert send(second, PAGE, act="finding", row=10**6, agreed="yes").status_code == 404
    for row in (line, item, lost):
        row.refresh_from_db()
    assert (line.state, line.note) == (LineState.EXPLAINED, "bank fee")
    assert (item.state, item.firm_id) == (IncomingState.MATCHED, firm.pk)
    assert (lost.state, lost.ref, lost.code) == (OperationState.DONE, "cus_7", "BY_HAND")
    desk.catch_up()
    page = desk.client(Role.FINANCE, "lzrd").get(FUNDS).content.decode()
    assert "¥5.00" in page


def test_one_proposes_that_money_goes_back_and_another_agrees(desk: Desk) -> None:
    clerk, second = desk.client(Role.CLERK), desk.client(Role.CLERK)
    operator, reviewer = desk.client(Role.OPERATOR), desk.client(Role.REVIEWER)
    with scope.venue(desk.venue.id):
        items = [
            IncomingItem.objects.create(
                venue=desk.venue, rail="bankfile", ref=ref, payer="某人", amount_fen=500,
                came_at=timezone.now(), state=IncomingState.UNKNOWN, reason="THIRD_PARTY",
                return_to=account,
            )
            for ref, account in (("I1", "6228-9"), ("I2", ""), ("I3", "6228-8"))
        ]  # fmt: skip
    first, without, third = (one.pk for one in items)
    assert clerk.get(PAGE).content.decode().count('data-testid="propose-return"') == 2
    assert send(clerk, PAGE, act="return", row=first, note="").status_code == 302
    refused = clerk.post(
        PAGE,
        {"op_id": str(uuid.uuid4()), "act": "return", "row": without, "note": "x"},
        follow=True,
    )
    assert "渠道未说明来款账户" in refused.content.decode()
    assert send(operator, PAGE, act="return", row=first, note="x").status_code == 404
    assert send(operator, PAGE, act="report", row=without, note="x").status_code == 404
    for act, note in (("item", "x"), ("report", "")):
        fields = {"op_id": str(uuid.uuid4()), "act": act, "row": without, "firm": "", "note": note}
        said = clerk.post(PAGE, fields, follow=True).content.decode()
        assert str(reasons.sentence("REQUIRED")) in said
    fields = {"op_id": str(uuid.uuid4()), "act": "item", "row": without, "firm": "7", "note": ""}
    assert clerk.post(PAGE, fields).status_code == 404, "no such firm here"
    assert send(clerk, PAGE, act="report", row=without, note="R-7").status_code == 302
    for row in (first, third):
        assert send(clerk, PAGE, act="return", row=row, note="无合同").status_code == 302
    own, other = clerk.get(PAGE).content.decode(), second.get(PAGE).content.decode()
    assert ("6228-9" in other, 'data-testid="agree-return"' in own) == (True, False)
    assert other.count('data-testid="agree-return"') == 3
    assert ("确认已退回" in other, "确认已退回" in own) == (True, False)
    for number, waits in ((0, IncomingState.PROPOSED), (1, IncomingState.REPORTED)):
        send(clerk, PAGE, act="check", row=items[number].pk, agreed="yes")
        items[number].refresh_from_db()
        assert items[number].state == waits, "not by who said so first"
    assert send(second, PAGE, act="check", row=without, agreed="yes").status_code == 302
    assert send(operator, PAGE, act="check", row=first, agreed="yes").status_code == 404
    assert send(reviewer, PAGE, act="check", row=first, agreed="yes").status_code == 302
    assert send(second, PAGE, act="check", row=third, agreed="no").status_code == 302
    assert send(second, PAGE, act="check", row=10**6, agreed="yes").status_code == 404
    for one in items:
        one.refresh_from_db()
    assert [one.state for one in items] == [
        IncomingState.RETURNING, IncomingState.RETURNED, IncomingState.UNKNOWN
    ]  # fmt: skip
    assert "退回中" in second.get(PAGE).content.decode()
    with scope.venue(desk.venue.id):
        asked = PaymentOperation.objects.get(kind="return")
    assert (asked.account, asked.holder, asked.method) == ("6228-9", "某人", "I1")


def test_a_rails_message_is_kept_once_and_a_forged_one_refused(desk: Desk, settings: Any) -> None:
    clock = Clock(int(timezone.now().timestamp()))
    double = Double(lambda: clock.seconds)
    rails.provide(stripe_rail(double, clock))
    thing = {"id": "pi_1", "metadata": {"op_pay_in": "qldz:item:1", "venue": "qldz"}}
    event = {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": thing}}
    other = {"id": "evt_2", "type": "x", "data": {"object": {"metadata": {"op_x": "nowhere:1"}}}}
    hooks, client = "/hooks/stripe/", Client(enforce_csrf_checks=True)

    def post(event: Any, *, change: bytes = b"", url: str = hooks) -> Any:
        body, mark = signed(event, clock.seconds)
        return client.post(
            url, body + change, content_type="application/json", headers={"Stripe-Signature": mark}
        )

    assert (post(event).content, post(event).content) == (b"1", b"0")
    assert post(other).content == b"0", "not ours: answered, or it would come for days"
    forged = post(event, change=b" ")
    assert (forged.status_code, forged.content) == (400, b"SIGNATURE")
    assert post(event, url="/hooks/nothing/").status_code == 404
    assert post({"id": "x" * 300_000}).status_code == 413
    assert post({"id": "x" * 3_000_000}).status_code == 413
    assert post(event, url="/hooks/ledger/").content == b"NO_MESSAGES"
    with scope.venue(desk.venue.id):
        kept = Notification.objects.get()
        assert (kept.event_id, kept.op_id) == ("evt_1", "item:1")
    with scope.venue(2):
        assert not Notification.objects.exists()
