"""The bank-file rail's own memory: what was asked, in which file, and what the bank has said."""

from django.db import models

from exchange.models import User, Venue
from exchange.scope import VenueManager


class BankSettings(models.Model):
    """How a venue's bank wants its files, and the account that payments leave from."""

    venue = models.OneToOneField(Venue, on_delete=models.PROTECT, primary_key=True)
    payer_account = models.CharField(max_length=64)
    clearing_account = models.CharField(max_length=64, blank=True)  # where legs meet
    fees_account = models.CharField(max_length=64, blank=True)  # the operator's own
    layout = models.JSONField()
    changed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    changed_at = models.DateTimeField()

    objects = VenueManager["BankSettings"]()


class BankFileKind(models.TextChoices):
    """Ours to the bank, or the bank's to us."""

    INSTRUCTIONS = "instructions"
    REPLIES = "replies"
    STATEMENT = "statement"


class BankFile(models.Model):
    """A whole file as it was written or read. Each kind counts its own sequence from 1."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    kind = models.CharField(max_length=12, choices=BankFileKind.choices)
    sequence = models.PositiveBigIntegerField()
    body = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    closing_fen = models.BigIntegerField(default=0)  # of a statement
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = VenueManager["BankFile"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "kind", "sequence"], name="one_bank_file_per_sequence"
            ),
        ]


class BankInstruction(models.Model):
    """What the bank is asked for. Once its state is done or refused it stays so."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    op_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=12)
    account = models.CharField(max_length=64)
    holder = models.CharField(max_length=120, blank=True)
    bank_code = models.CharField(max_length=32, blank=True)
    parent = models.CharField(max_length=100, blank=True)
    amount_fen = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()
    file = models.ForeignKey(BankFile, on_delete=models.PROTECT, null=True, related_name="asked")
    state = models.CharField(max_length=10, default="pending")
    bank_ref = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    objects = VenueManager["BankInstruction"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "op_id"], name="one_instruction_per_operation")
        ]
        indexes = [
            models.Index(
                fields=["venue", "id"],
                condition=models.Q(file__isnull=True),
                name="instructions_to_file",
            )
        ]


class BankLine(models.Model):
    """A line of the bank's statement: the truth about what moved."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    bank_ref = models.CharField(max_length=100)
    op_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    amount_fen = models.BigIntegerField()
    counter_account = models.CharField(max_length=200, blank=True)
    counter_name = models.CharField(max_length=200, blank=True)
    own_account = models.CharField(max_length=200)
    memo = models.CharField(max_length=200, blank=True)
    file = models.ForeignKey(BankFile, on_delete=models.PROTECT, related_name="lines")

    objects = VenueManager["BankLine"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "bank_ref"], name="one_bank_line_per_reference"
            )
        ]
