"""Writing: one linked chain at a time, checked in order, inserted raw in one go."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.db import DatabaseError, connection, transaction

from exchange.scope import current_venue_id
from settlement.ledger import seal
from settlement.ledger.words import Action, Code, Entry, Hold, LedgerError, Post
from settlement.models.ledger import UNLIMITED_CODES, Account, Refusal, Step, Transfer

_NAMESPACE: Final = uuid.UUID("6f6d3a52-93c8-4f0e-a6b1-2b1f4a4d7c10")
_LOCK: Final = 0x4C44
"""First key of PostgreSQL's advisory lock; the second is the venue."""
_ACTIONS_MOST: Final = 0xFFFE
"""Highest number of an action: two bytes of its id, and the number after it is there, too."""
_INSERT: Final = """
INSERT INTO ledger_transfer (
    id, venue_id, number, step, ledger, debit_id, credit_id, amount, kind, pending_id,
    expires_at, trade_id, seq, at, hash
) SELECT
    value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
    value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13,
    unhex(value ->> 14)
FROM json_each(%s) ORDER BY key
"""
"""One statement for a chain, on SQLite: within a savepoint (and callers have one) a statement costs
the more the larger the file, and with one for each row that was most of the cost."""
_COPY: Final = """
COPY ledger_transfer (
    id, venue_id, number, step, ledger, debit_id, credit_id, amount, kind, pending_id,
    expires_at, trade_id, seq, at, hash
) FROM STDIN
"""

# Ends of the three: `_among`. The plus keeps the index by venue out of SQLite's plans: for some
# hundred ids it would rather read all that the venue ever wrote.
_HOLDS: Final = """
SELECT h.id, h.ledger, h.debit_id, h.credit_id, h.amount, h.kind, h.trade_id, h.expires_at,
    (SELECT r.id FROM ledger_transfer r WHERE r.pending_id = h.id)
FROM ledger_transfer h WHERE h.step = 'pending' AND +h.venue_id = %s AND h.id """
_SIDES: Final = """
SELECT a.id, a.ledger, a.code, a.firm_id, a.limited, a.credits, a.debits, a.debits_pending
FROM ledger_account a WHERE +a.venue_id = %s AND a.id """
_WRITTEN: Final = "SELECT t.* FROM ledger_transfer t WHERE +t.venue_id = %s AND t.id "


def transfer_id(*, seq: int, position: str, number: int = 0) -> uuid.UUID:
    """Return the id of the action `number` (from 0) of the chain at `seq` and `position`.

    Ids rise with the journal, so that new rows of an index lie side by side: with random ones a
    batch of 1,000 touched as many pages, the more the longer the ledger.
    """
    return uuid.UUID(bytes=_chain_id(seq, position) + number.to_bytes(2, "big"))


def _chain_id(seq: int, position: str) -> bytes:
    """Return what the ids of a chain begin with: 6 bytes of block, 8 of venue and position."""
    place = uuid.uuid5(_NAMESPACE, f"{current_venue_id()}/{position}")
    return seq.to_bytes(6, "big") + place.bytes[:8]


def post(
    entries: Iterable[Action], *, seq: int, position: str, at: dt.datetime, trade_id: int = 0
) -> tuple[uuid.UUID, ...]:
    """Write a linked chain at `position` of block `seq`; return the id of each action.

    Entries of zero are left out. A chain that exists with this content is left as it is. Raises
    `LedgerError` if a limited account would go below zero (holds count), a hold is not there to
    be resolved, an id has other content, or the chain was refused before.
    """
    ids = []
    actions = []
    chain = _chain_id(seq, position)
    for number, action in enumerate(entries):
        if number > _ACTIONS_MOST:
            raise LedgerError(f"a chain of more than {_ACTIONS_MOST + 1} actions")
        id = uuid.UUID(bytes=chain + number.to_bytes(2, "big"))
        ids.append(id)
        if not (isinstance(action, Entry) and action.amount == 0):
            actions.append((id, action))
    if actions:
        bound = uuid.uuid5(_NAMESPACE, f"{current_venue_id()}/{seq}/{position}")
        more = uuid.UUID(bytes=chain + len(ids).to_bytes(2, "big"))
        _write(actions, bound=bound, seq=seq, at=at, trade_id=trade_id, more=more)
    return tuple(ids)


