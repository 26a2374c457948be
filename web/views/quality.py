"""What a delivery off the contract's base would cost, worked out for both parties alike."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from settlement import queries
from settlement.quality.assess import AssessError, Line, Statement, assess
from settlement.quality.rules import Effect, Glaze, Graded, ProRata, Regain, RuleSet, read_rules
from settlement.quality.tolerance import read_tolerance, weigh
from web import display, roles, words
from web.forms.quality import PREFIX, QualityForm
from web.middleware import VenueRequest
from web.views.office import REFUSED


@roles.only(roles.FIRM, roles.OPERATE)
@require_GET
def quality(request: VenueRequest, trade_id: int) -> HttpResponse:
    """Work out a contract's statement from typed values, line by line. Nothing is stored."""
    found = queries.contract(request.seat.firm, trade_id)
    if found is None:
        raise Http404
    one = found.obligation
    parameters = one.instrument.commodity.parameters
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


def _prices(statement: Statement | None) -> dict[str, str]:
    if statement is None:
        return {}
    return {
        "contract": display.money(statement.contract_price),
        "settled": display.money(statement.price),
    }


def line_words(line: Line, rules: RuleSet) -> dict[str, str]:
    """Return a line as both parties can recompute it: value, rule, arithmetic, effect."""
    rule = line.rule
    measured = line.measured
    if isinstance(rule, Regain):
        # Translators: the arithmetic of cotton's conditioned weight.
        how = _("(100 − 含杂) ÷ (100 − %(trash)s) × (100 + %(regain)s) ÷ (100 + 回潮)") % {
            "trash": plain(rule.trash0),
            "regain": plain(rule.regain0),
        }
    elif isinstance(rule, Glaze):
        how = _("(100 − 实测含冰率) ÷ (100 − %(declared)s)") % {"declared": plain(rule.declared)}
    elif isinstance(rule, ProRata):
        how = _("合同价 × (%(value)s ÷ %(base)s − 1)") % {
            "value": plain(line.counted),
            "base": plain(rule.base),
        }
    elif isinstance(rule, Graded):
        unit = _("元/吨") if rule.effect is Effect.PRICE else "%"
        values = {"count": plain(line.counted), "amount": signed(rule.amount), "unit": unit}
        values |= {"start": plain(rule.start), "step": plain(rule.step)}
        how = _("自 %(start)s 起每 %(step)s 一档：%(count)s × %(amount)s %(unit)s") % values
        if rule.started:
            how = _("%(how)s（不足一档按一档计）") % {"how": how}
    else:
        how = _("按等级差价表")
    if line.price:
        effect = _("%(yuan)s 元/吨") % {"yuan": signed(line.price / 100)}
    elif line.weight != 1:
        effect = _("重量 × %(factor)s") % {"factor": plain(line.weight)}
    else:
        effect = _("不调整")
    return {
        "name": rules.attributes.get(line.attribute, line.attribute),
        "attribute": line.attribute,
        "measured": measured,
        "how": how,
        "effect": effect,
    }


def plain(exact: Fraction, *, places: int = 6) -> str:
    """Return a number with as many decimals as it has, at most `places`."""
    text = (Decimal(exact.numerator) / exact.denominator).quantize(
        Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP
    )
    return f"{text:f}".rstrip("0").rstrip(".")


def signed(exact: Fraction, *, places: int = 6) -> str:
    """Return a number with its sign, a true minus for negative ones."""
    return (display.MINUS if exact < 0 else "+") + plain(abs(exact), places=places)
