"""Warehouse receipts: one pile one receipt, across venues; what stands against collecting."""

from __future__ import annotations

import datetime as dt

import pytest

from exchange import scope
from exchange.models import Firm, Instrument, User
from matching.commands import Side
from settlement import endorsements, funds, receipts
from settlement.models import Receipt, ReceiptState
from tests.papers import papers
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
            papers=papers(),
            now=NOON,
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


NOON = dt.datetime(2026, 11, 24, 4, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 11, 25, 4, tzinfo=dt.UTC)


def sold(lots: int) -> tuple[World, Receipt]:
    """Return a world where a buyer has bought so many of a pile's 1,000 t, and the buyer's part."""
    world = World()
    coal, seller, buyer = world.instrument(), world.firm("rzyf"), world.firm("lzrd")
    with scope.venue(1):
        funds.deposit(venue=world.venue, firm=buyer, amount_fen=10**8, op_id="in", by=None)
    world.settle_all()
    register(world, seller, coal, "A-01", "goods")
    world.enter(seller, coal, Side.SELL, lots, 722)
    world.enter(buyer, coal, Side.BUY, lots, 722)
    world.settle_all()
    with scope.venue(1):
        return world, Receipt.objects.get(owner=buyer, state=ReceiptState.REGISTERED)


def refusal(world: World, receipt: Receipt, op_id: str) -> str:
    """Return why collecting one lot is refused, or ""."""
    with scope.venue(world.venue.id):
        try:
            receipts.collect(firm=receipt.owner, receipt_id=receipt.pk, lots=1, op_id=op_id)
        except receipts.ReceiptError as error:
            return error.code
    return ""


@pytest.mark.parametrize("lots", [600, 1_000])
def test_what_was_bought_is_collected_only_once_the_keeper_has_signed(lots: int) -> None:
    world, bought = sold(lots)
    keeper = User.objects.create_user("keeper")
    assert refusal(world, bought, "early") == "NOT_SIGNED"
    with scope.venue(1):
        (waiting,) = endorsements.waiting()
        endorsements.sign(waiting.key, by=keeper, now=NOON)
    assert refusal(world, bought, "signed") == ""
    world.settle_all()
    with scope.venue(1):
        bought.refresh_from_db()
        assert bought.lots == lots - 1
        assert endorsements.waiting() == []


def test_a_transfer_signed_twice_keeps_its_first_signer_and_time() -> None:
    _, bought = sold(600)
    first, second = User.objects.create_user("first"), User.objects.create_user("second")
    with scope.venue(1):
        (waiting,) = endorsements.waiting()
        endorsements.sign(waiting.key, by=first, now=NOON)
        endorsements.sign(waiting.key, by=second, now=LATER)
        (signed,) = endorsements.held_by(bought)
    assert (signed.signed_by, signed.signed_at) == (first, NOON)


def test_a_part_of_unsigned_goods_is_signed_after_them() -> None:
    world, bought = sold(600)
    keeper = User.objects.create_user("keeper")
    with scope.venue(1):
        (first,) = endorsements.waiting()
        part = Receipt.objects.create(
            venue=world.venue,
            origin="trade:2:0",
            root_id=bought.root_id,
            parent_id=bought.pk,
            owner=world.firm("jnqf"),
            instrument=bought.instrument,
            warehouse=bought.warehouse,
            lot_reference=bought.lot_reference,
            lots=100,
            weight_kg=100_000,
            state=ReceiptState.REGISTERED,
            made_at=LATER,
        )
        endorsements.record(
            "9/0/0/0",
            receipt_id=part.pk,
            trade_id=2,
            from_firm_id=bought.owner_id,
            to_firm_id=part.owner_id,
            lots=100,
            weight_kg=100_000,
            at=LATER,
        )
        with pytest.raises(endorsements.EndorsementError) as refused:
            endorsements.sign("1/9/0/0/0", by=keeper, now=LATER)
        assert refused.value.code == "EARLIER_UNSIGNED"
        for key in (first.key, "1/9/0/0/0"):
            endorsements.sign(key, by=keeper, now=LATER)
        assert endorsements.waiting() == []


def test_a_transfer_of_another_venue_looks_like_none() -> None:
    sold(600)
    keeper = User.objects.create_user("keeper")
    with scope.venue(1):
        (waiting,) = endorsements.waiting()
    for key in (waiting.key, "none"):
        with scope.venue(2), pytest.raises(endorsements.EndorsementError) as refused:
            endorsements.sign(key, by=keeper, now=NOON)
        assert refused.value.code == "UNKNOWN_TRANSFER"
    with scope.venue(1):
        assert endorsements.waiting() == [waiting]
