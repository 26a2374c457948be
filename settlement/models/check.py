"""What the last look at a venue's books found."""

from django.db import models

from exchange.models import Venue
from exchange.scope import VenueManager


class BooksCheck(models.Model):
    """One row a venue: the block at which ledger and engine were compared, and what differed."""

    venue = models.OneToOneField(Venue, on_delete=models.PROTECT, primary_key=True)
    seq = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    faults = models.JSONField(default=list)  # sentences; empty when all is right
    # How far the ledger's hash chain has been followed, so that the next look goes on from there.
    sealed_number = models.PositiveBigIntegerField(default=0)
    sealed_hash = models.BinaryField(max_length=32)

    objects = VenueManager["BooksCheck"]()
