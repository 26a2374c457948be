"""Deposits and withdrawals. Journal first, ledger second: the follower posts what events say."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from exchange.models import Firm, User, Venue
from matching.commands import CreditCash, DebitCash, ReserveCash
from matching.units import Fen
from settlement import outbox
from settlement.limits import FUNDS_MOST_FEN
from settlement.models import FundsDirection, FundsMovement, FundsState
from settlement.payments.ledger_rail import LedgerRail
from settlement.payments.ports import Operation, OperationKind, Outcome

rail = LedgerRail()


class FundsError(Exception):
    """A movement was refused before anything moved; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def deposit(
    *, venue: Venue, firm: Firm, amount_fen: Fen, op_id: str, by: User | None
) -> FundsMovement:
    """Bring money in: the rail confirms, the engine is told, the ledger follows.

    Repeated with the same `op_id` it returns the first movement; with another amount or firm it
    raises `FundsError("OP_ID_REUSED")`.
    """
    movement, created = _movement(venue, firm, FundsDirection.IN, amount_fen, op_id, by)
    if not created:
        return movement
    answer = rail.submit(Operation(op_id, OperationKind.PAY_IN, firm.code, amount_fen))
    if answer.outcome != Outcome.DONE:
        movement.state = FundsState.FAILED
        movement.refusal = answer.code
    else:
        movement.state = FundsState.SENT
        outbox.write(CreditCash(op_id, firm.pk, amount_fen))
    movement.save(update_fields=["state", "refusal"])
    return movement


@transaction.atomic
def withdraw(
    *, venue: Venue, firm: Firm, amount_fen: Fen, op_id: str, by: User | None
) -> FundsMovement:
    """Take money out: reserved in the engine first, paid by the rail, then debited.

    Too little money is the engine's refusal; the movement then ends FAILED.
    """
    movement, created = _movement(venue, firm, FundsDirection.OUT, amount_fen, op_id, by)
    if created:
        outbox.write(ReserveCash(op_id, firm.pk, amount_fen))
    return movement


def reserved(op_id: str) -> None:
    """The engine has set a withdrawal's money aside: pay it out and tell the engine."""
    movement = FundsMovement.objects.select_related("firm").get(op_id=op_id)
    answer = rail.submit(
        Operation(op_id, OperationKind.PAY_OUT, movement.firm.code, movement.amount_fen)
    )
    assert answer.outcome == Outcome.DONE, "the ledger rail is final"
    FundsMovement.objects.filter(pk=movement.pk, state=FundsState.REQUESTED).update(
        state=FundsState.SENT
    )
    outbox.write(DebitCash(f"{op_id}:paid", op_id))


def confirmed(op_id: str) -> None:
    """The engine has booked a movement: it is done."""
    FundsMovement.objects.filter(
        op_id=op_id, state__in=[FundsState.SENT, FundsState.REQUESTED, FundsState.UNKNOWN]
    ).update(state=FundsState.CONFIRMED)


def _movement(
    venue: Venue,
    firm: Firm,
    direction: FundsDirection,
    amount_fen: Fen,
    op_id: str,
    by: User | None,
) -> tuple[FundsMovement, bool]:
    if not 0 < amount_fen <= FUNDS_MOST_FEN:
        raise FundsError("AMOUNT")
    movement, created = FundsMovement.objects.get_or_create(
        venue=venue,
        op_id=op_id,
        defaults={
            "firm": firm,
            "direction": direction,
            "amount_fen": amount_fen,
            "state": FundsState.REQUESTED,
            "asked_by": by,
            "asked_at": timezone.now(),
        },
    )
    same = (movement.firm_id, movement.direction, movement.amount_fen) == (
        firm.pk,
        direction,
        amount_fen,
    )
    if not same:
        raise FundsError("OP_ID_REUSED")
    return movement, created
