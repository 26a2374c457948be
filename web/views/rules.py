"""Quality and weight rules: shown to all at the venue, drafted and published by two people."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from exchange.models import Commodity, Role
from settlement.models import RuleState, RuleVersion
from settlement.quality import preview, samples, versions
from settlement.quality.changes import changes
from settlement.quality.preview import Effect
from settlement.quality.rules import RuleSet, read_rules
from settlement.quality.text import RuleError, digest_of
from settlement.quality.tolerance import read_tolerance
from settlement.quality.versions import Shelf, VersionError
from web import display, roles, words
from web.forms.base import ActForm, has_acted, remember
from web.forms.rules import (
    DraftForm,
    PublishForm,
    RuleTableForm,
    RuleTextForm,
    WithdrawForm,
    pretty,
)
from web.middleware import VenueRequest
from web.reasons import sentence
from web.rule_words import adjustment_words, change_words, line_words, named, reject_words
from web.views.operate import console_frame

REFUSED: Final = 422
_ALL: Final = (roles.FIRM, roles.OPERATE, roles.HANDLE)


# For everybody at the venue (RULEBOOK C13: rules are shown and can be downloaded).


@roles.only(*_ALL)
@require_GET
def rules(request: VenueRequest) -> HttpResponse:
    """Show which rules are in force, which are announced, and which are open for comment."""
    rows = [one for one in versions.shelves(request.venue, timezone.now()) if _has_any(one)]
    return render(request, "office/rules.html", {"rows": rows})


@roles.only(*_ALL)
@require_GET
def rule_set(request: VenueRequest, code: str, number: int) -> HttpResponse:
    """Show one version in words, and what it changes."""
    one = _version(code, number)
    replaced = versions.before(one)
    said = versions.rules_of(one)
    read = read_rules(said)
    context = {
        "version": one,
        "state": _state(one, timezone.now()),
        "basis": words.weight_basis(said),
        "tolerance": read_tolerance(said),
        "adjustments": [adjustment_words(rule, read) for rule in read.adjustments],
        "rejects": [reject_words(reject, read) for reject in read.rejects],
        "masses": [(size, display.plain(kg)) for size, kg in read.kg_per_m.items()],
        "replaced": replaced,
        "changes": _changes(replaced, one) if replaced is not None else [],
    }
    return render(request, "office/rule_set.html", context)


@roles.only(*_ALL)
@require_GET
def rule_text(request: VenueRequest, code: str, number: int) -> HttpResponse:
    """Return a version's canonical JSON, whose SHA-256 contracts name."""
    one = _version(code, number)
    versions.rules_of(one)
    answer = HttpResponse(one.text, content_type="application/json; charset=utf-8")
    name = f"{request.venue.code}-{one.commodity.code}-v{one.number}.json"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-SHA256"] = one.digest
    return answer


# For the operator.


@roles.only(roles.OPERATE)
@require_GET
def rule_versions(request: VenueRequest) -> HttpResponse:
    """Show every commodity of the venue with its rules, and where they are missing."""
    context = console_frame(request, "rules") | {
        "rows": versions.shelves(request.venue, timezone.now())
    }
    return render(request, "operate/rules.html", context)


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def rule_commodity(request: VenueRequest, code: str) -> HttpResponse:
    """Show a commodity's versions, what a coming one changes and would have paid; decide."""
    shelf = _shelf(request, code)
    forms: dict[str, ActForm] = {}
    status = 200
    if request.method == "POST":
        act = request.POST.get("act", "")
        one = _acted_on(request, shelf)
        form, run = _decision(request, act, one)
        if form.is_valid() and (has_acted(request, form) or _done(request, form, run)):
            return redirect("rule-commodity", venue=request.venue.code, code=code)
        forms[f"{act}-{one.number}"] = form
        status = REFUSED
    coming = [*shelf.announced, *([shelf.draft] if shelf.draft else [])]
    now = timezone.now()
    context = console_frame(request, "rules") | {
        "shelf": shelf,
        "rows": [(one, _state(one, now)) for one in versions.history(shelf.commodity)],
        "coming": [_coming(request, shelf, one, forms) for one in coming],
        "may_draft": request.seat.role == Role.OPERATOR,
        "earliest": versions.earliest_day(shelf.commodity, now),
    }
    return render(request, "operate/rule_commodity.html", context, status=status)


