"""Money that a firm may not move, and why."""

from django.db import models

from exchange.models import Firm, User, Venue
from exchange.scope import VenueManager


class FreezeReason(models.TextChoices):
    """On whose word money is frozen."""

    COURT = "court"
    AML = "aml"  # suspected laundering, until looked into
    AUTHORITY = "authority"
    OPERATOR = "operator"  # by the venue's own rules


class FreezeState(models.TextChoices):
    """Where a freeze stands."""

    ASKED = "asked"
    FROZEN = "frozen"
    REFUSED = "refused"  # there was less money
    LIFTING = "lifting"
    LIFTED = "lifted"


class FundsFreeze(models.Model):
    """An amount set aside, or with amount 0 a stop of every payout of the firm."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT)
    reason = models.CharField(max_length=10, choices=FreezeReason.choices)
    document = models.CharField(max_length=120)
    amount_fen = models.PositiveBigIntegerField()
    state = models.CharField(max_length=8, choices=FreezeState.choices)
    refusal = models.CharField(max_length=40, blank=True)
    op_id = models.CharField(max_length=64)
    frozen_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    frozen_at = models.DateTimeField()
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(null=True)
    lift_document = models.CharField(max_length=120, blank=True)

    objects = VenueManager["FundsFreeze"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "op_id"], name="one_freeze_per_operation"),
            models.CheckConstraint(
                condition=models.Q(lifted_by__isnull=True)
                | ~models.Q(lifted_by=models.F("frozen_by")),
                name="freeze_lifted_by_another",
            ),
        ]
