"""Static files: plain names before anything is collected, hashed ones and imports after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from web.staticfiles import ModuleAwareStorage


def test_names_stay_plain_where_nothing_was_collected(tmp_path: Path) -> None:
    storage = ModuleAwareStorage(location=tmp_path, base_url="/static/")
    assert storage.url("css/base.css") == "/static/css/base.css"
    assert storage.stored_name("js/core/feed.js") == "js/core/feed.js"


@pytest.fixture
def collected(tmp_path: Path, settings: Any) -> ModuleAwareStorage:
    """The product's own files, collected."""
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", "--noinput", verbosity=0)
    return ModuleAwareStorage(location=tmp_path, base_url="/static/")


def test_collected_files_have_hashed_names_and_so_have_the_imports_between_modules(
    collected: ModuleAwareStorage, tmp_path: Path
) -> None:
    assert collected.manifest_hash
    assert collected.url("css/base.css") != "/static/css/base.css"
    modules = {
        name: hashed for name, hashed in collected.hashed_files.items() if name.endswith(".js")
    }
    importing = 0
    for name, hashed in modules.items():
        if not name.startswith("js/"):
            continue
        text = (tmp_path / hashed).read_text(encoding="utf-8")
        for other, its_name in modules.items():
            if f'/{Path(other).name}"' in text and "import" in text:
                assert Path(its_name).name in text, f"{name} imports {other} by its plain name"
            importing += Path(its_name).name in text
    assert importing > 0
