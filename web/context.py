"""What every template may use."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest

from exchange import scope
from exchange.models import Role, User
from settlement.contracts import duties


@cache
def build_id() -> str:
    """Return what changes with every deployment: the hash of the collected static files."""
    return str(getattr(staticfiles_storage, "manifest_hash", "") or "source")


def _todo_count(request: HttpRequest) -> int:
    """Return how much waits for this seat; asked when the navigation is drawn, in any view."""
    seat = getattr(request, "seat", None)
    if seat is None:
        return 0
    with scope.venue(seat.venue_id):
        return len(duties.todo(seat.firm, seat.role))


def page(request: HttpRequest) -> dict[str, Any]:
    """Return venue, seat and preferences for the page around the content."""
    visitor = getattr(request, "user", None)
    user = visitor if isinstance(visitor, User) else None
    seat = getattr(request, "seat", None)
    return {
        "page": {
            "venue": getattr(request, "venue", None),
            "seat": seat,
            "firm": seat.firm if seat is not None else None,
            "is_operator": seat is not None and seat.role in (Role.OPERATOR, Role.REVIEWER),
            "is_store": seat is not None and seat.role == Role.WAREHOUSE,
            "is_handler": seat is not None
            and seat.role in (Role.WAREHOUSE, Role.INSPECTOR, Role.CLERK),
            "is_payer": seat is not None
            and seat.role in (Role.OPERATOR, Role.REVIEWER, Role.CLERK),
            "todo": partial(_todo_count, request),
            "theme": user.theme if user else "dark",
            "trend": user.trend if user else "cn",
            "build": build_id(),
            "demo": settings.HAIDAI_DEMO,
        }
    }
