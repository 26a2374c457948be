"""Double entry: the only writer of accounts and transfers.

`post` is one linked chain: every transfer or none. Ids come from the caller, derived from the
journal; the same id with the same content exists already, with other content is refused.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db import models, transaction

from exchange.scope import current_venue_id
from matching.units import InstrumentId
from settlement.models.ledger import Account, Transfer

CNY: Final = 1
"""Ledger number of money, in fen."""
_GOODS: Final = 1_000
_NAMESPACE: Final = uuid.UUID("6f6d3a52-93c8-4f0e-a6b1-2b1f4a4d7c10")


def goods(instrument_id: InstrumentId) -> int:
    """Return the ledger number of an instrument's goods, in kg."""
    return _GOODS + instrument_id


class Code(StrEnum):
    """What an account is for. `bank` and `warehouse` mirror the outside and have no limit."""

    BANK = "bank"
    WAREHOUSE = "warehouse"
    TRADING = "trading"  # a firm's available + held
    COMMITTED = "committed"  # a firm's, bound by trades and withdrawals
    ESCROW = "escrow"  # zero between chains
    CUSTODY = "custody"  # zero between chains
    FEES = "fees"  # the operator's


class Kind(StrEnum):
    """Why a transfer was made; statements show it."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    COMMIT = "commit"
    RELEASE = "release"
    PAYMENT = "payment"
    FEE = "fee"
    REGISTER = "register"
    COLLECT = "collect"
    TITLE = "title"


class LedgerError(Exception):
    """A chain was refused as a whole; nothing was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer of a chain. Accounts are (code, firm id or 0) within `ledger`."""

    ledger: int
    debit: tuple[Code, int]
    credit: tuple[Code, int]
    amount: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Line:
    """A transfer as one account sees it: `amount` is positive when the balance rose."""

    at: dt.datetime
    kind: str
    amount: int
    balance: int
    trade_id: int
    seq: int


def post(
    entries: Iterable[Entry], *, seq: int, position: str, at: dt.datetime, trade_id: int = 0
) -> None:
    """Write a linked chain at `position` of block `seq`; entries of zero are left out.

    Raises `LedgerError` when a limited account would go below zero or an id has other content.
    """
    venue_id = current_venue_id()
    rows = []
    for number, entry in enumerate(entries):
        if entry.amount == 0:
            continue
        rows.append(
            Transfer(
                id=uuid.uuid5(_NAMESPACE, f"{venue_id}/{seq}/{position}/{number}"),
                venue_id=venue_id,
                ledger=entry.ledger,
                debit=_account(entry.ledger, *entry.debit),
                credit=_account(entry.ledger, *entry.credit),
                amount=entry.amount,
                kind=entry.kind,
                trade_id=trade_id,
                seq=seq,
                at=at,
            )
        )
    known = Transfer.objects.in_bulk([row.pk for row in rows])
    for row in rows:
        old = known.get(row.pk)
        if old is not None and _content(old) != _content(row):
            raise LedgerError(f"transfer {row.pk} exists with other content")
    fresh = [row for row in rows if row.pk not in known]
    if known and fresh:
        raise LedgerError(f"block {seq}: half of a chain exists")
    try:
        with transaction.atomic():
            Transfer.objects.bulk_create(fresh)
    except Exception as error:
        raise LedgerError(f"block {seq}: the database refused the chain: {error}") from error


def _content(row: Transfer) -> tuple[object, ...]:
    return (row.ledger, row.debit_id, row.credit_id, row.amount, row.kind, row.trade_id, row.seq)


_UNLIMITED: Final = frozenset({Code.BANK, Code.WAREHOUSE})


def _account(ledger: int, code: Code, firm_id: int) -> Account:
    account, _ = Account.objects.get_or_create(
        venue_id=current_venue_id(),
        ledger=ledger,
        code=code,
        firm_id=firm_id,
        defaults={"limited": code not in _UNLIMITED},
    )
    return account


def balance(ledger: int, code: Code, firm_id: int = 0) -> int:
    """Return an account's balance, in fen or kg; 0 if it was never used."""
    account = Account.objects.filter(ledger=ledger, code=code, firm_id=firm_id).first()
    return 0 if account is None else account.credits - account.debits


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
        rows = Transfer.objects.order_by().values(column).annotate(total=models.Sum("amount"))
        for row in rows:
            account = accounts[row[column]]
            found[account.ledger, account.code, account.firm_id] += sign * row["total"]
    return found


def statement(firm_id: int, *, most: int = 100) -> list[Line]:
    """Return a firm's newest money movements, newest first, with the running total of its money.

    The balance is trading + committed: what the firm owns at the venue.
    """
    accounts = {
        account.pk: account
        for account in Account.objects.filter(
            ledger=CNY, firm_id=firm_id, code__in=[Code.TRADING, Code.COMMITTED]
        )
    }
    total = sum(account.credits - account.debits for account in accounts.values())
    mine = list(accounts)
    rows = Transfer.objects.filter(
        models.Q(debit_id__in=mine) ^ models.Q(credit_id__in=mine)
    ).order_by("-seq", "-at", "id")[:most]
    lines = []
    for row in rows:
        amount = row.amount if row.credit_id in accounts else -row.amount
        lines.append(Line(row.at, row.kind, amount, total, row.trade_id, row.seq))
        total -= amount
    return lines


def movements(trade_id: int) -> Sequence[Transfer]:
    """Return the transfers of a trade, in order."""
    return list(
        Transfer.objects.filter(trade_id=trade_id)
        .select_related("debit", "credit")
        .order_by("seq", "ledger", "id")
    )
