"""The service: state, idempotency, faults, events, a clock that its user moves."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakestripe import check

DAY_S = 24 * 3_600
HOLD_S = 7 * DAY_S
SLOW_S = 10
"""How long a slow request takes: its answer is lost, and until then its key is in use."""
FAULTS = ("drop_before", "drop_after", "500_after", "503_before", "429", "slow")
SECRET = "whsec_double"


class Lost(Exception):
    """The connection broke: the caller gets no answer."""


class Refused(Exception):
    """An error that Stripe answers with; `saved` under the idempotency key or not."""

    def __init__(
        self, status: int, kind: str, code: str, param: str = "", *, saved: bool = True
    ) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": code, "param": param}}
        self.saved = saved


@dataclass
class Saved:
    """What a key was used for, and what was answered."""

    at: int
    request: str
    answer: tuple[int, dict[str, Any]] | None = None
    busy_until: int = 0


@dataclass
class Double:
    """One Stripe account. `now` gives whole seconds; `fault` names what goes wrong with a call."""

    now: Callable[[], int]
    fault: Callable[[str, str], str] = lambda method, path: ""
    balance: int = 0
    banks_are_slow: bool = False
    """Refunds out of a customer's cash stay pending until `arrive` is called."""
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    keys: dict[str, Saved] = field(default_factory=dict)
    cash: dict[str, int] = field(default_factory=dict)
    held_back: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    listeners: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    count: int = 0

    # The wire.

    def handle(
        self, method: str, url: str, headers: dict[str, str], body: str
    ) -> tuple[int, dict[str, Any]]:
        """Answer one request; raise `Lost` when the answer does not arrive."""
        self.catch_up()
        parts = urlsplit(url)
        path = parts.path.rstrip("/")
        names = {name.lower(): value for name, value in headers.items()}
        trouble = self.fault(method, path)
        if trouble == "drop_before":
            raise Lost
        if trouble == "503_before":
            return 503, {"error": {"type": "api_error", "message": "unavailable"}}
        if trouble == "429":
            return 429, {"error": {"type": "invalid_request_error", "code": "rate_limit"}}
        given = nested(parse_qsl(parts.query if method == "GET" else body, True))
        try:
            if not names.get("authorization", "").startswith("Bearer sk_test_"):
                raise Refused(401, "invalid_request_error", "api_key", saved=False)
            endpoint, ids = route(method, path)
            wrong = check.fault(endpoint, given)
            if wrong is not None:
                raise Refused(400, "invalid_request_error", *wrong, saved=False)
        except Refused as refused:
            return refused.status, refused.body
        if method == "GET":
            status, found = self._run(endpoint, ids, given)
            return status, found | {"url": path} if found.get("object") == "list" else found
        answer = self._once(names.get("idempotency-key", ""), trouble, endpoint, ids, given)
        if trouble in ("drop_after", "slow"):
            raise Lost
        return answer

    def _once(
        self, key: str, trouble: str, endpoint: str, ids: list[str], given: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Execute under an idempotency key, or answer as before."""
        request = json.dumps([endpoint, ids, given], sort_keys=True)
        saved = self.keys.get(key)
        if saved is not None and self.now() - saved.at >= DAY_S:
            saved = None  # pruned
        if saved is not None:
            if saved.request != request:
                return 400, {"error": {"type": "idempotency_error", "message": "other request"}}
            if saved.answer is None or self.now() < saved.busy_until:
                return 409, {"error": {"type": "api_error", "code": "idempotency_key_in_use"}}
            return saved.answer
        saved = Saved(self.now(), request)

        def execute() -> None:
            saved.answer = self._run(endpoint, ids, given)

        if key:
            self.keys[key] = saved
        if trouble == "slow":
            saved.busy_until = self.now() + SLOW_S
            self.held_back.append((saved.busy_until, execute))
            return 0, {}
        execute()
        assert saved.answer is not None
        if trouble == "500_after":
            saved.answer = 500, {"error": {"type": "api_error", "message": "something broke"}}
        return saved.answer

    def catch_up(self) -> None:
        """Do what time has brought: slow requests, holds that end."""
        ripe = [one for one in self.held_back if one[0] <= self.now()]
        self.held_back = [one for one in self.held_back if one[0] > self.now()]
        for _, execute in ripe:
            execute()
        for thing in list(self.things.values()):
            if (
                thing.get("status") == "requires_capture"
                and thing["created"] + HOLD_S <= self.now()
            ):
                thing["status"] = "canceled"
                self.tell("payment_intent.canceled", thing)

    def _run(
        self, endpoint: str, ids: list[str], given: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        try:
            found = HANDLERS[endpoint](self, ids, given)
            # What was answered does not change with the thing.
            return 200, json.loads(json.dumps(found))
        except Refused as refused:
            return refused.status, refused.body

    # State.

    def make(self, prefix: str, kind: str, **fields: Any) -> dict[str, Any]:
        self.count += 1
        thing = {"id": f"{prefix}_{self.count:014d}", "object": kind, "created": self.now()}
        thing |= fields
        self.things[thing["id"]] = thing
        self.order.append(thing["id"])
        return thing

    def get(self, id: str, kind: str) -> dict[str, Any]:
        found = self.things.get(id)
        if found is None or found["object"] != kind:
            raise Refused(404, "invalid_request_error", "resource_missing", "id")
        return found

    def all(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the things of a kind, newest first."""
        found = (self.things[id] for id in reversed(self.order))
        return [
            one
            for one in found
            if one["object"] == kind and all(one.get(k) == v for k, v in fields.items())
        ]

    def move(self, kind: str, amount: int, source: dict[str, Any]) -> None:
        """Book something on the platform's balance."""
        self.balance += amount
        self.make("txn", "balance_transaction", type=kind, amount=amount, source=source["id"])

    def tell(self, kind: str, thing: dict[str, Any]) -> None:
        event = self.make("evt", "event", type=kind, data={"object": json.loads(json.dumps(thing))})
        for listener in self.listeners:
            listener(event)

    def send_money(self, customer: str, amount: int, sender: str, reference: str = "") -> None:
        """Somebody's bank sends money to a customer's account."""
        thing = self.get(customer, "customer")
        self.cash[customer] = self.cash.get(customer, 0) + amount
        bank = {"type": "eu_bank_transfer", "reference": reference}
        bank["eu_bank_transfer"] = {"sender_name": sender}  # type: ignore[assignment]
        made = self.make(
            "ccsbtxn",
            "customer_cash_balance_transaction",
            type="funded",
            customer=thing["id"],
            net_amount=amount,
            funded={"bank_transfer": bank},
        )
        self.tell("customer_cash_balance_transaction.created", made)

    def arrive(self, refund: str, status: str = "succeeded") -> None:
        """The customer's bank has taken a refund, or sent it back (`failed`)."""
        thing = self.get(refund, "refund")
        thing["status"] = status
        if status == "failed":
            self.cash[thing["customer"]] += thing["amount"]


def signed(event: dict[str, Any], at: int, secret: str = SECRET) -> tuple[bytes, str]:
    """Return an event as it is delivered: its body, and the value of `Stripe-Signature`."""
    body = json.dumps(event).encode()
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, f"t={at},v1={mac}"


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a form as the SDK writes it, `a[b][0]=c`, as dictionaries and lists."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        keys = name.replace("]", "").split("[")
        at = root
        for key in keys[:-1]:
            at = at.setdefault(key, {})
        at[keys[-1]] = value

    def shape(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if node and all(key.isdecimal() for key in node):
            return [shape(node[key]) for key in sorted(node, key=int)]
        return {key: shape(value) for key, value in node.items()}

    found = shape(root)
    return found if isinstance(found, dict) else {}


def route(method: str, path: str) -> tuple[str, list[str]]:
    """Return the endpoint's name and the ids in its path."""
    parts = path.strip("/").split("/")
    for name in check.TYPES:
        verb, _, pattern = name.partition(" ")
        wanted = pattern.strip("/").split("/")
        if verb == method and len(wanted) == len(parts):
            ids = [one for one, other in zip(parts, wanted, strict=True) if other == "*"]
            if all(o in ("*", one) for one, o in zip(parts, wanted, strict=True)):
                return name, ids
    raise Refused(404, "invalid_request_error", "url_unknown", saved=False)


def listed(found: list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    """Return one page."""
    created = given.get("created") or {}
    found = [one for one in found if one["created"] >= int(created.get("gte", 0))]
    if "lt" in created:
        found = [one for one in found if one["created"] < int(created["lt"])]
    if "starting_after" in given:
        ids = [one["id"] for one in found]
        found = found[ids.index(given["starting_after"]) + 1 :]
    most = int(given.get("limit", 10))
    return {"object": "list", "data": found[:most], "has_more": len(found) > most}


from tests.fakestripe.things import HANDLERS  # noqa: E402 - it needs the names above
