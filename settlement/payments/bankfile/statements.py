"""Statement files: what moved at the bank, read whole or not at all.

The trailer has two more numbers, the opening and the closing balance in fen, and the opening
balance with every line must give the closing one. The refusals of the frame and of a row are those
of `replies`, except SEQUENCE_UNEXPECTED, STATUS and CURRENCY (a statement is in yuan), and:

    BANK_REF_TWICE  a second line with the same reference: one of them would be lost
    DIRECTION       a word that is neither the layout's for money in nor its for money out
    TIME            also of a line
    TEXT            also for an empty reference or an empty account of ours
    TRAILER         not of six columns with whole numbers
    BALANCE         opening and lines do not give the closing balance
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from matching.units import Fen
from settlement.payments.bankfile import forms, frame
from settlement.payments.bankfile.layout import Layout
from settlement.payments.bankfile.words import Fault, FileError, StatementLine


@dataclass(frozen=True, slots=True)
class Statement:
    """All movements between two balances, in fen, of all our sub-accounts together.

    Invariant: `opening_fen` and the sum of `lines` give `closing_fen`. `sequence` is the bank's
    number of the file.
    """

    sequence: int
    made_at: datetime
    opening_fen: Fen
    closing_fen: Fen
    lines: tuple[StatementLine, ...]

    def moved_fen(self) -> dict[str, Fen]:
        """Return what each of our sub-accounts gained or lost, in the order of first mention."""
        moved: dict[str, Fen] = {}
        for line in self.lines:
            moved[line.own_account] = moved.get(line.own_account, 0) + line.amount_fen
        return moved


def read(body: bytes, *, layout: Layout, key: bytes) -> Statement:
    """Return the statement of the file, or raise `FileError` and return nothing."""
    columns = layout.statement_columns
    framed = frame.unseal(body, layout, key, frame.Format.STATEMENT, columns, more=2)
    lines: dict[str, StatementLine] = {}
    for row in framed.rows:
        line = _line(row, layout)
        if line.bank_ref in lines:
            raise FileError(Fault.BANK_REF_TWICE, row.line, "bank_ref")
        lines[line.bank_ref] = line
    total = sum(line.amount_fen for line in lines.values())
    framed.trailer.check(len(lines), total)
    opening, closing = framed.trailer.more
    if opening + total != closing:
        raise FileError(Fault.BALANCE, framed.trailer.line, "closing")
    return Statement(framed.sequence, framed.made_at, opening, closing, tuple(lines.values()))


def _line(row: frame.Row, layout: Layout) -> StatementLine:
    values, line = row.values, row.line
    return StatementLine(
        bank_ref=forms.check_text(values["bank_ref"], line, "bank_ref", needed=True),
        op_id=forms.check_op_id(values["op_id"], line) if values["op_id"] else "",
        at=forms.read_instant(values["at"], layout.date_form, line, "at"),
        amount_fen=_signed(row, layout),
        counter_account=forms.check_text(values["counter_account"], line, "counter_account"),
        counter_name=forms.check_text(values["counter_name"], line, "counter_name"),
        own_account=forms.check_text(values["own_account"], line, "own_account", needed=True),
        memo=forms.check_text(values["memo"], line, "memo"),
    )


def _signed(row: frame.Row, layout: Layout) -> Fen:
    amount = forms.read_amount(row.values["amount"], layout.amount_form, row.line, "amount")
    if layout.directions is None:
        return amount
    if row.values["direction"] not in layout.directions:
        raise FileError(Fault.DIRECTION, row.line, "direction")
    if amount < 0:
        # A minus beside a direction could be read either way.
        raise FileError(Fault.AMOUNT_RANGE, row.line, "amount")
    return amount if row.values["direction"] == layout.directions[0] else -amount
