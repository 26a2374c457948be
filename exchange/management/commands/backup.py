"""Copy the databases of a data directory while the product runs or rests."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pysqlite3
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from exchange.archive import open_archive
from exchange.blocks import DamagedBlock
from exchange.journal import JournalError, SqliteJournal, verified
from exchange.link import LinkError


class Command(BaseCommand):
    help = (
        "Copy the application's database and the journal into a new directory, with the market"
        " open or closed; every block is checked on its way. To restore, start the product with"
        " HAIDAI_DATA_DIR naming the copy. The application's database is copied only where it is"
        " SQLite; for PostgreSQL use its own tools beside this."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="a directory that does not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        directory: Path = options["directory"]
        try:
            directory.mkdir(parents=True)
        except OSError as error:
            raise CommandError(f"{directory} exists or can not be made") from error
        # The followers' rows first: the journal's copy must reach at least as far as they have.
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            with pysqlite3.connect(directory / "app.sqlite3") as copy:
                connection.connection.backup(copy)
            copy.close()
            self.stdout.write("app.sqlite3: copied")
        try:
            with open_archive(
                settings.HAIDAI_DATA_DIR, settings.JOURNAL_URL, settings.ENGINE_LINK
            ) as archive:
                self.stdout.write(f"reading {archive.source}")
                journal = SqliteJournal(str(directory / "journal.sqlite3"))
                for venue_id in archive.venue_ids():
                    count = journal.copy_in(verified(archive.blocks(venue_id)))
                    self.stdout.write(f"journal.sqlite3: venue {venue_id}, {count} blocks")
                journal.close()
        except (JournalError, LinkError, DamagedBlock) as error:
            raise CommandError(str(error)) from error
