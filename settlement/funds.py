"""Deposits and withdrawals. Journal first, ledger second: the follower posts what events say."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from exchange.models import Firm, User, Venue
from matching.commands import CreditCash, DebitCash, ReserveCash
from matching.units import Fen
from settlement import outbox
from settlement.limits import FUNDS_MOST_FEN, WITHDRAW_UNCHECKED_FEN
from settlement.models import BooksCheck, FundsDirection, FundsMovement, FundsState
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

    Above `WITHDRAW_UNCHECKED_FEN` a second person of the firm has to agree before anything moves
    (RULEBOOK 4.2). While the books of the venue do not agree nothing is paid out: raises
    `FundsError("BOOKS_BROKEN")`. Too little money is the engine's refusal; the movement then ends
    FAILED.
    """
    check = BooksCheck.objects.filter(venue_id=venue.pk).first()
    if check is not None and check.faults:
        raise FundsError("BOOKS_BROKEN")  # nothing leaves until the difference is explained
    movement, created = _movement(venue, firm, FundsDirection.OUT, amount_fen, op_id, by)
    if not created:
        return movement
    if amount_fen > WITHDRAW_UNCHECKED_FEN and by is not None:
        FundsMovement.objects.filter(pk=movement.pk).update(state=FundsState.AWAITING)
        movement.state = FundsState.AWAITING
    else:
        outbox.write(ReserveCash(op_id, firm.pk, amount_fen))
    return movement


@transaction.atomic
def check(
    movement_id: int, *, firm: Firm, by: User, agreed: bool, now: dt.datetime
) -> FundsMovement:
    """A second person agrees to a withdrawal, or declines it; the asker may only decline.

    Raises `FundsError`: `UNKNOWN_MOVEMENT` (also another firm's), `MOVEMENT_STATE`, `SAME_PERSON`.
    """
    rows = FundsMovement.objects.select_for_update(of=("self",)).filter(pk=movement_id, firm=firm)
    movement = rows.first()
    if movement is None:
        raise FundsError("UNKNOWN_MOVEMENT")
    if movement.state != FundsState.AWAITING:
        raise FundsError("MOVEMENT_STATE")
    is_asker = movement.asked_by_id == by.pk
    if agreed and is_asker:
        raise FundsError("SAME_PERSON")
    movement.state = FundsState.REQUESTED if agreed else FundsState.FAILED
    movement.refusal = "" if agreed else "DECLINED"
    movement.checked_by = None if is_asker else by
    movement.checked_at = now
    movement.save(update_fields=["state", "refusal", "checked_by", "checked_at"])
    if agreed:
        outbox.write(ReserveCash(movement.op_id, movement.firm_id, movement.amount_fen))
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
