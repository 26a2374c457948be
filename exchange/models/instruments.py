"""What can be traded: commodities, warehouses, instruments and the approvals behind modes."""

from django.db import models

from exchange.models.people import User, Venue
from exchange.scope import VenueManager


class Warehouse(models.Model):
    """A delivery warehouse."""

    code = models.SlugField(max_length=12, unique=True)
    name_zh = models.CharField(max_length=60)
    name_en = models.CharField(max_length=80)
    city_zh = models.CharField(max_length=20)
    port_zh = models.CharField(max_length=20, blank=True)
    categories = models.JSONField(default=list)
    capacity_kg = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["code"]


class Commodity(models.Model):
    """A commodity with the operator's parameters, loaded from `exchange/fixtures/commodities.yaml`.

    `parameters` is the fixture's entry as JSON: attributes, adjustments, inspection, delivery.
    Numbers that were quoted in the fixture stay strings, so that nothing becomes a float.
    """

    code = models.SlugField(max_length=16, unique=True)
    name_zh = models.CharField(max_length=40)
    name_en = models.CharField(max_length=80)
    category = models.CharField(max_length=12)
    vat_pct = models.PositiveSmallIntegerField()
    parameters = models.JSONField()

    class Meta:
        ordering = ["code"]


class TradingMode(models.TextChoices):
    """How an instrument trades; the only names in code, data, API and screens (ARCHITECTURE 3)."""

    LISTED = "listed"
    MATCHED = "matched"


class Approval(models.Model):
    """The record without which `matched` is refused: who approved what, for how long.

    Made by one person and activated by another; until then `activated_by` is empty and the
    record opens nothing.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    number = models.CharField(max_length=60)
    authority = models.CharField(max_length=80)
    opinion = models.CharField(max_length=200)  # the legal opinion's reference
    scope = models.JSONField(default=list)  # commodity codes
    valid_from = models.DateField()
    valid_to = models.DateField()
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    activated_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    is_demo = models.BooleanField(default=False)  # shown as 演示 wherever the record is shown

    objects = VenueManager["Approval"]()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(activated_by__isnull=True)
                | ~models.Q(activated_by=models.F("made_by")),
                name="approval_needs_two_people",
            ),
            models.UniqueConstraint(fields=["venue", "number"], name="one_approval_per_number"),
        ]


class InstrumentStatus(models.TextChoices):
    """Where an instrument stands. Changed by the projection when the engine has said so."""

    PROPOSED = "proposed"  # the row is written, the engine has not answered yet
    REFUSED = "refused"
    LISTED = "listed"
    SUSPENDED = "suspended"


class Delivery(models.TextChoices):
    """How a trade is discharged: the receipt passes at once, or goods are weighed and inspected."""

    RECEIPT = "receipt"
    ACCEPTANCE = "acceptance"


class ResaleRule(models.TextChoices):
    """What may not be sold again before the fifth trading day (RULEBOOK C2)."""

    PRODUCT = "product"  # the commodity, for the firm's whole group, both ways
    RECEIPT = "receipt"  # the bought receipt alone; needs counsel's opinion


class Instrument(models.Model):
    """One commodity, grade, delivery basis and place, admitted to one venue; has one book.

    Prices are CNY per tonne, tax-inclusive, in ticks of `tick_fen_per_t`. `unit` says what a
    screen counts in: t (`lots x lot_kg / 1000`), or coil, batch, carton (one per lot).
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    code = models.SlugField(max_length=20)
    commodity = models.ForeignKey(Commodity, on_delete=models.PROTECT)
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT)
    name_zh = models.CharField(max_length=60)
    name_en = models.CharField(max_length=80)
    grade_zh = models.CharField(max_length=60)
    grade_en = models.CharField(max_length=80)
    basis = models.CharField(max_length=16)  # key of `pricing_bases` in the fixture
    unit = models.CharField(max_length=8)  # t, coil, batch, carton
    mode = models.CharField(max_length=12, choices=TradingMode.choices, default=TradingMode.LISTED)
    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, null=True, blank=True)
    status = models.CharField(
        max_length=12, choices=InstrumentStatus.choices, default=InstrumentStatus.PROPOSED
    )
    refusal = models.CharField(max_length=40, blank=True)  # reason code when REFUSED
    tick_fen_per_t = models.PositiveBigIntegerField()
    lot_kg = models.PositiveBigIntegerField()
    piece_min_kg = models.PositiveBigIntegerField(default=0)
    piece_max_kg = models.PositiveBigIntegerField(default=0)
    min_lots = models.PositiveBigIntegerField()
    step_lots = models.PositiveBigIntegerField()
    max_lots = models.PositiveBigIntegerField()
    max_value_fen = models.PositiveBigIntegerField()
    reference_ticks = models.PositiveBigIntegerField()  # at listing; later ones are in the engine
    band_bp = models.PositiveIntegerField()
    # Share of the value that a buyer commits at entry; below 10,000 the rest is due later.
    cover_bp = models.PositiveIntegerField(default=10_000)
    delivery = models.CharField(max_length=12, choices=Delivery.choices, default=Delivery.RECEIPT)
    plus_tolerance_bp = models.PositiveIntegerField(default=0)
    buyer_fee_bp = models.PositiveIntegerField()
    seller_fee_bp = models.PositiveIntegerField()
    # A trade further from the last one calls an auction instead; 0: never.
    dynamic_bp = models.PositiveIntegerField(default=0)
    call_seconds = models.PositiveIntegerField(default=0)
    max_day_lots = models.PositiveBigIntegerField(default=0)  # a firm and day; 0: unbounded
    resale_rule = models.CharField(
        max_length=8, choices=ResaleRule.choices, default=ResaleRule.RECEIPT
    )
    vat_pct = models.PositiveSmallIntegerField()
    listed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = VenueManager["Instrument"]()

    class Meta:
        ordering = ["venue_id", "code"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "code"], name="one_instrument_per_code"),
            models.CheckConstraint(
                condition=~models.Q(mode="matched") | models.Q(approval__isnull=False),
                name="matched_needs_an_approval",
            ),
        ]
