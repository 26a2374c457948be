"""Prefunded custody: the answer comes in the caller's transaction and is final."""

from __future__ import annotations

from django.utils import timezone

from exchange.scope import current_venue_id
from settlement.models import PaymentOperation
from settlement.payments.ports import Answer, Operation, Outcome


class LedgerRail:
    """Money that the custody bank already holds: nothing is asked outside this database."""

    name = "ledger"

    def submit(self, operation: Operation) -> Answer:
        """Record the operation; the same id with other fields is refused, not executed."""
        row, created = PaymentOperation.objects.get_or_create(
            venue_id=current_venue_id(),
            op_id=operation.op_id,
            defaults={
                "rail": self.name,
                "kind": operation.kind,
                "party": operation.party,
                "amount_fen": operation.amount_fen,
                "outcome": Outcome.DONE,
                "made_at": timezone.now(),
            },
        )
        if not created and not _same(row, operation):
            return Answer(Outcome.REFUSED, "OP_ID_REUSED")
        return Answer(Outcome(row.outcome))

    def lookup(self, operation: Operation) -> Answer:
        """Return the recorded outcome."""
        row = PaymentOperation.objects.filter(op_id=operation.op_id).first()
        if row is None:
            return Answer(Outcome.RETRY)
        if not _same(row, operation):
            return Answer(Outcome.REFUSED, "OP_ID_REUSED")
        return Answer(Outcome(row.outcome))


def _same(row: PaymentOperation, operation: Operation) -> bool:
    return (row.kind, row.party, row.amount_fen) == (
        operation.kind,
        operation.party,
        operation.amount_fen,
    )
