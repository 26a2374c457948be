"""What a person may type as rules: understood whole, or refused with the place of the fault."""

from __future__ import annotations

import contextlib
import copy
import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import reference
from settlement.limits import RULES_BYTES
from settlement.quality.rules import read_rules
from settlement.quality.text import RuleError, canonical, digest_of, number, parse, rule_set
from settlement.quality.tolerance import read_tolerance

RULES = {row["code"]: rule_set(row) for row in reference.fixture()["commodities"]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5)
    | st.sampled_from(["1e999999999", "-0.5", "nan", "", "THEORETICAL"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [one for key, inner in value.items() for one in places(inner, (*path, key))]
    elif isinstance(value, list):
        found += [one for n, inner in enumerate(value) for one in places(inner, (*path, n))]
    return found


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(sorted(RULES)), JSON)
def test_whatever_stands_where_is_read_or_refused_by_name(
    data: st.DataObject, code: str, value: Any
) -> None:
    rules: Any = copy.deepcopy(RULES[code])
    *path, last = data.draw(st.sampled_from(places(rules)[1:]))
    inside = rules
    for key in path:
        inside = inside[key]
    if data.draw(st.booleans()):
        inside[last] = value
    else:
        del inside[last]
    with contextlib.suppress(RuleError):  # and nothing else
        read_rules(rules)
        read_tolerance(rules)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | JSON.map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        rules = parse(text)
    except RuleError:
        return
    assert parse(canonical(rules)) == rules


@pytest.mark.parametrize("code", sorted(RULES))
def test_canonical_rules_are_read_back_as_they_were(code: str) -> None:
    again = parse(canonical(RULES[code]))
    assert again == RULES[code]
    assert digest_of(again) == read_rules(again).digest


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        ("", "JSON", "1:1"),
        ('{"a": 1,\n "b" 2}', "JSON", "2:6"),
        ("[]", "KEY_OBJECT", "rules"),
        ('{"a": 1, "a": 2}', "KEY_TWICE", "a"),
        ('{"a": NaN}', "NUMBER", "NaN"),
        ('{"a": 123456789012345678901}', "NUMBER", "1234"),
        ('{"a": "\\u0000"}', "KEY_TEXT", "x00"),
        ('{"a": "\\ud800"}', "KEY_TEXT", "ud800"),
        ("[" * 60_000, "JSON", "deeply"),
        ('"' + "x" * RULES_BYTES + '"', "TOO_LARGE", str(RULES_BYTES)),
    ],
)
def test_what_is_no_rule_set_is_refused_with_its_place(text: str, code: str, detail: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert caught.value.code == code
    assert detail in caught.value.detail


def test_decimal_numbers_stay_exact() -> None:
    assert parse('{"a": -0.10, "b": 3}') == {"a": "-0.10", "b": 3}
    assert number("-0.10", "x") == Fraction(-1, 10)
    for wrong in ("1e21", "1e-21", "1" * 51, "x", None, True, [1]):
        with pytest.raises(RuleError, match="NUMBER"):
            number(wrong, "x")


def coal(**changes: Any) -> dict[str, Any]:
    """Coal's rules with a change to the step of sulphur; None takes a word away."""
    rules: dict[str, Any] = copy.deepcopy(RULES["COAL-T5500"])
    row = rules["adjustments"][2] | changes
    rules["adjustments"][2] = {key: value for key, value in row.items() if value is not None}
    return rules


@pytest.mark.parametrize(
    ("rules", "code", "detail"),
    [
        (coal(cap="-20"), "KEY_UNKNOWN", "adjustments[2].st_d.cap"),
        (coal(step=None), "KEY_MISSING", "adjustments[2].st_d.step"),
        (coal(rounding="floor"), "ROUNDING", "adjustments[2].st_d.rounding"),
        (coal(amount="-10000000"), "BOUNDS", "adjustments[2].st_d.amount"),
        (coal(step="0.0000001"), "BOUNDS", "adjustments[2].st_d.amount"),
        (coal(attr=None), "KEY_MISSING", "adjustments[2].attr"),
        (coal(method=["step"]), "KEY_TEXT", "adjustments[2].st_d.method"),
        (RULES["COAL-T5500"] | {"adjustments": {}}, "KEY_LIST", "adjustments"),
        (RULES["COAL-T5500"] | {"rejects": [{}] * 101}, "LIMIT", "rejects"),
        (RULES["COAL-T5500"] | {"attributes": [{"code": "a", "zh": "a"}] * 2}, "KEY_TWICE", "a"),
        (RULES["STL-RB400E"] | {"piece_mass_kg_per_m": {}}, "WEIGHT_BASIS", "piece_mass"),
        (RULES["STL-RB400E"] | {"piece_mass_kg_per_m": {"12": 0}}, "BOUNDS", "kg_per_m.12"),
        (RULES["STL-RB400E"] | {"piece_mass_kg_per_m": {"1" * 9: 1}}, "KEY_TEXT", "kg_per_m.1"),
        (RULES["STL-RB400E"] | {"vat_pct": "13"}, "NUMBER", "vat_pct"),
    ],
)
def test_a_slip_is_named_with_its_place(rules: dict[str, Any], code: str, detail: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_rules(rules)
    assert caught.value.code == code
    assert detail in caught.value.detail
