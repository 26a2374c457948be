"""Stripe as a rail: separate charges and transfers, cash balances, manual capture.

Our operation id is the idempotency key and stands in the metadata of what it made, under one key
a kind, since a capture's metadata are merged into the intent's. The SDK never retries: the outbox
is the only retrier. Amounts are minor units of one two-decimal currency.

Stripe has no bank transfer in CNY and settles none (SETTLEMENT 2.1): this rail is for venues whose
money is another currency, and for showing the whole path against a double.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import stripe

from settlement.payments.ports import (
    SWEEPS,
    Answer,
    Capabilities,
    Incoming,
    Line,
    Notice,
    Operation,
    OperationKind,
    Outcome,
    RailError,
)

API_VERSION: Final = "2026-10-28.endive"
"""The version that stripe 16.1.0 is written for; a webhook endpoint must be made with it, too."""
TIMEOUT_S: Final = 5
MOST: Final = 99_999_999
"""Stripe's largest amount of one payment: eight digits."""
REPLAY_S: Final = 24 * 3_600
"""Keys may be forgotten after this long; then the same key makes a second payment."""
AHEAD_S: Final = 60
"""Seconds that a message may be dated ahead of our clock; the SDK itself would take any."""
AGE_S: Final = 300
SEARCH_S: Final = 300
"""A search begins this much before the operation was made: clocks differ."""

K = OperationKind


