"""Where a firm's money comes from and goes to, and what came in unasked."""

from typing import Final

from django.db import models

from exchange.models import Firm, User, Venue
from exchange.scope import VenueManager


class AccountState(models.TextChoices):
    """Where the binding of a firm's account stands."""

    PROPOSED = "proposed"  # the venue's clerk has to look at it
    OPENING = "opening"  # the rail is asked
    BOUND = "bound"
    REFUSED = "refused"
    CLOSED = "closed"


class BoundAccount(models.Model):
    """A firm's own account on a rail: money leaves to it alone, and comes from its holder alone.

    `payout` is where money goes (bank account number, Stripe account); `funding` is where the
    firm sends money to (virtual account, Stripe customer) and is given by the rail.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT)
    rail = models.CharField(max_length=12)
    holder = models.CharField(max_length=120)
    payout = models.CharField(max_length=64)
    bank_code = models.CharField(max_length=32, blank=True)
    funding = models.CharField(max_length=64, blank=True)
    instructions = models.JSONField(default=dict)  # how to send money, as the rail says it
    state = models.CharField(max_length=10, choices=AccountState.choices)
    refusal = models.CharField(max_length=64, blank=True)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    proposed_at = models.DateTimeField()
    agreed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    polled_at = models.DateTimeField(null=True)  # what came in was last looked at
    poll_at = models.DateTimeField(null=True)  # and has to be again

    objects = VenueManager["BoundAccount"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "firm", "rail"],
                condition=models.Q(state__in=["proposed", "opening", "bound"]),
                name="one_live_account_per_firm_and_rail",
            ),
            models.UniqueConstraint(
                fields=["venue", "rail", "funding"],
                condition=~models.Q(funding=""),
                name="one_firm_per_funding_account",
            ),
            models.CheckConstraint(
                condition=models.Q(agreed_by__isnull=True)
                | models.Q(proposed_by__isnull=True)
                | ~models.Q(agreed_by=models.F("proposed_by")),
                name="account_agreed_by_another",
            ),
        ]


class IncomingState(models.TextChoices):
    """What became of money that came in by itself."""

    MATCHED = "matched"
    UNKNOWN = "unknown"  # nobody's yet
    CLAIMED = "claimed"  # a firm's, says one person: a second has to agree
    PROPOSED = "proposed"  # to be sent back: a second person has to agree
    REPORTED = "reported"  # the bank has sent it back, says one person: a second has to agree
    RETURNING = "returning"  # the rail is asked
    RETURNED = "returned"


_I = IncomingState
INCOMING_NEXT: Final[dict[str, frozenset[str]]] = {
    _I.MATCHED: frozenset(),
    _I.UNKNOWN: frozenset({_I.CLAIMED, _I.PROPOSED, _I.REPORTED}),
    _I.CLAIMED: frozenset({_I.UNKNOWN, _I.MATCHED}),
    _I.PROPOSED: frozenset({_I.UNKNOWN, _I.RETURNING}),
    _I.REPORTED: frozenset({_I.UNKNOWN, _I.RETURNED}),
    _I.RETURNING: frozenset({_I.UNKNOWN, _I.RETURNED}),
    _I.RETURNED: frozenset(),
}
INCOMING_CHECKED: Final = (_I.CLAIMED, _I.PROPOSED, _I.REPORTED)
"""What waits for a second person."""
assert INCOMING_NEXT.keys() == set(IncomingState), "every state states its exits"


class IncomingItem(models.Model):
    """Money that reached the venue's account without having been asked for."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    rail = models.CharField(max_length=12)
    ref = models.CharField(max_length=100)
    account = models.CharField(max_length=64, blank=True)
    payer = models.CharField(max_length=120, blank=True)
    memo = models.CharField(max_length=200, blank=True)
    amount_fen = models.PositiveBigIntegerField()
    came_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=IncomingState.choices)
    reason = models.CharField(max_length=40, blank=True)
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT, null=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)
    return_to = models.CharField(max_length=64, blank=True)  # as the rail knows the payer's account
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    proposed_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=64, blank=True)  # of the last return, by the rail

    objects = VenueManager["IncomingItem"]()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(decided_by__isnull=True)
                | models.Q(proposed_by__isnull=True)
                | ~models.Q(decided_by=models.F("proposed_by")),
                name="item_agreed_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(proposed_by__isnull=False)
                | ~models.Q(state__in=["claimed", "proposed", "reported", "returning"]),
                name="item_asked_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(firm__isnull=False) | ~models.Q(state="claimed"),
                name="claim_names_its_firm",
            ),
            models.UniqueConstraint(fields=["venue", "rail", "ref"], name="one_item_per_reference"),
        ]
