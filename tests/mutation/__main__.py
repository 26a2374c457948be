"""Plant faults into `matching/`, one at a time, and see whether a test dies of each.

All faults of cover, holding and the resale lock; a sample of the others. Each is tried in a fork of
one warm process: the function's code is replaced there, then the engine's tests run until the first
failure. What nobody notices is printed; `tests/mutation/equivalent.toml` lists those that change
nothing that anybody could see, each with its reason.

Run: python -m tests.mutation [--sample 200] [--only holding.py] [--seed 1] [--report FILE]
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import signal
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.operators import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
WHOLE = ("cover.py", "holding.py", "locks.py")
SAMPLED = (
    "administration.py", "book.py", "checks.py", "continuous.py", "discharge.py", "engine.py",
    "filling.py", "instrument.py", "lifting.py", "negotiation.py", "one_way.py",
    "one_way_close.py", "operations.py", "passing.py", "plain.py", "rules.py", "special.py",
    "state.py", "trading.py", "uncross.py", "units.py",
    "withholding.py",
)  # fmt: skip
TESTS = ["tests/scenarios", "tests/matching"]
LIMIT_S = 600
"""A mutant that runs longer loops for ever: killed. All tests take less, beside other work too."""


def warm() -> None:
    """Import what every trial needs, so that a fork finds it loaded."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["HAIDAI_FEW"] = "1"  # fewer random histories: each fault is given its own run
    django.setup()
    for folder in TESTS:
        for path in sorted((ROOT / folder).glob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            importlib.import_module(name.removesuffix(".__init__"))


def chosen(sample: int, seed: int, only: str) -> list[Mutant]:
    """Return the faults to try: all of `WHOLE` and a sample of the rest, or all of one file."""

    def of(file: str) -> list[Mutant]:
        return list(mutants(file, (ROOT / "matching" / file).read_text(encoding="utf-8")))

    if only:
        return of(only)
    rest = [mutant for file in SAMPLED for mutant in of(file)]
    picked = set(random.Random(seed).sample(range(len(rest)), min(sample, len(rest))))
    return [mutant for file in WHOLE for mutant in of(file)] + [
        mutant for number, mutant in enumerate(rest) if number in picked
    ]


def plant(mutant: Mutant) -> None:
    """Replace the code of the mutant's function in this process."""
    found: object = importlib.import_module(f"matching.{mutant.file.removesuffix('.py')}")
    for name in mutant.function.split("."):
        found = vars(found)[name] if isinstance(found, ModuleType | type) else getattr(found, name)
    if isinstance(found, property):
        found = found.fget
    function = getattr(found, "__func__", found)
    function.__code__ = mutant.code  # type: ignore[attr-defined]


def survives(mutant: Mutant | None) -> bool:
    """Whether all tests pass with the fault in place; None is no fault, which must."""
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            if mutant is not None:
                plant(mutant)
            code = pytest.main(["-x", "-q", "-p", "no:xdist", "-p", "no:warnings", *TESTS])
        except BaseException:
            code = 1
        os._exit(int(code))
    until = time.monotonic() + LIMIT_S
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.02)


def main() -> int:
    """Try the faults, say how it goes, and list the survivors; 1 if there are some unexplained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=200, help="faults outside cover and lock")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--only", default="", help="all faults of one file, such as holding.py")
    parser.add_argument("--report", type=Path, help="write the table and the survivors there, too")
    arguments = parser.parse_args()
    equivalent = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text("utf-8"))
    reasons = {(o["file"], o["function"], o["name"]): o["reason"] for o in equivalent["mutant"]}
    warm()
    if not survives(None):
        parser.error("the tests fail without any fault: run `pytest tests/matching` first")
    faults = chosen(arguments.sample, arguments.seed, arguments.only)
    tried: Counter[str] = Counter()
    same: Counter[str] = Counter()
    alive: list[Mutant] = []
    for number, mutant in enumerate(faults, 1):
        key = (mutant.file, mutant.function, mutant.name)
        print(f"\r{number}/{len(faults)}, {len(alive)} alive", end="", file=sys.stderr, flush=True)
        if key in reasons:
            same[mutant.file] += 1
            continue
        tried[mutant.file] += 1
        if survives(mutant):
            alive.append(mutant)
            print(f"\nalive: {' | '.join(key)}", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    lines = ["| File | Tried | Killed | Alive | Equivalent |", "|---|---|---|---|---|"]
    for file in [*sorted(tried | same), "all"]:
        of = sum(tried.values()) if file == "all" else tried[file]
        left = sum(file in (one.file, "all") for one in alive)
        equal = sum(same.values()) if file == "all" else same[file]
        lines.append(f"| {file} | {of} | {of - left} | {left} | {equal} |")
    lines += ["", *(f"- `{o.file}` `{o.function}`: {o.name}" for o in alive)]
    print("\n".join(lines))
    if arguments.report:
        arguments.report.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
