"""Nothing is listed for acceptance while no rules are in force, whoever asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exchange import reference, rulebook, scope
from exchange.link import BlockingLink
from exchange.models import Commodity, Delivery, Instrument, InstrumentStatus, Venue, Warehouse
from settlement.quality import listing, versions
from settlement.quality.versions import VersionError
from tests.exchange.running import engine

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
List = partial[Instrument]


@pytest.fixture
def propose(journal_url: str, tmp_path: Path) -> Iterator[List]:
    """Listing of coal for acceptance at a venue that has no rules yet, but an engine."""
    reference.load()
    terms = rulebook.suggested_terms(
        Commodity.objects.get(code="COAL-T5500"), Warehouse.objects.get(code="RZG-C01"), "listed"
    )
    usual: dict[str, Any] = {
        "venue": Venue.objects.get(pk=1),
        "operator": None,
        "terms": replace(terms, delivery=Delivery.ACCEPTANCE),
        "today": NOW.date(),
        "now": NOW,
    }
    address = f"unix://{tmp_path / 'engine.sock'}"
    with engine(journal_url, address), BlockingLink(address) as link, scope.venue(1):
        yield partial(listing.list_instrument, link=link, **usual)


def test_goods_for_acceptance_are_listed_only_while_rules_are_in_force(propose: List) -> None:
    with pytest.raises(VersionError, match="NO_RULES"):
        propose()
    assert not Instrument.objects.exists()
    versions.take_in(Venue.objects.get(pk=1), NOW)
    with pytest.raises(VersionError, match="NO_RULES"):
        propose(now=versions.begins(dt.date(2025, 12, 31)))
    one = propose()
    assert (one.delivery, one.status) == (Delivery.ACCEPTANCE, InstrumentStatus.PROPOSED)


def test_goods_that_change_hands_by_their_receipt_need_no_rules(propose: List) -> None:
    terms = replace(propose.keywords["terms"], delivery=Delivery.RECEIPT)
    assert propose(terms=terms).delivery == Delivery.RECEIPT


def test_the_same_terms_again_are_told_to_the_engine_and_not_listed_twice(propose: List) -> None:
    versions.take_in(Venue.objects.get(pk=1), NOW)
    one = propose()
    assert propose(before=one) == one
    assert Instrument.objects.count() == 1
    Commodity.objects.filter(pk=one.commodity_id).update(code="COAL-OLD")
    new = Commodity.objects.create(
        code="COAL-T5500", name_zh="煤", name_en="Coal", category="coal", vat_pct=13, parameters={}
    )
    terms = replace(propose.keywords["terms"], commodity=new)
    with pytest.raises(VersionError, match="NO_RULES"):
        propose(terms=terms, before=one)
