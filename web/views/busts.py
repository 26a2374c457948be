"""The operator's console: young trades, and asking for one of them to be undone."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exchange import decisions
from exchange.link import BlockingLink
from exchange.models import Firm, Instrument, TradeRow
from exchange.rulebook import RuleError
from settlement import queries
from web import roles
from web.forms.operate import BustForm
from web.middleware import VenueRequest
from web.views.operate import REFUSED, console_frame, decided


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def busts(request: VenueRequest) -> HttpResponse:
    """Show what may be undone; either person asks, the other one answers (`decisions`)."""
    form = BustForm.fresh()
    status = 200
    if request.method == "POST":
        form = BustForm(request.POST)

        def ask(link: BlockingLink) -> None:
            number = form.cleaned_data["trade"]
            if queries.begun([number]):
                raise RuleError("SETTLING", "trade")
            decisions.ask_bust(
                venue=request.venue,
                trade_id=number,
                reason=form.cleaned_data["reason"],
                by=request.user,
                now=timezone.now(),
            )

        if decided(request, form, ask):
            messages.success(request, _("已提请，待另一人复核。"))
            return redirect("decisions", venue=request.venue.code)
        status = REFUSED
    young = decisions.recent(timezone.now())
    begun = queries.begun([row.trade_id for row in young])
    context = console_frame(request, "busts") | {
        "form": form,
        "trades": _shown([row for row in young if row.trade_id not in begun]),
    }
    return render(request, "operate/busts.html", context, status=status)


def _shown(rows: list[TradeRow]) -> list[dict[str, Any]]:
    """Return trades as the console shows them: with both firms, which nobody else sees so."""
    instruments = Instrument.objects.in_bulk({row.instrument_id for row in rows})
    sides = {row.buyer_firm_id for row in rows} | {row.seller_firm_id for row in rows}
    firms = Firm.objects.in_bulk(sides)
    return [
        {
            "trade": row,
            "instrument": instruments[row.instrument_id],
            "buyer": firms[row.buyer_firm_id],
            "seller": firms[row.seller_firm_id],
            "until": row.traded_at + decisions.BUST_WINDOW,
        }
        for row in rows
    ]
