"""A bank with sub-accounts and moods: refuses, is slow, loses questions and answers."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from settlement.limits import FUNDS_MOST_FEN
from settlement.payments.ports import (
    Answer,
    Capabilities,
    Incoming,
    Line,
    Notice,
    Operation,
    OperationKind,
    Outcome,
    RailError,
)

CLEARING = "clearing"
MOODS = ("done", "refuse", "slow", "lost_before", "lost_after", "busy")


@dataclass
class MoodyBank:
    """Moves money between sub-accounts, each operation once; `mood` says how it takes one."""

    clock: Callable[[], dt.datetime]
    mood: Callable[[Operation], str] = lambda operation: "done"
    name: str = "moody"
    places: Counter[str] = field(default_factory=Counter)
    known: dict[str, tuple[Operation, Answer]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    """Operations in the order in which they were executed."""
    lines: list[Line] = field(default_factory=list)

    def capabilities(self) -> Capabilities:
        return Capabilities(FUNDS_MOST_FEN, replay_s=None, is_push=True, carries_legs=True)

    def submit(self, operation: Operation) -> Answer:
        known = self.known.get(operation.op_id)
        if known is not None:
            return known[1] if known[0] == operation else Answer(Outcome.REFUSED, "OP_ID_REUSED")
        mood = self.mood(operation)
        if mood == "busy":
            return Answer(Outcome.RETRY, "BUSY")
        if mood == "lost_before":
            return Answer(Outcome.UNKNOWN, "LOST")
        if mood == "slow":
            return self.keep(operation, Answer(Outcome.PENDING, ref=operation.op_id))
        answer = self.execute(operation, is_willing=mood != "refuse")
        return Answer(Outcome.UNKNOWN, "LOST") if mood == "lost_after" else answer

    def lookup(self, operation: Operation, ref: str = "") -> Answer:
        known = self.known.get(operation.op_id)
        return known[1] if known is not None else Answer(Outcome.RETRY)

    def execute(self, operation: Operation, *, is_willing: bool = True) -> Answer:
        """Move the money, or say no; the last word about this operation."""
        payer, payee = operation.account, CLEARING
        if operation.kind == OperationKind.SWEEP_OUT:
            payer, payee = payee, payer
        fen, id = operation.amount_fen, operation.op_id
        if not is_willing or self.places[payer] < fen:
            return self.keep(operation, Answer(Outcome.REFUSED, "NO_MONEY", id))
        self.places[payer] -= fen
        self.places[payee] += fen
        self.order.append(id)
        venue, _, own = id.partition(":")
        for sign in (-1, 1):
            place = payer if sign < 0 else payee
            line = Line(f"{id}/{place}", "leg", sign * fen, self.clock(), venue, op_id=own)
            self.lines.append(line)
        return self.keep(operation, Answer(Outcome.DONE, ref=id, amount_fen=fen))

    def keep(self, operation: Operation, answer: Answer) -> Answer:
        self.known[operation.op_id] = operation, answer
        return answer

    def wake(self) -> None:
        """Do what was put off."""
        for operation, answer in list(self.known.values()):
            if answer.outcome == Outcome.PENDING:
                self.execute(operation)

    def incoming(self, account: str, since: dt.datetime) -> list[Incoming]:
        return []

    def parse_notification(self, body: bytes, headers: Mapping[str, str]) -> list[Notice]:
        raise RailError("NO_MESSAGES")

    def statement(self, since: dt.datetime, until: dt.datetime) -> Iterable[Line]:
        return [line for line in self.lines if since <= line.at < until]
