"""What the parties of a contract thought of each other when it was over. Never changed."""

from django.db import models

from exchange.models import Firm, User, Venue
from exchange.scope import VenueManager
from settlement.models.obligation import Obligation


class Rating(models.Model):
    """One party's marks for the other, 1 to 5, at most once a contract.

    Hidden until the other party has rated too or `open_until` has passed, from when on neither can
    rate any more. The database refuses changes and removals.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.ForeignKey(Obligation, on_delete=models.PROTECT, related_name="ratings")
    by_firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    of_firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    punctuality = models.PositiveSmallIntegerField()
    quality = models.PositiveSmallIntegerField()  # goods, or their acceptance, as agreed
    documents = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=200, blank=True)
    open_until = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = VenueManager["Rating"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["obligation", "by_firm"], name="one_rating_per_party"),
            models.CheckConstraint(
                condition=~models.Q(by_firm=models.F("of_firm")), name="rating_of_another"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    punctuality__range=(1, 5), quality__range=(1, 5), documents__range=(1, 5)
                ),
                name="marks_from_one_to_five",
            ),
        ]
        indexes = [models.Index(fields=["venue", "of_firm"])]
