"""Random days with a bank that refuses, is slow and forgets, and workers that die anywhere."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exchange import scope
from settlement import clearing, clearing_legs
from settlement import payment_worker as worker
from settlement.clearing import OPERATOR, ClearingError
from settlement.models import BatchState, LineState, OperationState, RailLine
from settlement.payments import reconcile
from settlement.payments.ports import Operation
from tests.settlement.clearing_day import ClearingDay, Killed, killed_at, prepared
from tests.settlement.payments.moody import MOODS

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
EXAMPLES = 12 * int(os.environ.get("HAIDAI_DEEP", "1"))
MOST_STEPS = 25


def refusal(act: Callable[[], object], *codes: str) -> str:
    """Do it; return why it was refused, one of `codes`, or "" if it was not."""
    try:
        act()
    except ClearingError as error:
        if error.code in codes:
            return error.code
        raise
    return ""


class Life:
    """One random day after the other; `check` after each step."""

    def __init__(self, chance: random.Random, seen: Counter[str]) -> None:
        self.chance = chance
        self.seen = seen
        self.day = ClearingDay(firms=chance.randint(3, 5))
        self.day.bank.mood = self.mood
        self.is_calm = False
        for firm in self.day.firms:  # scarce money, not plenty
            place = self.day.place(firm.pk)
            self.day.bank.places[place] = self.day.start[place] = chance.randint(0, 400)

    def mood(self, operation: Operation) -> str:
        if self.is_calm:
            return "done"
        found = self.chance.choice(("done", "done", *MOODS))
        self.seen[found] += 1
        return found

    def step(self) -> None:
        often = (self.close, self.pulse, self.pulse, self.pulse)
        acts = (self.trade, self.die, self.again, *often)
        self.chance.choice(acts)()
        self.day.check()

    def trade(self) -> None:
        """Two parties and the operator; now and then both pay a fee and nothing else."""
        day = self.day
        one, two = self.chance.sample([firm.pk for firm in day.firms], 2)
        price = self.chance.randint(0, 300)
        fee = self.chance.randint(0, 9)
        moved = {one: -price - fee, two: price - fee, OPERATOR: 2 * fee}
        day.trade({firm: fen for firm, fen in moved.items() if fen})

    def close(self) -> None:
        day = self.day
        bound = self.chance.random() < 0.3
        funding = {day.firms[0].pk: self.chance.randint(0, 300)} if bound else {}
        self.seen[refusal(lambda: day.close(funding), "BATCH_OPEN", "NOTHING_TO_NET")] += 1

    def pulse(self) -> None:
        if self.chance.random() < 0.3:
            self.day.bank.wake()
        worker.pulse(self.day.clock.go(self.chance.choice((1, 61, 400, 4_000))))

    def die(self) -> None:
        """A worker is killed at some write; its lease runs out."""
        now = self.day.clock.go(61)
        try:
            with killed_at(self.chance.randint(1, 12)):
                worker.pulse(now)
        except Killed:
            self.seen["killed"] += 1
        self.day.clock.go(61)

    def again(self) -> None:
        """The clerk asks anew for what was refused, or tries to without reason."""
        batches = clearing.batches(most=1)
        if not batches:
            return
        firm = self.chance.choice([OPERATOR, *(firm.pk for firm in self.day.firms)])
        word: dict[str, Any] = {"by": self.day.clerk, "now": self.day.clock()}
        ask = partial(clearing_legs.again, batches[0].number, firm, **word)
        self.seen["again " + refusal(ask, "LEG_STATE", "BREAK_OPEN")] += 1

    def finish(self) -> None:
        """Everybody gets money, the bank calms down: in the end every fen has had its leg."""
        day = self.day
        self.is_calm = True
        for firm in day.firms:
            place = day.place(firm.pk)
            day.bank.places[place] += 10**6
            day.start[place] += 10**6
        for _ in range(3):
            self.run()
            if refusal(day.close, "NOTHING_TO_NET"):
                break
        else:
            raise AssertionError("something drops out again and again")
        gained = Counter({firm: fen for firm, fen in day.gains.items() if fen})
        assert Counter({firm: fen for firm, fen in day.moved().items() if fen}) == gained
        found = reconcile.run(day.bank, day.clock.go(10**6))
        assert (found.breaks, found.ours_only) == (0, [])
        states = set(RailLine.objects.values_list("state", flat=True))
        assert states <= {LineState.MATCHED}
        assert set(Counter(day.bank.order).values()) <= {1}

    def run(self) -> None:
        """Let the open batch end, with the clerk asking anew for what was refused."""
        day = self.day
        while clearing.batches(most=1):
            batch = day.run()
            if batch.state == BatchState.DONE:
                return
            latest = {
                leg.firm_id: leg.operation.state
                for leg in clearing_legs.asked(batch)
                if leg.direction == "out"
            }
            day.clock.go(4_000)
            worker.pulse(day.clock())
            for firm_id, state in latest.items():
                if state == OperationState.REFUSED:
                    clearing_legs.again(batch.number, firm_id, by=day.clerk, now=day.clock())
                    self.seen["again "] += 1


@given(seed=st.integers(0, 2**63))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
def live(seen: Counter[str], seed: int) -> None:
    chance = random.Random(seed)
    with transaction.atomic():
        life = Life(chance, seen)
        for _ in range(chance.randint(3, 8)):
            life.trade()
        life.close()
        for _ in range(chance.randint(10, MOST_STEPS)):
            life.step()
        life.finish()
        seen["batches"] += len(clearing.batches())
        seen["revised"] += sum(batch.revision > 1 for batch in clearing.batches())
        transaction.set_rollback(True)


def test_whatever_the_bank_does_each_fen_has_one_leg_in_the_end(settings: Any) -> None:
    prepared()
    settings.PAYMENT_RAIL = "moody"
    seen: Counter[str] = Counter()
    with scope.venue(1):
        live(seen)
    assert seen.keys() >= {*MOODS, "killed", "revised", "again ", "BATCH_OPEN"}, seen
    print(dict(seen))
