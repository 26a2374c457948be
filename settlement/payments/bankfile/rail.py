"""The rail over bank files: everything is PENDING until a line of the bank says otherwise.

Like the ledger rail it lives in this database: what was asked waits there for the next file, and
what the bank said is read from there. Accounts are opened by a person, who enters the virtual
account that the bank has given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from exchange.models import Venue
from exchange.scope import current_venue_id
from settlement.limits import BANKFILE_TEXT, FUNDS_MOST_FEN, OP_ID_LENGTH
from settlement.models import BankInstruction, BankLine, BankSettings
from settlement.payments.ports import (
    SWEEPS,
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

LAG_S: Final = 4 * 24 * 3_600
"""Statements are loaded by people on working days."""
K = OperationKind
ACCOUNT_LENGTH: Final = 64
"""Longest account that we keep; nothing is sent back to a longer one."""
HOLDER_LENGTH: Final = 120
_ASKED = ("kind", "account", "holder", "bank_code", "parent", "amount_fen")


class BankfileRail:
    """A bank that is told and tells by files."""

    name = "bankfile"

    def capabilities(self) -> Capabilities:
        """Return: any amount, our numbering is for ever, money is pushed by the payer's bank."""
        return Capabilities(
            FUNDS_MOST_FEN, replay_s=None, is_push=True, lag_s=LAG_S, carries_legs=True
        )

    def submit(self, operation: Operation) -> Answer:
        """Keep an operation for the next file; the same id with other fields is refused."""
        if operation.kind == K.OPEN:
            return Answer(Outcome.UNKNOWN, "HUMAN")  # the bank's counter gives the account
        if operation.kind == K.PAY_IN:
            return self.lookup(operation, operation.method)
        if len(operation.op_id) > OP_ID_LENGTH or len(operation.holder) > BANKFILE_TEXT:
            return Answer(Outcome.REFUSED, "TOO_LONG")
        if operation.amount_fen > FUNDS_MOST_FEN:
            return Answer(Outcome.REFUSED, "AMOUNT_TOO_LARGE")
        if operation.kind in SWEEPS and not _has_places(operation):
            return Answer(Outcome.RETRY, "NO_CLEARING_ACCOUNT")
        if operation.kind == K.RETURN and not _is_the_payers(operation):
            return Answer(Outcome.REFUSED, "NOT_THE_PAYER")
        asked = {name: getattr(operation, name) for name in _ASKED}
        row, _ = BankInstruction.objects.get_or_create(
            venue_id=current_venue_id(),
            op_id=operation.op_id,
            defaults=asked | {"made_at": operation.made_at},
        )
        return _answer(row, operation)

    def lookup(self, operation: Operation, ref: str = "") -> Answer:
        """Say what the bank has said, of a pay-in by its line."""
        if operation.kind == K.OPEN:
            return Answer(Outcome.UNKNOWN, "HUMAN")
        if operation.kind == K.PAY_IN:
            line = BankLine.objects.filter(bank_ref=ref or operation.method).first()
            if line is None:
                return Answer(Outcome.RETRY)
            if (line.own_account, line.amount_fen) != (operation.account, operation.amount_fen):
                return Answer(Outcome.REFUSED, "OP_ID_REUSED")
            return Answer(Outcome.DONE, ref=line.bank_ref, amount_fen=line.amount_fen)
        row = BankInstruction.objects.filter(op_id=operation.op_id).first()
        return Answer(Outcome.RETRY) if row is None else _answer(row, operation)

    def incoming(self, account: str, since: dt.datetime) -> list[Incoming]:
        """Return what came in to a virtual account without having been asked for."""
        rows = BankLine.objects.filter(own_account=account, op_id="", amount_fen__gt=0)
        return [incoming(row) for row in rows.filter(file__at__gte=since).order_by("-pk")]

    def parse_notification(self, body: bytes, headers: Mapping[str, str]) -> list[Notice]:
        """Refuse: files are loaded by a person."""
        raise RailError("NO_MESSAGES")

    def statement(self, since: dt.datetime, until: dt.datetime) -> Iterable[Line]:
        """Return the lines loaded in a period, each with our number where it may bear it.

        When it was loaded counts, not when it was booked: Friday's statement comes on Monday.
        """
        code = Venue.objects.values_list("code", flat=True).get(pk=current_venue_id())
        loaded = BankLine.objects.filter(file__at__gte=since, file__at__lt=until)
        for row in loaded.order_by("pk"):
            kind = "in" if row.amount_fen > 0 else "out"
            line = Line(row.bank_ref, kind, row.amount_fen, row.at, code, row.bank_ref)
            if row.op_id:
                own = BankInstruction.objects.filter(op_id=row.op_id).first()
                is_right = own is not None and _is_its_side(own, row)
                op_id = row.op_id.removeprefix(f"{code}:") if is_right else ""
                line = replace(line, ref="", op_id=op_id)
            yield line


def incoming(row: BankLine) -> Incoming:
    """Return a line of a statement as money that came in."""
    return Incoming(
        row.bank_ref,
        row.own_account,
        row.amount_fen,
        row.counter_name,
        row.at,
        row.memo,
        row.counter_account if len(row.counter_account) <= ACCOUNT_LENGTH else "",
    )


def _has_places(operation: Operation) -> bool:
    """Say whether the venue has told us the accounts that a leg goes between."""
    bank = BankSettings.objects.filter(venue_id=current_venue_id()).first()
    return bank is not None and bool(
        bank.clearing_account and (operation.account or bank.fees_account)
    )


def _is_the_payers(operation: Operation) -> bool:
    """Say whether a return goes back to the account that the money came from, all of it."""
    line = BankLine.objects.filter(bank_ref=operation.parent, op_id="").first()
    return line is not None and (operation.account, operation.holder, operation.amount_fen) == (
        line.counter_account,
        line.counter_name[:HOLDER_LENGTH],
        line.amount_fen,
    )


def _is_its_side(own: BankInstruction, row: BankLine) -> bool:
    """Say whether a line with a leg's number stands where the leg moves money, and which way."""
    if own.kind not in SWEEPS:
        return True
    bank = BankSettings.objects.filter(venue_id=row.venue_id).first()
    if bank is None:
        return False
    into = 1 if own.kind == K.SWEEP_IN else -1
    sides = {own.account or bank.fees_account: -into, bank.clearing_account: into}
    return sides.get(row.own_account, 0) * row.amount_fen > 0


def _answer(row: BankInstruction, operation: Operation) -> Answer:
    if any(getattr(row, name) != getattr(operation, name) for name in _ASKED):
        return Answer(Outcome.REFUSED, "OP_ID_REUSED")
    outcome = Outcome(row.state)
    ref = row.bank_ref or f"i{row.pk}"
    if outcome == Outcome.DONE:
        return Answer(outcome, ref=ref, amount_fen=row.amount_fen)
    return Answer(outcome, row.reason[:64] if outcome == Outcome.REFUSED else "", ref)