def expire(now: dt.datetime, *, seq: int = 0, most: int = 1_000) -> int:
    """Void the holds whose deadline is `now` or earlier, at most `most`; return how many.

    Each void's id is derived from its hold, so that a sweep cut short is simply repeated.
    """
    due = Transfer.objects.raw(
        "SELECT h.id, h.number, h.trade_id FROM ledger_transfer h"
        " WHERE h.venue_id = %s AND h.expires_at <= %s"
        " AND NOT EXISTS (SELECT 1 FROM ledger_transfer r WHERE r.pending_id = h.id)"
        " ORDER BY h.expires_at, h.number LIMIT %s",
        [current_venue_id(), connection.ops.adapt_datetimefield_value(now), most],
    )
    holds = sorted(due, key=lambda hold: hold.number)
    voids: list[tuple[uuid.UUID, Any]] = [
        (uuid.uuid5(hold.pk, "expiry"), _Expiry(hold.pk, hold.trade_id)) for hold in holds
    ]
    if voids:
        _write(voids, bound=uuid.uuid5(voids[0][0], "sweep"), seq=seq, at=now, trade_id=0)
    return len(voids)


@dataclass(frozen=True, slots=True)
class _Expiry:
    """A void by the sweeper; it keeps the hold's trade."""

    hold: uuid.UUID
    trade_id: int
    kind: None = None


class _Account(NamedTuple):
    """An account as a chain needs it; a model instance each would cost a third of a batch."""

    pk: int
    ledger: int
    code: str
    firm_id: int
    limited: bool
    credits: int
    debits: int
    debits_pending: int


_ACCOUNT: Final = _Account._fields


@dataclass(slots=True)
class _Row:
    """A transfer about to be written, or the hold that one resolves."""

    id: uuid.UUID
    step: str
    ledger: int
    debit: _Account
    credit: _Account
    amount: int
    kind: str
    trade_id: int
    pending: _Row | None = None
    expires_at: dt.datetime | None = None


def _write(
    actions: Sequence[tuple[uuid.UUID, Any]],
    *,
    bound: uuid.UUID,
    seq: int,
    at: dt.datetime,
    trade_id: int,
    more: uuid.UUID | None = None,
) -> None:
    """Write the actions, or refuse them; `more` is the id that the chain's next one would have."""
    with transaction.atomic():
        lock()
        refused = Refusal.objects.filter(pk=bound).first()
        if refused is not None:
            raise LedgerError(f"refused before: {refused.reason}")
        try:
            with transaction.atomic():
                _insert(actions, seq=seq, at=at, trade_id=trade_id, more=more)
            return
        except LedgerError as error:
            reason = error
        except DatabaseError as error:
            reason = LedgerError(f"block {seq}: the database refused the chain: {error}")
            reason.__cause__ = error
        if not Transfer.objects.filter(pk=actions[0][0]).exists():
            # What exists has succeeded; a wrong repeat of it must not forbid the right one.
            Refusal.objects.create(pk=bound, venue_id=current_venue_id(), reason=str(reason), at=at)
    raise reason


def _insert(
    actions: Sequence[tuple[uuid.UUID, Any]],
    *,
    seq: int,
    at: dt.datetime,
    trade_id: int,
    more: uuid.UUID | None,
) -> None:
    if any(not isinstance(action, (Entry, Hold)) for _, action in actions):
        holds, resolved = _holds([a.hold for _, a in actions if not isinstance(a, (Entry, Hold))])
    else:
        holds, resolved = {}, {}
    accounts = _accounts([action for _, action in actions if isinstance(action, (Entry, Hold))])
    rows = []
    for id, action in actions:
        if isinstance(action, (Entry, Hold)):
            if action.amount <= 0:
                raise LedgerError(f"a transfer of {action.amount}")
            row = _Row(
                id,
                Step.POSTED if isinstance(action, Entry) else Step.PENDING,
                action.ledger,
                accounts[action.ledger, action.debit[0], action.debit[1]],
                accounts[action.ledger, action.credit[0], action.credit[1]],
                action.amount,
                action.kind,
                trade_id,
                expires_at=action.expires_at if isinstance(action, Hold) else None,
            )
            if isinstance(action, Hold):
                holds[id] = row
        else:
            row = _resolution(id, action, holds, trade_id)
        rows.append(row)
    if _exists(rows, seq=seq, more=more):
        return
    for row in rows:
        if row.pending is not None:
            _check_resolves(row, resolved, at=at)
            resolved[row.pending.id] = row.id
    _check_limits(rows)
    _store(rows, seq=seq, at=at)


