"""Hold the migrations that new databases begin with against the ones that they stand for.

A new database takes the squashed step, an old one has come by each of the steps that it replaces;
both must end with the same tables, constraints, indexes, triggers and functions. Makes two
databases of each kind, SQLite and PostgreSQL, brings one up by each way, and prints what differs.

Run: python -m tests.upgrades
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

LAST: Final = (("exchange", "0004_order_cancel_reason"), ("settlement", "0026_replacement"))
"""The last steps that have a squashed one."""
OURS: Final = ("exchange", "settlement")

POSTGRESQL: Final = """
SELECT 'column', table_name, column_name, data_type, is_nullable, coalesce(column_default, ''),
    coalesce(character_maximum_length, 0)::text
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid),
    contype::text, '', ''
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '', ''
FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '', ''
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', '', proname, prosrc, '', '', ''
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def parts(body: str) -> list[str]:
    """Return what stands between the commas of a table's definition, outside all brackets."""
    found, depth, start = [], 0, 0
    for place, sign in enumerate(body):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            found.append(body[start:place])
            start = place + 1
    return [part.strip() for part in [*found, body[start:]]]


def sqlite_schema(rows: list[tuple[str, str, str]]) -> list[str]:
    """Return what a SQLite database says of itself; the order of columns does not matter."""
    said = []
    for kind, name, sql in rows:
        flat = re.sub(r"\s+", " ", sql)
        if kind == "table":
            body = flat[flat.index("(") + 1 : flat.rindex(")")]
            said += [f"table {name}: {part}" for part in parts(body)]
        else:
            said.append(f"{kind} {name}: {flat}")
    return said


def bring_up(way: str) -> list[str]:
    """Migrate the database that the settings name, by one way, and return what it then is."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.loader import MigrationLoader

    class Loader(MigrationLoader):
        def load_disk(self) -> None:
            """Know the steps of the one way alone."""
            super().load_disk()
            if way == "long":
                steps = self.disk_migrations.items()
                self.disk_migrations = {key: one for key, one in steps if not one.replaces}

    executor = MigrationExecutor(connection)
    executor.loader = Loader(connection)
    nodes = executor.loader.graph.nodes
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] not in OURS]
    for node in LAST:
        targets += [key for key in nodes if key == node or node in nodes[key].replaces]
    executor.migrate(targets)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            return sorted(sqlite_schema(cursor.fetchall()))
        cursor.execute(POSTGRESQL)
        return sorted(" | ".join(row) for row in cursor.fetchall())


def asked(way: str, address: str, home: Path) -> list[str]:
    """Return what `bring_up` says in a process of its own, for its settings are read once."""
    environment = os.environ | {"DATABASE_URL": address, "HAIDAI_DATA_DIR": str(home)}
    command = [sys.executable, "-m", "tests.upgrades", "--way", way]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    said: list[str] = json.loads(done.stdout)
    return said


def main() -> int:
    """Compare both ways on both kinds of database; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=["short", "long"], help="print one database as JSON")
    way = parser.parse_args().way
    if way:
        print(json.dumps(bring_up(way)))
        return 0
    from tests.servers import Postgres

    differences = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        postgres: Any = Postgres(home / "postgresql")
        try:
            for kind in ("SQLite", "PostgreSQL"):
                found = []
                for way in ("short", "long"):
                    address = f"sqlite://{home / way}.sqlite3"
                    if kind == "PostgreSQL":
                        address = postgres.url("haidai_owner", postgres.new_database())
                    print(f"{kind}, the {way} way ...", flush=True)
                    found.append(asked(way, address, home))
                short, long = map(set, found)
                assert len(long) > 500, "a whole database was looked at"
                for way, lines in (("short", short - long), ("long", long - short)):
                    for line in sorted(lines):
                        print(f"  only the {way} way: {line}")
                        differences += 1
                print(f"{kind}: {len(short & long)} definitions are the same")
        finally:
            postgres.stop()
    return int(bool(differences))


if __name__ == "__main__":
    sys.exit(main())
