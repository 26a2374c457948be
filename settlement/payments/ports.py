"""What a payment rail is: one Protocol, the same meaning on every rail.

DONE and REFUSED are final under their operation id; PENDING is accepted; ACTION waits for the
payer; RETRY means surely not executed; UNKNOWN maybe. A rail never raises for its own faults,
never sleeps, never retries, and never writes to the product's database (the ledger rail, which
*is* in it, apart). The same id with other fields is never executed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, runtime_checkable

from matching.units import Fen


class Outcome(StrEnum):
    """What became of an operation."""

    DONE = "done"
    PENDING = "pending"
    ACTION = "action"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    RETRY = "retry"


class OperationKind(StrEnum):
    """What a rail is asked."""

    OPEN = "open"  # verify a firm's own account and give it one to send money to
    PAY_IN = "pay_in"  # take over what a firm has sent
    RESERVE = "reserve"  # hold a payer's money
    CAPTURE = "capture"  # take all or a part of what a RESERVE holds, once
    RELEASE = "release"  # give back what a RESERVE holds
    PAY_OUT = "pay_out"
    REFUND = "refund"  # give back of a PAY_IN or a CAPTURE
    CLAWBACK = "clawback"  # take back of a PAY_OUT
    SWEEP_IN = "sweep_in"  # from a firm's sub-account to the venue's clearing account
    SWEEP_OUT = "sweep_out"  # from the clearing account to a firm's sub-account
    RETURN = "return"  # send back whole, to its payer, what came in and is nobody's


SWEEPS: Final = (OperationKind.SWEEP_IN, OperationKind.SWEEP_OUT)
"""The legs of a netting batch: money changes its place within the venue's account there, whole or
not at all, and the statement has a line for each of the two places. The operator's own sub-account
is the one without a name."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One request. `op_id` is the same for every repeat and unique on the rail.

    `account` and `parent` are the rail's own names: of the firm's account, and of the operation
    that this one builds on (of a RETURN: of what came in). `group` joins what belongs together on
    the rail's side. `made_at` bounds a search for it from below.
    """

    op_id: str
    kind: OperationKind
    amount_fen: Fen
    made_at: dt.datetime
    account: str = ""
    holder: str = ""
    bank_code: str = ""
    method: str = ""
    parent: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rail says. `ref` is its own name of what it made; `code` explains a refusal.

    `amount_fen` is what was moved or is held; a hold ends at `expires_at`; `says` is what the
    payer has to be told.
    """

    outcome: Outcome
    code: str = ""
    ref: str = ""
    amount_fen: Fen = 0
    expires_at: dt.datetime | None = None
    says: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a rail can do. `replay_s`: how long a repeat is safe; None for ever."""

    most_fen: Fen
    replay_s: int | None
    is_push: bool
    """Money comes in when the firm sends it, not when a form asks for it."""
    lag_s: int = 7_200
    """After this long a finished operation must be on the rail's statement."""
    is_immediate: bool = False
    """Answers in the caller's transaction, finally."""
    carries_legs: bool = False
    """Keeps a sub-account a firm, and moves money between them (`SWEEPS`)."""
    unstated: frozenset[OperationKind] = frozenset()
    """Kinds that leave the venue's balance there as it is, and so are on no statement."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message of the rail, verified: what to look at, for which venue."""

    event_id: str
    kind: str
    venue: str
    op_id: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """Money that a firm or somebody has sent to a funding account.

    `return_to` is the account that a RETURN of it names, as the rail knows it; "" if it cannot go
    back by the rail.
    """

    ref: str
    account: str
    amount_fen: Fen
    payer: str
    at: dt.datetime
    memo: str = ""
    return_to: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rail's statement: what it did to the venue's balance there, fees apart.

    It belongs to the venue's operation `op_id` where it says so, or else to the one known by `ref`.
    """

    line_id: str
    kind: str
    amount_fen: Fen
    at: dt.datetime
    venue: str = ""
    ref: str = ""
    op_id: str = ""


class RailError(Exception):
    """A message or a statement that cannot be used; `code` says why."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


@runtime_checkable
class PaymentAdapter(Protocol):
    """A payment rail."""

    name: str

    def capabilities(self) -> Capabilities:
        """Return what the rail can do."""

    def submit(self, operation: Operation) -> Answer:
        """Execute once; safe to repeat with the same operation within `replay_s`."""

    def lookup(self, operation: Operation, ref: str = "") -> Answer:
        """Say what became of an operation; reads, never creates. RETRY: never heard of it."""

    def incoming(self, account: str, since: dt.datetime) -> list[Incoming]:
        """Return what has come in to a funding account since then; raise `RailError` if unknown."""

    def parse_notification(self, body: bytes, headers: Mapping[str, str]) -> list[Notice]:
        """Verify a message and say what to look at; raise `RailError`."""

    def statement(self, since: dt.datetime, until: dt.datetime) -> Iterable[Line]:
        """Return the lines of a period, all venues' of this rail; raise `RailError` if unknown."""
