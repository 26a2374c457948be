"""The operator's console: instruments, approvals, halts, the journal and the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from exchange import access, decisions, queries, rulebook
from exchange.link import BlockingLink, LinkError
from exchange.models import DECISION_OPEN, Approval, Decision, InstrumentStatus, Role
from exchange.rulebook import RuleError
from exchange.sequencer import VenueState
from matching.commands import Phase
from settlement import books
from settlement.models import BooksCheck, RuleState, RuleVersion
from settlement.quality import listing, versions
from settlement.quality.versions import VersionError
from web import roles
from web.forms.base import ActForm, has_acted, remember
from web.forms.instrument import InstrumentForm, earlier
from web.forms.operate import ActivateForm, ApprovalForm, ConfirmedForm, HaltForm
from web.middleware import VenueRequest

REFUSED: Final = 422
BOOKS_WAIT_S: Final = 3
"""How long a page waits for ledger and engine to stand at one block."""


def _link() -> BlockingLink:
    return BlockingLink(settings.ENGINE_LINK)


# Instruments.


@roles.only(roles.OPERATE)
@require_GET
def console(request: VenueRequest) -> HttpResponse:
    """Show every instrument with what the engine says of it now, and the day's figures."""
    engine = _engine(request)
    day = queries.venue_status().day
    rows = queries.board()
    todays = [row.statistics for row in rows if row.statistics and row.statistics.day == day]
    context = console_frame(request, "instruments") | {
        "engine": engine,
        "check": BooksCheck.objects.filter(venue=request.venue).first(),
        "rows": [
            {
                "instrument": row.instrument,
                "statistics": row.statistics,
                "phase": engine["phases"].get(row.instrument.pk),
                "is_open": engine["phases"].get(row.instrument.pk) == Phase.CONTINUOUS,
            }
            for row in rows
        ],
        "rule_gaps": [
            one.commodity for one in versions.shelves(request.venue, timezone.now()) if one.is_gap
        ],
        "day": day,
        "turnover_fen": sum(one.turnover_fen for one in todays),
        "trades": sum(one.trades for one in todays),
        "is_pending": any(
            row.instrument.status == InstrumentStatus.PROPOSED
            or engine["halts"].get(row.instrument.pk, row.instrument.status == "suspended")
            != (row.instrument.status == InstrumentStatus.SUSPENDED)
            for row in rows
        ),
    }
    return render(request, "operate/console.html", context)


@roles.only(Role.OPERATOR)
@require_http_methods(["GET", "POST"])
def new_instrument(request: VenueRequest) -> HttpResponse:
    """List an instrument: filled with the commodity's usual terms, each figure checked."""
    if request.method == "GET":
        asked = request.GET
        form = InstrumentForm.suggested(
            request.venue,
            asked.get("commodity", ""),
            asked.get("warehouse", ""),
            asked.get("mode", ""),
        )
        return render(
            request, "operate/new_instrument.html", console_frame(request) | {"form": form}
        )
    form = InstrumentForm(request.venue, request.POST)
    if form.is_valid() and _propose(request, form):
        messages.success(request, _("已挂牌：%(code)s") % {"code": form.terms.code})
        return redirect("console", venue=request.venue.code)
    context = console_frame(request) | {"form": form}
    return render(request, "operate/new_instrument.html", context, status=REFUSED)


