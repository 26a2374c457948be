"""Plant faults into the rules of contracts, one at a time, and see whether a test dies of each.

Like `tests.mutation` for the engine, on the code that moves money and title, over a database that
is migrated once. A sample of all faults of each file; `tests/settlement/MUTATION.md` says what came
of it. Faults that change nothing that anybody could see are listed in `settlement.toml`.

Run: python -m tests.mutation.settlement [--sample 40] [--seed 1] [--only TEXT of a fault's line]
"""

from __future__ import annotations

import argparse
import atexit
import importlib
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.mutation import trial
from tests.mutation.operators import Mutant, mutants

ROOT: Final = Path(__file__).resolve().parents[2] / "settlement"
FILES: Final = (
    "contracts/collecting.py", "contracts/cutting.py", "contracts/deadlines.py",
    "contracts/defaults.py", "contracts/delivering.py", "contracts/disputes.py",
    "contracts/duties.py", "contracts/exhibits.py", "contracts/invoicing.py", "contracts/money.py",
    "contracts/paying.py", "contracts/rating.py", "contracts/replacing.py",
    "contracts/settling.py", "contracts/statement.py", "contracts/timers.py", "delivery.py",
)  # fmt: skip
FOLDER: Final = "tests/settlement/contracts"
NAMES: Final = ("test_money", "test_time", "test_late", "test_disputes", "test_reminders",
                "test_theoretical", "test_replacing", "test_rating", "test_exhibits",
                "test_journeys", "test_machine")  # fmt: skip
# Last, what `delivery.py` has besides: contracts whose receipt passes as it is.
TESTS: Final = [*(f"{FOLDER}/{name}.py" for name in NAMES), "tests/settlement/test_settlement.py"]
LIMIT_S: Final = 400
"""A fault with which the tests run longer loops for ever: killed."""


class Keep:
    """Keeps the migrated database of the first session for the forks; the parent removes it."""

    @pytest.hookimpl(wrapper=True)
    def pytest_unconfigure(self, config: pytest.Config) -> Iterator[None]:
        from tests.environment import HOME

        aside = HOME.rename(f"{HOME}-kept")
        yield
        aside.rename(HOME)
        atexit.register(shutil.rmtree, HOME, ignore_errors=True)


def warm() -> None:
    """Import what every trial needs, so that a fork finds it loaded, and migrate once."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if pytest.main(["-q", "-p", "no:xdist", TESTS[0]], plugins=[Keep()]):
        raise SystemExit("the tests fail without any fault")
    for path in TESTS:
        importlib.import_module(path.removesuffix(".py").replace("/", "."))


def chosen(sample: int, seed: int, only: list[str]) -> list[Mutant]:
    """Return a sample of all faults, or of those whose line contains one of the texts."""
    found = [m for f in FILES for m in mutants(f, (ROOT / f).read_text(encoding="utf-8"))]
    found = [m for m in found if not only or any(text in " | ".join(trial.key(m)) for text in only)]
    picked = set(random.Random(seed).sample(range(len(found)), min(sample, len(found))))
    return [mutant for number, mutant in enumerate(found) if number in picked]


def main() -> int:
    """Try the faults, say how it goes, and list the survivors; 1 if there are some unexplained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=40, help="how many faults")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--only", nargs="*", default=[], help="faults whose line contains a text")
    arguments = parser.parse_args()
    warm()
    if not trial.survives("settlement", None, TESTS, LIMIT_S):
        parser.error("the tests fail without any fault")
    faults = chosen(arguments.sample, arguments.seed, arguments.only)
    lines = trial.attempt("settlement", faults, trial.reasons("settlement.toml"), TESTS, LIMIT_S)
    print("\n".join(lines))
    return int(bool(lines[-1]))


if __name__ == "__main__":
    sys.exit(main())
