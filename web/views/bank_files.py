"""Bank files: written for the bank, loaded from it, and how the bank wants them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from exchange.link import BlockingLink
from exchange.models import Role
from settlement import bank_files as desk
from settlement import outbox, queries
from settlement.models import BankFile, BankFileKind
from settlement.payments.bankfile.layout import LayoutError, raw_standard
from settlement.payments.bankfile.words import FileError
from web import roles
from web.forms.base import ActForm
from web.forms.payments import BankForm, UploadForm
from web.middleware import VenueRequest
from web.reasons import sentence

REFUSED = 422


@roles.only(roles.OPERATE, Role.CLERK)
@require_http_methods(["GET", "POST"])
def files(request: VenueRequest) -> HttpResponse:
    """Show the files; the clerk writes and loads, the operator says what they look like."""
    act = request.POST.get("act", "")
    upload, bank, status = UploadForm.fresh(), _bank_form(), 200
    if request.method == "POST":
        may = Role.OPERATOR if act == "bank" else Role.CLERK
        if request.seat.role != may or act not in ("write", "load", "bank"):
            raise Http404
        if act == "write":
            _write(request)
            return redirect("bank-files", venue=request.venue.code)
        if act == "load":
            upload = UploadForm(request.POST, request.FILES)
            is_done = upload.is_valid() and _load(request, upload)
        else:
            bank = BankForm(request.POST)
            is_done = bank.is_valid() and _configure(request, bank)
        if is_done:
            return redirect("bank-files", venue=request.venue.code)
        status = REFUSED
    found = queries.bank_desk()
    context = {
        "files": found.files,
        "waiting": found.waiting,
        "bank": found.settings,
        "has_key": request.venue.code in settings.BANKFILE_KEYS,
        "write": ActForm.fresh(),
        "upload": upload,
        "bank_form": bank,
        "may_act": request.seat.role == Role.CLERK,
        "may_configure": request.seat.role == Role.OPERATOR,
    }
    return render(request, "operate/bank_files.html", context, status=status)


@roles.only(Role.CLERK)
@require_GET
def download(request: VenueRequest, file_id: int) -> HttpResponse:
    """Return an instruction file, the same bytes each time."""
    file = BankFile.objects.filter(pk=file_id, kind=BankFileKind.INSTRUCTIONS).first()
    if file is None:
        raise Http404
    name = f"{request.venue.code}-instructions-{file.sequence:06d}.txt"
    return HttpResponse(
        bytes(file.body),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _write(request: VenueRequest) -> None:
    if not ActForm(request.POST).is_valid():
        raise Http404
    try:
        file = desk.write(by=request.user, now=timezone.now())
    except desk.DeskError as error:
        messages.error(request, sentence(error.code))
        return
    messages.success(request, _("已生成第 %(number)s 号指令文件。") % {"number": file.sequence})


def _load(request: VenueRequest, form: UploadForm) -> bool:
    load = desk.load_replies if form.cleaned_data["kind"] == "replies" else desk.load_statement
    try:
        loaded = load(form.cleaned_data["file"].read(), by=request.user, now=timezone.now())
    except desk.DeskError as error:
        form.refuse(error.code, "file")
        return False
    except FileError as error:
        form.refuse("FILE_REFUSED", "file")
        form.fault = f"{error.code} · {error.line} · {error.detail}"
        return False
    with BlockingLink(settings.ENGINE_LINK) as link:
        outbox.dispatch(link)
    if not loaded.is_new:
        messages.info(request, _("该文件此前已载入，没有变化。"))
    elif loaded.breaks:
        messages.error(request, _("已载入，%(count)s 行有差异。") % {"count": loaded.breaks})
    else:
        messages.success(request, _("已载入 %(count)s 行。") % {"count": loaded.file.rows})
    return True


def _configure(request: VenueRequest, form: BankForm) -> bool:
    raw: Any = form.cleaned_data["layout"]
    try:
        if not isinstance(raw, dict):
            raise LayoutError("TYPE", "layout")
        desk.configure(
            raw,
            form.cleaned_data["payer_account"],
            clearing_account=form.cleaned_data["clearing_account"],
            fees_account=form.cleaned_data["fees_account"],
            by=request.user,
            now=timezone.now(),
        )
    except desk.DeskError as error:
        form.refuse(error.code, "clearing_account")
        return False
    except LayoutError as error:
        form.refuse("LAYOUT", "layout")
        form.fault = f"{error.code} · {error.field}"
        return False
    messages.success(request, _("已记录。"))
    return True


def _bank_form() -> BankForm:
    found = queries.bank_desk().settings
    raw = found.layout if found is not None else raw_standard()
    return BankForm.fresh(
        layout=raw,
        payer_account=found.payer_account if found else "",
        clearing_account=found.clearing_account if found else "",
        fees_account=found.fees_account if found else "",
    )
