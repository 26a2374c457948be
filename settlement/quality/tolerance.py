"""More or less than agreed: what the buyer has to take, may take, and is owed.

Inside the contract's tolerance what was delivered is paid at the contract price. Beyond it the
buyer takes the excess at the contract price, or refuses it and says so (民法典 art. 629).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from matching.units import BasisPoints, Kg
from settlement.quality.text import RuleError, key, number, record


class Amount(StrEnum):
    """How a delivered weight stands to the agreed one."""

    WITHIN = "within"
    SHORT = "short"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a delivery may miss the agreed weight, in basis points of it."""

    plus_bp: BasisPoints
    minus_bp: BasisPoints


@dataclass(frozen=True, slots=True)
class Delivered:
    """`must_take_kg` is the buyer's without a choice, `may_refuse_kg` the excess, `missing_kg` what
    lacks to the least allowed."""

    amount: Amount
    must_take_kg: Kg
    may_refuse_kg: Kg
    missing_kg: Kg


def read_tolerance(parameters: Mapping[str, Any]) -> Tolerance:
    """Read a commodity's tolerance; per cent in the fixture. Raises `RuleError("TOLERANCE")`."""
    basis = record(key(parameters, "weight_basis", "rules"), "weight_basis")
    where = "weight_basis.tolerance_pct"
    terms = record(key(basis, "tolerance_pct", "weight_basis"), where)
    points = []
    for side in ("plus", "minus"):
        exact = number(key(terms, side, where), f"{where}.{side}") * 100
        if exact.denominator != 1 or not 0 <= exact <= 10_000:
            raise RuleError("TOLERANCE", f"{where}.{side}: {terms[side]!r}")
        points.append(int(exact))
    return Tolerance(*points)


def weigh(tolerance: Tolerance, *, agreed_kg: Kg, delivered_kg: Kg) -> Delivered:
    """Compare a delivered weight with the agreed one; the bounds themselves are inside.

    A fraction of a kilogram at a bound goes to whom the weight comes from: most rounds down,
    least rounds up.
    """
    most = agreed_kg * (10_000 + tolerance.plus_bp) // 10_000
    least = -(-agreed_kg * (10_000 - tolerance.minus_bp) // 10_000)
    if delivered_kg > most:
        return Delivered(Amount.OVER, most, delivered_kg - most, 0)
    if delivered_kg < least:
        return Delivered(Amount.SHORT, delivered_kg, 0, least - delivered_kg)
    return Delivered(Amount.WITHIN, delivered_kg, 0, 0)
