"""From a trade to title, money and fee: conserved, once, and equal to the engine."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange import scope
from exchange.followers import OutOfOrder, apply_blocks
from exchange.models import Bookmark, User
from matching.commands import BustTrade, CancelOrder, LiftOrder, Side, TimeInForce
from matching.events import (
    CommandRejected,
    OrderEntered,
    TradeBusted,
    TradeExecuted,
    TradeSettled,
)
from settlement import books, funds, ledger, queries, receipts
from settlement.follower import SettlementFollower
from settlement.ledger import CNY, Code
from settlement.models import (
    FundsState,
    Obligation,
    ObligationState,
    OutboxCommand,
    OutboxState,
    Receipt,
    ReceiptState,
)
from settlement.tax import split_vat
from tests.papers import NOON, papers
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


class Still:
    """What the proof of books asks of a link, answered by the world's own engine."""

    def __init__(self, world: World) -> None:
        self.world = world

    def cover(self, venue_id: int) -> dict[str, Any]:
        return self.world.engine.totals()


def prove(world: World) -> books.Proof:
    """Prove the books at the present height; raise if anything differs."""
    with scope.venue(world.venue.id):
        proof = books.prove(Still(world), wait_s=0)  # type: ignore[arg-type]
    assert proof.faults == []
    return proof


def pay_in(world: World, firm: Any, yuan: int, op_id: str) -> None:
    with scope.venue(world.venue.id):
        funds.deposit(venue=world.venue, firm=firm, amount_fen=yuan * 100, op_id=op_id, by=None)
    world.settle_all()


def store(world: World, firm: Any, instrument: Any, lots: int, op_id: str) -> Receipt:
    with scope.venue(world.venue.id):
        receipt = receipts.register(
            venue=world.venue,
            firm=firm,
            instrument=instrument,
            warehouse=instrument.warehouse,
            lots=lots,
            weight_kg=lots * instrument.lot_kg,
            op_id=op_id,
            by=None,
            lot_reference=f"pile {op_id}",
            papers=papers(),
            now=NOON,
        )
    world.settle_all()
    return receipt


def test_a_trade_settles_title_against_money_in_one_chain_and_splits_the_receipt() -> None:
    world = World()
    coal = world.instrument()
    seller, buyer = world.firm("rzyf"), world.firm("lzrd")
    pay_in(world, buyer, 1_000_000, "in")
    receipt = store(world, seller, coal, 1_000, "goods")
    world.enter(seller, coal, Side.SELL, 600, 722, receipt_ids=(receipt.pk,))
    world.enter(buyer, coal, Side.BUY, 500, 725)
    with scope.venue(1):
        assert Obligation.objects.get(trade_id=1).state == ObligationState.SECURED
    world.settle_all()

    with scope.venue(1):
        contract = queries.contract(buyer, 1)
        assert contract is not None
        obligation = contract.obligation
        assert (obligation.state, obligation.value_fen) == ("settled", 36_100_000)
        assert (obligation.net_fen, obligation.vat_fen) == (31_946_903, 4_153_097)
        assert ledger.balance(CNY, Code.TRADING, seller.pk) == 36_100_000 - 18_050
        assert ledger.balance(CNY, Code.FEES) == 36_100
        assert ledger.balance(CNY, Code.TRADING, buyer.pk) == 100_000_000 - 36_100_000 - 18_050
        left, bought = Receipt.objects.filter(state=ReceiptState.REGISTERED).order_by("pk")
        assert (left.pk, left.owner_id, left.lots, left.locked_lots) == (
            receipt.pk,
            seller.pk,
            500,
            0,
        )
        assert (bought.owner_id, bought.lots, bought.root_id, bought.weight_kg) == (
            buyer.pk,
            500,
            receipt.pk,
            500_000,
        )
        assert bought.sellable_from_day == 20261130
        assert [change.kind for change in contract.changes] == ["split_off", "split_from"]
        assert queries.contract(world.firm("jnqf"), 1) is None, "a third firm sees nothing"
    assert prove(world).cash_fen == 100_000_000


