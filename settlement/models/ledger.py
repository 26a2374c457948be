"""Double entry in fen and kg, on TigerBeetle's model. Written by `settlement.ledger` only.

Limits, totals, once-only resolution and immutability are enforced by the database itself
(constraints here, triggers in migration 0003), on SQLite and PostgreSQL alike.
"""

from typing import Final

from django.db import models

from exchange.models import Venue
from exchange.scope import VenueManager

UNLIMITED_CODES: Final = ("bank", "warehouse")
"""Accounts that mirror the outside; every other account is limited."""
TRANSFER_MOST: Final = 10**15
"""Largest single transfer, in fen or kg."""
TOTAL_MOST: Final = 9 * 10**18
"""Largest total of an account: what a bigint holds, and where SQLite would turn to fractions."""


class Step(models.TextChoices):
    """What a transfer does: move at once, hold, or resolve a hold by moving or by giving back."""

    POSTED = "posted"
    PENDING = "pending"
    POST = "post"
    VOID = "void"


class Account(models.Model):
    """Totals of one account; `balance = credits - debits`. Changed only by inserting transfers."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    ledger = models.PositiveBigIntegerField()  # settlement.ledger.CNY, or goods of an instrument
    code = models.CharField(max_length=12)
    firm_id = models.PositiveBigIntegerField(default=0)  # 0: the venue's own
    limited = models.BooleanField()  # whether debits, held ones included, may exceed credits
    debits = models.PositiveBigIntegerField(default=0)
    credits = models.PositiveBigIntegerField(default=0)
    debits_pending = models.PositiveBigIntegerField(default=0)
    credits_pending = models.PositiveBigIntegerField(default=0)

    objects = VenueManager["Account"]()

    class Meta:
        db_table = "ledger_account"
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "ledger", "code", "firm_id"], name="one_account_per_owner"
            ),
            models.CheckConstraint(
                condition=models.Q(limited=False)
                | models.Q(credits__gte=models.F("debits") + models.F("debits_pending")),
                name="limited_account_not_below_zero",
            ),
            models.CheckConstraint(
                condition=models.Q(limited=False, code__in=UNLIMITED_CODES)
                | (models.Q(limited=True) & ~models.Q(code__in=UNLIMITED_CODES)),
                name="account_limited_by_its_code",
            ),
            models.CheckConstraint(
                condition=models.Q(debits__lte=TOTAL_MOST, credits__lte=TOTAL_MOST),
                name="account_totals_fit",
            ),
        ]


class Transfer(models.Model):
    """`amount` from `debit` to `credit`: never changed, never removed; corrections are new ones.

    `id` comes from the caller and is derived from the journal, so that a repeat finds itself.
    `number` counts a venue's transfers from 1 without gaps; `hash` covers the row and the hash
    of the one before (`settlement.ledger.seal`).
    """

    id = models.UUIDField(primary_key=True)
    # Composite indexes begin with each of these three: one of their own would be paid for twice.
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, db_index=False)
    number = models.PositiveBigIntegerField()
    step = models.CharField(max_length=8, choices=Step.choices, default=Step.POSTED)
    ledger = models.PositiveBigIntegerField()
    debit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    credit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=12)  # settlement.ledger.Kind
    # The hold that a post or void resolves; unique, so it is resolved at most once.
    pending = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="+")
    expires_at = models.DateTimeField(null=True)  # of a hold; no post from then on
    trade_id = models.PositiveBigIntegerField(default=0)
    seq = models.PositiveBigIntegerField()  # journal block
    at = models.DateTimeField()
    hash = models.BinaryField(max_length=32)

    objects = VenueManager["Transfer"]()

    class Meta:
        db_table = "ledger_transfer"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, amount__lte=TRANSFER_MOST), name="transfer_moves"
            ),
            models.CheckConstraint(
                condition=~models.Q(debit=models.F("credit")), name="transfer_has_two_accounts"
            ),
            models.UniqueConstraint(fields=["venue", "number"], name="one_transfer_per_number"),
            models.CheckConstraint(
                condition=models.Q(step__in=[Step.POSTED, Step.PENDING], pending__isnull=True)
                | models.Q(step__in=[Step.POST, Step.VOID], pending__isnull=False),
                name="transfer_resolves_a_hold_or_not",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__isnull=True)
                | models.Q(step=Step.PENDING, expires_at__gt=models.F("at")),
                name="transfer_expires_if_it_holds",
            ),
        ]
        indexes = [
            models.Index(fields=["venue", "trade_id"]),
            models.Index(fields=["debit", "-number"]),
            models.Index(fields=["credit", "-number"]),
            models.Index(
                fields=["venue", "expires_at"],
                condition=models.Q(expires_at__isnull=False),
                name="ledger_holds_with_deadline",
            ),
        ]


class Refusal(models.Model):
    """A chain that was refused: its id stays bound and never succeeds later by surprise."""

    id = models.UUIDField(primary_key=True)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    reason = models.TextField()
    at = models.DateTimeField()

    objects = VenueManager["Refusal"]()

    class Meta:
        db_table = "ledger_refusal"


class Closing(models.Model):
    """The end of a day: the last transfer that belongs to it, and the chain's hash there."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    day = models.DateField()
    number = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)

    objects = VenueManager["Closing"]()

    class Meta:
        db_table = "ledger_closing"
        constraints = [
            models.UniqueConstraint(fields=["venue", "day"], name="one_closing_per_day"),
        ]


class DayBalance(models.Model):
    """An account's totals at the end of a day."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    closing = models.ForeignKey(Closing, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    debits = models.PositiveBigIntegerField()
    credits = models.PositiveBigIntegerField()
    debits_pending = models.PositiveBigIntegerField()
    credits_pending = models.PositiveBigIntegerField()

    objects = VenueManager["DayBalance"]()

    class Meta:
        db_table = "ledger_day_balance"
        constraints = [
            models.UniqueConstraint(fields=["closing", "account"], name="one_balance_per_day"),
        ]
