"""What delivered goods cost: contract terms and measured values to a statement, line by line.

Price effects first, then weight effects, then money ("Adjustment language" of commodities.yaml).
Within each kind the order of rules does not matter: price effects add up on the contract price,
weight effects are taken of the delivered weight. Three figures are rounded, half up and once each:
the price to the fen a tonne, the weight to the kilogram, the value to the fen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from matching.units import Fen, Kg
from settlement.limits import BARS_MOST
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
    Table,
)
from settlement.quality.text import RuleError, number
from settlement.tax import split_vat


class AssessError(ValueError):
    """What was measured does not answer the rules; `code` is stable, `attribute` says which."""

    def __init__(self, code: str, attribute: str) -> None:
        super().__init__(f"{code}: {attribute}")
        self.code = code
        self.attribute = attribute


@dataclass(frozen=True, slots=True)
class Pieces:
    """Goods paid by theoretical weight: `count` bars of `metres` and a nominal diameter in mm."""

    diameter: str
    metres: str
    count: int


@dataclass(frozen=True, slots=True)
class Line:
    """One rule's part: what was measured, how far it counts, and what it does.

    `counted` are steps or units beyond the base. Of `price` (fen a tonne, to be added) and `weight`
    (a factor) the one that the rule does not touch is 0 or 1.
    """

    attribute: str
    rule: Adjustment
    measured: str
    counted: Fraction
    price: Fraction
    weight: Fraction


@dataclass(frozen=True, slots=True)
class Statement:
    """The final statement of a delivery; fen, fen a tonne, kg."""

    contract_price: Fen
    delivered_kg: Kg
    lines: tuple[Line, ...]
    price: Fen
    weight_kg: Kg
    value_fen: Fen
    net_fen: Fen
    vat_fen: Fen
    rejects: tuple[Reject, ...]

    @property
    def action(self) -> Action | None:
        """The gravest consequence: mandatory before hold before the buyer's option."""
        for action in (Action.MANDATORY, Action.HOLD_AND_UMPIRE, Action.BUYER_OPTION):
            if any(reject.action is action for reject in self.rejects):
                return action
        return None


def theoretical_kg(rules: RuleSet, pieces: Pieces) -> Kg:
    """Return the theoretical weight of bars: kg a metre x metres x count, half up to the kg.

    Raises `AssessError`: GRADE for a diameter or a length that the rules do not list, NUMBER.
    """
    if pieces.diameter not in rules.kg_per_m:
        raise AssessError("GRADE", "dia_mm")
    length = _number(pieces.metres, "length_m")
    if length <= 0 or not 1 <= pieces.count <= BARS_MOST:
        raise AssessError("NUMBER", "pieces")
    if rules.lengths and pieces.metres not in rules.lengths:
        raise AssessError("GRADE", "length_m")
    return half_up(rules.kg_per_m[pieces.diameter] * length * pieces.count)


def is_off_the_scale(rules: RuleSet, *, theoretical: Kg, scale: Kg) -> bool:
    """Say whether the scale stands further from the theoretical weight than the rules allow."""
    if rules.deviation_pct is None:
        return False
    return abs(scale - theoretical) * 100 > rules.deviation_pct * theoretical


def assess(
    rules: RuleSet, *, price: Fen, delivered_kg: Kg, measured: Mapping[str, str]
) -> Statement:
    """Return the statement of `delivered_kg` at a contract price in fen a tonne, VAT included.

    `measured` gives each attribute's value as text. Raises `AssessError`: UNKNOWN_ATTRIBUTE,
    MISSING, NUMBER, GRADE. Neither price nor weight falls below zero.
    """
    for attribute in measured:
        if attribute not in rules.attributes:
            raise AssessError("UNKNOWN_ATTRIBUTE", attribute)
    lines = tuple(_line(rule, price, measured) for rule in rules.adjustments)
    adjusted = max(price + sum((line.price for line in lines), Fraction()), Fraction())
    share = Fraction(1)
    weight = Fraction(delivered_kg)
    for line in lines:
        if isinstance(line.rule, Graded):
            share += line.weight - 1
        else:
            weight *= line.weight
    weight *= max(share, Fraction())
    price_fen, weight_kg = half_up(adjusted), half_up(weight)
    value = half_up(Fraction(price_fen * weight_kg, 1000))
    net, vat = split_vat(value, rules.vat_pct)
    rejects = tuple(reject for reject in rules.rejects if _rejects(reject, measured))
    return Statement(price, delivered_kg, lines, price_fen, weight_kg, value, net, vat, rejects)


