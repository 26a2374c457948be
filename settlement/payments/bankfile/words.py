"""What bank files say, as values. Money is whole fen, instants carry their time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from matching.units import Fen
from settlement.payments.ports import OperationKind, Outcome


@dataclass(frozen=True, slots=True)
class Instruction:
    """One payment that the bank is asked for; `op_id` is the same in every repeat.

    `amount_fen` is positive and `currency` is CNY. The payee's name and bank code and the purpose
    may be empty.
    """

    op_id: str
    kind: OperationKind
    amount_fen: Fen
    currency: str
    payer_account: str
    payee_account: str
    payee_name: str
    payee_bank_code: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the bank says became of one instruction: DONE, REFUSED or PENDING.

    `amount_fen` (positive) and `currency` are the bank's: the caller compares them with what it
    asked for, and a difference is for a person.
    """

    op_id: str
    amount_fen: Fen
    currency: str
    status: Outcome
    bank_ref: str
    reason: str


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement that the bank booked; `amount_fen` is positive when money came in, never zero.

    `own_account` is our virtual sub-account; `op_id` is empty for what we did not ask for.
    """

    bank_ref: str
    op_id: str
    at: datetime
    amount_fen: Fen
    counter_account: str
    counter_name: str
    own_account: str
    memo: str


class Fault(StrEnum):
    """Why a file is refused; the words are stable. Each module says which it uses."""

    KEY = "KEY"
    OVERSIZE = "OVERSIZE"
    TRUNCATED = "TRUNCATED"
    MAC = "MAC"
    NUL = "NUL"
    ENCODING = "ENCODING"
    QUOTING = "QUOTING"
    ROWS = "ROWS"
    FORMAT = "FORMAT"
    TIME = "TIME"
    HEADINGS = "HEADINGS"
    COLUMNS = "COLUMNS"
    TEXT = "TEXT"
    OP_ID = "OP_ID"
    OP_ID_TWICE = "OP_ID_TWICE"
    BANK_REF_TWICE = "BANK_REF_TWICE"
    AMOUNT = "AMOUNT"
    AMOUNT_RANGE = "AMOUNT_RANGE"
    SUB_FEN = "SUB_FEN"
    CURRENCY = "CURRENCY"
    STATUS = "STATUS"
    DIRECTION = "DIRECTION"
    TRAILER = "TRAILER"
    COUNT = "COUNT"
    SUM = "SUM"
    SEQUENCE = "SEQUENCE"
    SEQUENCE_UNEXPECTED = "SEQUENCE_UNEXPECTED"
    BALANCE = "BALANCE"


class FileError(Exception):
    """A file is refused whole: `code` is stable, `line` counts from 1, `detail` is for a person.

    A fault of the whole file is said of line 1. `detail` names fields and operation ids, never
    accounts, names, amounts or what a seal should have been, so that it can be logged.
    """

    def __init__(self, code: Fault, line: int, detail: str = "") -> None:
        super().__init__(f"{code} in line {line}: {detail}")
        self.code = code
        self.line = line
        self.detail = detail
