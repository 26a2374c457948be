"""Rows of settlement, imported here for Django's registry.

The ledger's classes are not re-exported: `settlement.ledger` is their only writer.
"""

import settlement.models.ledger  # noqa: F401
from settlement.models.account import AccountState, BoundAccount, IncomingItem, IncomingState
from settlement.models.bankfile import (
    BankFile,
    BankFileKind,
    BankInstruction,
    BankLine,
    BankSettings,
)
from settlement.models.check import BooksCheck
from settlement.models.contract import (
    ContractEvent,
    DeliveryOrder,
    Dispute,
    DisputeState,
    FinalStatement,
    Forum,
    Inspection,
    Invoice,
    InvoiceState,
    PriceCut,
    WeighTicket,
)
from settlement.models.deadline import Reminder
from settlement.models.freeze import FreezeReason, FreezeState, FundsFreeze
from settlement.models.netting import NettingBatch, NettingDrop, NettingLine
from settlement.models.obligation import Obligation, ObligationState
from settlement.models.payment import (
    FundsDirection,
    FundsMovement,
    FundsState,
    OutboxCommand,
    OutboxState,
)
from settlement.models.rail import (
    CustodyEntry,
    LineState,
    Notification,
    OperationState,
    PaymentOperation,
    RailLine,
    Reconciliation,
)
from settlement.models.receipt import Endorsement, Receipt, ReceiptChange, ReceiptState

__all__ = [
    "AccountState",
    "BankFile",
    "BankFileKind",
    "BankInstruction",
    "BankLine",
    "BankSettings",
    "BooksCheck",
    "BoundAccount",
    "ContractEvent",
    "CustodyEntry",
    "DeliveryOrder",
    "Dispute",
    "DisputeState",
    "Endorsement",
    "FinalStatement",
    "Forum",
    "FreezeReason",
    "FreezeState",
    "FundsDirection",
    "FundsFreeze",
    "FundsMovement",
    "FundsState",
    "IncomingItem",
    "IncomingState",
    "Inspection",
    "Invoice",
    "InvoiceState",
    "LineState",
    "NettingBatch",
    "NettingDrop",
    "NettingLine",
    "Notification",
    "Obligation",
    "ObligationState",
    "OperationState",
    "OutboxCommand",
    "OutboxState",
    "PaymentOperation",
    "PriceCut",
    "RailLine",
    "Receipt",
    "ReceiptChange",
    "ReceiptState",
    "Reconciliation",
    "Reminder",
    "WeighTicket",
]
