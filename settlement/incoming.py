"""Money that comes in by itself: credited to whose it is, or kept apart until a clerk knows."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import Firm, User
from exchange.scope import current_venue_id
from settlement import funds
from settlement.limits import INCOMING_OVERLAP_S, INCOMING_POLL_S
from settlement.models import (
    AccountState,
    BoundAccount,
    IncomingItem,
    IncomingState,
    OperationState,
    PaymentOperation,
)
from settlement.models.account import INCOMING_CHECKED, INCOMING_NEXT
from settlement.payments import operations, rails
from settlement.payments.operations import Place
from settlement.payments.ports import Answer, Incoming, OperationKind, PaymentAdapter


class IncomingError(Exception):
    """A decision about an item was refused; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def poll(account: BoundAccount, rail: PaymentAdapter, now: dt.datetime) -> int:
    """Ask the rail what has come in for an account; return how many items were new.

    The period overlaps the one before; what is known is passed over.
    """
    last = account.polled_at or account.proposed_at
    since = last - dt.timedelta(seconds=INCOMING_OVERLAP_S)
    found = sum(
        receive(rail.name, item, now) for item in reversed(rail.incoming(account.funding, since))
    )
    again = now + dt.timedelta(seconds=INCOMING_POLL_S)
    BoundAccount.objects.filter(pk=account.pk).update(polled_at=now, poll_at=again)
    return found


@transaction.atomic
def receive(rail: str, item: Incoming, now: dt.datetime) -> bool:
    """Keep an item, once; credit it if its payer is the account's holder. True if it was new."""
    account = BoundAccount.objects.filter(rail=rail, funding=item.account).first()
    is_open = account is not None and account.state == AccountState.BOUND
    reason = ""
    if account is None or not is_open:
        reason = "NO_ACCOUNT"
    elif item.payer != account.holder:
        reason = "THIRD_PARTY"
    row, is_new = IncomingItem.objects.get_or_create(
        venue_id=current_venue_id(),
        rail=rail,
        ref=item.ref,
        defaults={
            "account": item.account,
            "payer": item.payer[:120],
            "memo": item.memo[:200],
            "return_to": item.return_to,
            "amount_fen": item.amount_fen,
            "came_at": item.at,
            "state": IncomingState.UNKNOWN if reason else IncomingState.MATCHED,
            "reason": reason,
            "firm": account.firm if account is not None and not reason else None,
        },
    )
    if is_new and row.firm is not None and account is not None:
        funds.receive(row, account, by=None, now=now)
    return is_new


# Whose it is, and that it goes or went back, is always said by two people: one clerk says so, a
# second person agrees.


@transaction.atomic
def claim(item_id: int, *, firm: Firm, note: str, by: User, now: dt.datetime) -> IncomingItem:
    """Say whose an unknown item is; `note` is how one knows.

    Raises `IncomingError`: `UNKNOWN_ITEM`, `ITEM_STATE`, `NO_ACCOUNT` if the firm has none on this
    rail, `OTHER_ACCOUNT` if the money lies on the account of another firm.
    """
    item = _locked(item_id)
    if item.state != IncomingState.UNKNOWN:
        raise IncomingError("ITEM_STATE")
    item.firm = firm
    _claimed_account(item)
    return _ask(item, IncomingState.CLAIMED, note=note, by=by, now=now)


@transaction.atomic
def propose_return(item_id: int, *, note: str, by: User, now: dt.datetime) -> IncomingItem:
    """Propose to send an unknown item back to the account that it came from.

    Raises `IncomingError`: `UNKNOWN_ITEM`, `ITEM_STATE`, `NO_RETURN_ACCOUNT` if the rail did not
    say what account that is.
    """
    item = _locked(item_id)
    if item.state != IncomingState.UNKNOWN:
        raise IncomingError("ITEM_STATE")
    if not item.return_to:
        raise IncomingError("NO_RETURN_ACCOUNT")
    return _ask(item, IncomingState.PROPOSED, note=note, by=by, now=now)


