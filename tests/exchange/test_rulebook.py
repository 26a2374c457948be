"""The operator's decisions: checked here, decided by the engine, safe to repeat."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from exchange import decisions, reference, rulebook, scope
from exchange.link import BlockingLink
from exchange.models import (
    Approval,
    Commodity,
    Firm,
    Instrument,
    InstrumentStatus,
    Membership,
    User,
    Venue,
    Warehouse,
)
from exchange.rulebook import InstrumentTerms, RuleError
from matching.commands import Phase
from tests.exchange.running import engine

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
TODAY = dt.date(2026, 11, 23)


class Office:
    """A venue, its operator and reviewer, and the engine behind a link."""

    def __init__(self, link: BlockingLink) -> None:
        self.link = link
        self.venue = Venue.objects.get(code="qldz")
        self.operator = User.objects.create(username="operator")
        self.reviewer = User.objects.create(username="reviewer")

    def market(self) -> dict[str, Any]:
        return self.link.market(self.venue.id)

    def terms(self, mode: str = "listed", approval: Approval | None = None) -> InstrumentTerms:
        coal = Commodity.objects.get(code="COAL-T5500")
        yard = Warehouse.objects.get(code="RZG-C01")
        return rulebook.suggested_terms(coal, yard, mode, approval)

    def propose(self, terms: InstrumentTerms) -> Instrument:
        return rulebook.propose_instrument(
            venue=self.venue, operator=self.operator, link=self.link, terms=terms, today=TODAY
        )

    def record(self, **changes: Any) -> Approval:
        fields: dict[str, Any] = {
            "number": "演示-1",
            "authority": "authority",
            "opinion": "opinion",
            "scope": ["COAL-T5500"],
            "valid_from": dt.date(2026, 1, 1),
            "valid_to": dt.date(2026, 12, 31),
        }
        return rulebook.record_approval(
            venue=self.venue, operator=self.operator, **(fields | changes)
        )

    def activated(self, **changes: Any) -> Approval:
        approval = self.record(**changes)
        rulebook.activate_approval(approval=approval, reviewer=self.reviewer)
        approval.refresh_from_db()
        return approval


@pytest.fixture
def office(journal_url: str, tmp_path: Path) -> Iterator[Office]:
    reference.load()
    address = f"unix://{tmp_path / 'engine.sock'}"
    with engine(journal_url, address), BlockingLink(address) as link, scope.venue(1):
        yield Office(link)


def test_a_proposed_instrument_is_in_the_engine_closed_with_its_band(office: Office) -> None:
    instrument = office.propose(office.terms())
    reference_ticks = instrument.reference_ticks
    (row,) = office.market()["instruments"]
    low = -(-reference_ticks * (10_000 - instrument.band_bp) // 10_000)
    high = reference_ticks * (10_000 + instrument.band_bp) // 10_000
    assert row == [instrument.pk, Phase.CLOSED, False, reference_ticks, low, high]
    assert instrument.status == InstrumentStatus.PROPOSED  # the projection lists it
    assert (instrument.listed_by, instrument.vat_pct) == (office.operator, 13)


def test_announcing_again_changes_nothing(office: Office) -> None:
    instrument = office.propose(office.terms())
    before = office.market()["instruments"]
    rulebook.announce(instrument, office.link)
    assert office.market()["instruments"] == before


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"tick_fen_per_t": 1, "lot_kg": 500}, "FRACTION_OF_FEN", "tick_fen_per_t"),
        ({"tick_fen_per_t": 0}, "NUMBER", "tick_fen_per_t"),
        ({"lot_kg": -1}, "NUMBER", "lot_kg"),
        ({"max_value_fen": 2**53}, "NUMBER", "max_value_fen"),
        ({"reference_ticks": 0}, "NUMBER", "reference_ticks"),
        ({"band_bp": 0}, "NUMBER", "band_bp"),
        ({"band_bp": 10_000}, "NUMBER", "band_bp"),
        ({"buyer_fee_bp": 1_001}, "NUMBER", "buyer_fee_bp"),
        ({"seller_fee_bp": -1}, "NUMBER", "seller_fee_bp"),
        ({"plus_tolerance_bp": 10_001}, "NUMBER", "plus_tolerance_bp"),
        ({"min_lots": 550}, "QUANTITY_STEP", "min_lots"),
        ({"max_lots": 499}, "BELOW_MINIMUM", "max_lots"),
        ({"unit": "pood"}, "CHOICE", "unit"),
        ({"basis": "NOWHERE"}, "CHOICE", "basis"),
        ({"mode": "auction"}, "CHOICE", "mode"),
        ({"code": "coal"}, "INVALID", "code"),
        ({"code": "C" * 21}, "INVALID", "code"),
        ({"code": ""}, "INVALID", "code"),
        ({"code": "A/B"}, "INVALID", "code"),
        ({"name_zh": "  "}, "REQUIRED", "name_zh"),
        ({"name_en": "x" * 81}, "INVALID", "name_en"),
        ({"grade_en": ""}, "REQUIRED", "grade_en"),
        ({"mode": "matched"}, "APPROVAL_REQUIRED", "approval"),
        ({"dynamic_bp": 10_001}, "NUMBER", "dynamic_bp"),
        ({"dynamic_bp": 100, "call_seconds": 60}, "VOLATILITY_MODE", "dynamic_bp"),
        ({"call_seconds": 86_401}, "CALL_SECONDS", "call_seconds"),
        ({"max_day_lots": -1}, "NUMBER", "max_day_lots"),
        ({"max_day_lots": 499}, "BELOW_MINIMUM", "max_day_lots"),
        ({"resale_rule": "none"}, "CHOICE", "resale_rule"),
    ],
)
def test_terms_that_break_a_rule_are_refused_and_leave_nothing(
    office: Office, changes: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(RuleError) as refused:
        office.propose(replace(office.terms(), **changes))
    assert (refused.value.code, refused.value.field) == (code, field)
    assert not Instrument.objects.exists()
    assert office.market()["instruments"] == []


def test_goods_cannot_be_delivered_to_a_warehouse_that_does_not_store_them(office: Office) -> None:
    silo = Warehouse.objects.get(code="YTG-G01")
    with pytest.raises(RuleError) as refused:
        office.propose(replace(office.terms(), warehouse=silo))
    assert (refused.value.code, refused.value.field) == ("WAREHOUSE_CATEGORY", "warehouse")


def test_a_code_is_given_once_a_venue(office: Office) -> None:
    office.propose(office.terms())
    with pytest.raises(RuleError) as refused:
        office.propose(office.terms())
    assert (refused.value.code, refused.value.field) == ("CODE_TAKEN", "code")


def test_what_the_engine_refuses_is_marked_with_its_reason(office: Office) -> None:
    with pytest.raises(RuleError) as refused:
        office.propose(replace(office.terms(), piece_min_kg=9, piece_max_kg=8))
    assert refused.value.code == "PARAMETERS"
    instrument = Instrument.objects.get()
    assert (instrument.status, instrument.refusal) == (InstrumentStatus.REFUSED, "PARAMETERS")


# Two-sided matching needs an approval that two people made.


def test_matched_opens_under_an_approval_that_a_second_person_activated(office: Office) -> None:
    instrument = office.propose(office.terms("matched", office.activated()))
    assert instrument.mode == "matched"
    assert len(office.market()["instruments"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_to": dt.date(2026, 11, 22)},
        {"valid_from": dt.date(2026, 11, 24)},
        {"scope": ["COAL-JM"]},
    ],
)
def test_an_approval_of_another_time_or_commodity_opens_nothing(
    office: Office, changes: dict[str, Any]
) -> None:
    with pytest.raises(RuleError, match="APPROVAL_REQUIRED"):
        office.propose(office.terms("matched", office.activated(**changes)))


def test_an_approval_that_nobody_reviewed_opens_nothing(office: Office) -> None:
    with pytest.raises(RuleError, match="APPROVAL_REQUIRED"):
        office.propose(office.terms("matched", office.record()))


def test_an_approval_of_another_venue_opens_nothing(office: Office) -> None:
    approval = office.activated()
    Approval.objects.filter(pk=approval.pk).update(venue=Venue.objects.get(code="jdsc"))
    with scope.venue(2):
        elsewhere = Approval.objects.get(pk=approval.pk)
    with pytest.raises(RuleError, match="APPROVAL_REQUIRED"):
        office.propose(office.terms("matched", elsewhere))


def test_the_maker_of_an_approval_cannot_activate_it(office: Office) -> None:
    approval = office.record()
    with pytest.raises(RuleError, match="SAME_PERSON"):
        rulebook.activate_approval(approval=approval, reviewer=office.operator)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(activated_by=office.operator)
    assert Approval.objects.get().activated_by is None


def test_an_approval_is_activated_once(office: Office) -> None:
    approval = office.activated()
    with pytest.raises(RuleError, match="SAME"):
        rulebook.activate_approval(approval=approval, reviewer=office.reviewer)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"number": " "}, "REQUIRED", "number"),
        ({"authority": ""}, "REQUIRED", "authority"),
        ({"opinion": ""}, "REQUIRED", "opinion"),
        ({"scope": []}, "REQUIRED", "scope"),
        ({"valid_to": dt.date(2025, 12, 31)}, "DATES", "valid_to"),
        ({"number": " 演示-0 "}, "CODE_TAKEN", "number"),
    ],
)
def test_an_incomplete_approval_is_not_recorded(
    office: Office, changes: dict[str, Any], code: str, field: str
) -> None:
    office.record(number="演示-0")
    with pytest.raises(RuleError) as refused:
        office.record(**changes)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert Approval.objects.count() == 1


def test_the_database_itself_refuses_matched_without_an_approval(office: Office) -> None:
    instrument = office.propose(office.terms())
    with pytest.raises(IntegrityError), transaction.atomic():
        Instrument.objects.filter(pk=instrument.pk).update(mode="matched")


# Halts and firms.


def test_halting_twice_and_resuming_twice_is_once(office: Office) -> None:
    instrument = office.propose(office.terms())
    one, two, now = office.operator, office.reviewer, timezone.now()
    halt: dict[str, Any] = {"operator": one, "link": office.link, "reason": "look"}
    for _ in range(2):
        rulebook.halt_instrument(instrument=instrument, **halt)
        assert office.market()["instruments"][0][2] is True
        rulebook.halt_venue(venue=office.venue, **halt)
        assert office.market()["halted"] is True
    for _ in range(2):
        for what in (instrument, None):
            row = decisions.ask_resume(
                venue=office.venue, instrument=what, reason="seen", by=one, now=now
            )
            done = decisions.answer(row.pk, agreed=True, by=two, link=office.link, now=now)
            assert done.state == "done"
        assert office.market()["halted"] is False
        assert office.market()["instruments"][0][2] is False


def test_a_halt_needs_a_reason(office: Office) -> None:
    with pytest.raises(RuleError) as refused:
        rulebook.halt_venue(
            venue=office.venue, operator=office.operator, link=office.link, reason=" "
        )
    assert (refused.value.code, refused.value.field) == ("REQUIRED", "reason")
    assert office.market()["halted"] is False


def test_a_firm_is_admitted_once_and_suspended_only_after_that(office: Office) -> None:
    firm = Firm.objects.get(code="rzyf")
    membership = Membership.objects.get(firm=firm)
    with pytest.raises(RuleError, match="UNKNOWN_FIRM"):
        rulebook.set_firm_status(membership=membership, link=office.link, active=False)
    rulebook.admit_firm(venue=office.venue, firm=firm, link=office.link)
    rulebook.admit_firm(venue=office.venue, firm=firm, link=office.link)
    rulebook.set_firm_status(membership=membership, link=office.link, active=False)
    rulebook.set_firm_status(membership=membership, link=office.link, active=False)
    assert [row[0] for row in office.link.cover(1)["cash"]] == [firm.pk]


@pytest.mark.parametrize(
    ("text", "fen"), [("0.01", 1), ("12", 1_200), ("12.34", 1_234), (5, 500), ("0", 0)]
)
def test_yuan_become_fen_exactly(text: Any, fen: int) -> None:
    assert rulebook.yuan_to_fen(text) == fen


@pytest.mark.parametrize("text", ["0.001", "x", "", "-1", "1e300", "NaN", "Infinity", None])
def test_an_amount_that_is_no_whole_number_of_fen_is_refused(text: Any) -> None:
    with pytest.raises(RuleError, match="NUMBER"):
        rulebook.yuan_to_fen(text)
