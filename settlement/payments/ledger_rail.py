"""Prefunded custody: the answer comes in the caller's transaction and is final."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db import transaction

from exchange.scope import current_venue_id
from settlement.limits import FUNDS_MOST_FEN
from settlement.models import CustodyEntry
from settlement.payments.ports import (
    SWEEPS,
    Answer,
    Capabilities,
    Incoming,
    Line,
    Notice,
    Operation,
    OperationKind,
    Outcome,
    RailError,
)

K = OperationKind
_OUT = (K.PAY_OUT, K.REFUND, K.RETURN)
_IN = (K.PAY_IN, K.CAPTURE, K.CLAWBACK)
# What an operation may build on, and whether several may (within its amount).
_PARENTS: Mapping[OperationKind, tuple[OperationKind, ...]] = {
    K.CAPTURE: (K.RESERVE,),
    K.RELEASE: (K.RESERVE,),
    K.REFUND: (K.PAY_IN, K.CAPTURE),
    K.CLAWBACK: (K.PAY_OUT,),
    K.RETURN: (K.PAY_IN,),
}


class LedgerRail:
    """Money that the custody bank already holds: nothing is asked outside this database."""

    name = "ledger"

    def capabilities(self) -> Capabilities:
        """Return: any amount, final at once, repeatable for ever; legs move nothing outside."""
        return Capabilities(
            FUNDS_MOST_FEN, replay_s=None, is_push=False, is_immediate=True, carries_legs=True
        )

    @transaction.atomic
    def submit(self, operation: Operation) -> Answer:
        """Record the operation; the same id with other fields is refused, not executed."""
        row = CustodyEntry.objects.filter(op_id=operation.op_id).first()
        if row is not None:
            return _answer(row, operation)
        refusal = _refusal(operation)
        if refusal:
            return Answer(Outcome.REFUSED, refusal)
        row = CustodyEntry.objects.create(
            venue_id=current_venue_id(),
            op_id=operation.op_id,
            kind=operation.kind,
            account=operation.account,
            parent=operation.parent,
            amount_fen=operation.amount_fen,
            made_at=operation.made_at,
        )
        return _answer(row, operation)

    def lookup(self, operation: Operation, ref: str = "") -> Answer:
        """Return the recorded outcome."""
        row = CustodyEntry.objects.filter(op_id=operation.op_id).first()
        return Answer(Outcome.RETRY) if row is None else _answer(row, operation)

    def incoming(self, account: str, since: dt.datetime) -> list[Incoming]:
        """Return nothing: money comes by a form here."""
        return []

    def parse_notification(self, body: bytes, headers: Mapping[str, str]) -> list[Notice]:
        """Refuse: nobody sends anything here."""
        raise RailError("NO_MESSAGES")

    def statement(self, since: dt.datetime, until: dt.datetime) -> Iterable[Line]:
        """Return what moved the custody account of the current venue."""
        rows = CustodyEntry.objects.filter(made_at__gte=since, made_at__lt=until).order_by("pk")
        for row in rows.filter(kind__in=[*_IN, *_OUT, *SWEEPS]):
            ref = f"c{row.pk}"
            if row.kind in SWEEPS:
                yield Line(f"{ref}-", row.kind, -row.amount_fen, row.made_at, ref=ref)
                yield Line(f"{ref}+", row.kind, row.amount_fen, row.made_at, ref=ref)
                continue
            amount = row.amount_fen if row.kind in _IN else -row.amount_fen
            yield Line(ref, row.kind, amount, row.made_at, ref=ref)


def _answer(row: CustodyEntry, operation: Operation) -> Answer:
    asked = (operation.kind, operation.account, operation.parent, operation.amount_fen)
    if (row.kind, row.account, row.parent, row.amount_fen) != asked:
        return Answer(Outcome.REFUSED, "OP_ID_REUSED")
    return Answer(Outcome.DONE, ref=f"c{row.pk}", amount_fen=row.amount_fen)


def _refusal(operation: Operation) -> str:
    """Say why an operation cannot be; "" if it can."""
    kinds = _PARENTS.get(operation.kind)
    if kinds is None:
        return ""
    number = operation.parent.removeprefix("c")
    parents = CustodyEntry.objects.select_for_update().filter(kind__in=kinds)
    parent = parents.filter(pk=int(number)).first() if number.isdecimal() else None
    if parent is None:
        return "UNKNOWN_PARENT"
    siblings = CustodyEntry.objects.filter(parent=operation.parent)
    if parent.kind == K.RESERVE and siblings.exists():
        return "RESOLVED"  # a hold is captured or released once
    used = sum(siblings.values_list("amount_fen", flat=True))
    return "TOO_MUCH" if used + operation.amount_fen > parent.amount_fen else ""
