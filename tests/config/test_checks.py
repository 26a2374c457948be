"""What the product refuses to run with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pysqlite3
import pytest

from config import checks

ROOT = Path(__file__).parents[2]


def ids(messages: Any) -> list[str]:
    return [message.id for message in messages]


@pytest.mark.parametrize(("flags", "variables"), [(["-O"], {}), ([], {"PYTHONOPTIMIZE": "1"})])
def test_without_assertions_nothing_starts(flags: list[str], variables: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, *flags, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "does not run under python -O" in done.stderr


def test_an_sqlite_that_damages_files_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    assert ids(checks.sqlite_is_new_enough(None)) == []
    monkeypatch.setattr(pysqlite3, "sqlite_version_info", (3, 40, 1))
    default = settings.DATABASES["default"]
    monkeypatch.setitem(default, "ENGINE", "django.db.backends.sqlite3")
    assert ids(checks.sqlite_is_new_enough(None)) == ["haidai.E001"]
    monkeypatch.setitem(default, "ENGINE", "django.db.backends.postgresql")
    assert ids(checks.sqlite_is_new_enough(None)) == []


@pytest.mark.parametrize(
    ("debug", "https", "found"),
    [
        (False, False, []),
        (True, False, []),
        (False, True, []),
        (True, True, ["haidai.E002"]),
    ],
)
def test_debug_pages_are_refused_over_https(
    settings: Any, *, debug: bool, https: bool, found: list[str]
) -> None:
    settings.DEBUG, settings.HTTPS = debug, https
    assert ids(checks.debug_stays_at_home(None)) == found


def test_a_deployment_keeps_its_key(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HAIDAI_DATA_DIR = tmp_path
    assert ids(checks.key_is_kept(None)) == []
    monkeypatch.delenv("SECRET_KEY")
    assert ids(checks.key_is_kept(None)) == ["haidai.E003"]
    (tmp_path / "secret.key").write_text("x" * 50)
    assert ids(checks.key_is_kept(None)) == []


def test_a_missing_folder_is_said_to_be_missing_without_a_traceback(tmp_path: Path) -> None:
    away = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        cwd=ROOT,
        env=away | {"HAIDAI_DATA_DIR": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "HAIDAI_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "nowhere").exists()
