"""The hash chain over a venue's transfers, and the full audit of its accounts."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass
from typing import Final

from django.db import models

from exchange.scope import current_venue_id
from settlement.models.ledger import Account, Closing, Step, Transfer

FIRST: Final = bytes(32)
"""The hash before a venue's first transfer."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def microseconds(at: dt.datetime | None) -> int:
    """Return an instant as microseconds since 1970; 0 for none."""
    return 0 if at is None else (at - _EPOCH) // _MICROSECOND


def link(
    before: bytes,
    *,
    venue_id: int,
    number: int,
    id: uuid.UUID,
    step: str,
    ledger: int,
    debit: tuple[str, int],
    credit: tuple[str, int],
    amount: int,
    kind: str,
    pending_id: uuid.UUID | None,
    expires_us: int,
    trade_id: int,
    seq: int,
    at_us: int,
) -> bytes:
    """Return SHA-256 over the hash before and every field of the row, accounts by their names."""
    pending = "" if pending_id is None else pending_id.hex
    content = (
        f"{venue_id}|{number}|{id.hex}|{step}|{ledger}|{debit[0]}|{debit[1]}|{credit[0]}|{credit[1]}"
        f"|{amount}|{kind}|{pending}|{expires_us}|{trade_id}|{seq}|{at_us}"
    )
    return hashlib.sha256(before + content.encode()).digest()


@dataclass(frozen=True, slots=True)
class Sealed:
    """How far a chain was followed: the last right row's number and hash, and what is wrong."""

    number: int = 0
    hash: bytes = FIRST
    fault: str = ""


def verify(since: Sealed | None = None) -> Sealed:
    """Follow the current venue's chain after `since`; stop at the first row that does not fit.

    Hand the answer in again to check only what came later. Reads the rows in slices.
    """
    reached = since or Sealed()
    number, before = reached.number, reached.hash
    anchors = dict(
        Closing.objects.filter(number__gt=number).order_by("number").values_list("number", "hash")
    )
    rows = Transfer.objects.filter(number__gt=number).select_related("debit", "credit")
    for row in rows.order_by("number").iterator(chunk_size=2_000):
        expected = link(
            before,
            venue_id=row.venue_id,
            number=number + 1,
            id=row.id,
            step=row.step,
            ledger=row.ledger,
            debit=(row.debit.code, row.debit.firm_id),
            credit=(row.credit.code, row.credit.firm_id),
            amount=row.amount,
            kind=row.kind,
            pending_id=row.pending_id,
            expires_us=microseconds(row.expires_at),
            trade_id=row.trade_id,
            seq=row.seq,
            at_us=microseconds(row.at),
        )
        if row.number != number + 1:
            return Sealed(number, before, f"transfer {number + 1} is missing")
        if bytes(row.hash) != expected:
            return Sealed(number, before, f"transfer {row.number} is not what was written")
        if row.number in anchors and bytes(anchors[row.number]) != expected:
            return Sealed(number, before, f"transfer {row.number} is not what its day closed with")
        number, before = row.number, expected
    if anchors and max(anchors) > number:
        return Sealed(number, before, f"transfer {number + 1} is missing")
    return Sealed(number, before)


def audit() -> list[str]:
    """Count everything again from the transfers: return what differs, nothing if all is right."""
    reached = verify()
    faults = [reached.fault] if reached.fault else []
    zero = (0, 0, 0, 0)
    counted = totals_between(0, reached.number if not reached.fault else None)
    for account in Account.objects.order_by("id"):
        says = (account.debits, account.credits, account.debits_pending, account.credits_pending)
        adds = counted.get(account.pk, zero)
        if says != adds:
            faults.append(
                f"account {account.ledger}/{account.code}/{account.firm_id} says {says}, "
                f"its transfers {adds}"
            )
    sums: dict[int, list[int]] = {}
    for account in Account.objects.order_by("id"):
        total = sums.setdefault(account.ledger, [0, 0])
        total[0] += account.credits - account.debits
        total[1] += account.credits_pending - account.debits_pending
    faults += [f"ledger {number} sums to {total}" for number, total in sums.items() if any(total)]
    return faults


def totals_between(after: int, until: int | None) -> dict[int, tuple[int, int, int, int]]:
    """Return what the transfers with `after < number <= until` added to each account.

    By account id: debits, credits, debits pending, credits pending; the last two may be negative.
    """
    rows = Transfer.objects.filter(venue_id=current_venue_id(), number__gt=after)
    if until is not None:
        rows = rows.filter(number__lte=until)
    found: dict[int, list[int]] = {}
    for side, column in enumerate(("debit_id", "credit_id")):
        counts = rows.order_by().values(column, "step")
        for row in counts.annotate(total=models.Sum("amount"), freed=models.Sum("pending__amount")):
            account = found.setdefault(row[column], [0, 0, 0, 0])
            if row["step"] in (Step.POSTED, Step.POST):
                account[side] += row["total"]
            if row["step"] == Step.PENDING:
                account[side + 2] += row["total"]
            account[side + 2] -= row["freed"] or 0
    return {key: (one[0], one[1], one[2], one[3]) for key, one in found.items()}
