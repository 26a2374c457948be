"""Who gets what: nothing appears, nothing vanishes, and goods go by the begun lot."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.contracts.money import goods_out, late_fee, penalty_fen, split
from settlement.contracts.statement import Found, certificate_of

fen = st.integers(0, 10**12)
DUE = dt.datetime(2026, 11, 25, 8, tzinfo=dt.UTC)


@given(fen, fen, fen, fen, fen, fen, fen)
def test_a_split_shares_out_exactly_what_was_bound(
    committed: int, value: int, buyer_fee: int, seller_fee: int, kept: int, extra: int, penalty: int
) -> None:
    shares = split(
        committed=committed, value=value, buyer_fee=buyer_fee, seller_fee=seller_fee,
        kept=kept, extra=extra, penalty=penalty,
    )  # fmt: skip
    parts = (shares.to_seller, shares.to_buyer, shares.fees, shares.kept)
    assert sum(parts) == committed
    assert min(*parts, shares.unpaid) >= 0
    assert 0 <= shares.penalty_left <= penalty
    assert not shares.penalty_left or shares.to_seller == shares.kept == 0, "all of it is set off"
    assert shares.to_seller + shares.kept <= value + extra
    assert bool(shares.unpaid) == (value + extra + min(buyer_fee, committed) > committed)


@pytest.mark.parametrize(
    ("bound", "kg", "delivered", "returned"),
    [
        (((1, 500, 500_000),), 499_001, ((1, 500),), ()),
        (((1, 500, 500_000),), 499_000, ((1, 499),), ((1, 1),)),
        (((1, 500, 500_000), (2, 100, 100_000)), 520_000, ((1, 500), (2, 20)), ((2, 80),)),
        (((1, 500, 500_000),), 560_000, ((1, 500),), ()),
        (((1, 500, 500_000),), 0, (), ((1, 500),)),
        # pieces of their own weight: a coil is used up or is not
        (((7, 1, 24_300), (8, 1, 25_100)), 24_000, ((7, 1),), ((8, 1),)),
        (((7, 1, 24_300), (8, 1, 25_100)), 24_500, ((7, 1), (8, 1)), ()),
    ],
)
def test_what_the_accepted_weight_uses_up(
    bound: tuple[tuple[int, int, int], ...],
    kg: int,
    delivered: tuple[tuple[int, int], ...],
    returned: tuple[tuple[int, int], ...],
) -> None:
    assert goods_out(bound, kg, 1_000) == (delivered, returned)


@pytest.mark.parametrize(
    ("hours", "fee"), [(-1, 0), (0, 0), (1, 500), (24, 500), (25, 1_000), (49, 1_500)]
)
def test_each_day_begun_costs_five_in_ten_thousand(hours: int, fee: int) -> None:
    assert late_fee(1_000_000, DUE, DUE + dt.timedelta(hours=hours), 5) == fee


def test_a_penalty_rounds_half_up_once() -> None:
    assert [penalty_fen(value, 1_000) for value in (4, 5, 14, 15)] == [0, 1, 1, 2]
    assert [penalty_fen(value, 1) for value in (4_999, 5_000)] == [0, 1]


def test_an_umpire_goes_before_the_first_certificate_and_a_tickets_own_before_the_common_one() -> (
    None
):
    common, own = Found(0, False, {}, "common"), Found(2, False, {}, "own")
    umpire, umpire_own = Found(0, True, {}, "umpire"), Found(2, True, {}, "umpire, own")
    assert certificate_of(2, [own, common]) == own
    assert certificate_of(1, [own, common]) == common
    assert certificate_of(2, [umpire, own]) == umpire
    assert certificate_of(2, [umpire_own, umpire, own]) == umpire_own
    assert certificate_of(1, [own]) is None
