"""Refuses what Stripe would refuse: unknown and missing parameters, by the SDK's own types."""

from __future__ import annotations

import re
import sys
from typing import Any

from stripe import params

TYPES: dict[str, str] = {
    "POST /v1/customers": "CustomerCreateParams",
    "GET /v1/customers": "CustomerListParams",
    "POST /v1/customers/*/funding_instructions": "CustomerCreateFundingInstructionsParams",
    "GET /v1/customers/*/cash_balance_transactions": "CustomerListCashBalanceTransactionsParams",
    "POST /v1/accounts": "AccountCreateParams",
    "GET /v1/accounts/*": "AccountRetrieveParams",
    "POST /v1/payment_intents": "PaymentIntentCreateParams",
    "GET /v1/payment_intents": "PaymentIntentListParams",
    "GET /v1/payment_intents/*": "PaymentIntentRetrieveParams",
    "POST /v1/payment_intents/*/capture": "PaymentIntentCaptureParams",
    "POST /v1/payment_intents/*/cancel": "PaymentIntentCancelParams",
    "POST /v1/refunds": "RefundCreateParams",
    "GET /v1/refunds": "RefundListParams",
    "POST /v1/transfers": "TransferCreateParams",
    "GET /v1/transfers": "TransferListParams",
    "POST /v1/transfers/*/reversals": "TransferCreateReversalParams",
    "GET /v1/transfers/*/reversals": "TransferListReversalsParams",
    "GET /v1/balance_transactions": "BalanceTransactionListParams",
    "GET /v1/balance": "BalanceRetrieveParams",
}
_NAME = re.compile(r"\b[A-Z]\w+\b")
_OF_THE_CALL = {
    "api_key",
    "stripe_version",
    "stripe_account",
    "stripe_context",
    "max_network_retries",
} | {"idempotency_key", "content_type", "headers"}  # the SDK's own, never sent in a body


def fault(endpoint: str, given: dict[str, Any]) -> tuple[str, str] | None:
    """Return (code, parameter) of the first thing wrong with a request, or None."""
    return _walk(getattr(params, TYPES[endpoint]), given, "")


def _walk(shape: Any, given: dict[str, Any], where: str) -> tuple[str, str] | None:
    expected = {
        name: _text(kind)
        for name, kind in shape.__annotations__.items()
        if name not in _OF_THE_CALL
    }
    for name, value in given.items():
        path = f"{where}[{name}]" if where else name
        if name not in expected:
            return "parameter_unknown", path
        inner = [
            found
            for word in _NAME.findall(expected[name])
            if (found := getattr(sys.modules[shape.__module__], word, None)) is not None
            and hasattr(found, "__annotations__")
            and hasattr(found, "__total__")
        ]
        values = value if isinstance(value, list) else [value]
        for one in values:
            if isinstance(one, dict) and inner and "Dict[str" not in expected[name]:
                wrong = _walk(inner[0], one, path)
                if wrong is not None:
                    return wrong
    for name, kind in expected.items():
        if not kind.startswith("NotRequired") and name not in given:
            return "parameter_missing", f"{where}[{name}]" if where else name
    return None


def _text(kind: Any) -> str:
    found = getattr(kind, "__forward_arg__", None)
    text = str(found) if found is not None else repr(kind)
    return text.replace("typing_extensions.", "").replace("typing.", "")