@roles.only(Role.OPERATOR)
@require_http_methods(["GET", "POST"])
def rule_draft(request: VenueRequest, code: str) -> HttpResponse:
    """Write the draft: the tables' amounts, or the whole text."""
    shelf = _shelf(request, code)
    said = versions.starting_point(shelf.commodity)
    names = {row["code"]: row["zh"] for row in said["attributes"]}
    initial = _initial(shelf) | {"base": digest_of(said)}
    table = RuleTableForm(said, names, initial=initial | {"op_id": uuid.uuid4()})
    text = RuleTextForm(initial=initial | {"op_id": uuid.uuid4(), "text": pretty(said)})
    status = 200
    if request.method == "POST":
        form: DraftForm
        if request.POST.get("act") == "table":
            form = table = RuleTableForm(said, names, request.POST)
        else:
            form = text = RuleTextForm(request.POST)
        if form.is_valid() and (has_acted(request, form) or _drafted(request, form, shelf)):
            return redirect("rule-commodity", venue=request.venue.code, code=code)
        status = REFUSED
    context = console_frame(request, "rules") | {"shelf": shelf, "table": table, "text": text}
    return render(request, "operate/rule_draft.html", context, status=status)


def _drafted(request: VenueRequest, form: DraftForm, shelf: Shelf) -> bool:
    try:
        one = versions.draft(
            shelf.commodity,
            form.rules(),
            effective_on=form.cleaned_data["effective_on"],
            summary=form.cleaned_data["summary"],
            base=form.cleaned_data["base"],
            by=request.user,
            now=timezone.now(),
        )
    except RuleError as error:
        form.refuse_rules(error)
        return False
    except VersionError as error:
        form.refuse_version(error)
        return False
    remember(request, form)
    messages.success(request, _("草案已保存：第 %(number)s 版") % {"number": one.number})
    return True


def _decision(
    request: VenueRequest, act: str, one: RuleVersion
) -> tuple[ActForm, Callable[[Any], object]]:
    """Return the form of a decision that this seat may take, and what carries it out."""
    now = timezone.now()
    if act == "publish" and request.seat.role == Role.REVIEWER:
        return PublishForm(request.POST), lambda said: versions.publish(
            one.pk, digest=said["digest"], effective_on=said["effective_on"], by=request.user,
            now=now,
        )  # fmt: skip
    if act == "withdraw" and _may_withdraw(request, one):
        return WithdrawForm(request.POST), lambda said: versions.withdraw(
            one.pk, why=said["why"], by=request.user, now=now
        )
    raise Http404


def _done(request: VenueRequest, form: ActForm, run: Callable[[Any], object]) -> bool:
    try:
        run(form.cleaned_data)
    except VersionError as error:
        form.refuse(error.code, "why" if error.code == "REQUIRED" else None)
        return False
    remember(request, form)
    messages.success(request, _("已办理。"))
    return True


def _coming(
    request: VenueRequest, shelf: Shelf, one: RuleVersion, forms: dict[str, ActForm]
) -> dict[str, Any]:
    """Return an announced version or the draft with its changes, effects, and what may be done."""
    replaced = versions.before(one)
    after = read_rules(versions.rules_of(one))
    is_draft = one.state == RuleState.DRAFT
    publish = withdraw = None
    if is_draft and request.seat.role == Role.REVIEWER:
        fresh = PublishForm.fresh(digest=one.digest, effective_on=one.effective_on)
        publish = forms.get(f"publish-{one.number}", fresh)
    if _may_withdraw(request, one):
        withdraw = forms.get(f"withdraw-{one.number}", WithdrawForm.fresh())
    effects = []
    if replaced is not None:
        before = read_rules(versions.rules_of(replaced))
        effects = _effects(request, shelf.commodity, before, after)
    own = [row["difference_fen"] for row in effects if row["is_own"]]
    known = [fen for fen in own if fen is not None]
    return {
        "version": one,
        "is_draft": is_draft,
        "state": _state(one, timezone.now()),
        "replaced": replaced,
        "changes": _changes(replaced, one) if replaced is not None else [],
        "effects": effects,
        "total": _difference(sum(known)) if own else "",
        "unpaid": len(own) - len(known),
        "publish": publish,
        "withdraw": withdraw,
        "is_own": one.proposed_by_id == request.user.pk,
    }


