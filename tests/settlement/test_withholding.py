"""Frozen and expired goods that are on offer: the offers are withdrawn, and nobody buys them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange import scope
from exchange.followers import apply_blocks
from exchange.models import OrderRow, OrderState
from matching.commands import AnyCommand, Side
from matching.engine import Engine
from matching.events import CancelReason, CommandRejected, OrderCancelled, TradeExecuted
from settlement import expiry, funds, ledger, receipt_freezes, set_aside
from settlement.ledger import Code
from settlement.models import (
    HoldKind,
    HoldState,
    OutboxCommand,
    Receipt,
    ReceiptHold,
    ReceiptState,
)
from tests.papers import NOON
from tests.settlement.goods import Pile, later
from tests.settlement.test_settlement import store
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

LAST = dt.date(2026, 12, 1)
OVER = dt.datetime(2026, 12, 1, 16, tzinfo=dt.UTC)
"""Midnight in Shanghai after the last day."""


def ask(pile: Pile, lots: int = 0, op_id: str = "f", receipt: Receipt | None = None) -> ReceiptHold:
    """Freeze, and leave the command in the outbox."""
    with scope.venue(pile.world.venue.id):
        return receipt_freezes.freeze(
            venue=pile.world.venue, receipt_id=(receipt or pile.receipt).pk, reason="court",
            document="(2026) 7", lots=lots, op_id=op_id, by=pile.people["operator"], now=NOON,
        )  # fmt: skip


def freeze(pile: Pile, lots: int = 0, op_id: str = "f", **more: Any) -> ReceiptHold:
    hold = ask(pile, lots, op_id, **more)
    pile.send()
    return pile.hold(hold)


def lift(pile: Pile, hold: ReceiptHold) -> None:
    pile.do(lambda: receipt_freezes.lift(
        hold.pk, document="(2026) 8", by=pile.people["reviewer"], now=later(1),
    ))  # fmt: skip


def sweep(pile: Pile, now: dt.datetime = OVER) -> int:
    return int(pile.do(lambda: expiry.sweep(now)))


def offer(pile: Pile, lots: int, price: int = 722, **more: Any) -> Any:
    return pile.world.enter(pile.owner, pile.goods, Side.SELL, lots, price, **more)[0]


def buy(pile: Pile, lots: int, price: int = 722) -> list[TradeExecuted]:
    events = pile.world.enter(pile.buyer, pile.goods, Side.BUY, lots, price)
    return [event for event in events if isinstance(event, TradeExecuted)]


def with_money(pile: Pile) -> Pile:
    pile.do(lambda: funds.deposit(
        venue=pile.world.venue, firm=pile.buyer, amount_fen=10**9, op_id="in", by=None,
    ))  # fmt: skip
    return pile


def orders(pile: Pile) -> list[tuple[str, int]]:
    """Return (state, why it ended) of the owner's orders, as the firm is shown them."""
    with scope.venue(pile.world.venue.id):
        rows = OrderRow.objects.filter(firm_id=pile.owner.pk).order_by("order_id")
        return list(rows.values_list("state", "cancel_reason"))


WITHDRAWN = (OrderState.CANCELLED, CancelReason.WITHHELD)
STANDS = (OrderState.OPEN, 0)


# Freezes.


def test_frozen_goods_are_bought_by_nobody_and_their_owner_sees_why() -> None:
    pile = with_money(Pile())
    offer(pile, 600)
    hold = freeze(pile)
    assert (hold.state, hold.lots, hold.receipt_id) == (HoldState.HELD, 1_000, pile.receipt.pk)
    assert (pile.rows(), pile.balances()) == ([("aside", 1_000)], (0, 1_000, 1_000))
    assert orders(pile) == [WITHDRAWN]
    assert buy(pile, 600) == []
    assert isinstance(offer(pile, 500), CommandRejected)

    lift(pile, hold)

    assert pile.balances() == (1_000, 0, 1_000)
    assert orders(pile) == [WITHDRAWN], "an offer does not come back by itself"


def test_a_freeze_of_a_part_withdraws_the_newest_offers_and_no_more_than_it_takes() -> None:
    pile = Pile()
    offer(pile, 500, 722)
    offer(pile, 500, 721)  # nothing is free
    hold = freeze(pile, 300)
    assert (hold.state, hold.lots) == (HoldState.HELD, 300)
    assert orders(pile) == [STANDS, WITHDRAWN]
    assert pile.rows() == [("registered", 700), ("aside", 300)]


def test_what_is_free_is_frozen_before_any_offer_goes() -> None:
    pile = Pile()
    offer(pile, 600)
    assert freeze(pile, 400).state == HoldState.HELD
    assert orders(pile) == [STANDS]


