"""Frozen money: the operator freezes with a reason and a document, the reviewer lifts."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exchange.link import BlockingLink
from exchange.models import Role
from settlement import freezes as frozen
from settlement import outbox
from web import roles
from web.forms.freezes import FreezeForm, LiftForm
from web.middleware import VenueRequest
from web.reasons import sentence
from web.views.operate import console_frame

REFUSED = 422


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def freezes(request: VenueRequest) -> HttpResponse:
    """Show what is frozen; the operator freezes, another person lifts."""
    form, status = FreezeForm.fresh(), 200
    if request.POST.get("act") == "lift":
        _lift(request)
        return redirect("freezes", venue=request.venue.code)
    if request.method == "POST":
        if request.seat.role != Role.OPERATOR:
            raise Http404
        form = FreezeForm(request.POST)
        if form.is_valid() and _freeze(request, form):
            return redirect("freezes", venue=request.venue.code)
        status = REFUSED
    live = frozen.live()
    context = console_frame(request, "freezes") | {
        "form": form if request.seat.role == Role.OPERATOR else None,
        "rows": [
            (one, LiftForm.fresh(row=one.pk) if one.frozen_by_id != request.user.pk else None)
            for one in live
        ],
        "over": [(one, sentence(one.refusal) if one.refusal else "") for one in frozen.over()],
        "is_pending": any(one.state in ("asked", "lifting") for one in live),
    }
    return render(request, "operate/freezes.html", context, status=status)


def _freeze(request: VenueRequest, form: FreezeForm) -> bool:
    try:
        row = frozen.freeze(
            venue=request.venue,
            firm=form.firms[form.cleaned_data["firm"]],
            reason=form.cleaned_data["reason"],
            document=form.cleaned_data["document"],
            amount_fen=form.cleaned_data["amount"],
            op_id=str(form.cleaned_data["op_id"]),
            by=request.user,
            now=timezone.now(),
        )
    except frozen.FreezeError as error:
        form.refuse(error.code, "amount")
        return False
    _dispatch()
    row.refresh_from_db()
    if row.refusal:
        form.refuse(row.refusal, "amount")
        return False
    messages.success(request, _("已冻结。"))
    return True


def _lift(request: VenueRequest) -> None:
    form = LiftForm(request.POST)
    if not form.is_valid():
        if list(form.errors) == ["document"]:
            messages.error(request, sentence("REQUIRED"))
            return
        raise Http404
    try:
        frozen.lift(
            form.cleaned_data["row"],
            document=form.cleaned_data["document"],
            by=request.user,
            now=timezone.now(),
        )
    except frozen.FreezeError as error:
        if error.code == "UNKNOWN_FREEZE":
            raise Http404 from error
        messages.error(request, sentence(error.code))
        return
    _dispatch()
    messages.success(request, _("已解除。"))


def _dispatch() -> None:
    with BlockingLink(settings.ENGINE_LINK) as link:
        outbox.dispatch(link)
