"""Batches of bank legs: each firm's one leg, line by line, and what dropped out."""

from django.db import models

from exchange.models import User, Venue
from exchange.scope import VenueManager


class NettingBatch(models.Model):
    """What would have to move at the bank for the transfers `after` < number <= `until`."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()  # of the venue, from 1
    after = models.PositiveBigIntegerField()
    until = models.PositiveBigIntegerField()
    gross_fen = models.PositiveBigIntegerField()
    moved_fen = models.PositiveBigIntegerField()
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()

    objects = VenueManager["NettingBatch"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "number"], name="one_batch_per_number"),
        ]


class NettingLine(models.Model):
    """One due as one of its firms sees it; firm 0 is the operator. Above zero is paid in."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    batch = models.ForeignKey(NettingBatch, on_delete=models.PROTECT, related_name="lines")
    firm_id = models.PositiveBigIntegerField()
    trade_id = models.PositiveBigIntegerField()
    counterparty_id = models.PositiveBigIntegerField()
    amount_fen = models.BigIntegerField()
    what = models.CharField(max_length=12)

    objects = VenueManager["NettingLine"]()

    class Meta:
        indexes = [models.Index(fields=["batch", "firm_id"])]


class NettingDrop(models.Model):
    """A due that did not get into its batch, and the firms that could not pay: the next has it."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    batch = models.ForeignKey(NettingBatch, on_delete=models.PROTECT, related_name="drops")
    trade_id = models.PositiveBigIntegerField()
    payer_id = models.PositiveBigIntegerField()
    payee_id = models.PositiveBigIntegerField()
    amount_fen = models.PositiveBigIntegerField()
    what = models.CharField(max_length=12)
    failed = models.JSONField()  # firm ids
    round_no = models.PositiveIntegerField()

    objects = VenueManager["NettingDrop"]()