class StripeRail:
    """One Stripe account. `clock` gives the time that messages are judged by."""

    name = "stripe"

    def __init__(
        self,
        key: str,
        *,
        webhook_secret: str,
        currency: str,
        bank_transfer: str,
        clock: Callable[[], dt.datetime],
        address: str = "",
        http: stripe.HTTPClient | None = None,
    ) -> None:
        options: dict[str, Any] = {"base_addresses": {"api": address}} if address else {}
        self._api = stripe.StripeClient(
            key,
            max_network_retries=0,
            stripe_version=API_VERSION,
            http_client=http or stripe.RequestsClient(timeout=TIMEOUT_S),
            **options,
        ).v1
        self._secret = webhook_secret
        self._currency = currency
        self._bank_transfer: Any = bank_transfer  # the SDK has a literal of each country's
        self._clock = clock

    def capabilities(self) -> Capabilities:
        """Return: eight digits, repeatable for a day, money is pushed by the payer's bank.

        A customer's cash balance is no part of ours, so that what returns from it is on no line of
        ours; and one customer's cannot be moved to another's: no legs.
        """
        return Capabilities(MOST, REPLAY_S, is_push=True, unstated=frozenset({K.RETURN}))

    # Asking.

    def submit(self, operation: Operation) -> Answer:
        """Execute once; the key makes a repeat return the first answer."""
        if operation.kind in SWEEPS:
            return Answer(Outcome.REFUSED, "NOT_CARRIED")
        if operation.amount_fen > MOST:
            return Answer(Outcome.REFUSED, "AMOUNT_TOO_LARGE")
        return self._ask(lambda: self._SUBMIT[operation.kind](self, operation), operation)

    def _ask(self, call: Callable[[], Answer], operation: Operation) -> Answer:
        try:
            return call()
        except stripe.CardError as error:
            return Answer(Outcome.REFUSED, error.code or "card_error")
        except stripe.IdempotencyError:
            return Answer(Outcome.UNKNOWN, "IDEMPOTENCY")  # other fields under our key: an alarm
        except stripe.RateLimitError:
            return Answer(Outcome.RETRY, "RATE_LIMIT")
        except (stripe.AuthenticationError, stripe.PermissionError):
            return Answer(Outcome.RETRY, "NOT_ALLOWED")
        except stripe.InvalidRequestError as error:
            if operation.kind in (K.CAPTURE, K.RELEASE):
                # It may have been us, before the answer was lost.
                found = self.lookup(operation)
                if found.outcome != Outcome.RETRY:
                    return found
            return Answer(Outcome.REFUSED, error.code or "invalid_request")
        except stripe.StripeError as error:
            return Answer(Outcome.UNKNOWN, f"HTTP_{error.http_status or 'LOST'}")

    def _options(self, operation: Operation, part: str = "") -> Any:
        return {"idempotency_key": operation.op_id + part}

    def _marks(self, operation: Operation) -> dict[str, str]:
        return {
            f"op_{operation.kind}": operation.op_id,
            "venue": operation.op_id.partition(":")[0],
        }

    def _open(self, operation: Operation) -> Answer:
        account = self._api.accounts.retrieve(operation.account)
        company = account.to_dict().get("company") or {}
        if company.get("name") != operation.holder:
            return Answer(Outcome.REFUSED, "NOT_SAME_NAME")
        customer = self._api.customers.create(
            {
                "name": operation.holder,
                "cash_balance": {"settings": {"reconciliation_mode": "manual"}},
                "metadata": self._marks(operation),
            },
            self._options(operation),
        )
        return self._opened(customer.id, operation)

    def _opened(self, customer: str, operation: Operation) -> Answer:
        told = self._api.customers.funding_instructions.create(
            customer,
            {
                "bank_transfer": {"type": self._bank_transfer},
                "currency": self._currency,
                "funding_type": "bank_transfer",
            },
            self._options(operation, ":instructions"),
        )
        addresses = told.to_dict()["bank_transfer"]["financial_addresses"]
        return Answer(Outcome.DONE, ref=customer, says={"addresses": addresses})

    def _pay_in(self, operation: Operation) -> Answer:
        intent = self._api.payment_intents.create(
            {
                "amount": operation.amount_fen,
                "currency": self._currency,
                "customer": operation.account,
                "allowed_payment_method_types": ["customer_balance"],
                "payment_method_data": {"type": "customer_balance"},
                "payment_method_options": {
                    "customer_balance": {
                        "funding_type": "bank_transfer",
                        "bank_transfer": {"type": self._bank_transfer},
                    }
                },
                "confirm": True,
                "transfer_group": operation.group,
                "metadata": self._marks(operation),
            },
            self._options(operation),
        )
        return _paid(intent.to_dict())

    def _reserve(self, operation: Operation) -> Answer:
        intent = self._api.payment_intents.create(
            {
                "amount": operation.amount_fen,
                "currency": self._currency,
                "customer": operation.account,
                "payment_method": operation.method,
                "allowed_payment_method_types": ["card"],
                "capture_method": "manual",
                "confirm": True,
                "transfer_group": operation.group,
                "metadata": self._marks(operation),
                "expand": ["latest_charge"],
            },
            self._options(operation),
        )
        return _held(intent.to_dict())

    def _capture(self, operation: Operation) -> Answer:
        intent = self._api.payment_intents.capture(
            operation.parent,
            {"amount_to_capture": operation.amount_fen, "metadata": self._marks(operation)},
            self._options(operation),
        )
        return _captured(intent.to_dict(), operation)

    def _release(self, operation: Operation) -> Answer:
        intent = self._api.payment_intents.cancel(
            operation.parent, {"cancellation_reason": "abandoned"}, self._options(operation)
        )
        return _released(intent.to_dict())

    def _pay_out(self, operation: Operation) -> Answer:
        transfer = self._api.transfers.create(
            {
                "amount": operation.amount_fen,
                "currency": self._currency,
                "destination": operation.account,
                "transfer_group": operation.group,
                "metadata": self._marks(operation),
            },
            self._options(operation),
        )
        return Answer(Outcome.DONE, ref=transfer.id, amount_fen=transfer.amount)

    def _refund(self, operation: Operation) -> Answer:
        refund = self._api.refunds.create(
            {
                "payment_intent": operation.parent,
                "amount": operation.amount_fen,
                "metadata": self._marks(operation),
            },
            self._options(operation),
        )
        return _refunded(refund.to_dict())

    def _return(self, operation: Operation) -> Answer:
        """Send back out of a customer's cash balance, to the bank account that funded it."""
        refund = self._api.refunds.create(
            {
                "origin": "customer_balance",
                "customer": operation.account,
                "amount": operation.amount_fen,
                "currency": self._currency,
                "metadata": self._marks(operation) | {"came_as": operation.parent},
            },
            self._options(operation),
        )
        return _refunded(refund.to_dict())

    def _clawback(self, operation: Operation) -> Answer:
        reversal = self._api.transfers.reversals.create(
            operation.parent,
            {"amount": operation.amount_fen, "metadata": self._marks(operation)},
            self._options(operation),
        )
        return Answer(Outcome.DONE, ref=reversal.id, amount_fen=reversal.amount)

    _SUBMIT: Final[dict[OperationKind, Callable[[StripeRail, Operation], Answer]]] = {
        K.OPEN: _open,
        K.PAY_IN: _pay_in,
        K.RESERVE: _reserve,
        K.CAPTURE: _capture,
        K.RELEASE: _release,
        K.PAY_OUT: _pay_out,
        K.REFUND: _refund,
        K.CLAWBACK: _clawback,
        K.RETURN: _return,
    }

    # Looking.

    def lookup(self, operation: Operation, ref: str = "") -> Answer:
        """Find what an operation made, by its reference or by its id in the metadata."""
        if operation.kind in SWEEPS:
            return Answer(Outcome.REFUSED, "NOT_CARRIED")
        try:
            return self._look(operation, ref)
        except stripe.InvalidRequestError as error:
            if error.http_status == 404:
                return Answer(Outcome.RETRY)
            return Answer(Outcome.UNKNOWN, error.code or "invalid_request")
        except stripe.StripeError as error:
            return Answer(Outcome.UNKNOWN, f"HTTP_{error.http_status or 'LOST'}")

    def _look(self, operation: Operation, ref: str) -> Answer:
        kind = operation.kind
        if kind in (K.CAPTURE, K.RELEASE):
            intent = self._intent(operation.parent)
            return _captured(intent, operation) if kind == K.CAPTURE else _released(intent)
        if kind in (K.PAY_IN, K.RESERVE):
            found = self._intent(ref) if ref else self._search(operation)
            if found is not None and not ref:
                found = self._intent(found["id"])
            if found is None:
                return Answer(Outcome.RETRY)
            return _paid(found) if kind == K.PAY_IN else _held(found)
        found = self._search(operation)
        if found is None:
            return Answer(Outcome.RETRY)
        if kind == K.OPEN:
            return self._opened(found["id"], operation)
        if kind in (K.REFUND, K.RETURN):
            return _refunded(found)
        return Answer(Outcome.DONE, ref=found["id"], amount_fen=found["amount"])

    def _intent(self, ref: str) -> dict[str, Any]:
        return self._api.payment_intents.retrieve(ref, {"expand": ["latest_charge"]}).to_dict()

    def _search(self, operation: Operation) -> dict[str, Any] | None:
        since: Any = {"gte": int(operation.made_at.timestamp()) - SEARCH_S}
        rows: Any
        if operation.kind == K.OPEN:
            rows = self._api.customers.list({"created": since, "limit": 100})
        elif operation.kind == K.PAY_OUT:
            rows = self._api.transfers.list({"transfer_group": operation.group, "limit": 100})
        elif operation.kind == K.REFUND:
            rows = self._api.refunds.list({"payment_intent": operation.parent, "limit": 100})
        elif operation.kind == K.RETURN:
            rows = self._api.refunds.list({"created": since, "limit": 100})
        elif operation.kind == K.CLAWBACK:
            rows = self._api.transfers.reversals.list(operation.parent, {"limit": 100})
        else:
            rows = self._api.payment_intents.list(
                {"customer": operation.account, "created": since, "limit": 100}
            )
        mark = f"op_{operation.kind}"
        for row in rows.auto_paging_iter():
            found: dict[str, Any] = row.to_dict()
            if (found.get("metadata") or {}).get(mark) == operation.op_id:
                return found
        return None

    # Money that comes in, messages, statements.

    def incoming(self, account: str, since: dt.datetime) -> list[Incoming]:
        """Return what a customer's cash balance was funded with."""
        found = []
        try:
            rows = self._api.customers.cash_balance_transactions.list(account, {"limit": 100})
            for one in rows.auto_paging_iter():
                row = one.to_dict()
                at = dt.datetime.fromtimestamp(row["created"], dt.UTC)
                if at < since:
                    break  # newest first
                if row["type"] == "funded":
                    transfer = row["funded"]["bank_transfer"]
                    sender = (transfer.get(self._bank_transfer) or {}).get("sender_name") or ""
                    memo = transfer.get("reference") or ""
                    item = Incoming(
                        row["id"], account, row["net_amount"], sender, at, memo, account
                    )
                    found.append(item)
        except stripe.StripeError as error:
            raise RailError("NO_ANSWER", str(error)) from error
        return found

    def parse_notification(self, body: bytes, headers: Mapping[str, str]) -> list[Notice]:
        """Verify a signed event; what it says about money is not believed, only looked up."""
        signature = headers.get("Stripe-Signature", "")
        now = self._clock()
        try:
            dated = int(dict(part.split("=", 1) for part in signature.split(","))["t"])
            age = now.timestamp() - dated
            if not -AHEAD_S <= age <= AGE_S:
                raise RailError("TIMESTAMP")
            text = body.decode()
            stripe.WebhookSignature.verify_header(text, signature, self._secret)
            event = json.loads(text)
            thing = event["data"]["object"]
            marks = thing.get("metadata") or {}
            customer = thing.get("customer") if "cash_balance" in event["type"] else ""
            ids = [value for name, value in sorted(marks.items()) if name.startswith("op_")]
            notices = [
                Notice(event["id"], event["type"], venue, own, customer or "")
                for venue, _, own in (one.partition(":") for one in ids or [":"])
            ]
        except stripe.SignatureVerificationError as error:
            raise RailError("SIGNATURE") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RailError("MALFORMED") from error
        return notices

    def statement(self, since: dt.datetime, until: dt.datetime) -> Iterable[Line]:
        """Return the balance transactions of a period; each names the operation's reference."""
        period: Any = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
        try:
            rows = self._api.balance_transactions.list(
                {"created": period, "limit": 100, "expand": ["data.source"]}
            )
            for one in rows.auto_paging_iter():
                row = one.to_dict()
                source = row.get("source") or {}
                yield Line(
                    line_id=row["id"],
                    kind=row["type"],
                    amount_fen=row["amount"],
                    at=dt.datetime.fromtimestamp(row["created"], dt.UTC),
                    venue=(source.get("metadata") or {}).get("venue", ""),
                    ref=_reference(source),
                )
        except stripe.StripeError as error:
            raise RailError("NO_ANSWER", str(error)) from error


