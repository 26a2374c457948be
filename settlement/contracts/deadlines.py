"""Deadlines and the reminders before them: nothing happens by silence without one. Pure.

RULEBOOK 4.9 asks for acceptance by silence "after reminder". The rule here is wider: whatever
silence brings waits until a reminder of this very deadline is as old as the shortest lead. A sweep
that was down reminds first, late as it is, and the party still has that lead to act in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from settlement.models.deadline import Deadline

HOURS: Final = (24, 2)
"""Hours ahead of a deadline at which its owner is reminded, where the commodity says nothing."""
AGAIN: Final = dt.timedelta(minutes=1)
"""After this, time looks again at what it could not move: an answer of the engine is awaited."""


def hours_of(terms: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the leads that a contract was made with, longest first."""
    return tuple(sorted(terms.get("remind_hours", HOURS), reverse=True))


def columns(due: dt.datetime | None, hours: Sequence[int]) -> dict[str, Any]:
    """Return what a new deadline writes; None is no deadline at all."""
    first = None if due is None else due - dt.timedelta(hours=hours[0])
    return {"due_at": due, "reminded_at": None, "remind_at": first, "acts_at": due}


def reminded(row: Deadline, hours: Sequence[int], now: dt.datetime) -> dict[str, Any]:
    """Return what a reminder writes: leads that have passed unused are not made up for."""
    assert row.due_at is not None
    moments = (row.due_at - dt.timedelta(hours=lead) for lead in hours)
    later = [moment for moment in moments if moment > now]
    return {
        "reminded_at": row.reminded_at or now,
        "remind_at": min(later) if later else None,
    }


def lead_of(row: Deadline, hours: Sequence[int], now: dt.datetime) -> int:
    """Return the lead of a reminder that goes out now, in hours; 0 once the deadline has passed."""
    assert row.due_at is not None
    if now >= row.due_at:
        return 0
    return min(lead for lead in hours if row.due_at - dt.timedelta(hours=lead) <= now)


def silent_from(row: Deadline, hours: Sequence[int]) -> dt.datetime | None:
    """Return the first moment at which silence may count; None while nobody was reminded."""
    if row.due_at is None or row.reminded_at is None:
        return None
    return max(row.due_at, row.reminded_at + dt.timedelta(hours=hours[-1]))
