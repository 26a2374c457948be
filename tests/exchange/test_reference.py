"""Reference data: exact, complete, repeatable."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from stdnum.cn import uscc

from exchange import bands, reference, rulebook, scope
from exchange.models import Commodity, Firm, Membership, Venue, Warehouse
from matching.units import MAX_INT

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

CODES = {
    "COAL-T5500", "COAL-JM", "STL-RB400E", "STL-HRC235", "SEA-SQD", "SEA-HTL", "SEA-SHR",
    "SEA-KLP", "GRN-WHT", "GRN-CRN", "GRN-SOY", "GRN-RIC", "CTN-3128B",
}  # fmt: skip


def test_loading_twice_gives_the_same_venues_commodities_warehouses_and_firms() -> None:
    reference.load()
    before = [
        list(model.objects.order_by("pk").values()) for model in (Venue, Commodity, Warehouse, Firm)
    ]
    members = list(Membership.objects.across_venues().order_by("pk").values())
    venues = reference.load()
    assert [(venue.id, venue.code) for venue in venues] == [(1, "qldz"), (2, "jdsc"), (3, "lblm")]
    assert [len(rows) for rows in before] == [3, 13, 10, 12]
    after = [
        list(model.objects.order_by("pk").values()) for model in (Venue, Commodity, Warehouse, Firm)
    ]
    assert after == before
    assert list(Membership.objects.across_venues().order_by("pk").values()) == members
    assert len(members) == 15  # three firms trade at two venues


def test_loading_leaves_what_the_operator_decided() -> None:
    reference.load()
    Venue.objects.filter(code="qldz").update(always_open=True)
    Membership.objects.across_venues().update(status="suspended")
    reference.load()
    assert Venue.objects.get(code="qldz").always_open
    assert set(Membership.objects.across_venues().values_list("status", flat=True)) == {"suspended"}


def test_no_figure_of_the_fixture_is_a_float() -> None:
    def floats(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [one for item in value.values() for one in floats(item)]
        if isinstance(value, list):
            return [one for item in value for one in floats(item)]
        return [value] if isinstance(value, float) else []

    assert floats(reference.fixture()) == []


def test_every_firms_credit_code_has_both_check_digits_right() -> None:
    for row in reference.fixture()["demo"]["firms"]:
        reference.check_uscc(row["uscc"])


@pytest.mark.parametrize(
    "code",
    [
        "91379900MADEMQ012J",  # the last digit is wrong
        "91379900MADEMQ02XH",  # the organisation code inside is wrong
        "9137990",
        "",
    ],
)
def test_a_credit_code_that_does_not_check_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match=r"credit code|organisation code"):
        reference.check_uscc(code)


def test_a_wrong_organisation_code_is_found_behind_a_right_last_digit() -> None:
    body = "91379900MADEMQ013"  # the true organisation code ends in 2: ...Q012 becomes ...Q013
    code = body + uscc.calc_check_digit(body)
    with pytest.raises(ValueError, match="the organisation code inside does not check"):
        reference.check_uscc(code)


def test_each_venue_trades_its_commodities() -> None:
    found = {
        venue.code: [one.code for one in reference.venue_commodities(venue)]
        for venue in reference.load()
    }
    assert set().union(*found.values()) == CODES
    assert {code: len(codes) for code, codes in found.items()} == {"qldz": 4, "jdsc": 4, "lblm": 5}


def test_the_fixtures_terms_of_coal_are_exact() -> None:
    reference.load()
    coal = Commodity.objects.get(code="COAL-T5500")
    terms = rulebook.suggested_terms(coal, Warehouse.objects.get(code="RZG-C01"), "matched")
    assert (terms.code, terms.name_zh, terms.unit) == ("COAL-T5500-RZG", "动力煤 Q5500", "t")
    assert (terms.tick_fen_per_t, terms.lot_kg) == (100, 1_000)
    assert (terms.min_lots, terms.step_lots, terms.max_lots) == (500, 100, 50_000)
    assert (terms.buyer_fee_bp, terms.seller_fee_bp, terms.plus_tolerance_bp) == (5, 5, 1_000)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_suggested_terms_of_every_commodity_can_be_listed(code: str) -> None:
    reference.load()
    commodity = Commodity.objects.get(code=code)
    for place in commodity.parameters["delivery"]["warehouses"]:
        warehouse = Warehouse.objects.get(code=place)
        terms = rulebook.suggested_terms(commodity, warehouse, "listed")
        venue = Venue.objects.get(pk=1)
        with scope.venue(venue.id):
            rulebook.check_terms(terms, venue, dt.date(2026, 11, 23))
        low, high = bands.band(terms.reference_ticks, terms.band_bp)
        assert low < terms.reference_ticks < high
        assert terms.reference_ticks * terms.tick_fen_per_t * terms.lot_kg <= MAX_INT
        piece = commodity.parameters["quantity"].get("piece_mass")
        assert bool(terms.piece_max_kg) == bool(piece)


@pytest.mark.parametrize(
    ("quantity", "amount", "lots"),
    [
        ({"unit": "t", "lot_kg": 1_000}, 500, 500),
        ({"unit": "t", "lot_kg": 500}, "0.5", 1),
        ({"unit": "coil", "lot_kg": 25_000}, 3, 3),
    ],
)
def test_amounts_become_lots(quantity: dict[str, Any], amount: Any, lots: int) -> None:
    assert reference.lots(quantity, amount) == lots


def test_an_amount_that_is_no_whole_number_of_lots_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number of lots"):
        reference.lots({"unit": "t", "lot_kg": 1_000}, "0.5")
