"""The text of a contract as both parties are bound to it, and what bound each. Never changed."""

from django.db import models

from exchange.models import Firm, Venue
from exchange.scope import VenueManager
from settlement.models.obligation import Obligation


class ContractPaper(models.Model):
    """A contract's canonical JSON, sealed at the trade, and the journal block of that trade.

    The database refuses changes and removals (migration 0016). `seq` is 0 for contracts from
    before texts were kept: theirs was written down later, against the digest of the trade.
    """

    obligation = models.OneToOneField(
        Obligation, on_delete=models.PROTECT, primary_key=True, related_name="paper"
    )
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    text = models.TextField()
    sha256 = models.CharField(max_length=64)  # of the text in UTF-8
    seq = models.PositiveBigIntegerField(default=0)
    block_hash = models.CharField(max_length=64, blank=True)
    engine_version = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField()

    objects = VenueManager["ContractPaper"]()


class ContractSignature(models.Model):
    """One party's signature: the order that its trader gave, by which it is bound.

    `signer` is the person's name as it was at the trade, empty for a trader without a user.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    paper = models.ForeignKey(ContractPaper, on_delete=models.PROTECT, related_name="signatures")
    side = models.CharField(max_length=6)  # buyer, seller
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    trader_id = models.PositiveBigIntegerField()
    signer = models.CharField(max_length=150, blank=True)
    order_id = models.PositiveBigIntegerField()
    client_order_id = models.CharField(max_length=36)
    ordered_at = models.DateTimeField()  # of the journal block that accepted the order

    objects = VenueManager["ContractSignature"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["paper", "side"], name="one_signature_per_side"),
            models.CheckConstraint(
                condition=models.Q(side__in=["buyer", "seller"]), name="signature_side_known"
            ),
        ]
