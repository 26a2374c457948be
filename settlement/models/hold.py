"""Why goods of a receipt are set aside: frozen, pledged, expired; or divided at their owner's wish.

The same row is the request, the consent of another person, and the end.
"""

from typing import Final

from django.db import models

from exchange.models import Firm, User, Venue
from exchange.scope import VenueManager
from settlement.models.receipt import Receipt


class HoldKind(models.TextChoices):
    """What sets goods aside."""

    FREEZE = "freeze"  # RULEBOOK 4.3: FROZEN, BLOCKED
    PLEDGE = "pledge"  # RULEBOOK C22
    EXPIRY = "expiry"  # storage period or shelf life is over
    SPLIT = "split"  # for the moment in which a part gets its own number


class HoldReason(models.TextChoices):
    """On whose word a receipt is frozen."""

    COURT = "court"
    DISPUTE = "dispute"
    QUALITY = "quality"
    SUSPECTED = "suspected"  # the receipt may be false


class HoldState(models.TextChoices):
    """Where a hold stands."""

    ENTERED = "entered"  # waits for another person's consent
    DECLINED = "declined"
    ASKED = "asked"  # the engine has been asked to set the goods aside
    HELD = "held"
    REFUSED = "refused"  # the engine refused: fewer goods were free
    LIFTING = "lifting"  # the engine has been asked to take the goods in again
    LIFTED = "lifted"


H = HoldState
NEXT: Final[dict[str, frozenset[str]]] = {
    H.ENTERED: frozenset({H.DECLINED, H.ASKED}),
    H.DECLINED: frozenset(),
    H.ASKED: frozenset({H.HELD, H.REFUSED, H.LIFTING}),
    H.HELD: frozenset({H.LIFTING, H.LIFTED}),  # LIFTED at once while another hold goes on
    H.REFUSED: frozenset(),
    H.LIFTING: frozenset({H.LIFTED, H.REFUSED}),  # REFUSED: the goods had become another firm's
    H.LIFTED: frozenset(),
}
assert NEXT.keys() == set(HoldState), "every state states its exits"
LIVE: Final = (H.ENTERED, H.ASKED, H.HELD, H.LIFTING)
BINDING: Final = (H.ASKED, H.HELD, H.LIFTING)
"""Goods are, or may be, out of the market because of the hold."""


class ReceiptHold(models.Model):
    """One reason why lots of a receipt are out of the market; several may lie on one receipt.

    `receipt` is the receipt that was named, and from HELD on the one that is set aside: where
    only a part was taken it is that part under its own number, of the same root.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    kind = models.CharField(max_length=8, choices=HoldKind.choices)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="holds")
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")  # the goods' owner
    lots = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=10, choices=HoldReason.choices, blank=True)
    document = models.CharField(max_length=120, blank=True)
    pledgee = models.CharField(max_length=80, blank=True)
    secured_fen = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=HoldState.choices)
    refusal = models.CharField(max_length=40, blank=True)
    op_id = models.CharField(max_length=64)
    # An expiry is asked by the clock.
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    # The keeper enters the pledgee's consent; another person lifts.
    consent_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    consent_at = models.DateTimeField(null=True)
    lift_document = models.CharField(max_length=120, blank=True)
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    objects = VenueManager["ReceiptHold"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "op_id"], name="one_hold_per_operation"),
            models.CheckConstraint(condition=models.Q(lots__gt=0), name="hold_holds_something"),
            models.CheckConstraint(
                condition=models.Q(state__in=HoldState.values), name="hold_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(answered_by__isnull=True)
                | ~models.Q(answered_by=models.F("asked_by")),
                name="hold_answered_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(lifted_by__isnull=True)
                | ~models.Q(kind="freeze")
                | ~models.Q(lifted_by=models.F("asked_by")),
                name="receipt_freeze_lifted_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(lifted_by__isnull=True)
                | ~models.Q(kind="pledge")
                | (
                    models.Q(consent_by__isnull=False) & ~models.Q(lifted_by=models.F("consent_by"))
                ),
                name="pledge_released_by_two",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="pledge")
                | (models.Q(secured_fen__gt=0) & ~models.Q(pledgee="") & ~models.Q(document="")),
                name="pledge_names_its_pledgee",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="freeze")
                | (~models.Q(reason="") & ~models.Q(document="")),
                name="freeze_has_reason_and_document",
            ),
        ]
        indexes = [models.Index(fields=["venue", "state", "kind"])]
