"""A contract's paper: kept as it was sealed, signed by two orders, never changed."""

from __future__ import annotations

import importlib
import json

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from exchange import scope
from exchange.models import Commodity, Firm, OrderRow, User
from matching.commands import Side
from settlement import funds, receipts
from settlement.contracts import papers
from settlement.contracts.evidence import bundle
from settlement.contracts.terms import canonical, digest, text_digest
from settlement.models import ContractPaper, ContractSignature, Obligation, Receipt
from tests.papers import NOON
from tests.papers import papers as stored_with
from tests.settlement.contracts.trade import Deal
from tests.world import World

pytestmark = pytest.mark.django_db


def by_receipt(*, lots: int = 500, piles: tuple[int, ...] = (400, 100)) -> World:
    """A trade whose receipt passes at once; the goods lie in as many piles."""
    world = World()
    coal = world.instrument()
    seller, buyer = world.firm("rzyf"), world.firm("lzrd")
    with scope.venue(world.venue.id):
        for number, part in enumerate(piles, start=1):
            receipts.register(
                venue=world.venue,
                firm=seller,
                instrument=coal,
                warehouse=coal.warehouse,
                lots=part,
                weight_kg=part * 1_000,
                op_id=f"stored {number}",
                by=None,
                lot_reference=f"A-{number}",
                papers=stored_with(),
                now=NOON,
            )
        funds.deposit(venue=world.venue, firm=buyer, amount_fen=10**9, op_id="in", by=None)
    world.settle_all()
    world.enter(seller, coal, Side.SELL, lots, 722)
    world.enter(buyer, coal, Side.BUY, lots, 722)
    world.settle_all()
    return world


def paper_of(world: World) -> ContractPaper:
    with scope.venue(world.venue.id):
        return ContractPaper.objects.get(obligation__trade_id=1)


def test_a_contract_by_receipt_keeps_its_text_too() -> None:
    world = by_receipt()
    paper = paper_of(world)
    said = json.loads(paper.text)
    assert paper.sha256 == text_digest(paper.text)
    assert (said["discharge"], said["trade_id"], said["value_fen"]) == ("receipt", 1, 36_100_000)
    piles = [(row["number"], row["pile"], row["weight_kg"]) for row in said["receipts"]]
    assert piles == [("QLDZ-R-000001", "A-1", 400_000), ("QLDZ-R-000002", "A-2", 100_000)]
    assert "fee_fen" not in paper.text, "neither party reads what the other pays the venue"
    assert said["resale_from"] == "2026-11-30", "the receipt's own resale day"
    with scope.venue(world.venue.id):
        bought = Receipt.objects.filter(owner=world.firm("lzrd"), state="registered")
        assert {receipts.from_day(row.sellable_from_day) for row in bought} == {"2026-11-30"}
    assert set(said["terms"]) == {"quality"}, "nothing is adjusted afterwards"
    assert set(said["terms"]["quality"]) == {"code", "attributes", "weight_basis"}


def test_a_contract_by_acceptance_says_when_the_rest_is_due() -> None:
    deal = Deal(cover_bp=1_000)
    said = json.loads(paper_of(deal.world).text)
    contract = deal.contract()
    assert contract.due_at is not None
    assert said["pay_by"] == contract.due_at.isoformat(timespec="microseconds")
    assert said["terms"] == contract.terms
    assert said["resale_from"] == ""


def test_both_parties_are_bound_by_the_orders_that_made_the_trade() -> None:
    person = User.objects.create_user("q.hua", pk=1, name_zh="祁华")
    world = by_receipt()
    paper = paper_of(world)
    trade_block = next(block for block in world.blocks if block.seq == paper.seq)
    assert paper.block_hash == trade_block.hash.hex()
    assert paper.engine_version == trade_block.engine_version
    with scope.venue(world.venue.id):
        orders = {row.side: row for row in OrderRow.objects.all()}
        buyer, seller = papers.signatures(paper)
    for signed, side in ((buyer, Side.BUY), (seller, Side.SELL)):
        order = orders[side]
        assert (signed.firm_id, signed.order_id) == (order.firm_id, order.order_id)
        assert signed.client_order_id == order.client_order_id
        assert signed.ordered_at == order.entered_at
        assert (signed.trader_id, signed.signer) == (person.pk, "祁华")
    assert (buyer.side, seller.side) == ("buyer", "seller")


def test_a_trader_without_a_user_signs_without_a_name() -> None:
    world = by_receipt()
    with scope.venue(world.venue.id):
        assert {row.signer for row in papers.signatures(paper_of(world))} == {""}


def test_a_name_or_parameter_changed_later_leaves_the_paper_alone() -> None:
    deal = Deal()
    before = paper_of(deal.world)
    Firm.objects.filter(pk=deal.buyer.pk).update(name_zh="改名有限公司")
    Commodity.objects.update(parameters={})
    deal.world.settle_all()
    with deal.scope():
        after = papers.find(deal.contract())
        assert after is not None
        assert after.text == before.text
        assert "改名有限公司" not in canonical(bundle(deal.contract(), seen_by=None))


@pytest.mark.databases
@pytest.mark.parametrize("model", [ContractPaper, ContractSignature])
def test_the_database_changes_and_removes_no_signed_paper(model: type) -> None:
    world = by_receipt()
    rows = model.objects.across_venues()  # type: ignore[attr-defined]
    count = rows.count()
    assert count
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(venue_id=world.venue.id)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows._raw_delete(rows.db)
    assert rows.count() == count


def unfreeze() -> None:
    """Take the rule off, as somebody with the database's keys could."""
    with connection.cursor() as cursor:
        for table in ("settlement_contractpaper", "settlement_contractsignature"):
            for act in ("update", "delete"):
                cursor.execute(f"DROP TRIGGER {table}_{act}")


def test_a_text_that_was_changed_all_the_same_is_never_shown() -> None:
    world = by_receipt()
    unfreeze()
    with scope.venue(world.venue.id):
        ContractPaper.objects.update(text="{}")
        contract = Obligation.objects.get(trade_id=1)
        with pytest.raises(papers.DamagedPaper):
            papers.find(contract)
        with pytest.raises(papers.DamagedPaper):
            bundle(contract, seen_by=None)


def test_contracts_from_before_papers_were_kept_get_the_text_that_they_signed() -> None:
    migration = importlib.import_module("settlement.migrations.0016_contract_papers")
    deal = Deal()
    unfreeze()
    with deal.scope():
        ContractSignature.objects.all().delete()
        ContractPaper.objects.all().delete()
        contract = Obligation.objects.select_related("instrument__warehouse").get(trade_id=1)
        old = migration.first_format(contract)
        Obligation.objects.update(terms_sha256=digest(old))
    migration.keep_old_texts(apps, None)
    paper = paper_of(deal.world)
    assert (json.loads(paper.text), paper.seq) == (old, 0)
    with deal.scope():
        assert papers.signatures(paper) == []
        assert bundle(contract, seen_by=None)["contract"]["format"] == 1
        ContractPaper.objects.all().delete()
    Firm.objects.filter(pk=deal.buyer.pk).update(name_zh="改名有限公司")
    migration.keep_old_texts(apps, None)
    with deal.scope():
        assert papers.find(contract) is None, "no text rather than another one"
        assert bundle(contract, seen_by=None)["contract"] is None
