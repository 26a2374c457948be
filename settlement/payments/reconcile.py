"""A rail's statement against what we asked for: every line has its operation, and the reverse.

An unexplained line, or a finished operation that is on no line, is a break; while one is open
nothing is paid out at the venue (SETTLEMENT 2.3).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db import models, transaction

from exchange.models import User, Venue
from exchange.scope import current_venue_id
from settlement.limits import STATEMENT_OVERLAP_S
from settlement.models import (
    IncomingItem,
    LineState,
    OperationState,
    PaymentOperation,
    RailLine,
    Reconciliation,
)
from settlement.payments.ports import SWEEPS, Line, OperationKind, PaymentAdapter

K = OperationKind
# What each kind does to the venue's balance at the rail.
_SIGN = {
    K.PAY_IN: 1,
    K.CAPTURE: 1,
    K.CLAWBACK: 1,
    K.PAY_OUT: -1,
    K.REFUND: -1,
    K.RETURN: -1,
}
_BREAKS = (LineState.THEIRS_ONLY, LineState.AMOUNT)
_FROM_THE_BEGINNING = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


class ReconcileError(Exception):
    """A break could not be explained; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def run(rail: PaymentAdapter, now: dt.datetime) -> Reconciliation:
    """Read the statement on from where it was left, with an overlap, and compare.

    Raises `RailError` if the rail does not answer; nothing is kept then. Must not be called inside
    a transaction unless the rail is immediate.
    """
    last = Reconciliation.objects.filter(rail=rail.name).first()
    since = _FROM_THE_BEGINNING
    if last is not None:
        since = last.until - dt.timedelta(seconds=STATEMENT_OVERLAP_S)
    venue = Venue.objects.get(pk=current_venue_id())
    # A line that names no venue is everybody's trouble: the balance is shared.
    lines = [one for one in rail.statement(since, now) if one.venue in ("", venue.code)]
    can = rail.capabilities()
    return compare(rail.name, lines, now, lag_s=can.lag_s, unstated=can.unstated)


@transaction.atomic
def compare(
    rail: str,
    lines: list[Line],
    now: dt.datetime,
    *,
    lag_s: int,
    unstated: Collection[OperationKind] = (),
) -> Reconciliation:
    """Match new lines and look for operations without one after `lag_s`; return the findings.

    A leg of a batch has two lines, one for each place; `unstated` kinds have none.
    """
    known = set(
        RailLine.objects.filter(
            rail=rail, line_id__in=[line.line_id for line in lines]
        ).values_list("line_id", flat=True)
    )
    for line in lines:
        if line.line_id not in known:
            _keep(rail, line)
    _match_late(rail)
    settled = now - dt.timedelta(seconds=lag_s)
    done = PaymentOperation.objects.filter(
        rail=rail, state=OperationState.DONE, ended_at__lt=settled
    )
    missing = models.Q(kind__in=set(_SIGN) - set(unstated), seen=0) | models.Q(
        kind__in=SWEEPS, seen__lt=2
    )
    counted = done.annotate(seen=models.Count("lines")).filter(missing)
    ours = list(counted.order_by("pk").values_list("op_id", flat=True))
    breaks = RailLine.objects.filter(rail=rail, state__in=_BREAKS).count() + len(ours)
    found, _ = Reconciliation.objects.update_or_create(
        venue_id=current_venue_id(),
        rail=rail,
        defaults={"at": now, "until": now, "ours_only": ours, "breaks": breaks},
    )
    return found


def _keep(rail: str, line: Line) -> None:
    row = RailLine(
        venue_id=current_venue_id(),
        rail=rail,
        line_id=line.line_id,
        ref=line.ref,
        op_id=line.op_id,
        kind=line.kind,
        amount_fen=line.amount_fen,
        at=line.at,
    )
    _judge(row)
    row.save()


def _judge(row: RailLine) -> None:
    """Find a line's operation: of its number or reference, on its side, and of its amount."""
    operation = _operation_of(row) if row.op_id or row.ref else None
    row.operation = operation
    if operation is None:
        items = IncomingItem.objects.filter(rail=row.rail, ref=row.line_id)
        is_item = row.amount_fen > 0 and items.filter(amount_fen=row.amount_fen).exists()
        row.state = LineState.ITEM if is_item else LineState.THEIRS_ONLY
    elif operation.done_fen != abs(row.amount_fen):
        row.state = LineState.AMOUNT
    else:
        row.state = LineState.MATCHED


def _operation_of(row: RailLine) -> PaymentOperation | None:
    """Return the finished operation that still lacks such a line."""
    named = {"op_id": row.op_id} if row.op_id else {"ref": row.ref}
    done = PaymentOperation.objects.filter(
        rail=row.rail, state=OperationState.DONE, **named
    ).order_by("pk")
    kinds = [kind for kind, sign in _SIGN.items() if sign * row.amount_fen > 0]
    found = done.filter(kind__in=kinds, lines__isnull=True).first()
    if found is not None:
        return found
    legs = done.filter(kind__in=SWEEPS)
    if row.amount_fen > 0:
        return legs.exclude(lines__amount_fen__gt=0).first()
    return legs.exclude(lines__amount_fen__lt=0).first()


def _match_late(rail: str) -> None:
    """A line may come before we know that our operation is done."""
    waiting = [LineState.THEIRS_ONLY, LineState.ITEM]
    for row in RailLine.objects.filter(rail=rail, state__in=waiting).order_by("pk"):
        before = row.state
        _judge(row)
        if row.state != before:
            row.save(update_fields=["state", "operation"])


def is_frozen(rail: str) -> bool:
    """Say whether a break of the current venue is open on a rail."""
    return (
        Reconciliation.objects.filter(rail=rail, breaks__gt=0).exists()
        or RailLine.objects.filter(rail=rail, state__in=_BREAKS).exists()
    )


@transaction.atomic
def explain(line_id: int, *, note: str, by: User, now: dt.datetime) -> None:
    """A clerk explains a line that nobody asked for. Raises `ReconcileError`."""
    row = RailLine.objects.select_for_update(of=("self",)).filter(pk=line_id).first()
    if row is None:
        raise ReconcileError("UNKNOWN_LINE")
    if row.state not in _BREAKS:
        raise ReconcileError("LINE_STATE")
    row.state = LineState.EXPLAINED
    row.note = note
    row.explained_by = by
    row.explained_at = now
    row.save()
    found = Reconciliation.objects.select_for_update().filter(rail=row.rail).first()
    if found is not None:
        left = RailLine.objects.filter(rail=row.rail, state__in=_BREAKS).count()
        found.breaks = left + len(found.ours_only)
        found.save(update_fields=["breaks"])


def breaks(rail: str) -> list[RailLine]:
    """Return the unexplained lines, oldest first."""
    return list(RailLine.objects.filter(rail=rail, state__in=_BREAKS).order_by("pk"))
