"""Amounts, instants and texts of a bank file, to and fro.

Amounts are moved digit by digit: nothing is ever rounded, and what does not fit is refused.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from matching.units import Fen
from settlement import limits
from settlement.payments.bankfile.layout import AmountForm, DateForm
from settlement.payments.bankfile.words import Fault, FileError

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_FIRST: Final = datetime(2000, 1, 1, tzinfo=_SHANGHAI)
_END: Final = datetime(3000, 1, 1, tzinfo=_SHANGHAI)
_PATTERNS: Final = {
    DateForm.ISO: "%Y-%m-%dT%H:%M:%S",
    DateForm.COMPACT: "%Y%m%d%H%M%S",
    DateForm.SLASHES: "%Y/%m/%d %H:%M:%S",
}
assert _PATTERNS.keys() == set(DateForm), "every form of a date has its pattern"
# One spelling an amount: no plus, no leading zeros, no separators, no minus zero.
_YUAN: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})\.[0-9]{2}")
_FEN: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
_FINER: Final = {
    AmountForm.YUAN: re.compile(r"-?[0-9]+\.[0-9]{3,}"),
    AmountForm.FEN: re.compile(r"-?[0-9]+\.[0-9]+"),
}
_OP_ID: Final = re.compile(rf"[!-~]{{1,{limits.OP_ID_LENGTH}}}")


def amount_text(amount: Fen, form: AmountForm) -> str:
    """Return an amount in fen, of either sign, as the bank writes it."""
    if form is AmountForm.FEN:
        return str(amount)
    digits = str(abs(amount)).rjust(3, "0")
    return f"{'-' if amount < 0 else ''}{digits[:-2]}.{digits[-2:]}"


def read_amount(text: str, form: AmountForm, line: int, field: str) -> Fen:
    """Return an amount in fen, of either sign, never zero.

    Raises `FileError`: SUB_FEN for digits below the fen, even zeros; AMOUNT for anything else
    that is not of the form; AMOUNT_RANGE for zero and beyond `FUNDS_MOST_FEN`.
    """
    if _FINER[form].fullmatch(text):
        raise FileError(Fault.SUB_FEN, line, field)
    if form is AmountForm.YUAN:
        if not _YUAN.fullmatch(text) or text == "-0.00":
            raise FileError(Fault.AMOUNT, line, field)
        amount = int(text.replace(".", ""))
    else:
        amount = read_fen(text, Fault.AMOUNT, line, field)
    if not 0 < abs(amount) <= limits.FUNDS_MOST_FEN:
        raise FileError(Fault.AMOUNT_RANGE, line, field)
    return amount


def read_fen(text: str, fault: Fault, line: int, field: str) -> int:
    """Return a whole number of at most 18 digits; otherwise raise `FileError` with `fault`."""
    if not _FEN.fullmatch(text):
        raise FileError(fault, line, field)
    return int(text)


def instant_text(at: datetime, form: DateForm) -> str:
    """Return an instant on Shanghai's clock, cut to the second.

    Raises `FileError` TIME without a time zone and outside the years 2000 to 2999.
    """
    if at.utcoffset() is None:
        raise FileError(Fault.TIME, 1, "no time zone")
    # Within these years a year has four digits, and no change of zone leaves the calendar.
    if not _FIRST <= at < _END:
        raise FileError(Fault.TIME, 1, "year")
    return at.astimezone(_SHANGHAI).strftime(_PATTERNS[form])


def read_instant(text: str, form: DateForm, line: int, field: str) -> datetime:
    """Return an instant in Shanghai's zone; raises `FileError` TIME."""
    try:
        at = datetime.strptime(text, _PATTERNS[form]).replace(tzinfo=_SHANGHAI)
        # strptime takes one digit for two and other scripts' digits; writing it back does not.
        if instant_text(at, form) == text:
            return at
    except (ValueError, FileError):
        pass
    raise FileError(Fault.TIME, line, field)


def check_op_id(text: str, line: int) -> str:
    """Return `text` if it can be an operation id (visible ASCII); raises `FileError` OP_ID."""
    if not _OP_ID.fullmatch(text):
        raise FileError(Fault.OP_ID, line, "op_id")
    return text


def check_text(text: str, line: int, field: str, *, needed: bool = False) -> str:
    """Return `text` unless too long, with a NUL, or empty though needed: `FileError` TEXT."""
    if len(text) > limits.BANKFILE_TEXT or "\0" in text or (needed and not text):
        raise FileError(Fault.TEXT, line, field)
    return text
