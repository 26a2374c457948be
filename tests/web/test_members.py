"""The console's page of one firm: who may enter nothing, and how much may be entered."""

from __future__ import annotations

from typing import Any

from exchange import scope
from exchange.models import Membership, OrderRow, TradingBan, User
from matching.commands import Side
from matching.events import OrderEntered, RejectReason
from tests.web.desk import Desk, codes, desk
from tests.web.test_operate import agree

__all__ = ["desk"]
PATH = "/qldz/ops/firms/rzyf/"


def field(page: Any, act: str) -> str:
    """Return the operation id of one of the page's forms."""
    return str(page.context["forms"][act]["op_id"].value())


def test_one_trader_is_stopped_by_either_person_and_freed_by_both(desk: Desk) -> None:
    coal, seller = desk.instrument(), desk.firm("rzyf")
    desk.store(seller, coal, 5_000)
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    desk.client("trader", "rzyf")
    trader = User.objects.latest("pk")
    desk.client("trader", "lzrd")
    stranger = User.objects.latest("pk")
    mine = desk.enter(seller, coal, Side.SELL, 500, 722, trader=trader.pk)
    other = desk.enter(seller, coal, Side.SELL, 500, 723)
    assert isinstance(mine, OrderEntered)
    assert isinstance(other, OrderEntered)

    ban: dict[str, Any] = {
        "act": "ban", "halted": "1", "trader": trader.pk, "reason": "账号疑似被盗",
        "confirmation": "RZYF", "op_id": field(reviewer.get(PATH), "ban"),
    }  # fmt: skip
    for wrong in ({"trader": stranger.pk}, {"reason": ""}, {"confirmation": "LZRD"}):
        assert reviewer.post(PATH, ban | wrong).status_code == 422
    assert desk.client("clerk").post(PATH, ban).status_code == 404
    assert desk.client("operator", venue="jdsc").post(PATH, ban).status_code == 404
    assert operator.post(PATH, ban | {"act": "none"}).status_code == 404
    assert reviewer.post(PATH, ban).status_code == 302
    assert desk.enter(seller, coal, Side.SELL, 500, 722, trader=trader.pk).reason == (
        RejectReason.TRADER_BLOCKED
    )
    assert isinstance(desk.enter(seller, coal, Side.SELL, 500, 724), OrderEntered)
    desk.catch_up()
    with scope.venue(1):
        states = dict(OrderRow.objects.values_list("order_id", "state"))
        row = TradingBan.objects.get()
    assert (states[mine.order_id], states[other.order_id]) == ("cancelled", "open")
    assert (row.trader_id, row.cancelled, row.lifted_at) == (trader.pk, 1, None)
    page = operator.get(PATH).content.decode()
    assert 'data-lifted="0"' in page
    assert "账号疑似被盗" in page
    assert trader.username in page
    assert 'data-testid="banned"' in operator.get("/qldz/ops/firms/").content.decode()

    again = reviewer.post(PATH, ban | {"op_id": field(reviewer.get(PATH), "ban")})
    assert again.status_code == 302, "what stands already is no mistake"
    free = ban | {"halted": "0", "reason": "已更换密码"}
    free["op_id"] = field(reviewer.get(PATH), "ban")
    assert reviewer.post(PATH, free).status_code == 302
    agree(reviewer)
    assert desk.enter(seller, coal, Side.SELL, 500, 722, trader=trader.pk).reason == (
        RejectReason.TRADER_BLOCKED
    )
    page = operator.get("/qldz/ops/decisions/").content.decode()
    assert f"RZYF · {trader.username}" in page
    agree(operator)
    assert isinstance(desk.enter(seller, coal, Side.SELL, 500, 722, trader=trader.pk), OrderEntered)
    desk.catch_up()
    with scope.venue(1):
        row = TradingBan.objects.get()
    assert row.lifted_at is not None
    assert row.lift_reason == "已更换密码"
    page = operator.get(PATH).content.decode()
    assert 'data-lifted="1"' in page
    assert 'data-testid="banned"' not in operator.get("/qldz/ops/firms/").content.decode()


def test_a_whole_firm_is_stopped_and_stays_stopped_while_one_trader_is_freed(desk: Desk) -> None:
    coal, seller = desk.instrument(), desk.firm("rzyf")
    desk.store(seller, coal, 5_000)
    operator = desk.client("operator")
    assert isinstance(desk.enter(seller, coal, Side.SELL, 500, 722), OrderEntered)
    ban: dict[str, Any] = {
        "act": "ban", "halted": "1", "trader": 0, "reason": "风险处置", "confirmation": "rzyf",
        "op_id": field(operator.get(PATH), "ban"),
    }  # fmt: skip
    assert operator.post(PATH, ban).status_code == 302
    assert operator.post(PATH, ban).status_code == 302, "a double click acts once"
    desk.catch_up()
    with scope.venue(1):
        assert set(OrderRow.objects.values_list("state", flat=True)) == {"cancelled"}
        assert TradingBan.objects.get().cancelled == 1
    assert desk.enter(seller, coal, Side.SELL, 500, 722).reason == RejectReason.TRADER_BLOCKED


def test_limits_and_self_match_are_set_and_shown_as_the_engine_has_them(desk: Desk) -> None:
    coal, seller = desk.instrument(), desk.firm("rzyf")
    desk.store(seller, coal, 50_000)
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    limits: dict[str, Any] = {
        "act": "limits", "orders_per_s": "1", "burst": "2", "day_value": "1,000,000.00",
        "self_match": "2", "op_id": field(operator.get(PATH), "limits"),
    }  # fmt: skip
    for wrong, code in (
        ({"burst": "0"}, "RATE_AND_BURST"), ({"orders_per_s": "-1"}, "min_value"),
        ({"day_value": "0.001"}, "NUMBER"), ({"self_match": "9"}, "invalid_choice"),
    ):  # fmt: skip
        refused = operator.post(PATH, limits | wrong)
        assert refused.status_code == 422
        errors = refused.context["forms"]["limits"].errors.as_data().values()
        assert [error.code for found in errors for error in found] == [code]
    assert reviewer.post(PATH, limits).status_code == 404
    limits["op_id"] = field(operator.get(PATH), "limits")
    assert codes(operator.post(PATH, limits)) == ["REQUIRED"], "another policy takes two people"
    limits |= {"op_id": field(operator.get(PATH), "limits"), "reason": "按协议"}
    assert operator.post(PATH, limits).status_code == 302
    desk.catch_up()
    with scope.venue(1):
        assert Membership.objects.get(firm=seller).burst == 0
    assert "¥1,000,000.00" in reviewer.get("/qldz/ops/decisions/").content.decode()
    agree(reviewer)
    desk.catch_up()
    with scope.venue(1):
        row = Membership.objects.get(firm=seller)
    assert (row.orders_per_s, row.burst, row.day_value_fen, row.self_match) == (
        1, 2, 100_000_000, 2
    )  # fmt: skip
    page = operator.get(PATH)
    assert page.context["forms"]["limits"]["day_value"].value() == "1000000.00"
    assert "¥1,000,000.00" in reviewer.get(PATH).content.decode()
    assert isinstance(desk.enter(seller, coal, Side.SELL, 500, 722), OrderEntered)
    refused = desk.enter(seller, coal, Side.SELL, 1_500, 722)
    assert refused.reason == RejectReason.DAY_VALUE, "361,000 and 1,083,000 yuan are too much"
