"""What happens on the way from a contract to its settlement: each fact one row, never changed."""

from django.db import models

from exchange.models import User, Venue
from exchange.scope import VenueManager
from settlement.models.deadline import Deadline
from settlement.models.obligation import Obligation


class ContractEvent(models.Model):
    """One line of a contract's history: who did what, when, and what it came to."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.ForeignKey(Obligation, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=24)
    firm_id = models.PositiveBigIntegerField(default=0)  # 0: the venue's own people, or the clock
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    objects = VenueManager["ContractEvent"]()

    class Meta:
        ordering = ["id"]


class DeliveryOrder(models.Model):
    """The buyer's order to hand the goods over; who shows the code may load."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.OneToOneField(
        Obligation, on_delete=models.PROTECT, related_name="delivery_order"
    )
    code = models.CharField(max_length=12)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = VenueManager["DeliveryOrder"]()


class WeighTicket(models.Model):
    """One vehicle over the scale. The scale's figures stay; a decided weight stands beside them.

    Where the contract pays by theoretical weight, what was counted counts and the scale controls.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.ForeignKey(Obligation, on_delete=models.PROTECT, related_name="tickets")
    number = models.PositiveIntegerField()
    plate = models.CharField(max_length=20)
    gross_kg = models.PositiveBigIntegerField()
    tare_kg = models.PositiveBigIntegerField()
    # Bars of one diameter in mm and one length, and what they weigh by the contract's rules.
    diameter = models.CharField(max_length=8, blank=True)
    metres = models.CharField(max_length=8, blank=True)
    pieces = models.PositiveIntegerField(default=0)
    theoretical_kg = models.PositiveBigIntegerField(null=True)
    decided_kg = models.PositiveBigIntegerField(null=True)  # after a dispute about the weight
    refused = models.BooleanField(default=False)
    replaced = models.BooleanField(default=False)  # refused, and delivered once more by agreement
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = VenueManager["WeighTicket"]()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["obligation", "number"], name="one_ticket_per_number"),
            models.CheckConstraint(
                condition=models.Q(gross_kg__gt=models.F("tare_kg")), name="gross_above_tare"
            ),
            models.CheckConstraint(
                condition=models.Q(theoretical_kg__isnull=True, pieces=0, diameter="", metres="")
                | models.Q(theoretical_kg__isnull=False, pieces__gt=0)
                & ~models.Q(diameter="")
                & ~models.Q(metres=""),
                name="pieces_are_counted_or_not",
            ),
            models.CheckConstraint(
                condition=models.Q(replaced=False) | models.Q(refused=True),
                name="replaced_was_refused",
            ),
        ]

    @property
    def net_kg(self) -> int:
        """What counts: the decided weight, else the theoretical one, else the scale's."""
        if self.decided_kg is not None:
            return self.decided_kg
        return self.theoretical_kg if self.theoretical_kg is not None else self.scale_kg

    @property
    def scale_kg(self) -> int:
        """What the scale said: gross less tare."""
        return self.gross_kg - self.tare_kg


class Inspection(models.Model):
    """A certificate: measured values of one ticket's goods, or of all (`ticket` 0)."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.ForeignKey(Obligation, on_delete=models.PROTECT, related_name="inspections")
    ticket = models.PositiveIntegerField(default=0)
    through = models.PositiveIntegerField(default=0)  # of all: up to this ticket; 0: without end
    is_umpire = models.BooleanField(default=False)
    certificate = models.CharField(max_length=40)
    agency = models.CharField(max_length=60)
    measured = models.JSONField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = VenueManager["Inspection"]()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["obligation", "ticket", "is_umpire"], name="one_certificate_per_ticket"
            ),
        ]


class FinalStatement(models.Model):
    """What a contract comes to, with the digest that both parties agree to."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.OneToOneField(
        Obligation, on_delete=models.PROTECT, related_name="statement"
    )
    body = models.JSONField()
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    objects = VenueManager["FinalStatement"]()