def test_what_contracts_hold_is_not_frozen_and_then_no_offer_is_withdrawn() -> None:
    pile = with_money(Pile())
    offer(pile, 1_000)
    buy(pile, 600)  # not settled yet: the command waits in the outbox
    with scope.venue(1):
        OutboxCommand.objects.filter(op_id="settle:1").update(state="done")

    hold = freeze(pile, 500)

    assert (hold.state, hold.refusal) == (HoldState.REFUSED, "GOODS")
    assert orders(pile) == [STANDS]
    held = freeze(pile, op_id="rest")
    assert (held.state, held.lots) == (HoldState.HELD, 400)
    assert pile.code(lambda: ask(pile, op_id="none")) == "NOTHING_FREE"
    assert orders(pile) == [WITHDRAWN]


def test_a_freeze_of_all_takes_what_is_left_when_the_engine_answers() -> None:
    """A trade between request and answer stays a trade; the freeze says what it has got."""
    pile = with_money(Pile())
    offer(pile, 600)
    hold = ask(pile)
    assert hold.lots == 1_000
    (trade,) = buy(pile, 500)
    assert trade.quantity_lots == 500

    pile.send()

    hold = pile.hold(hold)
    assert (hold.state, hold.lots) == (HoldState.HELD, 500)
    with scope.venue(1):
        owners = dict(Receipt.objects.filter(lots__gt=0).values_list("owner_id", "lots"))
    assert owners == {pile.owner.pk: 500, pile.buyer.pk: 500}
    assert orders(pile) == [WITHDRAWN]


def test_goods_that_were_sold_meanwhile_are_not_frozen_at_their_new_owner() -> None:
    pile = with_money(Pile())
    offer(pile, 1_000)
    hold = ask(pile)
    with scope.venue(1):
        OutboxCommand.objects.filter(op_id=hold.op_id).update(state="done")  # it is slow
    buy(pile, 1_000)
    pile.send()
    with scope.venue(1):
        OutboxCommand.objects.filter(op_id=hold.op_id).update(state="new")
    pile.send()
    hold = pile.hold(hold)
    assert (hold.state, hold.refusal) == (HoldState.REFUSED, "GOODS_GONE")
    assert (pile.fresh(pile.receipt).owner_id, pile.rows()) == (
        pile.buyer.pk, [("registered", 1_000)],
    )  # fmt: skip


def test_an_offer_from_two_receipts_leaves_and_the_other_receipt_stays_for_sale() -> None:
    pile = Pile()
    other = pile.register("B-02", "more", 1_000)
    offer(pile, 1_500)
    hold = freeze(pile)
    assert (hold.lots, pile.rows()) == (1_000, [("aside", 1_000), ("registered", 1_000)])
    assert orders(pile) == [WITHDRAWN]
    with scope.venue(1):
        assert set_aside.free_lots(other) == 1_000
    assert not isinstance(offer(pile, 1_000, receipt_ids=(other.pk,)), CommandRejected)


# Expiry.


def test_expired_goods_leave_the_market_with_the_offers_of_them() -> None:
    pile = with_money(Pile(stored_until=LAST))
    offer(pile, 600)
    assert sweep(pile, OVER - dt.timedelta(seconds=1)) == 0
    assert orders(pile) == [STANDS]
    assert sweep(pile) == 1
    assert (pile.rows(), orders(pile)) == ([("aside", 1_000)], [WITHDRAWN])
    assert buy(pile, 600) == []
    assert sweep(pile, OVER + dt.timedelta(hours=1)) == 0, "swept again nothing happens"


def test_what_a_contract_holds_does_not_expire_on_its_buyer() -> None:
    pile = with_money(Pile(stored_until=LAST))
    offer(pile, 1_000)
    buy(pile, 1_000)
    with scope.venue(1):
        OutboxCommand.objects.filter(op_id="settle:1").update(state="done")
    assert sweep(pile) == 0
    with scope.venue(1):
        assert not ReceiptHold.objects.filter(kind=HoldKind.EXPIRY).exists()
        OutboxCommand.objects.filter(op_id="settle:1").update(state="new")
    pile.send()
    assert sweep(pile, OVER + dt.timedelta(hours=1)) == 1, "settled, it is its buyer's and over"
    with scope.venue(1):
        hold = ReceiptHold.objects.get(kind=HoldKind.EXPIRY)
    assert (hold.firm_id, hold.lots, hold.state) == (pile.buyer.pk, 1_000, HoldState.HELD)


# Once only, whatever stops in between.


def test_an_answer_that_was_lost_is_asked_for_again_and_takes_nothing_more() -> None:
    pile = Pile()
    offer(pile, 600)
    hold = freeze(pile, 500)
    with scope.venue(1):
        OutboxCommand.objects.filter(op_id=hold.op_id).update(state="new")
    pile.send()
    assert pile.rows() == [("registered", 500), ("aside", 500)]
    assert freeze(pile, 500).pk == hold.pk, "asked twice, frozen once"


