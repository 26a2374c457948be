"""What a delivery off the contract's base would cost, worked out for both parties alike."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from settlement import queries
from settlement.models import Obligation
from settlement.quality import versions
from settlement.quality.assess import AssessError, Statement, assess
from settlement.quality.rules import read_rules
from settlement.quality.tolerance import read_tolerance, weigh
from settlement.quality.versions import VersionError
from web import display, roles, words
from web.forms.quality import PREFIX, QualityForm
from web.middleware import VenueRequest
from web.rule_words import line_words
from web.views.office import REFUSED


@roles.only(roles.FIRM, roles.OPERATE)
@require_GET
def quality(request: VenueRequest, trade_id: int) -> HttpResponse:
    """Work out a contract's statement from typed values, line by line. Nothing is stored.

    By the rules that the contract keeps; where a receipt passes, by those in force at the trade.
    """
    found = queries.contract(request.seat.firm, trade_id)
    if found is None:
        raise Http404
    one = found.obligation
    parameters = _rules_of(one)
    rules = read_rules(parameters)
    units = {row["code"]: row.get("unit", "-") for row in parameters["attributes"]}
    statement = None
    status = 200
    context: dict[str, Any] = {}
    if request.GET:
        form = QualityForm(rules, units, request.GET)
        if form.is_valid():
            try:
                statement = assess(
                    rules,
                    price=one.price_ticks * one.instrument.tick_fen_per_t,
                    delivered_kg=form.weight_kg(),
                    measured=form.measured(),
                )
            except AssessError as error:
                form.refuse(error.code, error.attribute)
                status = REFUSED
        else:
            status = REFUSED
        if statement is not None:
            context["delivered"] = weigh(
                read_tolerance(parameters), agreed_kg=one.weight_kg, delivered_kg=form.weight_kg()
            )
            context["lines"] = [line_words(line, rules) for line in statement.lines]
            context["rejects"] = [
                {"name": rules.attributes[r.attribute], "action": r.action.value}
                for r in statement.rejects
            ]
            context["difference"] = display.money(statement.value_fen - one.value_fen)
    else:
        initial = {"weight": f"{one.weight_kg // 1000}.{one.weight_kg % 1000:03d}"}
        for row in parameters["attributes"]:
            if "base" in row:
                initial[PREFIX + row["code"]] = str(row["base"])
        form = QualityForm(rules, units, initial=initial)
    context |= {
        "contract": one,
        "number": words.contract_number(request.venue, trade_id),
        "form": form,
        "statement": statement,
        "prices": _prices(statement),
        "digest": rules.digest[:16],
    }
    return render(request, "office/quality.html", context, status=status)


def _rules_of(one: Obligation) -> dict[str, Any]:
    if one.terms:
        kept: dict[str, Any] = one.terms["quality"]
        return kept
    try:
        return versions.rules_of(versions.in_force(one.instrument.commodity, one.opened_at))
    except VersionError:
        raise Http404 from None


def _prices(statement: Statement | None) -> dict[str, str]:
    if statement is None:
        return {}
    return {
        "contract": display.money(statement.contract_price),
        "settled": display.money(statement.price),
    }
