"""A photo or a document that somebody put forward in a dispute. Never changed, never removed."""

from django.db import models

from exchange.models import User, Venue
from exchange.scope import VenueManager
from settlement.models.obligation import Obligation


class Matter(models.TextChoices):
    """What is in dispute: the goods, before an umpire, or money of the statement (RULEBOOK 4.7)."""

    GOODS = "goods"
    MONEY = "money"


class Exhibit(models.Model):
    """One file of evidence; its bytes lie under `sha256` (settlement.receipt_files).

    A photo is kept as its pixels alone, so `sent_sha256` is of the file as it was sent: whoever
    has the original can show that it is the one. The database refuses changes and removals.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.ForeignKey(Obligation, on_delete=models.PROTECT, related_name="exhibits")
    number = models.PositiveSmallIntegerField()  # of the contract, from 1
    matter = models.CharField(max_length=8, choices=Matter.choices)
    side = models.CharField(max_length=12)  # buyer, seller, or the role of the venue's person
    description = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    sent_sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=20)
    size_bytes = models.PositiveIntegerField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = VenueManager["Exhibit"]()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["obligation", "number"], name="one_exhibit_per_number"),
            models.UniqueConstraint(
                fields=["obligation", "matter", "side", "sha256"], name="one_exhibit_per_file"
            ),
            models.CheckConstraint(
                condition=models.Q(side__in=["buyer", "seller", "clerk", "inspector"]),
                name="exhibit_side_known",
            ),
        ]
