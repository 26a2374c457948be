"""Reads for screens, all inside the current venue's scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import models

from exchange.models import Firm
from settlement import ledger
from settlement.models import (
    AccountState,
    BankFile,
    BankInstruction,
    BankSettings,
    BoundAccount,
    Finding,
    FundsMovement,
    IncomingItem,
    IncomingState,
    LineState,
    Obligation,
    ObligationState,
    OperationState,
    PaymentOperation,
    RailLine,
    Receipt,
    ReceiptChange,
    ReceiptState,
    Reconciliation,
)
from settlement.models.account import INCOMING_CHECKED


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that moved for a contract, as its parties may see it; firm id 0 is the venue."""

    kind: str
    from_firm_id: int
    to_firm_id: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract with everything that moved for it."""

    obligation: Obligation
    payments: list[Payment]
    changes: list[ReceiptChange]


def statement(firm: Firm, *, most: int = 100) -> list[ledger.Line]:
    """Return a firm's money movements with the balance after each, newest first."""
    return ledger.statement(firm.pk, most=most)


def movements(firm: Firm, *, most: int = 20) -> list[FundsMovement]:
    """Return a firm's deposits and withdrawals, newest first."""
    rows = FundsMovement.objects.select_related("asked_by").filter(firm=firm)
    return list(rows.order_by("-pk")[:most])


def receipts(firm: Firm, *, most: int = 200) -> list[Receipt]:
    """Return a firm's receipts that hold goods or wait for the engine, newest first."""
    return list(
        Receipt.objects.select_related("instrument", "warehouse", "venue")
        .filter(owner=firm, state__in=ReceiptState.alive())
        .order_by("-pk")[:most]
    )


def registered(*, most: int = 100) -> list[Receipt]:
    """Return the venue's newest registrations, for the warehouse."""
    return list(
        Receipt.objects.select_related("instrument", "warehouse", "venue", "owner")
        .filter(parent_id=0)
        .order_by("-pk")[:most]
    )


def contracts(firm: Firm | None, *, most: int = 100) -> list[Obligation]:
    """Return a firm's contracts, newest first; all of the venue's for the operator (None)."""
    rows = Obligation.objects.select_related("instrument", "buyer", "seller")
    if firm is not None:
        rows = rows.filter(models.Q(buyer=firm) | models.Q(seller=firm))
    return list(rows.order_by("-trade_id")[:most])


def contract(firm: Firm | None, trade_id: int) -> Contract | None:
    """Return a contract that the firm is a party of, or None; the operator (None) sees all."""
    rows = Obligation.objects.select_related(
        "instrument__warehouse", "instrument__commodity", "buyer", "seller", "venue"
    )
    obligation = rows.filter(trade_id=trade_id).first()
    if obligation is None:
        return None
    if firm is not None and firm.pk not in (obligation.buyer_id, obligation.seller_id):
        return None
    payments = [
        Payment(row.kind, row.debit.firm_id, row.credit.firm_id, row.amount)
        for row in ledger.movements(trade_id)
        if row.ledger == ledger.CNY
    ]
    changes = list(ReceiptChange.objects.filter(trade_id=trade_id).order_by("key"))
    return Contract(obligation, payments, changes)


@dataclass(frozen=True, slots=True)
class PaymentDesk:
    """What waits for a person about the venue's money, and the last operations."""

    accounts: list[BoundAccount]
    unknown_items: list[IncomingItem]
    returns: list[IncomingItem]  # and claims: what a second person is asked, or the rail
    breaks: list[RailLine]
    lost: list[tuple[PaymentOperation, Finding | None]]  # with what somebody says of it
    operations: list[PaymentOperation]
    reconciliations: list[Reconciliation]


_ON_ITS_WAY: Final = (*INCOMING_CHECKED, IncomingState.RETURNING)


def payment_desk(*, most: int = 50) -> PaymentDesk:
    """Return the current venue's; the oldest that waits first, the latest operation first."""
    broken = [LineState.THEIRS_ONLY, LineState.AMOUNT]
    asked = PaymentOperation.objects
    return PaymentDesk(
        accounts=list(
            BoundAccount.objects.select_related("firm", "proposed_by")
            .filter(state=AccountState.PROPOSED)
            .order_by("pk")[:most]
        ),
        unknown_items=list(
            IncomingItem.objects.filter(state=IncomingState.UNKNOWN).order_by("pk")[:most]
        ),
        returns=list(
            IncomingItem.objects.select_related("proposed_by", "firm")
            .filter(state__in=_ON_ITS_WAY)
            .order_by("pk")[:most]
        ),
        breaks=list(RailLine.objects.filter(state__in=broken).order_by("pk")[:most]),
        lost=_lost(most),
        operations=list(asked.order_by("-pk")[:most]),
        reconciliations=list(Reconciliation.objects.order_by("rail")),
    )


def _lost(most: int) -> list[tuple[PaymentOperation, Finding | None]]:
    rows = PaymentOperation.objects.filter(state=OperationState.HUMAN).order_by("pk")[:most]
    waiting = Finding.objects.select_related("said_by").filter(agreed=None)
    of = {one.operation_id: one for one in waiting.filter(operation__in=[row.pk for row in rows])}
    return [(row, of.get(row.pk)) for row in rows]


def begun(trades: list[int]) -> set[int]:
    """Return those of the trades whose contracts have begun to settle, or have ended."""
    before = [ObligationState.MATCHED, ObligationState.SECURED]
    rows = Obligation.objects.filter(trade_id__in=trades).exclude(state__in=before)
    return set(rows.values_list("trade_id", flat=True))


def account_of(firm: Firm, rail: str) -> BoundAccount | None:
    """Return the firm's live account on a rail, or else the one it asked for last."""
    rows = BoundAccount.objects.filter(firm=firm, rail=rail)
    live = [AccountState.PROPOSED, AccountState.OPENING, AccountState.BOUND]
    return rows.filter(state__in=live).first() or rows.order_by("-pk").first()


@dataclass(frozen=True, slots=True)
class BankDesk:
    """The venue's bank files, latest first, and how many instructions wait for the next."""

    settings: BankSettings | None
    files: list[BankFile]
    waiting: int


def bank_desk(*, most: int = 50) -> BankDesk:
    """Return the current venue's."""
    return BankDesk(
        settings=BankSettings.objects.first(),
        files=list(BankFile.objects.defer("body").select_related("by").order_by("-pk")[:most]),
        waiting=BankInstruction.objects.filter(file__isnull=True).count(),
    )
