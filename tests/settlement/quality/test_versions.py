"""Versions of rules: who makes them, when they count, and that nothing undoes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange import reference, scope
from exchange.models import Bookmark, Commodity, User, Venue
from matching.commands import Side
from settlement import receipts
from settlement.contracts.papers import document
from settlement.contracts.terms import digest, read_terms
from settlement.models import Obligation, RuleVersion
from settlement.quality import versions
from settlement.quality.rules import read_rules
from settlement.quality.text import RuleError, canonical, digest_of, rule_set
from settlement.quality.versions import VersionError
from tests.papers import NOON, papers
from tests.settlement.contracts.trade import Deal
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

NOW = dt.datetime(2026, 11, 28, 9, 30, tzinfo=dt.UTC)  # 17:30 in Shanghai
DAY = dt.date(2026, 12, 6)
"""The first day that leaves seven days from NOW: the 5th begins half a day too early."""


class Book:
    """The rules of coal at QLDZ, and two people."""

    def __init__(self) -> None:
        self.venue = Venue.objects.get(code="qldz")
        self.coal = Commodity.objects.get(code="COAL-T5500")
        self.maker, self.checker = (User.objects.create_user(f"rules-{n}") for n in "mc")
        self.rules = rule_set(self.coal.parameters)

    def changed(self, **changes: Any) -> dict[str, Any]:
        """The rules with another amount for a step of sulphur."""
        rows = [dict(row) for row in self.rules["adjustments"]]
        rows[2] |= changes or {"amount": "-6"}
        return self.rules | {"adjustments": rows}

    def draft(self, day: dt.date = DAY, now: dt.datetime = NOW, **changes: Any) -> RuleVersion:
        return versions.draft(
            self.coal,
            self.changed(**changes),
            effective_on=day,
            summary="硫分扣价",
            by=self.maker,
            now=now,
        )

    def publish(self, one: RuleVersion, now: dt.datetime = NOW, **more: Any) -> RuleVersion:
        seen = {"digest": one.digest, "effective_on": one.effective_on, "by": self.checker} | more
        return versions.publish(one.pk, now=now, **seen)

    def announce(self, day: dt.date, amount: str, now: dt.datetime = NOW) -> RuleVersion:
        return self.publish(self.draft(day, now, amount=amount), now)


@pytest.fixture
def book() -> Iterator[Book]:
    reference.load()
    one = Book()
    with scope.venue(one.venue.pk):
        versions.take_in(one.venue, NOW)
        yield one


def refusal(act: Any) -> str:
    with pytest.raises(VersionError) as caught:
        act()
    return caught.value.code


# Taking a commodity in.


def test_a_venue_gets_version_one_of_its_own_commodities_once(book: Book) -> None:
    assert versions.take_in(book.venue, NOW) == []
    rows = RuleVersion.objects.order_by("commodity__code")
    assert list(rows.values_list("commodity__code", "number", "state", "proposed_by")) == [
        (code, 1, "published", None)
        for code in ("COAL-JM", "COAL-T5500", "STL-HRC235", "STL-RB400E")
    ]
    one = versions.in_force(book.coal, NOW)
    assert versions.rules_of(one) == book.rules
    assert one.digest == read_rules(book.coal.parameters).digest == digest_of(book.rules)
    with scope.venue(3):
        assert versions.find_in_force(book.coal, NOW) is None, "another venue's rules are its own"


@pytest.mark.parametrize("code", [row["code"] for row in reference.fixture()["commodities"]])
def test_rules_come_out_of_a_version_as_the_fixture_wrote_them(code: str) -> None:
    reference.load()
    commodity = Commodity.objects.get(code=code)
    for venue in Venue.objects.order_by("pk"):
        with scope.venue(venue.pk):
            versions.take_in(venue, NOW)
            found = versions.find_in_force(commodity, NOW)
            if found is not None:
                assert read_rules(versions.rules_of(found)) == read_rules(commodity.parameters)
                assert found.text == canonical(rule_set(commodity.parameters))
                return
    pytest.fail("no venue has it")


# In force.


def test_a_version_counts_from_the_first_second_of_its_day_in_shanghai(book: Book) -> None:
    book.announce(DAY, "-6")
    midnight = dt.datetime(2026, 12, 5, 16, 0, tzinfo=dt.UTC)
    assert versions.begins(DAY) == midnight
    second = dt.timedelta(microseconds=1)
    assert versions.in_force(book.coal, midnight - second).number == 1
    assert versions.in_force(book.coal, midnight).number == 2
    assert versions.in_force(book.coal, NOW).number == 1, "announced is not in force"


def test_before_the_first_version_and_without_any_there_are_no_rules(book: Book) -> None:
    assert refusal(
        lambda: versions.in_force(book.coal, versions.begins(dt.date(2025, 12, 31)))
    ) == ("NO_RULES")
    cotton = Commodity.objects.get(code="CTN-3128B")
    assert refusal(lambda: versions.in_force(cotton, NOW)) == "NO_RULES"


def test_drafts_and_withdrawn_versions_never_count(book: Book) -> None:
    one = book.draft()
    late = versions.begins(DAY) + dt.timedelta(days=9)
    assert versions.in_force(book.coal, late).number == 1
    book.publish(one)
    versions.withdraw(
        one.pk, why="再议", by=book.checker, now=versions.begins(DAY) - NOW.resolution
    )
    assert versions.in_force(book.coal, late).number == 1
    again = book.announce(DAY, "-7")
    assert (again.number, versions.in_force(book.coal, late).number) == (3, 3)


def test_what_is_in_force_can_not_be_withdrawn(book: Book) -> None:
    one = book.announce(DAY, "-6")
    act = {"why": "x", "by": book.checker}
    assert refusal(lambda: versions.withdraw(one.pk, now=versions.begins(DAY), **act)) == (
        "RULES_IN_FORCE"
    )
    versions.withdraw(one.pk, now=NOW, **act)
    assert refusal(lambda: versions.withdraw(one.pk, now=NOW, **act)) == "RULES_STATE"


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    gaps=st.lists(st.integers(1, 40), max_size=6),
    gone=st.sets(st.integers(2, 7), max_size=3),
    moments=st.lists(st.integers(-400 * 86_400, 400 * 86_400), min_size=1, max_size=20),
)
def test_for_any_versions_and_any_instant_exactly_the_right_one_is_chosen(
    book: Book, gaps: list[int], gone: set[int], moments: list[int]
) -> None:
    with transaction.atomic():
        days = {1: dt.date(2026, 1, 1)}
        made = []
        day = DAY
        for number, gap in enumerate(gaps, start=2):
            made.append(book.announce(day, str(-5 - number)))
            days[number] = day
            day += dt.timedelta(days=gap)
        for one in made:
            if one.number in gone:
                versions.withdraw(one.pk, why="x", by=book.checker, now=NOW)
                del days[one.number]
        for moment in moments:
            at = NOW + dt.timedelta(seconds=moment)
            # The naive answer: walk through Shanghai's days, eight hours ahead.
            today = (at + dt.timedelta(hours=8)).date()
            right = [number for number, begins in days.items() if begins <= today]
            found = versions.find_in_force(book.coal, at)
            assert (found.number if found else 0) == max(right, default=0)
        transaction.set_rollback(True)


# Making and publishing.


def test_publication_leaves_seven_days(book: Book) -> None:
    assert versions.earliest_day(book.coal, NOW) == DAY
    exact = versions.begins(dt.date(2026, 12, 5)) - versions.NOTICE
    assert versions.earliest_day(book.coal, exact) == dt.date(2026, 12, 5)
    assert versions.earliest_day(book.coal, exact + NOW.resolution) == DAY
    with pytest.raises(VersionError) as caught:
        book.draft(dt.date(2026, 12, 5))
    assert (caught.value.code, caught.value.day) == ("NOTICE", DAY)
    one = book.draft()
    late = versions.begins(DAY) - versions.NOTICE + NOW.resolution
    assert refusal(lambda: book.publish(one, late)) == "NOTICE"
    book.publish(one, versions.begins(DAY) - versions.NOTICE)
    assert refusal(lambda: book.draft(dt.date(2028, 1, 1))) == "TOO_FAR"


def test_a_later_version_never_takes_effect_before_an_earlier_one(book: Book) -> None:
    book.announce(DAY, "-6")
    assert refusal(lambda: book.draft(DAY, amount="-7")) == "NOTICE"
    assert book.announce(DAY + dt.timedelta(days=1), "-7").number == 3


def test_the_first_rules_of_a_commodity_are_in_force_at_once(book: Book) -> None:
    cotton = Commodity.objects.get(code="CTN-3128B")
    rules = rule_set(cotton.parameters)
    today = versions.shanghai_day(NOW)
    terms = {"summary": "首版", "by": book.maker, "now": NOW}
    yesterday = today - dt.timedelta(days=1)
    assert refusal(lambda: versions.draft(cotton, rules, effective_on=yesterday, **terms)) == (
        "NOTICE"
    )
    one = versions.draft(cotton, rules, effective_on=today, **terms)
    book.publish(one)
    assert versions.in_force(cotton, NOW).pk == one.pk


def test_the_second_person_publishes_what_was_read(book: Book) -> None:
    one = book.draft()
    assert refusal(lambda: book.publish(one, by=book.maker)) == "SAME_PERSON"
    assert refusal(lambda: book.publish(one, digest="0" * 64)) == "OTHER_RULES"
    later = DAY + dt.timedelta(days=1)
    assert refusal(lambda: book.publish(one, effective_on=later)) == "OTHER_RULES"
    book.publish(one)
    assert refusal(lambda: book.publish(one)) == "RULES_STATE"
    with scope.venue(3):
        assert refusal(lambda: book.publish(one)) == "UNKNOWN_RULES"


def test_there_is_one_draft_and_who_wrote_last_proposes_it(book: Book) -> None:
    first = book.draft()
    again = versions.draft(
        book.coal,
        book.changed(amount="-8"),
        effective_on=DAY,
        summary="s",
        by=book.checker,
        now=NOW,
    )
    assert (again.pk, again.number, RuleVersion.objects.filter(state="draft").count()) == (
        first.pk, 2, 1,
    )  # fmt: skip
    assert refusal(lambda: book.publish(again)) == "SAME_PERSON"
    book.publish(again, by=book.maker)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"vat_pct": 9}, "VAT_RATE"),
        ({"code": "COAL-JM"}, "COMMODITY"),
        ({"risk": {}}, "KEY_UNKNOWN"),
        ({"weight_basis": {}}, "KEY_MISSING"),
        ({"weight_basis": {"tolerance_pct": {"plus": 101, "minus": 0}}}, "TOLERANCE"),
        ({"weight_basis": {"method": "THEORETICAL"}}, "UNKNOWN_ATTRIBUTE"),
    ],
)
def test_what_rules_must_not_say_is_refused(book: Book, changes: Any, code: str) -> None:
    with pytest.raises(RuleError) as caught:
        versions.draft(
            book.coal, book.rules | changes, effective_on=DAY, summary="s", by=book.maker, now=NOW
        )
    assert caught.value.code == code


def test_a_draft_says_why_and_changes_something(book: Book) -> None:
    terms = {"effective_on": DAY, "by": book.maker, "now": NOW}
    changed = book.changed()
    assert refusal(lambda: versions.draft(book.coal, changed, summary=" ", **terms)) == "REQUIRED"
    assert refusal(lambda: versions.draft(book.coal, changed, summary="长" * 201, **terms)) == (
        "TOO_LONG"
    )
    assert refusal(lambda: versions.draft(book.coal, book.rules, summary="s", **terms)) == "SAME"


# What the database itself refuses.


def forbidden(act: Any) -> str:
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        act()
    return str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "{}"},
        {"digest": "0" * 64},
        {"effective_on": DAY + dt.timedelta(days=1)},
        {"summary": "other"},
        {"state": "draft"},
        {"number": 9},
        {"proposed_at": NOW + dt.timedelta(days=1)},
        {"published_at": NOW - dt.timedelta(days=1)},
        {"state": "withdrawn"},
        {"state": "withdrawn", "withdrawn_at": versions.begins(DAY)},
    ],
)
def test_the_database_keeps_what_was_published(book: Book, change: dict[str, Any]) -> None:
    one = book.announce(DAY, "-6")
    rows = RuleVersion.objects.filter(pk=one.pk)
    assert "rules" in forbidden(lambda: rows.update(**change))
    assert rows.get().text == one.text
    rows.update(state="withdrawn", withdrawn_at=versions.begins(DAY) - NOW.resolution * 1000)
    assert "keeps its number" in forbidden(lambda: rows.update(withdrawn_why="x"))


def test_the_database_lets_no_version_go_and_none_begin_in_force(book: Book) -> None:
    one = book.draft()
    assert "never removed" in forbidden(lambda: RuleVersion.objects.filter(pk=one.pk).delete())
    mark = "TRUNCATE settlement_ruleversion CASCADE"
    if connection.vendor == "postgresql":
        assert forbidden(lambda: connection.cursor().execute(mark))
    copy = {
        "venue": book.venue, "commodity": book.coal, "text": "{}", "digest": "0" * 64,
        "effective_on": DAY, "summary": "s", "proposed_at": NOW,
    }  # fmt: skip
    for more in (
        {"number": 7, "state": "published", "published_at": NOW},
        {"number": 7, "state": "withdrawn", "withdrawn_at": NOW},
        {"number": 1, "state": "draft"},
        {"number": 7, "state": "draft"},
    ):
        assert forbidden(lambda more=more: RuleVersion.objects.create(**copy, **more))


def test_the_database_asks_for_two_people_and_seven_days(book: Book) -> None:
    one = book.draft()
    rows = RuleVersion.objects.filter(pk=one.pk)
    said = {"state": "published", "published_at": NOW}
    assert "two_people" in forbidden(lambda: rows.update(**said, approved_by=book.maker))
    assert "two_people" in forbidden(lambda: rows.update(**said))
    late = {"published_at": versions.begins(DAY) - versions.NOTICE + dt.timedelta(seconds=1)}
    assert "seven days" in forbidden(lambda: rows.update(**(said | late), approved_by=book.checker))
    exact = {"published_at": versions.begins(DAY) - versions.NOTICE}
    assert rows.update(**(said | exact), approved_by=book.checker) == 1


def test_a_text_that_is_not_the_digests_fails_closed(book: Book) -> None:
    one = book.draft()
    RuleVersion.objects.filter(pk=one.pk).update(text="{}")
    one.refresh_from_db()
    assert refusal(lambda: versions.rules_of(one)) == "RULES_DAMAGED"
    assert refusal(lambda: book.publish(one)) == "RULES_DAMAGED"


# Contracts.


def traded(deal: Deal, at: dt.datetime) -> None:
    """Let seller and buyer trade 500 t more, at an instant."""
    deal.world.now = int(at.timestamp()) * 1_000_000 - 2_000  # two blocks: offer, and trade
    price = deal.goods.reference_ticks
    deal.world.enter(deal.seller, deal.goods, Side.SELL, 500, price)
    deal.world.enter(deal.buyer, deal.goods, Side.BUY, 500, price)


def contracts(deal: Deal) -> list[Obligation]:
    with deal.scope():
        rows = Obligation.objects.select_related(
            "instrument__warehouse", "venue", "buyer", "seller"
        )
        return list(rows.order_by("trade_id"))


def test_a_contract_keeps_the_version_of_its_own_second() -> None:
    deal = Deal(cover_bp=1_000, lots=500, buyer_yuan=100_000_000)
    book = Book()
    switch = dt.datetime(2026, 12, 5, 16, 0, tzinfo=dt.UTC)
    with deal.scope():
        first = versions.in_force(book.coal, NOW)
        second = book.announce(DAY, "-6", NOW - dt.timedelta(days=1))
        receipts.register(
            venue=deal.world.venue,
            firm=deal.seller,
            instrument=deal.goods,
            warehouse=deal.goods.warehouse,
            lots=1_000,
            weight_kg=1_000_000,
            op_id="more",
            by=None,
            lot_reference="more",
            papers=papers(),
            now=NOON,
        )
    deal.world.settle_all()
    for seconds in (-1, 0):
        traded(deal, switch + dt.timedelta(seconds=seconds))
    made = contracts(deal)
    pinned = [(one.terms["rules"]["number"], one.terms["rules"]["sha256"]) for one in made]
    assert pinned == [(1, first.digest), (1, first.digest), (2, second.digest)]
    assert [str(read_terms(one.terms).rules.adjustments[2].amount) for one in made] == [  # type: ignore[union-attr]
        "-5", "-5", "-6",
    ]  # fmt: skip
    assert [read_terms(one.terms).rules_number for one in made] == [1, 1, 2]
    for one in made:
        assert one.terms["rules"]["sha256"] == digest_of(one.terms["quality"])
        with deal.scope():
            said = document(one)
        assert said["terms"]["rules"]["number"] == read_terms(one.terms).rules_number
        assert digest(said) == one.terms_sha256, "both have signed the version"


def test_a_later_version_changes_nothing_for_a_contract() -> None:
    """Two lives of the same contract, one with a change announced and in force in between."""
    figures = []
    for is_changed in (False, True):
        with transaction.atomic():
            deal = Deal(lots=500, buyer_yuan=1_000_000, always_open=True)
            book = Book()
            if is_changed:
                with deal.scope():
                    book.announce(DAY, "-6", NOW - dt.timedelta(days=4))
            deal.now = versions.begins(DAY) + dt.timedelta(hours=1)
            deal.deliver(500_000)
            deal.certificate(qnet_ar="5423", st_d="0.92", mt="19.4")
            deal.accept()
            figures.append((deal.statement().body["value_fen"], deal.contract().terms))
            transaction.set_rollback(True)
    assert figures[0] == figures[1]
    assert figures[0][0] == 34_991_055


def test_a_trade_without_rules_stops_the_follower_and_loses_nothing() -> None:
    world = World()
    coal = world.instrument("COAL-T5500", delivery="acceptance", cover_bp=1_000)
    with scope.venue(world.venue.pk):
        cotton = Commodity.objects.get(code="CTN-3128B")  # taken in by another venue
        type(coal).objects.filter(pk=coal.pk).update(commodity=cotton)
    deal = Deal.__new__(Deal)
    deal.world, deal.goods, deal.numbers = world, coal, 0
    deal.seller, deal.buyer = world.firm("rzyf"), world.firm("lzrd")
    deal.pay_in(deal.buyer, 1_000_000)
    deal._store(500, ())
    world.enter(deal.seller, coal, Side.SELL, 500, coal.reference_ticks)
    with scope.venue(world.venue.pk):
        before = list(Bookmark.objects.order_by("follower").values_list("follower", "seq"))
    with pytest.raises(VersionError, match="NO_RULES"):
        world.enter(deal.buyer, coal, Side.BUY, 500, coal.reference_ticks)
    with scope.venue(world.venue.pk):
        after = list(Bookmark.objects.order_by("follower").values_list("follower", "seq"))
        assert (after, Obligation.objects.count()) == (before, 0)
        people = Book()
        at = dt.datetime.fromtimestamp(world.now // 1_000_000, tz=dt.UTC)
        today = versions.shanghai_day(at)
        rules = rule_set(cotton.parameters)
        one = versions.draft(
            cotton, rules, effective_on=today, summary="首版", by=people.maker, now=at
        )
        people.publish(one, at)
    world.reread()
    with scope.venue(world.venue.pk):
        assert Obligation.objects.get().terms["rules"]["number"] == 1
