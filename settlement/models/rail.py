"""What rails are asked and what they say: operations, their messages, their statements."""

from typing import Final

from django.db import models

from exchange.models import User, Venue
from exchange.scope import VenueManager


class OperationState(models.TextChoices):
    """Where an operation of a rail stands (SETTLEMENT 2.3). UNKNOWN never frees anything."""

    NEW = "new"
    SENDING = "sending"
    PENDING = "pending"
    ACTION = "action"
    UNKNOWN = "unknown"
    HUMAN = "human"  # the rail cannot tell any more: a person has to find out
    DONE = "done"
    REFUSED = "refused"


_S = OperationState
OPERATION_NEXT: Final[dict[str, frozenset[str]]] = {
    _S.NEW: frozenset({_S.SENDING}),
    _S.SENDING: frozenset(
        {_S.NEW, _S.PENDING, _S.ACTION, _S.UNKNOWN, _S.HUMAN, _S.DONE, _S.REFUSED}
    ),
    _S.PENDING: frozenset({_S.PENDING, _S.ACTION, _S.UNKNOWN, _S.DONE, _S.REFUSED}),
    _S.ACTION: frozenset({_S.PENDING, _S.ACTION, _S.UNKNOWN, _S.DONE, _S.REFUSED}),
    _S.UNKNOWN: frozenset({_S.PENDING, _S.ACTION, _S.UNKNOWN, _S.HUMAN, _S.DONE, _S.REFUSED}),
    _S.HUMAN: frozenset({_S.DONE, _S.REFUSED}),
    _S.DONE: frozenset(),
    _S.REFUSED: frozenset(),
}
assert OPERATION_NEXT.keys() == set(OperationState), "every state states its exits"


class PaymentOperation(models.Model):
    """One request to a rail, written in the transaction that decided it. One row an id, for ever.

    `purpose` is what it is for: as long as one for a purpose is not REFUSED there is no other.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    op_id = models.CharField(max_length=100)
    purpose = models.CharField(max_length=100)
    rail = models.CharField(max_length=12)
    kind = models.CharField(max_length=12)
    party = models.CharField(max_length=32)
    account = models.CharField(max_length=64, blank=True)
    holder = models.CharField(max_length=120, blank=True)
    bank_code = models.CharField(max_length=32, blank=True)
    method = models.CharField(max_length=100, blank=True)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    amount_fen = models.PositiveBigIntegerField()
    state = models.CharField(max_length=10, choices=OperationState.choices)
    ref = models.CharField(max_length=100, blank=True)
    done_fen = models.PositiveBigIntegerField(default=0)
    code = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField()
    first_sent_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = VenueManager["PaymentOperation"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "op_id"], name="one_row_per_operation"),
            models.UniqueConstraint(
                fields=["venue", "purpose"],
                condition=~models.Q(state="refused"),
                name="one_operation_per_purpose",
            ),
        ]
        indexes = [
            models.Index(
                fields=["venue", "next_at"],
                condition=~models.Q(state__in=["done", "refused", "human"]),
                name="operations_to_work_on",
            ),
            models.Index(fields=["venue", "rail", "ref"], name="operations_by_ref"),
        ]


class Finding(models.Model):
    """What a person has found out about a HUMAN operation; `agreed` is another person's word.

    What was declined stays as a record.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    operation = models.ForeignKey(
        PaymentOperation, on_delete=models.PROTECT, related_name="findings"
    )
    is_done = models.BooleanField()
    ref = models.CharField(max_length=100)
    said_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    said_at = models.DateTimeField()
    agreed = models.BooleanField(null=True)
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)

    objects = VenueManager["Finding"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operation"],
                condition=models.Q(agreed__isnull=True) | models.Q(agreed=True),
                name="one_finding_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(agreed__isnull=True)
                | models.Q(agreed=False, answered_by__isnull=False)
                | (
                    models.Q(agreed=True, answered_by__isnull=False)
                    & ~models.Q(answered_by=models.F("said_by"))
                ),
                name="finding_agreed_by_another",
            ),
        ]


class CustodyEntry(models.Model):
    """What the custody bank's account has seen on the ledger rail: the rail's own memory."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    op_id = models.CharField(max_length=160)
    kind = models.CharField(max_length=12)
    account = models.CharField(max_length=64, blank=True)
    parent = models.CharField(max_length=160, blank=True)
    amount_fen = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()

    objects = VenueManager["CustodyEntry"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "op_id"], name="one_entry_per_operation"),
        ]


class Notification(models.Model):
    """A rail's message, kept as it came: a hint to look, never a fact to post."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    rail = models.CharField(max_length=12)
    event_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=80)
    op_id = models.CharField(max_length=100, blank=True)
    account = models.CharField(max_length=64, blank=True)
    body = models.BinaryField()
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)

    objects = VenueManager["Notification"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "rail", "event_id"], name="one_row_per_event"),
        ]
        indexes = [
            models.Index(
                fields=["venue", "id"],
                condition=models.Q(handled_at__isnull=True),
                name="notifications_to_handle",
            ),
        ]


class LineState(models.TextChoices):
    """How a line of a rail's statement compares with what we asked for."""

    MATCHED = "matched"
    THEIRS_ONLY = "theirs_only"
    AMOUNT = "amount"
    ITEM = "item"  # money whose owner a clerk is still looking for
    EXPLAINED = "explained"  # by a person, with a note


class RailLine(models.Model):
    """A line of a rail's statement, and the operation that it belongs to."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    rail = models.CharField(max_length=12)
    line_id = models.CharField(max_length=100)
    ref = models.CharField(max_length=100, blank=True)
    op_id = models.CharField(max_length=100, blank=True)  # where the line itself says it
    kind = models.CharField(max_length=40)
    amount_fen = models.BigIntegerField()  # what it did to the venue's balance there
    at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=LineState.choices)
    operation = models.ForeignKey(
        PaymentOperation, on_delete=models.PROTECT, null=True, related_name="lines"
    )
    explained_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    explained_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)

    objects = VenueManager["RailLine"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "rail", "line_id"], name="one_row_per_line"),
        ]
        indexes = [models.Index(fields=["venue", "rail", "state"])]


class Reconciliation(models.Model):
    """The last comparison with a rail's statement: one row a venue and rail."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    rail = models.CharField(max_length=12)
    at = models.DateTimeField()
    until = models.DateTimeField()  # lines up to here have been read
    ours_only = models.JSONField(default=list)  # op ids that are done and on no line
    breaks = models.PositiveIntegerField(default=0)

    objects = VenueManager["Reconciliation"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "rail"], name="one_row_per_rail"),
        ]
