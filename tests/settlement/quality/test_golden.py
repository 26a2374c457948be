"""The golden cases of the fixture, to the fen, and each commodity's rules read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exchange import reference
from settlement.quality.assess import Pieces, assess, theoretical_kg
from settlement.quality.rules import Action, read_rules

COMMODITIES = {row["code"]: row for row in reference.fixture()["commodities"]}
CASES = {case["id"]: case for case in reference.fixture()["golden_cases"] if "commodity" in case}


def hundredths(text: str) -> int:
    return int(Decimal(text) * 100)


def kg(text: str) -> int:
    return int(Decimal(text) * 1000)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_golden_case_comes_out_to_the_fen(case: dict[str, Any]) -> None:
    rules = read_rules(COMMODITIES[case["commodity"]])
    if "pieces" in case:
        pieces = case["pieces"]
        weight = theoretical_kg(
            rules, Pieces(pieces["dia_mm"], pieces["length_m"], pieces["count"])
        )
    else:
        weight = kg(case["weight_t"])
    measured = {name: str(value) for name, value in case["measured"].items()}

    found = assess(
        rules, price=hundredths(case["unit_price"]), delivered_kg=weight, measured=measured
    )

    expected = case["expect"]
    assert (found.price, found.weight_kg, found.value_fen, found.net_fen, found.vat_fen) == (
        hundredths(expected["unit_price"]),
        kg(expected["weight_t"]),
        hundredths(expected["amount"]),
        hundredths(expected["net"]),
        hundredths(expected["vat"]),
    )


def test_there_are_four_golden_cases_of_quality() -> None:
    assert sorted(CASES) == [
        "coal_offspec", "corn_moist_mouldy", "cotton_conditioned", "rebar_theoretical",
    ]  # fmt: skip


@pytest.mark.parametrize("code", COMMODITIES)
def test_every_commodity_has_rules_that_can_be_read(code: str) -> None:
    rules = read_rules(COMMODITIES[code])
    assert len(rules.adjustments) == len(COMMODITIES[code]["adjustments"]) > 0
    assert len(rules.rejects) == len(COMMODITIES[code]["rejects"]) > 0
    assert len(rules.digest) == 64


def test_squid_that_thawed_waits_for_an_umpire_and_spoilt_squid_must_be_refused() -> None:
    rules = read_rules(COMMODITIES["SEA-SQD"])
    fine = {"size": "200-300g", "glaze": "5", "core_temp": "-18", "tvbn": "20"}

    def action(**changes: str) -> Action | None:
        return assess(rules, price=1_850_000, delivered_kg=1_000, measured=fine | changes).action

    assert action() is None
    assert action(core_temp="-15") is None, "the bound itself is allowed"
    assert action(core_temp="-14.9") is Action.HOLD_AND_UMPIRE
    assert action(core_temp="-14.9", tvbn="30.1") is Action.MANDATORY
    assert action(glaze="12.5") is Action.BUYER_OPTION


def test_more_ice_than_declared_is_not_paid_and_less_is() -> None:
    rules = read_rules(COMMODITIES["SEA-SQD"])  # declared: 5 %
    found = {
        glaze: assess(
            rules, price=100_000, delivered_kg=9_500, measured={"size": "200-300g", "glaze": glaze}
        ).weight_kg
        for glaze in ("5", "10", "0")
    }
    assert found == {"5": 9_500, "10": 9_000, "0": 10_000}
