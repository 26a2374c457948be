"""The same commands give the same bytes on Python 3.11, 3.12 and 3.13, and under any hash seed.

Looks for those Pythons on the path and among pyenv's, gives each an environment of its own with
what the engine needs, and compares the digests of one random run (`tests.matching.digest`). A
version that this machine has not is named and left out.

Run: python -m tests.versions [PYTHON ...]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
HOME: Final = ROOT / ".venv-versions"
VERSIONS: Final = ("3.11", "3.12", "3.13")
SEEDS: Final = ("0", "1", "42")


def version_of(python: Path | str) -> str:
    """Return the version of an interpreter, such as 3.12; "" if it does not run."""
    said = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", said], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def found() -> dict[str, str]:
    """Return an interpreter of each version that this machine has."""
    named = [shutil.which(f"python{version}") or "" for version in VERSIONS]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    named += map(str, sorted(pyenv.glob("versions/3.1[123]*/bin/python3")))
    return {version_of(python): python for python in named if python and version_of(python)}


def environment(version: str, python: str) -> str:
    """Return an interpreter of that version with the engine's packages, made if need be."""
    place = HOME / version
    made = place / "bin" / "python"
    lock = Path(__file__).parent / "requirements.lock"
    if not (place / ".installed").exists():
        subprocess.run([python, "-m", "venv", "--clear", place], check=True)
        pip = [made, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", lock], check=True)
        (place / ".installed").touch()
    return str(made)


def main() -> int:
    """Compare the digests; 1 if any two differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="*", help="interpreters to compare, instead of looking")
    named = parser.parse_args().pythons
    pythons = {version_of(one): one for one in named} if named else found()
    digests: set[str] = set()
    for version in VERSIONS:
        if version not in pythons:
            print(f"Python {version}: not on this machine")
            continue
        python = environment(version, pythons[version])
        for seed in SEEDS:
            command = [python, "-m", "tests.matching.digest"]
            done = subprocess.run(
                command,
                env=os.environ | {"PYTHONHASHSEED": seed},
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            digests.add(done.stdout.strip())
            print(f"Python {version}, hash seed {seed}: {done.stdout.strip()}", flush=True)
    if len(digests) != 1:
        print("different bytes" if digests else "no Python to compare: name one")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
