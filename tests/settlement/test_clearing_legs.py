"""A batch's legs at the bank: pay-ins first, one word each, nothing paid out that is not there."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from exchange import scope
from settlement import clearing_legs, ledger
from settlement import payment_worker as worker
from settlement.clearing import OPERATOR, ClearingError
from settlement.models import (
    AccountState,
    BatchState,
    BooksCheck,
    BoundAccount,
    LineState,
    NettingBatch,
    NettingSettings,
    OperationState,
    PaymentOperation,
    RailLine,
    Reconciliation,
)
from settlement.payments import operations, rails, reconcile
from settlement.payments.ports import Line, Operation, OperationKind
from tests.settlement.clearing_day import ClearingDay, Killed, at, killed_at, prepared
from tests.settlement.payments.bench import stripe_bench
from tests.settlement.payments.moody import CLEARING

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


@pytest.fixture
def day(settings: Any) -> Iterator[ClearingDay]:
    prepared()
    settings.PAYMENT_RAIL = "moody"
    with scope.venue(1):
        yield ClearingDay()


def refusing(day: ClearingDay, *who: int) -> None:
    """Let the bank refuse the pay-ins of these firms, counted from 1 (0: the operator)."""
    places = {day.place(day.firms[one - 1].pk if one else OPERATOR) for one in who}

    def mood(operation: Operation) -> str:
        is_in = operation.kind == OperationKind.SWEEP_IN
        return "refuse" if is_in and operation.account in places else "done"

    day.bank.mood = mood


def test_nothing_is_paid_out_before_every_pay_in_is_final(day: ClearingDay) -> None:
    day.pays(0, 1, 100, fee=3)
    day.pays(2, 1, 50)
    batch = day.close()
    slow = day.place(day.firms[0].pk)
    day.bank.mood = lambda operation: "slow" if operation.account == slow else "done"
    day.pulse(times=3)
    assert day.legs(batch) == [(1, "in", 1, 100, "pending"), (3, "in", 1, 50, "done")]
    assert day.last().state == BatchState.PAYING_IN
    assert day.run().state == BatchState.DONE
    assert day.legs(batch)[2:] == [(0, "out", 1, 3, "done"), (2, "out", 1, 147, "done")]
    assert day.moved() == day.gains
    with pytest.raises(ClearingError, match="NOTHING_TO_NET"):
        day.close()


def test_who_cannot_pay_in_drops_out_and_only_the_differences_are_asked_for(
    day: ClearingDay,
) -> None:
    day.pays(0, 1, 100)
    day.pays(1, 2, 60)
    day.pays(2, 0, 30)
    batch = day.close()
    refusing(day, 1)
    assert day.run().state == BatchState.DONE
    assert day.legs(batch) == [
        (1, "in", 1, 70, "refused"),
        (2, "in", 2, 60, "done"),  # it has lost the 100 that it was to get
        (1, "out", 2, 30, "done"),
        (3, "out", 2, 30, "done"),
    ]
    batch.refresh_from_db()
    assert (batch.revision, batch.moved_fen) == (2, 60)
    (drop,) = batch.drops.all()
    assert (drop.trade_id, drop.failed, drop.revision) == (1, [day.firms[0].pk], 2)
    assert {row.dropped_in for row in batch.lines.filter(trade_id=1)} == {2}
    day.bank.mood = lambda operation: "done"
    second = day.close()
    assert day.run().state == BatchState.DONE
    assert day.legs(second) == [(1, "in", 1, 100, "done"), (2, "out", 1, 100, "done")]
    assert day.moved() == day.gains


def test_who_loses_income_pays_the_difference_and_a_chain_of_failures_ends(
    day: ClearingDay,
) -> None:
    day.pays(0, 1, 100)
    day.pays(1, 2, 110)
    day.pays(2, 3, 120)
    batch = day.close()
    day.bank.places[day.place(day.firms[1].pk)] = 10
    day.start[day.place(day.firms[1].pk)] = 10
    refusing(day, 1)
    assert day.run().state == BatchState.DONE
    assert day.legs(batch) == [
        (1, "in", 1, 100, "refused"),
        (2, "in", 1, 10, "done"),
        (3, "in", 1, 10, "done"),
        (2, "in", 2, 100, "refused"),
        (3, "in", 3, 110, "done"),
        (2, "out", 3, 10, "done"),  # what it had paid in for a contract that dropped out
        (4, "out", 3, 120, "done"),
    ]


def test_what_was_paid_in_for_a_contract_that_drops_out_goes_back(day: ClearingDay) -> None:
    one, two = day.firms[0].pk, day.firms[1].pk
    day.trade({one: -10, two: -5, OPERATOR: 15})  # both pay a fee for one contract
    batch = day.close()
    refusing(day, 1)
    assert day.run().state == BatchState.DONE
    assert day.legs(batch) == [
        (1, "in", 1, 10, "refused"),
        (2, "in", 1, 5, "done"),
        (2, "out", 2, 5, "done"),
    ]
    assert not +day.moved()


def test_a_lost_answer_is_found_out_and_never_asked_for_twice(day: ClearingDay) -> None:
    day.pays(0, 1, 100)
    batch = day.close()
    moods = ["lost_after", "busy", "lost_before"] * 2

    def mood(operation: Operation) -> str:
        return moods.pop() if moods else "done"

    day.bank.mood = mood
    day.pulse(times=2)
    assert day.legs(batch) == [(1, "in", 1, 100, "unknown")]
    with pytest.raises(ClearingError, match="BATCH_OPEN"):
        day.close()
    with pytest.raises(operations.OperationError, match="PURPOSE_TAKEN"):
        operations.request(
            "moody", OperationKind.SWEEP_IN, 100, op_id="other", party="", now=day.clock(),
            purpose=PaymentOperation.objects.get().purpose,
        )  # fmt: skip
    assert day.run().state == BatchState.DONE
    assert day.legs(batch) == [(1, "in", 1, 100, "done"), (2, "out", 1, 100, "done")]
    assert day.moved() == day.gains


def test_a_refused_pay_out_waits_for_the_clerk_and_is_paid_once(day: ClearingDay) -> None:
    day.pays(0, 1, 100)
    day.pays(0, 2, 40)
    batch = day.close()
    firm = day.firms[1].pk
    day.bank.mood = lambda one: "refuse" if one.account == day.place(firm) else "done"
    assert (day.run().state, day.last().code) == (BatchState.PAYING_OUT, "LEG_REFUSED")
    word: dict[str, Any] = {"by": day.clerk, "now": day.clock()}
    for number, who, code in (
        (batch.number, day.firms[2].pk, "LEG_STATE"),
        (batch.number, day.firms[3].pk, "LEG_STATE"),
        (9, firm, "UNKNOWN_BATCH"),
    ):
        with pytest.raises(ClearingError, match=code):
            clearing_legs.again(number, who, **word)
    with scope.venue(2), pytest.raises(ClearingError, match="UNKNOWN_BATCH"):
        clearing_legs.again(batch.number, firm, **word)
    BoundAccount.objects.filter(firm_id=firm).update(state=AccountState.CLOSED)
    with pytest.raises(ClearingError, match="NO_ACCOUNT"):
        clearing_legs.again(batch.number, firm, **word)
    BoundAccount.objects.filter(firm_id=firm).update(state=AccountState.BOUND)
    leg = clearing_legs.again(batch.number, firm, **word)
    assert (leg.revision, leg.asked_by, leg.operation.amount_fen) == (2, day.clerk, 100)
    with pytest.raises(ClearingError, match="LEG_STATE"):
        clearing_legs.again(batch.number, firm, **word)
    day.bank.mood = lambda one: "done"
    assert day.run().state == BatchState.DONE
    assert day.moved() == day.gains


def test_a_break_or_broken_books_keep_the_pay_outs_waiting(day: ClearingDay) -> None:
    day.pays(0, 1, 100)
    day.close()
    stranger = Line("X1", "in", 7, day.clock(), day.venue.code)
    reconcile.compare("moody", [stranger], day.clock(), lag_s=10**6)
    day.pulse(times=3)
    assert (day.last().state, day.last().code) == (BatchState.PAYING_OUT, "BREAK_OPEN")
    line = RailLine.objects.get(line_id="X1")
    reconcile.explain(line.pk, note="asked", by=day.clerk, now=day.clock())
    faults = BooksCheck.objects.create(
        venue=day.venue, seq=1, at=day.clock(), faults=["x"], sealed_number=0, sealed_hash=b""
    )
    day.pulse()
    assert (day.last().state, day.last().code) == (BatchState.PAYING_OUT, "BOOKS_BROKEN")
    faults.delete()
    assert day.run().state == BatchState.DONE


def test_a_pay_out_already_written_waits_for_a_break_too(day: ClearingDay) -> None:
    day.pays(0, 1, 100)
    batch = day.close()
    day.bank.mood = lambda one: "busy" if one.kind == OperationKind.SWEEP_OUT else "done"
    day.pulse(times=3)
    assert day.legs(batch)[-1][-1] == OperationState.NEW
    stranger = Line("X1", "in", 7, day.clock(), day.venue.code)
    reconcile.compare("moody", [stranger], day.clock(), lag_s=10**6)
    day.bank.mood = lambda one: "done"
    day.pulse(times=3, seconds=60)
    assert day.legs(batch)[-1][-1] == OperationState.NEW
    line = RailLine.objects.get(line_id="X1")
    reconcile.explain(line.pk, note="asked", by=day.clerk, now=day.clock())
    assert day.run().state == BatchState.DONE


def test_a_firm_without_an_account_at_the_bank_is_in_a_later_batch(day: ClearingDay) -> None:
    BoundAccount.objects.filter(firm=day.firms[1]).update(state=AccountState.CLOSED)
    day.pays(0, 1, 100)
    day.pays(1, 2, 30)
    day.pays(0, 2, 7)
    batch = day.close()
    assert day.run().state == BatchState.DONE
    assert day.legs(batch) == [(1, "in", 1, 7, "done"), (3, "out", 1, 7, "done")]
    assert {(one.trade_id, one.round_no) for one in batch.drops.all()} == {(1, 0), (2, 0)}
    BoundAccount.objects.filter(firm=day.firms[1]).update(state=AccountState.BOUND)
    day.close()
    assert day.run().state == BatchState.DONE
    assert day.moved() == day.gains


def test_every_line_of_the_statement_has_its_leg_and_a_returned_one_is_a_break(
    day: ClearingDay,
) -> None:
    day.pays(0, 1, 100, fee=3)
    day.close()
    assert day.run().state == BatchState.DONE
    found = reconcile.run(day.bank, day.clock.go(10**6))
    assert (found.breaks, found.ours_only) == (0, [])
    lines = RailLine.objects.filter(rail="moody")
    assert {(one.state, one.operation is None) for one in lines} == {(LineState.MATCHED, False)}
    per_leg = Counter(line.operation_id for line in lines)
    assert set(per_leg.values()) == {2}
    op_id = PaymentOperation.objects.filter(kind=OperationKind.SWEEP_OUT).first()
    assert op_id is not None
    back = Line("R1", "leg", -97, day.clock(), day.venue.code, op_id=op_id.op_id)
    again = reconcile.compare("moody", [back], day.clock(), lag_s=10**6)
    assert again.breaks == 1, "what the bank sends back later is a person's"


def test_a_leg_with_one_line_only_is_missed_on_the_statement(day: ClearingDay) -> None:
    day.pays(0, 1, 100)
    day.close()
    day.run()
    firm = day.firms[1].pk
    half = [line for line in day.bank.lines if not line.line_id.endswith(day.place(firm))]
    found = reconcile.compare("moody", half, day.clock.go(10**6), lag_s=10)
    assert found.ours_only == [f"leg:1:{firm}:out:1"]


def test_a_rail_without_sub_accounts_says_so_and_asks_for_nothing(
    day: ClearingDay, settings: Any
) -> None:
    settings.PAYMENT_RAIL = "stripe"
    rails.provide(stripe_bench().rail)
    day.pays(0, 1, 100)
    batch = day.close()
    clearing_legs.advance(day.clock())
    batch.refresh_from_db()
    assert (batch.state, batch.rail) == (BatchState.NOT_CARRIED, "stripe")
    assert day.legs(batch) == []
    day.pays(0, 1, 5)
    assert day.close().number == 2


def test_on_the_ledger_rail_the_books_are_the_bank(day: ClearingDay, settings: Any) -> None:
    settings.PAYMENT_RAIL = "ledger"
    day.pays(0, 1, 100, fee=3)
    batch = day.close()
    clearing_legs.advance(day.clock())
    batch.refresh_from_db()
    assert (batch.state, batch.ended_at) == (BatchState.DONE, day.clock())
    assert day.legs(batch) == [
        (1, "in", 1, 100, "done"),
        (0, "out", 1, 3, "done"),
        (2, "out", 1, 97, "done"),
    ]
    found = reconcile.run(rails.rail("ledger"), day.clock.go(10**5))
    assert (found.breaks, found.ours_only) == (0, [])
    assert sum(line.amount_fen for line in RailLine.objects.all()) == 0


def test_two_batches_never_run_at_once_whatever_is_written(day: ClearingDay) -> None:
    day.pays(0, 1, 100)
    first = day.close()
    with pytest.raises(IntegrityError), transaction.atomic():
        NettingBatch.objects.create(
            venue=day.venue, number=2, after=0, until=0, gross_fen=0, moved_fen=0,
            made_at=day.clock(), state=BatchState.CLOSED,
        )  # fmt: skip
    day.run()
    assert NettingBatch.objects.get().pk == first.pk


# The cut-off.


def cut(day: ClearingDay, now: dt.datetime) -> int | None:
    batch = clearing_legs.cut_off(now)
    return batch.number if batch is not None else None


def test_the_day_is_cut_off_once_at_its_time_on_trading_days(day: ClearingDay) -> None:
    assert cut(day, at(23)) is None, "nobody has said when"
    clearing_legs.configure(dt.time(17, 0), by=day.clerk, now=at(9))
    day.pays(0, 1, 100)
    assert cut(day, at(16, 59)) is None
    assert cut(day, at(17)) == 1
    assert day.last().day == dt.date(2026, 11, 24)
    assert day.last().made_by is None
    day.run()
    day.pays(0, 1, 5)
    assert cut(day, at(17, 1)) is None, "a restart does not cut off twice"
    assert cut(day, at(16, day=25)) is None
    assert cut(day, at(18, day=25)) == 2
    day.run()
    day.pays(0, 1, 6)
    assert cut(day, at(18, day=28)) is None, "Saturday"
    with scope.venue(2):
        assert clearing_legs.cut_off(at(18, day=25)) is None


def test_a_day_with_nothing_to_net_is_over_and_an_open_batch_is_waited_for(
    day: ClearingDay,
) -> None:
    clearing_legs.configure(dt.time(17, 0), by=day.clerk, now=at(9))
    assert cut(day, at(17)) is None
    day.pays(0, 1, 100)
    assert cut(day, at(20)) is None, "that is tomorrow's"
    by_hand = day.close()
    day.pays(0, 1, 1)
    assert cut(day, at(17, day=25)) is None, "the clerk's batch is not over"
    day.run()
    assert cut(day, at(17, 1, day=25)) == by_hand.number + 1


def test_a_time_that_has_passed_begins_tomorrow(day: ClearingDay) -> None:
    day.pays(0, 1, 100)
    clearing_legs.configure(dt.time(17, 0), by=day.clerk, now=at(18))
    assert cut(day, at(18, 1)) is None
    assert cut(day, at(17, day=25)) == 1
    clearing_legs.configure(None, by=day.clerk, now=at(9, day=26))
    assert cut(day, at(18, day=26)) is None


def test_the_database_keeps_one_batch_a_cut_off(day: ClearingDay) -> None:
    clearing_legs.configure(dt.time(17, 0), by=day.clerk, now=at(9))
    day.pays(0, 1, 100)
    assert cut(day, at(17)) == 1
    day.run()
    day.pays(0, 1, 100)
    NettingSettings.objects.update(last_day=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        cut(day, at(18))


# A worker that dies.


def story(day: ClearingDay, kill: bool) -> int:
    """Two batches with a refusal, slow and lost answers; return how often the worker was killed."""
    kills = 0
    day.pays(0, 1, 100, fee=3)
    day.pays(1, 2, 150)
    day.pays(2, 0, 30)
    moods: Counter[str] = Counter()

    def mood(operation: Operation) -> str:
        moods[operation.op_id] += 1
        if operation.op_id.endswith(f":{day.firms[0].pk}:in:1") and ":leg:1:" in operation.op_id:
            return "refuse"
        return ("lost_after", "slow", "busy", "done")[len(operation.op_id + str(moods)) % 4]

    day.bank.mood = mood
    for _ in range(2):
        day.close()
        for _ in range(60):
            if day.last().state == BatchState.DONE:
                break
            day.bank.wake()
            now = day.clock.go(400)
            write = 0
            while True:
                write += 1
                try:
                    with killed_at(write if kill else 0):
                        worker.pulse(now)
                except Killed:
                    kills += 1
                    now = day.clock.go(61)
                    continue
                break
            day.check()
        assert day.last().state == BatchState.DONE
    return kills


@pytest.mark.parametrize("kill", [False, True])
def test_a_worker_killed_at_every_write_pays_everything_once(day: ClearingDay, kill: bool) -> None:
    kills = story(day, kill)
    assert kills > 60 if kill else kills == 0
    assert day.moved() == day.gains
    assert day.bank.places[CLEARING] == 0
    executed = Counter(day.bank.order)
    assert set(executed.values()) == {1}
    assert NettingBatch.objects.count() == 2
    found = reconcile.run(day.bank, day.clock.go(10**6))
    assert (found.breaks, found.ours_only) == (0, [])
    assert Reconciliation.objects.filter(rail="moody").count() == 1
    assert ledger.balance(ledger.CNY, ledger.Code.ESCROW) == 0
