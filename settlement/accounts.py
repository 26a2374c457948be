"""Firms' own accounts: proposed by the firm, agreed to by the venue's clerk, opened by the rail.

Money leaves to a bound account alone, and what comes in counts as the firm's only if its payer has
the account's name (同名进出). A firm has one live account a rail.
"""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction

from exchange.models import Firm, User, Venue
from settlement.models import AccountState, BoundAccount, PaymentOperation
from settlement.payments import operations, rails
from settlement.payments.ports import Answer, OperationKind

LIVE = (AccountState.PROPOSED, AccountState.OPENING, AccountState.BOUND)


class AccountError(Exception):
    """A binding was refused; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def bound(firm: Firm, rail: str) -> BoundAccount | None:
    """Return the firm's bound account on a rail at the current venue."""
    return BoundAccount.objects.filter(firm=firm, rail=rail, state=AccountState.BOUND).first()


def propose(
    *, venue: Venue, firm: Firm, payout: str, bank_code: str, by: User | None, now: dt.datetime
) -> BoundAccount:
    """Ask for an account to be bound; it is held in the firm's registered name.

    Raises `AccountError("ACCOUNT_LIVE")` while another one is live on the installation's rail.
    """
    try:
        with transaction.atomic():
            return BoundAccount.objects.create(
                venue=venue,
                firm=firm,
                rail=rails.current().name,
                holder=firm.name_zh,
                payout=payout,
                bank_code=bank_code,
                state=AccountState.PROPOSED,
                proposed_by=by,
                proposed_at=now,
            )
    except IntegrityError as error:
        raise AccountError("ACCOUNT_LIVE") from error


@transaction.atomic
def agree(account_id: int, *, by: User | None, agreed: bool, now: dt.datetime) -> BoundAccount:
    """The venue's clerk agrees, and the rail is asked to verify and open; or declines.

    Raises `AccountError`: `UNKNOWN_ACCOUNT`, `ACCOUNT_STATE`, `SAME_PERSON`.
    """
    account = BoundAccount.objects.select_for_update(of=("self",)).filter(pk=account_id).first()
    if account is None:
        raise AccountError("UNKNOWN_ACCOUNT")
    if account.state != AccountState.PROPOSED:
        raise AccountError("ACCOUNT_STATE")
    if by is not None and account.proposed_by_id == by.pk:
        raise AccountError("SAME_PERSON")
    account.agreed_by = by
    account.state = AccountState.OPENING if agreed else AccountState.REFUSED
    account.refusal = "" if agreed else "DECLINED"
    account.save(update_fields=["agreed_by", "state", "refusal"])
    if agreed:
        row = operations.request(
            account.rail,
            OperationKind.OPEN,
            0,
            op_id=f"open:{account.pk}",
            party=account.firm.code,
            account=account,
            now=now,
        )
        rail = rails.rail(account.rail)
        if rail.capabilities().is_immediate:
            operations.work(row.pk, rail, now, opened)
            account.refresh_from_db()
    return account


@transaction.atomic
def close(account_id: int, *, firm: Firm) -> None:
    """The firm gives an account up; raise `AccountError("UNKNOWN_ACCOUNT")`, also another's."""
    rows = BoundAccount.objects.filter(pk=account_id, firm=firm)
    if not rows.filter(state__in=[AccountState.PROPOSED, AccountState.BOUND]).update(
        state=AccountState.CLOSED
    ):
        raise AccountError("UNKNOWN_ACCOUNT")


def opened(row: PaymentOperation, answer: Answer) -> None:
    """The rail has verified an account, or refused it."""
    account = BoundAccount.objects.select_for_update(of=("self",)).get(
        pk=int(row.op_id.removeprefix("open:"))
    )
    if row.state == operations.S.DONE:
        account.state = AccountState.BOUND
        account.funding = row.ref
        account.instructions = dict(answer.says)
    else:
        account.state = AccountState.REFUSED
        account.refusal = row.code if row.code == "NOT_SAME_NAME" else "RAIL_REFUSED"
    account.save(update_fields=["state", "funding", "instructions", "refusal"])
