"""The duty that a trade opens, and the table of its states."""

from typing import Final

from django.db import models

from exchange.models import Firm, Instrument, Venue
from exchange.scope import VenueManager
from settlement.models.deadline import Deadline


class ObligationState(models.TextChoices):
    """States of a contract (RULEBOOK 4.6). Goods are locked from the first moment on.

    A contract whose receipt passes at once goes MATCHED, SECURED, SETTLED, CLOSED.
    """

    MATCHED = "matched"  # deposit held, the rest of the price is due
    SECURED = "secured"  # paid in full: the buyer may order delivery
    DELIVERING = "delivering"
    DELIVERED = "delivered"  # all weighed, to be accepted
    DISPUTED = "disputed"  # weight or quality: an umpire decides
    STATED = "stated"  # the final statement is drawn up
    TOP_UP = "top_up"  # it comes to more than was paid
    SETTLED = "settled"  # goods and money exchanged; the invoice is due
    CLOSED = "closed"
    BUYER_DEFAULT = "buyer_default"
    SELLER_DEFAULT = "seller_default"
    TERMINATED = "terminated"  # ended by a default, its consequences executed
    CANCELLED = "cancelled"


class Replacing(models.TextChoices):
    """A replacement that was agreed (settlement.contracts.replacing): whose turn it is."""

    DUE = "due"  # the seller's, to bring it
    READY = "ready"  # the buyer's, to collect it


S = ObligationState
NEXT: Final[dict[str, frozenset[str]]] = {
    S.MATCHED: frozenset({S.SECURED, S.BUYER_DEFAULT, S.CANCELLED}),
    S.SECURED: frozenset({S.DELIVERING, S.SETTLED, S.BUYER_DEFAULT, S.CANCELLED}),
    S.DELIVERING: frozenset({S.DELIVERED, S.SELLER_DEFAULT, S.BUYER_DEFAULT}),
    S.DELIVERED: frozenset({S.DISPUTED, S.STATED, S.SELLER_DEFAULT, S.DELIVERING}),
    S.DISPUTED: frozenset({S.DELIVERED}),
    S.STATED: frozenset({S.TOP_UP, S.SETTLED}),
    S.TOP_UP: frozenset({S.SETTLED}),
    S.SETTLED: frozenset({S.CLOSED}),
    S.CLOSED: frozenset(),
    S.BUYER_DEFAULT: frozenset({S.TERMINATED}),
    S.SELLER_DEFAULT: frozenset({S.TERMINATED}),
    S.TERMINATED: frozenset(),
    S.CANCELLED: frozenset(),
}
assert NEXT.keys() == set(ObligationState), "every state states its exits"
OPEN_STATES: Final = tuple(state for state in ObligationState if NEXT[state])


class Obligation(Deadline):
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
    committed_fen = models.PositiveBigIntegerField()  # what the buyer has bound to it now
    receipts = models.JSONField()  # [[receipt_id, lots, kg], …] that the trade consumed
    state = models.CharField(max_length=16, choices=ObligationState.choices)
    opened_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    # From here on: contracts that are delivered and accepted.
    terms = models.JSONField(default=dict)  # settlement.contracts.terms; {} where a receipt passes
    terms_sha256 = models.CharField(max_length=64, blank=True)
    late_fen = models.PositiveBigIntegerField(default=0)  # fee for paying late
    final_fen = models.PositiveBigIntegerField(default=0)  # by the final statement, VAT included
    kept_fen = models.PositiveBigIntegerField(default=0)  # of it not released to the seller yet
    unpaid_fen = models.PositiveBigIntegerField(default=0)  # owed by who defaulted, not covered
    excess_refused = models.BooleanField(default=False)
    # Late collection: storage runs for the buyer from here on, and comes to so much.
    storage_from = models.DateTimeField(null=True)
    storage_fen = models.PositiveBigIntegerField(default=0)
    left_kg = models.PositiveBigIntegerField(default=0)  # what the buyer never came for
    replacing = models.CharField(max_length=6, choices=Replacing.choices, blank=True)
    # A seller's penalty that its proceeds did not cover, and when it is asked for next.
    penalty_fen = models.PositiveBigIntegerField(default=0)
    penalty_at = models.DateTimeField(null=True)
    buyer_agreed_at = models.DateTimeField(null=True)
    seller_agreed_at = models.DateTimeField(null=True)
    remedy = models.CharField(max_length=8, blank=True)  # penalty or earnest: never both

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
            models.Index(fields=["venue", "due_at"]),
            models.Index(fields=["venue", "remind_at"]),
            models.Index(fields=["venue", "acts_at"]),
            models.Index(fields=["venue", "penalty_at"]),
        ]
