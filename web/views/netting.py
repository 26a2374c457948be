"""The day's bank legs: the clerk closes a batch, everybody sees their own, line by line."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from exchange.models import Firm, Role
from settlement import clearing
from settlement.models import NettingBatch, NettingLine
from web import roles
from web.forms.payments import NettingForm
from web.middleware import VenueRequest

REFUSED = 422


@roles.only(roles.FIRM, roles.OPERATE, Role.CLERK)
@require_http_methods(["GET", "POST"])
def netting(request: VenueRequest) -> HttpResponse:
    """List the batches, for a firm with its own leg; the clerk closes one."""
    may_act = request.seat.role == Role.CLERK
    form, status = NettingForm.fresh(), 200
    if request.method == "POST":
        if not may_act:
            raise Http404
        form = NettingForm(request.POST)
        if form.is_valid() and (batch := _close(request, form)) is not None:
            return redirect("netting-batch", venue=request.venue.code, number=batch.number)
        status = REFUSED
    own = request.seat.firm
    rows = []
    for one in clearing.batches():
        legs = clearing.legs(one)
        if own is None or own.pk in legs:
            rows.append((one, legs.get(own.pk, 0) if own is not None else 0, len(legs)))
    context = {"rows": rows, "form": form if may_act else None, "is_firm": own is not None}
    return render(request, "operate/netting.html", context, status=status)


def _close(request: VenueRequest, form: NettingForm) -> NettingBatch | None:
    try:
        batch = clearing.close(funding=form.funding(), by=request.user, now=timezone.now())
    except clearing.ClearingError as error:
        form.refuse(error.code)
        return None
    messages.success(request, _("已轧差。"))
    return batch


@roles.only(roles.FIRM, roles.OPERATE, Role.CLERK)
@require_GET
def batch(request: VenueRequest, number: int) -> HttpResponse:
    """Show a batch: each leg with the lines that it sums up; a firm sees its own alone."""
    found = NettingBatch.objects.filter(number=number).first()
    own = request.seat.firm
    if found is None:
        raise Http404
    lines = clearing.lines(found)
    if own is not None:
        lines = {own.pk: lines[own.pk]} if own.pk in lines else {}
    drops = [
        one
        for one in found.drops.order_by("trade_id", "pk")
        if own is None or own.pk in (one.payer_id, one.payee_id)
    ]
    if own is not None and not lines and not drops:
        raise Http404
    firms = {firm.pk: firm for firm in Firm.objects.all()}
    context = {
        "batch": found,
        "legs": [_leg(firms, firm_id, rows) for firm_id, rows in lines.items()],
        "drops": [(one, firms.get(one.payer_id), firms.get(one.payee_id)) for one in drops],
        "is_firm": own is not None,
    }
    return render(request, "operate/netting_batch.html", context)


def _leg(firms: dict[int, Firm], firm_id: int, rows: list[NettingLine]) -> dict[str, Any]:
    return {
        "firm": firms.get(firm_id),
        "amount_fen": sum(row.amount_fen for row in rows),
        "lines": [(row, firms.get(row.counterparty_id)) for row in rows],
    }
