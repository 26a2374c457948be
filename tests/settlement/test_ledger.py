"""Holds and chains: what the ledger's callers may rely on, on both databases."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from exchange import scope
from settlement import ledger
from settlement.ledger import CNY, Action, Code, Entry, Hold, Kind, LedgerError, Post, Void
from settlement.ledger.seal import Sealed
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

AT = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
A, B, FEES = (Code.TRADING, 1), (Code.TRADING, 2), (Code.FEES, 0)
HOLD = Hold(CNY, A, B, 60, Kind.COMMIT)


@pytest.fixture(autouse=True)
def _firm_one_has_a_hundred() -> Iterator[None]:
    world = World()
    with scope.venue(world.venue.id):
        chain(Entry(CNY, (Code.BANK, 0), A, 100, Kind.DEPOSIT), seq=1)
        yield


def chain(*actions: Action, seq: int, at: dt.datetime = AT) -> uuid.UUID:
    return ledger.post(actions, seq=seq, position="x", at=at)[0]


def firms() -> tuple[int, int, int]:
    """Return balance and available of firm 1, and balance of firm 2."""
    return ledger.balance(CNY, *A), ledger.available(CNY, *A), ledger.balance(CNY, *B)


def test_a_hold_moves_nothing_and_counts_against_the_limit() -> None:
    chain(HOLD, seq=2)
    with pytest.raises(LedgerError, match="has 40, not 41"):
        chain(Entry(CNY, A, B, 41, Kind.PAYMENT), seq=3)
    assert firms() == (100, 40, 0)


def test_a_part_is_posted_and_the_rest_returns() -> None:
    hold = chain(HOLD, seq=2)
    chain(Post(hold, 25), seq=3)
    assert firms() == (75, 75, 25)
    assert ledger.audit() == []


def test_a_hold_is_resolved_once() -> None:
    hold = chain(HOLD, seq=2)
    chain(Void(hold), seq=3)
    for number, again in enumerate((Post(hold), Void(hold))):
        with pytest.raises(LedgerError, match="is resolved by"):
            chain(again, seq=4 + number)
    assert firms() == (100, 100, 0)


def test_a_chain_mixes_all_kinds_and_is_all_or_none() -> None:
    hold = chain(HOLD, seq=2)
    mixed = (Post(hold, 50), Hold(CNY, B, FEES, 50, Kind.FEE), Entry(CNY, B, A, 1, Kind.PAYMENT))
    with pytest.raises(LedgerError, match="has 0, not 1"):
        chain(*mixed, seq=3)
    assert firms() == (100, 40, 0)
    chain(*mixed[:2], seq=4)
    assert firms() == (50, 50, 50)


def test_a_hold_past_its_deadline_is_not_posted_and_is_swept_once() -> None:
    hold = chain(Hold(CNY, A, B, 60, Kind.COMMIT, AT + HOUR), seq=2)
    assert ledger.expire(AT) == 0
    with pytest.raises(LedgerError, match="expired"):
        chain(Post(hold), seq=3, at=AT + HOUR)
    assert (ledger.expire(AT + HOUR), ledger.expire(AT + HOUR)) == (1, 0)
    assert firms() == (100, 100, 0)


def test_the_same_id_is_the_same_chain_and_a_refused_one_stays_refused() -> None:
    chain(HOLD, seq=2)
    chain(HOLD, seq=2)
    assert firms() == (100, 40, 0)
    with pytest.raises(LedgerError, match="other content"):
        chain(Hold(CNY, A, B, 61, Kind.COMMIT), seq=2)
    with pytest.raises(LedgerError, match="has 40"):
        chain(Entry(CNY, A, B, 50, Kind.PAYMENT), seq=3)
    chain(Entry(CNY, (Code.BANK, 0), A, 100, Kind.DEPOSIT), seq=4)
    with pytest.raises(LedgerError, match="refused before"):
        chain(Entry(CNY, A, B, 50, Kind.PAYMENT), seq=3)


def test_a_repeated_chain_has_all_its_actions() -> None:
    more = Entry(CNY, A, B, 10, Kind.PAYMENT)
    chain(HOLD, more, seq=2)
    chain(HOLD, more, seq=2)
    with pytest.raises(LedgerError, match="more actions"):
        chain(HOLD, seq=2)
    with pytest.raises(LedgerError, match="half of a chain"):
        chain(HOLD, more, more, seq=2)


def test_a_long_chain_takes_no_more_statements_and_reads_no_more_than_its_holds() -> None:
    """A statement for each row, or a look-up that reads the venue's whole ledger, is slow."""
    chain(Entry(CNY, (Code.BANK, 0), A, 10_000, Kind.DEPOSIT), seq=2)
    counts = []
    for seq, size in ((3, 5), (5, 300)):
        holds = [Hold(CNY, A, B, 2, Kind.COMMIT) for _ in range(size)]
        parts = [Post(hold, 1) for hold in ledger.post(holds, seq=seq, position="x", at=AT)]
        with CaptureQueriesContext(connection) as first:
            ledger.post(parts, seq=seq + 1, position="x", at=AT)
        with CaptureQueriesContext(connection) as again:
            ledger.post(parts, seq=seq + 1, position="x", at=AT)
        counts.append((len(first), len(again)))
    assert counts[0] == counts[1]
    if connection.vendor == "sqlite":
        asked = [query["sql"] for query in first.captured_queries + again.captured_queries]
        assert not [sql for sql in asked if " times: " in sql]
        many = [sql for sql in asked if "json_each" in sql]
        assert len(many) == 6  # holds and their accounts twice, what was written, and the insert
        with connection.cursor() as cursor:
            for sql in many:
                cursor.execute("EXPLAIN QUERY PLAN " + sql)
                plan = [row[3] for row in cursor.fetchall()]
                assert not [step for step in plan if "SCAN ledger" in step or "venue" in step], plan
                assert not [step for step in plan if step.startswith(("SCAN h", "SCAN t"))], plan


