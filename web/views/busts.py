"""The operator's console: trades that are undone, asked for by one person, agreed to by another."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exchange import busts as rules
from exchange.link import BlockingLink
from exchange.models import BUST_OPEN, BustRequest, BustState, Firm, Instrument, TradeRow
from exchange.rulebook import RuleError
from settlement import queries
from web import roles
from web.forms.operate import BustAnswerForm, BustForm
from web.middleware import VenueRequest
from web.reasons import sentence
from web.views.operate import REFUSED, console_frame, decided


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def busts(request: VenueRequest) -> HttpResponse:
    """Show what may be undone and what was asked; either person asks, the other one answers."""
    form = BustForm.fresh()
    status = 200
    if request.method == "POST":
        act = request.POST.get("act", "")
        if act == "answer":
            return _answer(request)
        if act != "ask":
            raise Http404
        form = BustForm(request.POST)

        def ask(link: BlockingLink) -> None:
            number = form.cleaned_data["trade"]
            if queries.begun([number]):
                raise RuleError("SETTLING", "trade")
            rules.ask(
                venue=request.venue,
                trade_id=number,
                reason=form.cleaned_data["reason"],
                by=request.user,
                now=timezone.now(),
            )

        if decided(request, form, ask):
            messages.success(request, _("已提请，待另一人复核。"))
            return redirect("busts", venue=request.venue.code)
        status = REFUSED
    asked = rules.requests()
    of = rules.trades([one.trade_id for one in asked])
    young = rules.recent(timezone.now())
    closed = {one.trade_id for one in asked if one.state in BUST_OPEN}
    closed |= queries.begun([row.trade_id for row in young])
    shown = _shown([*of.values(), *young])
    context = console_frame(request, "busts") | {
        "form": form,
        "requests": [_request(request, one) | shown[one.trade_id] for one in asked],
        "trades": [
            shown[row.trade_id] | {"until": row.traded_at + rules.WINDOW}
            for row in young
            if row.trade_id not in closed
        ],
    }
    return render(request, "operate/busts.html", context, status=status)


def _answer(request: VenueRequest) -> HttpResponse:
    form = BustAnswerForm(request.POST)
    told: list[BustRequest] = []

    def answer(link: BlockingLink) -> None:
        told.append(
            rules.answer(
                form.cleaned_data["row"],
                agreed=form.cleaned_data["agreed"] == "yes",
                by=request.user,
                link=link,
                now=timezone.now(),
            )
        )

    if not form.is_valid():
        raise Http404
    if decided(request, form, answer):
        if told and told[0].state == BustState.REFUSED:
            messages.error(request, sentence(told[0].refusal))
        else:
            messages.success(request, _("已记录。"))
    else:
        codes = {error.code for found in form.errors.as_data().values() for error in found}
        if "UNKNOWN_REQUEST" in codes:
            raise Http404
        for error in form.non_field_errors():
            messages.error(request, str(error))
    return redirect("busts", venue=request.venue.code)


def _request(request: VenueRequest, one: BustRequest) -> dict[str, Any]:
    return {
        "request": one,
        "is_own": one.asked_by_id == request.user.pk,
        "is_open": one.state in BUST_OPEN,
        "refusal": sentence(one.refusal) if one.refusal else "",
        "form": BustAnswerForm.fresh(row=one.pk),
    }


def _shown(rows: list[TradeRow]) -> dict[int, dict[str, Any]]:
    """Return trades as the console shows them: with both firms, by number."""
    instruments = Instrument.objects.in_bulk({row.instrument_id for row in rows})
    sides = {row.buyer_firm_id for row in rows} | {row.seller_firm_id for row in rows}
    firms = Firm.objects.in_bulk(sides)
    return {
        row.trade_id: {
            "trade": row,
            "instrument": instruments[row.instrument_id],
            "buyer": firms[row.buyer_firm_id],
            "seller": firms[row.seller_firm_id],
        }
        for row in rows
    }
