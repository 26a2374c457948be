"""What one rule set says differently from another: every word, at its place, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Change:
    """One word: where it stands, what it was, what it is to be. None: it is not there."""

    place: tuple[str, ...]
    before: str | None
    after: str | None


_NAMED_BY: Final = {
    "attributes": ("code",),
    "adjustments": ("attr", "method", "when"),
    "rejects": ("attr", "op"),
}
"""Rows of these lists are known by these words, not by their number: an inserted one moves none."""
ORDER: Final = "order"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return all differences, in the order of the later rule set; none if and only if equal."""
    old, new = _words(before), _words(after)
    found = []
    for place in [*new, *(place for place in old if place not in new)]:
        was, is_now = old.get(place), new.get(place)
        if was != is_now:
            shown = _shown(was), _shown(is_now)
            if shown[0] == shown[1]:  # 5 and "5": other text, other digest
                shown = was, is_now
            found.append(Change(place, *shown))
    return tuple(found)


def _words(rules: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """Return each word as JSON under its place; no two rule sets have the same words."""
    found: dict[tuple[str, ...], str] = {}
    for name, value in rules.items():
        if name in _NAMED_BY and _is_rows(value):
            names = _names(name, value)
            found[name, ORDER] = json.dumps(names, ensure_ascii=False)
            for row_name, row in zip(names, value, strict=True):
                _walk(row, (name, *row_name), found)
        else:
            _walk(value, (name,), found)
    return found


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _names(name: str, rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    seen: Counter[tuple[str, ...]] = Counter()
    names = []
    for row in rows:
        own = tuple(str(row[word]) for word in _NAMED_BY[name] if word in row)
        seen[own] += 1
        names.append((*own, f"#{seen[own]}") if seen[own] > 1 else own)
    return names


def _walk(value: Any, place: tuple[str, ...], found: dict[tuple[str, ...], str]) -> None:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            _walk(inner, (*place, name), found)
    else:
        found[place] = json.dumps(value, ensure_ascii=False, sort_keys=True)


def _shown(word: str | None) -> str | None:
    if word is None:
        return None
    value = json.loads(word)
    if isinstance(value, list):
        rows = (one if isinstance(one, list) else [one] for one in value)
        return "、".join("·".join(str(part) for part in row) for row in rows)
    return str(value)
