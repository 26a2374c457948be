"""A receipt as keeper, operator and inspector see it: papers, pictures, freezes, pledges, expiry.

The owner's own page is in `office`; a file of a receipt is given to both.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from exchange.link import BlockingLink
from exchange.models import Role
from settlement import (
    expiry,
    outbox,
    pledges,
    receipt_files,
    receipt_freezes,
    receipt_papers,
    set_aside,
    shelf_life,
)
from settlement.models import HoldKind, HoldState, Receipt, ReceiptFile, ReceiptHold, ReceiptState
from settlement.set_aside import HoldError
from web import roles
from web.forms.base import ActForm
from web.forms.receipts import (
    AnswerForm,
    DocumentForm,
    ExtendForm,
    FreezeGoodsForm,
    PledgeForm,
    ReleaseForm,
)
from web.middleware import VenueRequest
from web.reasons import sentence
from web.views.operate import console_frame

REFUSED: Final = 422
STAFF: Final = roles.OPERATE | roles.STORE | {Role.INSPECTOR}
"""Who looks after the goods of the venue's stores."""
_NUMBER: Final = re.compile(r"\A(?:[A-Za-z]{1,8}-R-)?0*([1-9][0-9]{0,14})\Z")


def papers_of(receipt: Receipt, *, today: dt.date) -> dict[str, Any]:
    """Return what every page of a receipt shows of its papers."""
    paper = receipt_papers.of(receipt)
    return {
        "paper": paper,
        "extensions": list(paper.extensions.select_related("by").order_by("pk")) if paper else [],
        "files": receipt_papers.files_of(receipt),
        "is_over": paper is not None and paper.expires_on < today,
        "is_expiring": paper is not None and shelf_life.is_expiring(paper.expires_on, today=today),
    }


@roles.only(roles.OPERATE)
@require_GET
def holds(request: VenueRequest) -> HttpResponse:
    """Show the venue's freezes and pledges, what waits for the operator, and find a receipt."""
    asked = request.GET.get("number", "").strip()
    found = _NUMBER.match(asked)
    receipt = Receipt.objects.filter(pk=int(found[1])).first() if found else None
    if receipt is not None:
        return redirect("receipt-desk", venue=request.venue.code, receipt_id=receipt.pk)
    rows = set_aside.living([HoldKind.FREEZE, HoldKind.PLEDGE, HoldKind.EXPIRY])
    context = console_frame(request, "holds") | {
        "asked": asked,
        "waiting": [one for one in rows if _waits(one)],
        "rows": [one for one in rows if not _waits(one)],
    }
    return render(request, "operate/holds.html", context)


def _waits(hold: ReceiptHold) -> bool:
    """Say whether a pledge waits for the operator: to begin, or to end."""
    is_entered = hold.state == HoldState.ENTERED
    return is_entered or (hold.state == HoldState.HELD and hold.consent_by_id is not None)


@roles.only(STAFF)
@require_http_methods(["GET", "POST"])
def desk(request: VenueRequest, receipt_id: int) -> HttpResponse:
    """Show a receipt; keeper and operator act on it, each their own part."""
    receipt = (
        Receipt.objects.select_related(
            "instrument__commodity", "warehouse", "venue", "owner", "registered_by"
        )
        .exclude(state__in=[ReceiptState.RESERVED, ReceiptState.UNUSED])
        .filter(pk=receipt_id)
        .first()
    )
    if receipt is None:
        raise Http404
    forms: dict[str, Any] = _forms(request, receipt)
    status = 200
    if request.method == "POST":
        act = request.POST.get("act", "")
        if act in forms:
            form = _bound(act, request, receipt)
            if form.is_valid() and _form_act(act, request, receipt, form):
                return redirect("receipt-desk", venue=request.venue.code, receipt_id=receipt_id)
            forms[act] = form
            status = REFUSED
        else:
            _row_act(act, request, receipt)
            return redirect("receipt-desk", venue=request.venue.code, receipt_id=receipt_id)
    for act, form in forms.items():
        form.auto_id = f"{act}_%s"  # several forms of one kind on the page
    rows = set_aside.history(receipt)
    context = papers_of(receipt, today=timezone.localdate()) | {
        "receipt": receipt,
        "free_lots": set_aside.free_lots(receipt),
        "held_lots": set_aside.held_lots(receipt.owner_id).get(receipt.pk, 0),
        "forms": forms,
        "rows": [(one, _offered(request, one), _said(one)) for one in rows],
        "is_pending": any(one.state in (HoldState.ASKED, HoldState.LIFTING) for one in rows),
        "changes": receipt.changes.order_by("at", "key"),
    }
    return render(request, "warehouse/receipt.html", context, status=status)


