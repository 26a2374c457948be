"""What storage costs: exact, by the night, rounded once; and how many firms held a pile."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import scope
from exchange.models import Commodity
from settlement import storage
from settlement.models import Receipt
from settlement.storage import Stay, Terms
from tests.settlement.test_receipts import sold

IN = dt.date(2026, 11, 23)
COAL = Terms(Decimal("0.20"), 20, Decimal("0.5"))
SQUID = Terms(Decimal("3.20"), 0, Decimal("0.3"))


def after(days: int) -> dt.date:
    return IN + dt.timedelta(days=days)


@pytest.mark.parametrize(
    ("terms", "stays", "nights", "fen"),
    [
        (COAL, [Stay(IN, 1_000_000)], 20, 0),
        (COAL, [Stay(IN, 1_000_000)], 25, 100_000),
        (COAL, [Stay(IN, 1_000_000), Stay(after(22), 400_000)], 25, 64_000),
        (COAL, [Stay(after(30), 500_000)], 31, 10_000),
        (COAL, [Stay(after(30), 500_000)], 30, 0),
        (SQUID, [Stay(IN, 1)], 1, 0),
        (SQUID, [Stay(IN, 1)], 2, 1),
        (SQUID, [], 9, 0),
    ],
)
def test_storage_is_paid_by_the_night_after_the_free_days(
    terms: Terms, stays: list[Stay], nights: int, fen: int
) -> None:
    assert storage.accrued_fen(stays, terms, came_in=IN, today=after(nights)) == fen


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10**9)), max_size=6), st.data())
def test_storage_never_falls_with_time_nor_below_nothing(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    stays = [Stay(after(days), kg) for days, kg in sorted(rows)]
    first = data.draw(st.integers(0, 90))
    second = data.draw(st.integers(first, 90))
    costs = [
        storage.accrued_fen(stays, COAL, came_in=IN, today=after(nights))
        for nights in (first, second)
    ]
    assert 0 <= costs[0] <= costs[1]


@pytest.mark.databases
@pytest.mark.django_db
@pytest.mark.parametrize("lots", [600, 1_000])
def test_the_new_holder_pays_from_the_transfer_and_free_days_do_not_begin_again(lots: int) -> None:
    _, bought = sold(lots)
    with scope.venue(1):
        now = dt.datetime(2026, 12, 18, 4, tzinfo=dt.UTC)  # 25 nights after the world's day
        assert storage.accrued_until(bought, COAL, now=now) == lots * 5 * 20
        rest = Receipt.objects.get(pk=bought.root_id)
        left = 1_000 - lots if rest.pk != bought.pk else lots
        assert storage.accrued_until(rest, COAL, now=now) == left * 5 * 20
        assert storage.holders(bought.root_id) == 2


@pytest.mark.django_db
def test_every_commodity_states_its_storage() -> None:
    sold(600)
    read = [Terms.read(one.parameters) for one in Commodity.objects.order_by("code")]
    assert len(read) == 13
    assert all(terms.fee_yuan_per_t_day > 0 for terms in read)
