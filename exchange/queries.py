"""Reads for screens. All inside the current venue's scope."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from exchange.models import (
    Bookmark,
    DayStatistics,
    Firm,
    FirmFunds,
    Instrument,
    InstrumentStatus,
    Membership,
    OrderRow,
    OrderState,
    Role,
    Seat,
    TradingBan,
    User,
    VenueStatus,
)
from exchange.scope import current_venue_id


@dataclass(frozen=True, slots=True)
class BoardRow:
    """An instrument with its latest day's statistics, if it has traded."""

    instrument: Instrument
    statistics: DayStatistics | None


def listed_instruments() -> list[Instrument]:
    """Return the venue's instruments that can be seen: listed or suspended."""
    return list(
        Instrument.objects.select_related("commodity", "warehouse", "approval")
        .filter(status__in=[InstrumentStatus.LISTED, InstrumentStatus.SUSPENDED])
        .order_by("pk")
    )


def offering_firms(instrument: Instrument) -> dict[int, str]:
    """Return the codes of the venue's members that have orders in an instrument's book, by id."""
    members = dict(Membership.objects.order_by("firm_id").values_list("firm_id", "firm__code"))
    # By member, so that the index finds the open orders among millions that are over.
    rows = OrderRow.objects.filter(
        firm_id__in=list(members), state=OrderState.OPEN, instrument_id=instrument.pk
    )
    found = rows.order_by("firm_id").values_list("firm_id", flat=True).distinct()
    return {firm_id: members[firm_id] for firm_id in found}


def board() -> list[BoardRow]:
    """Return every instrument of the venue, refused ones included, for the operator."""
    latest: dict[int, DayStatistics] = {}
    for row in DayStatistics.objects.order_by("day"):
        latest[row.instrument_id] = row
    instruments = Instrument.objects.select_related("commodity", "warehouse", "approval")
    return [BoardRow(one, latest.get(one.pk)) for one in instruments.order_by("pk")]


def funds(firm_id: int) -> FirmFunds:
    """Return a firm's funds as the engine told them; zeros before the first."""
    found = FirmFunds.objects.filter(firm_id=firm_id).first()
    return found or FirmFunds(firm_id=firm_id)


def orders(firm_id: int, *, page: int, size: int = 50) -> list[OrderRow]:
    """Return a page of a firm's orders, newest first; pages count from 1."""
    start = (page - 1) * size
    return list(
        OrderRow.objects.filter(firm_id=firm_id).order_by("-order_id")[start : start + size]
    )


def traders(firm: Firm) -> list[User]:
    """Return the people who may enter orders for a firm at the current venue."""
    seats = Seat.objects.select_related("user").filter(firm=firm, role=Role.TRADER)
    return [seat.user for seat in seats.order_by("user__username")]


def bans(firm: Firm, *, most: int = 50) -> list[TradingBan]:
    """Return who of a firm may enter nothing, and then the bans that were lifted, newest first."""
    rows = TradingBan.objects.filter(firm_id=firm.pk)
    return list(rows.order_by(models.F("lifted_at").desc(nulls_first=True), "-pk")[:most])


def banned_firms() -> set[int]:
    """Return the ids of the firms of which somebody is banned now."""
    return set(TradingBan.objects.filter(lifted_at=None).values_list("firm_id", flat=True))


def usernames(ids: set[int]) -> dict[int, str]:
    """Return the user names of people, by id."""
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))


def venue_status() -> VenueStatus:
    """Return the current venue's day and halt."""
    return VenueStatus.objects.filter(pk=current_venue_id()).first() or VenueStatus()


def bookmarks() -> dict[str, int]:
    """Return how far each follower has read the current venue's journal."""
    return {mark.follower: mark.seq for mark in Bookmark.objects.all()}
