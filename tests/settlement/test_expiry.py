"""Shelf life and storage period: what is too old comes not in, what is over is not offered."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import scope
from matching.commands import Side
from matching.events import CommandRejected
from settlement import expiry, receipt_freezes, shelf_life
from settlement.limits import EXPIRY_NOTICE_DAYS
from settlement.models import HoldKind, HoldState, ReceiptHold, ReceiptPaper, StorageExtension
from settlement.set_aside import HoldError
from tests.papers import DAY, NOON
from tests.settlement.goods import Pile, later

LAST = dt.date(2026, 12, 1)
OVER = dt.datetime(2026, 12, 1, 16, tzinfo=dt.UTC)
"""Midnight in Shanghai after the last day."""
SQUID = {"storage": {"shelf_months": 24}}
WHEAT = {"storage": {"shelf_years": 5}}


@pytest.mark.parametrize(
    ("parameters", "made", "last"),
    [
        (SQUID, dt.date(2025, 1, 31), dt.date(2027, 1, 31)),
        (WHEAT, dt.date(2024, 2, 29), dt.date(2029, 2, 28)),
        ({"storage": {"shelf_months": 18}}, dt.date(2025, 8, 31), dt.date(2027, 2, 28)),
        ({"storage": {}}, dt.date(2025, 8, 31), None),
        (SQUID, None, None),
    ],
)
def test_shelf_life_ends_on_the_same_day_of_its_month(
    parameters: dict[str, Any], made: dt.date | None, last: dt.date | None
) -> None:
    assert shelf_life.best_before(parameters, made) == last


MADE = dt.date(2025, 1, 1)  # 730 days to 2027-01-01, a third of which is 243 1/3


@pytest.mark.parametrize(
    ("today", "code"),
    [
        (dt.date(2026, 5, 2), ""),  # 244 days are left
        (dt.date(2026, 5, 3), "SHELF_LIFE"),  # 243
        (dt.date(2025, 1, 1), ""),
        (dt.date(2024, 12, 31), "FUTURE"),
        (dt.date(2028, 1, 1), "SHELF_LIFE"),
    ],
)
def test_goods_come_in_while_a_third_of_their_shelf_life_is_left(today: dt.date, code: str) -> None:
    assert shelf_life.refusal(SQUID, MADE, today=today) == code
    assert shelf_life.refusal(SQUID, None, today=today) == "REQUIRED"
    assert shelf_life.refusal({}, None, today=today) == ""


@given(st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)), st.integers(1, 120))
def test_more_months_never_end_earlier(made: dt.date, months: int) -> None:
    ends = [
        shelf_life.best_before({"storage": {"shelf_months": n}}, made) for n in (months, months + 1)
    ]
    assert ends[0] is not None
    assert ends[1] is not None
    assert made < ends[0] < ends[1]


def test_the_last_day_is_the_earlier_one_and_its_approach_is_shown() -> None:
    assert shelf_life.expires_on(LAST, None) == LAST
    assert shelf_life.expires_on(LAST, DAY) == DAY
    notice = LAST - dt.timedelta(days=EXPIRY_NOTICE_DAYS)
    assert shelf_life.is_expiring(LAST, today=notice)
    assert not shelf_life.is_expiring(LAST, today=notice - dt.timedelta(days=1))


def stored() -> Pile:
    return Pile(stored_until=LAST)


def sweep(pile: Pile, now: dt.datetime = OVER) -> int:
    return int(pile.do(lambda: expiry.sweep(now)))


def holds(pile: Pile) -> list[tuple[str, int]]:
    with scope.venue(1):
        rows = ReceiptHold.objects.filter(kind=HoldKind.EXPIRY).order_by("pk")
        return list(rows.values_list("state", "lots"))


def extend(pile: Pile, until: dt.date, op_id: str = "x", **change: Any) -> StorageExtension:
    fields = {"document": "续存 1 号", "receipt_id": pile.receipt.pk} | change
    made: StorageExtension = pile.do(
        lambda: expiry.extend(
            venue=pile.world.venue,
            stored_until=until,
            op_id=op_id,
            by=pile.people["keeper"],
            now=later(9),
            **fields,
        )
    )
    return made


@pytest.mark.databases
@pytest.mark.django_db
def test_from_the_midnight_after_its_last_day_a_receipt_is_not_offered() -> None:
    pile = stored()
    assert sweep(pile, OVER - dt.timedelta(seconds=1)) == 0
    assert sweep(pile) == 1
    assert (pile.rows(), pile.balances()) == ([("aside", 1_000)], (0, 1_000, 1_000))
    offer = pile.world.enter(pile.owner, pile.goods, Side.SELL, 500, 722)[0]
    assert isinstance(offer, CommandRejected)
    assert sweep(pile, OVER + dt.timedelta(hours=1)) == 0, "swept again nothing happens"
    assert holds(pile) == [("held", 1_000)]


@pytest.mark.databases
@pytest.mark.django_db
def test_the_keeper_extends_on_a_document_and_the_goods_are_the_markets_again() -> None:
    pile = stored()
    sweep(pile)
    until = dt.date(2027, 3, 1)
    made = extend(pile, until)
    assert (made.before, made.stored_until) == (LAST, until)
    assert extend(pile, until).pk == made.pk
    assert pile.code(lambda: extend(pile, dt.date(2027, 3, 2))) == "OP_ID_REUSED"
    assert (pile.rows(), holds(pile)) == ([("registered", 1_000)], [("lifted", 1_000)])
    assert sweep(pile, OVER + dt.timedelta(days=1)) == 0
    assert sweep(pile, dt.datetime(2027, 3, 1, 16, tzinfo=dt.UTC)) == 1


@pytest.mark.databases
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("until", "change", "code"),
    [
        (LAST, {}, "STORAGE_PERIOD"),
        (dt.date(2046, 1, 1), {}, "STORAGE_PERIOD"),
        (dt.date(2027, 3, 1), {"document": ""}, "REQUIRED"),
        (dt.date(2027, 3, 1), {"receipt_id": 10**6}, "UNKNOWN_RECEIPT"),
    ],
)
def test_an_extension_is_later_bounded_and_documented(
    until: dt.date, change: Any, code: str
) -> None:
    pile = stored()
    assert pile.code(lambda: extend(pile, until, **change)) == code


@pytest.mark.databases
@pytest.mark.django_db
def test_nobody_extends_shelf_life() -> None:
    pile = Pile(
        "SEA-SQD", lots=500, produced_on=dt.date(2026, 1, 1), stored_until=dt.date(2027, 6, 1)
    )
    with scope.venue(1):
        paper = ReceiptPaper.objects.get()
        assert (paper.best_before, paper.expires_on) == (dt.date(2028, 1, 1), dt.date(2027, 6, 1))
    assert pile.code(lambda: extend(pile, dt.date(2028, 1, 2))) == "SHELF_LIFE"
    extend(pile, dt.date(2028, 1, 1))


@pytest.mark.databases
@pytest.mark.django_db
def test_frozen_goods_expire_too_and_come_back_when_both_are_over() -> None:
    pile = stored()
    frozen = pile.do(
        lambda: receipt_freezes.freeze(
            venue=pile.world.venue, receipt_id=pile.receipt.pk, reason="court", document="x",
            lots=0, op_id="f", by=pile.people["operator"], now=NOON,
        )
    )  # fmt: skip
    assert sweep(pile) == 1
    assert holds(pile) == [("held", 1_000)]
    pile.do(lambda: receipt_freezes.lift(
        frozen.pk, document="y", by=pile.people["reviewer"], now=OVER,
    ))  # fmt: skip
    assert pile.hold(frozen).state == HoldState.LIFTED
    assert pile.rows() == [("aside", 1_000)]
    extend(pile, dt.date(2027, 3, 1))
    assert pile.rows() == [("registered", 1_000)]


@pytest.mark.databases
@pytest.mark.django_db
def test_a_receipt_without_papers_neither_expires_nor_is_extended() -> None:
    pile = stored()
    with scope.venue(1):
        ReceiptPaper.objects.all().delete()
    assert sweep(pile) == 0
    assert pile.code(lambda: extend(pile, dt.date(2027, 3, 1))) == "NOT_RECORDED"


@pytest.mark.databases
@pytest.mark.django_db
def test_an_extension_waits_while_the_engine_is_asked() -> None:
    pile = stored()
    with scope.venue(1):
        assert expiry.sweep(OVER) == 1
        assert expiry.sweep(OVER) == 0, "asked once"
        with pytest.raises(HoldError, match="RECEIPT_MOVING"):
            extend_now(pile)
    pile.send()
    extend(pile, dt.date(2027, 3, 1), "later")
    assert pile.rows() == [("registered", 1_000)]


def extend_now(pile: Pile) -> None:
    expiry.extend(
        venue=pile.world.venue, receipt_id=pile.receipt.pk, stored_until=dt.date(2027, 3, 1),
        document="x", op_id="now", by=pile.people["keeper"], now=later(9),
    )  # fmt: skip


@pytest.mark.databases
@pytest.mark.django_db
def test_owner_and_keeper_see_what_is_near_its_last_day() -> None:
    pile = stored()
    with scope.venue(1):
        near = LAST - dt.timedelta(days=EXPIRY_NOTICE_DAYS)
        assert [one.pk for one in expiry.expiring(today=near)] == [pile.receipt.pk]
        assert expiry.expiring(today=near - dt.timedelta(days=1)) == []
        assert expiry.last_days([pile.receipt.pk]) == {pile.receipt.pk: LAST}
    with scope.venue(2):
        assert expiry.expiring(today=near) == []
