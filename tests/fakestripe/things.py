"""What each endpoint does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakestripe.double import Double

Given = dict[str, Any]


def _refuse(status: int, kind: str, code: str, param: str = "") -> Exception:
    from tests.fakestripe.double import Refused

    return Refused(status, kind, code, param)


def _invalid(code: str, param: str = "") -> Exception:
    return _refuse(400, "invalid_request_error", code, param)


def _amount(given: Given, name: str = "amount") -> int:
    text = str(given[name])
    if not text.isdecimal() or not 0 < int(text) <= 99_999_999:
        raise _invalid("amount_invalid", name)
    return int(text)


def _page(found: list[Given], given: Given) -> Given:
    from tests.fakestripe.double import listed

    return listed(found, given)


def customer_create(at: Double, ids: list[str], given: Given) -> Given:
    return at.make("cus", "customer", name=given.get("name"), metadata=given.get("metadata", {}))


def customer_list(at: Double, ids: list[str], given: Given) -> Given:
    return _page(at.all("customer"), given)


def instructions(at: Double, ids: list[str], given: Given) -> Given:
    customer = at.get(ids[0], "customer")
    iban = {"iban": "DE" + customer["id"][-8:], "account_holder_name": "Haidai", "bic": "DOUBLE1X"}
    return {
        "object": "funding_instructions",
        "currency": given["currency"],
        "funding_type": "bank_transfer",
        "bank_transfer": {
            "country": "DE",
            "type": given["bank_transfer"]["type"],
            "financial_addresses": [{"type": "iban", "iban": iban}],
        },
    }


def cash_transactions(at: Double, ids: list[str], given: Given) -> Given:
    at.get(ids[0], "customer")
    return _page(at.all("customer_cash_balance_transaction", customer=ids[0]), given)


def account_create(at: Double, ids: list[str], given: Given) -> Given:
    made = at.make("acct", "account", company=given.get("company", {}), balance=0)
    made["metadata"] = given.get("metadata", {})
    return made


def account_get(at: Double, ids: list[str], given: Given) -> Given:
    return at.get(ids[0], "account")


def _charge(at: Double, intent: Given, amount: int, kind: str) -> Given:
    from tests.fakestripe.double import HOLD_S

    card = {"capture_before": at.now() + HOLD_S}
    return at.make(
        "ch",
        "charge",
        amount=amount,
        payment_intent=intent["id"],
        metadata=dict(intent["metadata"]),
        payment_method_details={"type": kind, kind: card if kind == "card" else {}},
    )


def _shown(at: Double, intent: Given, given: Given) -> Given:
    """Expand what was asked to be expanded."""
    charge = intent.get("latest_charge")
    if charge and "latest_charge" in given.get("expand", []):
        return intent | {"latest_charge": at.things[charge]}
    return intent


def intent_create(at: Double, ids: list[str], given: Given) -> Given:
    amount = _amount(given)
    customer = given.get("customer", "")
    if customer:
        at.get(customer, "customer")
    intent = at.make(
        "pi",
        "payment_intent",
        amount=amount,
        amount_received=0,
        currency=given["currency"],
        customer=customer,
        transfer_group=given.get("transfer_group"),
        metadata=given.get("metadata", {}),
        capture_method=given.get("capture_method", "automatic"),
        latest_charge=None,
        status="requires_confirmation",
    )
    if given.get("confirm") != "true":
        return intent
    if "customer_balance" in given.get("allowed_payment_method_types", []):
        if at.cash.get(customer, 0) < amount:
            intent["status"] = "requires_action"
            return intent
        at.cash[customer] -= amount
        charge = _charge(at, intent, amount, "customer_balance")
        intent |= {"status": "succeeded", "amount_received": amount, "latest_charge": charge["id"]}
        at.move("payment", amount, charge)
        at.tell("payment_intent.succeeded", intent)
    elif given.get("payment_method") == "pm_card_chargeDeclined":
        intent["status"] = "requires_payment_method"
        at.tell("payment_intent.payment_failed", intent)
        raise _refuse(402, "card_error", "card_declined")
    else:
        charge = _charge(at, intent, amount, "card")
        intent["latest_charge"] = charge["id"]
        if intent["capture_method"] == "manual":
            intent["status"] = "requires_capture"
            at.tell("payment_intent.amount_capturable_updated", intent)
        else:
            intent |= {"status": "succeeded", "amount_received": amount}
            at.move("charge", amount, charge)
            at.tell("payment_intent.succeeded", intent)
    return _shown(at, intent, given)


def intent_list(at: Double, ids: list[str], given: Given) -> Given:
    wanted = {"customer": given["customer"]} if "customer" in given else {}
    return _page(at.all("payment_intent", **wanted), given)


def intent_get(at: Double, ids: list[str], given: Given) -> Given:
    return _shown(at, at.get(ids[0], "payment_intent"), given)


def intent_capture(at: Double, ids: list[str], given: Given) -> Given:
    intent = at.get(ids[0], "payment_intent")
    if intent["status"] != "requires_capture":
        raise _invalid("payment_intent_unexpected_state")
    amount = _amount(given, "amount_to_capture") if "amount_to_capture" in given else 0
    amount = amount or intent["amount"]
    if amount > intent["amount"]:
        raise _invalid("amount_too_large", "amount_to_capture")
    intent["metadata"] |= given.get("metadata", {})
    intent |= {"status": "succeeded", "amount_received": amount}
    charge = at.things[intent["latest_charge"]]
    charge["metadata"] |= given.get("metadata", {})
    at.move("charge", amount, charge)
    at.tell("payment_intent.succeeded", intent)
    return intent


def intent_cancel(at: Double, ids: list[str], given: Given) -> Given:
    intent = at.get(ids[0], "payment_intent")
    if intent["status"] in ("succeeded", "canceled"):
        raise _invalid("payment_intent_unexpected_state")
    intent["status"] = "canceled"
    at.tell("payment_intent.canceled", intent)
    return intent


def refund_create(at: Double, ids: list[str], given: Given) -> Given:
    if given.get("origin") == "customer_balance":
        return _cash_refund(at, given)
    intent = at.get(given["payment_intent"], "payment_intent")
    amount = _amount(given) if "amount" in given else intent["amount_received"]
    back = sum(one["amount"] for one in at.all("refund", payment_intent=intent["id"]))
    if back + amount > intent["amount_received"]:
        raise _invalid("charge_already_refunded", "amount")
    if amount > at.balance:
        raise _invalid("insufficient_funds")
    made = at.make(
        "re",
        "refund",
        amount=amount,
        payment_intent=intent["id"],
        metadata=given.get("metadata", {}),
        status="succeeded",
    )
    at.move("refund", -amount, made)
    at.tell("charge.refunded", made)
    return made


def _cash_refund(at: Double, given: Given) -> Given:
    """Send a customer's cash back to its bank account; the platform's balance has no part in it."""
    if "payment_intent" in given or "charge" in given:
        raise _invalid("parameter_unknown", "payment_intent")
    customer = at.get(given["customer"], "customer")["id"]
    amount = _amount(given)
    if not given.get("currency"):
        raise _invalid("parameter_missing", "currency")
    if amount > at.cash.get(customer, 0):
        raise _invalid("insufficient_funds", "amount")
    at.cash[customer] -= amount
    metadata = given.get("metadata", {})
    made = at.make("re", "refund", amount=amount, customer=customer, metadata=metadata)
    made["status"] = "pending" if at.banks_are_slow else "succeeded"
    return made


def refund_list(at: Double, ids: list[str], given: Given) -> Given:
    wanted = {"payment_intent": given["payment_intent"]} if "payment_intent" in given else {}
    return _page(at.all("refund", **wanted), given)


def transfer_create(at: Double, ids: list[str], given: Given) -> Given:
    amount = _amount(given)
    account = at.get(given["destination"], "account")
    if amount > at.balance:
        raise _invalid("balance_insufficient")
    made = at.make(
        "tr",
        "transfer",
        amount=amount,
        amount_reversed=0,
        destination=account["id"],
        transfer_group=given.get("transfer_group"),
        metadata=given.get("metadata", {}),
    )
    account["balance"] += amount
    at.move("transfer", -amount, made)
    at.tell("transfer.created", made)
    return made


def transfer_list(at: Double, ids: list[str], given: Given) -> Given:
    wanted = {"transfer_group": given["transfer_group"]} if "transfer_group" in given else {}
    return _page(at.all("transfer", **wanted), given)


def reversal_create(at: Double, ids: list[str], given: Given) -> Given:
    transfer = at.get(ids[0], "transfer")
    amount = _amount(given) if "amount" in given else transfer["amount"]
    account = at.get(transfer["destination"], "account")
    if transfer["amount_reversed"] + amount > transfer["amount"]:
        raise _invalid("amount_too_large", "amount")
    if amount > account["balance"]:
        raise _invalid("insufficient_funds")
    transfer["amount_reversed"] += amount
    account["balance"] -= amount
    made = at.make("trr", "transfer_reversal", amount=amount, transfer=transfer["id"])
    made["metadata"] = given.get("metadata", {})
    at.move("transfer_refund", amount, made)
    at.tell("transfer.reversed", transfer)
    return made


def reversal_list(at: Double, ids: list[str], given: Given) -> Given:
    return _page(at.all("transfer_reversal", transfer=ids[0]), given)


def balance_transactions(at: Double, ids: list[str], given: Given) -> Given:
    page = _page(at.all("balance_transaction"), given)
    if "data.source" in given.get("expand", []):
        page["data"] = [row | {"source": at.things[row["source"]]} for row in page["data"]]
    return page


def balance(at: Double, ids: list[str], given: Given) -> Given:
    return {"object": "balance", "available": [{"amount": at.balance, "currency": "cny"}]}


HANDLERS: dict[str, Callable[[Double, list[str], Given], Given]] = {
    "POST /v1/customers": customer_create,
    "GET /v1/customers": customer_list,
    "POST /v1/customers/*/funding_instructions": instructions,
    "GET /v1/customers/*/cash_balance_transactions": cash_transactions,
    "POST /v1/accounts": account_create,
    "GET /v1/accounts/*": account_get,
    "POST /v1/payment_intents": intent_create,
    "GET /v1/payment_intents": intent_list,
    "GET /v1/payment_intents/*": intent_get,
    "POST /v1/payment_intents/*/capture": intent_capture,
    "POST /v1/payment_intents/*/cancel": intent_cancel,
    "POST /v1/refunds": refund_create,
    "GET /v1/refunds": refund_list,
    "POST /v1/transfers": transfer_create,
    "GET /v1/transfers": transfer_list,
    "POST /v1/transfers/*/reversals": reversal_create,
    "GET /v1/transfers/*/reversals": reversal_list,
    "GET /v1/balance_transactions": balance_transactions,
    "GET /v1/balance": balance,
}
