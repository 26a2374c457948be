"""Reply files: what the bank says became of our instructions, read whole or not at all.

Refusals, in the order in which they are first looked for:

    KEY                  our key has fewer than 32 bytes
    OVERSIZE             more bytes than we read
    TRUNCATED            the last line is no seal: the file was cut, or was never sealed
    MAC                  the seal is not of these bytes and this key
    NUL                  a zero byte
    ENCODING             bytes that are no characters of the layout's encoding
    QUOTING              quotes that do not pair, or one endless value
    ROWS                 more rows than we read
    TRAILER              no trailer before the seal, or not of four columns with whole numbers
    FORMAT               the header is not that of a reply file of version 1
    SEQUENCE             the header's number is none, or the trailer's is another
    TIME                 the header's instant is not of the layout's form
    HEADINGS             the headings are not the layout's, in its order
    COLUMNS              a row of too few or too many columns
    SEQUENCE_UNEXPECTED  a good number, but not the awaited one
    OP_ID, OP_ID_TWICE   an operation id that is none, or a second row about it
    SUB_FEN              digits below the fen, even zeros
    AMOUNT               an amount that is not of the layout's form
    AMOUNT_RANGE         zero, less, or more than any payment of ours
    CURRENCY             not three capital letters
    STATUS               a word that the layout does not know
    TEXT                 a text longer than we keep
    COUNT, SUM           the rows are not what the trailer says
"""

from __future__ import annotations

import re
from typing import Final

from settlement.payments.bankfile import forms, frame
from settlement.payments.bankfile.layout import Layout
from settlement.payments.bankfile.words import Fault, FileError, Reply

_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def read(body: bytes, *, layout: Layout, key: bytes, expect_sequence: int | None) -> list[Reply]:
    """Return every reply of the file, in its order, or raise `FileError` and return nothing.

    `expect_sequence` is the number the file must bear; None takes any, as when a file is loaded
    again. Whether the bank's amount and currency are the asked ones is for the caller to say.
    """
    framed = frame.unseal(body, layout, key, frame.Format.REPLIES, layout.reply_columns)
    if expect_sequence is not None and framed.sequence != expect_sequence:
        raise FileError(Fault.SEQUENCE_UNEXPECTED, 1, str(framed.sequence))
    replies: dict[str, Reply] = {}
    for row in framed.rows:
        reply = _reply(row, layout)
        if reply.op_id in replies:
            raise FileError(Fault.OP_ID_TWICE, row.line, reply.op_id)
        replies[reply.op_id] = reply
    framed.trailer.check(len(replies), sum(one.amount_fen for one in replies.values()))
    return list(replies.values())


def _reply(row: frame.Row, layout: Layout) -> Reply:
    values, line = row.values, row.line
    op_id = forms.check_op_id(values["op_id"], line)
    amount = forms.read_amount(values["amount"], layout.amount_form, line, "amount")
    if amount < 0:
        raise FileError(Fault.AMOUNT_RANGE, line, "amount")
    if not _CURRENCY.fullmatch(values["currency"]):
        raise FileError(Fault.CURRENCY, line, "currency")
    status = dict(layout.statuses).get(values["status"])
    if status is None:
        raise FileError(Fault.STATUS, line, "status")
    return Reply(
        op_id=op_id,
        amount_fen=amount,
        currency=values["currency"],
        status=status,
        bank_ref=forms.check_text(values["bank_ref"], line, "bank_ref"),
        reason=forms.check_text(values["reason"], line, "reason"),
    )
