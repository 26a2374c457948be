"""Instruction files: what we ask the bank for, in one sealed file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from matching.units import MAX_INT
from settlement import limits
from settlement.payments.bankfile import forms, frame
from settlement.payments.bankfile.layout import Layout
from settlement.payments.bankfile.words import Fault, FileError, Instruction

CURRENCY: Final = "CNY"
"""The only currency that counts in fen."""


def write(
    instructions: Sequence[Instruction],
    *,
    layout: Layout,
    sequence: int,
    made_at: datetime,
    key: bytes,
) -> bytes:
    """Return the file of `instructions` in their order, numbered `sequence`, from 1.

    `made_at` needs a time zone and is cut to the second; `key` has 32 bytes or more. The same
    arguments give the same bytes. Raises `FileError`, and `line` is where the row would stand:
    KEY, ROWS, OVERSIZE, SEQUENCE, TIME, OP_ID, OP_ID_TWICE, AMOUNT_RANGE, CURRENCY (not CNY),
    TEXT (too long, a NUL, or an account is missing), ENCODING (half a character).
    """
    if len(instructions) > limits.BANKFILE_ROWS:
        raise FileError(Fault.ROWS, 1, "rows")
    if not 0 < sequence <= MAX_INT:
        raise FileError(Fault.SEQUENCE, 1, "sequence")
    fields = [field for field, _ in layout.instruction_columns]
    lines: list[list[str]] = [
        [frame.Format.INSTRUCTIONS, str(sequence), forms.instant_text(made_at, layout.date_form)],
        [heading for _, heading in layout.instruction_columns],
    ]
    seen: set[str] = set()
    total = 0
    for one in instructions:
        line = len(lines) + 1
        values = _values(one, layout, line)
        if one.op_id in seen:
            raise FileError(Fault.OP_ID_TWICE, line, one.op_id)
        seen.add(one.op_id)
        total += one.amount_fen
        lines.append([values[field] for field in fields])
    lines.append([frame.TRAILER, str(len(instructions)), str(total), str(sequence)])
    return frame.seal(lines, layout, key)


def _values(one: Instruction, layout: Layout, line: int) -> dict[str, str]:
    if not 0 < one.amount_fen <= limits.FUNDS_MOST_FEN:
        raise FileError(Fault.AMOUNT_RANGE, line, "amount")
    if one.currency != CURRENCY:
        raise FileError(Fault.CURRENCY, line, "currency")
    return {
        "op_id": forms.check_op_id(one.op_id, line),
        "kind": one.kind.value,
        "amount": forms.amount_text(one.amount_fen, layout.amount_form),
        "currency": one.currency,
        "payer_account": forms.check_text(one.payer_account, line, "payer_account", needed=True),
        "payee_account": forms.check_text(one.payee_account, line, "payee_account", needed=True),
        "payee_name": forms.check_text(one.payee_name, line, "payee_name"),
        "payee_bank_code": forms.check_text(one.payee_bank_code, line, "payee_bank_code"),
        "purpose": forms.check_text(one.purpose, line, "purpose"),
    }
