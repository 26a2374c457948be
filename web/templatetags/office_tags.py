"""Filters of the office, operator and warehouse pages."""

from __future__ import annotations

from django import template
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from exchange.models import Instrument, OrderRow, Venue
from settlement import receipts
from settlement.models import Receipt
from web import display, reasons, words

register = template.Library()

_DJANGO_CODES = {
    "required": "REQUIRED",
    "invalid_choice": "CHOICE",
    "invalid": "INVALID",
    "NUMBER": "NUMBER",
    "max_length": "TOO_LONG",
    "PHOTOS": "PHOTOS",
    "FILE_SIZE": "FILE_SIZE",
    "empty": "FILE_SIZE",
}


@register.filter
def word(code: str, table: str) -> str:
    """Return the word for a code: `{{ state|word:"funds" }}`."""
    return words.word(code, table)


@register.filter
def own(row: object, field: str) -> str:
    """Return a bilingual field in the active language: `{{ firm|own:"name" }}`."""
    return words.own(row, field)


@register.filter
def side_name(number: int) -> str:
    """Return 买入 or 卖出."""
    return words.side(number)


@register.filter
def phase_name(number: int) -> str:
    """Return the name of a session phase."""
    return words.phase(number)


@register.filter
def validity_of(order: OrderRow, instrument: Instrument) -> str:
    """Return what kind of order it was."""
    return words.validity(order, instrument)


@register.filter
def why_ended(order: OrderRow) -> str:
    """Return why an order ended, where its state does not say it all, or nothing."""
    return words.why_ended(order)


@register.filter
def number_of(receipt: Receipt) -> str:
    """Return a receipt's number."""
    return receipts.number(receipt)


@register.filter
def error_code(error: ValidationError) -> str:
    """Return the stable code of a form's error."""
    code = error.code or "INVALID"
    return _DJANGO_CODES.get(code, code)


@register.filter
def error_words(error: ValidationError) -> str:
    """Return the sentence of a form's error."""
    if error.code in _DJANGO_CODES:
        return reasons.sentence(_DJANGO_CODES[error.code])
    return " ".join(error.messages)


@register.filter
def contract_number_of(trade_id: int, venue: Venue) -> str:
    """Return the number of a trade's contract."""
    return words.contract_number(venue, trade_id)


@register.filter
def leg(amount_fen: int) -> str:
    """Return a bank leg in words: paid in above zero, out below."""
    if not amount_fen:
        return gettext("无须收付")
    side = gettext("缴入") if amount_fen > 0 else gettext("划出")
    return f"{side} {display.money(abs(amount_fen))}"


@register.filter
def out(amount_fen: int) -> str:
    """Return what leaves, without its sign."""
    return display.money(-amount_fen)
