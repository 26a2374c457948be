"""A deadline as columns of whatever waits for it, so that a restart forgets none."""

from django.db import models

from exchange.models import Venue
from exchange.scope import VenueManager


class Deadline(models.Model):
    """What is due by when, and when time looks at it next.

    `remind_at` is the next reminder's moment, `acts_at` that of what silence brings. A row without
    either is left alone by the sweep, however old its deadline is.
    """

    due_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)  # the first reminder of this deadline
    remind_at = models.DateTimeField(null=True)
    acts_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Reminder(models.Model):
    """One reminder of one deadline to one party; firm 0 is the venue's own people."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.ForeignKey(
        "settlement.Obligation", on_delete=models.PROTECT, related_name="reminders"
    )
    firm_id = models.PositiveBigIntegerField()
    what = models.CharField(max_length=16)  # the duty, as settlement.contracts.duties names it
    due_at = models.DateTimeField()
    hours = models.PositiveSmallIntegerField()  # ahead of the deadline; 0: when it had passed
    at = models.DateTimeField()

    objects = VenueManager["Reminder"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["obligation", "firm_id", "what", "due_at", "hours"],
                name="one_reminder_per_deadline",
            ),
        ]
