"""The duty that a trade opens, and the table of its states."""

from typing import Final

from django.db import models

from exchange.models import Firm, Instrument, Venue
from exchange.scope import VenueManager


class ObligationState(models.TextChoices):
    """States of `SETTLEMENT.md` 4.2. Today every trade is fully covered and settles at once."""

    MATCHED = "matched"
    FUNDED = "funded"
    LODGED = "lodged"
    SECURED = "secured"
    PART = "part"
    SETTLED = "settled"
    BUYER_DEFAULT = "buyer_default"
    SELLER_DEFAULT = "seller_default"
    CANCELLED = "cancelled"


S = ObligationState
NEXT: Final[dict[str, frozenset[str]]] = {
    S.MATCHED: frozenset({S.FUNDED, S.LODGED, S.BUYER_DEFAULT, S.SELLER_DEFAULT, S.CANCELLED}),
    S.FUNDED: frozenset({S.SECURED, S.SELLER_DEFAULT, S.CANCELLED}),
    S.LODGED: frozenset({S.SECURED, S.BUYER_DEFAULT, S.CANCELLED}),
    S.SECURED: frozenset({S.PART, S.SETTLED, S.CANCELLED}),
    S.PART: frozenset({S.PART, S.SETTLED, S.SELLER_DEFAULT}),
    S.SETTLED: frozenset(),
    S.BUYER_DEFAULT: frozenset(),
    S.SELLER_DEFAULT: frozenset(),
    S.CANCELLED: frozenset(),
}
assert NEXT.keys() == set(ObligationState), "every state states its exits"


class Obligation(models.Model):
    """One trade's contract: goods against money. Its key is derived from venue and trade."""

    id = models.PositiveBigIntegerField(primary_key=True)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    trade_id = models.PositiveBigIntegerField()
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    buyer = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    seller = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    price_ticks = models.PositiveBigIntegerField()
    quantity_lots = models.PositiveBigIntegerField()
    weight_kg = models.PositiveBigIntegerField()
    value_fen = models.PositiveBigIntegerField()  # tax-inclusive
    net_fen = models.PositiveBigIntegerField()
    vat_fen = models.PositiveBigIntegerField()
    vat_pct = models.PositiveSmallIntegerField()
    buyer_fee_fen = models.PositiveBigIntegerField()
    seller_fee_fen = models.PositiveBigIntegerField()
    committed_fen = models.PositiveBigIntegerField()
    receipts = models.JSONField()  # [[receipt_id, lots, kg], …] that the trade consumed
    state = models.CharField(max_length=16, choices=ObligationState.choices)
    opened_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    objects = VenueManager["Obligation"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "trade_id"], name="one_obligation_per_trade"),
            models.CheckConstraint(
                condition=models.Q(value_fen=models.F("net_fen") + models.F("vat_fen")),
                name="vat_is_inside_the_value",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=ObligationState.values), name="obligation_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["venue", "buyer", "-trade_id"]),
            models.Index(fields=["venue", "seller", "-trade_id"]),
        ]
