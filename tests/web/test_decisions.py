"""What takes two people of the operator: one asks, another agrees, the engine has the last word."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from exchange import decisions, rulebook, scope
from exchange.link import BlockingLink
from exchange.models import Decision, Membership, TradeRow, User
from exchange.rulebook import RuleError
from settlement import books
from settlement.models import Obligation, ObligationState
from tests.web.desk import Desk, codes, desk, operation
from tests.web.test_contracts import agreed

__all__ = ["desk"]
BUSTS, PATH = "/qldz/ops/busts/", "/qldz/ops/decisions/"


def ask(client: Client, trade: int = 1, reason: str = "价格输错一位") -> Any:
    fields = {"trade": trade, "reason": reason, "op_id": operation(client.get(BUSTS))}
    return client.post(BUSTS, fields)


def answer(client: Client, row: int | None = None, agreed: str = "yes") -> Any:
    """Answer a decision, the latest by default."""
    if row is None:
        with scope.venue(1):
            row = Decision.objects.latest("pk").pk
    fields = {"row": row, "agreed": agreed, "op_id": str(uuid.uuid4())}
    return client.post(PATH, fields, follow=True)


def state() -> str:
    with scope.venue(1):
        return str(Decision.objects.latest("pk").state)


def people(desk: Desk) -> tuple[User, User]:
    found = []
    for role in ("operator", "reviewer"):
        desk.client(role)
        found.append(User.objects.latest("pk"))
    return found[0], found[1]


def test_a_trade_is_undone_by_two_people_and_both_sides_have_back_what_it_bound(
    desk: Desk,
) -> None:
    agreed(desk, cover_bp=10_000)
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    assert 'data-testid="young-trade" data-trade="1"' in operator.get(BUSTS).content.decode()
    assert codes(ask(operator, reason="")) == ["REQUIRED"]
    assert codes(ask(operator, trade=99)) == ["UNKNOWN_TRADE"]
    assert ask(operator).status_code == 302
    assert codes(ask(reviewer)) == ["DECISION_ASKED"]
    own, others = operator.get(PATH).content.decode(), reviewer.get(PATH).content.decode()
    assert ('data-testid="agree"' in own, 'data-testid="agree"' in others) == (False, True)
    for shown in ("价格输错一位", "#1 · ", "500 吨 @ 722", "LZRD / RZYF"):
        assert shown in others
    assert "须由另一人复核" in answer(operator).content.decode()
    assert answer(operator, 99).status_code == 404
    assert operator.post(PATH, {"agreed": "yes"}).status_code == 404
    assert state() == "asked", "one person alone undoes nothing"
    answer(reviewer, agreed="no")
    assert state() == "declined"
    assert "该事项已办结" in answer(reviewer).content.decode()

    assert ask(reviewer).status_code == 302
    answer(operator)
    assert state() == "done"
    desk.catch_up()
    with scope.venue(1), BlockingLink(desk.address) as link:
        assert TradeRow.objects.get().busted_at is not None
        assert Obligation.objects.get().state == ObligationState.CANCELLED
        proof = books.prove(link, wait_s=3)
    assert proof.faults == []
    for firm in ("lzrd", "rzyf"):
        said = desk.client("trader", firm).get("/qldz/contracts/1/").content.decode()
        assert "价格输错一位" in said, "both sides are told why"
    page = desk.client("finance", "lzrd").get("/qldz/funds/").content.decode()
    assert "¥1,000,000.00" in page
    assert 'data-testid="young-trade"' not in operator.get(BUSTS).content.decode()
    assert codes(ask(operator)) == ["SETTLING"], "it is undone"


def test_what_has_been_settled_is_not_undone_and_the_engine_says_so(desk: Desk) -> None:
    agreed(desk, cover_bp=10_000, delivery="receipt")
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    assert codes(ask(operator)) == ["SETTLING"]
    assert 'data-testid="young-trade"' not in operator.get(BUSTS).content.decode()
    # Asked before it settled, agreed to after.
    by = User.objects.get(username__startswith="operator")
    with scope.venue(1):
        decisions.ask_bust(venue=desk.venue, trade_id=1, reason="x", by=by, now=timezone.now())
    said = answer(reviewer).content.decode()
    with scope.venue(1):
        row = Decision.objects.get()
        assert (row.state, row.refusal) == ("refused", "UNKNOWN_TRADE")
        assert TradeRow.objects.get().busted_at is None
    assert "UNKNOWN_TRADE" in said


def test_what_was_agreed_is_told_again_until_the_engine_answers_and_happens_once(
    desk: Desk,
) -> None:
    agreed(desk, cover_bp=10_000)
    one, two = people(desk)
    moment = timezone.now()
    with scope.venue(1), BlockingLink(desk.address) as link:
        row = decisions.ask_bust(venue=desk.venue, trade_id=1, reason="x", by=one, now=moment)

        class Deaf:
            """The engine does it, and nobody hears."""

            def submit(self, *args: Any) -> Any:
                link.submit(*args)
                raise ConnectionError

        deaf: Any = Deaf()
        with pytest.raises(ConnectionError):
            decisions.answer(row.pk, agreed=True, by=two, link=deaf, now=moment)
        assert state() == "agreed"
        with pytest.raises(RuleError, match="DECISION_STATE"):
            decisions.answer(row.pk, agreed=False, by=two, link=link, now=moment)
        decisions.answer(row.pk, agreed=True, by=one, link=link, now=moment)
        row.refresh_from_db()
        assert (row.state, row.asked_by, row.answered_by) == ("done", one, two)
        desk.catch_up()
        for wrong in ({"answered_by": one}, {"answered_by": None}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Decision.objects.filter(pk=row.pk).update(**wrong)
        with pytest.raises(RuleError, match="BUST_WINDOW"):
            decisions.ask_bust(venue=desk.venue, trade_id=1, reason="x", by=one, now=moment)
    with (
        scope.venue(2),
        BlockingLink(desk.address) as link,
        pytest.raises(RuleError, match="UNKNOWN_REQUEST"),
    ):
        decisions.answer(row.pk, agreed=True, by=one, link=link, now=moment)


def test_a_trade_may_be_undone_for_a_quarter_of_an_hour_and_a_request_waits_for_a_day(
    desk: Desk,
) -> None:
    agreed(desk, cover_bp=10_000)
    one, two = people(desk)
    tick = dt.timedelta(microseconds=1)
    with scope.venue(1), BlockingLink(desk.address) as link:
        late = TradeRow.objects.get().traded_at + decisions.BUST_WINDOW
        assert [row.trade_id for row in decisions.recent(late)] == [1]
        assert decisions.recent(late + tick) == []
        asked: dict[str, Any] = {"venue": desk.venue, "reason": "x", "by": one}
        with pytest.raises(RuleError, match="BUST_WINDOW"):
            decisions.ask_bust(trade_id=1, now=late + tick, **asked)
        row = decisions.ask_resume(instrument=None, now=late, **asked)
        with pytest.raises(RuleError, match="DECISION_ASKED"):
            decisions.ask_resume(instrument=None, now=late + decisions.VALID, **asked)
        gone = late + decisions.VALID + tick
        ended = decisions.answer(row.pk, agreed=True, by=two, link=link, now=gone)
        assert (ended.state, ended.answered_by) == ("expired", None)
        row = decisions.ask_resume(instrument=None, now=late, **asked)
        again = decisions.ask_resume(instrument=None, now=gone, **asked)
        row.refresh_from_db()
        assert (row.state, again.state) == ("expired", "asked")


def test_a_new_stop_is_not_lifted_by_what_was_agreed_before_it(desk: Desk) -> None:
    seller, (one, two) = desk.firm("rzyf"), people(desk)
    moment = timezone.now()
    said: dict[str, Any] = {"reason": "x", "by": one, "now": moment}
    with scope.venue(1), BlockingLink(desk.address) as link:
        member = Membership.objects.get(firm=seller)
        stop: dict[str, Any] = {"link": link, "operator": one, "reason": "x"}

        class Silent:
            """Nobody answers, and nothing has happened."""

            def submit(self, *args: Any) -> Any:
                raise ConnectionError

        silent: Any = Silent()
        asked = [
            decisions.ask_resume(venue=desk.venue, instrument=None, **said),
            decisions.ask_lift(membership=member, trader_id=0, **said),
        ]
        with pytest.raises(ConnectionError):
            decisions.answer(asked[1].pk, agreed=True, by=two, link=silent, now=moment)
        rulebook.halt_venue(venue=desk.venue, **stop)
        rulebook.ban(membership=member, trader_id=0, **stop)
        for row in asked:
            with pytest.raises(RuleError, match="DECISION_STATE"):
                decisions.answer(row.pk, agreed=True, by=two, link=link, now=moment)
        assert link.market(1)["halted"] is True
        # Asked anew, both are lifted.
        for row in (
            decisions.ask_resume(venue=desk.venue, instrument=None, **said),
            decisions.ask_lift(membership=member, trader_id=0, **said),
        ):
            done = decisions.answer(row.pk, agreed=True, by=two, link=link, now=moment)
            assert done.state == "done"
        assert link.market(1)["halted"] is False


def test_one_person_lowers_limits_alone_and_two_raise_them(desk: Desk) -> None:
    seller = desk.firm("rzyf")
    one, two = people(desk)
    low = {"orders_per_s": 2, "burst": 4, "day_value_fen": 10**9, "self_match": 1}
    wider: tuple[dict[str, int], ...] = (
        low | {"orders_per_s": 3}, low | {"burst": 5}, low | {"day_value_fen": 0},
        low | {"self_match": 2}, low | {"orders_per_s": 0, "burst": 0},
    )  # fmt: skip
    with scope.venue(1), BlockingLink(desk.address) as link:
        member = Membership.objects.get(firm=seller)
        rulebook.tighten(membership=member, link=link, terms=low)
        desk.catch_up()
        member.refresh_from_db()
        assert (member.orders_per_s, member.burst, member.day_value_fen) == (2, 4, 10**9)
        for terms in wider:
            with pytest.raises(RuleError, match="TWO_PERSONS"):
                rulebook.tighten(membership=member, link=link, terms=terms)
        rulebook.tighten(membership=member, link=link, terms=low | {"burst": 3})
        row = decisions.ask_limits(
            membership=member, terms=wider[3], reason="x", by=one, now=timezone.now()
        )
        decisions.answer(row.pk, agreed=True, by=two, link=link, now=timezone.now())
        desk.catch_up()
        member.refresh_from_db()
        assert (member.burst, member.self_match) == (4, 2)


def test_who_is_not_of_the_operator_sees_no_decision(desk: Desk) -> None:
    for other in (desk.client("clerk"), desk.client("trader", "rzyf")):
        assert [other.get(path).status_code for path in (BUSTS, PATH)] == [404, 404]
    assert desk.client("operator", venue="jdsc").get(PATH).status_code == 404
