"""Batches of bank legs: each firm's one leg, line by line, what dropped out, what the bank did."""

from typing import Final

from django.db import models

from exchange.models import User, Venue
from exchange.scope import VenueManager
from settlement.models.rail import PaymentOperation


class BatchState(models.TextChoices):
    """Where the legs of a batch stand. Nothing is paid out before all that is paid in is final."""

    CLOSED = "closed"  # counted, and not yet sent
    PAYING_IN = "paying_in"
    PAYING_OUT = "paying_out"
    DONE = "done"
    NOT_CARRIED = "not_carried"  # the rail keeps no sub-accounts: counted, never sent


_S = BatchState
BATCH_NEXT: Final[dict[str, frozenset[str]]] = {
    _S.CLOSED: frozenset({_S.PAYING_IN, _S.NOT_CARRIED}),
    _S.PAYING_IN: frozenset({_S.PAYING_OUT}),
    _S.PAYING_OUT: frozenset({_S.DONE}),
    _S.DONE: frozenset(),
    _S.NOT_CARRIED: frozenset(),
}
assert BATCH_NEXT.keys() == set(BatchState), "every state states its exits"
OPEN_BATCH: Final = (_S.CLOSED, _S.PAYING_IN, _S.PAYING_OUT)


class NettingBatch(models.Model):
    """What has to move at the bank for the transfers `after` < number <= `until`.

    `revision` counts from 1: each time something drops out, or a leg is asked for anew, it is one
    more. `code` says why the batch waits; `funding` is the most that some firms can pay in.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()  # of the venue, from 1
    after = models.PositiveBigIntegerField()
    until = models.PositiveBigIntegerField()
    gross_fen = models.PositiveBigIntegerField()
    moved_fen = models.PositiveBigIntegerField()
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()
    day = models.DateField(null=True)  # whose cut-off made it
    state = models.CharField(max_length=12, choices=BatchState.choices)
    rail = models.CharField(max_length=12, blank=True)
    code = models.CharField(max_length=40, blank=True)
    revision = models.PositiveIntegerField(default=1)
    funding = models.JSONField(default=dict)  # fen by firm id
    ended_at = models.DateTimeField(null=True)

    objects = VenueManager["NettingBatch"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "number"], name="one_batch_per_number"),
            models.UniqueConstraint(
                fields=["venue"],
                condition=models.Q(state__in=["closed", "paying_in", "paying_out"]),
                name="one_open_batch",
            ),
            models.UniqueConstraint(
                fields=["venue", "day"],
                condition=models.Q(day__isnull=False),
                name="one_batch_per_cut_off",
            ),
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
    dropped_in = models.PositiveIntegerField(null=True)  # the revision that does without it

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
    round_no = models.PositiveIntegerField()  # 0: a firm without an account at the bank
    revision = models.PositiveIntegerField(default=1)

    objects = VenueManager["NettingDrop"]()


class LegDirection(models.TextChoices):
    """Into the venue's clearing account or out of it."""

    IN = "in"
    OUT = "out"


class NettingLeg(models.Model):
    """One thing that the bank was asked for a firm of a batch; its operation says how it ended.

    A firm's first leg is its whole net; later revisions ask for the difference alone.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    batch = models.ForeignKey(NettingBatch, on_delete=models.PROTECT, related_name="legs")
    firm_id = models.PositiveBigIntegerField()  # 0 is the operator
    direction = models.CharField(max_length=4, choices=LegDirection.choices)
    revision = models.PositiveIntegerField()
    operation = models.OneToOneField(PaymentOperation, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = VenueManager["NettingLeg"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "firm_id", "direction", "revision"], name="one_leg_per_revision"
            ),
        ]


class NettingSettings(models.Model):
    """When a venue's day is cut off (Shanghai time; None for never), and the last one that was."""

    venue = models.OneToOneField(Venue, on_delete=models.PROTECT, primary_key=True)
    cut_off = models.TimeField(null=True)
    last_day = models.DateField(null=True)
    changed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    changed_at = models.DateTimeField()

    objects = VenueManager["NettingSettings"]()
