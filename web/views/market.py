"""What the market shows: venues, board, trading page, wall."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from exchange import access, queries, scope
from exchange.models import Instrument, User, Venue
from settlement.contracts import rating
from web import display
from web.middleware import VenueRequest


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """List the user's venues; for everybody, the public wall boards."""
    seats = access.seats(request.user) if isinstance(request.user, User) else []
    return render(request, "home.html", {"seats": seats, "venues": Venue.objects.all()})


@require_GET
def board(request: VenueRequest) -> HttpResponse:
    """Show every instrument of the venue with its day, live."""
    return render(request, "market/board.html", _market_context(request))


@require_GET
def trade(request: VenueRequest, code: str) -> HttpResponse:
    """Show one instrument: book or offers, chart, tape, ticket, own orders and account."""
    instrument = access.instrument(code)
    firm = request.seat.firm
    context = _market_context(request) | {
        "instrument": instrument,
        "current": {"role": request.seat.role, "unit_name": display.unit_name(instrument.unit)},
        "page_data": {
            "venue": request.venue.code,
            "id": instrument.pk,
            "role": request.seat.role,
            "firm": firm.code.upper() if firm is not None else None,
            "standings": _standings(instrument) if instrument.mode == "listed" else {},
        },
        "intervals": [
            ("1m", _("1分")),
            ("5m", _("5分")),
            ("15m", _("15分")),
            ("1h", _("1时")),
            ("1d", _("日线")),
        ],
    }
    return render(request, "market/trade.html", context)


@require_GET
def wall(request: HttpRequest) -> HttpResponse:
    """Show the venue's prices to everybody; no cookie, no log-in."""
    return render(request, "wall/wall.html", _market_context(request))


@require_GET
def legal(request: HttpRequest) -> HttpResponse:
    """Show notices and licences."""
    return render(request, "legal.html")


@require_GET
@never_cache
def instruments(request: HttpRequest) -> HttpResponse:
    """Return the venue's instruments for programs."""
    return JsonResponse({"instruments": _market_context(request)["instruments"]})


def _standings(instrument: Instrument) -> dict[str, str]:
    """Return what the firms with offers in this instrument are rated, by the code shown there."""
    firms = queries.offering_firms(instrument)
    found = rating.standings(firms, timezone.now())
    return {
        firms[firm_id].upper(): display.standing(one.tenths, one.count)
        for firm_id, one in found.items()
    }


def _market_context(request: HttpRequest) -> dict[str, object]:
    venue: Venue = request.venue  # type: ignore[attr-defined]
    language = translation.get_language() or "zh-hans"
    with scope.venue(venue.id):
        listed = queries.listed_instruments()
    return {
        "venue": venue,
        "venue_name": venue.name_en if language == "en" else venue.name_zh,
        "instruments": [display.instrument_data(one, language) for one in listed],
        "page_data": {"venue": venue.code},
    }
