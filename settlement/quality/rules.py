"""The adjustment language of a commodity's contract, read and checked.

Prices are yuan per tonne and weights per cent in the rules' own text, as contracts write them; they
are exact fractions from the first moment on, never floats. Wrong rules are refused whole: a rule
that is only half understood would pay somebody the wrong amount.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, TypeAlias


class RuleError(ValueError):
    """A rule cannot be understood; `code` is stable, `detail` says where."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


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
    """All rules of one commodity. `digest` is the SHA-256 of their canonical JSON."""

    commodity: str
    attributes: Mapping[str, str]
    adjustments: tuple[Adjustment, ...]
    rejects: tuple[Reject, ...]
    kg_per_m: Mapping[str, Fraction]
    vat_pct: int
    digest: str


OPERATORS: Final = ("<", ">", "!=", "missing")


def number(value: object, where: str) -> Fraction:
    """Return an exact number from an integer or decimal text; `NUMBER` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise RuleError("NUMBER", f"{where}: {value!r}")
    try:
        exact = Decimal(value)
    except InvalidOperation:
        raise RuleError("NUMBER", f"{where}: {value!r}") from None
    if not exact.is_finite():
        raise RuleError("NUMBER", f"{where}: {value!r}")
    return Fraction(exact)


def read_rules(parameters: Mapping[str, Any]) -> RuleSet:
    """Read a commodity's rules from its parameters, in the fixture's own form.

    Raises `RuleError` for unknown methods and attributes, bounds on the wrong side, numbers that
    are none.
    """
    code = parameters["code"]
    attributes = {row["code"]: row["zh"] for row in parameters["attributes"]}
    adjustments = tuple(_adjustment(row, attributes) for row in parameters["adjustments"])
    rejects = tuple(_reject(row, attributes) for row in parameters["rejects"])
    masses = parameters.get("piece_mass_kg_per_m", {})
    text = json.dumps(
        [code, parameters["adjustments"], parameters["rejects"], masses],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return RuleSet(
        commodity=code,
        attributes=attributes,
        adjustments=adjustments,
        rejects=rejects,
        kg_per_m={size: number(kg, "piece_mass_kg_per_m") for size, kg in masses.items()},
        vat_pct=parameters["vat_pct"],
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _adjustment(row: Mapping[str, Any], attributes: Mapping[str, str]) -> Adjustment:
    method, attribute = row["method"], row["attr"]
    if method == "regain":
        _known("trash", attributes)
        _known("regain", attributes)
        return Regain(_part(row, "trash0"), _part(row, "regain0"))
    if method == "glaze":
        _known("glaze", attributes)
        return Glaze(_part(row, "declared"))
    _known(attribute, attributes)
    if method == "pro_rata":
        base, low, high = (number(row[name], attribute) for name in ("base", "lo", "hi"))
        if not 0 < low <= base <= high:
            raise RuleError("BOUNDS", attribute)
        return ProRata(attribute, base, low, high)
    if method == "table":
        return Table(
            attribute, {str(grade): number(y, attribute) for grade, y in row["table"].items()}
        )
    if method not in ("step", "per_unit"):
        raise RuleError("METHOD", f"{attribute}: {method}")
    if row["effect"] not in tuple(Effect) or row["when"] not in tuple(Side):
        raise RuleError("EFFECT", attribute)
    start, stop = number(row["from"], attribute), number(row["to"], attribute)
    step = number(row["step" if method == "step" else "per"], attribute)
    if step <= 0 or (stop <= start if row["when"] == Side.ABOVE else stop >= start):
        raise RuleError("BOUNDS", attribute)
    return Graded(
        attribute, Effect(row["effect"]), Side(row["when"]), start, stop, step,
        number(row["amount"], attribute), method == "step", row.get("rounding") == "ceil",
    )  # fmt: skip


def _reject(row: Mapping[str, Any], attributes: Mapping[str, str]) -> Reject:
    attribute, operator = row["attr"], row["op"]
    _known(attribute, attributes)
    if operator not in OPERATORS:
        raise RuleError("OPERATOR", f"{attribute}: {operator}")
    if operator in ("<", ">"):
        number(row["value"], attribute)
    if row["action"] not in tuple(Action):
        raise RuleError("ACTION", f"{attribute}: {row['action']}")
    return Reject(attribute, operator, str(row.get("value", "")), Action(row["action"]))


def _part(row: Mapping[str, Any], name: str) -> Fraction:
    """A share of the weight in per cent: less than all of it, or the formula divides by nothing."""
    value = number(row[name], name)
    if not 0 <= value < 100:
        raise RuleError("BOUNDS", name)
    return value


def _known(attribute: str, attributes: Mapping[str, str]) -> None:
    if attribute not in attributes:
        raise RuleError("UNKNOWN_ATTRIBUTE", attribute)