@transaction.atomic
def report_return(item_id: int, *, note: str, by: User, now: dt.datetime) -> IncomingItem:
    """Say that the bank has sent an unknown item back by itself; `note` is the bank's reference.

    Nothing is asked of the rail, and the item waits until a second person has seen it, too.
    Raises `IncomingError`: `UNKNOWN_ITEM`, `ITEM_STATE`.
    """
    item = _locked(item_id)
    if item.state != IncomingState.UNKNOWN:
        raise IncomingError("ITEM_STATE")
    return _ask(item, IncomingState.REPORTED, note=note, by=by, now=now)


@transaction.atomic
def agree(item_id: int, *, agreed: bool, by: User, now: dt.datetime) -> IncomingItem:
    """A second person agrees, or declines, as the first may, too.

    What was claimed is then the firm's; what was proposed is asked of the rail; what the bank did
    by itself is done with. Raises `IncomingError`: `UNKNOWN_ITEM`, `ITEM_STATE`, `SAME_PERSON`,
    and what `claim` raises about accounts, should they have changed since.
    """
    item = _locked(item_id)
    if item.state not in INCOMING_CHECKED:
        raise IncomingError("ITEM_STATE")
    if not agreed:
        item.firm = None
        item.proposed_by = None
        item.proposed_at = None
        _move(item, IncomingState.UNKNOWN)
        return item
    if item.proposed_by_id == by.pk:
        raise IncomingError("SAME_PERSON")
    item.decided_by = by
    item.decided_at = now
    if item.state == IncomingState.CLAIMED:
        account = _claimed_account(item)
        _move(item, IncomingState.MATCHED)
        funds.receive(item, account, by=by, now=now)
        return item
    if item.state == IncomingState.REPORTED:
        _move(item, IncomingState.RETURNED)
        return item
    _move(item, IncomingState.RETURNING)
    row = operations.request(
        item.rail,
        OperationKind.RETURN,
        item.amount_fen,
        op_id=f"return:{item.pk}:{_tries(item) + 1}",
        purpose=_purpose(item),
        party="",
        account=Place(item.return_to, item.payer),
        method=item.ref,
        now=now,
    )
    rail = rails.rail(item.rail)
    if rail.capabilities().is_immediate:
        operations.work(row.pk, rail, now, returned)
        item.refresh_from_db()
    return item


def returned(row: PaymentOperation, answer: Answer) -> None:
    """The rail has sent an item back; or has refused, and it is nobody's again."""
    item = _locked(int(row.op_id.split(":")[1]))
    if row.state == OperationState.DONE:
        _move(item, IncomingState.RETURNED)
        return
    item.refusal = row.code or "RAIL_REFUSED"
    item.proposed_by = item.decided_by = None
    item.proposed_at = item.decided_at = None
    _move(item, IncomingState.UNKNOWN)


def _ask(
    item: IncomingItem, state: IncomingState, *, note: str, by: User, now: dt.datetime
) -> IncomingItem:
    """Have an unknown item wait for a second person."""
    item.note = note
    item.proposed_by = by
    item.proposed_at = now
    item.refusal = ""
    _move(item, state)
    return item


def _claimed_account(item: IncomingItem) -> BoundAccount:
    """Return the account of the firm that is said to own the item, on which it must lie."""
    live = BoundAccount.objects.filter(firm=item.firm, rail=item.rail, state=AccountState.BOUND)
    account = live.first()
    if account is None:
        raise IncomingError("NO_ACCOUNT")
    if account.funding != item.account:
        raise IncomingError("OTHER_ACCOUNT")
    return account


def _purpose(item: IncomingItem) -> str:
    return f"return:{item.pk}"


def _tries(item: IncomingItem) -> int:
    """Return how often the rail has refused to send an item back."""
    return PaymentOperation.objects.filter(purpose=_purpose(item)).count()


def _locked(item_id: int) -> IncomingItem:
    item = IncomingItem.objects.select_for_update(of=("self",)).filter(pk=item_id).first()
    if item is None:
        raise IncomingError("UNKNOWN_ITEM")
    return item


def _move(item: IncomingItem, state: IncomingState) -> None:
    assert state in INCOMING_NEXT[item.state], (item.state, state)
    item.state = state
    item.save()
