"""A rule set as text: picked, checked word by word, written in one canonical form, and numbered.

Whoever writes rules types JSON; nothing that a person can type may raise anything but `RuleError`,
and a decimal number never becomes a float.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from settlement.limits import RULES_BYTES

KEYS: Final = (
    "code", "vat_pct", "attributes", "adjustments", "rejects", "weight_basis",
    "piece_mass_kg_per_m",
)  # fmt: skip
"""What makes a rule set, of all that a commodity's parameters say."""
DIGITS_MOST: Final = 20
"""Digits of a number before or after its point; more is a slip, and slow to reckon with."""


class RuleError(ValueError):
    """A rule cannot be understood; `code` is stable, `detail` says where."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def parse(text: str) -> dict[str, Any]:
    """Return a typed rule set as data; decimal numbers stay text.

    Raises `RuleError`: TOO_LARGE; JSON with line and column; KEY_TWICE, because JSON lets the
    second of two equal keys win silently.
    """
    if len(text.encode()) > RULES_BYTES:
        raise RuleError("TOO_LARGE", str(RULES_BYTES))
    try:
        found = json.loads(
            text, parse_float=str, parse_int=_integer, parse_constant=_none, object_pairs_hook=_once
        )
    except json.JSONDecodeError as error:
        raise RuleError("JSON", f"{error.lineno}:{error.colno} {error.msg}") from None
    except RecursionError:
        raise RuleError("JSON", "1:1 nested too deeply") from None
    _printable(found)
    return dict(record(found, "rules"))


def rule_set(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what belongs to the rule set of a commodity's parameters."""
    return {name: parameters[name] for name in KEYS if name in parameters}


def canonical(rules: Mapping[str, Any]) -> str:
    """Return JSON that is the same text for the same rules."""
    return json.dumps(rules, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest_of(rules: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical text."""
    return hashlib.sha256(canonical(rules).encode()).hexdigest()


def number(value: object, where: str) -> Fraction:
    """Return an exact number from an integer or decimal text; `NUMBER` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value)) > 50:
        raise RuleError("NUMBER", f"{where}: {str(value)[:50]!r}")
    try:
        exact = Decimal(value)
    except InvalidOperation:
        raise RuleError("NUMBER", f"{where}: {value!r}") from None
    if not exact.is_finite() or not -DIGITS_MOST <= exact.adjusted() <= DIGITS_MOST:
        raise RuleError("NUMBER", f"{where}: {value!r}")
    return Fraction(exact)


def decimal_text(exact: Fraction) -> str:
    """Return a number of the rules as decimals write it, exactly; up to 28 digits."""
    return f"{Decimal(exact.numerator) / exact.denominator:f}"


def key(row: Mapping[str, Any], name: str, where: str) -> Any:
    """Return what a row says under a name; `KEY_MISSING` if it says nothing."""
    if name not in row:
        raise RuleError("KEY_MISSING", f"{where}.{name}")
    return row[name]


def word(row: Mapping[str, Any], name: str, where: str, *, most: int) -> str:
    """Return a text of a row, neither empty nor longer than `most`; else `KEY_TEXT`."""
    text = key(row, name, where)
    if not isinstance(text, str) or not text.strip() or len(text) > most:
        raise RuleError("KEY_TEXT", f"{where}.{name}")
    return text


def record(value: object, where: str, *, most: int = 1_000) -> Mapping[str, Any]:
    """Return an object of JSON; `KEY_OBJECT` for anything else, `LIMIT` beyond `most` keys."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise RuleError("KEY_OBJECT", where)
    if len(value) > most:
        raise RuleError("LIMIT", where)
    return value


def items(row: Mapping[str, Any], name: str, *, most: int) -> list[Any]:
    """Return a list of a row; `KEY_LIST` for anything else, `LIMIT` beyond `most` of them."""
    found = key(row, name, "rules")
    if not isinstance(found, list):
        raise RuleError("KEY_LIST", name)
    if len(found) > most:
        raise RuleError("LIMIT", name)
    return found


def _integer(text: str) -> int:
    if len(text) > DIGITS_MOST:
        raise RuleError("NUMBER", text[:DIGITS_MOST])
    return int(text)


def _printable(found: Any) -> None:
    """Refuse texts with control characters or half letters: not every database can keep them."""
    if isinstance(found, dict):
        for name, value in found.items():
            _printable(name)
            _printable(value)
    elif isinstance(found, list):
        for value in found:
            _printable(value)
    elif isinstance(found, str) and not found.isprintable():
        raise RuleError("KEY_TEXT", ascii(found[:50]))


def _none(text: str) -> Any:
    raise RuleError("NUMBER", text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise RuleError("KEY_TWICE", next(name for name in names if names.count(name) > 1))
    return found
