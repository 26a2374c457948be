"""Operations of rails: asked once, found out for certain (SETTLEMENT 2.3). The only retrier.

```
NEW --claim--> SENDING --> DONE | REFUSED | PENDING | ACTION | UNKNOWN, or NEW again after RETRY
PENDING, ACTION --lookup--> the same again, DONE, REFUSED
UNKNOWN --repeat while that is safe, then lookup--> DONE | REFUSED | ... | HUMAN
```

A row is written in the transaction that decided it; no rail is called inside a transaction (the
ledger rail, which answers in it, apart); what a rail says is stored only if the row is still as it
was claimed. A lease that ran out means UNKNOWN: its holder may have asked. UNKNOWN frees nothing,
and no second operation is made for its purpose.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from exchange.models import Venue
from exchange.scope import current_venue_id
from matching.units import Fen
from settlement.limits import (
    BACKOFF_MOST_S,
    LOOKUP_GRACE_S,
    OPERATION_LEASE_S,
    POLL_S,
    REPEATS_MOST,
    REPLAY_MARGIN_S,
)
from settlement.models import BoundAccount, OperationState, PaymentOperation
from settlement.models.rail import OPERATION_NEXT
from settlement.payments.ports import (
    SWEEPS,
    Answer,
    Operation,
    OperationKind,
    Outcome,
    PaymentAdapter,
)

log = logging.getLogger(__name__)
S = OperationState
Then = Callable[[PaymentOperation, Answer], None]
"""What follows when an operation has ended, in the transaction that stores its end."""
FINAL = (S.DONE, S.REFUSED)
_STATES = {
    Outcome.DONE: S.DONE,
    Outcome.REFUSED: S.REFUSED,
    Outcome.PENDING: S.PENDING,
    Outcome.ACTION: S.ACTION,
    Outcome.UNKNOWN: S.UNKNOWN,
}


class OperationError(Exception):
    """An operation cannot be asked for; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation takes money from or sends it to, by the rail's own names."""

    account: str = ""
    holder: str = ""
    bank_code: str = ""


def request(
    rail: str,
    kind: OperationKind,
    amount_fen: Fen,
    *,
    op_id: str,
    party: str,
    now: dt.datetime,
    purpose: str = "",
    account: BoundAccount | Place | None = None,
    method: str = "",
    parent: PaymentOperation | None = None,
) -> PaymentOperation:
    """Write an operation down, in the caller's transaction; a repeat returns the first one.

    `purpose` is the operation's own id unless said otherwise. Raises `OperationError`:
    `OP_ID_REUSED` with other fields, `PURPOSE_TAKEN` while another one for it is not refused.
    """
    purpose = purpose or op_id
    place = account if isinstance(account, Place) else _place(kind, account)
    fields: dict[str, Any] = {
        "purpose": purpose,
        "rail": rail,
        "kind": kind,
        "party": party,
        "account": place.account,
        "holder": place.holder,
        "bank_code": place.bank_code,
        "method": method,
        "parent_id": parent.pk if parent is not None else None,
        "amount_fen": amount_fen,
    }
    found = PaymentOperation.objects.filter(op_id=op_id).first()
    if found is None:
        if PaymentOperation.objects.filter(purpose=purpose).exclude(state=S.REFUSED).exists():
            raise OperationError("PURPOSE_TAKEN")
        times = {"made_at": now, "next_at": now}
        return PaymentOperation.objects.create(
            venue_id=current_venue_id(), op_id=op_id, state=S.NEW, **times, **fields
        )
    if any(getattr(found, name) != value for name, value in fields.items()):
        raise OperationError("OP_ID_REUSED")
    return found


def _place(kind: OperationKind, account: BoundAccount | None) -> Place:
    """Return which of a firm's two accounts an operation is about."""
    if account is None:
        return Place()
    number = ""
    if kind in (OperationKind.PAY_OUT, OperationKind.OPEN):
        number = account.payout
    elif kind in (OperationKind.PAY_IN, *SWEEPS):
        number = account.funding
    return Place(number, account.holder, account.bank_code)


def due(now: dt.datetime, *, most: int = 200) -> list[int]:
    """Return the current venue's operations that something can be done about, oldest first."""
    rows = PaymentOperation.objects.exclude(state__in=[*FINAL, S.HUMAN])
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    return list(
        rows.filter(free, next_at__lte=now).order_by("pk").values_list("pk", flat=True)[:most]
    )


def hint(op_id: str, now: dt.datetime) -> None:
    """Look at an operation again now: its rail has said that something happened."""
    live = PaymentOperation.objects.filter(op_id=op_id).exclude(state__in=[*FINAL, S.HUMAN])
    live.filter(next_at__gt=now).update(next_at=now)


