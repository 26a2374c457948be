"""The life of an operation: once, claimed, found out, never guessed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from exchange import reference, scope
from exchange.models import User, Venue
from settlement.models import OperationState, PaymentOperation
from settlement.models.rail import OPERATION_NEXT
from settlement.payments import findings, operations
from settlement.payments.ports import Answer, OperationKind, Outcome
from tests.settlement.payments.bench import Bench, stripe_bench

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
K, S = OperationKind, OperationState


@pytest.fixture
def bench() -> Iterator[Bench]:
    if not Venue.objects.exists():
        reference.load()
    with scope.venue(1):
        yield stripe_bench()


ended: list[str] = []


def then(row: PaymentOperation, answer: Answer) -> None:
    ended.append(row.op_id)


def ask(bench: Bench, op_id: str = "a", amount: int = 1_000, **more: object) -> PaymentOperation:
    row = operations.request(
        "stripe",
        K.PAY_IN,
        amount,
        op_id=op_id,
        party="RZYF",
        now=bench.clock(),
        **more,  # type: ignore[arg-type]
    )
    PaymentOperation.objects.filter(pk=row.pk).update(account=bench.payer)
    return row


def work(bench: Bench, row: PaymentOperation) -> str:
    return operations.work(row.pk, bench.rail, bench.clock(), then)


def test_a_repeat_is_the_first_and_a_purpose_has_one_operation_until_it_is_refused(
    bench: Bench,
) -> None:
    row = ask(bench)
    assert (
        operations.request(
            "stripe", K.PAY_IN, 1_000, op_id="b", party="RZYF", now=bench.clock(), purpose="b"
        ).pk
        != row.pk
    )
    PaymentOperation.objects.filter(pk=row.pk).update(account="")
    assert ask(bench).pk == row.pk
    with pytest.raises(operations.OperationError, match="OP_ID_REUSED"):
        ask(bench, amount=1_001)
    with pytest.raises(operations.OperationError, match="PURPOSE_TAKEN"):
        ask(bench, "a2", purpose="a")
    PaymentOperation.objects.filter(pk=row.pk).update(state=S.UNKNOWN)
    with pytest.raises(operations.OperationError, match="PURPOSE_TAKEN"):
        ask(bench, "a2", purpose="a")
    PaymentOperation.objects.filter(pk=row.pk).update(state=S.REFUSED)
    assert ask(bench, "a2", purpose="a").pk != row.pk


def test_a_worker_that_died_leaves_something_to_find_out_not_to_ask_again(bench: Bench) -> None:
    row = ask(bench)
    claimed = operations._claim(row.pk, bench.clock())
    assert claimed is not None
    assert work(bench, row) == "", "another worker leaves it alone while the lease lasts"
    assert operations.due(bench.clock()) == []
    answer = bench.rail.submit(operations.as_operation(claimed))
    bench.clock.go(60)
    assert operations.due(bench.clock()) == [row.pk]
    # The dead worker's answer comes after another one has taken over: it is not stored.
    taken = operations._claim(row.pk, bench.clock())
    assert taken is not None
    assert taken.state == S.UNKNOWN
    assert operations.store(claimed, answer, bench.clock(), then) == S.UNKNOWN
    found = bench.rail.submit(operations.as_operation(taken))
    assert operations.store(taken, found, bench.clock(), then) == S.DONE
    assert bench.double.balance == 1_000  # type: ignore[union-attr]


def test_what_nobody_can_tell_after_a_day_is_a_persons_and_no_repeat_is_made(bench: Bench) -> None:
    row = ask(bench)
    double = bench.double
    assert double is not None
    double.fault = lambda method, path: "drop_before"
    seen = set()
    for _ in range(400):
        if operations.due(bench.clock()):
            seen.add(work(bench, row))
        bench.clock.go(300)
    assert seen == {S.UNKNOWN}
    double.fault = lambda method, path: ""
    assert work(bench, row) == S.HUMAN
    assert double.balance == 0, "after a day a repeat might be a second payment"
    assert operations.due(bench.clock()) == []
    clerk, other = User.objects.create_user("clerk"), User.objects.create_user("other")
    now = bench.clock()
    says: dict[str, Any] = {"done": True, "ref": "pi_7", "by": clerk, "now": now}
    word: dict[str, Any] = {"agreed": True, "by": other, "now": now, "then": then}

    def refused(code: str, act: Any, *args: Any, **kwargs: Any) -> None:
        with pytest.raises(operations.OperationError, match=code):
            act(*args, **kwargs)
        row.refresh_from_db()
        assert row.state == S.HUMAN

    refused("UNKNOWN_OPERATION", findings.report, 10**6, **says)
    refused("UNKNOWN_FINDING", findings.answer, 10**6, **word)
    ended.clear()
    wrong = findings.report(row.pk, **(says | {"done": False, "ref": "x"}))
    refused("FINDING_OPEN", findings.report, row.pk, **says)
    refused("SAME_PERSON", findings.answer, wrong.pk, **(word | {"by": clerk}))
    with scope.venue(2):
        refused("UNKNOWN_FINDING", findings.answer, wrong.pk, **word)
        refused("UNKNOWN_OPERATION", findings.report, row.pk, **says)
    findings.answer(wrong.pk, **(word | {"agreed": False}))
    refused("FINDING_STATE", findings.answer, wrong.pk, **word)
    assert ended == [], "nothing has moved by one person's word"
    found = findings.report(row.pk, **says)
    findings.answer(found.pk, **word)
    row.refresh_from_db()
    assert (row.state, row.ref, row.done_fen, ended) == (S.DONE, "pi_7", 1_000, ["a"])
    with pytest.raises(operations.OperationError, match="OPERATION_STATE"):
        findings.report(row.pk, **says)
    with pytest.raises(operations.OperationError, match="FINDING_STATE"):
        findings.answer(found.pk, **word)
    assert [one.agreed for one in row.findings.order_by("pk")] == [False, True]


def test_the_database_wants_two_people_for_a_finding(bench: Bench) -> None:
    row, one = ask(bench), User.objects.create_user("one")
    now = bench.clock()
    fields: dict[str, Any] = {"is_done": True, "ref": "x", "said_by": one, "said_at": now}
    for wrong in (
        {"agreed": True, "answered_by": one, "answered_at": now},
        {"agreed": True},
        {"agreed": False},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            row.findings.create(venue_id=row.venue_id, **fields, **wrong)
    row.findings.create(venue_id=row.venue_id, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.findings.create(venue_id=row.venue_id, **fields)


def test_after_a_day_it_is_looked_for_and_never_blindly_repeated(bench: Bench) -> None:
    row = ask(bench)
    double = bench.double
    assert double is not None
    double.fault = lambda method, path: "drop_after" if method == "POST" else ""
    assert work(bench, row) == S.UNKNOWN
    double.fault = lambda method, path: ""
    bench.clock.go(25 * 3_600)
    assert PaymentOperation.objects.get(pk=row.pk).tries == 1
    assert work(bench, row) == S.DONE
    assert len(double.all("payment_intent")) == 1, "its key was forgotten: a repeat pays twice"


def test_not_found_is_believed_after_the_grace_alone(bench: Bench) -> None:
    row = ask(bench)
    double = bench.double
    assert double is not None
    double.fault = lambda method, path: "slow" if method == "POST" else ""
    assert work(bench, row) == S.UNKNOWN
    PaymentOperation.objects.filter(pk=row.pk).update(tries=9, next_at=bench.clock())
    assert work(bench, row) == S.UNKNOWN
    assert PaymentOperation.objects.get(pk=row.pk).code == "NOT_FOUND_YET"
    bench.clock.go(40)
    PaymentOperation.objects.filter(pk=row.pk).update(next_at=bench.clock())
    assert work(bench, row) == S.DONE
    assert len(double.all("payment_intent")) == 1


def test_a_hint_makes_it_look_now_and_is_believed_in_nothing(bench: Bench) -> None:
    row = ask(bench, amount=2_000_000)
    assert work(bench, row) == S.ACTION
    assert operations.due(bench.clock()) == []
    operations.hint("a", bench.clock())
    assert operations.due(bench.clock()) == [row.pk]
    assert work(bench, row) == S.ACTION, "the money is not there, whatever was hinted"


def test_what_was_accepted_and_is_not_there_any_more_is_to_be_found_out(bench: Bench) -> None:
    row = ask(bench, amount=2_000_000)
    assert work(bench, row) == S.ACTION
    assert bench.double is not None
    bench.double.things.pop(PaymentOperation.objects.get(pk=row.pk).ref)
    bench.double.order.pop()
    bench.clock.go(61)
    assert work(bench, row) == S.UNKNOWN
    assert PaymentOperation.objects.get(pk=row.pk).code == "VANISHED"


def test_every_refusal_waits_longer_but_not_for_ever(bench: Bench) -> None:
    row = ask(bench)
    assert bench.double is not None
    bench.double.fault = lambda method, path: "429"
    waits = []
    for _ in range(12):
        assert work(bench, row) == S.NEW
        current = PaymentOperation.objects.get(pk=row.pk)
        waits.append(int((current.next_at - bench.clock()).total_seconds()))
        bench.clock.go(waits[-1])
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]


def test_an_unanswered_operation_never_frees_or_ends(bench: Bench) -> None:
    for state, exits in OPERATION_NEXT.items():
        if state in (S.UNKNOWN, S.SENDING, S.PENDING, S.ACTION):
            assert S.UNKNOWN in exits
        assert S.NEW not in exits or state == S.SENDING, "what is uncertain is never new again"
    row = ask(bench)
    PaymentOperation.objects.filter(pk=row.pk).update(state=S.HUMAN)
    human = PaymentOperation.objects.get(pk=row.pk)
    with pytest.raises(AssertionError):
        operations.store(human, Answer(Outcome.PENDING), bench.clock(), then)


def test_times_are_given_not_read(bench: Bench) -> None:
    row = ask(bench)
    assert row.made_at == bench.clock() == row.next_at
    assert operations.due(bench.clock() - dt.timedelta(seconds=1)) == []
