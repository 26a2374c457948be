"""Trades that two people of the operator undo."""

from typing import Final

from django.db import models

from exchange.models.people import User, Venue
from exchange.scope import VenueManager


class BustState(models.TextChoices):
    """Where a request to undo a trade stands."""

    ASKED = "asked"  # a second person has to agree
    AGREED = "agreed"  # the engine is told, and told again until it answers
    DECLINED = "declined"
    REFUSED = "refused"  # by the engine: too late, or the contract has begun to settle
    DONE = "done"


BUST_OPEN: Final = (BustState.ASKED, BustState.AGREED)


class BustRequest(models.Model):
    """One person's request to undo a trade, and what became of it (RULEBOOK 4.8)."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    trade_id = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=BustState.choices, default=BustState.ASKED)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=40, blank=True)

    objects = VenueManager["BustRequest"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "trade_id"],
                condition=models.Q(state__in=["asked", "agreed"]),
                name="one_bust_request_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["asked", "declined"])
                | (
                    models.Q(answered_by__isnull=False)
                    & ~models.Q(answered_by=models.F("asked_by"))
                ),
                name="bust_agreed_by_another",
            ),
        ]