@roles.only(STAFF, roles.FIRM)
@require_GET
def file(request: VenueRequest, receipt_id: int, file_id: int) -> HttpResponse:
    """Return a photo or certificate to its receipt's owner and to who looks after the goods.

    Others, former owners among them, get what is not there. A PDF is a download; nothing is ever
    run or guessed, and no cache that others share keeps it.
    """
    rows = Receipt.objects.filter(pk=receipt_id)
    if request.seat.role in roles.FIRM:
        rows = rows.filter(owner=request.seat.firm, state__in=ReceiptState.alive())
    receipt = rows.first()
    found = receipt and ReceiptFile.objects.filter(pk=file_id, receipt_id=receipt.root_id).first()
    if not found:
        raise Http404
    try:
        body = receipt_files.read(request.venue.code, found.sha256)
    except receipt_files.FileError as error:
        raise Http404 from error
    is_picture = found.media_type == receipt_files.JPEG
    name = f"{request.venue.code}-{receipt_id}-{found.kind}-{found.position}"
    place = f'inline; filename="{name}.jpg"' if is_picture else f'attachment; filename="{name}.pdf"'
    return HttpResponse(
        body,
        content_type=found.media_type,
        headers={
            "Content-Disposition": place,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, max-age=3600",
        },
    )


# What is entered with a form of its own.


def _forms(request: VenueRequest, receipt: Receipt) -> dict[str, Any]:
    """Return the empty forms of what this seat may enter about a receipt as it stands."""
    if receipt.state not in (ReceiptState.REGISTERED, ReceiptState.ASIDE):
        return {}
    if request.seat.role == Role.OPERATOR:
        return {"freeze": FreezeGoodsForm.fresh(receipt.instrument)}
    if request.seat.role == Role.WAREHOUSE:
        found: dict[str, Any] = {"pledge": PledgeForm.fresh(receipt.instrument)}
        if receipt_papers.of(receipt) is not None:
            found["extend"] = ExtendForm.fresh()
        return found
    return {}


def _bound(act: str, request: VenueRequest, receipt: Receipt) -> ActForm:
    if act == "freeze":
        return FreezeGoodsForm(receipt.instrument, request.POST)
    if act == "pledge":
        return PledgeForm(receipt.instrument, request.POST)
    return ExtendForm(request.POST)


def _form_act(act: str, request: VenueRequest, receipt: Receipt, form: Any) -> bool:
    """Do what a form asks; False when it was refused, which the form then says."""
    data = form.cleaned_data
    common: dict[str, Any] = {
        "venue": request.venue,
        "receipt_id": receipt.pk,
        "document": data["document"],
        "op_id": str(data["op_id"]),
        "by": request.user,
        "now": timezone.now(),
    }
    hold = None
    try:
        if act == "freeze":
            hold = receipt_freezes.freeze(reason=data["reason"], lots=data["quantity"], **common)
        elif act == "pledge":
            pledges.enter(
                pledgee=data["pledgee"],
                secured_fen=data["secured"],
                is_unpledged=data["declaration"] == "none",
                lots=data["quantity"],
                **common,
            )
        else:
            expiry.extend(stored_until=data["stored_until"], **common)
    except HoldError as error:
        field = {"AMOUNT": "quantity", "NOTHING_FREE": "quantity", "REQUIRED": "document"}
        field |= {"PLEDGED_ELSEWHERE": "declaration"}
        field |= {"STORAGE_PERIOD": "stored_until", "SHELF_LIFE": "stored_until"}
        form.refuse(error.code, field.get(error.code))
        return False
    _dispatch()
    if hold is not None:
        hold.refresh_from_db()
        if hold.state == HoldState.REFUSED:
            form.refuse(hold.refusal, "quantity", (), receipt.instrument)
            return False
    messages.success(request, _("已受理。"))
    return True


