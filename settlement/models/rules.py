"""Rules of adjustment of a venue's commodities, version by version."""

from django.db import models

from exchange.models import Commodity, User, Venue
from exchange.scope import VenueManager


class RuleState(models.TextChoices):
    """Where a version stands. From its day on a published one is in force until the next one is."""

    DRAFT = "draft"  # shown to the venue's firms for comment; may still change
    PUBLISHED = "published"  # announced: never changed again
    WITHDRAWN = "withdrawn"  # a draft given up, or an announcement taken back before its day


class RuleVersion(models.Model):
    """One version of a commodity's rule set at a venue. The database refuses later changes.

    `text` is canonical JSON and `digest` its SHA-256. The version is in force from the first
    instant of `effective_on` on Shanghai's calendar.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    commodity = models.ForeignKey(Commodity, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    text = models.TextField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=RuleState.choices)
    effective_on = models.DateField()
    summary = models.CharField(max_length=200, blank=True)
    # Empty for what came with the commodity, from the reference data.
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    proposed_at = models.DateTimeField()
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_why = models.CharField(max_length=200, blank=True)

    objects = VenueManager["RuleVersion"]()

    class Meta:
        ordering = ["commodity_id", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "commodity", "number"], name="one_rule_version_per_number"
            ),
            models.UniqueConstraint(
                fields=["venue", "commodity", "effective_on"],
                condition=models.Q(state="published"),
                name="one_rule_version_per_day",
            ),
            models.UniqueConstraint(
                fields=["venue", "commodity"],
                condition=models.Q(state="draft"),
                name="one_rule_draft_per_commodity",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=RuleState.values), name="rule_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="published") | models.Q(published_at__isnull=False),
                name="rules_published_at_an_instant",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="withdrawn") | models.Q(withdrawn_at__isnull=False),
                name="rules_withdrawn_at_an_instant",
            ),
            # Two people, or the reference data for the very first.
            models.CheckConstraint(
                condition=models.Q(published_at__isnull=True)
                | models.Q(number=1, proposed_by__isnull=True, approved_by__isnull=True)
                | (
                    models.Q(proposed_by__isnull=False, approved_by__isnull=False)
                    & ~models.Q(approved_by=models.F("proposed_by"))
                ),
                name="rules_need_two_people",
            ),
        ]