class PriceCut(models.Model):
    """A lower value that one party proposes in place of the statement's; the last one counts."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.OneToOneField(
        Obligation, on_delete=models.PROTECT, related_name="price_cut"
    )
    by_firm_id = models.PositiveBigIntegerField()
    value_fen = models.PositiveBigIntegerField()  # with VAT, in place of the statement's
    reason = models.CharField(max_length=400)
    at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)

    objects = VenueManager["PriceCut"]()


class Replacement(models.Model):
    """Days within which the seller is to replace what was refused; the last proposal counts."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.OneToOneField(
        Obligation, on_delete=models.PROTECT, related_name="replacement"
    )
    by_firm_id = models.PositiveBigIntegerField()
    kg = models.PositiveBigIntegerField()  # what had been refused
    days = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=400)
    at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    storage_fen = models.PositiveBigIntegerField(default=0)  # the buyer's by then

    objects = VenueManager["Replacement"]()


class InvoiceState(models.TextChoices):
    """ISSUED until the buyer answers; a rejected one is undone by a red-letter invoice."""

    ISSUED = "issued"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RED = "red"


class Invoice(models.Model):
    """A VAT invoice of the seller to the buyer for a settled contract. Amounts never change."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.ForeignKey(Obligation, on_delete=models.PROTECT, related_name="invoices")
    number = models.CharField(max_length=20)  # of the tax authority's system
    gross_fen = models.PositiveBigIntegerField()
    net_fen = models.PositiveBigIntegerField()
    vat_fen = models.PositiveBigIntegerField()
    vat_pct = models.PositiveSmallIntegerField()
    weight_kg = models.PositiveBigIntegerField()
    state = models.CharField(max_length=10, choices=InvoiceState.choices)
    red_number = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = VenueManager["Invoice"]()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "number"], name="one_invoice_per_number"),
            models.UniqueConstraint(
                fields=["obligation"],
                condition=models.Q(state__in=["issued", "accepted"]),
                name="one_live_invoice_per_contract",
            ),
            models.CheckConstraint(
                condition=models.Q(gross_fen=models.F("net_fen") + models.F("vat_fen")),
                name="invoice_adds_up",
            ),
        ]


class DisputeState(models.TextChoices):
    """RULEBOOK 4.7. Only the disputed money stays frozen while it lasts."""

    ALLEGED = "alleged"
    CONCILIATION = "conciliation"
    PANEL = "panel"
    DECIDED = "decided"  # may be appealed against
    HELD = "held"  # before an arbitrator or a court: the money waits for the ruling
    RULED = "ruled"  # final; the money is being moved
    EXECUTED = "executed"


class Forum(models.TextChoices):
    """Where a dispute goes when the venue's own ladder does not end it."""

    ARBITRATION = "arbitration"
    COURT = "court"


class Dispute(Deadline):
    """A disagreement about money of a statement: how much, why, and how it ended."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    obligation = models.OneToOneField(Obligation, on_delete=models.PROTECT, related_name="dispute")
    by_firm_id = models.PositiveBigIntegerField()
    amount_fen = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=400)
    response = models.CharField(max_length=400, blank=True)
    state = models.CharField(max_length=14, choices=DisputeState.choices)
    # What the seller is to get of the amount; each party's offer in conciliation.
    buyer_offer_fen = models.PositiveBigIntegerField(null=True)
    seller_offer_fen = models.PositiveBigIntegerField(null=True)
    seller_gets_fen = models.PositiveBigIntegerField(null=True)
    decision = models.CharField(max_length=400, blank=True)
    # An arbitrator or a court has it: by whose paper it was taken there, and by which it came back.
    held_for = models.CharField(max_length=12, choices=Forum.choices, blank=True)
    held_document = models.CharField(max_length=120, blank=True)
    held_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    held_at = models.DateTimeField(null=True)
    award_document = models.CharField(max_length=120, blank=True)
    awarded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    objects = VenueManager["Dispute"]()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(seller_gets_fen__isnull=True)
                | models.Q(seller_gets_fen__lte=models.F("amount_fen")),
                name="ruling_within_the_dispute",
            ),
            models.CheckConstraint(
                condition=models.Q(awarded_by__isnull=True)
                | ~models.Q(awarded_by=models.F("held_by")),
                name="award_entered_by_another",
            ),
        ]