def _reference(source: Mapping[str, Any]) -> str:
    """Return what our operation knows a balance transaction's source by."""
    if source.get("object") == "charge":
        return str(source.get("payment_intent") or source["id"])
    return str(source.get("id") or "")


def _paid(intent: Mapping[str, Any]) -> Answer:
    status, ref = intent["status"], intent["id"]
    if status == "succeeded":
        return Answer(Outcome.DONE, ref=ref, amount_fen=intent["amount_received"])
    if status == "canceled":
        return Answer(Outcome.REFUSED, "CANCELED", ref)
    return Answer(Outcome.PENDING if status == "processing" else Outcome.ACTION, status, ref)


def _held(intent: Mapping[str, Any]) -> Answer:
    status, ref = intent["status"], intent["id"]
    if status in ("requires_capture", "succeeded"):
        charge = intent.get("latest_charge")
        card = ((charge or {}).get("payment_method_details") or {}).get("card") or {}
        before = card.get("capture_before")
        ends = dt.datetime.fromtimestamp(before, dt.UTC) if before else None
        return Answer(Outcome.DONE, ref=ref, amount_fen=intent["amount"], expires_at=ends)
    if status in ("canceled", "requires_payment_method"):
        return Answer(Outcome.REFUSED, "DECLINED", ref)
    return Answer(Outcome.ACTION, status, ref)


