"""The adjustment language of a commodity's contract, read and checked.

Prices are yuan per tonne and weights per cent in the rules' own text, as contracts write them; they
are exact fractions from the first moment on, never floats. Wrong rules are refused whole: a rule
that is only half understood would pay somebody the wrong amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, TypeAlias

from settlement.quality.text import RuleError, digest_of, items, key, number, record, rule_set, word


class Effect(StrEnum):
    """What an adjustment moves: the price a tonne, or the weight that is paid."""

    PRICE = "price"
    WEIGHT = "weight_pct"


class Side(StrEnum):
    """On which side of `start` a value counts."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class ProRata:
    """The price follows the value: contract price x value / base, the value held in [low, high]."""

    attribute: str
    base: Fraction
    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Graded:
    """`amount` for each `step` beyond `start`, no further than `stop`.

    `whole` counts full steps only (`started`: begun ones too); otherwise in proportion. The amount
    is yuan a tonne, or per cent of the weight.
    """

    attribute: str
    effect: Effect
    side: Side
    start: Fraction
    stop: Fraction
    step: Fraction
    amount: Fraction
    whole: bool
    started: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Yuan a tonne by grade."""

    attribute: str
    amounts: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Regain:
    """Conditioned weight of cotton (GB 1103.1), from the net weight:

    net x (100 - trash) / (100 - trash0) x (100 + regain0) / (100 + regain).
    """

    trash0: Fraction
    regain0: Fraction


@dataclass(frozen=True, slots=True)
class Glaze:
    """Weight net of ice: declared net x (100 - glaze found) / (100 - glaze declared)."""

    declared: Fraction


class Action(StrEnum):
    """What a reject means: the buyer may refuse, must, or the goods wait for an umpire."""

    BUYER_OPTION = "BUYER_OPTION"
    MANDATORY = "MANDATORY"
    HOLD_AND_UMPIRE = "HOLD_AND_UMPIRE"


@dataclass(frozen=True, slots=True)
class Reject:
    """A bound beyond which money alone does not put things right."""

    attribute: str
    operator: str
    value: str
    action: Action


Adjustment: TypeAlias = ProRata | Graded | Table | Regain | Glaze


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one commodity. `digest` is the SHA-256 of their canonical JSON.

    `is_theoretical`: bars are paid by `kg_per_m` (by nominal diameter), length (one of `lengths`,
    any where that is empty) and count; the scale only controls, within `deviation_pct` of it.
    """

    commodity: str
    attributes: Mapping[str, str]
    adjustments: tuple[Adjustment, ...]
    rejects: tuple[Reject, ...]
    is_theoretical: bool
    kg_per_m: Mapping[str, Fraction]
    lengths: tuple[str, ...]
    deviation_pct: Fraction | None
    vat_pct: int
    digest: str


OPERATORS: Final = ("<", ">", "!=", "missing")
THEORETICAL: Final = "THEORETICAL"
"""`weight_basis.method` of goods that are paid by piece mass, not by the scale."""
ROWS_MOST: Final = 100
"""Attributes, adjustments or rejects of one commodity, each."""
GRADES_MOST: Final = 200
"""Grades of one table, and diameters of the piece masses."""
PRICE_MOST: Final = 10**7
"""Most that one rule may add to or take off the price, in yuan a tonne: more is a slip."""
_NOTES: Final = {"attr", "effect", "method", "src", "note"}
_OWN: Final[Mapping[str, frozenset[str]]] = {
    "pro_rata": frozenset({"base", "lo", "hi"}),
    "per_unit": frozenset({"when", "from", "to", "per", "amount"}),
    "step": frozenset({"when", "from", "to", "step", "amount", "rounding"}),
    "table": frozenset({"table"}),
    "regain": frozenset({"trash0", "regain0"}),
    "glaze": frozenset({"declared"}),
}
"""What a rule of each method may say besides its notes: an unknown word is not passed over."""


