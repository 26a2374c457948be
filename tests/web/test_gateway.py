"""The parser: what it reads becomes exactly one command, with the sender taken from the seat."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from exchange.sequencer import Result
from matching.commands import (
    AmendOrder,
    CancelOrder,
    EnterOrder,
    LiftBest,
    LiftOrder,
    MassCancel,
    OrderKind,
    PostOnly,
    Side,
    Special,
    TimeInForce,
)
from matching.events import (
    CancelReason,
    CommandRejected,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    OrderReduced,
    OrderRested,
    OrdersWithdrawn,
    RejectReason,
    StopTriggered,
    TradeExecuted,
)
from web import gateway
from web.gateway import Throttle, Trader

TRADER = Trader(venue_id=1, firm_id=11, user_id=7, role="trader", session=4711)
AT = 1_795_400_000_000_000
PLAIN = {"waiting": False, "warned": False}


def command(**message: Any) -> Any:
    return gateway.to_command(gateway.parse(json.dumps(message)), TRADER, AT)  # type: ignore[arg-type]


def test_each_order_message_becomes_its_command() -> None:
    order = {"instrument": 3, "price": 722, "lots": 500}
    assert [
        command(t="enter", id="a", side="buy", tif="day", **order),
        command(t="enter", id="b", side="sell", tif="ioc", receipts=[5, 4], **order),
        command(t="lift", id="c", order=9, lots=2, receipts=[5]),
        command(t="amend", id="d", order=9, price=1, lots=2),
        command(t="cancel", id="e", order=2**53 - 1),
    ] == [
        EnterOrder(11, 7, "a", AT, 3, Side.BUY, TimeInForce.DAY, 722, 500),
        EnterOrder(11, 7, "b", AT, 3, Side.SELL, TimeInForce.IOC, 722, 500, (5, 4)),
        LiftOrder(11, 7, "c", AT, 9, 2, (5,)),
        AmendOrder(11, 7, "d", AT, 9, 1, 2),
        CancelOrder(11, 7, "e", AT, 2**53 - 1),
    ]


def test_special_terms_become_the_engines() -> None:
    order = {"t": "enter", "instrument": 3, "price": 722, "lots": 500, "side": "buy"}
    who = (11, 7)
    bought = (3, Side.BUY)

    def entered(tif: TimeInForce, name: str, special: Special | None, session: int = 0) -> Any:
        return EnterOrder(*who, name, AT, *bought, tif, 722, 500, (), special, session)

    stop = Special(OrderKind.STOP_LIMIT, stop_ticks=730)
    assert [
        command(id="a", tif="gtd", expires=AT // 1000, **order),
        command(id="b", tif="day", kind="stop", stop=730, **order),
        command(id="c", tif="gtc", display=100, post="reprice", **order),
        command(id="d", tif="ioc", kind="protected", least=200, **order),
        command(id="e", tif="fok", until_disconnect=True, **order),
        command(t="lift_best", id="f", instrument=3, side="sell", price=700, lots=9),
        command(t="mass_cancel", id="g", instrument=3, side="buy", mine=True),
        command(t="mass_cancel", id="h"),
    ] == [
        entered(TimeInForce.GTD, "a", Special(expires_us=AT)),
        entered(TimeInForce.DAY, "b", stop),
        entered(TimeInForce.GTC, "c", Special(display_lots=100, post_only=PostOnly.REPRICE)),
        entered(TimeInForce.IOC, "d", Special(OrderKind.PROTECTED, least_lots=200)),
        entered(TimeInForce.FOK, "e", None, 4711),
        LiftBest(*who, "f", AT, 3, Side.SELL, 700, 9),
        MassCancel(*who, "g", AT, 7, 3, 1),
        MassCancel(*who, "h", AT),
    ]


def test_only_a_trader_of_a_firm_may_trade() -> None:
    roles = ("trader", "finance", "delivery", "operator", "reviewer", "warehouse")
    allowed = [role for role in roles if gateway.may_trade(Trader(1, 11, 7, role))]
    assert (allowed, gateway.may_trade(None)) == (["trader"], False)


def test_a_refused_frame_names_the_request_when_it_can_be_read() -> None:
    with pytest.raises(gateway.Refused) as caught:
        gateway.parse('{"t": "enter", "id": "a-1", "instrument": "x"}')
    assert json.loads(caught.value.frame)["id"] == "a-1"
    with pytest.raises(gateway.Refused) as caught:
        gateway.parse('{"t": "enter", "id": "<script>"}')
    assert "id" not in json.loads(caught.value.frame)


def answer(*events: Any, repeated: bool = False) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(
        gateway.result_frame("a", Result(5, 2, AT, events, repeated), None)
    )
    assert (frame["id"], frame["block"], frame["index"]) == ("a", 5, 2)
    return {name: frame[name] for name in frame if name not in ("id", "block", "index", "at")}


ENTERED = OrderEntered(9, 11, 7, "a", 3, Side.BUY, TimeInForce.DAY, 722, 500, 1, (), 0)
TRADE = TradeExecuted(
    1, 3, 722, 200, 200_000, 1, 4, 9, Side.BUY, 11, 12, 0, 0, 0, 0, 0, ()
)  # fmt: skip
RESTED = OrderRested(9, 11, 3, Side.BUY, 722, 300)


def test_an_entered_order_says_what_was_executed_and_what_rests() -> None:
    done = {"t": "ack", "repeated": False, "outcome": "entered", "order_id": 9}
    cancelled = OrderCancelled(
        9, 11, "", 3, Side.BUY, 722, 300, 1, (), CancelReason.IMMEDIATE, False
    )
    assert [
        answer(ENTERED, RESTED),
        answer(ENTERED, TRADE, RESTED),
        answer(ENTERED, TRADE, cancelled),
    ] == [
        done | {"executed_lots": 0, "open_lots": 500, "resting": True, **PLAIN},
        done | {"executed_lots": 200, "open_lots": 300, "resting": True, **PLAIN},
        done | {"executed_lots": 200, "open_lots": 0, "resting": False, **PLAIN},
    ]


def test_what_stops_do_in_the_same_answer_is_not_the_orders_own() -> None:
    """The order triggered another's stop, which traded and rested: neither counts as its own."""
    done = {"t": "ack", "repeated": False, "outcome": "entered", "order_id": 9}
    stop = structs.replace(TRADE, trade_id=2, maker_order_id=4, taker_order_id=8)
    behind = OrderRested(8, 12, 3, Side.BUY, 730, 100)
    assert answer(ENTERED, TRADE, RESTED, StopTriggered(8, 12, 3, 720, 722), stop, behind) == (
        done | {"executed_lots": 200, "open_lots": 300, "resting": True, **PLAIN}
    )
    waits = structs.replace(ENTERED, special=Special(OrderKind.STOP_LIMIT, stop_ticks=730))
    waiting = {"executed_lots": 0, "open_lots": 500, "resting": False, "waiting": True}
    assert answer(waits) == done | PLAIN | waiting
    reduced = OrderReduced(9, 11, 3, Side.BUY, 722, 100, 0, 400, 1, (), CancelReason.SELF_MATCH)
    rested = OrderRested(9, 11, 3, Side.BUY, 722, 200)
    assert answer(ENTERED, TRADE, reduced, rested)["open_lots"] == 200
    withdrawn = {"t": "ack", "repeated": False, "outcome": "withdrawn", "count": 3}
    assert answer(OrdersWithdrawn(11, "a", 3)) == withdrawn


