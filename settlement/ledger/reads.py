"""Reading: balances, sums, statements and what moved for a trade."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import models

from settlement.ledger.words import CNY, Code
from settlement.models.ledger import Account, Step, Transfer

OWNED: Final = (Code.TRADING, Code.COMMITTED, Code.DEPOSIT)
"""A firm's accounts that together are its money at the venue."""
_MOVED: Final = (Step.POSTED, Step.POST)


@dataclass(frozen=True, slots=True)
class Line:
    """A transfer as one account sees it: `amount` is positive when the balance rose."""

    at: dt.datetime
    kind: str
    amount: int
    balance: int
    trade_id: int
    seq: int


def balance(ledger: int, code: Code, firm_id: int = 0) -> int:
    """Return an account's balance, in fen or kg; 0 if it was never used."""
    account = Account.objects.filter(ledger=ledger, code=code, firm_id=firm_id).first()
    return 0 if account is None else account.credits - account.debits


def available(ledger: int, code: Code, firm_id: int = 0) -> int:
    """Return what an account may still spend: its balance less what is held, in fen or kg."""
    account = Account.objects.filter(ledger=ledger, code=code, firm_id=firm_id).first()
    return 0 if account is None else account.credits - account.debits - account.debits_pending


def balances() -> dict[tuple[int, str, int], int]:
    """Return all balances of the current venue by (ledger, code, firm id)."""
    return {
        (account.ledger, account.code, account.firm_id): account.credits - account.debits
        for account in Account.objects.all()
    }


def sums() -> dict[int, int]:
    """Return credits minus debits of each ledger; zero each, or the books are broken."""
    rows = Account.objects.values("ledger").annotate(
        total=models.Sum("credits") - models.Sum("debits")
    )
    return {row["ledger"]: row["total"] for row in rows}


def recounted() -> dict[tuple[int, str, int], int]:
    """Return balances added up from the transfers themselves, to compare with `balances`."""
    accounts = {account.pk: account for account in Account.objects.all()}
    found = {(account.ledger, account.code, account.firm_id): 0 for account in accounts.values()}
    for column, sign in (("debit_id", -1), ("credit_id", 1)):
        rows = Transfer.objects.filter(step__in=_MOVED).order_by().values(column)
        for row in rows.annotate(total=models.Sum("amount")):
            account = accounts[row[column]]
            found[account.ledger, account.code, account.firm_id] += sign * row["total"]
    return found


def statement(firm_id: int, *, most: int = 100) -> list[Line]:
    """Return a firm's newest money movements, newest first, with the running total of its money.

    The balance is trading + committed + deposit: what the firm owns at the venue.
    """
    accounts = {
        account.pk: account
        for account in Account.objects.filter(ledger=CNY, firm_id=firm_id, code__in=OWNED)
    }
    total = sum(account.credits - account.debits for account in accounts.values())
    mine = list(accounts)
    rows = Transfer.objects.filter(
        models.Q(debit_id__in=mine) ^ models.Q(credit_id__in=mine), step__in=_MOVED
    ).order_by("-number")[:most]
    lines = []
    for row in rows:
        amount = row.amount if row.credit_id in accounts else -row.amount
        lines.append(Line(row.at, row.kind, amount, total, row.trade_id, row.seq))
        total -= amount
    return lines


def movements(trade_id: int) -> Sequence[Transfer]:
    """Return what moved for a trade, in order; holds and voids move nothing."""
    return list(
        Transfer.objects.filter(trade_id=trade_id, step__in=_MOVED)
        .select_related("debit", "credit")
        .order_by("number")
    )


def flows(after: int) -> tuple[int, dict[int, dict[int, int]]]:
    """Return (the last transfer's number, what each trade moved between whom since `after`).

    Fen by trade and firm, below zero for who paid; firm 0 is the operator. What only changes its
    station within a firm cancels out and is left out; a trade's flows sum to zero.
    """
    until = Transfer.objects.aggregate(last=models.Max("number"))["last"] or 0
    found: dict[int, dict[int, int]] = {}
    rows = Transfer.objects.filter(
        ledger=CNY, step__in=_MOVED, trade_id__gt=0, number__gt=after, number__lte=until
    ).order_by()
    for side, sign in (("debit", -1), ("credit", 1)):
        firm = f"{side}__firm_id"
        for row in rows.values("trade_id", firm).annotate(total=models.Sum("amount")):
            moved = found.setdefault(row["trade_id"], {})
            moved[row[firm]] = moved.get(row[firm], 0) + sign * row["total"]
    kept = {
        trade_id: {firm: fen for firm, fen in moved.items() if fen}
        for trade_id, moved in found.items()
    }
    return until, {trade_id: moved for trade_id, moved in kept.items() if moved}
