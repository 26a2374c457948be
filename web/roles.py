"""Which seat may do what. Whose role does not fit gets what is not there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase

from exchange.models import Role
from exchange.models.people import FIRM_ROLES
from web.middleware import VenueRequest

View = Callable[..., HttpResponseBase]

FIRM = FIRM_ROLES
OPERATE = frozenset({Role.OPERATOR, Role.REVIEWER})
STORE = frozenset({Role.WAREHOUSE})
HANDLE = frozenset({Role.WAREHOUSE, Role.INSPECTOR, Role.CLERK})
"""Who handles contracts for the venue: weighs, inspects, decides."""


def only(*allowed: frozenset[Role] | Role) -> Callable[[View], View]:
    """Let only these roles see a view; everybody else gets 404."""
    roles: set[str] = set()
    for one in allowed:
        roles |= {one} if isinstance(one, Role) else set(one)

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: VenueRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.seat.role not in roles:
                raise Http404
            return view(request, *args, **kwargs)

        return checked

    return decorate
