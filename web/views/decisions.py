"""The operator's console: what one person has asked for, and another agrees to or declines."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exchange import decisions as rules
from exchange import queries
from exchange.link import BlockingLink
from exchange.models import (
    DECISION_OPEN,
    Decision,
    DecisionKind,
    DecisionState,
    Firm,
    Instrument,
    TradeRow,
)
from web import display, roles, words
from web.forms.operate import DecisionForm
from web.middleware import VenueRequest
from web.reasons import sentence
from web.views.operate import console_frame, decided


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def decisions(request: VenueRequest) -> HttpResponse:
    """Show the venue's decisions; who has not asked agrees, and both may put an end to one."""
    if request.method == "POST":
        return _answer(request)
    rows = rules.latest()
    context = console_frame(request, "decisions") | {
        "rows": [
            {
                "decision": one,
                "about": about,
                "is_own": one.asked_by_id == request.user.pk,
                "is_open": one.state in DECISION_OPEN,
                "refusal": sentence(one.refusal) if one.refusal else "",
                "form": DecisionForm.fresh(row=one.pk),
            }
            for one, about in zip(rows, _about(rows), strict=True)
        ]
    }
    return render(request, "operate/decisions.html", context)


def _answer(request: VenueRequest) -> HttpResponse:
    form = DecisionForm(request.POST)
    told: list[Decision] = []

    def answer(link: BlockingLink) -> None:
        row, agreed = form.cleaned_data["row"], form.cleaned_data["agreed"] == "yes"
        now = timezone.now()
        told.append(rules.answer(row, agreed=agreed, by=request.user, link=link, now=now))

    if not form.is_valid():
        raise Http404
    if decided(request, form, answer):
        if told and told[0].state == DecisionState.REFUSED:
            messages.error(request, sentence(told[0].refusal))
        elif told and told[0].state == DecisionState.EXPIRED:
            messages.error(request, _(words.DECISION_STATES["expired"]))
        else:
            messages.success(request, _("已记录。"))
    else:
        errors = form.non_field_errors().as_data()
        if any(error.code == "UNKNOWN_REQUEST" for error in errors):
            raise Http404
        for error in form.non_field_errors():
            messages.error(request, str(error))
    return redirect("decisions", venue=request.venue.code)


def _about(rows: list[Decision]) -> list[str]:
    """Return in words what each decision is about."""

    def numbers(kind: DecisionKind) -> set[int]:
        return {row.number for row in rows if row.kind == kind}

    trades = {
        row.trade_id: row
        for row in TradeRow.objects.filter(trade_id__in=numbers(DecisionKind.BUST))
    }
    wanted = numbers(DecisionKind.RESUME) | {row.instrument_id for row in trades.values()}
    instruments = Instrument.objects.in_bulk(wanted)
    sides = {row.buyer_firm_id for row in trades.values()}
    sides |= {row.seller_firm_id for row in trades.values()}
    named = {int(row.target.split(":")[1]) for row in rows if row.kind in ("lift", "limits")}
    firms = Firm.objects.in_bulk(sides | named)
    people = queries.usernames(numbers(DecisionKind.LIFT))

    def said(row: Decision) -> str:
        if row.kind == DecisionKind.BUST:
            trade = trades[row.number]
            one = instruments[trade.instrument_id]
            price = display.price(trade.price_ticks, one.tick_fen_per_t)
            lots = display.quantity(trade.quantity_lots, one)
            both = f"{firms[trade.buyer_firm_id].code} / {firms[trade.seller_firm_id].code}".upper()
            return f"#{trade.trade_id} · {words.own(one, 'name')} · {lots} @ {price} · {both}"
        if row.kind == DecisionKind.RESUME:
            return instruments[row.number].code if row.number else _("全市场")
        firm = firms[int(row.target.split(":")[1])].code.upper()
        if row.kind == DecisionKind.LIFT:
            return f"{firm} · {people.get(row.number) or _('整个企业')}"
        return f"{firm} · {_limits(row.terms)}"

    return [said(row) for row in rows]


def _limits(terms: dict[str, Any]) -> str:
    value = display.money(terms["day_value_fen"]) if terms["day_value_fen"] else _("不限")
    return " · ".join(
        (
            f"{_('每秒委托数')} {terms['orders_per_s'] or _('不限')}",
            f"{_('瞬时最多委托数')} {terms['burst'] or _('不限')}",
            f"{_('每日委托金额上限（元）')} {value}",
            f"{_('遇到本集团委托时')} {_(words.SELF_MATCH[terms['self_match']])}",
        )
    )
