"""For machines that watch: is the process alive, can the venue be used; and preferences."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from exchange.frames import Address
from exchange.link import LinkClient, VenueState
from exchange.models import User, Venue


@never_cache
@require_GET
def alive(request: HttpRequest) -> HttpResponse:
    """Answer while the process serves; depends on nothing else (no restart storms)."""
    return JsonResponse({"alive": True})


@never_cache
async def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, engine and feeds answer, 503 otherwise, with what is missing."""
    venue_ids = [one async for one in Venue.objects.values_list("id", flat=True)]
    link = LinkClient(settings.ENGINE_LINK)
    states: dict[int, str] = {}
    feeds = True
    try:
        _, writer = await Address(settings.ENGINE_LINK).open()
        writer.close()
        _, writer = await Address(settings.FEED_LINK).open()
        writer.close()
    except OSError:
        feeds = False
    if feeds:
        await link.connect()
        for venue_id in venue_ids:
            states[venue_id] = await link.state(venue_id)
    await link.close()
    good = feeds and bool(states) and all(s == VenueState.OPEN for s in states.values())
    return JsonResponse({"ready": good, "venues": states}, status=200 if good else 503)


@require_POST
@login_required
def preferences(request: HttpRequest) -> HttpResponse:
    """Keep theme, trend colours and language of a user."""
    user = request.user
    assert isinstance(user, User)
    for field, options in (
        ("theme", ("dark", "light")),
        ("trend", ("cn", "intl")),
        ("language", ("zh-hans", "en")),
    ):
        value = request.POST.get(field, "")
        if value in options:
            setattr(user, field, value)
    user.save(update_fields=["theme", "trend", "language"])
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}):
        back = "/"
    response = redirect(back)
    response.set_cookie("django_language", user.language, samesite="Lax", httponly=True)
    return response
