"""A venue whose books move money between firms, and a moody bank that carries the legs."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection

from exchange import reference, scope
from exchange.models import Firm, User, Venue
from settlement import clearing, clearing_legs, ledger
from settlement import payment_worker as worker
from settlement.ledger import CNY, Code, Entry, Kind
from settlement.models import (
    AccountState,
    BatchState,
    BoundAccount,
    LegDirection,
    NettingBatch,
    OperationState,
)
from settlement.models.netting import OPEN_BATCH
from settlement.payments import operations, rails
from settlement.payments.ports import OperationKind, Outcome
from tests.settlement.payments.bench import Clock
from tests.settlement.payments.moody import CLEARING, MoodyBank

OPERATOR = clearing.OPERATOR
RICH = 1_000_000_000


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(last: int) -> Iterator[None]:
    """Let the process end at its `last`th write."""
    writes = 0

    def count(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal writes
        if sql.startswith(("INSERT", "UPDATE", "COPY")):
            writes += 1
            if writes == last:
                raise Killed
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        yield


class ClearingDay:
    """Needs the current venue and `PAYMENT_RAIL = "moody"`. Firm 0 is the operator."""

    def __init__(self, firms: int = 4) -> None:
        self.venue = Venue.objects.get(pk=scope.current_venue_id())
        self.clock = Clock()
        self.bank = MoodyBank(self.clock)
        rails.provide(self.bank)
        self.firms = list(Firm.objects.order_by("pk")[:firms])
        self.clerk = User.objects.create_user("legs clerk")
        self.seq = 0
        self.trades = 0
        self.gains: Counter[int] = Counter()
        """What the books have moved to each firm, and to the operator."""
        for firm in self.firms:
            self.bind(firm)
            self.bank.places[self.place(firm.pk)] = RICH
            self.post([Entry(CNY, (Code.BANK, 0), (Code.TRADING, firm.pk), RICH, Kind.DEPOSIT)])
        self.bank.places[""] = RICH
        self.start = Counter(self.bank.places)

    def bind(self, firm: Firm) -> BoundAccount:
        return BoundAccount.objects.create(
            venue=self.venue,
            firm=firm,
            rail="moody",
            holder=firm.name_zh,
            payout=f"6222-{firm.pk}",
            funding=self.place(firm.pk),
            state=AccountState.BOUND,
            proposed_at=self.clock(),
        )

    def place(self, firm_id: int) -> str:
        return f"VA-{firm_id}" if firm_id else ""

    def post(self, entries: list[Entry], trade_id: int = 0) -> None:
        self.seq += 1
        ledger.post(entries, seq=self.seq, position="x", at=self.clock(), trade_id=trade_id)

    def trade(self, moved: Mapping[int, int]) -> int:
        """Settle a contract in the books: who gains what, by firm number (0 the operator)."""
        assert sum(moved.values()) == 0
        self.trades += 1
        escrow = (Code.ESCROW, 0)
        own = {one: (Code.TRADING, one) if one else (Code.FEES, 0) for one in moved}
        entries = []
        for one, fen in sorted(moved.items(), key=lambda pair: pair[1]):  # who pays, first
            sides = (own[one], escrow) if fen < 0 else (escrow, own[one])
            entries.append(Entry(CNY, *sides, abs(fen), Kind.PAYMENT))
        self.post(entries, self.trades)
        self.gains.update(moved)
        return self.trades

    def pays(self, payer: int, payee: int, fen: int, fee: int = 0) -> int:
        """Settle a contract of two firms (counted from 0); the seller pays a fee out of it."""
        buyer, seller = self.firms[payer].pk, self.firms[payee].pk
        return self.trade({buyer: -fen, seller: fen - fee, OPERATOR: fee})

    def close(self, funding: Mapping[int, int] | None = None) -> NettingBatch:
        return clearing.close(funding=funding or {}, by=self.clerk, now=self.clock())

    def pulse(self, *, times: int = 1, seconds: int = 1) -> None:
        for _ in range(times):
            worker.pulse(self.clock.go(seconds))
        self.check()

    def run(self) -> NettingBatch:
        """Let bank and worker go on until the batch is over, or waits for a person."""
        for _ in range(40):
            self.bank.wake()
            self.pulse(seconds=400)
            batch = self.last()
            if batch.state not in OPEN_BATCH or batch.code == "LEG_REFUSED":
                return batch
        raise AssertionError(f"it does not end: {batch.state} {batch.code}")

    def last(self) -> NettingBatch:
        found = NettingBatch.objects.order_by("-number").first()
        assert found is not None
        return found

    def legs(self, batch: NettingBatch) -> list[tuple[int, str, int, int, str]]:
        """Return (firm counted from 1, direction, revision, fen, state) in order; operator 0."""
        numbers = {firm.pk: number for number, firm in enumerate(self.firms, 1)}
        return [
            (
                numbers.get(leg.firm_id, 0),
                str(leg.direction),
                leg.revision,
                leg.operation.amount_fen,
                leg.operation.state,
            )
            for leg in clearing_legs.asked(batch)
        ]

    def moved(self) -> Counter[int]:
        """Return what the bank has moved to each firm's sub-account."""
        firms = [OPERATOR, *(firm.pk for firm in self.firms)]
        now = self.bank.places
        places = {firm: self.place(firm) for firm in firms}
        return Counter({firm: now[at] - self.start[at] for firm, at in places.items()})

    def check(self) -> None:
        """Assert what holds after each step, whatever happened."""
        bank = self.bank
        assert sum(bank.places.values()) == sum(self.start.values()), "no fen comes or goes"
        assert min(bank.places.values()) >= 0
        batches = list(NettingBatch.objects.order_by("number"))
        assert sum(one.state in OPEN_BATCH for one in batches) <= 1
        assert all(one.state in OPEN_BATCH for one in batches[-1:]) or (
            bank.places[CLEARING] == 0
        ), "between batches the clearing account is empty"
        for batch in batches:
            nets = clearing.legs(batch)
            assert sum(nets.values()) == 0, "what is paid in is paid out"
            legs = clearing_legs.asked(batch)
            self.check_order(batch.number)
            positions = clearing_legs.positions(legs)
            outs = Counter(
                leg.firm_id
                for leg in legs
                if leg.direction == LegDirection.OUT
                and leg.operation.state != OperationState.REFUSED
            )
            assert all(count == 1 for count in outs.values()), "one pay-out a firm and batch"
            if batch.state == BatchState.DONE:
                assert all(leg.operation.state in operations.FINAL for leg in legs)
                firms = nets.keys() | positions.keys()
                assert all(nets.get(one, 0) == positions.get(one, 0) for one in firms)
                assert sum(positions.values()) == 0

    def check_order(self, number: int) -> None:
        """Nothing is paid out of a batch before all that is paid in is final, at the bank."""
        mine = f"{self.venue.code}:leg:{number}:"
        executed = [id for id in self.bank.order if id.startswith(mine)]
        kinds = [self.bank.known[id][0].kind for id in executed]
        assert kinds == sorted(kinds, key=(OperationKind.SWEEP_OUT).__eq__), kinds
        if OperationKind.SWEEP_OUT in kinds:
            ins = [
                answer.outcome
                for id, (one, answer) in self.bank.known.items()
                if id.startswith(mine) and one.kind == OperationKind.SWEEP_IN
            ]
            assert set(ins) <= {Outcome.DONE, Outcome.REFUSED}


def prepared() -> None:
    if not Venue.objects.exists():
        reference.load()


def at(hour: int, minute: int = 0, *, day: int = 24) -> dt.datetime:
    """Return an instant of November 2026 on Shanghai's clock."""
    return dt.datetime(2026, 11, day, hour - 8, minute, tzinfo=dt.UTC)
