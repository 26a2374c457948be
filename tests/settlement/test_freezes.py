"""Frozen money: set aside in the engine, given back by another person, payouts stopped."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from exchange import scope
from exchange.models import User
from matching.commands import ReserveCash
from matching.events import CommandRejected, RejectReason
from settlement import books, freezes, funds, ledger, outbox, payment_worker
from settlement.ledger import CNY, Code
from settlement.models import (
    FreezeState,
    FundsFreeze,
    FundsMovement,
    FundsState,
    OperationState,
    OutboxCommand,
    PaymentOperation,
)
from tests.settlement.test_settlement import Still, pay_in
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


class Case:
    """A firm with 1,000 yuan, an operator and a reviewer."""

    def __init__(self) -> None:
        self.world = World()
        self.firm = self.world.firm("lzrd")
        self.operator = User.objects.create_user("operator")
        self.reviewer = User.objects.create_user("reviewer")
        pay_in(self.world, self.firm, 1_000, "in")

    def freeze(self, fen: int, op_id: str = "f") -> FundsFreeze:
        with scope.venue(self.world.venue.id):
            row = freezes.freeze(
                venue=self.world.venue,
                firm=self.firm,
                reason="court",
                document="(2026) 7",
                amount_fen=fen,
                op_id=op_id,
                by=self.operator,
                now=timezone.now(),
            )
        self.world.settle_all()
        return self.fresh(row)

    def lift(self, row: FundsFreeze, by: User) -> FundsFreeze:
        with scope.venue(self.world.venue.id):
            freezes.lift(row.pk, document="(2026) 8", by=by, now=timezone.now())
        self.world.settle_all()
        return self.fresh(row)

    def fresh(self, row: FundsFreeze) -> FundsFreeze:
        with scope.venue(self.world.venue.id):
            return FundsFreeze.objects.get(pk=row.pk)

    def own(self) -> tuple[int, int]:
        with scope.venue(self.world.venue.id):
            assert books.prove(Still(self.world), wait_s=0).faults == []  # type: ignore[arg-type]
            return (
                ledger.balance(CNY, Code.TRADING, self.firm.pk),
                ledger.balance(CNY, Code.COMMITTED, self.firm.pk),
            )

    def take(self, fen: int, op_id: str) -> FundsMovement:
        with scope.venue(self.world.venue.id):
            movement = funds.withdraw(
                venue=self.world.venue, firm=self.firm, amount_fen=fen, op_id=op_id, by=None
            )
        self.world.settle_all()
        with scope.venue(self.world.venue.id):
            return FundsMovement.objects.get(pk=movement.pk)


def test_an_amount_is_set_aside_once_and_given_back_by_another_person() -> None:
    case = Case()
    row = case.freeze(30_000)
    assert (row.state, case.own()) == (FreezeState.FROZEN, (70_000, 30_000))
    assert case.freeze(30_000).pk == row.pk
    assert case.own() == (70_000, 30_000), "asked twice, frozen once"
    with pytest.raises(freezes.FreezeError, match="OP_ID_REUSED"):
        case.freeze(30_001)
    with pytest.raises(freezes.FreezeError, match="SAME_PERSON"):
        case.lift(row, case.operator)
    with scope.venue(2), pytest.raises(freezes.FreezeError, match="UNKNOWN_FREEZE"):
        freezes.lift(row.pk, document="x", by=case.reviewer, now=timezone.now())
    row = case.lift(row, case.reviewer)
    assert (row.state, row.lift_document, case.own()) == (
        FreezeState.LIFTED, "(2026) 8", (100_000, 0),
    )  # fmt: skip
    with pytest.raises(freezes.FreezeError, match="FREEZE_STATE"):
        case.lift(row, case.reviewer)


def test_frozen_money_buys_nothing_and_leaves_not() -> None:
    case = Case()
    case.freeze(99_999)
    refused = case.world.give(ReserveCash("more", case.firm.pk, 2))[0][0]
    assert isinstance(refused, CommandRejected)
    assert case.take(2, "out").state == FundsState.REQUESTED, "the engine has refused it"
    assert case.own() == (1, 99_999)
    assert case.take(1, "rest").state == FundsState.CONFIRMED


def test_more_than_there_is_cannot_be_frozen() -> None:
    case = Case()
    row = case.freeze(100_001)
    with scope.venue(case.world.venue.id):
        # The world sends commands by itself; the outbox tells what the engine refused.
        command = OutboxCommand.objects.get(op_id=row.op_id)
        outbox_refused(command)
    row = case.fresh(row)
    assert (row.state, row.refusal, case.own()) == (FreezeState.REFUSED, "CASH", (100_000, 0))


def outbox_refused(command: OutboxCommand) -> None:
    OutboxCommand.objects.filter(pk=command.pk).update(state="new")
    outbox._refused(command, RejectReason.CASH)


def test_payouts_stop_without_an_amount_and_go_on_when_it_is_lifted() -> None:
    case = Case()
    row = case.freeze(0)
    assert (row.state, case.own()) == (FreezeState.FROZEN, (100_000, 0))
    with pytest.raises(funds.FundsError, match="FROZEN"):
        case.take(1, "out")
    other = case.world.firm("rzyf")
    with scope.venue(case.world.venue.id):
        assert not freezes.stops_payouts(other)
        assert freezes.live(other) == []
        assert [one.pk for one in freezes.live(case.firm)] == [row.pk]
    case.lift(row, case.reviewer)
    assert case.take(1, "after").state == FundsState.CONFIRMED
    with scope.venue(case.world.venue.id):
        assert [one.pk for one in freezes.over()] == [row.pk]
        with pytest.raises(freezes.FreezeError, match="AMOUNT"):
            case.freeze(-1, "x")
        with pytest.raises(IntegrityError), transaction.atomic():
            FundsFreeze.objects.filter(pk=row.pk).update(lifted_by=case.operator)


def test_a_withdrawal_on_its_way_waits_when_payouts_are_stopped() -> None:
    case = Case()
    with scope.venue(case.world.venue.id):
        now = timezone.now()
        row = PaymentOperation(
            kind="pay_out", state=OperationState.NEW, rail="ledger", party=case.firm.code,
            venue=case.world.venue, op_id="x", purpose="x", amount_fen=1, made_at=now, next_at=now,
        )  # fmt: skip
        assert not payment_worker._may_not_leave(row)
        case.freeze(0)
        assert payment_worker._may_not_leave(row)
        row.kind = "pay_in"
        assert not payment_worker._may_not_leave(row)