def read_rules(parameters: Mapping[str, Any]) -> RuleSet:
    """Read a commodity's rules from a rule set, or from a commodity's parameters in the fixture.

    Raises `RuleError`, and nothing else whatever JSON it is given, for unknown methods, words and
    attributes, bounds on the wrong side, numbers that are none; its detail says where.
    """
    rules = rule_set(record(parameters, "rules"))
    rows = [record(row, "attributes") for row in items(rules, "attributes", most=ROWS_MOST)]
    attributes: dict[str, str] = {}
    for row in rows:
        code = word(row, "code", "attributes", most=40)
        if code in attributes:
            raise RuleError("KEY_TWICE", f"attributes: {code}")
        attributes[code] = word(row, "zh", f"attributes.{code}", most=40)
    vat_pct = key(rules, "vat_pct", "rules")
    if isinstance(vat_pct, bool) or not isinstance(vat_pct, int) or not 0 <= vat_pct <= 100:
        raise RuleError("NUMBER", "vat_pct")
    basis = record(rules.get("weight_basis", {}), "weight_basis")
    masses = record(rules.get("piece_mass_kg_per_m", {}), "piece_mass_kg_per_m", most=GRADES_MOST)
    is_theoretical = basis.get("method") == THEORETICAL
    if is_theoretical:
        _known("dia_mm", attributes, "weight_basis")
        if not masses:
            raise RuleError("WEIGHT_BASIS", "piece_mass_kg_per_m")
    by_code = dict(zip(attributes, rows, strict=True))
    return RuleSet(
        commodity=word(rules, "code", "rules", most=16),
        attributes=attributes,
        adjustments=tuple(
            _adjustment(record(row, f"adjustments[{n}]"), attributes, f"adjustments[{n}]")
            for n, row in enumerate(items(rules, "adjustments", most=ROWS_MOST))
        ),
        rejects=tuple(
            _reject(record(row, f"rejects[{n}]"), attributes, f"rejects[{n}]")
            for n, row in enumerate(items(rules, "rejects", most=ROWS_MOST))
        ),
        is_theoretical=is_theoretical,
        kg_per_m={size: _mass(size, kg) for size, kg in masses.items()},
        lengths=_lengths(by_code.get("length_m", {})),
        deviation_pct=_deviation(by_code.get("mass_dev", {})),
        vat_pct=vat_pct,
        digest=digest_of(rules),
    )


def _adjustment(row: Mapping[str, Any], attributes: Mapping[str, str], where: str) -> Adjustment:
    attribute = word(row, "attr", where, most=40)
    where = f"{where}.{attribute}"
    method = word(row, "method", where, most=40)
    if method not in _OWN:
        raise RuleError("METHOD", f"{where}.method: {method}")
    for name in row:
        if name not in _NOTES | _OWN[method]:
            raise RuleError("KEY_UNKNOWN", f"{where}.{name}")
    if method in ("regain", "glaze"):
        if row.get("effect", "weight_formula") != "weight_formula":
            raise RuleError("EFFECT", f"{where}.effect")
        if method == "regain":
            _known("trash", attributes, where)
            _known("regain", attributes, where)
            return Regain(_part(row, "trash0", where), _part(row, "regain0", where))
        _known("glaze", attributes, where)
        return Glaze(_part(row, "declared", where))
    _known(attribute, attributes, where)
    if method in ("pro_rata", "table"):
        if row.get("effect", Effect.PRICE) != Effect.PRICE:
            raise RuleError("EFFECT", f"{where}.effect")
        if method == "table":
            return _table(row, attribute, where)
        base, low, high = (_value(row, name, where) for name in ("base", "lo", "hi"))
        if not 0 < low <= base <= high <= 10 * base:
            raise RuleError("BOUNDS", where)
        return ProRata(attribute, base, low, high)
    return _graded(row, attribute, method, where)


def _table(row: Mapping[str, Any], attribute: str, where: str) -> Table:
    table = record(key(row, "table", where), f"{where}.table", most=GRADES_MOST)
    if not table:
        raise RuleError("KEY_MISSING", f"{where}.table")
    amounts = {grade: number(yuan, f"{where}.table.{grade}") for grade, yuan in table.items()}
    for grade, yuan in amounts.items():
        if not grade.strip() or len(grade) > 40:
            raise RuleError("KEY_TEXT", f"{where}.table.{grade}")
        if abs(yuan) > PRICE_MOST:
            raise RuleError("BOUNDS", f"{where}.table.{grade}")
    return Table(attribute, amounts)


