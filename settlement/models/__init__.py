"""Rows of settlement, imported here for Django's registry.

The ledger's classes are not re-exported: `settlement.ledger` is their only writer.
"""

import settlement.models.ledger  # noqa: F401
from settlement.models.obligation import Obligation, ObligationState
from settlement.models.payment import (
    FundsDirection,
    FundsMovement,
    FundsState,
    OutboxCommand,
    OutboxState,
    PaymentOperation,
)
from settlement.models.receipt import Receipt, ReceiptChange, ReceiptState

__all__ = [
    "FundsDirection",
    "FundsMovement",
    "FundsState",
    "Obligation",
    "ObligationState",
    "OutboxCommand",
    "OutboxState",
    "PaymentOperation",
    "Receipt",
    "ReceiptChange",
    "ReceiptState",
]
