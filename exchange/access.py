"""The only way from a public id or code to a row that its caller may see.

What is not there and what is not yours raise the same `NotVisible`, which the web answers as 404.
"""

from __future__ import annotations

from exchange.models import Instrument, OrderRow, Seat, TradeRow, User, Venue
from exchange.scope import current_venue_id


class NotVisible(Exception):
    """There is nothing here that this caller may see."""


def venue_by_code(code: str) -> Venue:
    """Return a venue by its code, in any case."""
    venue = Venue.objects.filter(code=code.lower()).first()
    if venue is None:
        raise NotVisible
    return venue


def seat_of(user: User, venue: Venue) -> Seat | None:
    """Return the user's seat at a venue, or None."""
    return (
        Seat.objects.across_venues()
        .select_related("firm", "venue")
        .filter(user=user, venue=venue, user__is_active=True)
        .first()
    )


def seats(user: User) -> list[Seat]:
    """Return all seats of a user, for the page that lets one choose a venue."""
    return list(
        Seat.objects.across_venues()
        .select_related("firm", "venue")
        .filter(user=user)
        .order_by("venue_id")
    )


def instrument(code: str) -> Instrument:
    """Return an instrument of the current venue by its code, in any case."""
    found = (
        Instrument.objects.select_related("commodity", "warehouse", "approval")
        .filter(code=code.upper())
        .first()
    )
    if found is None:
        raise NotVisible
    return found


def instrument_by_id(instrument_id: int) -> Instrument:
    """Return an instrument of the current venue by its id."""
    found = Instrument.objects.filter(pk=instrument_id).first()
    if found is None:
        raise NotVisible
    return found


def trade(seat: Seat, trade_id: int) -> TradeRow:
    """Return a trade of the seat's firm; the operator sees all trades of the venue."""
    assert seat.venue_id == current_venue_id()
    found = TradeRow.objects.filter(trade_id=trade_id).first()
    if found is None:
        raise NotVisible
    if seat.firm_id is not None and seat.firm_id not in (found.buyer_firm_id, found.seller_firm_id):
        raise NotVisible
    return found


def order(seat: Seat, order_id: int) -> OrderRow:
    """Return an order of the seat's firm; the operator sees all orders of the venue."""
    assert seat.venue_id == current_venue_id()
    orders = OrderRow.objects.filter(order_id=order_id)
    if seat.firm_id is not None:
        orders = orders.filter(firm_id=seat.firm_id)
    found = orders.first()
    if found is None:
        raise NotVisible
    return found
