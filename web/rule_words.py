"""Rules of adjustment in words that both parties read: what each does, what a change is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from settlement.quality.assess import Line
from settlement.quality.changes import Change
from settlement.quality.rules import (
    Adjustment,
    Effect,
    Glaze,
    Graded,
    ProRata,
    Regain,
    Reject,
    RuleSet,
    Side,
    Table,
)
from web.display import plain, signed

PARTS = {
    "attributes": _("指标"),
    "adjustments": _("调整"),
    "rejects": _("拒收条件"),
    "weight_basis": _("计重"),
    "piece_mass_kg_per_m": _("每米理论重量（千克）"),
    "vat_pct": _("增值税率"),
    "code": _("代码"),
    "order": _("顺序"),
    "zh": _("名称"),
    "unit": _("单位"),
    "base": _("基准"),
    "min": _("下限"),
    "max": _("上限"),
    "max_abs": _("允许偏差"),
    "enum": _("可选值"),
    "attr": _("指标"),
    "effect": _("影响"),
    "method": _("方法"),
    "when": _("方向"),
    "from": _("起点"),
    "to": _("终点"),
    "step": _("每档"),
    "per": _("每单位"),
    "amount": _("调整额"),
    "rounding": _("取整"),
    "lo": _("下限"),
    "hi": _("上限"),
    "table": _("差价表"),
    "trash0": _("基准含杂"),
    "regain0": _("公定回潮"),
    "declared": _("申报含冰率"),
    "op": _("比较"),
    "value": _("界限"),
    "action": _("后果"),
    "tolerance_pct": _("溢短装"),
    "plus": _("溢装"),
    "minus": _("短装"),
    "note": _("说明"),
    "src": _("来源"),
    "above": _("高于"),
    "below": _("低于"),
    "pro_rata": _("按比例"),
    "per_unit": _("按单位"),
    "regain": _("公定重量"),
    "glaze": _("去冰净重"),
    "missing": _("缺失"),
}
ACTIONS = {
    "BUYER_OPTION": _("买方有权拒收。"),
    "MANDATORY": _("不得作为本品交收，须退货。"),
    "HOLD_AND_UMPIRE": _("暂停交收，由第三方复检。"),
}


def named(code: str, name: str) -> str:
    """Return an attribute's name; in English with its code, because names are Chinese."""
    return name if get_language() != "en" else f"{name} ({code})"


