"""The day's bank legs: gross in the books, one leg a firm, every fen explained, nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from exchange import scope
from exchange.models import User
from matching.commands import Side
from settlement import clearing, clearing_legs, ledger
from settlement.clearing import OPERATOR
from settlement.ledger import CNY, Code
from settlement.models import BatchState
from tests.settlement.test_settlement import pay_in, store
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


class Day:
    """Two firms that trade with each other both ways, a third that sells, and a clerk."""

    def __init__(self) -> None:
        self.world = World()
        self.coal = self.world.instrument()
        self.coking = self.world.instrument("COAL-JM")
        self.a, self.b, self.c = (self.world.firm(code) for code in ("rzyf", "lzrd", "wfdf"))
        self.clerk = User.objects.create_user("clerk")
        self.count = 0
        for firm in (self.a, self.b, self.c):
            pay_in(self.world, firm, 5_000_000, f"in {firm.code}")
        self.start = self.owned()

    def trade(self, seller: Any, buyer: Any, coal: Any, lots: int) -> None:
        """Let one firm sell and another buy (500 t at least), and settle it."""
        self.count += 1
        receipt = store(self.world, seller, coal, lots, f"goods {self.count}")
        price = coal.reference_ticks
        self.world.enter(seller, coal, Side.SELL, lots, price, receipt_ids=(receipt.pk,))
        self.world.enter(buyer, coal, Side.BUY, lots, price)
        self.world.settle_all()

    def owned(self) -> dict[int, int]:
        """Return what each firm and the operator own in the books."""
        with scope.venue(self.world.venue.id):
            found = {
                firm.pk: sum(
                    ledger.balance(CNY, code, firm.pk) for code in (Code.TRADING, Code.COMMITTED)
                )
                for firm in (self.a, self.b, self.c)
            }
            return found | {OPERATOR: ledger.balance(CNY, Code.FEES)}

    def gained(self) -> dict[int, int]:
        """Return what each has gained in the books since the start, without who gained nothing."""
        now = self.owned()
        gains = {firm: now[firm] - self.start[firm] for firm in now}
        return {firm: gain for firm, gain in gains.items() if gain}

    def close(self, **funding: int) -> Any:
        firms = {"a": self.a.pk, "b": self.b.pk, "c": self.c.pk}
        with scope.venue(self.world.venue.id):
            batch = clearing.close(
                funding={firms[name]: fen for name, fen in funding.items()},
                by=self.clerk,
                now=timezone.now(),
            )
            clearing_legs.advance(timezone.now())
            batch.refresh_from_db()
            assert batch.state == BatchState.DONE, "on the ledger rail the books are the bank"
        return batch

    def wanted(self) -> dict[int, int]:
        """Return the legs that there would be if everybody could pay."""
        return {firm: -gain for firm, gain in self.gained().items()}

    def legs(self, batch: Any) -> dict[int, int]:
        with scope.venue(self.world.venue.id):
            return {firm: fen for firm, fen in clearing.legs(batch).items() if fen}


def test_a_days_trades_are_one_leg_a_firm_equal_to_what_the_books_moved() -> None:
    day = Day()
    day.trade(day.a, day.b, day.coal, 500)
    day.trade(day.b, day.a, day.coking, 500)
    day.trade(day.a, day.c, day.coal, 700)
    batch = day.close()
    legs = day.legs(batch)
    assert {firm: -fen for firm, fen in legs.items()} == day.gained()
    assert sum(legs.values()) == 0
    assert batch.moved_fen < batch.gross_fen
    with scope.venue(day.world.venue.id):
        for firm, rows in clearing.lines(batch).items():
            assert sum(row.amount_fen for row in rows) == legs.get(firm, 0)
        assert {row.trade_id for row in clearing.lines(batch)[day.b.pk]} == {1, 2}
        assert clearing.batches() == [batch]
    with scope.venue(2):
        assert clearing.batches() == []


def test_what_was_netted_is_not_netted_again_and_nothing_is_refused() -> None:
    day = Day()
    with pytest.raises(clearing.ClearingError, match="NOTHING_TO_NET"):
        day.close()
    day.trade(day.a, day.b, day.coal, 500)
    first = day.close()
    with pytest.raises(clearing.ClearingError, match="NOTHING_TO_NET"):
        day.close()
    pay_in(day.world, day.c, 77, "a deposit is no due")
    with pytest.raises(clearing.ClearingError, match="NOTHING_TO_NET"):
        day.close()
    day.trade(day.a, day.c, day.coal, 700)
    second = day.close()
    assert (first.number, second.number, second.after) == (1, 2, first.until)
    both = [day.legs(batch) for batch in (first, second)]
    total = {firm: -sum(legs.get(firm, 0) for legs in both) for firm in day.start}
    moved = day.gained()
    moved[day.c.pk] -= 7_700
    assert {firm: fen for firm, fen in total.items() if fen} == moved


def test_who_cannot_pay_in_drops_its_latest_and_it_comes_again() -> None:
    day = Day()
    day.trade(day.a, day.b, day.coal, 700)
    day.trade(day.c, day.b, day.coal, 500)
    day.trade(day.a, day.c, day.coal, 700)
    legs = day.wanted()
    first = day.close(b=legs[day.b.pk] - 1)
    with scope.venue(day.world.venue.id):
        dropped = list(first.drops.order_by("pk"))
    assert {one.trade_id for one in dropped} == {2}
    assert dropped[0].failed == [day.b.pk]
    assert day.legs(first)[day.b.pk] < legs[day.b.pk]
    again = day.close(b=0)
    assert day.legs(again) == {}, "it cannot pay in yet"
    last = day.close()
    assert day.legs(last)[day.b.pk] == sum(
        one.amount_fen for one in dropped if one.payer_id == day.b.pk
    )
    total: dict[int, int] = {}
    for batch in (first, again, last):
        for firm, fen in day.legs(batch).items():
            total[firm] = total.get(firm, 0) - fen
    assert total == day.gained(), "in the end every fen has had its leg"


def test_a_contracts_deposit_or_a_release_is_no_due() -> None:
    day = Day()
    receipt = store(day.world, day.a, day.coal, 500, "goods")
    day.world.enter(
        day.a, day.coal, Side.SELL, 500, day.coal.reference_ticks, receipt_ids=(receipt.pk,)
    )
    day.world.enter(day.b, day.coal, Side.BUY, 500, day.coal.reference_ticks)
    with pytest.raises(clearing.ClearingError, match="NOTHING_TO_NET"):
        day.close()
    day.world.settle_all()
    assert day.legs(day.close())
