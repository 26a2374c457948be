"""Once a minute: books against engine, the hash chain, the day before; a break stops payouts."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import connection

from exchange import scope
from settlement import chores, funds, ledger
from settlement.models import BooksCheck
from settlement.models.ledger import Closing
from tests.settlement.test_settlement import Still, pay_in
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
NOW = dt.datetime(2026, 11, 23, 3, tzinfo=dt.UTC)


def look(world: World, now: dt.datetime = NOW) -> BooksCheck:
    with scope.venue(world.venue.id):
        check = chores.minute(now, Still(world), wait_s=0)  # type: ignore[arg-type]
    assert check is not None
    return check


def test_right_books_are_said_to_be_right_and_yesterday_is_closed_once() -> None:
    world = World()
    pay_in(world, world.firm("lzrd"), 1_000, "in")
    check = look(world)
    assert (check.faults, check.sealed_number) == ([], 1)
    pay_in(world, world.firm("lzrd"), 1_000, "more")
    assert look(world, NOW + dt.timedelta(minutes=1)).sealed_number == 2
    look(world, NOW + dt.timedelta(days=1))
    with scope.venue(world.venue.id):
        closed = list(Closing.objects.order_by("day").values_list("day", "number"))
    assert closed == [(dt.date(2026, 11, 22), 0), (dt.date(2026, 11, 23), 2)]


def test_a_difference_is_shown_stops_payouts_of_this_venue_and_closes_no_day() -> None:
    world = World()
    buyer: Any = world.firm("lzrd")
    pay_in(world, buyer, 1_000, "in")
    with scope.venue(world.venue.id):  # money that the engine has never heard of
        entry = ledger.Entry(
            ledger.CNY,
            (ledger.Code.BANK, 0),
            (ledger.Code.TRADING, buyer.pk),
            5,
            ledger.Kind.DEPOSIT,
        )
        ledger.post([entry], seq=99, position="0/0", at=NOW)
    faults = look(world).faults
    assert len(faults) == 1
    assert "the ledger says 100005, the engine 100000" in faults[0]
    out = {"firm": buyer, "amount_fen": 1, "by": None}
    with scope.venue(world.venue.id):
        with pytest.raises(funds.FundsError, match="BOOKS_BROKEN"):
            funds.withdraw(venue=world.venue, op_id="out", **out)
        assert not Closing.objects.exists()
    with scope.venue(2):
        assert not BooksCheck.objects.exists()


def test_a_row_that_was_not_sealed_is_found_though_the_look_goes_on_from_the_last_one() -> None:
    world = World()
    pay_in(world, world.firm("lzrd"), 1_000, "in")
    look(world)
    columns = "venue_id, step, ledger, debit_id, credit_id, amount, kind, trade_id, seq, at"
    forged = uuid.uuid4()
    with scope.venue(world.venue.id), connection.cursor() as cursor:
        # The product's own role may insert; it may not change a row, nor lift what forbids it.
        cursor.execute(
            f"INSERT INTO ledger_transfer (id, number, hash, {columns})"
            f" SELECT %s, 2, hash, {columns} FROM ledger_transfer WHERE number = 1",
            [forged if connection.features.has_native_uuid_field else forged.hex],
        )
    check = look(world)
    assert check.sealed_number == 1
    assert check.faults[-1] == "transfer 2 is not what was written"
