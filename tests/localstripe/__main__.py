"""Ask localstripe for the flows that it supports. Exit code 0: all as expected; 1: not."""

from __future__ import annotations

import argparse
import datetime as dt
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests
import stripe

from settlement.payments.ports import Operation, OperationKind, Outcome
from settlement.payments.stripe_rail import TIMEOUT_S, StripeRail

K = OperationKind
KEY, SECRET = "sk_test_localstripe", "whsec_localstripe"
SERVE = (
    "import sys; from aiohttp import web; from localstripe.server import app;"
    " web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)"
)
GOOD, DECLINED = "4242424242424242", "4000000000000341"
FILTERS = ("created", "customer", "payment_intent", "expand")
READY_S = 20


class Older(stripe.RequestsClient):
    """Leaves out what localstripe does not know; README.md lists it."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **more: Any,
    ) -> Any:
        if post_data:
            pairs = [
                (name.replace("allowed_payment_method_types", "payment_method_types"), value)
                for name, value in parse_qsl(post_data)
                if name not in ("transfer_group", "cancellation_reason")
                and not name.startswith("expand")
                and not (url.endswith("/capture") and name.startswith("metadata"))
            ]
            post_data = urlencode(pairs)
        address, _, query = url.partition("?")
        if query:
            kept = [pair for pair in parse_qsl(query) if pair[0].split("[")[0] not in FILTERS]
            url = f"{address}?{urlencode(kept)}" if kept else address
        return super().request(method, url, headers, post_data, **more)


def main() -> int:
    argparse.ArgumentParser(prog="python -m tests.localstripe", description=__doc__).parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(port)])
    try:
        address = f"http://127.0.0.1:{port}"
        wait(address)
        checks(address)
    finally:
        server.terminate()
        server.wait()
    print("All as expected: tests/localstripe/README.md says what was left out.")
    return 0


def wait(address: str) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            requests.get(f"{address}/v1/customers", auth=(KEY, ""), timeout=2)
            return
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise SystemExit("localstripe does not answer") from None
            time.sleep(0.1)


def checks(address: str) -> None:
    """Compare each flow."""
    rail = StripeRail(
        KEY,
        webhook_secret=SECRET,
        currency="eur",
        bank_transfer="eu_bank_transfer",
        clock=lambda: dt.datetime.now(dt.UTC),
        address=address,
        http=Older(timeout=TIMEOUT_S),
    )
    api = stripe.StripeClient(KEY, base_addresses={"api": address}).v1
    messages = listen(address)
    payer = api.customers.create({"name": "somebody"}).id
    count = 0

    def card(number: str) -> str:
        found = post(
            address, "payment_methods", type="card", **{
                "card[number]": number, "card[exp_month]": "12",
                "card[exp_year]": "2030", "card[cvc]": "123",
            },
        )["id"]  # fmt: skip
        post(address, f"payment_methods/{found}/attach", customer=payer)
        return str(found)

    def ask(kind: OperationKind, fen: int, **more: str) -> Operation:
        nonlocal count
        count += 1
        now = dt.datetime.now(dt.UTC)
        return Operation(f"qldz:op{count}", kind, fen, now, account=payer, **more)

    good = card(GOOD)
    hold = ask(K.RESERVE, 10_000, method=good)
    held = rail.submit(hold)
    expect("a hold", held.outcome, Outcome.DONE)
    expect("is found by its reference", rail.lookup(hold, held.ref).ref, held.ref)
    expect("is found by our mark", rail.lookup(hold).ref, held.ref)
    declined = rail.submit(ask(K.RESERVE, 10_000, method=card(DECLINED)))
    expect("a declined card", (declined.outcome, declined.code), (Outcome.REFUSED, "card_declined"))
    over = ask(K.CAPTURE, 10_001, parent=held.ref)
    expect("a capture above the hold", rail.submit(over).outcome, Outcome.REFUSED)
    taken = rail.submit(ask(K.CAPTURE, 10_000, parent=held.ref))
    expect("a capture without our mark", taken.code, "DONE_BY_ANOTHER")
    refund = ask(K.REFUND, 3_000, parent=held.ref)
    back = rail.submit(refund)
    expect("a refund", (back.outcome, back.amount_fen), (Outcome.DONE, 3_000))
    expect("is found by our mark", rail.lookup(refund).ref, back.ref)
    second = rail.submit(ask(K.RESERVE, 5_000, method=good))
    free = ask(K.RELEASE, 5_000, parent=second.ref)
    expect("a release", rail.submit(free).outcome, Outcome.DONE)
    expect("and again", rail.submit(free).outcome, Outcome.DONE)
    expect("and looked for", rail.lookup(free).outcome, Outcome.DONE)
    late = rail.submit(ask(K.CAPTURE, 5_000, parent=second.ref))
    expect("a capture after it", (late.outcome, late.code), (Outcome.REFUSED, "HOLD_ENDED"))
    body, mark = messages()
    (notice,) = rail.parse_notification(body, {"Stripe-Signature": mark})
    told = (notice.kind, notice.venue, notice.op_id)
    expect("a signed message", told, ("payment_intent.succeeded", "qldz", "op1"))


def post(address: str, path: str, **fields: str) -> Any:
    answer = requests.post(f"{address}/v1/{path}", fields, auth=(KEY, ""), timeout=5)
    answer.raise_for_status()
    return answer.json()


def expect(what: str, found: object, expected: object) -> None:
    """Say what was compared; end if it differs."""
    if found != expected:
        raise SystemExit(f"FAILED: {what}: {found!r}, expected {expected!r}")
    print(f"ok: {what}", flush=True)


def listen(address: str) -> Any:
    """Have messages sent to us; return what waits for the first one."""
    came: list[tuple[bytes, str]] = []
    one = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((body, self.headers["Stripe-Signature"]))
            self.send_response(200)
            self.end_headers()
            one.set()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked = {
        "url": f"http://127.0.0.1:{server.server_address[1]}/",
        "secret": SECRET,
        "events[]": "payment_intent.succeeded",
    }
    answer = requests.post(f"{address}/_config/webhooks/ours", asked, timeout=5)
    answer.raise_for_status()

    def first() -> tuple[bytes, str]:
        if not one.wait(20):
            raise SystemExit("FAILED: no message came")
        return came[0]

    return first


if __name__ == "__main__":
    raise SystemExit(main())
