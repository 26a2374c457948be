"""The warehouse's desk: goods in store become receipts, transfers get their signature."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exchange.link import BlockingLink
from settlement import endorsements, expiry, outbox, queries, splits
from settlement import receipts as goods
from settlement.models import HoldState, ReceiptState
from settlement.receipt_papers import PaperError
from settlement.set_aside import HoldError
from web import roles
from web.forms.receipts import AnswerForm, SignForm
from web.forms.registration import RegisterForm
from web.middleware import VenueRequest
from web.reasons import sentence

REFUSED = 422
THROUGH = "through:"
"""Before a key: sign it and every older transfer, which is all that the page has shown."""


@roles.only(roles.STORE)
@require_http_methods(["GET", "POST"])
def store(request: VenueRequest) -> HttpResponse:
    """Register goods for their owner, sign transfers, answer splits, and list what there is."""
    form = RegisterForm.fresh()
    status = 200
    if request.POST.get("act") == "sign":
        _sign(request)
        return redirect("store", venue=request.venue.code)
    if request.POST.get("act") == "split":
        _split(request)
        return redirect("store", venue=request.venue.code)
    if request.method == "POST":
        form = RegisterForm(request.POST, request.FILES)
        if form.is_valid() and _register(request, form):
            return redirect("store", venue=request.venue.code)
        status = REFUSED
    rows = queries.registered(most=30)
    waiting = endorsements.waiting()
    through = SignForm.fresh(transfer=f"{THROUGH}{waiting[-1].key}") if len(waiting) > 1 else None
    near = expiry.expiring(today=timezone.localdate())
    days = expiry.last_days([one.root_id for one in near])
    context = {
        "through": through,
        "splits": [(one, AnswerForm.fresh(row=one.pk)) for one in splits.waiting()],
        "expiring": [(one, days[one.root_id]) for one in near],
        "today": timezone.localdate(),
        "form": form,
        "transfers": [(one, SignForm.fresh(transfer=one.key)) for one in waiting],
        "rows": [(one, sentence(one.refusal) if one.refusal else "") for one in rows],
        "is_pending": any(one.state == ReceiptState.APPLIED for one in rows),
    }
    return render(request, "warehouse/store.html", context, status=status)


def _sign(request: VenueRequest) -> None:
    """Sign one transfer; sent twice it is signed once. What is not there, or not ours, is 404."""
    form = SignForm(request.POST)
    if not form.is_valid():
        raise Http404
    key = form.cleaned_data["transfer"]
    if key.startswith(THROUGH):
        _sign_through(request, key.removeprefix(THROUGH))
        return
    try:
        signed = endorsements.sign(key, by=request.user, now=timezone.now())
    except endorsements.EndorsementError as error:
        if error.code == "UNKNOWN_TRANSFER":
            raise Http404 from error
        messages.error(request, sentence(error.code))
        return
    number = goods.number(signed.receipt)
    messages.success(request, _("仓单 %(number)s 的转让已签章。") % {"number": number})


def _sign_through(request: VenueRequest, last: str) -> None:
    """Sign what the page showed, oldest first, up to its last row; nothing that came later."""
    shown = endorsements.waiting()
    keys = [one.key for one in shown]
    if last in keys:
        for key in keys[: keys.index(last) + 1]:
            endorsements.sign(key, by=request.user, now=timezone.now())
    count = keys.index(last) + 1 if last in keys else 0
    messages.success(request, _("已签章 %(count)s 笔转让。") % {"count": count})


def _split(request: VenueRequest) -> None:
    """Consent to a split or decline it; what is not there, or not ours, is 404."""
    form = AnswerForm(request.POST)
    if not form.is_valid():
        raise Http404
    agreed = form.cleaned_data["agreed"] == "yes"
    try:
        split = splits.answer(
            form.cleaned_data["row"], agreed=agreed, by=request.user, now=timezone.now()
        )
    except HoldError as error:
        if error.code == "UNKNOWN_SPLIT":
            raise Http404 from error
        messages.error(request, sentence(error.code))
        return
    with BlockingLink(settings.ENGINE_LINK) as link:
        outbox.dispatch(link)
    split.refresh_from_db()
    if split.state == HoldState.REFUSED:
        messages.error(request, sentence(split.refusal))
    else:
        messages.success(request, _("已同意拆分。") if agreed else _("已退回拆分申请。"))


def _register(request: VenueRequest, form: RegisterForm) -> bool:
    """Register what the form says; False when that was refused, which the form then says."""
    data = form.cleaned_data
    instrument = form.instruments[data["instrument"]]
    try:
        receipt = goods.register(
            venue=request.venue,
            firm=form.firms[data["firm"]],
            instrument=instrument,
            warehouse=instrument.warehouse,
            lots=data["lots"],
            weight_kg=data["weight_kg"],
            op_id=form.operation("store"),
            by=request.user,
            lot_reference=data["lot_reference"],
            papers=data["papers"],
            now=timezone.now(),
        )
    except PaperError as error:
        form.refuse(error.code, "declaration" if error.field == "is_unpledged" else error.field)
        return False
    except goods.ReceiptError as error:
        field = {"AMOUNT": "quantity", "WAREHOUSE": "instrument"}.get(error.code, "lot_reference")
        form.refuse(error.code, field)
        return False
    with BlockingLink(settings.ENGINE_LINK) as link:
        outbox.dispatch(link)
    receipt.refresh_from_db()
    if receipt.state == ReceiptState.REFUSED:
        form.refuse(receipt.refusal, None, (), instrument)
        return False
    messages.success(request, _("仓单 %(number)s 已登记。") % {"number": goods.number(receipt)})
    return True
