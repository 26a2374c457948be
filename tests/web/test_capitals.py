"""Amounts in capitals: the official examples, the edges, and reading them back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from web.documents.capitals import MOST_FEN, capitals


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (15, "壹角伍分"),
        (100, "壹元整"),
        (1_000, "壹拾元整"),
        (1_010, "壹拾元零壹角整"),
        (32_504, "叁佰贰拾伍元零肆分"),
        (140_950, "壹仟肆佰零玖元伍角整"),
        (600_714, "陆仟零柒元壹角肆分"),
        (168_032, "壹仟陆佰捌拾元零叁角贰分"),
        (1_640_902, "壹万陆仟肆佰零玖元零贰分"),
        (10_700_053, "壹拾万零柒仟元零伍角叁分"),
        (10_000_000, "壹拾万元整"),
        (100_010_000, "壹佰万零壹佰元整"),
        (36_100_000, "叁拾陆万壹仟元整"),
        (10**10, "壹亿元整"),
        (10**10 + 100_000, "壹亿零壹仟元整"),
        (10**14, "壹万亿元整"),
        (10**14 + 10**10, "壹万零壹亿元整"),
        (2**53, "玖拾万零柒佰壹拾玖亿玖仟贰佰伍拾肆万柒仟肆佰零玖元玖角贰分"),
    ],
)
def test_an_amount_is_written_by_the_banks_rules(fen: int, text: str) -> None:
    assert capitals(fen) == "人民币" + text


@pytest.mark.parametrize("fen", [-1, MOST_FEN + 1])
def test_an_amount_that_cannot_be_written_is_refused(fen: int) -> None:
    with pytest.raises(ValueError, match="capitals"):
        capitals(fen)


def value_of(text: str) -> int:
    """Read an amount in capitals, as a clerk would: from the left, group by group."""
    digits = {sign: number for number, sign in enumerate("零壹贰叁肆伍陆柒捌玖")}
    places = {"拾": 10, "佰": 100, "仟": 1_000}
    total = group = fen = digit = 0
    for sign in text.removeprefix("人民币"):
        if sign in digits:
            digit = digits[sign]
        elif sign in places:
            group += digit * places[sign]
            digit = 0
        elif sign == "万":
            total += (group + digit) * 10**4
            group = digit = 0
        elif sign == "亿":
            total = (total + group + digit) * 10**8
            group = digit = 0
        elif sign == "元":
            total += group + digit
            group = digit = 0
        elif sign == "角":
            fen += digit * 10
            digit = 0
        elif sign == "分":
            fen += digit
            digit = 0
        else:
            assert sign == "整"
    return total * 100 + fen


@given(st.integers(min_value=0, max_value=MOST_FEN))
@example(10**14)
@example(10**14 + 10**10)
@example(MOST_FEN)
def test_reading_an_amount_back_gives_the_amount(fen: int) -> None:
    text = capitals(fen)
    assert value_of(text) == fen
    assert "零零" not in text
    assert text.endswith("整") == (fen % 10 == 0)


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=0, max_value=10**12))
def test_two_amounts_never_look_alike(one: int, other: int) -> None:
    assert (capitals(one) == capitals(other)) == (one == other)
