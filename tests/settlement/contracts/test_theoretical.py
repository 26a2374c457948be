"""Rebar by theoretical weight: counted, weighed for control, paid to the fen by the count."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import reference
from settlement.contracts import delivering
from settlement.contracts.evidence import bundle
from settlement.contracts.flow import ContractError
from settlement.contracts.statement import Counted, Final, Found, Ticket, draw
from settlement.contracts.terms import digest, read_terms, write_terms
from settlement.models import RuleVersion, WeighTicket
from settlement.quality.assess import AssessError, Pieces, is_off_the_scale, theoretical_kg
from settlement.quality.rules import read_rules
from settlement.quality.text import canonical, digest_of, rule_set
from tests.settlement.contracts.trade import CODE, Deal

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
STEEL = next(r for r in reference.fixture()["commodities"] if r["code"] == "STL-RB400E")
THIN, THICK = Pieces("12", "12", 2_400), Pieces("16", "9", 300)
"""25,574 kg, the golden case, and 1.58 x 9 x 300 = 4,266 kg."""


def rebar() -> Deal:
    """30 t at 3,180 yuan, paid in full, ordered for delivery."""
    deal = Deal(
        "STL-RB400E", seller="jnqf", buyer="lyjc", lots=30, buyer_yuan=200_000, always_open=True
    )
    deal.order()
    return deal


def weigh(deal: Deal, net_kg: int, pieces: Pieces | None) -> None:
    scale = {"gross_kg": 15_000 + net_kg, "tare_kg": 15_000, "plate": "鲁A·88888", "code": CODE}
    deal.do(delivering.weigh_in, by=deal.people["keeper"], pieces=pieces, **scale)


def refused(deal: Deal, pieces: Pieces | None) -> str:
    try:
        weigh(deal, 25_000, pieces)
    except (ContractError, AssessError) as error:
        return error.code
    return ""


@pytest.mark.parametrize("scale", [(24_700, 4_100), (25_900, 4_400)])
def test_bars_are_paid_by_count_to_the_fen_whatever_the_scale_says(scale: tuple[int, int]) -> None:
    deal = rebar()
    for net_kg, pieces in zip(scale, (THIN, THICK), strict=True):
        weigh(deal, net_kg, pieces)
    deal.loaded()
    deal.certificate(1, dia_mm="12", rust="轻锈", heat_no="H1")
    deal.certificate(2, dia_mm="16", rust="无锈", heat_no="H2")
    deal.accept()

    body = deal.statement().body
    # 3,180 + 100 for 12 mm - 20 for light rust = 3,260 x 25.574 t; 3,180 x 4.266 t
    assert [part["value_fen"] for part in body["parts"]] == [8_337_124, 1_356_588]
    assert (body["payable_kg"], body["value_fen"], body["vat_fen"]) == (
        29_840,
        9_693_712,
        1_115_206,
    )
    assert body["missing_kg"] == 0, "3 % less than 30 t is agreed"
    assert body["counted"] == [
        {
            "ticket": 1, "diameter_mm": "12", "length_m": "12", "pieces": 2_400,
            "kg_per_m": "0.888", "theoretical_kg": 25_574, "scale_kg": scale[0], "paid_kg": 25_574,
        },
        {
            "ticket": 2, "diameter_mm": "16", "length_m": "9", "pieces": 300,
            "kg_per_m": "1.58", "theoretical_kg": 4_266, "scale_kg": scale[1], "paid_kg": 4_266,
        },
    ]  # fmt: skip
    assert digest(body) == deal.statement().sha256, "both agree to what was counted"

    deal.agree()
    contract = deal.contract()
    kept = 9_693_712 * 500 // 10_000
    assert (contract.state, contract.final_fen, contract.kept_fen) == ("settled", 9_693_712, kept)
    assert deal.money(deal.seller) == 9_693_712 - contract.seller_fee_fen - kept
    assert deal.money(deal.buyer) == 20_000_000 - 9_693_712 - contract.buyer_fee_fen
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    deal.prove()
    with deal.scope():
        found = bundle(deal.contract(), seen_by=None)["tickets"][0]
        assert (found["pieces"], found["theoretical_kg"]) == (2_400, 25_574)


def test_the_store_counts_what_the_contract_pays_by_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deal = rebar()
    codes = [
        refused(deal, pieces)
        for pieces in (
            None, Pieces("17", "12", 1), Pieces("12", "10", 1), Pieces("12", "12", 0),
            Pieces("12", "12", 1_000_001),
        )
    ]  # fmt: skip
    assert codes == ["PIECES", "GRADE", "GRADE", "NUMBER", "NUMBER"]
    monkeypatch.setattr(delivering, "TICKET_MOST_KG", 40_000)
    assert refused(deal, Pieces("32", "12", 1_000)) == "SCALE"
    monkeypatch.setattr(delivering, "TICKET_MOST_KG", 75_719)  # one kilogram less than they weigh
    assert refused(deal, Pieces("32", "12", 1_000)) == "SCALE"
    with deal.scope():
        assert not WeighTicket.objects.exists()
    monkeypatch.setattr(delivering, "TICKET_MOST_KG", 75_720)
    assert refused(deal, Pieces("32", "12", 1_000)) == ""


def test_goods_of_the_scale_are_not_counted() -> None:
    deal = Deal(always_open=True)
    deal.order()
    assert refused(deal, THIN) == "NO_PIECES"
    deal.truck(500_000)
    with deal.scope():
        row = WeighTicket.objects.get()
        assert (row.net_kg, row.scale_kg, row.theoretical_kg) == (500_000, 500_000, None)
        for wrong in ({"pieces": 1}, {"theoretical_kg": 1}, {"theoretical_kg": 1, "pieces": 1}):
            with pytest.raises(IntegrityError), transaction.atomic():
                WeighTicket.objects.filter(pk=row.pk).update(**wrong)


def test_a_certificate_speaks_of_the_bars_that_were_counted() -> None:
    deal = rebar()
    weigh(deal, 25_000, THIN)
    weigh(deal, 4_200, THICK)
    deal.loaded()
    paper = {"by": deal.people["inspector"], "certificate": "C", "agency": "A"}
    found = {"rust": "无锈", "heat_no": "H"}

    def refusal(ticket: int, diameter: str) -> str:
        measured = found | {"dia_mm": diameter}
        return deal.refusal(delivering.inspect, ticket=ticket, measured=measured, **paper)

    assert [refusal(1, "16"), refusal(0, "12"), refusal(0, "16")] == ["DIAMETER"] * 3
    deal.certificate(1, dia_mm="12", **found)
    deal.certificate(2, dia_mm="16", **found)


def test_a_deviation_can_be_disputed_and_what_is_decided_is_paid() -> None:
    deal = rebar()
    weigh(deal, 27_000, Pieces("12", "12", 2_800))  # 29,837 kg: the scale is 9.5 % below
    deal.loaded()
    with deal.scope():
        row = WeighTicket.objects.get()
        rules = read_terms(deal.contract().terms).rules
        assert is_off_the_scale(rules, theoretical=row.theoretical_kg or 0, scale=row.scale_kg)
    deal.do(delivering.dispute, **deal.as_buyer(), what="weight", reason="短尺")
    deal.do(delivering.decide_weight, by=deal.people["clerk"], ticket=1, net_kg=29_200)
    deal.do(delivering.end_umpire, by=deal.people["clerk"])
    deal.accept()
    body = deal.statement().body
    assert (body["payable_kg"], body["value_fen"]) == (29_200, 318_000 * 29_200 // 1000)
    assert [(one["theoretical_kg"], one["paid_kg"]) for one in body["counted"]] == [
        (29_837, 29_200)
    ]


@pytest.mark.parametrize(
    ("scale", "is_off"),
    [(9_500, False), (9_499, True), (10_500, False), (10_501, True), (10_000, False)],
)
def test_the_bound_of_the_deviation_itself_is_allowed(scale: int, is_off: bool) -> None:
    assert is_off_the_scale(read_rules(STEEL), theoretical=10_000, scale=scale) is is_off


def test_without_a_bound_nothing_is_off_the_scale() -> None:
    coal = next(r for r in reference.fixture()["commodities"] if r["code"] == "COAL-T5500")
    assert not is_off_the_scale(read_rules(coal), theoretical=1, scale=10**6)


def drawn(bars: list[tuple[Pieces, int]], price: int, found: list[Found]) -> Final:
    """The statement of bars over a scale, by the fixture's rules."""
    rules = rule_set(STEEL)
    version = RuleVersion(text=canonical(rules), digest=digest_of(rules), number=1)
    instrument: Any = type("I", (), {"commodity": type("C", (), {"parameters": STEEL})})
    defaults = reference.fixture()["defaults"]
    terms = read_terms(write_terms(instrument, version, defaults, always_open=True))
    tickets = []
    for number, (pieces, scale) in enumerate(bars, start=1):
        kg = theoretical_kg(terms.rules, pieces)
        tickets.append(Ticket(number, kg, False, Counted(pieces, kg, scale)))
    return draw(
        terms, price=price, agreed_kg=30_000, tickets=tickets, found=found, excess_refused=False
    )


