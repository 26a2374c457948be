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
    Replacement,
    WeighTicket,
)
from settlement.models.deadline import Reminder
from settlement.models.exhibit import Exhibit, Matter
from settlement.models.freeze import FreezeReason, FreezeState, FundsFreeze
from settlement.models.hold import HoldKind, HoldReason, HoldState, ReceiptHold
from settlement.models.netting import (
    BatchState,
    LegDirection,
    NettingBatch,
    NettingDrop,
    NettingLeg,
    NettingLine,
    NettingSettings,
)
from settlement.models.obligation import Obligation, ObligationState, Replacing
from settlement.models.paper import ContractPaper, ContractSignature
from settlement.models.payment import (
    FundsDirection,
    FundsMovement,
    FundsState,
    OutboxCommand,
    OutboxState,
)
from settlement.models.rail import (
    CustodyEntry,
    Finding,
    LineState,
    Notification,
    OperationState,
    PaymentOperation,
    RailLine,
    Reconciliation,
)
from settlement.models.rating import Rating
from settlement.models.receipt import Endorsement, Receipt, ReceiptChange, ReceiptState
from settlement.models.receipt_paper import (
    ReceiptFile,
    ReceiptFileKind,
    ReceiptPaper,
    StorageExtension,
)
from settlement.models.rules import RuleState, RuleVersion

__all__ = [
    "AccountState",
    "BankFile",
    "BankFileKind",
    "BankInstruction",
    "BankLine",
    "BankSettings",
    "BatchState",
    "BooksCheck",
    "BoundAccount",
    "ContractEvent",
    "ContractPaper",
    "ContractSignature",
    "CustodyEntry",
    "DeliveryOrder",
    "Dispute",
    "DisputeState",
    "Endorsement",
    "Exhibit",
    "FinalStatement",
    "Finding",
    "Forum",
    "FreezeReason",
    "FreezeState",
    "FundsDirection",
    "FundsFreeze",
    "FundsMovement",
    "FundsState",
    "HoldKind",
    "HoldReason",
    "HoldState",
    "IncomingItem",
    "IncomingState",
    "Inspection",
    "Invoice",
    "InvoiceState",
    "LegDirection",
    "LineState",
    "Matter",
    "NettingBatch",
    "NettingDrop",
    "NettingLeg",
    "NettingLine",
    "NettingSettings",
    "Notification",
    "Obligation",
    "ObligationState",
    "OperationState",
    "OutboxCommand",
    "OutboxState",
    "PaymentOperation",
    "PriceCut",
    "RailLine",
    "Rating",
    "Receipt",
    "ReceiptChange",
    "ReceiptFile",
    "ReceiptFileKind",
    "ReceiptHold",
    "ReceiptPaper",
    "ReceiptState",
    "Reconciliation",
    "Reminder",
    "Replacement",
    "Replacing",
    "RuleState",
    "RuleVersion",
    "StorageExtension",
    "WeighTicket",
]