def amended(*, kept: bool) -> OrderAmended:
    return OrderAmended(
        9, 11, "a", 3, Side.BUY, 700, 500, 1, (), 722, 600, 500, 1, (), kept
    )  # fmt: skip


def test_an_amended_order_says_the_same() -> None:
    done = {"t": "ack", "repeated": False, "outcome": "amended", "order_id": 9}
    assert [answer(amended(kept=True)), answer(amended(kept=False), TRADE, RESTED)] == [
        done | {"executed_lots": 0, "open_lots": 500, "resting": True, **PLAIN},
        done | {"executed_lots": 200, "open_lots": 300, "resting": True, **PLAIN},
    ]


def test_a_refusal_has_its_code_its_numbers_and_both_languages() -> None:
    frame = answer(CommandRejected(11, "a", RejectReason.CASH, (72_200_00, 5)), repeated=True)
    assert frame == {
        "t": "reject",
        "repeated": True,
        "code": "CASH",
        "values": [72_200_00, 5],
        "zh": "可用资金不足。需 ¥72,200.00，可用 ¥0.05。",
        "en": frame["en"],
    }
    assert "¥72,200.00" in frame["en"]


def test_the_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    bucket = Throttle(per_s=10, burst=3)
    second = 1_000_000_000
    assert [bucket.admit(100 * second) for _ in range(4)] == [True, True, True, False]
    later = 100 * second + second // 10
    assert [bucket.admit(later), bucket.admit(later)] == [True, False]
    assert [bucket.admit(200 * second) for _ in range(4)] == [True, True, True, False]