BARS = st.builds(
    Pieces, st.sampled_from(sorted(STEEL["piece_mass_kg_per_m"])), st.sampled_from(["9", "12"]),
    st.integers(1, 5_000),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    bars=st.lists(BARS, min_size=1, max_size=5), price=st.integers(1, 10**7),
    scales=st.lists(st.integers(1, 10**5), min_size=10, max_size=10), data=st.data(),
)  # fmt: skip
def test_no_scale_moves_the_money_and_one_bar_more_never_pays_less(
    bars: list[Pieces], price: int, scales: list[int], data: st.DataObject
) -> None:
    found = [
        Found(n, False, {"dia_mm": one.diameter, "rust": "中锈"}, f"C{n}")
        for n, one in enumerate(bars, start=1)
        if data.draw(st.booleans())
    ]
    first = drawn(list(zip(bars, scales, strict=False)), price, found)
    second = drawn(list(zip(bars, scales[5:], strict=False)), price, found)
    assert (first.parts, first.value_fen) == (second.parts, second.value_fen)
    assert first.value_fen >= 0
    more = [Pieces(bars[0].diameter, bars[0].metres, bars[0].count + 1), *bars[1:]]
    third = drawn(list(zip(more, scales, strict=False)), price, found)
    assert third.value_fen >= first.value_fen
    assert third.payable_kg > first.payable_kg
