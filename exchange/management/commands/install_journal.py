"""Make the journal's tables on PostgreSQL."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError

from exchange.journal import install


class Command(BaseCommand):
    help = (
        "Make the journal's tables, triggers and grants in a PostgreSQL database, as its owner."
        " The roles haidai_app, haidai_engine and haidai_follower must exist. Safe to repeat."
        " A SQLite journal needs none of this: the engine makes its own file."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="postgresql://haidai_owner@host/name")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["url"].startswith("postgres"):
            raise CommandError("only PostgreSQL needs this: postgresql://owner@host/name")
        try:
            install(options["url"])
        except psycopg.Error as error:
            raise CommandError(f"PostgreSQL refused: {error}") from error
        self.stdout.write("the journal's tables are in place")
