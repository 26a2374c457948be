"""Session -> language and venue scope. The current venue comes from the path and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation

from exchange import access, scope
from exchange.models import Seat, User, Venue


class VenueRequest(HttpRequest):
    """A request for a page of a venue, as views get it."""

    venue: Venue
    seat: Seat
    user: User


class VenueScopeMiddleware:
    """Enters the venue that the path names; refuses who has no seat there.

    No seat answers like no venue. Views that need a certain role check it with `web.roles`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve in the user's own language."""
        user = getattr(request, "user", None)
        if isinstance(user, User) and not request.COOKIES.get("django_language"):
            translation.activate(user.language)
            request.LANGUAGE_CODE = translation.get_language()
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        """Run a venue's view inside the venue's scope."""
        code = kwargs.pop("venue", None)
        if code is None:
            return None
        match = request.resolver_match
        is_public = match is not None and match.namespace == "public"
        try:
            venue = access.venue_by_code(code)
        except access.NotVisible:
            if is_public or request.user.is_authenticated:
                raise Http404 from None
            return redirect_to_login(request.get_full_path())
        if not is_public:
            if not isinstance(request.user, User):
                return redirect_to_login(request.get_full_path())
            seat = access.seat_of(request.user, venue)
            if seat is None:
                raise Http404
            request.seat = seat  # type: ignore[attr-defined]
        # Not before: the page that says 404 shows the venue that it is given.
        request.venue = venue  # type: ignore[attr-defined]
        with scope.venue(venue.id):
            try:
                return view(request, *args, **kwargs)
            except access.NotVisible:
                raise Http404 from None
