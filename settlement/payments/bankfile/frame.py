"""What all bank files have in common: header, headings, rows, trailer and seal.

    HAIDAI-REPLIES/1,7,2026-11-24T09:30:00      format, sequence, time
    ...                                         the bank's headings
    ...                                         one row an operation or movement
    TRAILER,1,1000,7                            count, sum in fen, sequence, and more
    HMAC-SHA256,6c1d...                         over every byte before this line

The format stands under the seal, so that no file can be passed off as one of another kind.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from matching.units import MAX_INT
from settlement import limits
from settlement.payments.bankfile import forms
from settlement.payments.bankfile.layout import Columns, Layout, LineEnd
from settlement.payments.bankfile.words import Fault, FileError

TRAILER: Final = "TRAILER"
SEAL: Final = "HMAC-SHA256"
_LINE_ENDS: Final = {LineEnd.LF: "\n", LineEnd.CRLF: "\r\n"}
_AROUND: Final = 3
"""Lines under the seal that are no rows: header, headings, trailer."""


class Format(StrEnum):
    """What a file is, and the version of its frame."""

    INSTRUCTIONS = "HAIDAI-INSTRUCTIONS/1"
    REPLIES = "HAIDAI-REPLIES/1"
    STATEMENT = "HAIDAI-STATEMENT/1"


@dataclass(frozen=True, slots=True)
class Row:
    """One row, by our fields' names, and the line where it begins."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Trailer:
    """The trailer's numbers; `more` are what one format adds, in fen."""

    line: int
    count: int
    sum_fen: int
    sequence: int
    more: tuple[int, ...]

    def check(self, count: int, sum_fen: int) -> None:
        """Raise `FileError` COUNT or SUM if the rows are not what the trailer says."""
        if self.count != count:
            raise FileError(Fault.COUNT, self.line, "count")
        if self.sum_fen != sum_fen:
            raise FileError(Fault.SUM, self.line, "sum")


@dataclass(frozen=True, slots=True)
class Frame:
    """A file whose seal is right; its rows and their sum are still to be checked."""

    sequence: int
    made_at: datetime
    rows: tuple[Row, ...]
    trailer: Trailer


def seal(lines: Iterable[Sequence[str]], layout: Layout, key: bytes) -> bytes:
    """Return a file of these lines and its seal. Raises `FileError`: KEY, ENCODING, OVERSIZE."""
    _check_key(key)
    try:
        head = "".join(_line(values, layout) for values in lines).encode(layout.encoding)
    except UnicodeEncodeError:
        raise FileError(Fault.ENCODING, 1, layout.encoding) from None
    body = head + _seal_line(head, layout, key)
    if len(body) > limits.BANKFILE_BYTES:
        raise FileError(Fault.OVERSIZE, 1, "bytes")
    return body


def unseal(
    body: bytes, layout: Layout, key: bytes, kind: Format, columns: Columns, *, more: int = 0
) -> Frame:
    """Return the frame of a sealed file whose trailer has `more` extra numbers.

    The seal is checked before a single character is decoded. Raises `FileError`: KEY, OVERSIZE,
    TRUNCATED, MAC, NUL, ENCODING, QUOTING, ROWS, TRAILER, FORMAT, SEQUENCE, TIME, HEADINGS,
    COLUMNS.
    """
    lines = _lines(_sealed_text(body, layout, key), layout)
    if len(lines) < _AROUND or lines[-1][1][:1] != [TRAILER]:
        raise FileError(Fault.TRAILER, lines[-1][0] if lines else 1, "missing")
    (_, header), (headings_line, headings), *middle, (last_line, last) = lines
    if header[:1] != [kind] or len(header) != 3:
        raise FileError(Fault.FORMAT, 1, kind)
    sequence = forms.read_fen(header[1], Fault.SEQUENCE, 1, "sequence")
    if not 0 < sequence <= MAX_INT:
        raise FileError(Fault.SEQUENCE, 1, "sequence")
    made_at = forms.read_instant(header[2], layout.date_form, 1, "made_at")
    if headings != [heading for _, heading in columns]:
        raise FileError(Fault.HEADINGS, headings_line, "headings")
    rows = tuple(_row(line, values, columns) for line, values in middle)
    trailer = _trailer(last_line, last, more)
    if trailer.sequence != sequence:
        raise FileError(Fault.SEQUENCE, last_line, "trailer")
    return Frame(sequence, made_at, rows, trailer)


def _sealed_text(body: bytes, layout: Layout, key: bytes) -> str:
    _check_key(key)
    if len(body) > limits.BANKFILE_BYTES:
        raise FileError(Fault.OVERSIZE, 1, "bytes")
    # In neither encoding does the byte of a line feed occur inside another character.
    head = body[: body.rfind(b"\n", 0, -1) + 1]
    found, expected = body[len(head) :], _seal_line(head, layout, key)
    last_line = head.count(b"\n") + 1
    if len(found) != len(expected) or not found.startswith(_seal_label(layout)):
        raise FileError(Fault.TRUNCATED, last_line, "no seal")
    if not hmac.compare_digest(found, expected):
        raise FileError(Fault.MAC, last_line, "seal")
    if b"\0" in head:
        raise FileError(Fault.NUL, head[: head.index(b"\0")].count(b"\n") + 1, "NUL")
    try:
        return head.decode(layout.encoding)
    except UnicodeDecodeError as error:
        line = head[: error.start].count(b"\n") + 1
        raise FileError(Fault.ENCODING, line, layout.encoding) from None


def _lines(text: str, layout: Layout) -> list[tuple[int, list[str]]]:
    """Every line with its number; a quoted value may run over several."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True)
    lines: list[tuple[int, list[str]]] = []
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error:
            raise FileError(Fault.QUOTING, number, "quotes") from None
        if values is None:
            return lines
        if len(lines) == limits.BANKFILE_ROWS + _AROUND:
            raise FileError(Fault.ROWS, number, "rows")
        lines.append((number, values))


def _row(line: int, values: list[str], columns: Columns) -> Row:
    if len(values) != len(columns):
        raise FileError(Fault.COLUMNS, line, str(len(values)))
    return Row(line, dict(zip((field for field, _ in columns), values, strict=True)))


def _trailer(line: int, values: list[str], more: int) -> Trailer:
    if len(values) != 4 + more:
        raise FileError(Fault.TRAILER, line, "columns")
    count, total, sequence, *rest = (
        forms.read_fen(value, Fault.TRAILER, line, "number") for value in values[1:]
    )
    return Trailer(line, count, total, sequence, tuple(rest))


def _line(values: Sequence[str], layout: Layout) -> str:
    # The writer quotes a carriage return only if its own line end has one, and an unquoted one
    # would be read back as the end of a line.
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=layout.delimiter, lineterminator="\r\n").writerow(values)
    return text.getvalue().removesuffix("\r\n") + _LINE_ENDS[layout.line_end]


def _seal_line(head: bytes, layout: Layout, key: bytes) -> bytes:
    digest = hmac.new(key, head, hashlib.sha256).hexdigest()
    return _seal_label(layout) + f"{digest}{_LINE_ENDS[layout.line_end]}".encode("ascii")


def _seal_label(layout: Layout) -> bytes:
    return f"{SEAL}{layout.delimiter}".encode("ascii")


def _check_key(key: bytes) -> None:
    # Anybody can seal with an empty key.
    if len(key) < limits.BANKFILE_KEY_BYTES:
        raise FileError(Fault.KEY, 1, "too short")