def work(pk: int, rail: PaymentAdapter, now: dt.datetime, then: Then) -> str:
    """Do the next thing about an operation; return its state.

    Must not be called inside a transaction unless the rail is immediate.
    """
    row = _claim(pk, now)
    if row is None:
        return ""
    asked = as_operation(row)
    if row.state == S.SENDING:
        answer = rail.submit(asked)
    elif row.state == S.UNKNOWN:
        answer = _find_out(row, asked, rail, now)
    else:
        answer = rail.lookup(asked, row.ref)
        if answer.outcome == Outcome.RETRY:  # it was accepted: not found now proves nothing
            answer = Answer(Outcome.UNKNOWN, "VANISHED")
    return store(row, answer, now, then)


def _claim(pk: int, now: dt.datetime) -> PaymentOperation | None:
    """Take an operation for a while; None if another worker has it or it has ended."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    mine = PaymentOperation.objects.filter(pk=pk)
    lease = now + dt.timedelta(seconds=OPERATION_LEASE_S)
    tried = F("tries") + 1
    # Whoever held the lease may have asked the rail: from now on it has to be found out.
    if mine.filter(free, state=S.SENDING).update(state=S.UNKNOWN, lease_until=lease, tries=tried):
        return mine.get()
    taken = mine.filter(free, state=S.NEW).update(
        state=S.SENDING, lease_until=lease, tries=tried, first_sent_at=now
    ) or mine.filter(free, state__in=[S.PENDING, S.ACTION, S.UNKNOWN]).update(
        lease_until=lease, tries=tried
    )
    return mine.select_related("parent").get() if taken else None


def _find_out(
    row: PaymentOperation, asked: Operation, rail: PaymentAdapter, now: dt.datetime
) -> Answer:
    """Repeat while that is safe, and sooner or later look."""
    assert row.first_sent_at is not None
    age_s = (now - row.first_sent_at).total_seconds()
    replay_s = rail.capabilities().replay_s
    may_repeat = replay_s is None or age_s < replay_s - REPLAY_MARGIN_S
    if may_repeat and row.tries <= REPEATS_MOST:
        return rail.submit(asked)
    answer = rail.lookup(asked, row.ref)
    if answer.outcome != Outcome.RETRY:
        return answer
    # "Not found" may be said of a request that is still under way.
    if age_s < LOOKUP_GRACE_S:
        return Answer(Outcome.UNKNOWN, "NOT_FOUND_YET")
    if may_repeat:
        return rail.submit(asked)
    return Answer(Outcome.UNKNOWN, "HUMAN") if replay_s and age_s > replay_s else answer


@transaction.atomic
def store(row: PaymentOperation, answer: Answer, now: dt.datetime, then: Then) -> str:
    """Store what a rail said, if the row is still as it was claimed; return the state."""
    current = PaymentOperation.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if (current.state, current.lease_until, current.tries) != (
        row.state,
        row.lease_until,
        row.tries,
    ):
        return current.state  # the lease ran out and another worker went on
    wait = min(2 ** min(current.tries, 12), BACKOFF_MOST_S)
    if answer.outcome == Outcome.RETRY:
        # Surely not executed. If it was ever uncertain, it stays so: only a repeat may tell.
        state = S.NEW if current.state == S.SENDING else S(current.state)
    elif answer.code == "HUMAN":
        state = S.HUMAN
    else:
        state = _STATES[answer.outcome]
    if state in (S.PENDING, S.ACTION):
        wait = POLL_S
    if state != current.state:
        assert state in OPERATION_NEXT[current.state], (current.state, state)
    current.state = state
    current.ref = answer.ref or current.ref
    current.code = answer.code
    current.lease_until = None
    current.next_at = now + dt.timedelta(seconds=wait)
    if answer.expires_at is not None:
        current.expires_at = answer.expires_at
    if state in FINAL:
        current.done_fen = answer.amount_fen
        current.ended_at = now
    current.save()
    if state == S.HUMAN:
        log.critical("payment %s: nobody can tell what became of it", current.op_id)
    if state in FINAL:
        then(current, answer)
    return state


def as_operation(row: PaymentOperation) -> Operation:
    """Return a row as its rail sees it."""
    code = Venue.objects.values_list("code", flat=True).get(pk=row.venue_id)
    return Operation(
        op_id=f"{code}:{row.op_id}",
        kind=OperationKind(row.kind),
        amount_fen=row.amount_fen,
        made_at=row.made_at,
        account=row.account,
        holder=row.holder,
        bank_code=row.bank_code,
        method=row.method,
        parent=row.parent.ref if row.parent is not None else _came_as(row),
        group=f"{code}:{row.purpose}",
    )


def _came_as(row: PaymentOperation) -> str:
    """Return the rail's name of what a RETURN sends back: it came by no operation of ours."""
    return row.method if row.kind == OperationKind.RETURN else ""