def test_ids_rise_with_the_journal_and_differ_by_place() -> None:
    ids = [
        ledger.transfer_id(seq=seq, position=place, number=number)
        for seq in (1, 2, 300)
        for place in ("0/1",)
        for number in (0, 1, 257)
    ]
    assert ids == sorted(ids)
    assert len({*ids, ledger.transfer_id(seq=1, position="0/2")}) == len(ids) + 1


def test_a_day_closes_once_and_a_statement_joins_its_balances() -> None:
    chain(Post(chain(HOLD, seq=2), 25), seq=3)
    chain(Entry(CNY, A, B, 5, Kind.PAYMENT), seq=4, at=AT + 24 * HOUR)
    day = AT.date()
    closed = ledger.close_day(day, until=AT + 15 * HOUR)
    assert (closed, ledger.close_day(day, until=AT + 15 * HOUR)) == (3, 3)
    assert ledger.day_balances(day)[CNY, Code.TRADING, 1] == ledger.DayTotals(25, 100, 0, 0)
    found = ledger.firm_statement(1, since=AT + HOUR, until=AT + 48 * HOUR)
    assert (found.opening_fen, [one.amount for one in found.lines]) == (75, [-5])
    assert found.closing_fen == 70


def test_the_chain_of_hashes_is_followed_from_where_it_was_left() -> None:
    first = ledger.verify()
    chain(HOLD, seq=2)
    assert (first.number, ledger.verify(first), ledger.verify().fault) == (1, ledger.verify(), "")
    wrong = ledger.verify(Sealed(1, bytes(32)))
    assert wrong.fault == "transfer 2 is not what was written"


INSERT = (
    "INSERT INTO ledger_transfer (id, venue_id, number, step, ledger, debit_id, credit_id, amount,"
    " kind, pending_id, trade_id, seq, at, hash) SELECT '{id}', venue_id, {number}, '{step}',"
    " {ledger}, {debit}, {credit}, {amount}, kind, {pending}, 0, 9, at, hash"
    " FROM ledger_transfer WHERE number = 1"
)


def act(**changed: object) -> str:
    """Return a raw insert: firm 1 pays 1 to firm 2 at once, except for what is changed."""
    usual: dict[str, object] = {
        "id": "00000000000000000000000000000001",
        "number": 90,
        "step": "posted",
        "ledger": CNY,
        "debit": "(SELECT id FROM ledger_account WHERE code = 'trading' AND firm_id = 1)",
        "credit": "(SELECT id FROM ledger_account WHERE code = 'trading' AND firm_id = 2)",
        "amount": 1,
        "pending": "NULL",
    }
    return INSERT.format(**(usual | changed))


BANK = "(SELECT id FROM ledger_account WHERE code = 'bank')"
OPEN = "(SELECT id FROM ledger_transfer WHERE number = 2)"
DONE = "(SELECT id FROM ledger_transfer WHERE number = 3)"
FORBIDDEN = {
    "overdraft": act(amount=101),
    "spend what is held": act(amount=91),
    "post twice": act(step="post", pending=DONE),
    "void after post": act(step="void", pending=DONE),
    "post above the hold": act(step="post", pending=OPEN, amount=11),
    "post to other accounts": act(step="post", pending=OPEN, credit=BANK),
    "void a part": act(step="void", pending=OPEN, amount=9),
    "post what is no hold": act(
        step="post", pending="(SELECT id FROM ledger_transfer WHERE number = 1)"
    ),
    "another ledger": act(ledger=2),
    "to oneself": act(credit="(SELECT id FROM ledger_account WHERE firm_id = 1)"),
    "negative": act(amount=-1),
    "nothing": act(amount=0),
    "the same number": act(number=1),
    "resolve nothing": act(step="post"),
    "change": "UPDATE ledger_transfer SET amount = 2",
    "remove": "DELETE FROM ledger_transfer",
    "edit a balance": "UPDATE ledger_account SET credits = credits + 1",
    "remove an account": "DELETE FROM ledger_account",
    "open with money": (
        "INSERT INTO ledger_account (venue_id, ledger, code, firm_id, limited, debits, credits,"
        " debits_pending, credits_pending)"
        " SELECT venue_id, 1, 'trading', 3, limited, 0, 5, 0, 0 FROM ledger_account"
        " WHERE firm_id = 1"
    ),
}


@pytest.mark.parametrize("name", ["none", *FORBIDDEN])
def test_the_database_itself_refuses(name: str) -> None:
    chain(Hold(CNY, A, B, 10, Kind.COMMIT), seq=2)
    chain(Post(chain(Hold(CNY, A, B, 5, Kind.COMMIT), seq=3), 1), seq=4)
    before = ledger.balances()
    if name == "none":
        with connection.cursor() as cursor:
            cursor.execute(act())
        assert ledger.balance(CNY, *B) == 2
        return
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORBIDDEN[name])
    assert ledger.balances() == before
