"""What the operator decides by two people."""

from typing import Final

from django.db import models

from exchange.models.people import User, Venue
from exchange.scope import VenueManager


class DecisionKind(models.TextChoices):
    """What needs a second person (RELIABILITY, API6)."""

    BUST = "bust"  # undo a trade
    RESUME = "resume"  # an instrument, or the whole venue, that was halted
    LIFT = "lift"  # a ban from trading
    LIMITS = "limits"  # wider limits of a firm


class DecisionState(models.TextChoices):
    """Where a decision stands."""

    ASKED = "asked"  # a second person has to agree
    AGREED = "agreed"  # the engine is told, and told again until it answers
    DECLINED = "declined"
    EXPIRED = "expired"  # nobody answered in time
    REFUSED = "refused"  # by the engine, which has the last word
    DONE = "done"


DECISION_OPEN: Final = (DecisionState.ASKED, DecisionState.AGREED)


class Decision(models.Model):
    """One person's request, and what became of it.

    `target` says what it is about: `trade:7`, `venue`, `instrument:3`, `firm:12` or
    `trader:12:5`; `terms` are the figures of LIMITS.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    kind = models.CharField(max_length=8, choices=DecisionKind.choices)
    target = models.CharField(max_length=48)
    terms = models.JSONField(default=dict)
    reason = models.CharField(max_length=200)
    state = models.CharField(
        max_length=10, choices=DecisionState.choices, default=DecisionState.ASKED
    )
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=40, blank=True)

    objects = VenueManager["Decision"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "kind", "target"],
                condition=models.Q(state__in=["asked", "agreed"]),
                name="one_open_decision_a_target",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["asked", "declined", "expired"])
                | (
                    models.Q(answered_by__isnull=False)
                    & ~models.Q(answered_by=models.F("asked_by"))
                ),
                name="decision_agreed_by_another",
            ),
        ]

    @property
    def number(self) -> int:
        """The id that `target` ends with; 0 for the venue."""
        return int(self.target.rpartition(":")[2]) if ":" in self.target else 0
