"""Frozen and pledged goods: out of the market, never out of the store, given back by another."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from exchange import scope
from matching.commands import Side
from matching.events import CommandRejected, OrderEntered
from settlement import (
    books,
    endorsements,
    funds,
    pledges,
    receipt_freezes,
    receipts,
    set_aside,
    storage,
)
from settlement.models import (
    HoldState,
    OutboxCommand,
    Receipt,
    ReceiptChange,
    ReceiptHold,
    ReceiptState,
)
from tests.papers import NOON
from tests.settlement.goods import Pile, later
from tests.settlement.test_settlement import Still

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


def freeze(pile: Pile, lots: int = 0, op_id: str = "f", **change: Any) -> ReceiptHold:
    receipt = change.pop("receipt", pile.receipt)
    fields = {"reason": "court", "document": "(2026) 7", "by": pile.people["operator"]} | change
    hold = pile.do(
        lambda: receipt_freezes.freeze(
            venue=pile.world.venue,
            receipt_id=receipt.pk,
            lots=lots,
            op_id=op_id,
            now=NOON,
            **fields,
        )
    )
    return pile.hold(hold)


def lift(pile: Pile, hold: ReceiptHold, by: str = "reviewer") -> ReceiptHold:
    pile.do(
        lambda: receipt_freezes.lift(hold.pk, document="(2026) 8", by=pile.people[by], now=later(1))
    )
    return pile.hold(hold)


def enter_pledge(pile: Pile, op_id: str = "p", **change: Any) -> ReceiptHold:
    fields: dict[str, Any] = {
        "receipt_id": pile.receipt.pk,
        "pledgee": "示例银行",
        "secured_fen": 5_000_000,
        "document": "质押 1 号",
        "is_unpledged": True,
        "lots": 0,
        "by": pile.people["keeper"],
    }
    hold = pile.do(
        lambda: pledges.enter(venue=pile.world.venue, op_id=op_id, now=NOON, **(fields | change))
    )
    return pile.hold(hold)


def confirm(pile: Pile, hold: ReceiptHold, by: str = "operator", *, agreed: bool = True) -> Any:
    pile.do(lambda: pledges.confirm(hold.pk, agreed=agreed, by=pile.people[by], now=NOON))
    return pile.hold(hold)


def offer(pile: Pile, lots: int) -> Any:
    return pile.world.enter(pile.owner, pile.goods, Side.SELL, lots, 722)[0]


def test_a_whole_receipt_is_frozen_once_and_given_back_by_another_under_its_number() -> None:
    pile = Pile()
    hold = freeze(pile)
    assert (hold.state, hold.lots, hold.receipt_id) == (HoldState.HELD, 1_000, pile.receipt.pk)
    assert freeze(pile).pk == hold.pk, "asked twice, frozen once"
    assert (pile.rows(), pile.balances()) == ([("aside", 1_000)], (0, 1_000, 1_000))
    assert isinstance(offer(pile, 500), CommandRejected)
    assert pile.code(lambda: lift(pile, hold, "operator")) == "SAME_PERSON"
    with scope.venue(2), pytest.raises(set_aside.HoldError, match="UNKNOWN_FREEZE"):
        receipt_freezes.lift(hold.pk, document="x", by=pile.people["reviewer"], now=NOON)

    hold = lift(pile, hold)

    assert (hold.state, hold.lift_document) == (HoldState.LIFTED, "(2026) 8")
    assert (pile.rows(), pile.balances()) == ([("registered", 1_000)], (1_000, 0, 1_000))
    assert isinstance(offer(pile, 1_000), OrderEntered)
    assert pile.code(lambda: lift(pile, hold)) == "FREEZE_STATE"


def test_a_part_gets_its_own_number_of_the_same_root_and_the_rest_stays_for_sale() -> None:
    pile = Pile()
    hold = freeze(pile, 300)
    part = hold.receipt
    assert part.pk != pile.receipt.pk
    assert (part.root_id, part.parent_id, part.owner_id) == (
        pile.receipt.pk, pile.receipt.pk, pile.owner.pk,
    )  # fmt: skip
    assert (pile.rows(), pile.balances()) == (
        [("registered", 700), ("aside", 300)], (700, 300, 1_000),
    )  # fmt: skip
    with scope.venue(1):
        kinds = list(ReceiptChange.objects.order_by("key").values_list("kind", "other_id"))
        assert storage.holders(part.root_id) == 1
    assert [kind for kind, _ in kinds] == ["registered", "divided_off", "divided_from"]
    lift(pile, hold)
    assert pile.rows() == [("registered", 700), ("registered", 300)]
    assert len(pile.world.engine.venue.goods.holders[pile.receipt.pk]) == 1


def test_what_is_frozen_stays_when_all_the_rest_is_sold_under_the_old_number() -> None:
    """The engine sees a whole receipt pass; without a number of its own the part would go along."""
    pile = Pile()
    hold = freeze(pile, 300)
    pile.do(lambda: funds.deposit(
        venue=pile.world.venue, firm=pile.buyer, amount_fen=10**8, op_id="in", by=None,
    ))  # fmt: skip
    offer(pile, 700)
    pile.world.enter(pile.buyer, pile.goods, Side.BUY, 700, 722)
    pile.send()
    sold, part = pile.fresh(pile.receipt), pile.fresh(hold.receipt)
    assert (sold.owner_id, sold.lots) == (pile.buyer.pk, 700)
    assert (part.owner_id, part.lots, part.state) == (pile.owner.pk, 300, "aside")
    assert pile.balances() == (0, 300, 1_000)
    lift(pile, hold)
    assert pile.balances() == (300, 0, 1_000)


def test_bought_goods_keep_their_resale_day_and_their_missing_signature() -> None:
    pile = Pile()
    pile.do(lambda: funds.deposit(
        venue=pile.world.venue, firm=pile.buyer, amount_fen=10**8, op_id="in", by=None,
    ))  # fmt: skip
    offer(pile, 700)
    pile.world.enter(pile.buyer, pile.goods, Side.BUY, 700, 722)
    pile.send()
    with scope.venue(1):
        bought = Receipt.objects.get(owner=pile.buyer, state="registered")
    day = bought.sellable_from_day
    assert day > 20261123
    hold = freeze(pile, 200, receipt=bought)
    assert hold.receipt.sellable_from_day == day
    lift(pile, hold)
    engine = pile.world.engine.venue.goods.by_id[hold.receipt_id]
    assert engine.sellable_from_day == day

    def collect(op_id: str) -> str:
        return pile.code(
            lambda: receipts.collect(
                firm=pile.buyer, receipt_id=hold.receipt_id, lots=1, op_id=op_id
            )
        )

    assert collect("early") == "NOT_SIGNED"
    with scope.venue(1):
        (waiting,) = endorsements.waiting()
        endorsements.sign(waiting.key, by=pile.people["keeper"], now=NOON)
    assert collect("signed") == ""
    assert pile.fresh(hold.receipt).lots == 199


def test_nobody_collects_or_registers_again_what_is_frozen() -> None:
    pile = Pile()
    hold = freeze(pile)
    collect = lambda: receipts.collect(  # noqa: E731
        firm=pile.owner, receipt_id=pile.receipt.pk, lots=1, op_id="out"
    )
    assert pile.code(collect) == "RECEIPT_ASIDE"
    assert pile.code(lambda: pile.register("A-01", "again", 10)) == "PILE_TAKEN"
    with scope.venue(1), pytest.raises(IntegrityError), transaction.atomic():
        Receipt.objects.create(
            venue=pile.world.venue, origin="x", owner=pile.owner, instrument=pile.goods,
            warehouse=pile.goods.warehouse, lot_reference="A-01", lots=1, weight_kg=1_000,
            state=ReceiptState.APPLIED, made_at=NOON,
        )  # fmt: skip
    lift(pile, hold)
    assert pile.code(collect) == ""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"document": " "}, "REQUIRED"),
        ({"reason": "mood"}, "REQUIRED"),
        ({"lots": 1_001}, "AMOUNT"),
        ({"lots": -1}, "AMOUNT"),
    ],
)
def test_a_freeze_has_a_reason_a_document_and_a_quantity(change: Any, code: str) -> None:
    pile = Pile()
    assert pile.code(lambda: freeze(pile, **change)) == code
    assert pile.balances() == (1_000, 0, 1_000)


def test_a_freeze_repeated_with_other_words_is_refused_and_another_venues_receipt_is_none() -> None:
    pile = Pile()
    freeze(pile, 100)
    assert pile.code(lambda: freeze(pile, 100, document="other")) == "OP_ID_REUSED"
    with scope.venue(2), pytest.raises(set_aside.HoldError, match="UNKNOWN_RECEIPT"):
        receipt_freezes.freeze(
            venue=pile.world.venue, receipt_id=pile.receipt.pk, reason="court", document="x",
            lots=1, op_id="there", by=pile.people["operator"], now=NOON,
        )  # fmt: skip


def test_the_database_refuses_that_the_same_person_lifts() -> None:
    pile = Pile()
    hold = freeze(pile)
    with scope.venue(1), pytest.raises(IntegrityError), transaction.atomic():
        ReceiptHold.objects.filter(pk=hold.pk).update(lifted_by=pile.people["operator"])


def test_a_crash_between_the_two_commands_leaves_the_goods_aside_and_is_made_up_for() -> None:
    pile = Pile()
    hold = freeze(pile, 300)
    with scope.venue(1):
        receipt_freezes.lift(hold.pk, document="x", by=pile.people["reviewer"], now=NOON)
    assert pile.hold(hold).state == HoldState.LIFTING
    pile.prove()
    assert pile.balances() == (700, 300, 1_000)
    again = pile.code(lambda: freeze(pile, receipt=hold.receipt, op_id="again"))
    assert again == "RECEIPT_MOVING"
    assert pile.send_one(), "whoever comes next sends what the crash left"
    pile.prove()
    assert not pile.send_one()
    assert pile.hold(hold).state == HoldState.LIFTED
    assert pile.balances() == (1_000, 0, 1_000)


def test_pledged_goods_that_became_another_firms_meanwhile_are_given_back_at_once() -> None:
    pile = Pile()
    pile.do(lambda: funds.deposit(
        venue=pile.world.venue, firm=pile.buyer, amount_fen=10**8, op_id="in", by=None,
    ))  # fmt: skip
    hold = enter_pledge(pile)
    with scope.venue(1):
        pledges.confirm(hold.pk, agreed=True, by=pile.people["operator"], now=NOON)
        command = OutboxCommand.objects.get(op_id=hold.op_id)
        OutboxCommand.objects.filter(pk=command.pk).update(state="done")  # it is slow
    offer(pile, 1_000)
    pile.world.enter(pile.buyer, pile.goods, Side.BUY, 1_000, 722)
    pile.send()
    with scope.venue(1):
        OutboxCommand.objects.filter(pk=command.pk).update(state="new")
    pile.send()
    hold = pile.hold(hold)
    assert (hold.state, hold.refusal) == (HoldState.REFUSED, "OWNER_CHANGED")
    assert (pile.fresh(pile.receipt).owner_id, pile.rows()) == (
        pile.buyer.pk, [("registered", 1_000)],
    )  # fmt: skip


# Pledges.


def test_a_pledge_needs_two_people_to_begin_and_two_to_end() -> None:
    pile = Pile()
    hold = enter_pledge(pile)
    assert (hold.state, pile.balances()) == (HoldState.ENTERED, (1_000, 0, 1_000))
    assert enter_pledge(pile).pk == hold.pk
    assert pile.code(lambda: confirm(pile, hold, "keeper")) == "SAME_PERSON"
    hold = confirm(pile, hold)
    assert (hold.state, pile.balances()) == (HoldState.HELD, (0, 1_000, 1_000))
    release = lambda who: pile.do(  # noqa: E731
        lambda: pledges.release(hold.pk, by=pile.people[who], now=NOON)
    )
    assert pile.code(lambda: release("operator")) == "NO_CONSENT"
    pile.do(lambda: pledges.consent(
        hold.pk, document="同意函 2 号", by=pile.people["keeper"], now=NOON,
    ))  # fmt: skip
    assert pile.code(lambda: release("keeper")) == "SAME_PERSON"
    release("operator")
    hold = pile.hold(hold)
    assert (hold.state, hold.lift_document, pile.balances()) == (
        HoldState.LIFTED, "同意函 2 号", (1_000, 0, 1_000),
    )  # fmt: skip
    with scope.venue(1), pytest.raises(IntegrityError), transaction.atomic():
        ReceiptHold.objects.filter(pk=hold.pk).update(lifted_by=pile.people["keeper"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"is_unpledged": False}, "PLEDGED_ELSEWHERE"),
        ({"pledgee": " "}, "REQUIRED"),
        ({"document": ""}, "REQUIRED"),
        ({"secured_fen": 0}, "AMOUNT"),
        ({"lots": 1_001}, "AMOUNT"),
        ({"receipt_id": 10**6}, "UNKNOWN_RECEIPT"),
    ],
)
def test_a_pledge_says_what_the_law_asks(change: Any, code: str) -> None:
    pile = Pile()
    assert pile.code(lambda: enter_pledge(pile, **change)) == code


def test_a_pledge_waits_until_its_owner_has_withdrawn_what_is_on_offer() -> None:
    pile = Pile()
    entered = offer(pile, 600)
    hold = confirm(pile, enter_pledge(pile, lots=500))
    assert (hold.state, hold.refusal) == (HoldState.REFUSED, "GOODS")
    assert [order.order_id for order in pile.world.engine.open_orders()] == [entered.order_id]
    rest = confirm(pile, enter_pledge(pile, "rest"))
    assert (rest.state, rest.lots) == (HoldState.HELD, 400), "all that is free"


def test_a_declined_pledge_sets_nothing_aside() -> None:
    pile = Pile()
    hold = confirm(pile, enter_pledge(pile), agreed=False)
    assert (hold.state, pile.balances()) == (HoldState.DECLINED, (1_000, 0, 1_000))
    assert pile.code(lambda: confirm(pile, hold)) == "PLEDGE_STATE"


def test_no_pledge_over_a_freeze_but_a_freeze_over_a_pledge_outlasts_it() -> None:
    pile = Pile()
    entered = enter_pledge(pile)
    frozen = freeze(pile)
    assert pile.code(lambda: enter_pledge(pile, "q")) == "RECEIPT_FROZEN"
    assert pile.code(lambda: confirm(pile, entered)) == "RECEIPT_FROZEN"
    lift(pile, frozen)
    pledged = confirm(pile, entered)
    assert pledged.state == HoldState.HELD
    assert pile.code(lambda: enter_pledge(pile, "r")) == "RECEIPT_ASIDE"
    assert pile.code(lambda: freeze(pile, 10, "part")) == "AMOUNT", "what is aside, whole"
    frozen = freeze(pile, op_id="over")
    assert (frozen.state, frozen.lots) == (HoldState.HELD, 1_000)
    pile.do(lambda: pledges.consent(
        pledged.pk, document="x", by=pile.people["keeper"], now=NOON,
    ))  # fmt: skip
    pile.do(lambda: pledges.release(pledged.pk, by=pile.people["operator"], now=NOON))
    assert (pile.hold(pledged).state, pile.balances()) == (HoldState.LIFTED, (0, 1_000, 1_000))
    lift(pile, frozen)
    assert pile.balances() == (1_000, 0, 1_000)


def test_the_proof_of_books_notices_goods_set_aside_that_no_receipt_has() -> None:
    pile = Pile()
    hold = freeze(pile, 300)
    with scope.venue(1):
        Receipt.objects.filter(pk=hold.receipt_id).update(weight_kg=1)
        proof = books.prove(Still(pile.world), wait_s=0)  # type: ignore[arg-type]
    assert [one.endswith("the ledger says 300000, the receipts 1") for one in proof.faults] == [
        True
    ]
