"""What every rail promises, asked of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from exchange import reference, scope
from exchange.models import Venue
from settlement.payments.ports import Answer, OperationKind, Outcome, PaymentAdapter
from tests.settlement.payments.bank import KEY
from tests.settlement.payments.bench import Bench, bankfile_bench, ledger_bench, stripe_bench

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
K = OperationKind
DAY = dt.timedelta(days=1)


@pytest.fixture(params=[ledger_bench, stripe_bench, bankfile_bench])
def bench(request: pytest.FixtureRequest, settings: Any) -> Iterator[Bench]:
    settings.BANKFILE_KEYS = {"qldz": KEY}
    if not Venue.objects.exists():
        reference.load()
    make: Callable[[], Bench] = request.param
    with scope.venue(1):
        yield make()


def test_a_payment_is_held_taken_in_part_paid_out_and_taken_back(bench: Bench) -> None:
    rail = bench.rail
    assert isinstance(rail, PaymentAdapter)
    hold = bench.operation(K.RESERVE, 10_000)
    held = bench.ask(hold)
    assert (held.outcome, held.amount_fen) == (Outcome.DONE, 10_000)
    taken = bench.operation(K.CAPTURE, 7_000, parent=held.ref)
    took = bench.ask(taken)
    assert (took.outcome, took.amount_fen) == (Outcome.DONE, 7_000)
    out = bench.operation(K.PAY_OUT, 6_900)
    paid = bench.ask(out)
    assert (paid.outcome, paid.amount_fen) == (Outcome.DONE, 6_900)
    back = bench.operation(K.CLAWBACK, 900, parent=paid.ref)
    refund = bench.operation(K.REFUND, 900, parent=took.ref)
    come = bench.operation(K.PAY_IN, 500)
    for one in (back, refund, come):
        assert bench.ask(one).outcome == Outcome.DONE
    for one in (hold, taken, out, back, refund, come):
        first = bench.ask(one)
        assert first.outcome == Outcome.DONE, "a repeat is the first one"
        assert rail.lookup(one) == first, "and looking says the same"
        assert rail.lookup(one, first.ref) == first
    lines = list(rail.statement(bench.clock() - DAY, bench.clock() + DAY))
    assert sum(line.amount_fen for line in lines) == 7_000 - 6_900 + 900 - 900 + 500
    assert {line.op_id or line.ref for line in lines} & {took.ref, "op2"}
    assert {line.op_id or line.ref for line in lines} & {paid.ref, "op3"}
    assert len({line.line_id for line in lines}) == len(lines) == 5


def test_a_hold_is_released_once_and_then_not_taken(bench: Bench) -> None:
    held = bench.ask(bench.operation(K.RESERVE, 10_000))
    free = bench.operation(K.RELEASE, 10_000, parent=held.ref)
    assert bench.ask(free).outcome == bench.ask(free).outcome == Outcome.DONE
    late = bench.ask(bench.operation(K.CAPTURE, 1, parent=held.ref))
    assert late.outcome == Outcome.REFUSED


def test_no_more_is_taken_back_or_out_of_a_hold_than_there_is(bench: Bench) -> None:
    held = bench.ask(bench.operation(K.RESERVE, 10_000))
    assert bench.ask(bench.operation(K.CAPTURE, 10_001, parent=held.ref)).outcome == Outcome.REFUSED
    took = bench.ask(bench.operation(K.CAPTURE, 9_000, parent=held.ref))
    again = bench.ask(bench.operation(K.CAPTURE, 1_000, parent=held.ref))
    assert again.outcome == Outcome.REFUSED, "a hold is taken once"
    refund = bench.operation(K.REFUND, 6_000, parent=took.ref)
    assert bench.ask(refund).outcome == Outcome.DONE
    refund = bench.operation(K.REFUND, 3_001, parent=took.ref)
    assert bench.ask(refund).outcome == Outcome.REFUSED
    paid = bench.ask(bench.operation(K.PAY_OUT, 2_000))
    back = bench.operation(K.CLAWBACK, 2_001, parent=paid.ref)
    assert bench.ask(back).outcome == Outcome.REFUSED
    assert bench.ask(bench.operation(K.REFUND, 1, parent="nothing")).outcome == Outcome.REFUSED


@pytest.mark.parametrize("kind", [K.PAY_IN, K.RESERVE, K.PAY_OUT])
def test_other_fields_under_an_id_are_not_executed(bench: Bench, kind: OperationKind) -> None:
    rail = bench.rail
    bench.ask(bench.operation(K.PAY_IN, 5_000))
    first = bench.operation(kind, 1_000)
    assert bench.ask(first).outcome == Outcome.DONE
    before = list(rail.statement(bench.clock() - DAY, bench.clock() + DAY))
    changed = bench.ask(replace(first, amount_fen=2_000))
    assert changed.outcome in (Outcome.REFUSED, Outcome.UNKNOWN)
    assert changed.code in ("OP_ID_REUSED", "IDEMPOTENCY")
    assert list(rail.statement(bench.clock() - DAY, bench.clock() + DAY)) == before


def test_what_was_never_asked_is_not_known(bench: Bench) -> None:
    by_hand = (K.PAY_IN, K.OPEN) if bench.bank is None else ()
    for kind in (K.RESERVE, K.PAY_OUT, *by_hand):
        assert bench.rail.lookup(bench.operation(kind, 1)).outcome == Outcome.RETRY


def test_an_account_is_opened_for_its_holder(bench: Bench) -> None:
    ask = bench.operation(K.OPEN, 0)
    if bench.bank is not None:
        by_hand = Answer(Outcome.UNKNOWN, "HUMAN")
        assert bench.rail.submit(ask) == by_hand == bench.rail.lookup(ask)
        return
    opened = bench.ask(ask)
    assert (opened.outcome, bool(opened.ref)) == (Outcome.DONE, True)
    assert bench.ask(ask) == opened == bench.rail.lookup(ask)


@pytest.mark.parametrize("kind", [K.SWEEP_IN, K.SWEEP_OUT])
def test_a_leg_moves_once_between_two_places_and_nothing_else(
    bench: Bench, kind: OperationKind
) -> None:
    rail = bench.rail
    bench.ask(bench.operation(K.PAY_IN, 5_000))
    bench.ask(bench.operation(K.SWEEP_IN, 2_000))
    before = list(rail.statement(bench.clock() - DAY, bench.clock() + DAY))
    leg = bench.operation(kind, 1_500)
    answer = bench.ask(leg)
    if not rail.capabilities().carries_legs:
        assert (answer.outcome, answer.code) == (Outcome.REFUSED, "NOT_CARRIED")
        assert rail.lookup(leg) == answer
        return
    assert (answer.outcome, answer.amount_fen) == (Outcome.DONE, 1_500)
    assert bench.ask(leg) == answer == rail.lookup(leg) == rail.lookup(leg, answer.ref)
    assert bench.ask(replace(leg, amount_fen=1)).code == "OP_ID_REUSED"
    after = list(rail.statement(bench.clock() - DAY, bench.clock() + DAY))
    lines = [line for line in after if line not in before]
    assert sorted(line.amount_fen for line in lines) == [-1_500, 1_500]
    own = leg.op_id.removeprefix("qldz:")
    assert all(line.op_id == own or line.ref == answer.ref for line in lines)
    assert len({line.line_id for line in lines}) == 2
    if bench.bank is not None:
        out = bench.operation(K.SWEEP_OUT, 100_000)
        assert bench.ask(out).outcome == Outcome.REFUSED, "no more than has come together"
        moved = 3_500 if kind == K.SWEEP_IN else 500
        assert bench.bank.places["VA-C"] == moved
        assert bench.bank.places[bench.payer] == 5_000 - moved


def test_what_came_in_is_sent_back_once(bench: Bench) -> None:
    rail = bench.rail
    back = bench.operation(K.RETURN, 900)
    before = list(rail.statement(bench.clock() - DAY, bench.clock() + DAY))
    answer = bench.ask(back)
    assert (answer.outcome, answer.amount_fen) == (Outcome.DONE, 900)
    assert bench.ask(back) == answer == rail.lookup(back) == rail.lookup(back, answer.ref)
    after = list(rail.statement(bench.clock() - DAY, bench.clock() + DAY))
    moved = [line.amount_fen for line in after if line not in before]
    is_stated = K.RETURN not in rail.capabilities().unstated
    assert moved == ([-900] if is_stated else [])
    if bench.double is None:
        again = bench.operation(K.RETURN, 900, parent=back.parent)
        assert bench.ask(again).outcome == Outcome.REFUSED, "there is nothing left of it"
        other = bench.operation(K.RETURN, 1, parent="nothing")
        assert bench.ask(other).outcome == Outcome.REFUSED
    else:
        assert bench.double.cash[bench.payer] == 1_000_000
        too_much = bench.operation(K.RETURN, 1_000_001, parent=back.parent)
        assert bench.ask(too_much).outcome == Outcome.REFUSED


def test_money_goes_back_to_the_account_and_name_that_it_came_from_alone(bench: Bench) -> None:
    if bench.bank is None:
        return
    back = bench.operation(K.RETURN, 900)
    for wrong in (
        replace(back, account="6229"),
        replace(back, holder="Somebody else"),
        replace(back, amount_fen=899),
    ):
        assert bench.rail.submit(wrong) == Answer(Outcome.REFUSED, "NOT_THE_PAYER")
    assert bench.ask(back).outcome == Outcome.DONE
