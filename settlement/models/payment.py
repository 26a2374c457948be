"""Money on its way: movements that people ask for, rail operations, commands to the engine."""

from typing import Final

from django.db import models

from exchange.models import Firm, User, Venue
from exchange.scope import VenueManager


class FundsDirection(models.TextChoices):
    """Into the venue or out of it."""

    IN = "in"
    OUT = "out"


class FundsState(models.TextChoices):
    """Where a deposit or withdrawal stands (rulebook 4.2). UNKNOWN never retries by itself."""

    AWAITING = "awaiting"  # a second person of the firm has to agree
    REQUESTED = "requested"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    UNKNOWN = "unknown"


F = FundsState
NEXT: Final[dict[str, frozenset[str]]] = {
    F.AWAITING: frozenset({F.REQUESTED, F.FAILED}),
    F.REQUESTED: frozenset({F.SENT, F.FAILED, F.UNKNOWN}),
    F.SENT: frozenset({F.CONFIRMED, F.FAILED, F.UNKNOWN}),
    F.UNKNOWN: frozenset({F.CONFIRMED, F.FAILED}),
    F.CONFIRMED: frozenset(),
    F.FAILED: frozenset(),
}
assert NEXT.keys() == set(FundsState), "every state states its exits"


class FundsMovement(models.Model):
    """A deposit or a withdrawal of a firm. `op_id` makes a repeated request the same one."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT)
    op_id = models.CharField(max_length=64)
    direction = models.CharField(max_length=4, choices=FundsDirection.choices)
    amount_fen = models.PositiveBigIntegerField()
    state = models.CharField(max_length=12, choices=FundsState.choices)
    refusal = models.CharField(max_length=40, blank=True)
    rail = models.CharField(max_length=12, default="ledger")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    checked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    checked_at = models.DateTimeField(null=True)

    objects = VenueManager["FundsMovement"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "op_id"], name="one_movement_per_operation"),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0), name="movement_has_an_amount"
            ),
            models.CheckConstraint(
                condition=models.Q(checked_by__isnull=True)
                | (models.Q(asked_by__isnull=False) & ~models.Q(checked_by=models.F("asked_by"))),
                name="movement_checked_by_another",
            ),
        ]
        indexes = [models.Index(fields=["venue", "firm", "-id"])]


class OutboxState(models.TextChoices):
    """Whether the engine has answered a command."""

    NEW = "new"
    DONE = "done"
    REFUSED = "refused"


class OutboxCommand(models.Model):
    """A command for the engine, written in the transaction that decided it."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    op_id = models.CharField(max_length=64)
    command = models.BinaryField()
    state = models.CharField(max_length=8, choices=OutboxState.choices, default=OutboxState.NEW)
    refusal = models.CharField(max_length=40, blank=True)

    objects = VenueManager["OutboxCommand"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "op_id"], name="one_command_per_operation"),
        ]
        indexes = [models.Index(fields=["venue", "state", "id"])]
