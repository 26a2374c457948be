"""Plant faults into `matching/`, one at a time, and see whether a test dies of each.

All faults of cover, holding and the resale lock; a sample of the others. What nobody notices is
printed; `tests/mutation/equivalent.toml` lists those that change nothing that anybody could see,
each with its reason.

Run: python -m tests.mutation [--sample 200] [--only holding.py] [--like TEXT] [--seed 1]
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
from pathlib import Path

from tests.mutation import trial
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
TESTS = ("tests/scenarios", "tests/matching")
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


def chosen(sample: int, seed: int, only: str, like: list[str]) -> list[Mutant]:
    """Return the faults to try: all of `WHOLE` and a sample of the rest, or all of one file.

    With `like`, all whose line contains one of the texts.
    """

    def of(file: str) -> list[Mutant]:
        return list(mutants(file, (ROOT / "matching" / file).read_text(encoding="utf-8")))

    if only:
        return of(only)
    if like:
        every = [mutant for file in WHOLE + SAMPLED for mutant in of(file)]
        return [m for m in every if any(text in " | ".join(trial.key(m)) for text in like)]
    rest = [mutant for file in SAMPLED for mutant in of(file)]
    picked = set(random.Random(seed).sample(range(len(rest)), min(sample, len(rest))))
    return [mutant for file in WHOLE for mutant in of(file)] + [
        mutant for number, mutant in enumerate(rest) if number in picked
    ]


def main() -> int:
    """Try the faults, say how it goes, and list the survivors; 1 if there are some unexplained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=200, help="faults outside cover and lock")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--only", default="", help="all faults of one file, such as holding.py")
    parser.add_argument("--like", nargs="*", default=[], help="faults whose line contains a text")
    parser.add_argument("--report", type=Path, help="write the table and the survivors there, too")
    arguments = parser.parse_args()
    warm()
    if not trial.survives("matching", None, TESTS, LIMIT_S):
        parser.error("the tests fail without any fault: run `pytest tests/matching` first")
    faults = chosen(arguments.sample, arguments.seed, arguments.only, arguments.like)
    lines = trial.attempt("matching", faults, trial.reasons("equivalent.toml"), TESTS, LIMIT_S)
    print("\n".join(lines))
    if arguments.report:
        arguments.report.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(bool(lines[-1]))


if __name__ == "__main__":
    sys.exit(main())
