"""Warehouse receipts: title to goods in store, and how each came to be."""

from typing import Final

from django.db import models

from exchange.models import Firm, Instrument, User, Venue, Warehouse
from exchange.scope import VenueManager


class ReceiptState(models.TextChoices):
    """Where a receipt stands. Locks by orders and contracts are lots, not states."""

    APPLIED = "applied"  # written by the warehouse, the engine has not answered yet
    REFUSED = "refused"
    RESERVED = "reserved"  # a number kept for the buyer's part of a trade
    UNUSED = "unused"  # that number was not needed: the receipt passed whole
    REGISTERED = "registered"
    ASIDE = "aside"  # frozen, pledged or expired: its owner's, but not the market's (ReceiptHold)
    CLOSED = "closed"  # nothing is left: split away or collected

    @classmethod
    def alive(cls) -> list[str]:
        """Return the states in which a receipt occupies its pile, in a fixed order."""
        return [cls.APPLIED.value, cls.REGISTERED.value, cls.ASIDE.value]


R = ReceiptState
NEXT: Final[dict[str, frozenset[str]]] = {
    R.APPLIED: frozenset({R.REGISTERED, R.REFUSED}),
    R.REFUSED: frozenset(),
    R.RESERVED: frozenset({R.REGISTERED, R.UNUSED}),
    R.UNUSED: frozenset(),
    R.REGISTERED: frozenset({R.ASIDE, R.CLOSED}),
    R.ASIDE: frozenset({R.REGISTERED}),
    R.CLOSED: frozenset(),
}
assert NEXT.keys() == set(ReceiptState), "every state states its exits"


class Receipt(models.Model):
    """One pile, one receipt. `id` is the number that the engine knows; `root_id` the first pile."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    # Op id, "trade:<id>:<n>" or "aside:<…>": finds itself on repeat.
    origin = models.CharField(max_length=64)
    root_id = models.PositiveBigIntegerField(default=0)
    parent_id = models.PositiveBigIntegerField(default=0)
    owner = models.ForeignKey(Firm, on_delete=models.PROTECT)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT)
    lot_reference = models.CharField(max_length=40)  # pile, bin, coil or batch number in the store
    lots = models.PositiveBigIntegerField()  # what is left, locked parts included
    locked_lots = models.PositiveBigIntegerField(default=0)  # bound by contracts
    weight_kg = models.PositiveBigIntegerField()
    sellable_from_day = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=12, choices=ReceiptState.choices)
    refusal = models.CharField(max_length=40, blank=True)
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()

    objects = VenueManager["Receipt"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "origin"], name="one_receipt_per_origin"),
            models.CheckConstraint(
                condition=models.Q(lots__gte=models.F("locked_lots")),
                name="locks_within_the_receipt",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=ReceiptState.values), name="receipt_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="aside") | models.Q(locked_lots=0),
                name="nothing_set_aside_is_locked",
            ),
            # Parts of a pile (parent_id > 0) lie where the whole lay; a store serves every venue.
            models.UniqueConstraint(
                fields=["warehouse", "lot_reference"],
                condition=models.Q(parent_id=0, state__in=ReceiptState.alive()),
                name="one_pile_one_receipt",
            ),
        ]
        indexes = [
            models.Index(fields=["venue", "owner", "state"]),
            models.Index(fields=["venue", "root_id"]),
        ]


class ReceiptChange(models.Model):
    """One line of a receipt's history; `key` is derived from the journal."""

    key = models.CharField(max_length=40, primary_key=True)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=12)  # registered, split_off, split_from, transferred, ...
    other_id = models.PositiveBigIntegerField(default=0)  # the receipt at the other end
    firm_id = models.PositiveBigIntegerField()  # owner after the change
    lots = models.PositiveBigIntegerField()
    weight_kg = models.PositiveBigIntegerField()
    trade_id = models.PositiveBigIntegerField(default=0)
    at = models.DateTimeField()

    objects = VenueManager["ReceiptChange"]()


class Endorsement(models.Model):
    """A transfer of title to a receipt, and the keeper's signature under it (民法典 art. 910).

    Title has passed when the row is written; the goods leave the store only once it is signed.
    """

    key = models.CharField(max_length=48, primary_key=True)  # derived from the journal
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="endorsements")
    trade_id = models.PositiveBigIntegerField()
    from_firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    to_firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    lots = models.PositiveBigIntegerField()
    weight_kg = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    signed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    signed_at = models.DateTimeField(null=True)

    objects = VenueManager["Endorsement"]()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(signed_by__isnull=True, signed_at__isnull=True)
                | models.Q(signed_by__isnull=False, signed_at__isnull=False),
                name="a_signature_has_its_signer_and_time",
            ),
        ]
        indexes = [models.Index(fields=["venue", "signed_at", "at"])]