def _propose(request: VenueRequest, form: InstrumentForm) -> bool:
    """List it; the same terms of the same operator again are the same listing."""
    try:
        with _link() as link:
            listing.list_instrument(
                venue=request.venue,
                operator=request.user,
                link=link,
                terms=form.terms,
                today=timezone.localdate(),
                now=timezone.now(),
                before=earlier(form.terms, request.user.pk),
            )
    except VersionError as error:
        form.refuse(error.code, "delivery")
        return False
    except RuleError as error:
        form.refuse_rule(error)
        return False
    except LinkError as error:
        form.interrupted(error)
        return False
    return True


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def halt(request: VenueRequest, code: str) -> HttpResponse:
    """Show an instrument's terms; the operator suspends it, or asks for its resumption."""
    instrument = access.instrument(code)
    is_halted = instrument.status == InstrumentStatus.SUSPENDED
    form = HaltForm.fresh(instrument.code, halted="0" if is_halted else "1")
    status = 200
    if request.method == "POST":
        if instrument.status not in (InstrumentStatus.LISTED, InstrumentStatus.SUSPENDED):
            raise Http404
        form = HaltForm(instrument.code, request.POST)

        def decide(link: BlockingLink) -> None:
            reason = form.cleaned_data["reason"]
            if form.wants_halt:
                rulebook.halt_instrument(
                    operator=request.user, link=link, instrument=instrument, reason=reason
                )
                return
            decisions.ask_resume(
                venue=request.venue,
                instrument=instrument,
                reason=reason,
                by=request.user,
                now=timezone.now(),
            )

        if decided(request, form, decide, role=Role.OPERATOR):
            return _said(request, form, instrument.code)
        status = REFUSED
    engine = _engine(request)
    context = console_frame(request, "instruments") | {
        "instrument": instrument,
        "phase": engine["phases"].get(instrument.pk),
        "band": engine["bands"].get(instrument.pk),
        "is_halted": is_halted,
        "form": form,
        "may_halt": request.seat.role == Role.OPERATOR
        and instrument.status in (InstrumentStatus.LISTED, InstrumentStatus.SUSPENDED),
    }
    return render(request, "operate/instrument.html", context, status=status)


# The whole venue.


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def halt_venue(request: VenueRequest) -> HttpResponse:
    """Halt the whole venue, or ask for its resumption: either person of the operator may."""
    code = request.venue.code.upper()
    is_halted = queries.venue_status().halted
    form = HaltForm.fresh(code, halted="0" if is_halted else "1")
    status = 200
    if request.method == "POST":
        form = HaltForm(code, request.POST)

        def decide(link: BlockingLink) -> None:
            reason, by = form.cleaned_data["reason"], request.user
            if form.wants_halt:
                rulebook.halt_venue(venue=request.venue, operator=by, link=link, reason=reason)
                return
            decisions.ask_resume(
                venue=request.venue, instrument=None, reason=reason, by=by, now=timezone.now()
            )

        if decided(request, form, decide):
            return _said(request, form, code)
        status = REFUSED
    context = console_frame(request, "venue") | {
        "is_halted": is_halted,
        "form": form,
    }
    return render(request, "operate/venue.html", context, status=status)


# Approvals.


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def approvals(request: VenueRequest) -> HttpResponse:
    """Show approvals of two-sided matching; the operator records one for a reviewer to activate."""
    form = ApprovalForm.fresh(request.venue)
    status = 200
    if request.method == "POST":
        form = ApprovalForm(request.venue, request.POST)

        def decide(link: BlockingLink) -> None:
            terms = {name: form.cleaned_data[name] for name in _APPROVAL}
            rulebook.record_approval(
                venue=request.venue,
                operator=request.user,
                is_demo=settings.HAIDAI_DEMO,
                **terms,
            )

        if decided(request, form, decide, role=Role.OPERATOR):
            messages.success(request, _("已登记，待复核人启用。"))
            return redirect("approvals", venue=request.venue.code)
        status = REFUSED
    today = timezone.localdate()
    rows = Approval.objects.select_related("made_by", "activated_by").order_by("-pk")
    context = console_frame(request, "approvals") | {
        "form": form,
        "rows": [
            {
                "approval": one,
                "is_valid": one.activated_by_id is not None
                and one.valid_from <= today <= one.valid_to,
                "form": ActivateForm.fresh(),
                "may_activate": request.seat.role == Role.REVIEWER
                and one.activated_by_id is None
                and one.made_by_id != request.user.pk,
            }
            for one in rows
        ],
        "may_record": request.seat.role == Role.OPERATOR,
    }
    return render(request, "operate/approvals.html", context, status=status)


_APPROVAL: Final = ("number", "authority", "opinion", "scope", "valid_from", "valid_to")


