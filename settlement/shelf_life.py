"""How long goods may be sold: their storage period and their shelf life, by the calendar day.

Shelf life is the commodity's (`storage.shelf_months` or `shelf_years`), counted from the day on
which the goods were made, caught or harvested. A day given as the last one still counts.
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Any, Final

from settlement.limits import EXPIRY_NOTICE_DAYS

LEFT_PARTS: Final = 3
"""Goods come in while at least one part in so many of their shelf life is left (RULEBOOK 2.10)."""


def months(parameters: dict[str, Any]) -> int | None:
    """Return a commodity's shelf life in months; None for goods that do not spoil."""
    storage = parameters.get("storage", {})
    if "shelf_months" in storage:
        return int(storage["shelf_months"])
    return int(storage["shelf_years"]) * 12 if "shelf_years" in storage else None


def best_before(parameters: dict[str, Any], produced_on: dt.date | None) -> dt.date | None:
    """Return the last day of the shelf life; None for goods that do not spoil."""
    count = months(parameters)
    return None if count is None or produced_on is None else _after(produced_on, count)


def refusal(parameters: dict[str, Any], produced_on: dt.date | None, *, today: dt.date) -> str:
    """Return why goods may not come in: `REQUIRED`, `FUTURE`, `SHELF_LIFE`; "" if they may."""
    if produced_on is not None and produced_on > today:
        return "FUTURE"
    if months(parameters) is None:
        return ""
    last = best_before(parameters, produced_on)
    if produced_on is None or last is None:
        return "REQUIRED"
    left, whole = (last - today).days, (last - produced_on).days
    return "" if left * LEFT_PARTS >= whole else "SHELF_LIFE"


def expires_on(stored_until: dt.date, last: dt.date | None) -> dt.date:
    """Return the last day on which goods may be offered."""
    return stored_until if last is None else min(stored_until, last)


def is_expiring(last: dt.date, *, today: dt.date) -> bool:
    """Say whether the last day is near, or over."""
    return (last - today).days <= EXPIRY_NOTICE_DAYS


def _after(day: dt.date, count: int) -> dt.date:
    """Return the day `count` months later; the month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    most = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(day.day, most))
