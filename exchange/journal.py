"""The journal: append-only blocks, snapshots and the lease of the one writer.

Not a Django model: it owns its tables, triggers and plain SQL in two dialects, and its own
connection. On SQLite exactly one connection exists, exclusive, beside a locked data directory; on
PostgreSQL each append is one autocommit statement that takes its lease row FOR SHARE and checks
the epoch, so that a frozen writer can neither overwrite nor block its successor (RELIABILITY D1,
D2). Any exception from `append` means that the outcome is unknown: drop the engine and replay.
"""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
import pysqlite3

from exchange.blocks import GENESIS, Block, DamagedBlock
from exchange.limits import LEASE_TTL_MS, SNAPSHOTS_KEPT
from matching.units import VenueId

LEAST_SQLITE: Final = (3, 51, 3)
"""Older libraries can corrupt a WAL file that two connections write."""

_COLUMNS: Final = (
    "venue_id, seq, epoch, ts_us, prev_hash, hash,"
    " commands, events, event_hash, engine_version, fmt"
)

_SQLITE_TABLES: Final = """
CREATE TABLE IF NOT EXISTS journal_block (
    venue_id INTEGER NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL,
    ts_us INTEGER NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL,
    commands BLOB NOT NULL, events BLOB NOT NULL, event_hash BLOB NOT NULL,
    engine_version TEXT NOT NULL, fmt INTEGER NOT NULL,
    PRIMARY KEY (venue_id, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal_lease (
    venue_id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS journal_snapshot (
    venue_id INTEGER NOT NULL, seq INTEGER NOT NULL, block_hash BLOB NOT NULL,
    event_hash BLOB NOT NULL, engine_version TEXT NOT NULL, sha256 BLOB NOT NULL,
    state BLOB NOT NULL, PRIMARY KEY (venue_id, seq)
);
CREATE TRIGGER IF NOT EXISTS journal_block_no_update BEFORE UPDATE ON journal_block
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS journal_block_no_delete BEFORE DELETE ON journal_block
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""

_POSTGRES_TABLES: Final = """
CREATE TABLE IF NOT EXISTS journal_block (
    venue_id integer NOT NULL, seq bigint NOT NULL, epoch bigint NOT NULL,
    ts_us bigint NOT NULL, prev_hash bytea NOT NULL, hash bytea NOT NULL,
    commands bytea NOT NULL, events bytea NOT NULL, event_hash bytea NOT NULL,
    engine_version text NOT NULL, fmt integer NOT NULL,
    PRIMARY KEY (venue_id, seq)
);
CREATE TABLE IF NOT EXISTS journal_lease (
    venue_id integer PRIMARY KEY, epoch bigint NOT NULL, renewed_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS journal_snapshot (
    venue_id integer NOT NULL, seq bigint NOT NULL, block_hash bytea NOT NULL,
    event_hash bytea NOT NULL, engine_version text NOT NULL, sha256 bytea NOT NULL,
    state bytea NOT NULL, PRIMARY KEY (venue_id, seq)
);
CREATE OR REPLACE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$;
DROP TRIGGER IF EXISTS journal_block_append_only ON journal_block;
CREATE TRIGGER journal_block_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_block
    FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse();
REVOKE ALL ON journal_block, journal_snapshot, journal_lease
    FROM PUBLIC, haidai_app, haidai_follower, haidai_engine;
GRANT SELECT, INSERT ON journal_block TO haidai_engine;
GRANT SELECT, INSERT, DELETE ON journal_snapshot TO haidai_engine;
GRANT SELECT, INSERT, UPDATE ON journal_lease TO haidai_engine;
"""


class JournalError(Exception):
    """The journal cannot be used. The message says what to do."""


class Fenced(JournalError):
    """Another writer holds the lease of this venue: this one must stop at once."""


class LeaseHeld(JournalError):
    """Another writer's lease of this venue is alive."""


class SnapshotClaim(NamedTuple):
    """What a snapshot says about itself; `held` is the SHA-256 of the bytes that it really has."""

    seq: int
    block_hash: bytes
    event_hash: bytes
    engine_version: str
    sha256: bytes
    held: bytes


class Journal(ABC):
    """Blocks of all venues behind one connection. One instance writes; others may only read."""

    @abstractmethod
    def acquire(self, venue_id: VenueId, *, held_epoch: int = 0, wait_ms: int = 0) -> int:
        """Become the writer of a venue; return the new epoch, higher than any before.

        `held_epoch` is the caller's own lease, if it has one. Another's is waited for up to
        `wait_ms`; raises `LeaseHeld` when it is alive after that.
        """

    @abstractmethod
    def release(self, venue_id: VenueId, epoch: int) -> None:
        """Let the lease go, so that a successor need not wait for it to run out."""

    @abstractmethod
    def renew(self, venue_id: VenueId, epoch: int) -> None:
        """Keep the lease alive; raises `Fenced` when it is another's."""

    @abstractmethod
    def append(self, block: Block) -> None:
        """Make a block durable under its epoch. Raises `Fenced`, or anything: outcome unknown."""

    @abstractmethod
    def read(self, venue_id: VenueId, after_seq: int, most: int) -> list[Block]:
        """Return up to `most` blocks after `after_seq`, in order, unverified."""

    @abstractmethod
    def last(self, venue_id: VenueId) -> Block | None:
        """Return the newest block."""

    @abstractmethod
    def venue_ids(self) -> list[VenueId]:
        """Return the venues that have blocks."""

    @abstractmethod
    def save_snapshot(self, block: Block, state: bytes) -> None:
        """Keep the engine's state after `block`; the newest `SNAPSHOTS_KEPT` stay."""

    @abstractmethod
    def newest_snapshot(self, venue_id: VenueId) -> int:
        """Return the block of the newest snapshot, 0 when there is none."""

    @abstractmethod
    def snapshots(self, venue_id: VenueId) -> Iterator[tuple[Any, ...]]:
        """Yield (seq, block_hash, event_hash, engine_version, sha256, state), newest first."""

    @abstractmethod
    def close(self) -> None:
        """Release the connection."""

    def blocks(self, venue_id: VenueId, after_seq: int = 0) -> Iterator[Block]:
        """Yield all blocks after `after_seq`, in order, unverified."""
        while True:
            batch = self.read(venue_id, after_seq, 500)
            if not batch:
                return
            yield from batch
            after_seq = batch[-1].seq

    def claims(self, venue_id: VenueId) -> list[SnapshotClaim]:
        """Return what the kept snapshots claim and hold, newest first."""
        return [
            SnapshotClaim(
                seq,
                bytes(block_hash),
                bytes(event_hash),
                version,
                bytes(sha256),
                hashlib.sha256(state).digest(),
            )
            for seq, block_hash, event_hash, version, sha256, state in self.snapshots(venue_id)
        ]

    def good_snapshot(self, venue_id: VenueId, engine_version: str) -> tuple[Block, bytes] | None:
        """Return the newest snapshot that is whole and fits its block, with that block.

        Raises `DamagedBlock` when that block is not what was written.
        """
        for seq, block_hash, event_hash, version, sha256, state in self.snapshots(venue_id):
            if version != engine_version or hashlib.sha256(state).digest() != bytes(sha256):
                continue
            found = self.read(venue_id, seq - 1, 1)
            if not found or found[0].seq != seq:
                continue
            block = found[0]
            block.verify(block.prev_hash)
            if block.hash == bytes(block_hash) and block.event_hash == bytes(event_hash):
                return block, bytes(state)
        return None


def verified(
    blocks: Iterable[Block],
    *,
    after_seq: int = 0,
    prev_hash: bytes = GENESIS,
    prev_event_hash: bytes = GENESIS,
    epoch: int = 0,
) -> Iterator[Block]:
    """Yield blocks; raise `DamagedBlock` at the first that is missing, altered or out of order."""
    for block in blocks:
        if block.seq != after_seq + 1:
            raise DamagedBlock(f"venue {block.venue_id}, block {after_seq + 1}: is missing")
        block.verify(prev_hash, prev_event_hash)
        if block.epoch < epoch:
            raise DamagedBlock(f"venue {block.venue_id}, block {block.seq}: its epoch goes back")
        yield block
        after_seq, prev_hash, prev_event_hash, epoch = (
            block.seq,
            block.hash,
            block.event_hash,
            block.epoch,
        )


def _row(block: Block) -> tuple[Any, ...]:
    return (
        block.venue_id,
        block.seq,
        block.epoch,
        block.ts_us,
        block.prev_hash,
        block.hash,
        block.commands,
        block.events,
        block.event_hash,
        block.engine_version,
        block.fmt,
    )


def _block(row: Any) -> Block:
    return Block(
        row[0],
        row[1],
        row[2],
        row[3],
        bytes(row[4]),
        bytes(row[5]),
        bytes(row[6]),
        bytes(row[7]),
        bytes(row[8]),
        row[9],
        row[10],
    )


class SqliteJournal(Journal):
    """The journal in one SQLite file, held exclusively by this connection."""

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        if pysqlite3.sqlite_version_info < LEAST_SQLITE:
            raise JournalError(
                f"SQLite {pysqlite3.sqlite_version} is too old: 3.51.3 or newer is needed"
            )
        if read_only:
            if not Path(path).is_file():
                raise JournalError(f"there is no journal at {path}")
            self._db = pysqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
            try:
                self._db.execute("SELECT 1 FROM journal_block LIMIT 1")
            except pysqlite3.DatabaseError as error:
                self._db.close()
                raise JournalError(f"{path} can not be read as a journal ({error})") from error
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = pysqlite3.connect(path, isolation_level=None, timeout=2)
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            mode = self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            self._db.execute("PRAGMA synchronous=FULL")
            full = self._db.execute("PRAGMA synchronous").fetchone()[0]
            self._db.executescript(_SQLITE_TABLES)
        except pysqlite3.OperationalError as error:
            self._db.close()
            raise JournalError(f"{path} is in use by another process ({error})") from error
        # NORMAL lost acknowledged commits in 1,235 of 2,000 simulated power losses, FULL in none.
        assert (mode, full) == ("wal", 2), "the journal is durable or it is not a journal"

    def acquire(self, venue_id: VenueId, *, held_epoch: int = 0, wait_ms: int = 0) -> int:
        """See `Journal.acquire`; the exclusive file is the fence, the epoch is for the record."""
        if self._db.in_transaction:  # left by an append that failed
            self._db.execute("ROLLBACK")
        last = self.last(venue_id)  # a restored journal may have blocks and no lease
        row = self._db.execute(
            "INSERT INTO journal_lease (venue_id, epoch) VALUES (?, ? + 1)"
            " ON CONFLICT (venue_id) DO UPDATE SET epoch = max(epoch + 1, excluded.epoch)"
            " RETURNING epoch",
            (venue_id, last.epoch if last else 0),
        ).fetchone()
        return int(row[0])

    def release(self, venue_id: VenueId, epoch: int) -> None:
        """See `Journal.release`; the file is let go when it is closed."""

    def renew(self, venue_id: VenueId, epoch: int) -> None:
        """See `Journal.renew`; an exclusive file needs no renewal."""

    def append(self, block: Block) -> None:
        """See `Journal.append`."""
        self._db.execute(
            f"INSERT INTO journal_block ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            _row(block),
        )

    def copy_in(self, blocks: Iterable[Block]) -> int:
        """Write blocks of a backup, one transaction for each thousand; return how many."""
        rows = map(_row, blocks)
        count = 0
        while batch := list(islice(rows, 1000)):
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                f"INSERT INTO journal_block ({_COLUMNS})"  # noqa: S608
                " VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                batch,
            )
            self._db.execute("COMMIT")
            count += len(batch)
        return count

    def read(self, venue_id: VenueId, after_seq: int, most: int) -> list[Block]:
        """See `Journal.read`."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM journal_block WHERE venue_id=? AND seq>?"  # noqa: S608
            " ORDER BY seq LIMIT ?",
            (venue_id, after_seq, most),
        )
        return [_block(row) for row in rows]

    def last(self, venue_id: VenueId) -> Block | None:
        """See `Journal.last`."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM journal_block WHERE venue_id=?"  # noqa: S608
            " ORDER BY seq DESC LIMIT 1",
            (venue_id,),
        ).fetchone()
        return _block(row) if row else None

    def venue_ids(self) -> list[VenueId]:
        """See `Journal.venue_ids`."""
        rows = self._db.execute("SELECT DISTINCT venue_id FROM journal_block ORDER BY venue_id")
        return [int(row[0]) for row in rows]

    def save_snapshot(self, block: Block, state: bytes) -> None:
        """See `Journal.save_snapshot`."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO journal_snapshot VALUES (?,?,?,?,?,?,?)",
                (
                    block.venue_id,
                    block.seq,
                    block.hash,
                    block.event_hash,
                    block.engine_version,
                    hashlib.sha256(state).digest(),
                    state,
                ),
            )
            self._db.execute(
                "DELETE FROM journal_snapshot WHERE venue_id=? AND seq NOT IN (SELECT seq FROM"
                " journal_snapshot WHERE venue_id=? ORDER BY seq DESC LIMIT ?)",
                (block.venue_id, block.venue_id, SNAPSHOTS_KEPT),
            )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def newest_snapshot(self, venue_id: VenueId) -> int:
        """See `Journal.newest_snapshot`."""
        row = self._db.execute(
            "SELECT coalesce(max(seq), 0) FROM journal_snapshot WHERE venue_id=?", (venue_id,)
        ).fetchone()
        return int(row[0])

    def snapshots(self, venue_id: VenueId) -> Iterator[tuple[Any, ...]]:
        """See `Journal.snapshots`."""
        yield from self._db.execute(
            "SELECT seq, block_hash, event_hash, engine_version, sha256, state"
            " FROM journal_snapshot WHERE venue_id=? ORDER BY seq DESC",
            (venue_id,),
        ).fetchall()

    def close(self) -> None:
        """See `Journal.close`."""
        self._db.close()


class PostgresJournal(Journal):
    """The journal in PostgreSQL, under the role `haidai_engine`; tables by `install`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._doubt = ""
        self._db = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        try:
            db = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
            db.add_notice_handler(self._noticed)
            # A frozen client must never hold a transaction open against its successor.
            db.execute("SET idle_in_transaction_session_timeout = '1s'")
        except psycopg.OperationalError as error:
            raise JournalError(f"PostgreSQL does not answer: {error}") from error
        if db.execute("SELECT to_regclass('journal_block')").fetchone() == (None,):
            db.close()
            raise JournalError("the journal has no tables yet: run manage.py install_journal")
        return db

    def _noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "canceling wait for synchronous replication" in text:
            self._doubt = text

    def acquire(self, venue_id: VenueId, *, held_epoch: int = 0, wait_ms: int = 0) -> int:
        """See `Journal.acquire`; the database's clock decides whether a lease is alive."""
        if self._db.closed:
            self._db = self._connect()
        last = self.last(venue_id)
        give_up_at = time.monotonic_ns() + wait_ms * 1_000_000
        while True:
            row = self._db.execute(
                "INSERT INTO journal_lease AS l (venue_id, epoch, renewed_at)"
                " VALUES (%s, %s + 1, clock_timestamp()) ON CONFLICT (venue_id) DO UPDATE"
                " SET epoch = greatest(l.epoch + 1, excluded.epoch), renewed_at = clock_timestamp()"
                " WHERE l.epoch = %s"
                " OR l.renewed_at < clock_timestamp() - %s * interval '1 millisecond'"
                " RETURNING epoch",
                (venue_id, last.epoch if last else 0, held_epoch, LEASE_TTL_MS),
            ).fetchone()
            if row is not None:
                return int(row[0])
            if time.monotonic_ns() >= give_up_at:
                raise LeaseHeld(f"venue {venue_id} has a writer whose lease is alive")
            time.sleep(0.1)

    def release(self, venue_id: VenueId, epoch: int) -> None:
        """See `Journal.release`."""
        try:
            self._db.execute(
                "UPDATE journal_lease SET renewed_at = '-infinity'"
                " WHERE venue_id = %s AND epoch = %s",
                (venue_id, epoch),
            )
        except psycopg.Error as error:
            raise JournalError(f"venue {venue_id}: the lease was not released") from error

    def renew(self, venue_id: VenueId, epoch: int) -> None:
        """See `Journal.renew`."""
        done = self._db.execute(
            "UPDATE journal_lease SET renewed_at = clock_timestamp()"
            " WHERE venue_id = %s AND epoch = %s",
            (venue_id, epoch),
        )
        if done.rowcount != 1:
            raise Fenced(f"venue {venue_id}: another writer holds the lease")

    def append(self, block: Block) -> None:
        """See `Journal.append`; one statement, so that nothing is ever half appended."""
        self._doubt = ""
        done = self._db.execute(
            f"INSERT INTO journal_block ({_COLUMNS})"  # noqa: S608
            " SELECT %s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s FROM journal_lease"
            " WHERE venue_id = %s AND epoch = %s FOR SHARE",
            (*_row(block), block.venue_id, block.epoch),
        )
        if done.rowcount != 1:
            raise Fenced(f"venue {block.venue_id}: another writer holds the lease")
        if self._doubt:
            raise JournalError(f"venue {block.venue_id}: outcome unknown: {self._doubt}")

    def read(self, venue_id: VenueId, after_seq: int, most: int) -> list[Block]:
        """See `Journal.read`."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM journal_block WHERE venue_id=%s AND seq>%s"  # noqa: S608
            " ORDER BY seq LIMIT %s",
            (venue_id, after_seq, most),
            binary=True,
        )
        return [_block(row) for row in rows]

    def last(self, venue_id: VenueId) -> Block | None:
        """See `Journal.last`."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM journal_block WHERE venue_id=%s"  # noqa: S608
            " ORDER BY seq DESC LIMIT 1",
            (venue_id,),
            binary=True,
        ).fetchone()
        return _block(row) if row else None

    def venue_ids(self) -> list[VenueId]:
        """See `Journal.venue_ids`."""
        rows = self._db.execute("SELECT DISTINCT venue_id FROM journal_block ORDER BY venue_id")
        return [int(row[0]) for row in rows]

    def save_snapshot(self, block: Block, state: bytes) -> None:
        """See `Journal.save_snapshot`."""
        self._db.execute(
            "INSERT INTO journal_snapshot VALUES (%s,%s,%s,%s,%s,%s,%s) ON CONFLICT DO NOTHING",
            (
                block.venue_id,
                block.seq,
                block.hash,
                block.event_hash,
                block.engine_version,
                hashlib.sha256(state).digest(),
                state,
            ),
        )
        self._db.execute(
            "DELETE FROM journal_snapshot WHERE venue_id=%s AND seq NOT IN (SELECT seq FROM"
            " journal_snapshot WHERE venue_id=%s ORDER BY seq DESC LIMIT %s)",
            (block.venue_id, block.venue_id, SNAPSHOTS_KEPT),
        )

    def newest_snapshot(self, venue_id: VenueId) -> int:
        """See `Journal.newest_snapshot`."""
        row = self._db.execute(
            "SELECT coalesce(max(seq), 0) FROM journal_snapshot WHERE venue_id=%s", (venue_id,)
        ).fetchone()
        return int(row[0]) if row else 0

    def snapshots(self, venue_id: VenueId) -> Iterator[tuple[Any, ...]]:
        """See `Journal.snapshots`."""
        yield from self._db.execute(
            "SELECT seq, block_hash, event_hash, engine_version, sha256, state"
            " FROM journal_snapshot WHERE venue_id=%s ORDER BY seq DESC",
            (venue_id,),
            binary=True,
        ).fetchall()

    def close(self) -> None:
        """See `Journal.close`."""
        self._db.close()


def open_journal(url: str, *, read_only: bool = False) -> Journal:
    """Open `sqlite:///path` or `postgresql://…`. A SQLite journal in use raises `JournalError`."""
    if url.startswith("sqlite:///"):
        return SqliteJournal(url.removeprefix("sqlite://"), read_only=read_only)
    return PostgresJournal(url)


def install(owner_url: str) -> None:
    """Make the journal's tables on PostgreSQL, as the owner; SQLite makes its own."""
    if not owner_url.startswith("sqlite:"):
        with psycopg.connect(owner_url, autocommit=True) as db:
            db.execute(_POSTGRES_TABLES)