def _effects(
    request: VenueRequest, commodity: Commodity, before: RuleSet, after: RuleSet
) -> list[dict[str, Any]]:
    known = [(0, one) for one in preview.known_samples(commodity.parameters, before)]
    rows = []
    for trade_id, sample in [*known, *samples.last_statements(commodity)]:
        name = _("基准品") if sample.name == "base" else _("算例 %(name)s") % {"name": sample.name}
        if trade_id:
            number = words.contract_number(request.venue, trade_id)
            name = _("%(number)s 磅单 %(tickets)s") % {"number": number, "tickets": sample.name}
        row = _effect_words(name, preview.effect(sample, before, after), before, after)
        rows.append(row | {"is_own": bool(trade_id)})
    return rows


def _effect_words(name: str, found: Effect, before: RuleSet, after: RuleSet) -> dict[str, Any]:
    lines = []
    for one, other in found.lines:
        was = line_words(one, before) if one is not None else None
        is_now = line_words(other, after) if other is not None else None
        shown = is_now or was
        assert shown is not None, "a line has at least one side"
        lines.append(
            {
                "name": shown["name"],
                "measured": shown["measured"],
                "before": was["effect"] if was else "—",
                "after": is_now["effect"] if is_now else "—",
            }
        )
    difference = found.difference_fen
    return {
        "name": name,
        "before": found.before,
        "after": found.after,
        "before_why": _why(found.before, before),
        "after_why": _why(found.after, after),
        "difference": _difference(difference) if difference is not None else "",
        "difference_fen": difference,
        "lines": lines,
    }


def _why(side: preview.Paid, said: RuleSet) -> str:
    if not side.refusal:
        return ""
    name = named(side.attribute, said.attributes.get(side.attribute, side.attribute))
    return f"{name} · {sentence(side.refusal)}"


def _difference(fen: int) -> str:
    return display.money(fen) if fen <= 0 else f"+{display.money(fen)}"


def _changes(replaced: RuleVersion, one: RuleVersion) -> list[dict[str, Any]]:
    before, after = versions.rules_of(replaced), versions.rules_of(one)
    names = {row["code"]: row["zh"] for said in (before, after) for row in said["attributes"]}
    return [change_words(change, names) for change in changes(before, after)]


def _state(one: RuleVersion, now: dt.datetime) -> str:
    """Return how a version stands now: draft, announced, in_force, past or withdrawn."""
    if one.state != RuleState.PUBLISHED:
        return str(one.state)
    if now < versions.begins(one.effective_on):
        return "announced"
    in_force = versions.find_in_force(one.commodity, now)
    return "in_force" if in_force is not None and in_force.pk == one.pk else "past"


def _may_withdraw(request: VenueRequest, one: RuleVersion) -> bool:
    """A draft is given up by either person, an announcement taken back by the second one."""
    if one.state == RuleState.DRAFT:
        return True
    return (
        one.state == RuleState.PUBLISHED
        and request.seat.role == Role.REVIEWER
        and timezone.now() < versions.begins(one.effective_on)
    )


def _initial(shelf: Shelf) -> dict[str, Any]:
    earliest = versions.earliest_day(shelf.commodity, timezone.now())
    if shelf.draft is None:
        return {"effective_on": earliest, "summary": ""}
    return {
        "effective_on": max(earliest, shelf.draft.effective_on),
        "summary": shelf.draft.summary,
    }


def _has_any(shelf: Shelf) -> bool:
    return bool(shelf.in_force or shelf.announced or shelf.draft)


def _shelf(request: VenueRequest, code: str) -> Shelf:
    for one in versions.shelves(request.venue, timezone.now()):
        if one.commodity.code == code:
            return one
    raise Http404


def _version(code: str, number: int) -> RuleVersion:
    found = versions.find_version(code, number)
    if found is None:
        raise Http404
    return found


def _acted_on(request: VenueRequest, shelf: Shelf) -> RuleVersion:
    number = request.POST.get("number", "")
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise Http404
    return _version(shelf.commodity.code, int(number))
