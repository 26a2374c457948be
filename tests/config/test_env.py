"""A wrong variable is named, with what was expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.env import DatabaseUrl, Environment, WrongVariable

READERS: list[tuple[Callable[[Environment], Any], list[tuple[str, Any]], list[str]]] = [
    (
        lambda env: env.flag("X", default=False),
        [("1", True), ("Yes", True), ("off", False), ("", False)],
        ["2", "maybe", " 1"],
    ),
    (
        lambda env: env.number("X", 5, least=1, most=10),
        [("", 5), ("10", 10), ("01", 1)],
        ["0", "11", "-1", "1.5", "x", "٣", "1" * 5_000],
    ),
    (
        lambda env: env.choice("X", "a", ("a", "b")),
        [("", "a"), ("b", "b")],
        ["c", "A"],
    ),
    (
        lambda env: env.database("X", "sqlite:///default"),
        [
            ("", DatabaseUrl("sqlite", "/default")),
            ("sqlite:///a/b.sqlite3", DatabaseUrl("sqlite", "/a/b.sqlite3")),
            (
                "postgresql://me:p%40ss@db:5432/haidai",
                DatabaseUrl("postgresql", "haidai", "me", "p@ss", "db", "5432"),
            ),
            (
                "postgresql://me@/haidai?host=/run/pg",
                DatabaseUrl("postgresql", "haidai", "me", "", "/run/pg", ""),
            ),
        ],
        [
            "sqlite://host/a",
            "sqlite://",
            "mysql://a/b",
            "postgresql://db",
            "postgresql://a:b/c",
            "x",
        ],
    ),
]


@pytest.mark.parametrize(("read", "good", "wrong"), READERS)
def test_each_reader_takes_what_it_knows_and_names_the_variable_otherwise(
    read: Callable[[Environment], Any], good: list[tuple[str, Any]], wrong: list[str]
) -> None:
    assert [read(Environment({"X": text})) for text, _ in good] == [value for _, value in good]
    for text in wrong:
        with pytest.raises(WrongVariable, match=r"^X"):
            read(Environment({"X": text}))


def test_a_variable_without_default_must_be_set() -> None:
    with pytest.raises(WrongVariable, match=r"^X is not set"):
        Environment({}).text("X")
    assert Environment({"X": "here"}).text("X") == "here"


def test_lists_and_directories() -> None:
    env = Environment({"LIST": " a, ,b ", "HERE": "some/where"})
    assert env.words("LIST", "") == ["a", "b"]
    assert env.words("NONE", "") == []
    assert env.directory("HERE", Path("/default")) == Path.cwd() / "some/where"
    assert env.directory("NONE", Path("/default")) == Path("/default")