def _captured(intent: Mapping[str, Any], operation: Operation) -> Answer:
    status, ref = intent["status"], intent["id"]
    if status == "succeeded":
        by = (intent.get("metadata") or {}).get("op_capture")
        if by != operation.op_id or intent["amount_received"] != operation.amount_fen:
            return Answer(Outcome.REFUSED, "DONE_BY_ANOTHER", ref)
        return Answer(Outcome.DONE, ref=ref, amount_fen=operation.amount_fen)
    if status == "canceled":
        return Answer(Outcome.REFUSED, "HOLD_ENDED", ref)
    return Answer(Outcome.RETRY)


def _released(intent: Mapping[str, Any]) -> Answer:
    if intent["status"] == "canceled":
        return Answer(Outcome.DONE, ref=intent["id"], amount_fen=intent["amount"])
    if intent["status"] == "succeeded":
        return Answer(Outcome.REFUSED, "DONE_BY_ANOTHER", intent["id"])
    return Answer(Outcome.RETRY)


def _refunded(refund: Mapping[str, Any]) -> Answer:
    outcome = {
        "succeeded": Outcome.DONE,
        "pending": Outcome.PENDING,
        "requires_action": Outcome.ACTION,
    }.get(refund["status"], Outcome.REFUSED)
    code = "" if outcome == Outcome.DONE else refund["status"]
    return Answer(outcome, code, refund["id"], refund["amount"])
