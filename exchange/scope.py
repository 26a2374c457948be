"""The current venue. A query for rows of a venue outside any scope raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from django.db import models

_venue_id: ContextVar[int | None] = ContextVar("venue_id", default=None)
M = TypeVar("M", bound=models.Model)


class NoVenueError(RuntimeError):
    """A row of a venue was asked for and no venue is current: a bug, never an answer."""


@contextmanager
def venue(venue_id: int) -> Iterator[None]:
    """Make `venue_id` the current venue for the block. Scopes nest; the inner one counts."""
    token = _venue_id.set(venue_id)
    try:
        yield
    finally:
        _venue_id.reset(token)


def current_venue_id() -> int:
    """Return the current venue's id; raise `NoVenueError` outside any scope."""
    found = _venue_id.get()
    if found is None:
        raise NoVenueError("no current venue: enter one with scope.venue(venue_id)")
    return found


class VenueManager(models.Manager[M]):
    """Sees rows of the current venue only, and raises when there is none.

    `objects.across_venues()` is for the few places that serve all venues at once (log-in,
    followers, seeding); each such call is listed in `tests/test_tenancy.py`.
    """

    def get_queryset(self) -> models.QuerySet[M]:
        """Return the rows of the current venue."""
        return super().get_queryset().filter(venue_id=current_venue_id())

    def across_venues(self) -> models.QuerySet[M]:
        """Return the rows of every venue."""
        return super().get_queryset()
