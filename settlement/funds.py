"""Deposits and withdrawals. Journal first, ledger second: the follower posts what events say."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from exchange.models import Firm, User, Venue
from matching.commands import CreditCash, DebitCash, ReleaseCash, ReserveCash
from matching.units import Fen
from settlement import accounts, freezes, outbox
from settlement.limits import FUNDS_MOST_FEN, UNCHECKED_FEN
from settlement.models import (
    BooksCheck,
    BoundAccount,
    FundsDirection,
    FundsMovement,
    FundsState,
    IncomingItem,
    PaymentOperation,
)
from settlement.payments import operations, rails, reconcile
from settlement.payments.ports import Answer, OperationKind

_OPEN = (FundsState.REQUESTED, FundsState.SENT, FundsState.UNKNOWN)


class FundsError(Exception):
    """A movement was refused before anything moved; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def deposit(
    *,
    venue: Venue,
    firm: Firm,
    amount_fen: Fen,
    op_id: str,
    by: User | None,
    rail_name: str = "",
) -> FundsMovement:
    """Bring money in: the rail confirms, the engine is told, the ledger follows.

    Only on a rail that can be asked (`PUSH_ONLY` otherwise: money comes when the firm sends it).
    Above `UNCHECKED_FEN` a second person of the firm has to agree before anything moves. Repeated
    with the same `op_id` it returns the first movement; with another amount or firm it
    raises `FundsError("OP_ID_REUSED")`. `rail_name` is another rail than the installation's.
    """
    rail = rails.rail(rail_name) if rail_name else rails.current()
    if rail.capabilities().is_push:
        raise FundsError("PUSH_ONLY")
    movement, created = _movement(venue, firm, FundsDirection.IN, amount_fen, op_id, by, rail.name)
    if not created:
        return movement
    if _needs_check(movement):
        _await(movement)
    else:
        _ask(movement, OperationKind.PAY_IN, accounts.bound(firm, rail.name), timezone.now())
    return movement


def receive(
    item: IncomingItem, account: BoundAccount, *, by: User | None, now: dt.datetime
) -> FundsMovement:
    """Money that has come in is the firm's: take it over, then credit it."""
    movement, created = _movement(
        account.venue,
        account.firm,
        FundsDirection.IN,
        item.amount_fen,
        f"item:{item.pk}",
        by,
        item.rail,
    )
    if created:
        _ask(movement, OperationKind.PAY_IN, account, now, method=item.ref)
    return movement


@transaction.atomic
def withdraw(
    *, venue: Venue, firm: Firm, amount_fen: Fen, op_id: str, by: User | None
) -> FundsMovement:
    """Take money out: reserved in the engine first, paid by the rail, then debited.

    Above `UNCHECKED_FEN` a second person of the firm has to agree before anything moves
    (RULEBOOK 4.2). It goes to the firm's bound account alone: `NO_ACCOUNT` without one. Nothing is
    paid out while the venue's books do not agree (`BOOKS_BROKEN`), a line of the rail's statement
    is unexplained (`BREAK_OPEN`) or the firm's payouts are stopped (`FROZEN`). Too little money is
    the engine's refusal; the movement then ends FAILED.
    """
    check = BooksCheck.objects.filter(venue_id=venue.pk).first()
    if check is not None and check.faults:
        raise FundsError("BOOKS_BROKEN")  # nothing leaves until the difference is explained
    if freezes.stops_payouts(firm):
        raise FundsError("FROZEN")
    rail = rails.current()
    if reconcile.is_frozen(rail.name):
        raise FundsError("BREAK_OPEN")
    if accounts.bound(firm, rail.name) is None:
        raise FundsError("NO_ACCOUNT")
    if amount_fen > rail.capabilities().most_fen:
        raise FundsError("AMOUNT")
    movement, created = _movement(venue, firm, FundsDirection.OUT, amount_fen, op_id, by, rail.name)
    if not created:
        return movement
    if _needs_check(movement):
        _await(movement)
    else:
        outbox.write(ReserveCash(op_id, firm.pk, amount_fen))
    return movement


def _needs_check(movement: FundsMovement) -> bool:
    return movement.amount_fen > UNCHECKED_FEN and movement.asked_by is not None


def _await(movement: FundsMovement) -> None:
    movement.state = FundsState.AWAITING
    movement.save(update_fields=["state"])


@transaction.atomic
def check(
    movement_id: int, *, firm: Firm, by: User, agreed: bool, now: dt.datetime
) -> FundsMovement:
    """A second person agrees to a movement, or declines it; the asker may only decline.

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
    if agreed and movement.direction == FundsDirection.IN:
        account = accounts.bound(firm, movement.rail)
        _ask(movement, OperationKind.PAY_IN, account, now)
    elif agreed:
        outbox.write(ReserveCash(movement.op_id, movement.firm_id, movement.amount_fen))
    return movement


def reserved(op_id: str, *, at: dt.datetime) -> None:
    """The engine has set a withdrawal's money aside: have it paid out."""
    movement = FundsMovement.objects.select_related("firm").get(op_id=op_id)
    account = accounts.bound(movement.firm, movement.rail)
    if account is None:  # given up in the meantime
        _fail(movement, "NO_ACCOUNT")
    else:
        _ask(movement, OperationKind.PAY_OUT, account, at)


def _ask(
    movement: FundsMovement,
    kind: OperationKind,
    account: BoundAccount | None,
    now: dt.datetime,
    *,
    method: str = "",
) -> None:
    """Write the rail's operation down; a rail that answers at once is asked at once."""
    row = operations.request(
        movement.rail,
        kind,
        movement.amount_fen,
        op_id=movement.op_id,
        party=movement.firm.code,
        account=account,
        method=method,
        now=now,
    )
    rail = rails.rail(movement.rail)
    if rail.capabilities().is_immediate:
        operations.work(row.pk, rail, now, ended)
        movement.refresh_from_db()


def ended(row: PaymentOperation, answer: Answer) -> None:
    """A rail has finally answered: tell the engine, in the transaction that keeps the answer."""
    movement = FundsMovement.objects.select_for_update(of=("self",)).get(op_id=row.op_id)
    if row.state == operations.S.REFUSED:
        _fail(movement, "RAIL_REFUSED")
        return
    movement.state = FundsState.SENT
    movement.save(update_fields=["state"])
    if movement.direction == FundsDirection.IN:
        outbox.write(CreditCash(movement.op_id, movement.firm_id, row.done_fen))
    else:
        outbox.write(DebitCash(f"{movement.op_id}:paid", movement.op_id))


def _fail(movement: FundsMovement, refusal: str) -> None:
    movement.state = FundsState.FAILED
    movement.refusal = refusal
    movement.save(update_fields=["state", "refusal"])
    if movement.direction == FundsDirection.OUT:
        outbox.write(ReleaseCash(f"{movement.op_id}:back", movement.op_id))


def uncertain(op_id: str) -> None:
    """The rail has not said what became of a movement: show it, and free nothing."""
    asked = [FundsState.REQUESTED, FundsState.SENT]
    FundsMovement.objects.filter(op_id=op_id, state__in=asked).update(state=FundsState.UNKNOWN)


def confirmed(op_id: str) -> None:
    """The engine has booked a movement: it is done."""
    FundsMovement.objects.filter(op_id=op_id, state__in=_OPEN).update(state=FundsState.CONFIRMED)


def _movement(
    venue: Venue,
    firm: Firm,
    direction: FundsDirection,
    amount_fen: Fen,
    op_id: str,
    by: User | None,
    rail: str,
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
            "rail": rail,
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
