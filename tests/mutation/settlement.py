"""Plant faults into the rules of contracts, one at a time, and see whether a test dies of each.

Like `tests.mutation` for the engine, on the code that moves money and title: one warm process with
a migrated database, one fork a fault, the contracts' tests until the first failure. A sample of all
faults of each file; `tests/settlement/MUTATION.md` says what came of it. Faults that change nothing
that anybody could see are listed with their reasons in `settlement.toml`.

Run: python -m tests.mutation.settlement [--sample 40] [--seed 1] [--only TEXT of a fault's line]
"""

from __future__ import annotations

import argparse
import atexit
import importlib
import inspect
import os
import random
import shutil
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.mutation.operators import Mutant, mutants

ROOT: Final = Path(__file__).resolve().parents[2] / "settlement"
FILES: Final = (
    "contracts/collecting.py", "contracts/cutting.py", "contracts/deadlines.py",
    "contracts/defaults.py", "contracts/delivering.py", "contracts/disputes.py",
    "contracts/duties.py", "contracts/invoicing.py", "contracts/money.py", "contracts/paying.py",
    "contracts/settling.py", "contracts/statement.py", "contracts/timers.py", "delivery.py",
)  # fmt: skip
FOLDER: Final = "tests/settlement/contracts"
TESTS: Final = ("test_money", "test_time", "test_late", "test_disputes", "test_reminders",
                "test_journeys", "test_machine")  # fmt: skip
LIMIT_S: Final = 400
"""A fault with which the tests run longer loops for ever, which they have noticed: killed."""


class Leave:
    """Ends a fork with its result before anything of the parent's is cleaned up."""

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        os._exit(int(exitstatus))


def warm() -> None:
    """Import what every trial needs, so that a fork finds it loaded, and migrate once."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    code = pytest.main(["-q", "-p", "no:xdist", f"{FOLDER}/test_money.py"], plugins=[Keep()])
    if code:
        raise SystemExit("the tests fail without any fault")
    for name in TESTS:
        importlib.import_module(f"{FOLDER.replace('/', '.')}.{name}")


class Keep:
    """Keeps the migrated database of the first session for the forks; `main` removes it."""

    @pytest.hookimpl(wrapper=True)
    def pytest_unconfigure(self, config: pytest.Config) -> Iterator[None]:
        from tests.environment import HOME

        aside = HOME.rename(f"{HOME}-kept")
        yield
        aside.rename(HOME)
        atexit.register(shutil.rmtree, HOME, ignore_errors=True)


def plant(mutant: Mutant) -> None:
    """Replace the code of the mutant's function in this process."""
    name = mutant.file.removesuffix(".py").replace("/", ".")
    found: Any = importlib.import_module(f"settlement.{name}")
    for part in mutant.function.split("."):
        found = vars(found)[part] if isinstance(found, ModuleType | type) else getattr(found, part)
    if isinstance(found, property):
        found = found.fget
    inspect.unwrap(getattr(found, "__func__", found)).__code__ = mutant.code


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
            paths = [f"{FOLDER}/{name}.py" for name in TESTS]
            arguments = ["-x", "-q", "-p", "no:xdist", "-p", "no:warnings", *paths]
            code = int(pytest.main(arguments, plugins=[Leave()]))
        except BaseException:
            code = 1
        os._exit(code)
    until = time.monotonic() + LIMIT_S
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.1)


def line(mutant: Mutant) -> str:
    """Return what is printed of a fault."""
    return f"{mutant.file} | {mutant.function} | {mutant.name}"


def chosen(sample: int, seed: int, only: list[str]) -> list[Mutant]:
    """Return a sample of all faults, or of those whose line contains one of the texts."""
    found = [m for f in FILES for m in mutants(f, (ROOT / f).read_text(encoding="utf-8"))]
    found = [m for m in found if not only or any(text in line(m) for text in only)]
    picked = set(random.Random(seed).sample(range(len(found)), min(sample, len(found))))
    return [mutant for number, mutant in enumerate(found) if number in picked]


def main() -> int:
    """Try the faults, say how it goes, and list the survivors; 1 if there are some unexplained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=40, help="how many faults")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--only", nargs="*", default=[], help="faults whose line contains a text")
    arguments = parser.parse_args()
    listed = tomllib.loads((Path(__file__).parent / "settlement.toml").read_text("utf-8"))
    same = {(one["file"], one["function"], one["name"]) for one in listed["mutant"]}
    warm()
    if not survives(None):
        parser.error("the tests fail without any fault")
    tried: Counter[str] = Counter()
    alive: list[Mutant] = []
    for mutant in chosen(arguments.sample, arguments.seed, arguments.only):
        key = (mutant.file, mutant.function, mutant.name)
        begun = time.monotonic()
        if key in same:
            print("equivalent:", line(mutant), flush=True)
            continue
        tried[mutant.file] += 1
        lives = survives(mutant)
        alive += [mutant] * lives
        took = time.monotonic() - begun
        print(f"{'ALIVE' if lives else 'killed'} {took:.0f} s:", line(mutant), flush=True)
    print("| File | Tried | Alive |\n|---|---|---|")
    for file in sorted(tried):
        print(f"| {file} | {tried[file]} | {sum(one.file == file for one in alive)} |")
    print(f"| all | {tried.total()} | {len(alive)} |")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
