"""Lay out a folder in which `matching` is the installed wheel and everything else is ours.

Run: python -m tests.fast.prepare --out build/fast/run
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("config", "exchange", "settlement", "tests", "web")


def main() -> None:
    """Copy all rooms but `matching` into a fresh folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/fast/run"), help="emptied first")
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(ROOT / part, out / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("manage.py", "pyproject.toml"):
        shutil.copy(ROOT / name, out / name)
    shutil.copytree(ROOT / "matching", out / "reading", ignore=shutil.ignore_patterns("*.py*"))


if __name__ == "__main__":
    main()
