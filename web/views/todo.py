"""What waits for whom: one list a seat, nearest deadline first."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from exchange.models import Role
from settlement.contracts import duties
from settlement.models import Dispute, Invoice, Obligation
from web import display, roles, words
from web.middleware import VenueRequest


@roles.only(roles.FIRM, roles.HANDLE, Role.REVIEWER)
@require_GET
def todo(request: VenueRequest) -> HttpResponse:
    """Show what the firm, or this role of the venue, has to do about contracts."""
    now = timezone.now()
    rows = [
        {
            "contract": one.contract,
            "number": words.contract_number(request.venue, one.contract.trade_id),
            "reminded_at": one.reminded_at,
        }
        | _said(one.duty, now)
        for one in duties.todo(request.seat.firm, request.seat.role)
    ]
    return render(request, "office/todo.html", {"rows": rows})


def steps(contract: Obligation, now: dt.datetime) -> list[dict[str, Any]]:
    """Return what a contract waits for, from all sides."""
    owed = duties.of_contract(contract, Invoice.objects.filter(obligation=contract))
    dispute = Dispute.objects.filter(obligation=contract).first()
    if dispute is not None:
        owed += duties.of_dispute(contract, dispute)
    return [_said(duty, now) for duty in owed]


def _said(duty: duties.Duty, now: dt.datetime) -> dict[str, Any]:
    due = duty.due_at
    return {
        "duty": duty,
        "left": display.time_left(due, now) if due is not None else "",
        "is_late": due is not None and now >= due,
    }
