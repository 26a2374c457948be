"""What a payment rail is: one Protocol, the same meaning on every rail.

DONE and REFUSED are final under their operation id; RETRY means surely not executed; UNKNOWN
maybe; PENDING accepted. A rail never raises for its own faults, never sleeps, never retries.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from matching.units import Fen


class Outcome(StrEnum):
    """What became of an operation."""

    DONE = "done"
    PENDING = "pending"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    RETRY = "retry"


class OperationKind(StrEnum):
    """What a rail is asked."""

    PAY_IN = "pay_in"
    PAY_OUT = "pay_out"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request; `op_id` is mandatory and the same for every repeat. `party` is a firm's code."""

    op_id: str
    kind: OperationKind
    party: str
    amount_fen: Fen


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rail says; `code` explains a refusal."""

    outcome: Outcome
    code: str = ""


class PaymentAdapter(Protocol):
    """A payment rail."""

    name: str

    def submit(self, operation: Operation) -> Answer:
        """Execute once; safe to repeat with the same operation."""

    def lookup(self, operation: Operation) -> Answer:
        """Say what became of an operation; reads, never creates. RETRY: never heard of it."""
