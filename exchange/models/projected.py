"""Rows that followers derive from the journal. Rebuildable; keys come from the journal."""

from django.db import models

from exchange.models.people import Venue
from exchange.scope import VenueManager


class Bookmark(models.Model):
    """How far a follower has read a venue's journal: written in the transaction of its rows."""

    venue = models.ForeignKey(Venue, on_delete=models.CASCADE)
    follower = models.CharField(max_length=20)
    seq = models.PositiveBigIntegerField(default=0)  # last block applied
    hash = models.BinaryField(max_length=32, default=bytes)  # of that block

    objects = VenueManager["Bookmark"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "follower"], name="one_bookmark_per_follower"),
        ]


class OrderState(models.TextChoices):
    """What became of an order."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WAITING = "waiting"  # a stop that its price has not reached
    SUSPENDED = "suspended"  # kept out of the book by a resale lock


LIVE_STATES = (OrderState.OPEN, OrderState.WAITING, OrderState.SUSPENDED)
"""States in which an order holds cover."""


class OrderRow(models.Model):
    """An order as the engine tells it. `id` is derived: see `exchange.keys`."""

    id = models.PositiveBigIntegerField(primary_key=True)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    order_id = models.PositiveBigIntegerField()
    firm_id = models.PositiveBigIntegerField()
    trader_id = models.PositiveBigIntegerField()
    client_order_id = models.CharField(max_length=36)
    instrument_id = models.PositiveBigIntegerField()
    side = models.PositiveSmallIntegerField()  # matching.commands.Side
    tif = models.PositiveSmallIntegerField()  # matching.commands.TimeInForce
    lifted_order_id = models.PositiveBigIntegerField(default=0)
    price_ticks = models.PositiveBigIntegerField()
    quantity_lots = models.PositiveBigIntegerField()
    executed_lots = models.PositiveBigIntegerField(default=0)
    open_lots = models.PositiveBigIntegerField()
    held_fen = models.PositiveBigIntegerField(default=0)
    receipts = models.JSONField(default=list)  # [[receipt_id, lots held], …]
    kind = models.PositiveSmallIntegerField(default=1)  # matching.commands.OrderKind
    expires_us = models.PositiveBigIntegerField(default=0)
    display_lots = models.PositiveBigIntegerField(default=0)
    least_lots = models.PositiveBigIntegerField(default=0)
    stop_ticks = models.PositiveBigIntegerField(default=0)  # 0 once it is triggered
    directed_to = models.JSONField(default=list)  # firm ids; empty: everybody
    state = models.CharField(max_length=10, choices=OrderState.choices)
    # matching.events.CancelReason of what was cancelled or expired; 0 otherwise, and of old rows
    cancel_reason = models.PositiveSmallIntegerField(default=0)
    entered_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    changed_seq = models.PositiveBigIntegerField()

    objects = VenueManager["OrderRow"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "order_id"], name="one_row_per_order"),
        ]
        indexes = [models.Index(fields=["venue", "firm_id", "state", "-order_id"])]


class TradeRow(models.Model):
    """A trade as the engine tells it."""

    id = models.PositiveBigIntegerField(primary_key=True)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    trade_id = models.PositiveBigIntegerField()
    seq = models.PositiveBigIntegerField()
    instrument_id = models.PositiveBigIntegerField()
    price_ticks = models.PositiveBigIntegerField()
    quantity_lots = models.PositiveBigIntegerField()
    weight_kg = models.PositiveBigIntegerField()
    value_fen = models.PositiveBigIntegerField()
    maker_order_id = models.PositiveBigIntegerField()
    taker_order_id = models.PositiveBigIntegerField()
    taker_side = models.PositiveSmallIntegerField()
    buyer_firm_id = models.PositiveBigIntegerField()
    seller_firm_id = models.PositiveBigIntegerField()
    buyer_fee_fen = models.PositiveBigIntegerField()
    seller_fee_fen = models.PositiveBigIntegerField()
    day = models.PositiveIntegerField(default=0)  # trading day
    traded_at = models.DateTimeField()
    busted_at = models.DateTimeField(null=True)  # when it was undone

    objects = VenueManager["TradeRow"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "trade_id"], name="one_row_per_trade"),
        ]
        indexes = [
            models.Index(fields=["venue", "buyer_firm_id", "-trade_id"]),
            models.Index(fields=["venue", "seller_firm_id", "-trade_id"]),
        ]


class TradingBan(models.Model):
    """That a firm, or one trader of it, may enter nothing: the kill switch as the engine tells it.

    One that has been lifted stays as a record.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    firm_id = models.PositiveBigIntegerField()
    trader_id = models.PositiveBigIntegerField()  # 0: everybody of the firm
    reason = models.CharField(max_length=200)
    cancelled = models.PositiveIntegerField()  # orders that ended with it
    actor_id = models.PositiveBigIntegerField()
    banned_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by_id = models.PositiveBigIntegerField(null=True)
    lift_reason = models.CharField(max_length=200, blank=True)

    objects = VenueManager["TradingBan"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "firm_id", "trader_id"],
                condition=models.Q(lifted_at__isnull=True),
                name="one_ban_at_a_time",
            ),
        ]


class FirmFunds(models.Model):
    """What the engine says a firm may commit, at `seq`."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    firm_id = models.PositiveBigIntegerField()
    available_fen = models.BigIntegerField(default=0)
    held_fen = models.BigIntegerField(default=0)
    committed_fen = models.BigIntegerField(default=0)
    seq = models.PositiveBigIntegerField(default=0)

    objects = VenueManager["FirmFunds"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "firm_id"], name="one_funds_row_per_firm"),
        ]


class DayStatistics(models.Model):
    """Open, high, low, last, volume and turnover of an instrument on one trading day."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    instrument_id = models.PositiveBigIntegerField()
    day = models.PositiveIntegerField()  # 20261123
    open_ticks = models.PositiveBigIntegerField()
    high_ticks = models.PositiveBigIntegerField()
    low_ticks = models.PositiveBigIntegerField()
    last_ticks = models.PositiveBigIntegerField()
    volume_lots = models.PositiveBigIntegerField()
    weight_kg = models.PositiveBigIntegerField()
    turnover_fen = models.PositiveBigIntegerField()
    trades = models.PositiveIntegerField()

    objects = VenueManager["DayStatistics"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "instrument_id", "day"], name="one_statistic_per_day"
            ),
        ]


class Candle(models.Model):
    """One minute of trading in one instrument; minutes without trades have no row."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    instrument_id = models.PositiveBigIntegerField()
    minute = models.PositiveBigIntegerField()  # minutes since 1970-01-01 UTC
    open_ticks = models.PositiveBigIntegerField()
    high_ticks = models.PositiveBigIntegerField()
    low_ticks = models.PositiveBigIntegerField()
    close_ticks = models.PositiveBigIntegerField()
    volume_lots = models.PositiveBigIntegerField()

    objects = VenueManager["Candle"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "instrument_id", "minute"], name="one_candle_per_minute"
            ),
        ]


class FeedState(models.Model):
    """The feed builder's state at a block, so that a restart need not read the whole journal."""

    venue = models.OneToOneField(Venue, on_delete=models.CASCADE, primary_key=True)
    seq = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)
    state = models.BinaryField()


class VenueStatus(models.Model):
    """The venue as its journal left it: trading day and halt."""

    venue = models.OneToOneField(Venue, on_delete=models.CASCADE, primary_key=True)
    day = models.PositiveIntegerField(default=0)  # 20261123; 0 before the first
    halted = models.BooleanField(default=False)