def test_an_undone_trade_leaves_nothing_owed_and_nothing_bound() -> None:
    world = World()
    coal = world.instrument()
    seller, buyer = world.firm("rzyf"), world.firm("lzrd")
    pay_in(world, buyer, 1_000_000, "in")
    receipt = store(world, seller, coal, 1_000, "goods")
    world.enter(seller, coal, Side.SELL, 600, 722, receipt_ids=(receipt.pk,))
    world.enter(buyer, coal, Side.BUY, 500, 722)
    ((event,),) = world.accept(BustTrade("bust:1", 1, 7, 8, "price typed wrongly"))
    assert isinstance(event, TradeBusted)
    with scope.venue(1):
        assert Obligation.objects.get(trade_id=1).state == ObligationState.CANCELLED
        assert ledger.balance(CNY, Code.COMMITTED, buyer.pk) == 0
        assert ledger.balance(CNY, Code.TRADING, buyer.pk) == 100_000_000
        receipt.refresh_from_db()
        assert (receipt.lots, receipt.locked_lots, receipt.owner_id) == (1_000, 0, seller.pk)
        assert not Receipt.objects.filter(state=ReceiptState.RESERVED).exists()
        assert not OutboxCommand.objects.filter(state=OutboxState.NEW).exists()
    world.settle_all()
    assert prove(world).cash_fen == 100_000_000


def test_a_receipt_that_passes_whole_keeps_its_number() -> None:
    world = World()
    coal = world.instrument()
    seller, buyer = world.firm("rzyf"), world.firm("lzrd")
    pay_in(world, buyer, 1_000_000, "in")
    receipt = store(world, seller, coal, 500, "goods")
    world.enter(seller, coal, Side.SELL, 500, 722)
    world.enter(buyer, coal, Side.BUY, 500, 722)
    world.settle_all()
    with scope.venue(1):
        receipt.refresh_from_db()
        assert receipt.owner_id == buyer.pk
        assert Receipt.objects.filter(state=ReceiptState.UNUSED).count() == 1
    prove(world)


def test_a_withdrawal_reserves_pays_and_leaves_and_too_much_fails() -> None:
    world = World()
    buyer = world.firm("lzrd")
    pay_in(world, buyer, 500, "in")
    with scope.venue(1):
        funds.withdraw(venue=world.venue, firm=buyer, amount_fen=20_000, op_id="out", by=None)
    world.settle_all()
    with scope.venue(1):
        (out, first) = queries.movements(buyer)
        assert (out.state, first.state) == (FundsState.CONFIRMED, FundsState.CONFIRMED)
        assert [line.amount for line in queries.statement(buyer)] == [-20_000, 50_000]
        assert queries.statement(buyer)[0].balance == 30_000
    prove(world)


def test_a_repeated_deposit_is_the_same_deposit() -> None:
    world = World()
    buyer = world.firm("lzrd")
    pay_in(world, buyer, 500, "in")
    pay_in(world, buyer, 500, "in")
    with scope.venue(1):
        assert ledger.balance(CNY, Code.TRADING, buyer.pk) == 50_000
        with pytest.raises(funds.FundsError, match="OP_ID_REUSED"):
            funds.deposit(venue=world.venue, firm=buyer, amount_fen=1, op_id="in", by=None)


def test_a_repeated_registration_is_the_same_even_after_the_goods_were_sold() -> None:
    world = World()
    coal = world.instrument()
    seller, buyer = world.firm("rzyf"), world.firm("lzrd")
    pay_in(world, buyer, 1_000_000, "in")
    first = store(world, seller, coal, 1_000, "goods")
    world.enter(seller, coal, Side.SELL, 500, 722)
    world.enter(buyer, coal, Side.BUY, 500, 722)
    world.settle_all()
    assert store(world, seller, coal, 1_000, "goods").pk == first.pk
    prove(world)


def test_one_pile_has_one_receipt() -> None:
    world = World()
    coal = world.instrument()
    seller = world.firm("rzyf")
    first = store(world, seller, coal, 500, "goods")
    with scope.venue(1), pytest.raises(receipts.ReceiptError, match="PILE_TAKEN"):
        receipts.register(
            venue=world.venue,
            firm=seller,
            instrument=coal,
            warehouse=coal.warehouse,
            lots=500,
            weight_kg=500_000,
            op_id="other",
            by=None,
            lot_reference=first.lot_reference,
            papers=papers(),
            now=NOON,
        )


