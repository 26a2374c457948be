"""Compile the engine's hot files with mypyc, unchanged, into a wheel of `matching`.

The pure source is the product's default; the wheel is for whoever wants the engine faster. What
defines msgspec structs (commands, events, records, the states of negotiations and auctions) and
what runs rarely stays as it is, inside the same wheel.

Run: python -m tests.fast.build --out build/fast
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

HOT = (
    "book", "checks", "continuous", "cover", "engine", "holding", "instrument", "locks", "orders",
    "plain", "rules", "special", "state", "trading",
)  # fmt: skip


def build(out: Path) -> Path:
    """Return the wheel made in `out`, which is emptied first."""
    from mypyc.build import mypycify
    from setuptools import setup

    source = Path(__file__).resolve().parents[2] / "matching"
    shutil.rmtree(out, ignore_errors=True)
    copy = out / "source"
    shutil.copytree(source, copy / "matching", ignore=shutil.ignore_patterns("__pycache__"))
    wheels = (out / "wheel").resolve()
    os.chdir(copy)
    setup(
        name="haidai-matching",
        version="0.0.0",
        packages=["matching"],
        ext_modules=mypycify([f"matching/{name}.py" for name in HOT], opt_level="3"),
        script_args=["-q", "bdist_wheel", "-d", str(wheels)],
    )
    (wheel,) = wheels.glob("*.whl")
    return wheel


def main() -> None:
    """Build, and say where the wheel is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/fast"), help="emptied, then filled")
    print(build(parser.parse_args().out))


if __name__ == "__main__":
    main()
