"""Every code has a sentence in both languages, and numbers in units that people use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exchange.models import Instrument
from matching.events import RejectReason
from web import reasons

COIL = Instrument(unit="coil", lot_kg=20_000, tick_fen_per_t=1_000)
COAL = Instrument(unit="t", lot_kg=1_000, tick_fen_per_t=100)
LINK = {
    "BUSY", "DEADLINE", "UNREACHABLE", "RECOVERING", "UNKNOWN_VENUE", "TOO_LARGE", "MALFORMED",
    "HALTED",
}  # fmt: skip
# A rail's messages are machines' talk; a layout's fault and a batch's are shown as codes.
_RAISED = re.compile(
    r"\b(?:(?!RailError|LayoutError|NettingError)\w+Error|Refused|error_frame|refuse)"
    r"\(\s*\"([A-Z_]{3,})\""
)


def raised() -> set[str]:
    """Return the codes that the source gives to refusals."""
    root = Path(__file__).parents[2]
    files = [
        file for room in ("exchange", "settlement", "web") for file in (root / room).rglob("*.py")
    ]
    return {code for file in files for code in _RAISED.findall(file.read_text(encoding="utf-8"))}


def test_every_code_has_a_sentence() -> None:
    codes = {str(reason) for reason in RejectReason} | LINK | raised()
    assert codes - reasons.SENTENCES.keys() == set()


def test_every_sentence_is_there_in_both_languages() -> None:
    for code in reasons.SENTENCES:
        zh, en = reasons.both(code)
        assert re.search(r"[\u4e00-\u9fff]", zh), code
        assert en, code
        assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", en), (code, en)


@pytest.mark.parametrize(
    ("code", "values", "instrument", "said"),
    [
        ("CASH", (100, 5), None, "需 ¥1.00，可用 ¥0.05。"),
        ("VALUE_MAXIMUM", (2, 4_000_000_00), None, "最多 ¥4,000,000.00。"),
        ("RECEIPT_NOT_YET_SELLABLE", (1, 20261130, 20261123), None, "最早 2026-11-30。"),
        ("PRICE_BAND", (900, 679, 765), COAL, "允许 679 至 765 元/吨。"),
        ("PRICE_BAND", (9, 3, 5), COIL, "允许 30 至 50 元/吨。"),
        ("BELOW_MINIMUM", (1, 500), COAL, "至少 500 吨。"),
        ("RESIDUAL", (1, 500), COAL, "至少 500 吨。"),
        ("QUANTITY_STEP", (1, 100), COAL, "每档 100 吨。"),
        ("ABOVE_MAXIMUM", (9, 3), COIL, "最多 3 卷。"),
        ("EXCEEDS_OPEN", (9, 3), COIL, "最多 3 卷。"),
        ("BELOW_EXECUTED", (2, 3), COIL, "已成交 3 卷。"),
        ("GOODS", (3, 1), COIL, "需 3 卷，可用 1 卷。"),
    ],
)
def test_the_numbers_compared_are_said_in_units_of_the_trade(
    code: str, values: tuple[int, ...], instrument: Instrument | None, said: str
) -> None:
    zh, en = reasons.both(code, values, instrument)
    assert zh.endswith(said)
    numbers = re.findall(r"[\d,.]+\d", said)
    assert [one for one in numbers if one not in en] == []


def test_numbers_without_their_unit_are_left_out() -> None:
    for code in reasons.IN_UNITS:
        assert not re.search(r"\d", reasons.both(code, (1, 2, 3))[0]), code
        assert not re.search(r"\d", reasons.both(code, (1, 2))[0]), code
