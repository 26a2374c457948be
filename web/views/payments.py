"""The clerk's desk for money: accounts to agree to, unknown items, breaks, what nobody can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exchange.link import BlockingLink
from exchange.models import Role
from settlement import accounts, incoming, outbox, queries
from settlement import payment_worker as worker
from settlement.payments import findings, operations, reconcile
from web import roles
from web.forms.base import ActForm
from web.forms.payments import FoundForm, ItemForm, NoteForm, WordForm
from web.middleware import VenueRequest
from web.reasons import sentence

_CHECK = frozenset({Role.CLERK, Role.REVIEWER})
"""Who may agree to what somebody else has said: whose money is, that it goes or went back, what
became of an operation."""


@roles.only(roles.OPERATE, Role.CLERK)
@require_http_methods(["GET", "POST"])
def payments(request: VenueRequest) -> HttpResponse:
    """Show what waits for a person; the clerk decides, and somebody else agrees."""
    role = request.seat.role
    may_act, may_check = role == Role.CLERK, role in _CHECK
    if request.method == "POST":
        name = request.POST.get("act", "")
        act = _ACTS.get(name)
        may = may_check if name in _CHECKS else may_act
        if not may or act is None:
            raise Http404
        _act(request, *act)
        return redirect("payments", venue=request.venue.code)
    desk = queries.payment_desk()
    context = {
        "may_act": may_act,
        "rail": settings.PAYMENT_RAIL,
        "reconciliations": desk.reconciliations,
        "accounts": [(one, WordForm.fresh(row=one.pk)) for one in desk.accounts],
        "may_check": may_check,
        "items": [
            (one, ItemForm.fresh(row=one.pk), sentence(one.reason)) for one in desk.unknown_items
        ],
        "returns": [
            (one, WordForm.fresh(row=one.pk), one.proposed_by_id == request.user.pk)
            for one in desk.returns
        ],
        "breaks": [(one, NoteForm.fresh(row=one.pk)) for one in desk.breaks],
        "lost": [
            (
                one,
                found,
                FoundForm.fresh(row=one.pk) if found is None else WordForm.fresh(row=found.pk),
                found is not None and found.said_by_id == request.user.pk,
            )
            for one, found in desk.lost
        ],
        "operations": desk.operations,
    }
    return render(request, "operate/payments.html", context)


def _act(
    request: VenueRequest, form_class: type[ActForm], act: Callable[[VenueRequest, Any], None]
) -> None:
    form = form_class(request.POST)
    if not form.is_valid():
        left_out = {name for name in ("note", "firm") if form.has_error(name, "required")}
        if left_out == form.errors.keys():
            messages.error(request, sentence("REQUIRED"))
            return
        raise Http404
    try:
        act(request, form)
    except (
        accounts.AccountError,
        incoming.IncomingError,
        reconcile.ReconcileError,
        operations.OperationError,
    ) as error:
        if error.code.startswith("UNKNOWN_"):
            raise Http404 from error
        messages.error(request, sentence(error.code))
        return
    with BlockingLink(settings.ENGINE_LINK) as link:
        outbox.dispatch(link)
    messages.success(request, _("已记录。"))


def _account(request: VenueRequest, form: WordForm) -> None:
    agreed = form.cleaned_data["agreed"] == "yes"
    accounts.agree(form.cleaned_data["row"], by=request.user, agreed=agreed, now=timezone.now())


def _item(request: VenueRequest, form: ItemForm) -> None:
    incoming.claim(
        form.cleaned_data["row"],
        firm=form.owner,
        note=form.cleaned_data["note"],
        by=request.user,
        now=timezone.now(),
    )


def _noted(act: Callable[..., Any]) -> Callable[[VenueRequest, NoteForm], None]:
    """Return what does an act for which a clerk writes a reason down."""

    def do(request: VenueRequest, form: NoteForm) -> None:
        note = form.cleaned_data["note"]
        act(form.cleaned_data["row"], note=note, by=request.user, now=timezone.now())

    return do


def _check(request: VenueRequest, form: WordForm) -> None:
    incoming.agree(
        form.cleaned_data["row"],
        agreed=form.cleaned_data["agreed"] == "yes",
        by=request.user,
        now=timezone.now(),
    )


def _operation(request: VenueRequest, form: FoundForm) -> None:
    findings.report(
        form.cleaned_data["row"],
        done=form.cleaned_data["agreed"] == "yes",
        ref=form.cleaned_data["note"],
        by=request.user,
        now=timezone.now(),
    )


def _finding(request: VenueRequest, form: WordForm) -> None:
    findings.answer(
        form.cleaned_data["row"],
        agreed=form.cleaned_data["agreed"] == "yes",
        by=request.user,
        now=timezone.now(),
        then=worker.then,
    )


_ACTS: dict[str, tuple[type[ActForm], Callable[[VenueRequest, Any], None]]] = {
    "account": (WordForm, _account),
    "item": (ItemForm, _item),
    "return": (NoteForm, _noted(incoming.propose_return)),
    "report": (NoteForm, _noted(incoming.report_return)),
    "check": (WordForm, _check),
    "line": (NoteForm, _noted(reconcile.explain)),
    "operation": (FoundForm, _operation),
    "finding": (WordForm, _finding),
}
_CHECKS = frozenset({"check", "finding"})
