"""What the product refuses to run with. Django runs the registered ones in `manage.py check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import pysqlite3
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from config.env import Environment

LEAST_SQLITE: Final = (3, 51, 3)
"""Older ones can corrupt a WAL file that two connections write."""


def refuse_optimized(optimize: int) -> None:
    """Exit under `python -O`: assertions are what stops a venue before a bug reaches its books."""
    if optimize:
        sys.exit("Haidai does not run under python -O or PYTHONOPTIMIZE: its assertions must hold.")


@register(Tags.database)
def sqlite_is_new_enough(app_configs: Any, **options: Any) -> Sequence[CheckMessage]:
    """Refuse an SQLite that can damage the database."""
    uses_sqlite = "sqlite3" in settings.DATABASES["default"]["ENGINE"]
    if not uses_sqlite or pysqlite3.sqlite_version_info >= LEAST_SQLITE:
        return []
    return [
        Error(
            f"SQLite {pysqlite3.sqlite_version} is too old: 3.51.3 or newer is needed.",
            hint="Install the pinned pysqlite3 wheel: make install",
            id="haidai.E001",
        )
    ]


@register(Tags.security)
def debug_stays_at_home(app_configs: Any, **options: Any) -> Sequence[CheckMessage]:
    """Refuse debug pages on an installation that is served over HTTPS."""
    if not (settings.DEBUG and settings.HTTPS):
        return []
    return [
        Error(
            "HAIDAI_DEBUG=1 with HAIDAI_HTTPS=1: error pages would show secrets to everybody.",
            hint="Unset HAIDAI_DEBUG.",
            id="haidai.E002",
        )
    ]


@register(Tags.security, deploy=True)
def key_is_kept(app_configs: Any, **options: Any) -> Sequence[CheckMessage]:
    """Refuse a key that is made up at each start: sessions would end and differ per process."""
    kept = settings.HAIDAI_DATA_DIR / "secret.key"
    if Environment().text("SECRET_KEY", "") or kept.is_file():
        return []
    return [
        Error(
            f"SECRET_KEY is not set and {kept} does not exist.",
            hint="Set SECRET_KEY, or start `manage.py serve` once: it makes and keeps a key.",
            id="haidai.E003",
        )
    ]