def half_up(exact: Fraction) -> int:
    """Return the nearest integer, halves upwards, of a number that is not negative."""
    return int((2 * exact.numerator + exact.denominator) // (2 * exact.denominator))


def _line(rule: Adjustment, price: Fen, measured: Mapping[str, str]) -> Line:
    nothing, whole = Fraction(), Fraction(1)
    if isinstance(rule, Regain):
        trash, regain = _per_cent("trash", measured), _per_cent("regain", measured)
        factor = (100 - trash) / (100 - rule.trash0) * (100 + rule.regain0) / (100 + regain)
        text = f"{measured['trash']} / {measured['regain']}"
        return Line("regain", rule, text, nothing, nothing, factor)
    if isinstance(rule, Glaze):
        factor = (100 - _per_cent("glaze", measured)) / (100 - rule.declared)
        return Line("glaze", rule, measured["glaze"], nothing, nothing, factor)
    text = _text(rule.attribute, measured)
    if isinstance(rule, Table):
        if text not in rule.amounts:
            raise AssessError("GRADE", rule.attribute)
        return Line(rule.attribute, rule, text, nothing, rule.amounts[text] * 100, whole)
    value = _value(rule.attribute, measured)
    if isinstance(rule, ProRata):
        held = min(max(value, rule.low), rule.high)
        return Line(rule.attribute, rule, text, held, price * (held / rule.base - 1), whole)
    if rule.side is Side.ABOVE:
        distance = min(value, rule.stop) - rule.start
    else:
        distance = rule.start - max(value, rule.stop)
    counted = max(distance, nothing) / rule.step
    if rule.whole:
        down = counted.numerator // counted.denominator
        counted = Fraction(down + (rule.started and counted > down))
    if rule.effect is Effect.PRICE:
        return Line(rule.attribute, rule, text, counted, rule.amount * 100 * counted, whole)
    return Line(rule.attribute, rule, text, counted, nothing, 1 + rule.amount * counted / 100)


def _rejects(reject: Reject, measured: Mapping[str, str]) -> bool:
    text = measured.get(reject.attribute, "").strip()
    if reject.operator == "missing":
        return not text
    if not text:
        return False  # not asked for by this certificate
    if reject.operator == "!=":
        return text != reject.value
    value, bound = _number(text, reject.attribute), number(reject.value, reject.attribute)
    return value < bound if reject.operator == "<" else value > bound


def _text(attribute: str, measured: Mapping[str, str]) -> str:
    text = measured.get(attribute, "").strip()
    if not text:
        raise AssessError("MISSING", attribute)
    return text


def _value(attribute: str, measured: Mapping[str, str]) -> Fraction:
    return _number(_text(attribute, measured), attribute)


def _per_cent(attribute: str, measured: Mapping[str, str]) -> Fraction:
    value = _value(attribute, measured)
    if not 0 <= value <= 100:
        raise AssessError("NUMBER", attribute)
    return value


def _number(text: str, attribute: str) -> Fraction:
    try:
        value = number(text, attribute)
    except RuleError:
        raise AssessError("NUMBER", attribute) from None
    if len(text) > 20 or abs(value) > 10**9:
        raise AssessError("NUMBER", attribute)
    return value