def _graded(row: Mapping[str, Any], attribute: str, method: str, where: str) -> Graded:
    effect, side = key(row, "effect", where), key(row, "when", where)
    if effect not in tuple(Effect) or side not in tuple(Side):
        raise RuleError("EFFECT", where)
    if row.get("rounding", "ceil") != "ceil":
        raise RuleError("ROUNDING", f"{where}.rounding")
    start, stop = _value(row, "from", where), _value(row, "to", where)
    step = _value(row, "step" if method == "step" else "per", where)
    if step <= 0 or (stop <= start if side == Side.ABOVE else stop >= start):
        raise RuleError("BOUNDS", where)
    amount = _value(row, "amount", where)
    whole = abs(stop - start) / step + 1
    if abs(amount) * whole > (PRICE_MOST if effect == Effect.PRICE else 200):
        raise RuleError("BOUNDS", f"{where}.amount")
    return Graded(
        attribute, Effect(effect), Side(side), start, stop, step, amount,
        method == "step", "rounding" in row,
    )  # fmt: skip


def _reject(row: Mapping[str, Any], attributes: Mapping[str, str], where: str) -> Reject:
    attribute = word(row, "attr", where, most=40)
    where = f"{where}.{attribute}"
    operator, action = key(row, "op", where), key(row, "action", where)
    for name in row:
        if name not in ("attr", "op", "value", "action", "src", "note"):
            raise RuleError("KEY_UNKNOWN", f"{where}.{name}")
    _known(attribute, attributes, where)
    if operator not in OPERATORS:
        raise RuleError("OPERATOR", f"{where}: {operator}")
    if operator in ("<", ">"):
        _value(row, "value", where)
    elif operator == "!=":
        word(row, "value", where, most=40)
    if action not in tuple(Action):
        raise RuleError("ACTION", f"{where}: {action}")
    return Reject(attribute, operator, str(row.get("value", "")), Action(action))


def _value(row: Mapping[str, Any], name: str, where: str) -> Fraction:
    return number(key(row, name, where), f"{where}.{name}")


def _part(row: Mapping[str, Any], name: str, where: str) -> Fraction:
    """A share of the weight in per cent: less than all of it, or the formula divides by nothing."""
    value = _value(row, name, where)
    if not 0 <= value < 100:
        raise RuleError("BOUNDS", f"{where}.{name}")
    return value


def _mass(size: str, kg: object) -> Fraction:
    where = f"piece_mass_kg_per_m.{size}"
    if not size.strip() or len(size) > 8:
        raise RuleError("KEY_TEXT", where)
    exact = number(kg, where)
    if not 0 < exact <= 10_000 or (exact * 10**6).denominator != 1:
        raise RuleError("BOUNDS", where)
    return exact


def _lengths(attribute: Mapping[str, Any]) -> tuple[str, ...]:
    """The lengths in metres that bars may have, as the attribute `length_m` lists them."""
    lengths = []
    for length in items(attribute, "enum", most=GRADES_MOST) if "enum" in attribute else ():
        if number(length, "attributes.length_m.enum") <= 0 or len(str(length)) > 8:
            raise RuleError("BOUNDS", "attributes.length_m.enum")
        lengths.append(str(length))
    return tuple(lengths)


def _deviation(attribute: Mapping[str, Any]) -> Fraction | None:
    """How far, in per cent of the theoretical weight, the scale may stand from it."""
    if "max_abs" not in attribute:
        return None
    return number(attribute["max_abs"], "attributes.mass_dev.max_abs")


def _known(attribute: str, attributes: Mapping[str, str], where: str) -> None:
    if attribute not in attributes:
        raise RuleError("UNKNOWN_ATTRIBUTE", f"{where}: {attribute}")
