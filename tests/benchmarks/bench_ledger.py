"""Transfers a second through the ledger, everything on: chains, limits, triggers, hash chain.

2,000 firms' accounts and one hot account (the operator's fees) in a third of all transfers; chains
of 1 to 1,000 transfers, each in its own durable transaction. Posted transfers, holds, and holds
resolved by moving a part. SQLite with `synchronous=FULL`, PostgreSQL 18 with fsync.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

AT = dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC)
FIRMS = 2_000
OPENING = 10**9


def run(venue_id: int, count: int, *, firms: int = FIRMS) -> list[dict[str, Any]]:
    """Play `count` transfers for each batch size on the current database; return the figures."""
    from django.db import connection

    from exchange import scope
    from settlement import ledger
    from settlement.ledger import CNY, Code, Entry, Hold, Kind, Post

    chance = random.Random(7)
    seq = 0
    rows = []

    def entry() -> Any:
        payer = chance.randint(1, firms)
        if chance.random() < 1 / 3:
            payee: tuple[Code, int] = (Code.FEES, 0)
        else:
            payee = (Code.TRADING, payer % firms + 1)
        return (Code.TRADING, payer), payee, chance.randint(1, 100)

    def timed(flow: str, batch: int, chains: list[list[Any]]) -> list[Any]:
        nonlocal seq
        ids = []
        start = time.perf_counter()
        for chain in chains:
            seq += 1
            ids += ledger.post(chain, seq=seq, position="0/0", at=AT)
        took = time.perf_counter() - start
        total = sum(len(chain) for chain in chains)
        rows.append(
            {
                "database": connection.vendor,
                "flow": flow,
                "batch": batch,
                "transfers": total,
                "transfers_per_s": int(total / took),
            }
        )
        return ids

    with scope.venue(venue_id):
        seq += 1
        opening = [
            Entry(CNY, (Code.BANK, 0), (Code.TRADING, firm), OPENING, Kind.DEPOSIT)
            for firm in range(1, firms + 1)
        ]
        ledger.post(opening, seq=seq, position="open", at=AT)
        for batch in (1, 10, 100, 1_000):
            size = max(min(count, batch * 300), batch) // batch
            chains = [
                [Entry(CNY, *entry(), Kind.PAYMENT) for _ in range(batch)] for _ in range(size)
            ]
            timed("posted", batch, chains)
        batch = min(1_000, count)
        size = max(count // batch, 1)
        holds = timed(
            "hold",
            batch,
            [[Hold(CNY, *entry(), Kind.COMMIT) for _ in range(batch)] for _ in range(size)],
        )
        timed(
            "post a part",
            batch,
            [
                [Post(hold, 1) for hold in holds[start : start + batch]]
                for start in range(0, len(holds), batch)
            ],
        )
        start = time.perf_counter()
        faults = ledger.verify().fault
        rows.append(
            {
                "database": connection.vendor,
                "flow": "audit of the hash chain",
                "transfers_per_s": int(
                    sum(row["transfers"] for row in rows) / (time.perf_counter() - start)
                ),
                "faults": faults,
            }
        )
    return rows


def _here(count: int) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from exchange import reference

    venue = reference.load()[0]
    for row in run(venue.pk, count):
        print(json.dumps(row), flush=True)


def main() -> None:
    """Run on both databases, one after the other, each in a process and a directory of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=20_000, help="how many of each flow")
    parser.add_argument("--here", action="store_true", help="only on the configured database")
    options = parser.parse_args()
    if options.here:
        _here(options.transfers)
        return
    from tests import servers

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        own = {"HAIDAI_DATA_DIR": str(home / "data"), "SECRET_KEY": "benchmark-" * 6}
        (home / "data").mkdir()
        again = [sys.executable, "-m", "tests.benchmarks.bench_ledger", "--here"]
        again += ["--transfers", str(options.transfers)]
        print("SQLite, synchronous=FULL", flush=True)
        subprocess.run(again, check=True, env=os.environ | own)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        postgres = servers.Postgres(home / "postgresql")
        try:
            print("PostgreSQL, fsync on", flush=True)
            url = {"DATABASE_URL": postgres.url("haidai_owner")}
            subprocess.run(again, check=True, env=os.environ | own | url)
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
