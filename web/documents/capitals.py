"""Amounts in Chinese capitals (人民币大写), which cannot be altered with a stroke of the pen."""

from __future__ import annotations

from typing import Final

from matching.units import Fen

MOST_FEN: Final = 10**18 - 1
"""Largest amount that can be written: one fen below 10,000 万亿 yuan."""
_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_GROUPS: Final = ("", "万", "亿", "万亿")


def capitals(fen: Fen) -> str:
    """Return 14,855,024 fen as 人民币壹拾肆万捌仟伍佰伍拾元零贰角肆分.

    One 零 stands for each run of zeros between other digits, 整 ends an amount without fen (银行
    正确填写票据和结算凭证的基本规定). Raises `ValueError` below zero and above `MOST_FEN`.
    """
    if not 0 <= fen <= MOST_FEN:
        raise ValueError(f"{fen} fen cannot be written in capitals")
    yuan, rest = divmod(fen, 100)
    jiao, cent = divmod(rest, 10)
    text = _whole(yuan) + "元" if yuan or not rest else ""
    # A zero right before the jiao, or in its place, is a run of its own.
    if yuan and rest and (yuan % 10 == 0 or jiao == 0):
        text += "零"
    if jiao:
        text += _DIGITS[jiao] + "角"
    text += _DIGITS[cent] + "分" if cent else "整"
    return "人民币" + text


def _whole(yuan: int) -> str:
    """Return a whole amount, digit by digit from the left."""
    if yuan == 0:
        return "零"
    text = ""
    has_gap = False
    digits = str(yuan)
    for position, digit in enumerate(digits):
        group, place = divmod(len(digits) - 1 - position, 4)
        if digit == "0":
            has_gap = True
        else:
            text += ("零" if has_gap else "") + _DIGITS[int(digit)] + _PLACES[place]
            has_gap = False
        if place == 0 and int(digits[max(position - 3, 0) : position + 1]):
            text += _group(yuan, group)
    return text


def _group(yuan: int, group: int) -> str:
    """Return the name of a group of four digits: 万亿 shares its 亿 with the group below it."""
    if group == 3 and yuan // 10**8 % 10**4:
        return "万"
    return _GROUPS[group]
