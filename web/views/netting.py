"""The day's bank legs: the clerk closes a batch, everybody sees their own, line by line."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exchange.models import Firm, Role
from settlement import clearing, clearing_legs
from settlement.models import LegDirection, NettingBatch, NettingLeg, NettingLine, OperationState
from settlement.models.netting import OPEN_BATCH
from web import roles
from web.forms.payments import AgainForm, CutOffForm, NettingForm
from web.middleware import VenueRequest
from web.reasons import sentence

REFUSED = 422
_WAITS = {
    "BOOKS_BROKEN": "LEG_BOOKS",
    "BREAK_OPEN": "LEG_BREAK",
    "NO_ACCOUNT": "LEG_ACCOUNT",
    "LEG_REFUSED": "LEG_REFUSED",
}
"""Why a batch waits, by what its page says about it."""


@roles.only(roles.FIRM, roles.OPERATE, Role.CLERK)
@require_http_methods(["GET", "POST"])
def netting(request: VenueRequest) -> HttpResponse:
    """List the batches, a firm's with its own leg; the clerk closes one, the operator times it."""
    role = request.seat.role
    form, cut_off, status = NettingForm.fresh(), _cut_off_form(), 200
    if request.method == "POST":
        if request.POST.get("act") == "cut_off" and role == Role.OPERATOR:
            cut_off = CutOffForm(request.POST)
            if cut_off.is_valid():
                return _configure(request, cut_off)
        elif request.POST.get("act") == "net" and role == Role.CLERK:
            form = NettingForm(request.POST)
            if form.is_valid() and (batch := _close(request, form)) is not None:
                return redirect("netting-batch", venue=request.venue.code, number=batch.number)
        else:
            raise Http404
        status = REFUSED
    own = request.seat.firm
    rows = []
    for one in clearing.batches():
        legs = clearing.legs(one)
        if own is None or one.lines.filter(firm_id=own.pk).exists():
            rows.append((one, legs.get(own.pk, 0) if own is not None else 0, len(legs)))
    context = {
        "rows": rows,
        "form": form if role == Role.CLERK else None,
        "cut_off_form": cut_off if role == Role.OPERATOR else None,
        "cut_off": getattr(clearing_legs.settings_of_venue(), "cut_off", None),
        "is_firm": own is not None,
    }
    return render(request, "operate/netting.html", context, status=status)


def _close(request: VenueRequest, form: NettingForm) -> NettingBatch | None:
    try:
        batch = clearing.close(funding=form.funding(), by=request.user, now=timezone.now())
    except clearing.ClearingError as error:
        form.refuse(error.code)
        return None
    clearing_legs.advance(timezone.now())
    messages.success(request, _("已轧差。"))
    return batch


def _cut_off_form() -> CutOffForm:
    found = clearing_legs.settings_of_venue()
    return CutOffForm.fresh(cut_off=found.cut_off if found is not None else None)


def _configure(request: VenueRequest, form: CutOffForm) -> HttpResponse:
    clearing_legs.configure(form.cleaned_data["cut_off"], by=request.user, now=timezone.now())
    messages.success(request, _("已记录。"))
    return redirect("netting", venue=request.venue.code)


@roles.only(roles.FIRM, roles.OPERATE, Role.CLERK)
@require_http_methods(["GET", "POST"])
def batch(request: VenueRequest, number: int) -> HttpResponse:
    """Show a batch: each leg, what the bank said, and the lines that it sums up.

    A firm sees its own alone; the clerk asks anew for what the bank has refused to pay out.
    """
    found = NettingBatch.objects.filter(number=number).first()
    own = request.seat.firm
    if found is None:
        raise Http404
    lines = clearing.lines(found)
    if own is not None:
        lines = {own.pk: lines[own.pk]} if own.pk in lines else {}
    drops = [
        one
        for one in found.drops.order_by("revision", "trade_id", "pk")
        if own is None or own.pk in (one.payer_id, one.payee_id)
    ]
    if own is not None and not lines and not drops:
        raise Http404
    may_act = request.seat.role == Role.CLERK
    if request.method == "POST":
        if not may_act:
            raise Http404
        _again(request, number)
        return redirect("netting-batch", venue=request.venue.code, number=number)
    firms = {firm.pk: firm for firm in Firm.objects.all()}
    asked = [one for one in clearing_legs.asked(found) if own is None or own.pk == one.firm_id]
    context = {
        "batch": found,
        "waits": sentence(_WAITS[found.code]) if found.code in _WAITS else "",
        "asked": [(one, firms.get(one.firm_id), _again_form(found, asked, one)) for one in asked],
        "may_act": may_act,
        "legs": [_leg(firms, firm_id, rows) for firm_id, rows in lines.items()],
        "drops": [(one, firms.get(one.payer_id), firms.get(one.payee_id)) for one in drops],
        "is_firm": own is not None,
        "is_pending": found.state in OPEN_BATCH,
    }
    return render(request, "operate/netting_batch.html", context)


def _again(request: VenueRequest, number: int) -> None:
    form = AgainForm(request.POST)
    if not form.is_valid():
        if "confirm" not in form.errors or len(form.errors) > 1:
            raise Http404
        messages.error(request, sentence("CONFIRM"))
        return
    now = timezone.now()
    try:
        clearing_legs.again(number, form.cleaned_data["firm"], by=request.user, now=now)
    except clearing.ClearingError as error:
        messages.error(request, sentence(_WAITS.get(error.code, error.code)))
        return
    clearing_legs.advance(now)
    messages.success(request, _("已重发。"))


def _again_form(batch: NettingBatch, asked: list[NettingLeg], leg: NettingLeg) -> AgainForm | None:
    """Return the form to ask anew with, for a firm's last pay-out if it was refused."""
    last = [one for one in asked if (one.firm_id, one.direction) == (leg.firm_id, leg.direction)]
    is_refused = leg.operation.state == OperationState.REFUSED
    if leg.direction == LegDirection.OUT and is_refused and leg == last[-1] and not batch.ended_at:
        return AgainForm.fresh(firm=leg.firm_id)
    return None


def _leg(firms: dict[int, Firm], firm_id: int, rows: list[NettingLine]) -> dict[str, Any]:
    return {
        "firm": firms.get(firm_id),
        "amount_fen": sum(row.amount_fen for row in rows),
        "lines": [(row, firms.get(row.counterparty_id)) for row in rows],
    }
