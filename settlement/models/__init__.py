"""Rows of settlement, imported here for Django's registry.

The ledger's classes are not re-exported: `settlement.ledger` is their only writer.
"""

import settlement.models.ledger  # noqa: F401
from settlement.models.check import BooksCheck
from settlement.models.contract import (
    ContractEvent,
    DeliveryOrder,
    Dispute,
    DisputeState,
    FinalStatement,
    Inspection,
    Invoice,
    InvoiceState,
    WeighTicket,
)
from settlement.models.obligation import Obligation, ObligationState
from settlement.models.payment import (
    FundsDirection,
    FundsMovement,
    FundsState,
    OutboxCommand,
    OutboxState,
    PaymentOperation,
)
from settlement.models.receipt import Endorsement, Receipt, ReceiptChange, ReceiptState

__all__ = [
    "BooksCheck",
    "ContractEvent",
    "DeliveryOrder",
    "Dispute",
    "DisputeState",
    "Endorsement",
    "FinalStatement",
    "FundsDirection",
    "FundsMovement",
    "FundsState",
    "Inspection",
    "Invoice",
    "InvoiceState",
    "Obligation",
    "ObligationState",
    "OutboxCommand",
    "OutboxState",
    "PaymentOperation",
    "Receipt",
    "ReceiptChange",
    "ReceiptState",
    "WeighTicket",
]
