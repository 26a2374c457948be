"""Payments through a rail that loses a third of the calls, by workers that die: each paid once.

`make test` runs a few; `make chaos` the issue's 150 payments with 20 seeds.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from exchange import reference, scope
from exchange.models import Venue
from settlement.models import OperationState, PaymentOperation
from settlement.payments import operations
from settlement.payments.ports import Answer, Operation, OperationKind
from settlement.payments.stripe_rail import StripeRail
from tests.fakestripe.double import FAULTS, Double
from tests.settlement.payments.bench import Bench, stripe_bench

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
K = OperationKind
CHAOS = "HAIDAI_CHAOS" in os.environ
PAYMENTS = 150 if CHAOS else 12
SEEDS = range(20) if CHAOS else range(3)
FAULTED = 0.35
DEATHS = 0.15
CALM_AFTER = 60
"""Rounds after which nothing goes wrong any more."""


class Killed(Exception):
    """The worker's process ended here."""


class Mortal:
    """The rail as a worker sees it who may die before or after a call."""

    def __init__(self, rail: StripeRail, chance: random.Random) -> None:
        self.rail = rail
        self.chance = chance
        self.risk = DEATHS

    def __getattr__(self, name: str) -> object:
        return getattr(self.rail, name)

    def submit(self, operation: Operation) -> Answer:
        death = self.chance.random()
        if death < self.risk / 2:
            raise Killed
        answer = self.rail.submit(operation)
        if death < self.risk:
            raise Killed
        return answer


def held(number: int) -> int:
    return 10_000 + number


def taken(number: int) -> int:
    return 7_000 + number


def paid(number: int) -> int:
    return 6_900 + number


class Chaos:
    """Payments, each a reserve, then a capture of a part of it, then a payout."""

    def __init__(self, bench: Bench, seed: int) -> None:
        assert bench.double is not None
        assert isinstance(bench.rail, StripeRail)
        self.bench = bench
        self.double: Double = bench.double
        self.chance = random.Random(seed)
        self.rail = Mortal(bench.rail, self.chance)
        self.deaths = 0
        self.calls: Counter[str] = Counter()
        self.double.fault = self.fault
        self.calm = False

    def fault(self, method: str, path: str) -> str:
        """Say what goes wrong with a call: any POST's, and what may befall a GET."""
        if self.calm or self.chance.random() >= FAULTED:
            return ""
        found = self.chance.choice(FAULTS if method == "POST" else ("drop_before", "503_before"))
        self.calls[found] += 1
        return found

    def begin(self, number: int) -> None:
        self.ask(K.RESERVE, number, held(number), None)

    def ask(
        self, kind: OperationKind, number: int, amount: int, parent: PaymentOperation | None
    ) -> None:
        row = operations.request(
            "stripe",
            kind,
            amount,
            op_id=f"{number}:{kind}",
            party="RZYF",
            method=self.bench.method,
            parent=parent,
            now=self.bench.clock(),
        )
        account = self.bench.payee if kind == K.PAY_OUT else self.bench.payer
        PaymentOperation.objects.filter(pk=row.pk).update(account=account)

    def then(self, row: PaymentOperation, answer: Answer) -> None:
        assert row.state == OperationState.DONE, (row.op_id, row.code)
        number = int(row.op_id.partition(":")[0])
        if row.kind == K.RESERVE:
            self.ask(K.CAPTURE, number, taken(number), row)
        elif row.kind == K.CAPTURE:
            self.ask(K.PAY_OUT, number, paid(number), None)

    def round(self) -> int:
        """Let a worker do what is due; it dies now and then, and another one starts."""
        due = operations.due(self.bench.clock(), most=1_000)
        for pk in due:
            try:
                operations.work(pk, self.rail, self.bench.clock(), self.then)  # type: ignore[arg-type]
            except Killed:
                self.deaths += 1
            if self.chance.random() < 0.3:
                self.bench.clock.go(1)
        self.bench.clock.go(self.chance.choice((1, 5, 30, 61)))
        return len(due)

    def live(self) -> int:
        final = operations.FINAL
        return PaymentOperation.objects.exclude(state__in=final).count()


@pytest.mark.parametrize("seed", SEEDS)
def test_each_payment_is_made_exactly_once_and_no_hold_is_left(seed: int) -> None:
    if not Venue.objects.exists():
        reference.load()
    with scope.venue(1):
        chaos = Chaos(stripe_bench(), seed)
        double = chaos.double
        for number in range(PAYMENTS):
            chaos.begin(number)
        rounds = 0
        while chaos.live():
            rounds += 1
            chaos.calm = rounds > CALM_AFTER
            chaos.rail.risk = 0 if chaos.calm else DEATHS
            chaos.round()
            assert rounds < 2_000, "it never ends"
        assert chaos.deaths
        assert len(chaos.calls) == len(FAULTS) or not CHAOS

        states = Counter(PaymentOperation.objects.values_list("state", flat=True))
        assert states == {OperationState.DONE: 3 * PAYMENTS}
        intents = double.all("payment_intent")
        assert Counter(one["status"] for one in intents) == {"succeeded": PAYMENTS}
        assert sorted(one["amount_received"] for one in intents) == [
            taken(number) for number in range(PAYMENTS)
        ]
        transfers = sorted(one["amount"] for one in double.all("transfer"))
        assert transfers == [paid(number) for number in range(PAYMENTS)]
        assert double.balance == 100 * PAYMENTS
        print(f"seed {seed}: {rounds} rounds, {chaos.deaths} deaths, faults {dict(chaos.calls)}")
