"""A bank's side of bank files, on `csv` and `hmac` alone: the reader does not agree with itself."""

from __future__ import annotations

import csv
import hmac
import io
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from settlement.payments.bankfile.layout import Layout
from settlement.payments.bankfile.words import Reply, StatementLine

KEY = bytes(range(32))
SHANGHAI = ZoneInfo("Asia/Shanghai")
MADE_AT = datetime(2026, 11, 24, 9, 30, 5, tzinfo=SHANGHAI)
PATTERNS = {
    "iso": "%Y-%m-%dT%H:%M:%S",
    "compact": "%Y%m%d%H%M%S",
    "slashes": "%Y/%m/%d %H:%M:%S",
}
STANDARD = Layout.standard()


@dataclass
class Paper:
    """A file as its bank makes it: lines that a test may spoil before they are sealed."""

    layout: Layout
    lines: list[list[str]]

    def head(self) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(
            text,
            delimiter=self.layout.delimiter,
            quoting=csv.QUOTE_ALL,
            lineterminator=end(self.layout),
        ).writerows(self.lines)
        return text.getvalue().encode(self.layout.encoding)

    def sealed(self) -> bytes:
        return seal(self.head(), self.layout)


def end(layout: Layout) -> str:
    return {"lf": "\n", "crlf": "\r\n"}[layout.line_end]


def seal(head: bytes, layout: Layout = STANDARD, key: bytes = KEY) -> bytes:
    digest = hmac.digest(key, head, "sha256").hex()
    return head + f"HMAC-SHA256{layout.delimiter}{digest}{end(layout)}".encode()


def money(fen: int, layout: Layout) -> str:
    if layout.amount_form == "fen":
        return str(fen)
    return ("-" if fen < 0 else "") + f"{abs(fen) // 100}.{abs(fen) % 100:02d}"


def instant(at: datetime, layout: Layout) -> str:
    return at.strftime(PATTERNS[layout.date_form])


def reply_paper(rows: list[Reply], layout: Layout = STANDARD, sequence: int = 7) -> Paper:
    words = {ours: word for word, ours in layout.statuses}
    table = [
        {
            "op_id": one.op_id,
            "amount": money(one.amount_fen, layout),
            "currency": one.currency,
            "status": words[one.status],
            "bank_ref": one.bank_ref,
            "reason": one.reason,
        }
        for one in rows
    ]
    total = sum(one.amount_fen for one in rows)
    return Paper(
        layout,
        [
            ["HAIDAI-REPLIES/1", str(sequence), instant(MADE_AT, layout)],
            [heading for _, heading in layout.reply_columns],
            *([row[field] for field, _ in layout.reply_columns] for row in table),
            ["TRAILER", str(len(rows)), str(total), str(sequence)],
        ],
    )


def statement_paper(
    rows: list[StatementLine], layout: Layout = STANDARD, opening: int = 0, sequence: int = 7
) -> Paper:
    table = []
    for one in rows:
        amount, direction = one.amount_fen, ""
        if layout.directions:
            direction = layout.directions[amount < 0]
            amount = abs(amount)
        table.append(
            {
                "bank_ref": one.bank_ref,
                "op_id": one.op_id,
                "at": instant(one.at, layout),
                "amount": money(amount, layout),
                "direction": direction,
                "counter_account": one.counter_account,
                "counter_name": one.counter_name,
                "own_account": one.own_account,
                "memo": one.memo,
            }
        )
    total = sum(one.amount_fen for one in rows)
    return Paper(
        layout,
        [
            ["HAIDAI-STATEMENT/1", str(sequence), instant(MADE_AT, layout)],
            [heading for _, heading in layout.statement_columns],
            *([row[field] for field, _ in layout.statement_columns] for row in table),
            [
                "TRAILER",
                str(len(rows)),
                str(total),
                str(sequence),
                str(opening),
                str(opening + total),
            ],
        ],
    )
