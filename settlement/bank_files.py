"""Files go to the bank and come back: written once, loaded whole or not at all, never flipped."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from exchange.models import User, Venue
from exchange.scope import current_venue_id
from settlement import incoming
from settlement.limits import BANKFILE_ROWS
from settlement.models import (
    BankFile,
    BankFileKind,
    BankInstruction,
    BankLine,
    BankSettings,
    LineState,
    NettingBatch,
    RailLine,
)
from settlement.models.netting import OPEN_BATCH
from settlement.payments import operations
from settlement.payments.bankfile import instructions, rail, replies, statements
from settlement.payments.bankfile.layout import Layout
from settlement.payments.bankfile.words import Instruction, Reply
from settlement.payments.ports import SWEEPS, OperationKind, Outcome

_FINAL = (Outcome.DONE, Outcome.REFUSED)


class DeskError(Exception):
    """A file cannot be written or loaded; `code` says why. `FileError` says what a file lacks."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a file did. `breaks` are rows that a person has to look at."""

    file: BankFile
    is_new: bool
    breaks: int = 0


def configure(
    raw: Mapping[str, object],
    payer_account: str,
    *,
    clearing_account: str = "",
    fees_account: str = "",
    by: User | None,
    now: dt.datetime,
) -> None:
    """Say how the bank wants its files, and which sub-accounts the venue itself has there.

    Raises `LayoutError`; `DeskError`: `ACCOUNTS_ALIKE` (legs would go from an account to itself),
    `BATCH_OPEN` for other accounts while the legs of a batch are on their way.
    """
    Layout.read(raw)
    if clearing_account and clearing_account in (fees_account, payer_account):
        raise DeskError("ACCOUNTS_ALIKE")
    last = BankSettings.objects.filter(venue_id=current_venue_id()).first()
    if (
        last is not None
        and last.clearing_account
        and (last.clearing_account, last.fees_account) != (clearing_account, fees_account)
        and NettingBatch.objects.filter(state__in=OPEN_BATCH).exists()
    ):
        raise DeskError("BATCH_OPEN")
    BankSettings.objects.update_or_create(
        venue_id=current_venue_id(),
        defaults={
            "layout": raw,
            "payer_account": payer_account,
            "clearing_account": clearing_account,
            "fees_account": fees_account,
            "changed_by": by,
            "changed_at": now,
        },
    )


def write(*, by: User | None, now: dt.datetime) -> BankFile:
    """Write what waits into the next instruction file.

    Raises `DeskError`: `NOTHING_WAITS`, `NO_BANK` (no settings), `NO_BANK_KEY`.
    """
    with transaction.atomic():
        layout, key, bank = _bank()
        # Whoever else writes a file now waits here, and finds nothing left.
        waiting = BankInstruction.objects.select_for_update().filter(file__isnull=True)
        rows = list(waiting.order_by("pk")[:BANKFILE_ROWS])
        if not rows:
            raise DeskError("NOTHING_WAITS")
        sequence = _last(BankFileKind.INSTRUCTIONS) + 1
        asked = [_instruction(row, bank) for row in rows]
        body = instructions.write(asked, layout=layout, sequence=sequence, made_at=now, key=key)
        file = _keep(BankFileKind.INSTRUCTIONS, sequence, body, len(rows), by=by, now=now)
        BankInstruction.objects.filter(pk__in=[row.pk for row in rows]).update(file=file)
    return file


def _instruction(row: BankInstruction, bank: BankSettings) -> Instruction:
    """Return what the file says: a leg goes between a sub-account and the clearing account."""
    payer, payee, name, code = bank.payer_account, row.account, row.holder, row.bank_code
    if row.kind in SWEEPS:
        own = row.account or bank.fees_account
        payer, payee, name, code = bank.clearing_account, own, row.holder, ""
        if row.kind == OperationKind.SWEEP_IN:
            payer, payee, name = own, bank.clearing_account, ""
    return Instruction(
        op_id=row.op_id,
        kind=OperationKind(row.kind),
        amount_fen=row.amount_fen,
        currency=instructions.CURRENCY,
        payer_account=payer,
        payee_account=payee,
        payee_name=name,
        payee_bank_code=code,
        purpose=row.parent,
    )


