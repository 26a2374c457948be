"""The console: listing, halting, approving; two people where two are asked, 404 for the rest."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client

from exchange import rulebook, scope
from exchange.models import Approval, Decision, Instrument, Membership, User
from exchange.sequencer import now_us
from matching.commands import ChangePhase, EnterOrder, Phase, Side, TimeInForce
from matching.events import (
    CommandRejected,
    OrderEntered,
    RejectReason,
    TradeExecuted,
    VolatilityInterrupted,
)
from tests.web.desk import Desk, codes, desk, operation

__all__ = ["desk"]


def typed(page: Any) -> dict[str, str]:
    """Return the fields of the listing form as the page fills them."""
    form = page.context["form"]
    fields = {name: str(form[name].value() or "") for name in form.fields}
    return fields | {"op_id": operation(page)}


def suggestion(client: Client, commodity: str = "COAL-T5500", mode: str = "listed") -> Any:
    return client.get(f"/qldz/ops/new/?commodity={commodity}&mode={mode}")


def instruments() -> list[tuple[str, str, str]]:
    with scope.venue(1):
        return [(one.code, one.mode, one.status) for one in Instrument.objects.order_by("pk")]


def test_a_listed_instrument_reaches_engine_and_console_without_a_restart(desk: Desk) -> None:
    operator = desk.client("operator")
    form = typed(suggestion(operator))
    answers = [operator.post("/qldz/ops/new/", form) for _ in range(2)]
    assert [one.status_code for one in answers] == [302, 302]
    assert instruments() == [("COAL-T5500-RZG", "listed", "proposed")]
    assert "data-pending" in operator.get("/qldz/ops/").content.decode()

    desk.catch_up()
    assert instruments() == [("COAL-T5500-RZG", "listed", "listed")]
    console = operator.get("/qldz/ops/").content.decode()
    assert "COAL-T5500-RZG" in console
    assert "±6%" in console
    assert "data-pending" not in console
    with scope.venue(1):
        row = Instrument.objects.get()
        assert (row.tick_fen_per_t, row.lot_kg, row.min_lots, row.max_lots) == (
            100,
            1000,
            500,
            50000,
        )
        assert (row.band_bp, row.buyer_fee_bp, row.reference_ticks) == (600, 5, 722)


def test_an_instrument_with_a_deposit_is_listed_for_delivery_and_acceptance(desk: Desk) -> None:
    operator = desk.client("operator")
    form = typed(suggestion(operator)) | {"cover": "10", "delivery": "acceptance"}
    assert operator.post("/qldz/ops/new/", form).status_code == 302
    desk.catch_up()
    with scope.venue(1):
        row = Instrument.objects.get()
        assert (row.cover_bp, row.delivery, row.status) == (1_000, "acceptance", "listed")


def test_the_terms_of_volatility_day_and_resale_reach_the_engine(desk: Desk) -> None:
    operator, today = desk.client("operator"), dt.datetime.now(dt.UTC).date()
    made, activated = (User.objects.create_user(name) for name in ("one", "two"))
    with scope.venue(1):
        approval = rulebook.record_approval(
            venue=desk.venue, operator=made, number="8", authority="a", opinion="o",
            scope=["COAL-T5500"], valid_from=today - dt.timedelta(days=2),
            valid_to=today + dt.timedelta(days=2),
        )  # fmt: skip
        rulebook.activate_approval(approval=approval, reviewer=activated)
    form = typed(suggestion(operator, mode="matched"))
    assert (form["resale_rule"], form["dynamic"], form["max_day"]) == ("product", "0", "0")
    refused = operator.post("/qldz/ops/new/", form | {"dynamic": "1"})
    assert codes(refused) == ["CALL_SECONDS"]
    form |= {"dynamic": "1", "call_seconds": "60", "max_day": "3,000"}
    form["op_id"] = operation(suggestion(operator, mode="matched"))
    assert operator.post("/qldz/ops/new/", form).status_code == 302
    desk.catch_up()
    with scope.venue(1):
        coal = Instrument.objects.get()
    assert (coal.dynamic_bp, coal.call_seconds, coal.max_day_lots) == (100, 60, 3_000)
    page = operator.get(f"/qldz/ops/instruments/{coal.code}/").content.decode()
    for shown in ("±1%", "集合竞价 60 秒", "3,000 吨", "同一品种，买卖双向"):
        assert shown in page
    trader = desk.client("trader", "lzrd")
    ticket = trader.get(f"/qldz/trade/{coal.code}/").content.decode()
    assert '"resale_rule": "product"' in ticket, "the ticket says so before it is sent"
    for phase in (Phase.PRE_OPEN, Phase.CONTINUOUS):
        desk.command(ChangePhase(coal.pk, phase))
    seller, buyer = desk.firm("rzyf"), desk.firm("lzrd")
    desk.pay_in(buyer, 3_000_000)
    desk.store(seller, coal, 6_000)
    desk.enter(seller, coal, Side.SELL, 500, 722)
    desk.enter(buyer, coal, Side.BUY, 500, 722)
    locked = desk.enter(buyer, coal, Side.SELL, 500, 722)
    assert locked.reason == RejectReason.RESALE_LOCK, "bought today, and not only that receipt"
    desk.enter(seller, coal, Side.SELL, 500, 740)
    cross = EnterOrder(
        buyer.pk, 1, "x", now_us(), coal.pk, Side.BUY, TimeInForce.DAY, 740, 500
    )  # fmt: skip
    kinds = [type(event) for event in desk.command(cross)]
    assert VolatilityInterrupted in kinds
    assert TradeExecuted not in kinds
    desk.enter(seller, coal, Side.SELL, 2_000, 745)
    assert desk.enter(seller, coal, Side.SELL, 500, 745).reason == RejectReason.DAY_QUANTITY


def test_other_terms_under_a_taken_code_are_refused(desk: Desk) -> None:
    operator = desk.client("operator")
    form = typed(suggestion(operator))
    operator.post("/qldz/ops/new/", form)
    assert typed(suggestion(operator))["code"] == "COAL-T5500-RZG-2"
    answer = operator.post("/qldz/ops/new/", form | {"band": "5"})
    assert (answer.status_code, codes(answer)) == (422, ["CODE_TAKEN"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"tick": "0.01", "lot_kg": "50", "reference": "722"}, "FRACTION_OF_FEN"),
        ({"tick": "0"}, "NUMBER"),
        ({"cover": "10"}, "DEPOSIT_NEEDS_ACCEPTANCE"),
        ({"cover": "0", "delivery": "acceptance"}, "NUMBER"),
        ({"tick": "5", "reference": "722"}, "TICK"),
        ({"lot_kg": "0"}, "NUMBER"),
        ({"minimum": "500.5"}, "NUMBER"),
        ({"minimum": "550"}, "QUANTITY_STEP"),
        ({"maximum": "400"}, "BELOW_MINIMUM"),
        ({"band": "100"}, "NUMBER"),
        ({"buyer_fee": "10.01"}, "NUMBER"),
        ({"basis": "MOON"}, "CHOICE"),
        ({"warehouse": "RC-F01"}, "WAREHOUSE_CATEGORY"),
        ({"commodity": "CTN-3128B"}, "CHOICE"),
        ({"name_zh": ""}, "REQUIRED"),
        ({"name_zh": "长" * 61}, "TOO_LONG"),
        ({"code": "煤炭"}, "INVALID"),
        ({"max_value": "1e9"}, "NUMBER"),
        ({"dynamic": "2", "call_seconds": "60"}, "VOLATILITY_MODE"),
        ({"call_seconds": "86401"}, "CALL_SECONDS"),
        ({"max_day": "0.5"}, "NUMBER"),
        ({"max_day": "400"}, "BELOW_MINIMUM"),
        ({"resale_rule": "none"}, "CHOICE"),
    ],
)
def test_terms_that_break_a_rule_are_refused_at_their_field(
    desk: Desk, change: dict[str, str], code: str
) -> None:
    operator = desk.client("operator")
    form = typed(suggestion(operator)) | change
    answer = operator.post("/qldz/ops/new/", form)
    assert (answer.status_code, codes(answer)) == (422, [code])
    if name := next((name for name in change if name in ("minimum", "maximum", "band")), ""):
        assert re.search(rf'id="id_{name}_error"', answer.content.decode())
    assert instruments() == []


def test_matching_needs_an_approval_recorded_by_one_person_and_activated_by_another(
    desk: Desk,
) -> None:
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    form = typed(suggestion(operator, mode="matched"))
    answer = operator.post("/qldz/ops/new/", form)
    assert (answer.status_code, codes(answer)) == (422, ["APPROVAL_REQUIRED"])

    today = dt.datetime.now(dt.UTC).date()
    record = {
        "number": "鲁商批〔2026〕8号",
        "authority": "省主管部门",
        "opinion": "意见书 8",
        "scope": ["COAL-T5500"],
        "valid_from": str(today - dt.timedelta(days=2)),
        "valid_to": str(today + dt.timedelta(days=300)),
        "op_id": operation(operator.get("/qldz/ops/approvals/")),
    }
    assert reviewer.post("/qldz/ops/approvals/", record).status_code == 404
    assert [operator.post("/qldz/ops/approvals/", record).status_code for _ in range(2)] == [
        302
    ] * 2
    with scope.venue(1):
        approval = Approval.objects.get()
    path = f"/qldz/ops/approvals/{approval.pk}/"
    assert typed(suggestion(operator, mode="matched"))["approval"] == "", "one person is not enough"
    activation = {"op_id": operation(reviewer.get("/qldz/ops/approvals/"))}
    assert operator.post(path, activation).status_code == 404
    assert desk.client("reviewer", venue="jdsc").post(path, activation).status_code == 404
    assert reviewer.post(path, activation).status_code == 302
    with scope.venue(1):
        approval.refresh_from_db()
        assert approval.activated_by is not None

    form = typed(suggestion(operator, mode="matched"))
    assert form["approval"] == str(approval.pk)
    assert operator.post("/qldz/ops/new/", form).status_code == 302
    desk.catch_up()
    assert instruments() == [("COAL-T5500-RZG", "matched", "listed")]
    other = typed(suggestion(operator, "COAL-JM", "matched")) | {"approval": str(approval.pk)}
    assert codes(operator.post("/qldz/ops/new/", other)) == ["APPROVAL_REQUIRED"], "not in scope"


def test_who_recorded_an_approval_cannot_activate_it_in_another_seat(desk: Desk) -> None:
    reviewer = desk.client("reviewer")
    today = dt.date(2026, 11, 23)
    with scope.venue(1):
        approval = Approval.objects.create(
            venue=desk.venue,
            number="1",
            authority="a",
            opinion="o",
            scope=["COAL-T5500"],
            valid_from=today,
            valid_to=today,
            made_by=User.objects.latest("pk"),
        )
    page = reviewer.get("/qldz/ops/approvals/")
    assert 'data-testid="activate"' not in page.content.decode()
    form = {"op_id": "7d3b1bb5-0f6e-4b4c-9b55-0d6a44f3b6a1"}
    answer = reviewer.post(f"/qldz/ops/approvals/{approval.pk}/", form, follow=True)
    assert "须由另一人复核。" in answer.content.decode()
    with scope.venue(1):
        approval.refresh_from_db()
        assert approval.activated_by is None


def test_an_instrument_is_suspended_with_reason_and_typed_code_and_resumed(desk: Desk) -> None:
    coal, seller = desk.instrument(), desk.firm("rzyf")
    desk.store(seller, coal, 1_000)
    operator = desk.client("operator")
    path = f"/qldz/ops/instruments/{coal.code}/"
    form = {"halted": "1", "reason": "仓单核查", "op_id": operation(operator.get(path))}

    for wrong, expected in (
        ({"confirmation": "COAL"}, ["CONFIRMATION"]),
        ({"confirmation": coal.code, "reason": ""}, ["REQUIRED"]),
    ):
        answer = operator.post(path, form | wrong)
        assert (answer.status_code, codes(answer)) == (422, expected)
    suspend = form | {"confirmation": coal.code.lower()}
    assert operator.post(path, suspend).status_code == 302
    desk.catch_up()
    assert instruments()[0][2] == "suspended"
    refused = desk.enter(seller, coal, Side.SELL, 500, 722)
    assert isinstance(refused, CommandRejected)
    assert refused.reason == RejectReason.INSTRUMENT_HALTED

    resume = suspend | {"halted": "0", "op_id": operation(operator.get(path))}
    assert operator.post(path, resume)["Location"] == "/qldz/ops/decisions/"
    desk.catch_up()
    assert instruments()[0][2] == "suspended", "another person has to agree"
    agree(desk.client("reviewer"))
    desk.catch_up()
    assert operator.post(path, suspend).status_code == 302, "an old form sent again"
    desk.catch_up()
    assert instruments()[0][2] == "listed", "acts once"
    assert isinstance(desk.enter(seller, coal, Side.SELL, 500, 722), OrderEntered)


def agree(client: Client) -> None:
    """Agree to the last decision that was asked for."""
    with scope.venue(1):
        row = Decision.objects.latest("pk").pk
    path = "/qldz/ops/decisions/"
    fields = {"row": row, "agreed": "yes", "op_id": operation(client.get(path))}
    assert client.post(path, fields).status_code == 302


def test_either_person_halts_the_venue_and_both_resume_it(desk: Desk) -> None:
    coal, seller = desk.instrument(), desk.firm("rzyf")
    desk.store(seller, coal, 1_000)
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    path = "/qldz/ops/halt/"
    form = {"reason": "异常", "confirmation": "QLDZ"}
    halt = form | {"halted": "1", "op_id": operation(reviewer.get(path))}
    assert reviewer.post(path, halt).status_code == 302
    desk.catch_up()
    assert desk.enter(seller, coal, Side.SELL, 500, 722).reason == RejectReason.VENUE_HALTED
    resume = form | {"halted": "0", "op_id": operation(operator.get(path))}
    assert operator.post(path, resume).status_code == 302
    again = resume | {"op_id": operation(reviewer.get(path))}
    assert codes(reviewer.post(path, again)) == ["DECISION_ASKED"]
    agree(operator)
    assert desk.enter(seller, coal, Side.SELL, 500, 722).reason == RejectReason.VENUE_HALTED
    agree(reviewer)
    desk.catch_up()
    assert isinstance(desk.enter(seller, coal, Side.SELL, 500, 722), OrderEntered)


def test_a_suspended_firm_enters_nothing_until_it_is_resumed(desk: Desk) -> None:
    coal, seller = desk.instrument(), desk.firm("rzyf")
    desk.store(seller, coal, 1_000)
    operator = desk.client("operator")
    path = "/qldz/ops/firms/rzyf/"
    form = {"halted": "1", "confirmation": "RZYF", "op_id": operation(operator.get(path))}
    assert desk.client("reviewer").post(path, form).status_code == 404
    assert operator.post(path, form).status_code == 302
    desk.catch_up()
    with scope.venue(1):
        assert Membership.objects.get(firm=seller).status == "suspended"
    assert desk.enter(seller, coal, Side.SELL, 500, 722).reason == RejectReason.FIRM_SUSPENDED
    again = form | {"halted": "0", "op_id": operation(operator.get(path))}
    assert operator.post(path, again).status_code == 302
    assert isinstance(desk.enter(seller, coal, Side.SELL, 500, 722), OrderEntered)
    assert operator.get("/qldz/ops/firms/rcyy/").status_code == 404, "a member of another venue"


def test_the_books_are_proven_on_demand(desk: Desk) -> None:
    coal, seller = desk.instrument(), desk.firm("rzyf")
    desk.pay_in(desk.firm("lzrd"), 5_000)
    desk.store(seller, coal, 1_000)
    page = desk.client("operator").get("/qldz/ops/journal/?prove=1").content.decode()
    assert 'data-testid="proof" data-faults="0"' in page
    assert "¥5,000.00" in page
    assert "data-refresh" not in page, "a proof is asked for, never repeated by itself"


def test_a_decision_that_the_engine_does_not_answer_keeps_the_form(desk: Desk) -> None:
    operator = desk.client("operator", venue="jdsc")
    form = {
        "halted": "1",
        "reason": "理由保留",
        "confirmation": "JDSC",
        "op_id": operation(operator.get("/jdsc/ops/halt/")),
    }
    answer = operator.post("/jdsc/ops/halt/", form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "没有丢失任何内容" in page
    assert 'value="理由保留"' in page
    assert form["op_id"] in page, "the same operation may be sent again"


PAGES = (
    "",
    "new/",
    "halt/",
    "busts/",
    "decisions/",
    "firms/",
    "firms/rzyf/",
    "approvals/",
    "journal/",
)


@pytest.mark.parametrize("page", PAGES)
def test_only_the_operator_of_the_venue_sees_the_console(desk: Desk, page: str) -> None:
    path = f"/qldz/ops/{page}"
    assert Client().get(path)["Location"].startswith("/accounts/login/")
    for outsider in (
        desk.client("trader", "rzyf"),
        desk.client("warehouse"),
        desk.client("operator", venue="jdsc"),
    ):
        assert outsider.get(path).status_code == 404
        assert outsider.post(path, {}).status_code == 404
    answer = desk.client("operator").get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert " style=" not in answer.content.decode()