@roles.only(Role.REVIEWER)
@require_POST
def activate_approval(request: VenueRequest, approval_id: int) -> HttpResponse:
    """Activate an approval that somebody else recorded."""
    approval = Approval.objects.filter(pk=approval_id).first()
    if approval is None:
        raise Http404
    form = ActivateForm(request.POST)
    if decided(
        request,
        form,
        lambda link: rulebook.activate_approval(approval=approval, reviewer=request.user),
    ):
        messages.success(request, _("已启用：%(code)s") % {"code": approval.number})
    else:
        for error in form.non_field_errors():
            messages.error(request, str(error))
    return redirect("approvals", venue=request.venue.code)


# Journal and books.


@roles.only(roles.OPERATE)
@require_GET
def journal(request: VenueRequest) -> HttpResponse:
    """Show how far the journal is and how far behind each reader; on demand, the proof of books."""
    engine = _engine(request)
    proof, fault = None, ""
    if "prove" in request.GET:
        try:
            with _link() as link:
                proof = books.prove(link, wait_s=BOOKS_WAIT_S)
        except books.NoCommonHeight:
            fault = "NO_COMMON_HEIGHT"
        except LinkError as error:
            fault = error.code
    context = console_frame(request, "journal") | {
        "engine": engine,
        "readers": [
            {"name": name, "seq": seq, "behind": max(engine["seq"] - seq, 0)}
            for name, seq in sorted(queries.bookmarks().items())
        ],
        "proof": proof,
        "fault": fault,
    }
    return render(request, "operate/journal.html", context)


# What the pages share.


def console_frame(request: VenueRequest, section: str = "") -> dict[str, Any]:
    """Return what stands around every page of the console."""
    status = queries.venue_status()
    return {
        "section": section,
        "venue_halted": status.halted,
        "waiting_approvals": Approval.objects.filter(activated_by__isnull=True).count(),
        "waiting_decisions": Decision.objects.filter(state__in=DECISION_OPEN).count(),
        "waiting_rules": RuleVersion.objects.filter(state=RuleState.DRAFT).count(),
        "may_list": request.seat.role == Role.OPERATOR,
    }


def _engine(request: VenueRequest) -> dict[str, Any]:
    """Return what the engine says now; without an answer the state is `recovering`."""
    answer: dict[str, Any] = {"seq": 0, "phases": {}, "halts": {}, "bands": {}}
    with _link() as link:
        state = link.state(request.venue.id)
        if state != VenueState.RECOVERING:
            try:
                market = link.market(request.venue.id)
            except LinkError:
                state = VenueState.RECOVERING
            else:
                answer["seq"] = market["seq"]
                for key, phase, halted, reference, low, high in market["instruments"]:
                    answer["phases"][key] = phase
                    answer["halts"][key] = halted
                    answer["bands"][key] = {"reference": reference, "low": low, "high": high}
    return answer | {"state": state.value}


def decided(
    request: VenueRequest,
    form: ActForm,
    decide: Callable[[BlockingLink], None],
    role: Role | None = None,
) -> bool:
    """Carry out a decision once; False when it was refused, which the form then says."""
    if role is not None and request.seat.role != role:
        raise Http404
    if not form.is_valid():
        return False
    if has_acted(request, form):
        return True
    try:
        with _link() as link:
            decide(link)
    except RuleError as error:
        form.refuse(error.code, error.field, error.values)
        return False
    except LinkError as error:
        form.interrupted(error)
        return False
    remember(request, form)
    return True


def _said(request: VenueRequest, form: HaltForm, code: str) -> HttpResponse:
    """Say what was halted, or that a resumption waits for the second person."""
    if form.wants_halt:
        say_halt(request, form, code)
        return redirect("console", venue=request.venue.code)
    messages.success(request, _("已提请，待另一人复核。"))
    return redirect("decisions", venue=request.venue.code)


def say_halt(request: VenueRequest, form: ConfirmedForm, code: str) -> None:
    """Tell the operator what has been stopped or resumed."""
    said = _("已暂停：%(code)s") if form.wants_halt else _("已恢复：%(code)s")
    messages.success(request, said % {"code": code})
