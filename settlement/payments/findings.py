"""What people find out about an operation of which its rail can tell no more: by two of them."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import User
from exchange.scope import current_venue_id
from settlement.models import Finding, OperationState, PaymentOperation
from settlement.payments.operations import OperationError, Then
from settlement.payments.ports import Answer, Outcome


@transaction.atomic
def report(operation_id: int, *, done: bool, ref: str, by: User, now: dt.datetime) -> Finding:
    """Say what has become of an operation; nothing moves until a second person agrees.

    `ref` is the rail's reference, or how one knows. Raises `OperationError`: `UNKNOWN_OPERATION`,
    `OPERATION_STATE` if the rail can still tell, `FINDING_OPEN` if one waits already.
    """
    row = _locked(operation_id)
    if row.state != OperationState.HUMAN:
        raise OperationError("OPERATION_STATE")
    if Finding.objects.filter(operation=row, agreed=None).exists():
        raise OperationError("FINDING_OPEN")
    return Finding.objects.create(
        venue_id=current_venue_id(), operation=row, is_done=done, ref=ref, said_by=by, said_at=now
    )


@transaction.atomic
def answer(finding_id: int, *, agreed: bool, by: User, now: dt.datetime, then: Then) -> Finding:
    """Agree, and the operation has ended so; or decline, as the one who said it may, too.

    Raises `OperationError`: `UNKNOWN_FINDING`, `FINDING_STATE` if it has been answered,
    `SAME_PERSON`.
    """
    found = Finding.objects.filter(pk=finding_id).first()
    if found is None:
        raise OperationError("UNKNOWN_FINDING")
    # All decisions about an operation wait for each other at its row, and look again.
    row = _locked(found.operation_id)
    found.refresh_from_db()
    if found.agreed is not None:
        raise OperationError("FINDING_STATE")
    if agreed and found.said_by_id == by.pk:
        raise OperationError("SAME_PERSON")
    found.agreed = agreed
    found.answered_by = by
    found.answered_at = now
    found.save()
    if agreed:
        _end(row, found, now, then)
    return found


def _end(row: PaymentOperation, found: Finding, now: dt.datetime, then: Then) -> None:
    assert row.state == OperationState.HUMAN, "only its one open finding ends it"
    row.state = OperationState.DONE if found.is_done else OperationState.REFUSED
    row.ref = found.ref
    row.code = "BY_HAND"
    row.done_fen = row.amount_fen if found.is_done else 0
    row.ended_at = now
    row.save()
    then(row, Answer(Outcome(row.state), "BY_HAND", found.ref, row.done_fen))


def _locked(operation_id: int) -> PaymentOperation:
    rows = PaymentOperation.objects.select_for_update(of=("self",))
    row = rows.filter(pk=operation_id).first()
    if row is None:
        raise OperationError("UNKNOWN_OPERATION")
    return row