def change_words(change: Change, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a change with its place in words; `names` are the attributes' names by code."""
    words: list[str] = []
    for depth, part in enumerate(change.place):
        is_attribute = depth == 1 and change.place[0] in ("attributes", "adjustments", "rejects")
        name = named(part, names[part]) if is_attribute and part in names else None
        word = name or (gettext(PARTS[part]) if part in PARTS else part)
        if word not in words[-1:]:  # a table's method, and its grades
            words.append(word)
    return {
        "place": " · ".join(words),
        "path": ".".join(change.place),
        "before": change.before,
        "after": change.after,
    }


def adjustment_words(rule: Adjustment, rules: RuleSet) -> dict[str, Any]:
    """Return a rule as a sentence, or as a row of grades."""
    if isinstance(rule, Regain):
        values = {"trash": plain(rule.trash0), "regain": plain(rule.regain0)}
        how = gettext("净重 × (100 − 含杂) ÷ (100 − %(trash)s) × (100 + %(regain)s) ÷ (100 + 回潮)")
        return {"name": gettext("公定重量"), "how": how % values, "grades": []}
    if isinstance(rule, Glaze):
        how = gettext("申报净重 × (100 − 实测含冰率) ÷ (100 − %(declared)s)")
        values = {"declared": plain(rule.declared)}
        return {"name": gettext("去冰净重"), "how": how % values, "grades": []}
    name = named(rule.attribute, rules.attributes[rule.attribute])
    if isinstance(rule, Table):
        grades = [(grade, signed(yuan) if yuan else "0") for grade, yuan in rule.amounts.items()]
        return {"name": name, "how": gettext("按等级加减价（元/吨）"), "grades": grades}
    if isinstance(rule, ProRata):
        how = gettext("合同价 × 实测 ÷ %(base)s，实测按 %(low)s 至 %(high)s 计")
        values = {"base": plain(rule.base), "low": plain(rule.low), "high": plain(rule.high)}
        return {"name": name, "how": how % values, "grades": []}
    return {"name": name, "how": _graded(rule), "grades": []}


def _graded(rule: Graded) -> str:
    is_above = rule.side is Side.ABOVE
    if rule.whole and rule.started:
        how = (
            gettext(
                "高于 %(start)s，每 %(step)s 一档（不足一档按一档计）%(amount)s，至 %(stop)s 止"
            )
            if is_above
            else gettext(
                "低于 %(start)s，每 %(step)s 一档（不足一档按一档计）%(amount)s，至 %(stop)s 止"
            )
        )
    elif rule.whole:
        how = (
            gettext("高于 %(start)s，每满 %(step)s 一档 %(amount)s，至 %(stop)s 止")
            if is_above
            else gettext("低于 %(start)s，每满 %(step)s 一档 %(amount)s，至 %(stop)s 止")
        )
    else:
        how = (
            gettext("高于 %(start)s，每 %(step)s 按比例 %(amount)s，至 %(stop)s 止")
            if is_above
            else gettext("低于 %(start)s，每 %(step)s 按比例 %(amount)s，至 %(stop)s 止")
        )
    amount = (
        gettext("%(amount)s 元/吨") if rule.effect is Effect.PRICE else gettext("重量 %(amount)s%%")
    ) % {"amount": signed(rule.amount)}
    return how % {
        "start": plain(rule.start),
        "step": plain(rule.step),
        "amount": amount,
        "stop": plain(rule.stop),
    }


def reject_words(reject: Reject, rules: RuleSet) -> dict[str, str]:
    """Return what a reject bound says and what follows."""
    when = {
        "<": gettext("低于 %(value)s"),
        ">": gettext("高于 %(value)s"),
        "!=": gettext("不是 %(value)s"),
        "missing": gettext("缺失"),
    }[reject.operator]
    return {
        "name": named(reject.attribute, rules.attributes[reject.attribute]),
        "when": when % {"value": reject.value},
        "action": gettext(ACTIONS[reject.action]),
    }


def line_words(line: Line, rules: RuleSet) -> dict[str, str]:
    """Return a line as both parties can recompute it: value, rule, arithmetic, effect."""
    rule = line.rule
    measured = line.measured
    if isinstance(rule, Regain):
        # Translators: the arithmetic of cotton's conditioned weight.
        how = gettext("(100 − 含杂) ÷ (100 − %(trash)s) × (100 + %(regain)s) ÷ (100 + 回潮)") % {
            "trash": plain(rule.trash0),
            "regain": plain(rule.regain0),
        }
    elif isinstance(rule, Glaze):
        how = gettext("(100 − 实测含冰率) ÷ (100 − %(declared)s)") % {
            "declared": plain(rule.declared)
        }
    elif isinstance(rule, ProRata):
        how = gettext("合同价 × (%(value)s ÷ %(base)s − 1)") % {
            "value": plain(line.counted),
            "base": plain(rule.base),
        }
    elif isinstance(rule, Graded):
        unit = gettext("元/吨") if rule.effect is Effect.PRICE else "%"
        values = {"count": plain(line.counted), "amount": signed(rule.amount), "unit": unit}
        values |= {"start": plain(rule.start), "step": plain(rule.step)}
        how = gettext("自 %(start)s 起每 %(step)s 一档：%(count)s × %(amount)s %(unit)s") % values
        if rule.started:
            how = gettext("%(how)s（不足一档按一档计）") % {"how": how}
    else:
        how = gettext("按等级差价表")
    if line.price:
        effect = gettext("%(yuan)s 元/吨") % {"yuan": signed(line.price / 100)}
    elif line.weight != 1:
        effect = gettext("重量 × %(factor)s") % {"factor": plain(line.weight)}
    else:
        effect = gettext("不调整")
    return {
        "name": rules.attributes.get(line.attribute, line.attribute),
        "attribute": line.attribute,
        "measured": measured,
        "how": how,
        "effect": effect,
    }
