"""Rules of adjustment and rejection in words, as a contract states them."""

from __future__ import annotations

from django.utils.translation import gettext as _

from settlement.quality.rules import (
    Action,
    Adjustment,
    Effect,
    Glaze,
    Graded,
    ProRata,
    Regain,
    Reject,
    RuleSet,
    Side,
)
from web import display


def adjustment_words(rule: Adjustment, rules: RuleSet) -> tuple[str, str, str]:
    """Return what is measured, what it moves, and how: three cells of a table."""
    if isinstance(rule, Regain):
        how = _(
            "净重 × (100 − 实测含杂) ÷ (100 − %(trash)s) × (100 + %(regain)s) ÷ (100 + 实测回潮)"
        ) % {"trash": display.plain(rule.trash0), "regain": display.plain(rule.regain0)}
        names = _("、").join(rules.attributes[code] for code in ("trash", "regain"))
        return names, _("结算重量"), how
    if isinstance(rule, Glaze):
        how = _("净重 × (100 − 实测含冰率) ÷ (100 − %(declared)s)") % {
            "declared": display.plain(rule.declared)
        }
        return rules.attributes["glaze"], _("结算重量"), how
    name = rules.attributes[rule.attribute]
    if isinstance(rule, ProRata):
        how = _(
            "合同价 × 实测值 ÷ %(base)s；"
            "实测值低于 %(low)s 按 %(low)s 计，高于 %(high)s 按 %(high)s 计"
        ) % {
            "base": display.plain(rule.base),
            "low": display.plain(rule.low),
            "high": display.plain(rule.high),
        }
        return name, _("单价"), how
    if isinstance(rule, Graded):
        return name, _("单价") if rule.effect is Effect.PRICE else _("结算重量"), _graded(rule)
    grades = _("；").join(
        f"{grade} {display.signed(amount)}" for grade, amount in rule.amounts.items()
    )
    return name, _("单价"), _("按等级（元/吨）%(grades)s") % {"grades": grades}


def _graded(rule: Graded) -> str:
    values = {
        "start": display.plain(rule.start),
        "stop": display.plain(rule.stop),
        "step": display.plain(rule.step),
        "amount": display.signed(rule.amount),
        "unit": _("元/吨") if rule.effect is Effect.PRICE else "%",
    }
    if rule.side is Side.ABOVE:
        text = _("高于 %(start)s 起、至 %(stop)s 止，每 %(step)s：%(amount)s %(unit)s") % values
    else:
        text = _("低于 %(start)s 起、至 %(stop)s 止，每 %(step)s：%(amount)s %(unit)s") % values
    if not rule.whole:
        return _("%(how)s（按比例计）") % {"how": text}
    if rule.started:
        return _("%(how)s（不足一档按一档计）") % {"how": text}
    return _("%(how)s（不足一档不计）") % {"how": text}


def reject_words(reject: Reject, rules: RuleSet) -> tuple[str, str, str]:
    """Return what is measured, the bound, and what beyond it follows."""
    values = {"value": reject.value}
    bound = {
        "<": _("低于 %(value)s") % values,
        ">": _("高于 %(value)s") % values,
        "!=": _("不为 %(value)s") % values,
        "missing": _("缺失"),
    }[reject.operator]
    follows = {
        Action.BUYER_OPTION: _("买方可以拒收"),
        Action.MANDATORY: _("买方应当拒收"),
        Action.HOLD_AND_UMPIRE: _("封存待第三方复检"),
    }[reject.action]
    return rules.attributes[reject.attribute], bound, follows