# What is done about one hold with a button.


def _offered(request: VenueRequest, hold: ReceiptHold) -> tuple[str, Any]:
    """Return the act that this person may do about a hold now, and its form; ("", None) if none."""
    me, role = request.user.pk, request.seat.role
    is_operating = role in roles.OPERATE
    if hold.kind == HoldKind.FREEZE and hold.state == HoldState.HELD:
        if is_operating and hold.asked_by_id != me:
            return "lift", DocumentForm.fresh(row=hold.pk)
    elif hold.kind == HoldKind.PLEDGE:
        if hold.state == HoldState.ENTERED and is_operating and hold.asked_by_id != me:
            return "confirm", AnswerForm.fresh(row=hold.pk)
        if hold.state == HoldState.HELD and role == Role.WAREHOUSE:
            return "consent", DocumentForm.fresh(row=hold.pk)
        if hold.state == HoldState.HELD and is_operating and hold.consent_by_id not in (None, me):
            return "release", ReleaseForm.fresh(row=hold.pk)
    return "", None


def _row_act(act: str, request: VenueRequest, receipt: Receipt) -> None:
    """Lift, confirm, consent or release; what is not there, or not this seat's, is 404."""
    known: dict[str, tuple[frozenset[Role], type[Any]]] = {
        "lift": (roles.OPERATE, DocumentForm),
        "confirm": (roles.OPERATE, AnswerForm),
        "consent": (roles.STORE, DocumentForm),
        "release": (roles.OPERATE, ReleaseForm),
    }
    if act not in known or request.seat.role not in known[act][0]:
        raise Http404
    form = known[act][1](request.POST)
    if not form.is_valid():
        if list(form.errors) == ["document"]:
            messages.error(request, sentence("REQUIRED"))
            return
        raise Http404
    row = form.cleaned_data["row"]
    if not ReceiptHold.objects.filter(pk=row, receipt=receipt).exists():
        raise Http404
    who: dict[str, Any] = {"by": request.user, "now": timezone.now()}
    acts: dict[str, Callable[[], ReceiptHold]] = {
        "lift": lambda: receipt_freezes.lift(row, document=form.cleaned_data["document"], **who),
        "confirm": lambda: pledges.confirm(row, agreed=form.cleaned_data["agreed"] == "yes", **who),
        "consent": lambda: pledges.consent(row, document=form.cleaned_data["document"], **who),
        "release": lambda: pledges.release(row, **who),
    }
    try:
        hold = acts[act]()
    except HoldError as error:
        if error.code in ("UNKNOWN_FREEZE", "UNKNOWN_PLEDGE"):
            raise Http404 from error
        messages.error(request, sentence(error.code))
        return
    _dispatch()
    hold.refresh_from_db()
    if hold.state == HoldState.REFUSED:
        messages.error(request, sentence(hold.refusal, (), receipt.instrument))
        return
    messages.success(request, _("已受理。"))


def _said(hold: ReceiptHold) -> str:
    return sentence(hold.refusal) if hold.refusal else ""


def _dispatch() -> None:
    with BlockingLink(settings.ENGINE_LINK) as link:
        outbox.dispatch(link)
