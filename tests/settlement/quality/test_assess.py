"""Each method by hand, and what must hold whatever was measured."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import reference
from settlement.quality.assess import AssessError, Pieces, Statement, assess, theoretical_kg
from settlement.quality.rules import RuleSet, read_rules
from settlement.quality.text import RuleError
from settlement.quality.tolerance import Amount, Delivered, Tolerance, read_tolerance, weigh

COMMODITIES = {row["code"]: row for row in reference.fixture()["commodities"]}


def rules_of(*adjustments: dict[str, Any], **more: Any) -> RuleSet:
    """Rules of a made-up commodity with attributes a, b, glaze, trash and regain."""
    return read_rules(
        {
            "code": "X",
            "vat_pct": 13,
            "attributes": [{"code": c, "zh": c} for c in ("a", "b", "glaze", "trash", "regain")],
            "adjustments": list(adjustments),
            "rejects": [],
        }
        | more
    )


def step(**changes: Any) -> dict[str, Any]:
    return {
        "attr": "a", "effect": "price", "method": "step", "when": "above",
        "from": "1.0", "to": "2.0", "step": "0.3", "amount": "-5",
    } | changes  # fmt: skip


def price_of(rules: RuleSet, value: str, *, price: int = 10_000) -> int:
    return assess(rules, price=price, delivered_kg=1_000, measured={"a": value}).price


def test_a_step_counts_when_it_is_full_and_no_further_than_its_end() -> None:
    rules = rules_of(step())
    prices = {value: price_of(rules, value) for value in ("0.5", "1.0", "1.29", "1.3", "1.9", "9")}
    assert prices == {
        "0.5": 10_000, "1.0": 10_000, "1.29": 10_000, "1.3": 9_500, "1.9": 8_500, "9": 8_500,
    }  # fmt: skip


def test_a_begun_step_counts_where_the_contract_says_so() -> None:
    rules = rules_of(step(rounding="ceil"))
    prices = {value: price_of(rules, value) for value in ("1.0", "1.01", "1.3", "1.31", "9")}
    assert prices == {"1.0": 10_000, "1.01": 9_500, "1.3": 9_500, "1.31": 9_000, "9": 8_000}


def test_below_counts_downwards() -> None:
    rules = rules_of(step(when="below", **{"from": "10", "to": "8", "step": "1", "amount": "2"}))
    assert [price_of(rules, value) for value in ("11", "10", "9", "8", "1")] == [
        10_000, 10_000, 10_200, 10_400, 10_400,
    ]  # fmt: skip


def test_per_unit_counts_in_proportion() -> None:
    rules = rules_of(
        {
            "attr": "a", "effect": "price", "method": "per_unit", "when": "below",
            "from": 5300, "to": 5000, "per": 1, "amount": "-0.25",
        }
    )  # fmt: skip
    assert [price_of(rules, value, price=100_000) for value in ("5300", "5299.5", "5000", "1")] == [
        100_000, 99_988, 92_500, 92_500,
    ]  # fmt: skip


def test_pro_rata_follows_the_value_inside_its_bounds() -> None:
    rule = {
        "attr": "a",
        "effect": "price",
        "method": "pro_rata",
        "base": 5500,
        "lo": 5300,
        "hi": 5700,
    }
    rules = rules_of(rule)
    assert [price_of(rules, value, price=55_000) for value in ("5000", "5400", "9999")] == [
        53_000, 54_000, 57_000,
    ]  # fmt: skip


def test_weight_effects_add_up_of_the_delivered_weight() -> None:
    rules = rules_of(
        step(effect="weight_pct", amount="-1"),
        step(attr="b", effect="weight_pct", amount="-0.5"),
    )
    found = assess(rules, price=10_000, delivered_kg=10_000, measured={"a": "1.6", "b": "1.3"})
    assert (found.weight_kg, found.price, found.value_fen) == (9_750, 10_000, 97_500)


@pytest.mark.parametrize(
    ("measured", "code", "attribute"),
    [
        ({}, "MISSING", "a"),
        ({"a": " "}, "MISSING", "a"),
        ({"a": "x"}, "NUMBER", "a"),
        ({"a": "nan"}, "NUMBER", "a"),
        ({"a": "1e30"}, "NUMBER", "a"),
        ({"a": "1000000000.1"}, "NUMBER", "a"),
        ({"a": "1.0000000000000000000"}, "NUMBER", "a"),
        ({"a": "1", "c": "1"}, "UNKNOWN_ATTRIBUTE", "c"),
    ],
)
def test_what_was_not_measured_properly_is_refused(
    measured: dict[str, str], code: str, attribute: str
) -> None:
    with pytest.raises(AssessError) as caught:
        assess(rules_of(step()), price=1, delivered_kg=1, measured=measured)
    assert (caught.value.code, caught.value.attribute) == (code, attribute)


def test_a_grade_that_the_table_does_not_know_is_refused() -> None:
    rules = rules_of({"attr": "a", "effect": "price", "method": "table", "table": {"one": -3}})
    assert price_of(rules, "one") == 9_700
    with pytest.raises(AssessError, match="GRADE"):
        price_of(rules, "two")


@pytest.mark.parametrize(
    ("adjustment", "code"),
    [
        (step(attr="c"), "UNKNOWN_ATTRIBUTE"),
        (step(method="guess"), "METHOD"),
        (step(when="beside"), "EFFECT"),
        (step(effect="money"), "EFFECT"),
        (step(to="0.5"), "BOUNDS"),
        (step(step="0"), "BOUNDS"),
        (step(amount=0.5), "NUMBER"),
        (step(amount=True), "NUMBER"),
        (step(amount="Infinity"), "NUMBER"),
        (step(to="1.0"), "BOUNDS"),
        (step(when="below", to="1.0"), "BOUNDS"),
        ({"attr": "a", "method": "pro_rata", "base": 5, "lo": 6, "hi": 7}, "BOUNDS"),
        ({"attr": "a", "method": "pro_rata", "base": 5, "lo": 0, "hi": 7}, "BOUNDS"),
        ({"attr": "a", "method": "pro_rata", "base": 8, "lo": 5, "hi": 7}, "BOUNDS"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused(adjustment: dict[str, Any], code: str) -> None:
    with pytest.raises(RuleError) as caught:
        rules_of(adjustment)
    assert caught.value.code == code
    assert adjustment["attr"] in caught.value.detail


@pytest.mark.parametrize("wrong", ["-0.1", "100.1"])
def test_more_than_all_of_the_weight_is_no_measurement(wrong: str) -> None:
    cotton = rules_of({"attr": "b", "method": "regain", "trash0": 2, "regain0": 8})
    glazed = rules_of({"attr": "b", "method": "glaze", "declared": 5})
    for rules, measured in (
        (cotton, {"trash": wrong, "regain": "1"}),
        (cotton, {"trash": "1", "regain": wrong}),
        (glazed, {"glaze": wrong}),
    ):
        with pytest.raises(AssessError, match="NUMBER"):
            assess(rules, price=1, delivered_kg=1, measured=measured)


@pytest.mark.parametrize("part", [100, -1])
def test_a_weight_formula_that_divides_by_nothing_is_refused(part: int) -> None:
    for rule in (
        {"attr": "b", "method": "glaze", "declared": part},
        {"attr": "b", "method": "regain", "trash0": part, "regain0": 8},
        {"attr": "b", "method": "regain", "trash0": 2, "regain0": part},
    ):
        with pytest.raises(RuleError, match="BOUNDS"):
            rules_of(rule)


def test_a_fixed_base_and_a_value_that_may_not_move_are_rules_too() -> None:
    rules_of({"attr": "a", "effect": "price", "method": "pro_rata", "base": 1, "lo": 1, "hi": 1})


@pytest.mark.parametrize(
    ("adjustment", "attributes"),
    [
        ({"attr": "lot", "method": "glaze", "declared": 5}, ["a"]),
        ({"attr": "batch", "method": "regain", "trash0": 2, "regain0": 8}, ["a", "trash"]),
        ({"attr": "batch", "method": "regain", "trash0": 2, "regain0": 8}, ["a", "regain"]),
    ],
)
def test_a_weight_formula_needs_its_attributes(
    adjustment: dict[str, Any], attributes: list[str]
) -> None:
    with pytest.raises(RuleError, match="UNKNOWN_ATTRIBUTE"):
        rules_of(adjustment, attributes=[{"code": code, "zh": code} for code in attributes])


@pytest.mark.parametrize(
    ("reject", "code"),
    [
        ({"attr": "z", "op": "<", "value": 1, "action": "MANDATORY"}, "UNKNOWN_ATTRIBUTE"),
        ({"attr": "a", "op": "~", "value": 1, "action": "MANDATORY"}, "OPERATOR"),
        ({"attr": "a", "op": ">", "value": "x", "action": "MANDATORY"}, "NUMBER"),
        ({"attr": "a", "op": ">", "value": 1, "action": "SHRUG"}, "ACTION"),
    ],
)
def test_a_reject_that_is_not_understood_is_refused(reject: dict[str, Any], code: str) -> None:
    with pytest.raises(RuleError) as caught:
        rules_of(rejects=[reject])
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("operator", "value", "measured", "expected"),
    [
        ("<", "5", "4.9", True), ("<", "5", "5", False), ("<", "5", "", False),
        (">", "5", "5.1", True), (">", "5", "5", False),
        ("!=", "阴性", "阳性", True), ("!=", "阴性", "阴性", False), ("!=", "阴性", "", False),
        ("missing", "", "", True), ("missing", "", "C-1", False),
    ],
)  # fmt: skip
def test_a_reject_holds_beyond_its_bound_only(
    operator: str, value: str, measured: str, expected: bool
) -> None:
    rules = rules_of(rejects=[{"attr": "a", "op": operator, "value": value, "action": "MANDATORY"}])
    found = assess(rules, price=1, delivered_kg=1, measured={"a": measured})
    assert bool(found.rejects) is expected
    assert not assess(rules, price=1, delivered_kg=1, measured={}).rejects or operator == "missing"


def test_the_same_rules_have_the_same_digest_and_others_another() -> None:
    assert rules_of(step()).digest == rules_of(step()).digest
    assert rules_of(step()).digest != rules_of(step(amount="-6")).digest
    turned = dict(reversed(step().items()))
    assert rules_of(turned).digest == rules_of(step()).digest, "the order of keys says nothing"
    coal = read_rules(COMMODITIES["STL-RB400E"])
    assert coal.digest == "ddb9fee76d22c4bbf5248f30ac0299eac9f4f8a876cfe1805eb9fbf0255c227e"


def test_bars_weigh_what_the_standard_says() -> None:
    rules = read_rules(COMMODITIES["STL-RB400E"])
    assert theoretical_kg(rules, Pieces("16", "9", 100)) == 1_422
    for pieces in (
        Pieces("17", "9", 1), Pieces("16", "0", 1), Pieces("16", "9", 0),
        Pieces("16", "9", 1_000_001), Pieces("16", "10", 1), Pieces("16", "9.0", 1),
    ):  # fmt: skip
        with pytest.raises(AssessError):
            theoretical_kg(rules, pieces)
    steel = COMMODITIES["STL-RB400E"]
    free = [
        {key: value for key, value in row.items() if key != "enum"} for row in steel["attributes"]
    ]
    assert theoretical_kg(read_rules(steel | {"attributes": free}), Pieces("16", "0.5", 1)) == 1


def recomputed(found: Statement, vat_pct: int) -> tuple[int, int, int, int]:
    """The statement again from its printed lines alone, in decimals as with a pocket calculator."""
    price = Decimal(found.contract_price)
    share = Decimal(1)
    weight = Decimal(found.delivered_kg)
    for line in found.lines:
        price += Decimal(line.price.numerator) / line.price.denominator
        factor = Decimal(line.weight.numerator) / line.weight.denominator
        if line.attribute in ("regain", "glaze"):
            weight *= factor
        else:
            share += factor - 1
    price_fen = int((max(price, Decimal()) + Decimal("0.5")) // 1)
    weight_kg = int((weight * max(share, Decimal()) + Decimal("0.5")) // 1)
    value = (price_fen * weight_kg * 2 + 1000) // 2000
    net = (value * 200 + 100 + vat_pct) // (2 * (100 + vat_pct))
    return price_fen, weight_kg, value, net


def measurements(code: str) -> st.SearchStrategy[dict[str, str]]:
    """Values of every attribute that the rules of a commodity ask for."""
    wanted: dict[str, st.SearchStrategy[str]] = {}
    hundredths = st.integers(0, 800_000).map(lambda n: str(Decimal(n) / 100))
    per_cent = st.integers(0, 10_000).map(lambda n: str(Decimal(n) / 100))
    for row in COMMODITIES[code]["adjustments"]:
        if row["method"] == "table":
            wanted[row["attr"]] = st.sampled_from(sorted(row["table"]))
        elif row["method"] == "regain":
            wanted |= {"trash": per_cent, "regain": per_cent}
        elif row["method"] == "glaze":
            wanted["glaze"] = per_cent
        else:
            wanted[row["attr"]] = hundredths
    return st.fixed_dictionaries(wanted)


@settings(max_examples=200, deadline=None)
@given(
    st.data(), st.sampled_from(sorted(COMMODITIES)), st.integers(1, 10**7), st.integers(0, 10**8)
)
def test_a_statement_can_be_recomputed_from_its_lines_and_is_never_negative(
    data: st.DataObject, code: str, price: int, kg: int
) -> None:
    rules = read_rules(COMMODITIES[code])
    found = assess(rules, price=price, delivered_kg=kg, measured=data.draw(measurements(code)))
    assert recomputed(found, rules.vat_pct) == (
        found.price, found.weight_kg, found.value_fen, found.net_fen,
    )  # fmt: skip
    assert min(found.price, found.weight_kg, found.value_fen, found.net_fen, found.vat_fen) >= 0
    assert found.net_fen + found.vat_fen == found.value_fen


@settings(max_examples=200, deadline=None)
@given(
    st.data(), st.sampled_from(sorted(COMMODITIES)), st.integers(1, 10**7), st.integers(0, 10**8),
    st.integers(0, 10**6), st.integers(0, 10**6),
)  # fmt: skip
def test_more_weight_or_a_higher_price_never_pays_less(
    data: st.DataObject, code: str, price: int, kg: int, more_kg: int, more_price: int
) -> None:
    rules = read_rules(COMMODITIES[code])
    measured = data.draw(measurements(code))
    less = assess(rules, price=price, delivered_kg=kg, measured=measured)
    heavier = assess(rules, price=price, delivered_kg=kg + more_kg, measured=measured)
    dearer = assess(rules, price=price + more_price, delivered_kg=kg, measured=measured)
    assert heavier.value_fen >= less.value_fen
    assert dearer.value_fen >= less.value_fen


WORSE = {  # attribute that is worse the higher (+1) or the lower (-1) it is
    "COAL-T5500": {"qnet_ar": -1, "st_d": 1, "mt": 1},
    "COAL-JM": {"ad": 1, "st_d": 1, "g": -1, "mt": 1},
    "GRN-WHT": {"moisture": 1, "impurity": 1, "test_weight": -1},
    "GRN-CRN": {"test_weight": -1, "mould": 1, "moisture": 1, "impurity": 1},
    "GRN-SOY": {"protein": -1, "moisture": 1, "impurity": 1},
    "GRN-RIC": {"broken": 1},
    "SEA-HTL": {"broken": 1, "glaze": 1},
    "SEA-KLP": {"moisture": 1, "sand": 1},
    "CTN-3128B": {"regain": 1},
}


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(sorted(WORSE)), st.integers(1, 10**7), st.integers(0, 10**8))
def test_worse_goods_never_pay_more(data: st.DataObject, code: str, price: int, kg: int) -> None:
    rules = read_rules(COMMODITIES[code])
    measured = data.draw(measurements(code))
    attribute = data.draw(st.sampled_from(sorted(WORSE[code])))
    away = data.draw(st.integers(0, 100_000)) * WORSE[code][attribute]
    most = 100 if attribute in ("glaze", "regain") else 10_000
    moved = max(min(Decimal(measured[attribute]) + Decimal(away) / 100, most), 0)
    worse = measured | {attribute: str(moved)}
    before = assess(rules, price=price, delivered_kg=kg, measured=measured)
    after = assess(rules, price=price, delivered_kg=kg, measured=worse)
    assert after.value_fen <= before.value_fen


@given(st.permutations(range(4)))
def test_the_order_of_the_rules_does_not_matter(order: list[int]) -> None:
    corn = COMMODITIES["GRN-CRN"]
    measured = {"test_weight": "660", "mould": "2.6", "moisture": "15.2", "impurity": "1.4"}
    mixed = read_rules(corn | {"adjustments": [corn["adjustments"][n] for n in (*order, 4)]})
    found, same = (
        assess(rules, price=229_000, delivered_kg=3_000_000, measured=measured)
        for rules in (mixed, read_rules(corn))
    )
    assert (found.price, found.weight_kg, found.value_fen) == (
        same.price, same.weight_kg, same.value_fen,
    )  # fmt: skip


def test_halves_of_a_fen_go_up_once() -> None:
    rules = rules_of({"attr": "a", "effect": "price", "method": "table", "table": {"x": "0.005"}})
    found = assess(rules, price=100, delivered_kg=5, measured={"a": "x"})
    assert (found.price, found.value_fen) == (101, 1)  # 1.005 -> 1.01 yuan; 0.00505 yuan -> 1 fen
    assert found.lines[0].price == Fraction(1, 2)


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        (97_000, Delivered(Amount.WITHIN, 97_000, 0, 0)),
        (96_999, Delivered(Amount.SHORT, 96_999, 0, 1)),
        (103_000, Delivered(Amount.WITHIN, 103_000, 0, 0)),
        (103_500, Delivered(Amount.OVER, 103_000, 500, 0)),
    ],
)
def test_what_is_delivered_beyond_the_tolerance_may_be_refused(
    delivered: int, expected: Delivered
) -> None:
    assert weigh(Tolerance(300, 300), agreed_kg=100_000, delivered_kg=delivered) == expected


def test_numbers_are_taken_up_to_their_bound() -> None:
    rules = rules_of(step())
    assert price_of(rules, "1000000000") == 8_500
    assert price_of(rules, "1.000000000000000000") == 10_000


def test_tolerances_are_read_from_the_contract_terms() -> None:
    whole = {"weight_basis": {"tolerance_pct": {"plus": 100, "minus": 0}}}
    assert read_tolerance(whole) == Tolerance(10_000, 0)
    for wrong in ("100.01", "-1"):
        with pytest.raises(RuleError, match="TOLERANCE"):
            read_tolerance({"weight_basis": {"tolerance_pct": {"plus": wrong, "minus": 0}}})
    assert read_tolerance(COMMODITIES["COAL-T5500"]) == Tolerance(1_000, 1_000)
    assert read_tolerance(COMMODITIES["STL-HRC235"]) == Tolerance(0, 0)
    with pytest.raises(RuleError, match="TOLERANCE"):
        read_tolerance({"weight_basis": {"tolerance_pct": {"plus": "0.001", "minus": 0}}})