def test_a_block_read_twice_changes_nothing_and_a_gap_stops_the_follower() -> None:
    world = World()
    coal = world.instrument()
    seller, buyer = world.firm("rzyf"), world.firm("lzrd")
    pay_in(world, buyer, 1_000_000, "in")
    store(world, seller, coal, 1_000, "goods")
    world.enter(seller, coal, Side.SELL, 600, 722)
    world.enter(buyer, coal, Side.BUY, 500, 725)
    world.settle_all()
    with scope.venue(1):
        before = ledger.balances()
    apply_blocks(world.followers, 1, world.blocks)
    with scope.venue(1):
        assert ledger.balances() == before
        Bookmark.objects.filter(follower="settlement").update(seq=0, hash=b"")
    follower = SettlementFollower(None)
    with pytest.raises(OutOfOrder):
        apply_blocks([follower], 1, world.blocks[1:])


@pytest.mark.parametrize(
    ("gross", "rate", "net", "vat"),
    [
        (671_260_946, 13, 594_036_235, 77_224_711),
        (661_248_000, 9, 606_649_541, 54_598_459),
        (8_337_124, 13, 7_377_986, 959_138),
        (68_034_203, 9, 62_416_700, 5_617_503),
        (1, 13, 1, 0),
    ],
)
def test_vat_is_taken_out_of_the_golden_amounts(gross: int, rate: int, net: int, vat: int) -> None:
    assert split_vat(gross, rate) == (net, vat)


moves = st.lists(
    st.tuples(
        st.sampled_from(["sell", "buy", "ioc", "cancel", "settle", "pay", "store", "out"]),
        st.integers(0, 3),
        st.integers(1, 8),
        st.integers(716, 728),
    ),
    min_size=5,
    max_size=40,
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=moves)
def test_money_and_goods_are_conserved_whatever_scarce_firms_do(
    plan: list[tuple[str, int, int, int]], django_db_blocker: Any
) -> None:
    from django.db import transaction

    with transaction.atomic():
        world = World()
        coal = world.instrument()
        sellers = [world.firm("rzyf"), world.firm("qdhy")]
        buyers = [world.firm("lzrd"), world.firm("lyjc")]
        for number, (what, who, hundreds, price) in enumerate(plan):
            lots = 400 + hundreds * 100
            seller, buyer = sellers[who % 2], buyers[who % 2]
            if what == "sell":
                world.enter(seller, coal, Side.SELL, lots, price)
            elif what == "buy":
                world.enter(buyer, coal, Side.BUY, lots, price)
            elif what == "ioc":
                world.enter(buyer, coal, Side.BUY, lots, price, TimeInForce.IOC)
            elif what == "cancel":
                for order in world.engine.open_orders()[:1]:
                    world.give(
                        CancelOrder(order.firm_id, 1, f"x{number}", world.now, order.order_id)
                    )
            elif what == "settle":
                world.drain_outbox()
            elif what == "pay":
                pay_in(world, buyer, hundreds * 100_000, f"in{number}")
            elif what == "store":
                store(world, seller, coal, lots, f"goods{number}")
            else:
                with scope.venue(1):
                    funds.withdraw(
                        venue=world.venue,
                        firm=buyer,
                        amount_fen=hundreds * 1_000_000,
                        op_id=f"out{number}",
                        by=None,
                    )
                world.settle_all()
            prove(world)
        world.settle_all()
        proof = prove(world)
        with scope.venue(1):
            assert not Obligation.objects.exclude(state=ObligationState.SETTLED).exists()
        assert proof.ledgers <= 2
        transaction.set_rollback(True)


def test_an_offer_is_lifted_at_its_own_price_and_settles() -> None:
    world = World("jdsc")
    squid = world.instrument("SEA-SQD", mode="listed")
    seller, buyer = world.firm("rcyy"), world.firm("whhx")
    pay_in(world, buyer, 1_000_000, "in")
    store(world, seller, squid, 1_000, "goods")
    dear = world.enter(seller, squid, Side.SELL, 200, 371)[0]
    cheap = world.enter(seller, squid, Side.SELL, 200, 369)[0]
    assert isinstance(dear, OrderEntered)
    assert isinstance(cheap, OrderEntered)
    events = world.give(LiftOrder(buyer.pk, 1, "lift", world.now, dear.order_id, 100))[0]
    assert isinstance(events[1], TradeExecuted)
    assert (events[1].price_ticks, events[1].quantity_lots) == (371, 100)
    world.settle_all()
    assert any(
        isinstance(event, TradeSettled)
        for block in world.blocks
        for events in block.decoded_events()
        for event in events
    )
    prove(world)


