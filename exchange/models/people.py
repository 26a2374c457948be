"""Venues, firms and the people who act for them."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from exchange.scope import VenueManager


class Venue(models.Model):
    """One operator's market: the tenant, with its own engine, journal and rule book."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    code = models.SlugField(max_length=8, unique=True)
    name_zh = models.CharField(max_length=60)
    name_en = models.CharField(max_length=80)
    # Whether the trading calendar never closes (the demo), told to every user of the venue.
    always_open = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]


class Firm(models.Model):
    """An enterprise. Identity is global; membership, limits and funds are per venue."""

    code = models.SlugField(max_length=12, unique=True)
    uscc = models.CharField(max_length=18, unique=True)  # GB 32100, both check digits valid
    name_zh = models.CharField(max_length=80)
    name_en = models.CharField(max_length=120)
    # Firms of one group are related parties; a firm alone is its own group (its own id).
    group_id = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["code"]

    @property
    def group(self) -> int:
        """The id that related firms share: `group_id`, or the firm's own."""
        return self.group_id or self.pk


class MembershipStatus(models.TextChoices):
    """Whether a firm may enter orders at a venue."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Membership(models.Model):
    """A firm's admission to a venue."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT)
    status = models.CharField(
        max_length=12, choices=MembershipStatus.choices, default=MembershipStatus.ACTIVE
    )
    may_buy = models.BooleanField(default=True)
    may_sell = models.BooleanField(default=True)
    # As the engine tells them; 0 is unbounded.
    orders_per_s = models.PositiveIntegerField(default=0)
    burst = models.PositiveIntegerField(default=0)
    day_value_fen = models.PositiveBigIntegerField(default=0)
    self_match = models.PositiveSmallIntegerField(default=1)  # matching.commands.SelfMatch

    objects = VenueManager["Membership"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "firm"], name="one_membership_per_firm"),
        ]


class User(AbstractUser):
    """A person. What the person may do is said by seats."""

    name_zh = models.CharField(max_length=30, blank=True)
    # Screen preferences, kept by the server: "dark" | "light", "cn" | "intl".
    theme = models.CharField(max_length=8, default="dark")
    trend = models.CharField(max_length=8, default="cn")
    language = models.CharField(max_length=8, default="zh-hans")


class Role(models.TextChoices):
    """What a seat lets a person do. The first three act for a firm, the others for the venue."""

    TRADER = "trader"
    FINANCE = "finance"
    DELIVERY = "delivery"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    WAREHOUSE = "warehouse"
    INSPECTOR = "inspector"
    CLERK = "clerk"


FIRM_ROLES = frozenset({Role.TRADER, Role.FINANCE, Role.DELIVERY})
VENUE_ROLES = ["operator", "reviewer", "warehouse", "inspector", "clerk"]


class Seat(models.Model):
    """A person's right to act at one venue, for a firm or for the venue itself."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="seats")
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT, null=True, blank=True)
    role = models.CharField(max_length=12, choices=Role.choices)

    objects = VenueManager["Seat"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "user"], name="one_seat_per_user_and_venue"),
            models.CheckConstraint(
                condition=models.Q(firm__isnull=False, role__in=["trader", "finance", "delivery"])
                | models.Q(firm__isnull=True, role__in=VENUE_ROLES),
                name="firm_roles_have_a_firm",
            ),
        ]
