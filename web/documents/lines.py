"""Chinese and Latin text broken into lines: words stay whole, no line begins with a comma."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Measure = Callable[[str], float]

_NOT_FIRST: Final = frozenset("，。；：！？、）》”’〕】％%‰…·")
_NOT_LAST: Final = frozenset("（《“‘〔【¥")
_TOKEN: Final = re.compile(r"[^\S\n]+|[!-~\u00a1-\u024f\u2010-\u2015\u2212]+|.")
"""Blanks, a run of Latin letters, digits and signs, or one other character."""


def broken(text: str, width: float, measure: Measure) -> list[str]:
    """Return `text` as lines of at most `width`; a word that is too long is broken anywhere.

    Nothing is lost but blanks at the ends of lines.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for token in _tokens(paragraph):
            if measure((line + token).rstrip()) <= width:
                line += token
                continue
            if line.strip():
                lines.append(line.rstrip())
            line = token.lstrip()
            while measure(line) > width and len(line) > 1:
                most = _fitting(line, width, measure)
                lines.append(line[:most])
                line = line[most:]
        lines.append(line.rstrip())
    return lines


def _tokens(paragraph: str) -> list[str]:
    """Return what may not be broken; punctuation clings to what it closes or opens."""
    found: list[str] = []
    for token in _TOKEN.findall(paragraph):
        clings = found and (token[0] in _NOT_FIRST or found[-1][-1] in _NOT_LAST)
        if clings and not found[-1].isspace():
            found[-1] += token
        else:
            found.append(token)
    return found


def _fitting(text: str, width: float, measure: Measure) -> int:
    """Return how many characters of a text that is too long fit, at least one."""
    most = 1
    while most < len(text) and measure(text[: most + 1]) <= width:
        most += 1
    return most