@transaction.atomic
def load_replies(body: bytes, *, by: User | None, now: dt.datetime) -> Loaded:
    """Load the bank's next reply file, whole; the same bytes again change nothing.

    A reply to nothing of ours, with another amount or currency, or against an earlier final one is
    a break for a person and changes nothing else. Raises `FileError`, `DeskError`.
    """
    layout, key, _ = _bank()
    known = _known(BankFileKind.REPLIES, body)
    if known is not None:
        return Loaded(known, is_new=False)
    sequence = _last(BankFileKind.REPLIES) + 1
    found = replies.read(body, layout=layout, key=key, expect_sequence=sequence)
    file = _keep(BankFileKind.REPLIES, sequence, body, len(found), by=by, now=now)
    breaks = 0
    code = Venue.objects.values_list("code", flat=True).get(pk=current_venue_id())
    for reply in found:
        row = BankInstruction.objects.select_for_update().filter(op_id=reply.op_id).first()
        fault = _contradicts(reply, row)
        if fault is not None:
            _break(f"reply:{sequence}:{reply.op_id}", fault, reply, now)
            breaks += 1
        elif row is not None:
            row.state = reply.status
            row.bank_ref = reply.bank_ref
            row.reason = reply.reason
            row.save(update_fields=["state", "bank_ref", "reason"])
        operations.hint(reply.op_id.removeprefix(f"{code}:"), now)
    return Loaded(file, is_new=True, breaks=breaks)


def _contradicts(reply: Reply, row: BankInstruction | None) -> LineState | None:
    """Say what is wrong with a reply; None if it may be believed."""
    if row is None or row.file_id is None:
        return LineState.THEIRS_ONLY
    if (reply.amount_fen, reply.currency) != (row.amount_fen, instructions.CURRENCY):
        return LineState.AMOUNT
    # A payment that the bank returns later is a movement of its own: a final word stays.
    is_other = row.state in _FINAL and (reply.status, reply.bank_ref) != (row.state, row.bank_ref)
    return LineState.THEIRS_ONLY if is_other else None


def _break(line_id: str, state: LineState, reply: Reply, now: dt.datetime) -> None:
    RailLine.objects.create(
        venue_id=current_venue_id(),
        rail="bankfile",
        line_id=line_id[:100],
        kind=f"reply {reply.status}",
        amount_fen=reply.amount_fen,
        at=now,
        state=state,
    )


@transaction.atomic
def load_statement(body: bytes, *, by: User | None, now: dt.datetime) -> Loaded:
    """Load the bank's next statement, whole; the same bytes again change nothing.

    It must go on where the one before ended, in number and balance. Money that came in is looked
    at at once. Raises `FileError`; `DeskError`: `STATEMENT_GAP`, `LINE_TWICE` (a reference of an
    earlier statement).
    """
    layout, key, _ = _bank()
    known = _known(BankFileKind.STATEMENT, body)
    if known is not None:
        return Loaded(known, is_new=False)
    found = statements.read(body, layout=layout, key=key)
    files = BankFile.objects.filter(kind=BankFileKind.STATEMENT).order_by("-sequence")
    last = files.first()
    if last is not None and (found.sequence, found.opening_fen) != (
        last.sequence + 1,
        last.closing_fen,
    ):
        raise DeskError("STATEMENT_GAP")
    references = [line.bank_ref for line in found.lines]
    for start in range(0, len(references), 500):
        if BankLine.objects.filter(bank_ref__in=references[start : start + 500]).exists():
            raise DeskError("LINE_TWICE")
    file = _keep(BankFileKind.STATEMENT, found.sequence, body, len(found.lines), by=by, now=now)
    BankFile.objects.filter(pk=file.pk).update(closing_fen=found.closing_fen)
    for line in found.lines:
        row = BankLine.objects.create(
            venue_id=current_venue_id(),
            bank_ref=line.bank_ref,
            op_id=line.op_id,
            at=line.at,
            amount_fen=line.amount_fen,
            counter_account=line.counter_account,
            counter_name=line.counter_name,
            own_account=line.own_account,
            memo=line.memo,
            file=file,
        )
        if not line.op_id and line.amount_fen > 0:
            incoming.receive("bankfile", rail.incoming(row), now)
    return Loaded(file, is_new=True)


def _bank() -> tuple[Layout, bytes, BankSettings]:
    found = BankSettings.objects.filter(venue_id=current_venue_id()).first()
    if found is None:
        raise DeskError("NO_BANK")
    code = Venue.objects.values_list("code", flat=True).get(pk=current_venue_id())
    key = settings.BANKFILE_KEYS.get(code)
    if key is None:
        raise DeskError("NO_BANK_KEY")
    return Layout.read(found.layout), key, found


def _last(kind: BankFileKind) -> int:
    files = BankFile.objects.filter(kind=kind).order_by("-sequence")
    return files.values_list("sequence", flat=True).first() or 0


def _known(kind: BankFileKind, body: bytes) -> BankFile | None:
    digest = hashlib.sha256(body).hexdigest()
    return BankFile.objects.filter(kind=kind, sha256=digest).first()


def _keep(
    kind: BankFileKind, sequence: int, body: bytes, rows: int, *, by: User | None, now: dt.datetime
) -> BankFile:
    return BankFile.objects.create(
        venue_id=current_venue_id(),
        kind=kind,
        sequence=sequence,
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        rows=rows,
        at=now,
        by=by,
    )