def test_followers_that_begin_anew_find_the_same_and_so_does_a_new_engine() -> None:
    pile = with_money(Pile())
    offer(pile, 400)
    offer(pile, 200, 723)
    freeze(pile, 500)
    buy(pile, 400)
    pile.send()

    def everything() -> Any:
        with scope.venue(1):
            return (
                ledger.balances(),
                list(Receipt.objects.order_by("pk").values_list("pk", "owner_id", "lots", "state")),
                list(ReceiptHold.objects.values_list("pk", "receipt_id", "lots", "state")),
                list(OrderRow.objects.order_by("order_id").values_list("state", "cancel_reason")),
            )

    before = everything()
    apply_blocks(pile.world.followers, 1, pile.world.blocks)  # read again from the start
    assert everything() == before

    engine = Engine(1)
    for block in pile.world.blocks:
        engine.begin_block(block.seq, block.ts_us)
        again = engine.apply_all(list(commands_of(block)))
        assert [list(events) for events in again] == [list(e) for e in block.decoded_events()]
    assert engine.digest() == pile.world.engine.digest()


def commands_of(block: Any) -> list[AnyCommand]:
    found: list[AnyCommand] = list(block.decoded_commands())
    return found


# Tenants.


def test_another_firm_and_another_market_go_on_selling() -> None:
    """Two venues and a stranger: the freeze of one firm's goods is nothing to the others."""
    pile = Pile(stored_until=LAST)
    stranger, there = pile.world.firm("lyjc"), World("jdsc")
    seller, coal = there.firm("jnqf"), there.instrument()
    store(pile.world, stranger, pile.goods, 500, "theirs")
    store(there, seller, coal, 500, "there")
    for world, firm, goods in ((pile.world, stranger, pile.goods), (there, seller, coal)):
        assert not isinstance(world.enter(firm, goods, Side.SELL, 500, 730)[0], CommandRejected)
    offer(pile, 600)
    with scope.venue(there.venue.id), pytest.raises(set_aside.HoldError, match="UNKNOWN_RECEIPT"):
        receipt_freezes.freeze(
            venue=there.venue, receipt_id=pile.receipt.pk, reason="court", document="x", lots=0,
            op_id="there", by=pile.people["operator"], now=NOON,
        )  # fmt: skip
    with scope.venue(there.venue.id):
        assert expiry.sweep(OVER) == 0, "the other market's receipts are stored for longer"

    freeze(pile)

    assert orders(pile) == [WITHDRAWN]
    for world, firm in ((pile.world, stranger), (there, seller)):
        with scope.venue(world.venue.id):
            (row,) = OrderRow.objects.filter(firm_id=firm.pk)
            assert (row.state, row.open_lots) == (OrderState.OPEN, 500)


# Whatever happens.


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_goods_are_conserved_through_offers_trades_freezes_and_expiry(data: st.DataObject) -> None:
    """In = what both firms trade and have aside; what is aside stands on no offer."""
    from django.db import transaction

    with transaction.atomic():
        _live(data)
        transaction.set_rollback(True)


def _live(data: st.DataObject) -> None:
    pile = with_money(Pile(stored_until=LAST))
    frozen: list[ReceiptHold] = []
    for number in range(data.draw(st.integers(3, 7))):
        act = data.draw(st.sampled_from(["offer", "offer", "buy", "freeze", "lift", "expire"]))
        lots = data.draw(st.sampled_from([100, 200, 300, 500, 1_000]))
        if act == "offer":
            offer(pile, lots, data.draw(st.sampled_from([721, 722, 723])))
        elif act == "buy":
            buy(pile, lots, 723)
        elif act == "freeze":
            with scope.venue(1):
                mine = list(Receipt.objects.filter(lots__gt=0, owner=pile.owner).order_by("pk"))
            if mine:
                wanted = data.draw(st.sampled_from([0, lots]))
                receipt = data.draw(st.sampled_from(mine))
                try:
                    hold = ask(pile, wanted, f"f{number}", receipt)
                except set_aside.HoldError:
                    hold = None
                if data.draw(st.booleans()):  # before the engine hears of it
                    buy(pile, 100, 723)
                frozen += [hold] if hold is not None else []
        elif act == "lift" and frozen:
            hold = pile.hold(frozen.pop(data.draw(st.integers(0, len(frozen) - 1))))
            if hold.state == HoldState.HELD:
                lift(pile, hold)
        elif act == "expire":
            sweep(pile, OVER + dt.timedelta(hours=number))
        pile.send()
        check(pile)


def check(pile: Pile) -> None:
    number = ledger.goods(pile.goods.pk)
    with scope.venue(1):
        kg = sum(
            ledger.balance(number, code, firm.pk)
            for code in (Code.TRADING, Code.COMMITTED, Code.ASIDE)
            for firm in (pile.owner, pile.buyer)
        )
        aside = set(Receipt.objects.filter(state=ReceiptState.ASIDE).values_list("pk", flat=True))
        on_offer = {
            receipt_id
            for receipts in OrderRow.objects.values_list("receipts", flat=True)
            for receipt_id, _ in receipts
        }
    assert kg == 1_000_000, "in = trading + committed + aside"
    assert not aside & on_offer, "what is aside is not for sale"
    for block in pile.world.blocks:
        for events in block.decoded_events():
            for event in events:
                if isinstance(event, OrderCancelled) and event.reason == CancelReason.WITHHELD:
                    assert event.firm_id == pile.owner.pk, "nobody else's offers go"