def lock() -> None:
    """Make writers of one venue wait for each other; SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, current_venue_id()])


def _holds(ids: list[uuid.UUID]) -> tuple[dict[uuid.UUID, _Row], dict[uuid.UUID, uuid.UUID]]:
    """Return the holds among `ids`, and which of them are resolved by what."""
    found = _select(_HOLDS, ids)
    sides = {row[2] for row in found} | {row[3] for row in found}
    accounts = {row[0]: _Account(*row) for row in _select(_SIDES, sorted(sides))}
    holds = {}
    resolved = {}
    for key, ledger, debit, credit, amount, kind, trade_id, expires_at, by in found:
        id = _uuid(key)
        holds[id] = _Row(
            id, Step.PENDING, ledger, accounts[debit], accounts[credit], amount, kind, trade_id,
            expires_at=_time(expires_at),
        )  # fmt: skip
        if by is not None:
            resolved[id] = _uuid(by)
    return holds, resolved


def _select(sql: str, ids: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql + _among(), _those(ids))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _among() -> str:
    """Return how an id is compared with many. One parameter: a thousand cost more than the query"""
    return "= ANY(%s)" if _native() else "IN (SELECT value FROM json_each(%s))"


def _those(ids: Sequence[Any]) -> list[Any]:
    """Return the parameters of a query that ends with `_among`: the venue, and the ids as one."""
    if _native():
        return [current_venue_id(), list(ids)]
    return [current_venue_id(), json.dumps([getattr(id, "hex", id) for id in ids])]


def _native() -> bool:
    """Return whether the database knows ids and times itself; SQLite keeps both as text."""
    return connection.features.has_native_uuid_field


def _uuid(key: Any) -> uuid.UUID:
    return key if isinstance(key, uuid.UUID) else uuid.UUID(key)


def _time(value: dt.datetime | None) -> dt.datetime | None:
    """Return the time with its zone: SQLite's have none, and are UTC."""
    return value.replace(tzinfo=dt.UTC) if value is not None and value.tzinfo is None else value


def _resolution(id: uuid.UUID, action: Any, holds: dict[uuid.UUID, _Row], trade_id: int) -> _Row:
    hold = holds.get(action.hold)
    if hold is None:
        raise LedgerError(f"there is no hold {action.hold}")
    moves = isinstance(action, Post)
    amount = action.amount if moves and action.amount is not None else hold.amount
    if amount <= 0 or amount > hold.amount:
        raise LedgerError(f"hold {hold.id} has {hold.amount}, not {amount}")
    return _Row(
        id,
        Step.POST if moves else Step.VOID,
        hold.ledger,
        hold.debit,
        hold.credit,
        amount,
        action.kind or hold.kind,
        action.trade_id if isinstance(action, _Expiry) else trade_id,
        pending=hold,
    )


def _check_resolves(row: _Row, resolved: dict[uuid.UUID, uuid.UUID], *, at: dt.datetime) -> None:
    hold = row.pending
    assert hold is not None
    if hold.id in resolved:
        raise LedgerError(f"hold {hold.id} is resolved by {resolved[hold.id]}")
    if row.step == Step.POST and hold.expires_at is not None and hold.expires_at <= at:
        raise LedgerError(f"hold {hold.id} expired at {hold.expires_at}")


def _accounts(actions: Sequence[Entry | Hold]) -> dict[tuple[int, str, int], _Account]:
    """Return the accounts that the actions name, opening those that are missing."""
    venue_id = current_venue_id()
    named = {
        (one.ledger, str(code), firm) for one in actions for code, firm in (one.debit, one.credit)
    }
    if not named:
        return {}
    rows = Account.objects.filter(
        ledger__in={key[0] for key in named}, code__in={key[1] for key in named}
    )
    firms = {key[2] for key in named}
    if len(firms) <= 500:
        rows = rows.filter(firm_id__in=firms)
    found = {
        (row[1], row[2], row[3]): _Account(*row) for row in rows.order_by().values_list(*_ACCOUNT)
    }
    missing = sorted(named - found.keys())
    for ledger, code, firm_id in missing:
        limited = Code(code) not in UNLIMITED_CODES
        row = Account.objects.create(
            venue_id=venue_id, ledger=ledger, code=code, firm_id=firm_id, limited=limited
        )
        found[ledger, code, firm_id] = _Account(row.pk, ledger, code, firm_id, limited, 0, 0, 0)
    return found


