"""A split at the owner's wish: whole units, the keeper's consent, nothing gained or lost."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange import scope
from matching.commands import Side
from settlement import funds, receipt_freezes, splits, storage
from settlement.models import HoldState, Receipt, ReceiptHold
from settlement.set_aside import HoldError
from settlement.storage import Terms
from tests.papers import NOON
from tests.settlement.goods import Pile

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


def ask(pile: Pile, lots: int, op_id: str = "s", **change: Any) -> ReceiptHold:
    fields: dict[str, Any] = {"firm": pile.owner, "receipt_id": pile.receipt.pk} | change
    hold = pile.do(
        lambda: splits.ask(
            venue=pile.world.venue,
            lots=lots,
            op_id=op_id,
            by=pile.people["owner"],
            now=NOON,
            **fields,
        )
    )
    return pile.hold(hold)


def answer(pile: Pile, hold: ReceiptHold, *, agreed: bool = True) -> ReceiptHold:
    pile.do(lambda: splits.answer(hold.pk, agreed=agreed, by=pile.people["keeper"], now=NOON))
    return pile.hold(hold)


def test_the_keepers_consent_makes_a_second_receipt_of_the_same_root() -> None:
    pile = Pile(lots=2_000)
    hold = ask(pile, 500)
    assert (hold.state, pile.rows()) == (HoldState.ENTERED, [("registered", 2_000)])
    assert ask(pile, 500).pk == hold.pk
    assert pile.code(lambda: ask(pile, 600)) == "OP_ID_REUSED"
    assert pile.code(lambda: ask(pile, 600, "t")) == "SPLIT_OPEN"

    hold = answer(pile, hold)

    assert hold.state == HoldState.LIFTED
    assert pile.rows() == [("registered", 1_500), ("registered", 500)]
    assert pile.balances() == (2_000, 0, 2_000)
    part = hold.receipt
    assert (part.root_id, part.parent_id, part.weight_kg) == (
        pile.receipt.pk, pile.receipt.pk, 500_000,
    )  # fmt: skip
    assert len(pile.world.engine.venue.goods.holders[pile.receipt.pk]) == 1
    with scope.venue(1):
        assert storage.holders(part.root_id) == 1


def test_a_declined_split_leaves_the_receipt_as_it_is() -> None:
    pile = Pile(lots=2_000)
    hold = answer(pile, ask(pile, 500), agreed=False)
    assert (hold.state, pile.rows()) == (HoldState.DECLINED, [("registered", 2_000)])
    assert pile.code(lambda: answer(pile, hold)) == "SPLIT_STATE"
    assert ask(pile, 500, "anew").state == HoldState.ENTERED


@pytest.mark.parametrize(
    ("lots", "code"),
    [(499, "BELOW_MINIMUM"), (550, "QUANTITY_STEP"), (1_600, "SPLIT_REST"), (0, "BELOW_MINIMUM")],
)
def test_a_part_is_of_whole_units_and_so_is_the_rest(lots: int, code: str) -> None:
    pile = Pile(lots=2_000)
    assert pile.code(lambda: ask(pile, lots)) == code


def test_a_single_piece_has_no_parts() -> None:
    pile = Pile("STL-HRC235", lots=1)
    assert pile.code(lambda: ask(pile, 1)) == "INDIVISIBLE"


def test_only_its_owner_asks_and_only_for_what_is_free() -> None:
    pile = Pile(lots=2_000)
    assert pile.code(lambda: ask(pile, 500, firm=pile.buyer)) == "UNKNOWN_RECEIPT"
    with scope.venue(2), pytest.raises(HoldError, match="UNKNOWN_RECEIPT"):
        splits.ask(
            venue=pile.world.venue, firm=pile.owner, receipt_id=pile.receipt.pk, lots=500,
            op_id="there", by=pile.people["owner"], now=NOON,
        )  # fmt: skip
    pile.world.enter(pile.owner, pile.goods, Side.SELL, 1_600, 722)
    assert pile.code(lambda: ask(pile, 500)) == "SPLIT_FREE"


def test_what_is_offered_between_request_and_consent_is_the_keepers_refusal() -> None:
    pile = Pile(lots=2_000)
    hold = ask(pile, 500)
    pile.world.enter(pile.owner, pile.goods, Side.SELL, 1_600, 722)
    assert pile.code(lambda: answer(pile, hold)) == "SPLIT_FREE"
    assert pile.hold(hold).state == HoldState.ENTERED


def test_frozen_and_unsigned_goods_are_not_split() -> None:
    pile = Pile(lots=2_000)
    frozen = pile.do(
        lambda: receipt_freezes.freeze(
            venue=pile.world.venue, receipt_id=pile.receipt.pk, reason="dispute", document="x",
            lots=0, op_id="f", by=pile.people["operator"], now=NOON,
        )
    )  # fmt: skip
    assert pile.code(lambda: ask(pile, 500)) == "RECEIPT_ASIDE"
    pile.do(lambda: receipt_freezes.lift(
        frozen.pk, document="y", by=pile.people["reviewer"], now=NOON,
    ))  # fmt: skip
    pile.do(lambda: funds.deposit(
        venue=pile.world.venue, firm=pile.buyer, amount_fen=2 * 10**8, op_id="in", by=None,
    ))  # fmt: skip
    pile.world.enter(pile.owner, pile.goods, Side.SELL, 1_500, 722)
    pile.world.enter(pile.buyer, pile.goods, Side.BUY, 1_500, 722)
    pile.send()
    with scope.venue(1):
        bought = Receipt.objects.get(owner=pile.buyer, state="registered")
    refused = lambda: ask(pile, 500, firm=pile.buyer, receipt_id=bought.pk)  # noqa: E731
    assert pile.code(refused) == "NOT_SIGNED"


def test_a_crash_after_each_command_leaves_books_right_and_the_split_goes_on() -> None:
    pile = Pile(lots=2_000)
    hold = ask(pile, 500)
    with scope.venue(1):
        splits.answer(hold.pk, agreed=True, by=pile.people["keeper"], now=NOON)
    pile.prove()
    assert pile.rows() == [("registered", 2_000)]
    assert pile.send_one(), "out of the market"
    pile.prove()
    assert (pile.rows(), pile.balances()) == (
        [("registered", 1_500), ("aside", 500)], (1_500, 500, 2_000),
    )  # fmt: skip
    assert pile.send_one(), "and in again"
    pile.prove()
    assert pile.rows() == [("registered", 1_500), ("registered", 500)]
    assert not pile.send_one()


def test_the_engines_refusal_of_a_split_is_told_and_changes_nothing() -> None:
    pile = Pile(lots=2_000)
    hold = ask(pile, 500)
    with scope.venue(1):
        splits.answer(hold.pk, agreed=True, by=pile.people["keeper"], now=NOON)
    pile.world.enter(pile.owner, pile.goods, Side.SELL, 1_600, 722)
    pile.send()
    hold = pile.hold(hold)
    assert (hold.state, hold.refusal, pile.rows()) == (
        HoldState.REFUSED, "GOODS", [("registered", 2_000)],
    )  # fmt: skip


def test_storage_goes_on_for_both_parts_as_for_the_whole() -> None:
    pile = Pile(lots=2_000)
    terms = Terms.read(pile.goods.commodity.parameters)
    now = dt.datetime(2026, 12, 18, 4, tzinfo=dt.UTC)  # 25 nights after the world's day
    with scope.venue(1):
        before = storage.accrued_until(pile.receipt, terms, now=now)
    hold = answer(pile, ask(pile, 500))
    with scope.venue(1):
        rows = [pile.fresh(pile.receipt), hold.receipt]
        parts = [storage.accrued_until(one, terms, now=now) for one in rows]
    assert (before, parts) == (200_000, [150_000, 50_000])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_goods_are_conserved_through_any_life_of_splits_and_freezes(data: st.DataObject) -> None:
    """In = trading + aside (nothing leaves here); engine, books and receipts agree each step."""
    from django.db import transaction

    with transaction.atomic():
        _live(data)
        transaction.set_rollback(True)


def _live(data: st.DataObject) -> None:
    pile = Pile(lots=4_000)
    frozen: list[ReceiptHold] = []
    for number in range(data.draw(st.integers(2, 6))):
        with scope.venue(1):
            living = list(Receipt.objects.filter(lots__gt=0).order_by("pk"))
        one = data.draw(st.sampled_from(living))
        act = data.draw(st.sampled_from(["split", "freeze", "lift"]))
        if act == "split":
            lots = data.draw(st.sampled_from([500, 600, 1_000]))
            try:
                answer(pile, ask(pile, lots, f"s{number}", receipt_id=one.pk))
            except HoldError:
                pile.prove()
        elif act == "freeze":
            lots = data.draw(st.integers(1, 4_000))
            try:
                held = pile.do(
                    lambda one=one, lots=lots, number=number: receipt_freezes.freeze(
                        venue=pile.world.venue, receipt_id=one.pk, reason="court", document="x",
                        lots=lots, op_id=f"f{number}", by=pile.people["operator"], now=NOON,
                    )
                )  # fmt: skip
                frozen.append(held)
            except HoldError:
                pile.prove()
        elif frozen:
            held = frozen.pop(data.draw(st.integers(0, len(frozen) - 1)))
            pile.do(
                lambda held=held: receipt_freezes.lift(
                    held.pk, document="y", by=pile.people["reviewer"], now=NOON
                )
            )
        trading, aside, stored = pile.balances()
        assert trading + aside == stored == 4_000
        assert sum(lots for _, lots in pile.rows()) == 4_000
    for held in frozen:
        pile.do(
            lambda held=held: receipt_freezes.lift(
                held.pk, document="y", by=pile.people["reviewer"], now=NOON
            )
        )
    assert pile.balances() == (4_000, 0, 4_000)
    assert len(pile.world.engine.venue.goods.holders[pile.receipt.pk]) == 1
