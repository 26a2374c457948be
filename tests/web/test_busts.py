"""Trades that are undone: one asks, another agrees, the engine decides, both parties see why."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from exchange import busts, scope
from exchange.link import BlockingLink
from exchange.models import BustRequest, Seat, TradeRow, User
from exchange.rulebook import RuleError
from exchange.sequencer import now_us
from matching.commands import LiftOrder, Side
from settlement import books
from settlement.models import Obligation, ObligationState
from tests.web.desk import Desk, codes, desk, operation

__all__ = ["desk"]
PATH = "/qldz/ops/busts/"


def agreed(desk: Desk, delivery: str = "acceptance") -> None:
    """A trade of 500 t of coal at 722."""
    coal = desk.instrument(delivery=delivery, cover_bp=10_000)
    seller, buyer = desk.firm("rzyf"), desk.firm("lzrd")
    desk.pay_in(buyer, 1_000_000)
    desk.store(seller, coal, 1_000)
    entered = desk.enter(seller, coal, Side.SELL, 500, 722)
    desk.command(LiftOrder(buyer.pk, 1, "lift", now_us(), entered.order_id, 500))
    desk.catch_up()


def ask(client: Client, trade: int = 1, reason: str = "价格输错一位") -> Any:
    fields = {"act": "ask", "trade": trade, "reason": reason, "op_id": operation(client.get(PATH))}
    return client.post(PATH, fields)


def answer(client: Client, row: int, agreed: str = "yes") -> Any:
    fields = {"act": "answer", "row": row, "agreed": agreed, "op_id": operation(client.get(PATH))}
    return client.post(PATH, fields, follow=True)


def state() -> str:
    with scope.venue(1):
        return str(BustRequest.objects.latest("pk").state)


def test_a_trade_is_undone_by_two_people_and_both_sides_have_back_what_it_bound(
    desk: Desk,
) -> None:
    agreed(desk)
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    assert 'data-testid="young-trade" data-trade="1"' in operator.get(PATH).content.decode()
    assert codes(ask(operator, reason="")) == ["REQUIRED"]
    assert codes(ask(operator, trade=99)) == ["UNKNOWN_TRADE"]
    for other in (desk.client("clerk"), desk.client("trader", "rzyf")):
        assert other.get(PATH).status_code == 404
    assert ask(operator).status_code == 302
    assert codes(ask(reviewer)) == ["BUST_ASKED"]
    with scope.venue(1):
        row = BustRequest.objects.get()
    own, others = operator.get(PATH).content.decode(), reviewer.get(PATH).content.decode()
    assert ("agree-bust" in own, "agree-bust" in others) == (False, True)
    assert "价格输错一位" in others
    assert "须由另一人复核" in answer(operator, row.pk).content.decode()
    assert answer(operator, row.pk + 99).status_code == 404
    assert operator.post(PATH, {"act": "none"}).status_code == 404
    assert state() == "asked", "one person alone undoes nothing"
    answer(reviewer, row.pk, "no")
    assert state() == "declined"
    assert "该申请已办结" in answer(reviewer, row.pk).content.decode()

    assert ask(reviewer).status_code == 302
    with scope.venue(1):
        row = BustRequest.objects.latest("pk")
    answer(operator, row.pk)
    assert state() == "done"
    desk.catch_up()
    with scope.venue(1), BlockingLink(desk.address) as link:
        assert TradeRow.objects.get().busted_at is not None
        assert Obligation.objects.get().state == ObligationState.CANCELLED
        proof = books.prove(link, wait_s=3)
    assert proof.faults == []
    page = desk.client("finance", "lzrd").get("/qldz/funds/").content.decode()
    assert "¥1,000,000.00" in page
    assert 'data-testid="young-trade"' not in operator.get(PATH).content.decode()
    assert codes(ask(operator)) == ["SETTLING"], "it is undone"


def test_what_has_been_settled_is_not_undone_and_the_engine_says_so(desk: Desk) -> None:
    agreed(desk, "receipt")
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    assert codes(ask(operator)) == ["SETTLING"]
    assert 'data-testid="young-trade"' not in operator.get(PATH).content.decode()
    # Asked before it settled, agreed to after.
    with scope.venue(1):
        row = BustRequest.objects.create(
            venue=desk.venue,
            trade_id=1,
            reason="x",
            asked_at=timezone.now(),
            asked_by=User.objects.get(username__startswith="operator"),
        )
    said = answer(reviewer, row.pk).content.decode()
    with scope.venue(1):
        row.refresh_from_db()
        assert (row.state, row.refusal) == ("refused", "UNKNOWN_TRADE")
        assert TradeRow.objects.get().busted_at is None
    assert "UNKNOWN_TRADE" in said


def test_an_agreed_request_is_sent_again_until_the_engine_answers_and_undoes_once(
    desk: Desk,
) -> None:
    agreed(desk)
    people = []
    for role in ("operator", "reviewer"):
        desk.client(role)
        people.append(User.objects.latest("pk"))
    one, two = people
    assert Seat.objects.across_venues().filter(user__in=people).count() == 2
    moment = timezone.now()
    with scope.venue(1), BlockingLink(desk.address) as link:
        row = busts.ask(venue=desk.venue, trade_id=1, reason="x", by=one, now=moment)

        class Silent:
            """The engine has done it, and nobody heard."""

            def submit(self, *args: Any) -> Any:
                link.submit(*args)
                raise ConnectionError

        silent: Any = Silent()
        with pytest.raises(ConnectionError):
            busts.answer(row.pk, agreed=True, by=two, link=silent, now=moment)
        assert state() == "agreed"
        with pytest.raises(RuleError, match="BUST_STATE"):
            busts.answer(row.pk, agreed=False, by=two, link=link, now=moment)
        busts.answer(row.pk, agreed=True, by=one, link=link, now=moment)
        row.refresh_from_db()
        assert (row.state, row.asked_by, row.answered_by) == ("done", one, two)
        desk.catch_up()
        for wrong in ({"answered_by": one}, {"answered_by": None}):
            with pytest.raises(IntegrityError), transaction.atomic():
                BustRequest.objects.filter(pk=row.pk).update(**wrong)
        with pytest.raises(RuleError, match="BUST_WINDOW"):
            busts.ask(venue=desk.venue, trade_id=1, reason="x", by=one, now=moment)
    with (
        scope.venue(2),
        BlockingLink(desk.address) as link,
        pytest.raises(RuleError, match="UNKNOWN_REQUEST"),
    ):
        busts.answer(row.pk, agreed=True, by=one, link=link, now=moment)


def test_the_window_is_a_quarter_of_an_hour(desk: Desk) -> None:
    agreed(desk)
    desk.client("operator")
    by = User.objects.latest("pk")
    with scope.venue(1):
        late = TradeRow.objects.get().traded_at + busts.WINDOW
        assert [row.trade_id for row in busts.recent(late)] == [1]
        after = late + dt.timedelta(microseconds=1)
        assert busts.recent(after) == []
        with pytest.raises(RuleError, match="BUST_WINDOW"):
            busts.ask(venue=desk.venue, trade_id=1, reason="x", by=by, now=after)
        busts.ask(venue=desk.venue, trade_id=1, reason="x", by=by, now=late)