def _exists(rows: Sequence[_Row], *, seq: int, more: uuid.UUID | None) -> bool:
    """Return whether this very chain was written before; refuse a half or another one."""
    if not Transfer.objects.filter(pk=rows[0].id).exists():
        return False  # a later row that exists alone is refused by the primary key
    ids = [row.id for row in rows]
    known = {row.pk: row for row in Transfer.objects.raw(_WRITTEN + _among(), _those(ids))}
    for row in rows:
        old = known.get(row.id)
        if old is None:
            raise LedgerError(f"block {seq}: half of a chain exists")
        if (
            old.step,
            old.ledger,
            old.debit_id,
            old.credit_id,
            old.amount,
            old.kind,
            old.pending_id,
            old.expires_at,
            old.trade_id,
            old.seq,
        ) != (
            row.step,
            row.ledger,
            row.debit.pk,
            row.credit.pk,
            row.amount,
            row.kind,
            row.pending and row.pending.id,
            row.expires_at,
            row.trade_id,
            seq,
        ):
            raise LedgerError(f"transfer {row.id} exists with other content")
    if more is not None and Transfer.objects.filter(pk=more).exists():
        raise LedgerError(f"block {seq}: the chain exists with more actions")
    return True


def _check_limits(rows: Sequence[_Row]) -> None:
    """Apply the limits action by action, as they stand in the chain.

    The database refuses as well, but SQLite row by row and PostgreSQL by the final state only;
    here both are alike, and the refusal says who lacks how much.
    """
    free: dict[int, int] = {}

    def add(account: _Account, amount: int) -> None:
        if account.limited:
            was = free.get(account.pk)
            if was is None:
                was = account.credits - account.debits - account.debits_pending
            free[account.pk] = was + amount
            if amount < 0 and was + amount < 0:
                raise LedgerError(
                    f"account {account.ledger}/{account.code}/{account.firm_id} has {was}, "
                    f"not {-amount}"
                )

    for row in rows:
        if row.debit.pk == row.credit.pk:
            raise LedgerError("a transfer needs two accounts")
        if row.pending is not None:
            add(row.debit, row.pending.amount)
        if row.step != Step.VOID:
            add(row.debit, -row.amount)
        if row.step in (Step.POSTED, Step.POST):
            add(row.credit, row.amount)


def _store(rows: Sequence[_Row], *, seq: int, at: dt.datetime) -> None:
    """Number, seal and insert: in one statement, `COPY` on PostgreSQL."""
    venue_id = current_venue_id()
    head = Transfer.objects.order_by("-number").values_list("number", "hash").first()
    number, before = (head[0], bytes(head[1])) if head else (0, seal.FIRST)
    native = _native()
    at_us = seal.microseconds(at)
    stored = connection.ops.adapt_datetimefield_value
    stamp = at if native else stored(at)
    values = []
    for row in rows:
        number += 1
        pending_id = None if row.pending is None else row.pending.id
        before = seal.link(
            before,
            venue_id=venue_id,
            number=number,
            id=row.id,
            step=row.step,
            ledger=row.ledger,
            debit=(row.debit.code, row.debit.firm_id),
            credit=(row.credit.code, row.credit.firm_id),
            amount=row.amount,
            kind=row.kind,
            pending_id=pending_id,
            expires_us=seal.microseconds(row.expires_at),
            trade_id=row.trade_id,
            seq=seq,
            at_us=at_us,
        )
        expires = row.expires_at
        values.append(
            (
                row.id if native else row.id.hex,
                venue_id,
                number,
                str(row.step),
                row.ledger,
                row.debit.pk,
                row.credit.pk,
                row.amount,
                str(row.kind),
                pending_id if native or pending_id is None else pending_id.hex,
                expires if native or expires is None else stored(expires),
                row.trade_id,
                seq,
                stamp,
                before if native else before.hex(),
            )
        )
    with connection.cursor() as cursor:
        if native:
            with (
                connection.wrap_database_errors,
                cursor.copy(_COPY) as copy,
            ):
                for value in values:
                    copy.write_row(value)
        else:
            cursor.execute(_INSERT, [json.dumps(values)])
