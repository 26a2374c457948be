"""Stripe's own ways: what is lost, late, forgotten, declined, forged."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from settlement.payments.ports import Incoming, OperationKind, Outcome, RailError
from settlement.payments.stripe_rail import REPLAY_S
from tests.fakestripe import check
from tests.fakestripe.client import InProcess
from tests.fakestripe.double import HOLD_S, Double, signed
from tests.fakestripe.things import HANDLERS
from tests.settlement.payments.bench import NAME, Bench, stripe_bench, stripe_rail

K = OperationKind
ASKED = [K.OPEN, K.PAY_IN, K.RESERVE, K.CAPTURE, K.RELEASE, K.PAY_OUT, K.REFUND, K.CLAWBACK]


def faulty(bench: Bench, *faults: str) -> Double:
    """Let the next POSTs go wrong in this order; then all is well again."""
    assert bench.double is not None
    left = list(faults)
    bench.double.fault = lambda method, path: (
        left.pop(0) if left and method == "POST" and "instructions" not in path else ""
    )
    return bench.double


def prepared(bench: Bench, kind: OperationKind) -> Any:
    """Return an operation of a kind that can be executed."""
    rail = bench.rail
    if kind in (K.CAPTURE, K.RELEASE):
        hold = rail.submit(bench.operation(K.RESERVE, 10_000))
        amount = 10_000 if kind == K.RELEASE else 7_000
        return bench.operation(kind, amount, parent=hold.ref)
    come = rail.submit(bench.operation(K.PAY_IN, 50_000))
    if kind == K.REFUND:
        return bench.operation(kind, 100, parent=come.ref)
    if kind == K.CLAWBACK:
        paid = rail.submit(bench.operation(K.PAY_OUT, 1_000))
        return bench.operation(kind, 100, parent=paid.ref)
    return bench.operation(kind, 0 if kind == K.OPEN else 1_000)


def made(double: Double) -> int:
    """Count what moved or holds money, and customers."""
    kinds = ("balance_transaction", "payment_intent", "customer")
    return sum(len(double.all(kind)) for kind in kinds)


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("fault", ["drop_after", "500_after"])
def test_an_answer_that_is_lost_is_unknown_then_found_and_a_repeat_makes_no_second(
    kind: OperationKind, fault: str
) -> None:
    bench = stripe_bench()
    ask = prepared(bench, kind)
    double = faulty(bench, fault)
    assert bench.rail.submit(ask).outcome == Outcome.UNKNOWN
    count = made(double)
    found = bench.rail.lookup(ask)
    assert found.outcome == Outcome.DONE
    again = bench.rail.submit(ask)
    if fault == "drop_after":
        assert again == found
    else:
        assert again.outcome == Outcome.UNKNOWN, "a 500 is answered again for a day"
    assert made(double) == count


@pytest.mark.parametrize("fault", ["drop_before", "503_before", "429"])
def test_what_did_not_arrive_is_not_known_and_may_be_asked_again(fault: str) -> None:
    bench = stripe_bench()
    ask = prepared(bench, K.PAY_OUT)
    faulty(bench, fault)
    expected = Outcome.RETRY if fault == "429" else Outcome.UNKNOWN
    assert bench.rail.submit(ask).outcome == expected
    assert bench.rail.lookup(ask).outcome == Outcome.RETRY
    assert bench.rail.submit(ask).outcome == Outcome.DONE


def test_a_slow_call_is_not_found_at_first_and_its_key_is_in_use() -> None:
    bench = stripe_bench()
    ask = prepared(bench, K.PAY_OUT)
    faulty(bench, "slow")
    assert bench.rail.submit(ask).outcome == Outcome.UNKNOWN
    assert bench.rail.lookup(ask).outcome == Outcome.RETRY, "not found proves nothing yet"
    assert bench.rail.submit(ask).code == "HTTP_409"
    bench.clock.go(10)
    assert bench.rail.lookup(ask).outcome == Outcome.DONE
    assert bench.rail.submit(ask).outcome == Outcome.DONE
    assert len(bench.double.all("transfer")) == 1  # type: ignore[union-attr]


def test_a_key_is_forgotten_after_a_day_and_looking_still_finds_the_first() -> None:
    bench = stripe_bench()
    ask = prepared(bench, K.PAY_OUT)
    first = bench.rail.submit(ask)
    bench.clock.go(REPLAY_S)
    assert bench.rail.lookup(ask) == first
    blind = bench.rail.submit(ask)
    assert blind.ref != first.ref, "a blind repeat would pay twice: operations.py never does it"


def test_a_hold_ends_after_its_days_and_cannot_be_taken() -> None:
    bench = stripe_bench()
    held = bench.rail.submit(bench.operation(K.RESERVE, 10_000))
    assert held.expires_at == bench.clock() + dt.timedelta(seconds=HOLD_S)
    ask = bench.operation(K.CAPTURE, 7_000, parent=held.ref)
    bench.clock.go(8 * 24 * 3_600)
    assert (bench.rail.submit(ask).code, bench.rail.lookup(ask).code) == ("HOLD_ENDED",) * 2


def test_a_capture_of_somebody_else_is_not_ours() -> None:
    bench = stripe_bench()
    held = bench.rail.submit(bench.operation(K.RESERVE, 10_000))
    ours = bench.operation(K.CAPTURE, 7_000, parent=held.ref)
    theirs = bench.operation(K.CAPTURE, 7_000, parent=held.ref)
    assert bench.rail.submit(theirs).outcome == Outcome.DONE
    for answer in (bench.rail.submit(ours), bench.rail.lookup(ours)):
        assert (answer.outcome, answer.code) == (Outcome.REFUSED, "DONE_BY_ANOTHER")


def test_a_declined_card_a_strange_name_too_much_and_too_little() -> None:
    bench = stripe_bench()
    bench.method = "pm_card_chargeDeclined"
    declined = bench.rail.submit(bench.operation(K.RESERVE, 10_000))
    assert (declined.outcome, declined.code) == (Outcome.REFUSED, "card_declined")
    ask = bench.operation(K.OPEN, 0)
    other = bench.double.make("acct", "account", company={"name": "Somebody"}, balance=0)  # type: ignore[union-attr]
    bench.payee = other["id"]
    strange = bench.operation(K.OPEN, 0)
    assert bench.rail.submit(strange).code == "NOT_SAME_NAME"
    assert bench.rail.submit(ask).outcome == Outcome.DONE
    assert bench.rail.submit(bench.operation(K.PAY_OUT, 10**8)).code == "AMOUNT_TOO_LARGE"
    poor = bench.rail.submit(bench.operation(K.PAY_OUT, 99_999_999))
    assert (poor.outcome, poor.code) == (Outcome.REFUSED, "balance_insufficient")
    waits = bench.rail.submit(bench.operation(K.PAY_IN, 5_000_000))
    assert (waits.outcome, waits.code) == (Outcome.ACTION, "requires_action")


def test_money_that_came_in_is_listed_with_its_sender() -> None:
    bench = stripe_bench()
    start = bench.clock()
    bench.clock.go(60)
    bench.double.send_money(bench.payer, 700, "Somebody", "REF 7")  # type: ignore[union-attr]
    one, two = bench.rail.incoming(bench.payer, start)
    assert isinstance(one, Incoming)
    assert (one.amount_fen, one.payer, one.memo, one.at) == (
        700, "Somebody", "REF 7", bench.clock(),
    )  # fmt: skip
    assert (two.amount_fen, two.payer) == (1_000_000, NAME)
    assert bench.rail.incoming(bench.payer, bench.clock()) == [one]
    with pytest.raises(RailError, match="NO_ANSWER"):
        bench.rail.incoming("cus_nobody", start)


def test_a_message_is_verified_and_says_what_to_look_at() -> None:
    bench = stripe_bench()
    events: list[dict[str, Any]] = []
    assert bench.double is not None
    bench.double.listeners.append(events.append)
    ask = prepared(bench, K.PAY_OUT)
    bench.rail.submit(ask)
    bench.double.send_money(bench.payer, 5, NAME)
    now = bench.clock.seconds
    transfer = next(one for one in events if one["type"] == "transfer.created")
    body, mark = signed(transfer, now)
    (notice,) = bench.rail.parse_notification(body, {"Stripe-Signature": mark})
    assert (notice.venue, notice.op_id) == ("qldz", ask.op_id.removeprefix("qldz:"))
    body, mark = signed(events[-1], now)
    (notice,) = bench.rail.parse_notification(body, {"Stripe-Signature": mark})
    assert (notice.venue, notice.op_id, notice.account) == ("", "", bench.payer)

    for wrong, code in (
        ((body + b" ", mark), "SIGNATURE"),
        ((body, signed(events[-1], now, "whsec_other")[1]), "SIGNATURE"),
        (signed(events[-1], now - 301), "TIMESTAMP"),
        (signed(events[-1], now + 61), "TIMESTAMP"),
        ((body, ""), "MALFORMED"),
        ((body, "t=x,v1=y"), "MALFORMED"),
        (signed({"id": "evt_1"}, now), "MALFORMED"),
    ):
        with pytest.raises(RailError, match=code):
            bench.rail.parse_notification(wrong[0], {"Stripe-Signature": wrong[1]})


def test_the_double_refuses_what_stripe_would() -> None:
    bench = stripe_bench()
    assert bench.double is not None
    ask = {"Authorization": "Bearer sk_test_x", "Idempotency-Key": "k"}
    intents = "/v1/payment_intents"
    wrong = bench.double.handle("POST", intents, ask, "amount=5&currency=cny&amuont=1")
    assert (wrong[0], wrong[1]["error"]["code"]) == (400, "parameter_unknown")
    wrong = bench.double.handle("POST", intents, ask, "amount=5")
    assert wrong[1]["error"] | {"message": ""} == {
        "type": "invalid_request_error", "code": "parameter_missing", "param": "currency",
        "message": "",
    }  # fmt: skip
    wrong = bench.double.handle(
        "POST", intents, ask, "amount=5&currency=cny&payment_method_data[tpye]=card"
    )
    assert wrong[1]["error"]["param"] == "payment_method_data[tpye]"
    right = bench.double.handle("POST", intents, ask, "amount=5&currency=cny")
    assert right[0] == 200, "what failed validation is not kept under the key"
    other = bench.double.handle("POST", intents, ask, "amount=6&currency=cny")
    assert other[1]["error"]["type"] == "idempotency_error"
    assert bench.double.handle("GET", "/v1/nothing", ask, "")[0] == 404
    assert bench.double.handle("GET", "/v1/balance", {}, "")[0] == 401
    assert set(check.TYPES) == set(HANDLERS)


def test_the_sdk_makes_one_attempt_and_sends_our_id_as_the_key() -> None:
    bench = stripe_bench()
    assert bench.double is not None
    client = InProcess(bench.double)
    rail = stripe_rail(bench.double, bench.clock, client)
    bench.double.fault = lambda method, path: "drop_before"
    assert rail.submit(bench.operation(K.PAY_OUT, 1)).outcome == Outcome.UNKNOWN
    assert len(client.calls) == 1
    bench.double.fault = lambda method, path: ""
    ask = bench.operation(K.PAY_IN, 10)
    rail.submit(ask)
    assert list(bench.double.keys) == [ask.op_id]
