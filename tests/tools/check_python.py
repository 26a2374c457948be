"""Say plainly when this Python is too old or too new. Runs before anything is installed."""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        f"Haidai needs Python 3.11, 3.12 or 3.13; this is {found}. Try: make PYTHON=python3.11 …"
    )
try:
    import ensurepip  # noqa: F401
except ImportError:
    sys.exit("This Python cannot make virtual environments. Try: apt-get install python3-venv")
