"""What a change of rules would have paid: the money difference, and the lines it comes from."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from exchange import reference
from settlement.quality import samples
from settlement.quality.preview import Effect, Sample, effect, known_samples
from settlement.quality.rules import RuleSet, read_rules
from settlement.quality.text import rule_set
from tests.settlement.contracts.test_theoretical import THICK, THIN, rebar, weigh
from tests.settlement.contracts.trade import Deal

COMMODITIES = {row["code"]: row for row in reference.fixture()["commodities"]}


def changed(code: str, number: int, **words: Any) -> RuleSet:
    """A commodity's rules with other words in one adjustment; grades go into its table."""
    rules = copy.deepcopy(rule_set(COMMODITIES[code]))
    row = rules["adjustments"][number]
    if "table" in row:
        row["table"] |= words
    else:
        row |= words
    return read_rules(rules)


def golden(code: str) -> Sample:
    return known_samples(COMMODITIES[code], read_rules(COMMODITIES[code]))[-1]


def seen(found: Effect) -> tuple[int, int | None, list[str]]:
    names = [(one or other).attribute for one, other in found.lines if one or other]  # type: ignore[union-attr]
    return found.before.value_fen, found.difference_fen, names


def test_a_step_that_costs_more_is_the_only_line_that_differs() -> None:
    after = changed("COAL-T5500", 2, amount="-6")
    found = effect(golden("COAL-T5500"), read_rules(COMMODITIES["COAL-T5500"]), after)
    # One yuan a tonne less on 9,939.6 t.
    assert seen(found) == (671_260_946, -993_960, ["st_d"])
    (line,) = found.lines
    assert [one.price if one else None for one in line] == [-500, -600]


def test_a_monthly_table_of_cotton_moves_the_money_by_its_difference() -> None:
    after = changed("CTN-3128B", 0, **{"21": 150})
    found = effect(golden("CTN-3128B"), read_rules(COMMODITIES["CTN-3128B"]), after)
    # 50 yuan x 43.403 t
    assert seen(found) == (68_034_203, 217_015, ["color"])


def test_other_piece_masses_move_the_weight_of_the_same_bars() -> None:
    steel = copy.deepcopy(rule_set(COMMODITIES["STL-RB400E"]))
    steel["piece_mass_kg_per_m"]["12"] = "0.890"
    found = effect(golden("STL-RB400E"), read_rules(COMMODITIES["STL-RB400E"]), read_rules(steel))
    assert (found.before.kg, found.after.kg) == (25_574, 25_632)
    assert seen(found) == (8_337_124, 18_908, [])


def test_a_grade_that_is_no_longer_there_is_said() -> None:
    steel = copy.deepcopy(rule_set(COMMODITIES["STL-RB400E"]))
    del steel["adjustments"][1]["table"]["轻锈"]
    found = effect(golden("STL-RB400E"), read_rules(COMMODITIES["STL-RB400E"]), read_rules(steel))
    assert (found.after.refusal, found.after.attribute, found.difference_fen) == (
        "GRADE", "rust", None,
    )  # fmt: skip


def test_a_new_rule_and_a_lost_one_are_lines_of_one_side() -> None:
    coal = copy.deepcopy(rule_set(COMMODITIES["COAL-T5500"]))
    del coal["adjustments"][2]
    sample = golden("COAL-T5500")
    before = read_rules(COMMODITIES["COAL-T5500"])
    lost = effect(sample, before, read_rules(coal))
    new = effect(sample, read_rules(coal), before)
    assert [(bool(one), bool(other)) for one, other in (*lost.lines, *new.lines)] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert lost.difference_fen == -(new.difference_fen or 0) == 4_969_800


@pytest.mark.parametrize("code", sorted(COMMODITIES))
def test_goods_at_the_base_cost_the_price_and_the_same_rules_change_nothing(code: str) -> None:
    rules = read_rules(COMMODITIES[code])
    found = known_samples(COMMODITIES[code], rules)
    assert found, "every commodity has at least its base"
    base = effect(found[0], rules, rules)
    assert base.before.value_fen == found[0].price * 100
    assert {effect(one, rules, rules).difference_fen for one in found} == {0}
    assert not any(effect(one, rules, rules).lines for one in found)


@pytest.mark.django_db
def test_a_venues_own_statements_are_paid_again() -> None:
    deal = Deal(lots=500, buyer_yuan=1_000_000, always_open=True)
    deal.order()
    for kg in (300_000, 200_000):
        deal.truck(kg)
    deal.loaded()
    deal.certificate(1, qnet_ar="5423", st_d="0.92", mt="19.4")
    deal.accept()
    with deal.scope():
        found = samples.last_statements(deal.goods.commodity)
    assert [trade_id for trade_id, _ in found] == [1, 1]
    before, after = read_rules(COMMODITIES["COAL-T5500"]), changed("COAL-T5500", 2, amount="-6")
    effects = [effect(one, before, after) for _, one in found]
    assert sum(one.before.value_fen for one in effects) == deal.statement().body["value_fen"]
    # 297 t with the certificate; 200 t without one are as agreed.
    assert [one.difference_fen for one in effects] == [-29_700, 0]
    with deal.scope():
        other = type(deal.goods.commodity).objects.get(code="COAL-JM")
        assert samples.last_statements(other) == []


@pytest.mark.django_db
def test_bars_of_a_statement_are_counted_again() -> None:
    deal = rebar()
    weigh(deal, 25_000, THIN)
    weigh(deal, 4_000, THICK)
    deal.loaded()
    deal.certificate(1, dia_mm="12", rust="轻锈", heat_no="H")
    deal.accept()
    with deal.scope():
        found = [one for _, one in samples.last_statements(deal.goods.commodity)]
    assert [one.pieces for one in found] == [(THIN,), (THICK,)]
    rules = read_rules(COMMODITIES["STL-RB400E"])
    values = [effect(one, rules, rules).before.value_fen for one in found]
    assert sum(values) == deal.statement().body["value_fen"]