def test_a_refused_order_books_nothing() -> None:
    world = World()
    coal = world.instrument()
    buyer = world.firm("lzrd")
    events = world.enter(buyer, coal, Side.BUY, 500, 722)
    assert isinstance(events[0], CommandRejected)
    prove(world)


def test_a_large_deposit_waits_for_a_second_person_and_nothing_moves_before() -> None:
    world = World()
    buyer = world.firm("lzrd")
    asker, second = (User.objects.create_user(name) for name in ("asker", "second"))
    ask: dict[str, Any] = {"venue": world.venue, "firm": buyer, "by": asker}
    word: dict[str, Any] = {"firm": buyer, "now": dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)}
    most = 50_000_000
    with scope.venue(1):
        funds.deposit(**ask, amount_fen=most, op_id="small")
        large = funds.deposit(**ask, amount_fen=most + 1, op_id="large")
        declined = funds.deposit(**ask, amount_fen=most + 2, op_id="no")
    world.settle_all()
    with scope.venue(1):
        assert ledger.balance(CNY, Code.TRADING, buyer.pk) == most
        with pytest.raises(funds.FundsError, match="SAME_PERSON"):
            funds.check(large.pk, by=asker, agreed=True, **word)
        funds.check(large.pk, by=second, agreed=True, **word)
        funds.check(declined.pk, by=second, agreed=False, **word)
    world.settle_all()
    with scope.venue(1):
        states = {one.op_id: one.state for one in queries.movements(buyer)}
        assert states == {
            "small": FundsState.CONFIRMED,
            "large": FundsState.CONFIRMED,
            "no": FundsState.FAILED,
        }
        assert ledger.balance(CNY, Code.TRADING, buyer.pk) == 2 * most + 1
    prove(world)


def test_a_large_withdrawal_waits_for_a_second_person_and_nothing_moves_before() -> None:
    world = World()
    buyer, other = world.firm("lzrd"), world.firm("lyjc")
    asker, second = (User.objects.create_user(name) for name in ("asker", "second"))
    pay_in(world, buyer, 2_000_000, "in")
    most = 50_000_000
    ask = {"venue": world.venue, "firm": buyer, "by": asker}
    word = {"now": dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC), "agreed": True}
    with scope.venue(1):
        funds.withdraw(**ask, amount_fen=most, op_id="small")  # type: ignore[arg-type]
        large = funds.withdraw(**ask, amount_fen=most + 1, op_id="large")  # type: ignore[arg-type]
        declined = funds.withdraw(**ask, amount_fen=most + 2, op_id="no")  # type: ignore[arg-type]
    world.settle_all()
    with scope.venue(1):
        assert ledger.balance(CNY, Code.TRADING, buyer.pk) == 200_000_000 - most
        for by, firm, code in (
            (asker, buyer, "SAME_PERSON"),
            (second, other, "UNKNOWN_MOVEMENT"),
        ):
            with pytest.raises(funds.FundsError, match=code):
                funds.check(large.pk, firm=firm, by=by, **word)  # type: ignore[arg-type]
        funds.check(large.pk, firm=buyer, by=second, **word)  # type: ignore[arg-type]
        funds.check(declined.pk, firm=buyer, by=asker, **(word | {"agreed": False}))  # type: ignore[arg-type]
        with pytest.raises(funds.FundsError, match="MOVEMENT_STATE"):
            funds.check(large.pk, firm=buyer, by=second, **word)  # type: ignore[arg-type]
    world.settle_all()
    with scope.venue(1):
        states = [(one.op_id, one.state, one.refusal) for one in queries.movements(buyer)[:3]]
        assert states == [
            ("no", FundsState.FAILED, "DECLINED"),
            ("large", FundsState.CONFIRMED, ""),
            ("small", FundsState.CONFIRMED, ""),
        ]
        assert ledger.balance(CNY, Code.TRADING, buyer.pk) == 200_000_000 - 2 * most - 1
    prove(world)
