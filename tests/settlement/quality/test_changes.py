"""A difference between two rule sets is shown word by word, and none is passed over."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import reference
from settlement.quality.changes import Change, changes
from settlement.quality.text import canonical, rule_set
from tests.settlement.quality.test_text import JSON, places

RULES = {row["code"]: rule_set(row) for row in reference.fixture()["commodities"]}


def cotton(**grades: int) -> dict[str, Any]:
    rules: dict[str, Any] = copy.deepcopy(RULES["CTN-3128B"])
    rules["adjustments"][0]["table"] |= grades
    return rules


def test_a_monthly_table_shows_the_grades_that_moved() -> None:
    assert changes(RULES["CTN-3128B"], cotton(**{"21": 150, "13": -300})) == (
        Change(("adjustments", "color", "table", "table", "21"), "100", "150"),
        Change(("adjustments", "color", "table", "table", "13"), None, "-300"),
    )


def test_a_new_row_moves_no_other_and_a_lost_one_is_named() -> None:
    coal = copy.deepcopy(RULES["COAL-T5500"])
    row = {"attr": "ad", "effect": "price", "method": "table", "table": {"16": 0}}
    coal["adjustments"].insert(0, row)
    del coal["rejects"][1]
    found = changes(RULES["COAL-T5500"], coal)
    assert [one.place for one in found] == [
        ("adjustments", "order"),
        *[("adjustments", "ad", "table", word) for word in ("attr", "effect", "method")],
        ("adjustments", "ad", "table", "table", "16"),
        ("rejects", "order"),
        *[("rejects", "st_d", ">", word) for word in ("attr", "op", "value", "action")],
    ]


def test_another_order_and_another_kind_of_number_are_changes_too() -> None:
    coal = copy.deepcopy(RULES["COAL-T5500"])
    coal["adjustments"].reverse()
    assert [one.place for one in changes(RULES["COAL-T5500"], coal)] == [("adjustments", "order")]
    coal = copy.deepcopy(RULES["COAL-T5500"])
    coal["adjustments"][2]["amount"] = -5
    assert changes(RULES["COAL-T5500"], coal) == (
        Change(("adjustments", "st_d", "step", "above", "amount"), '"-5"', "-5"),
    )


def test_two_rows_of_one_name_are_told_apart() -> None:
    coal = copy.deepcopy(RULES["COAL-T5500"])
    coal["adjustments"].append(dict(coal["adjustments"][2], amount="-9"))
    found = changes(RULES["COAL-T5500"], coal)
    assert found[-1] == Change(("adjustments", "st_d", "step", "above", "#2", "src"), None, "R")


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(sorted(RULES)), JSON)
def test_rules_differ_exactly_where_something_is_shown(
    data: st.DataObject, code: str, value: Any
) -> None:
    after: Any = copy.deepcopy(RULES[code])
    *path, last = data.draw(st.sampled_from(places(after)[1:]))
    inside = after
    for key in path:
        inside = inside[key]
    inside[last] = value
    found = changes(RULES[code], after)
    assert bool(found) is (canonical(after) != canonical(RULES[code]))
    assert all(one.before != one.after for one in found)
