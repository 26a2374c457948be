"""What changed rules would have done: measured goods paid by both versions, line by line.

Pure. A sample that a version cannot pay says why: that is what a preview is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from exchange import reference
from matching.units import Fen, Kg
from settlement.quality.assess import (
    AssessError,
    Line,
    Pieces,
    Statement,
    assess,
    half_up,
    theoretical_kg,
)
from settlement.quality.rules import Glaze, Graded, Regain, RuleSet


@dataclass(frozen=True, slots=True)
class Sample:
    """Goods at a price in fen a tonne: kg, or bars to be reckoned, and what was measured of them.

    Nothing measured: without a certificate goods are as agreed.
    """

    name: str
    price: Fen
    kg: Kg
    pieces: tuple[Pieces, ...]
    measured: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Paid:
    """What a sample comes to by one version; `refusal` is why it cannot be paid by it."""

    kg: Kg
    value_fen: Fen
    statement: Statement | None = None
    refusal: str = ""
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """A sample by both versions. `lines` are the rules of either that do not do the same."""

    sample: Sample
    before: Paid
    after: Paid
    lines: tuple[tuple[Line | None, Line | None], ...]

    @property
    def difference_fen(self) -> Fen | None:
        """What the later version pays more, or less; None where either cannot pay."""
        if self.before.refusal or self.after.refusal:
            return None
        return self.after.value_fen - self.before.value_fen


def effect(sample: Sample, before: RuleSet, after: RuleSet) -> Effect:
    """Return what a change of rules does to a sample."""
    was, is_now = paid(sample, before), paid(sample, after)
    old, new = _by_rule(was.statement), _by_rule(is_now.statement)
    pairs = [(old.get(name), new.get(name)) for name in [*old, *(n for n in new if n not in old)]]
    lines = tuple((one, other) for one, other in pairs if _does(one) != _does(other))
    return Effect(sample, was, is_now, lines)


def paid(sample: Sample, rules: RuleSet) -> Paid:
    """Return what a sample comes to by a rule set."""
    kg = sample.kg
    try:
        if sample.pieces:
            kg = sum(theoretical_kg(rules, one) for one in sample.pieces)
        if not sample.measured:
            return Paid(kg, half_up(Fraction(sample.price * kg, 1000)))
        found = assess(rules, price=sample.price, delivered_kg=kg, measured=sample.measured)
    except AssessError as error:
        return Paid(kg, 0, refusal=error.code, attribute=error.attribute)
    return Paid(kg, found.value_fen, found)


def known_samples(parameters: Mapping[str, Any], rules: RuleSet) -> list[Sample]:
    """Return goods exactly at the rules' base, and the golden cases of the reference data.

    `rules` are those in force, `parameters` the commodity's, for its price of reference.
    """
    found = []
    last = parameters["reference_price"]["demo_last"] * 100
    measured = _at_base(parameters, rules)
    if measured is not None:
        found.append(Sample("base", last, 100_000, (), measured))
    for case in reference.fixture()["golden_cases"]:
        if case.get("commodity") != parameters["code"]:
            continue
        pieces: tuple[Pieces, ...] = ()
        if "pieces" in case:
            bars = case["pieces"]
            pieces = (Pieces(bars["dia_mm"], bars["length_m"], bars["count"]),)
        found.append(
            Sample(
                case["id"],
                int(Decimal(case["unit_price"]) * 100),
                int(Decimal(case.get("weight_t", "0")) * 1000),
                pieces,
                {name: str(value) for name, value in case["measured"].items()},
            )
        )
    return found


def _at_base(parameters: Mapping[str, Any], rules: RuleSet) -> dict[str, str] | None:
    """Return the base value of all that the rules ask for; None where one has none."""
    base = {row["code"]: str(row["base"]) for row in parameters["attributes"] if "base" in row}
    asked = list(_asked(rules))
    return {name: base[name] for name in asked} if asked and set(asked) <= set(base) else None


def _asked(rules: RuleSet) -> Iterator[str]:
    for rule in rules.adjustments:
        if isinstance(rule, Regain):
            yield from ("trash", "regain")
        elif isinstance(rule, Glaze):
            yield "glaze"
        else:
            yield rule.attribute


def _by_rule(statement: Statement | None) -> dict[tuple[str, ...], Line]:
    """Return lines by what they are, so that the same rule of two versions meets."""
    found: dict[tuple[str, ...], Line] = {}
    for line in statement.lines if statement is not None else ():
        name: tuple[str, ...] = (line.attribute, type(line.rule).__name__)
        if isinstance(line.rule, Graded):
            name += (line.rule.effect, line.rule.side, str(line.rule.whole))
        while name in found:
            name += ("again",)
        found[name] = line
    return found


def _does(line: Line | None) -> tuple[Fraction, Fraction]:
    return (line.price, line.weight) if line is not None else (Fraction(), Fraction(1))
