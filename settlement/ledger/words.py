"""What callers say to the ledger: numbers, codes and the actions of a chain."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from matching.units import InstrumentId

CNY: Final = 1
"""Ledger number of money, in fen."""
_GOODS: Final = 1_000


def goods(instrument_id: InstrumentId) -> int:
    """Return the ledger number of an instrument's goods, in kg."""
    return _GOODS + instrument_id


class Code(StrEnum):
    """What an account is for. `bank` and `warehouse` mirror the outside and have no limit."""

    BANK = "bank"
    WAREHOUSE = "warehouse"
    TRADING = "trading"  # a firm's available + held
    COMMITTED = "committed"  # a firm's, bound by trades and withdrawals
    ASIDE = "aside"  # a firm's goods in store that are frozen, pledged or expired
    DEPOSIT = "deposit"  # a firm's, set aside for a contract
    ESCROW = "escrow"  # zero between chains
    CUSTODY = "custody"  # zero between chains
    FEES = "fees"  # the operator's
    VAT = "vat"  # kept back until the invoice is accepted
    SUSPENSE = "suspense"  # came in, owner not known yet
    PENALTY = "penalty"  # taken from a party in default, not paid on yet


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
    SET_ASIDE = "set_aside"
    GIVE_BACK = "give_back"
    PENALTY = "penalty"


class LedgerError(Exception):
    """A chain was refused as a whole; nothing was moved or held."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Move `amount` at once. Accounts are (code, firm id or 0) within `ledger`.

    An entry of zero is left out of the chain.
    """

    ledger: int
    debit: tuple[Code, int]
    credit: tuple[Code, int]
    amount: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Hold:
    """Set `amount` > 0 aside for `credit`, until it is posted, voided or expires."""

    ledger: int
    debit: tuple[Code, int]
    credit: tuple[Code, int]
    amount: int
    kind: Kind
    expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """Move what `hold` set aside: all of it, or `amount` of it and give back the rest."""

    hold: uuid.UUID
    amount: int | None = None
    kind: Kind | None = None  # the hold's own if None


@dataclass(frozen=True, slots=True)
class Void:
    """Give back all that `hold` set aside."""

    hold: uuid.UUID
    kind: Kind | None = None


Action = Entry | Hold | Post | Void
