"""One trial: a fork of a warm process gets a fault planted and runs tests until one fails."""

from __future__ import annotations

import importlib
import inspect
import os
import resource
import signal
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.mutation.operators import Mutant

FOLDER: Final = Path(__file__).parent
MEMORY: Final = 4 << 30
"""Bytes that a fork may have: a loop that gathers things ends before the machine does."""
QUIETLY: Final = ("-x", "-q", "-p", "no:xdist", "-p", "no:warnings")


class Leave:
    """Ends a fork with its result before anything of the parent's is cleaned up."""

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        os._exit(int(exitstatus))


def plant(package: str, mutant: Mutant) -> None:
    """Replace the code of the mutant's function in this process; its file is in `package`."""
    name = mutant.file.removesuffix(".py").replace("/", ".")
    found: Any = importlib.import_module(f"{package}.{name}")
    for part in mutant.function.split("."):
        found = vars(found)[part] if isinstance(found, ModuleType | type) else getattr(found, part)
    if isinstance(found, property):
        found = found.fget
    inspect.unwrap(getattr(found, "__func__", found)).__code__ = mutant.code


def survives(package: str, mutant: Mutant | None, tests: Iterable[str], limit_s: int) -> bool:
    """Whether all tests pass with the fault in place; None is no fault, which must.

    A fault with which they run longer than `limit_s` loops for ever, which they have noticed.
    """
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            if mutant is not None:
                plant(package, mutant)
            code = int(pytest.main([*QUIETLY, *tests], plugins=[Leave()]))
        except BaseException:
            code = 1
        os._exit(code)
    until = time.monotonic() + limit_s
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.02)


def key(mutant: Mutant) -> tuple[str, str, str]:
    """Return what names a fault in the list of those that change nothing."""
    return mutant.file, mutant.function, mutant.name


def reasons(file: str) -> dict[tuple[str, str, str], str]:
    """Return the faults that change nothing that anybody could see, each with its reason."""
    listed = tomllib.loads((FOLDER / file).read_text("utf-8"))["mutant"]
    return {(one["file"], one["function"], one["name"]): one["reason"] for one in listed}


def attempt(
    package: str,
    faults: list[Mutant],
    same: dict[tuple[str, str, str], str],
    tests: Iterable[str],
    limit_s: int,
) -> list[str]:
    """Try the faults, a line printed for each; return the table and the survivors, as lines."""
    results: dict[str, list[int]] = {}  # tried, alive, equivalent
    alive: list[str] = []
    for number, mutant in enumerate(faults, 1):
        counts = results.setdefault(mutant.file, [0, 0, 0])
        line = " | ".join(key(mutant))
        begun = time.monotonic()
        if key(mutant) in same:
            counts[2] += 1
            outcome = "equivalent"
        else:
            counts[0] += 1
            outcome = "killed"
            if survives(package, mutant, tests, limit_s):
                counts[1] += 1
                alive.append(f"- `{mutant.file}` `{mutant.function}`: {mutant.name}")
                outcome = "ALIVE"
        took = time.monotonic() - begun
        print(f"{number}/{len(faults)} {outcome} {took:.0f} s: {line}", flush=True)
    lines = ["| File | Tried | Killed | Alive | Equivalent |", "|---|---|---|---|---|"]
    results = dict(sorted(results.items()))
    results["all"] = [sum(column) for column in zip(*results.values(), strict=True)]
    for file, (tried, left, equal) in results.items():
        lines.append(f"| {file} | {tried} | {tried - left} | {left} | {equal} |")
    return [*lines, "", *alive]
