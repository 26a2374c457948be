"""Ratings after the close: once, for good, unseen until nobody can answer them."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from exchange import scope
from exchange.models import Firm, Venue
from settlement.contracts import rating
from settlement.contracts.evidence import bundle
from settlement.contracts.flow import ContractError
from settlement.contracts.rating import Marks, Standing
from settlement.models import Rating
from tests.settlement.contracts.test_disputes import stated
from tests.settlement.contracts.trade import Deal

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

GOOD, BAD = Marks(5, 5, 4), Marks(1, 2, 1)


def closed() -> Deal:
    deal = stated()
    deal.agree()
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    return deal


def say(marks: Marks = GOOD, text: str = "") -> dict[str, Any]:
    return {"marks": marks, "text": text}


def shown(deal: Deal) -> list[tuple[int, str]]:
    with deal.scope():
        rows = rating.shown(deal.contract(), deal.now)
        return [(row.punctuality, row.text) for row in rows]


def standings(deal: Deal) -> dict[int, Standing]:
    with deal.scope():
        return rating.standings([deal.buyer.pk, deal.seller.pk, deal.stranger.pk], deal.now)


def test_what_one_says_is_hidden_until_the_other_has_spoken() -> None:
    deal = closed()
    deal.do(rating.rate, **deal.as_seller(), **say(BAD, " 催款 "))
    assert (shown(deal), standings(deal)) == ([], {})
    with deal.scope():
        contract = deal.contract()
        assert rating.own(contract, deal.buyer) is None
        mine = rating.own(contract, deal.seller)
        assert mine is not None
        assert (mine.text, mine.of_firm_id) == ("催款", deal.buyer.pk)
        told = str(bundle(contract, seen_by=deal.buyer))
    assert "rated" in told
    assert "催款" not in told
    deal.do(rating.rate, **deal.as_buyer(), **say(GOOD))
    assert shown(deal) == [(5, ""), (1, "催款")]
    # (1+2+1)/3 = 1.33; (5+5+4)/3 = 4.67
    assert standings(deal) == {deal.buyer.pk: Standing(13, 1), deal.seller.pk: Standing(47, 1)}
    deal.prove()


def test_after_seven_days_it_is_shown_and_nobody_can_answer() -> None:
    deal = closed()
    deal.do(rating.rate, **deal.as_seller(), **say(BAD))
    with deal.scope():
        closed_at = deal.contract().events.get(kind="closed").at
    deal.now = closed_at + dt.timedelta(days=7, microseconds=-1)
    assert shown(deal) == []
    with deal.scope():
        assert rating.may_rate(deal.contract(), deal.buyer.pk, deal.now)
    deal.now += dt.timedelta(microseconds=1)
    assert shown(deal) == [(1, "")]
    assert standings(deal) == {deal.buyer.pk: Standing(13, 1)}
    assert deal.refusal(rating.rate, **deal.as_buyer(), **say()) == "RATING_CLOSED"
    with deal.scope():
        assert not rating.may_rate(deal.contract(), deal.buyer.pk, deal.now)


def test_at_no_moment_can_a_party_rate_who_sees_what_the_other_said() -> None:
    deal = closed()
    deal.do(rating.rate, **deal.as_seller(), **say())
    start = deal.now
    for hours in range(0, 24 * 9, 12):
        deal.now = start + dt.timedelta(hours=hours)
        with deal.scope():
            may = rating.may_rate(deal.contract(), deal.buyer.pk, deal.now)
        assert may != bool(shown(deal))


def test_it_is_said_once_and_only_of_a_closed_contract() -> None:
    deal = stated()
    assert deal.refusal(rating.rate, **deal.as_buyer(), **say()) == "CONTRACT_STATE"
    deal.agree()
    assert deal.refusal(rating.rate, **deal.as_buyer(), **say()) == "CONTRACT_STATE"
    deal.invoice()
    deal.take_invoice()
    deal.do(rating.rate, **deal.as_buyer(), **say())
    assert deal.refusal(rating.rate, **deal.as_buyer(), **say(BAD)) == "RATED_ALREADY"
    assert deal.kinds().count("rated") == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (say(Marks(0, 5, 5)), "MARK"),
        (say(Marks(5, 6, 5)), "MARK"),
        (say(Marks(5, 5, -1)), "MARK"),
        (say(text="x" * 201), "TOO_LONG"),
    ],
)
def test_marks_are_one_to_five(change: dict[str, Any], code: str) -> None:
    deal = closed()
    assert deal.refusal(rating.rate, **deal.as_buyer(), **change) == code
    with deal.scope():
        assert not Rating.objects.exists()


def test_a_stranger_and_another_venue_find_no_contract() -> None:
    deal = closed()
    stranger = {"firm": deal.stranger, "by": deal.people["clerk"]}
    assert deal.refusal(rating.rate, **stranger, **say()) == "UNKNOWN_CONTRACT"
    for who in (deal.as_buyer(), deal.as_seller()):
        deal.do(rating.rate, **who, **say())
    abroad = Venue.objects.exclude(pk=deal.world.venue.pk).order_by("pk").first()
    assert abroad is not None
    with scope.venue(abroad.pk):
        assert rating.standings([deal.seller.pk], deal.now) == {}, "of this venue only"
        with pytest.raises(ContractError, match="UNKNOWN_CONTRACT"):
            rating.rate(1, **deal.as_buyer(), **say(), now=deal.now)


@pytest.mark.parametrize("act", ["update", "delete"])
def test_the_database_refuses_to_change_or_remove_a_rating(act: str) -> None:
    deal = closed()
    deal.do(rating.rate, **deal.as_buyer(), **say())
    with deal.scope():
        found = Rating.objects.order_by("pk")
        run = partial(found.update, punctuality=5) if act == "update" else found.delete
        with pytest.raises(DatabaseError), transaction.atomic():
            run()


def test_the_database_knows_marks_and_that_nobody_rates_itself() -> None:
    deal = closed()
    with deal.scope():
        good: dict[str, Any] = {
            "venue": deal.world.venue, "obligation": deal.contract(), "by_firm": deal.buyer,
            "of_firm": deal.seller, "punctuality": 5, "quality": 5, "documents": 5,
            "open_until": deal.now, "by": deal.people["buyer"], "at": deal.now,
        }  # fmt: skip
        for wrong in ({"quality": 0}, {"documents": 6}, {"of_firm": deal.buyer}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Rating.objects.create(**good | wrong)


@given(st.lists(st.tuples(*[st.integers(1, 5)] * 3), min_size=1, max_size=60))
def test_an_average_is_the_exact_one_rounded_half_up(rows: list[tuple[int, ...]]) -> None:
    total = sum(map(sum, rows))
    tenths = rating._tenths(total, 3 * len(rows))
    assert 10 <= tenths <= 50
    # |tenths/10 - total/marks| is at most half a tenth, and exactly half of one goes up.
    difference = 2 * (10 * total - tenths * 3 * len(rows))
    assert -3 * len(rows) <= difference < 3 * len(rows)


def test_nobody_is_rated_before_somebody_is() -> None:
    deal = closed()
    with deal.scope():
        everybody = Firm.objects.order_by("pk").values_list("pk", flat=True)
        assert rating.standings(everybody, deal.now) == {}
