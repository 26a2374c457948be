"""`web.display` as template filters."""

from __future__ import annotations

import datetime as dt

from django import template

from exchange.models import Instrument
from web import display

register = template.Library()


@register.filter
def money(fen: int) -> str:
    """Return fen as ¥148,554.24."""
    return display.money(int(fen))


@register.filter
def price_of(ticks: int, instrument: Instrument) -> str:
    """Return a price of an instrument in yuan per tonne."""
    return display.price(int(ticks), instrument.tick_fen_per_t)


@register.filter
def quantity_of(lots: int, instrument: Instrument) -> str:
    """Return a quantity of an instrument with its unit."""
    return display.quantity(int(lots), instrument)


@register.filter
def tonnes(kg: int) -> str:
    """Return kg in tonnes."""
    return display.tonnes(int(kg))


@register.filter
def percent(bp: int) -> str:
    """Return basis points as a percentage."""
    return display.basis_points(int(bp))


@register.filter
def day(number: int) -> str:
    """Return a trading day as a date."""
    return display.day(int(number))


@register.filter
def moment(at: dt.datetime) -> str:
    """Return an instant on Shanghai's clock."""
    return display.moment(at)


@register.filter
def mode_name(code: str) -> str:
    """Return the name of a trading mode."""
    return display.mode_name(code)


@register.filter
def basis_name(code: str) -> str:
    """Return the name of a delivery basis."""
    return display.basis_name(code)


@register.filter
def unit_name(code: str) -> str:
    """Return the name of a unit."""
    return display.unit_name(code)
