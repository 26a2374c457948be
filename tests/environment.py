"""The environment of every test run, set before Django's settings are read.

Loaded as a plugin by `pyproject.toml`: a conftest would come too late. The tests never touch the
developer's data.
"""

import os
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="haidai-test-"))
(HOME / "static").mkdir()  # nothing is collected for tests; names stay plain
os.environ.update(
    {
        "HAIDAI_DATA_DIR": str(HOME),
        "SECRET_KEY": "tests-only-and-long-enough-for-django-checks-0123456789",
        "XDG_RUNTIME_DIR": str(HOME),
    }
)
for _name in ("DATABASE_URL", "JOURNAL_URL", "REDIS_URL", "ENGINE_LINK", "FEED_LINK"):
    os.environ.pop(_name, None)
