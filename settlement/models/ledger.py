"""Double entry in fen and kg, on TigerBeetle's model. Written by `settlement.ledger` only.

Limits, totals and immutability are enforced by the database itself (triggers in migration 0002),
on SQLite and PostgreSQL alike.
"""

from django.db import models

from exchange.models import Venue
from exchange.scope import VenueManager


class Account(models.Model):
    """Totals of one account; `balance = credits - debits`. Changed only by inserting transfers."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    ledger = models.PositiveBigIntegerField()  # settlement.ledger.CNY, or goods of an instrument
    code = models.CharField(max_length=12)
    firm_id = models.PositiveBigIntegerField(default=0)  # 0: the venue's own
    limited = models.BooleanField()  # whether the balance may never go below zero
    debits = models.PositiveBigIntegerField(default=0)
    credits = models.PositiveBigIntegerField(default=0)

    objects = VenueManager["Account"]()

    class Meta:
        db_table = "ledger_account"
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "ledger", "code", "firm_id"], name="one_account_per_owner"
            ),
            models.CheckConstraint(
                condition=models.Q(limited=False) | models.Q(credits__gte=models.F("debits")),
                name="limited_account_not_below_zero",
            ),
        ]


class Transfer(models.Model):
    """`amount` from `debit` to `credit`: never changed, never removed; corrections are new ones.

    `id` comes from the caller and is derived from the journal, so that a repeat finds itself.
    """

    id = models.UUIDField(primary_key=True)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    ledger = models.PositiveBigIntegerField()
    debit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    credit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    amount = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=12)  # settlement.ledger.Kind
    trade_id = models.PositiveBigIntegerField(default=0)
    seq = models.PositiveBigIntegerField()  # journal block
    at = models.DateTimeField()

    objects = VenueManager["Transfer"]()

    class Meta:
        db_table = "ledger_transfer"
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="transfer_moves"),
            models.CheckConstraint(
                condition=~models.Q(debit=models.F("credit")), name="transfer_has_two_accounts"
            ),
        ]
        indexes = [
            models.Index(fields=["venue", "trade_id"]),
            models.Index(fields=["debit", "-seq"]),
            models.Index(fields=["credit", "-seq"]),
        ]
