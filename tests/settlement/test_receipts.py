"""Warehouse receipts: one pile one receipt, across venues; what stands against collecting."""

from __future__ import annotations

import pytest

from exchange import scope
from exchange.models import Firm, Instrument
from settlement import receipts
from settlement.models import Receipt, ReceiptState
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


def register(world: World, firm: Firm, instrument: Instrument, pile: str, op_id: str) -> Receipt:
    with scope.venue(world.venue.id):
        receipt = receipts.register(
            venue=world.venue,
            firm=firm,
            instrument=instrument,
            warehouse=instrument.warehouse,
            lots=1_000,
            weight_kg=1_000 * instrument.lot_kg,
            op_id=op_id,
            by=None,
            lot_reference=pile,
        )
    world.settle_all()
    return receipt


def test_a_pile_registered_at_one_venue_is_taken_at_another_that_uses_the_same_store() -> None:
    here, there = World("qldz"), World("jdsc")
    coal, other = here.instrument(), there.instrument()
    assert coal.warehouse_id == other.warehouse_id
    register(here, here.firm("rzyf"), coal, "A-01", "first")

    with pytest.raises(receipts.ReceiptError) as refused:
        register(there, there.firm("jnqf"), other, "A-01", "second")

    assert refused.value.code == "PILE_TAKEN"
    with scope.venue(there.venue.id):
        assert list(Receipt.objects.all()) == []


def test_a_pile_that_was_collected_may_be_registered_again() -> None:
    world = World()
    coal, seller = world.instrument(), world.firm("rzyf")
    first = register(world, seller, coal, "A-01", "first")
    with scope.venue(1):
        receipts.collect(firm=seller, receipt_id=first.pk, lots=1_000, op_id="out")
    world.settle_all()

    second = register(world, seller, coal, "A-01", "second")

    with scope.venue(1):
        states = list(Receipt.objects.order_by("pk").values_list("pk", "state"))
    assert states == [(first.pk, ReceiptState.CLOSED), (second.pk, ReceiptState.REGISTERED)]
