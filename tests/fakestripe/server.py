"""The double over HTTP on 127.0.0.1: the API, its messages, and a bank's counter in the browser."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.fakestripe.double import Double, Lost, signed
from tests.fakestripe.page import counter

TRIES = 5
"""How often a message is sent before it is given up, a second apart."""


class Service:
    """One double, its state kept in a file, its messages sent to one address."""

    def __init__(self, double: Double, webhook: str, state: Path | None) -> None:
        self.double = double
        self.webhook = webhook
        self.state = state
        self.lock = threading.Lock()
        self.waiting: deque[tuple[dict[str, Any], int]] = deque()
        self.wake = threading.Event()
        if state is not None and state.exists():
            kept = json.loads(state.read_text(encoding="utf-8"))
            for name in ("balance", "things", "order", "cash", "count"):
                setattr(double, name, kept[name])
        double.listeners.append(self.queue)
        threading.Thread(target=self.deliver, daemon=True).start()

    def keep(self) -> None:
        """Write the state down; call with the lock held."""
        if self.state is not None:
            names = ("balance", "things", "order", "cash", "count")
            text = json.dumps({name: getattr(self.double, name) for name in names})
            fresh = self.state.with_suffix(".new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.state)

    def queue(self, event: dict[str, Any]) -> None:
        self.waiting.append((event, 1))
        self.wake.set()

    def deliver(self) -> None:
        """Send each message until it is taken, or given up."""
        while True:
            self.wake.wait()
            self.wake.clear()
            while self.waiting:
                event, tries = self.waiting.popleft()
                body, mark = signed(event, int(time.time()))
                asked = urllib.request.Request(self.webhook, body, {"Stripe-Signature": mark})
                try:
                    urllib.request.urlopen(asked, timeout=5).read()
                except OSError:
                    if tries < TRIES:
                        again = threading.Timer(1, self.again, (event, tries + 1))
                        again.daemon = True
                        again.start()

    def again(self, event: dict[str, Any], tries: int) -> None:
        self.waiting.append((event, tries))
        self.wake.set()


def serve(service: Service, port: int) -> ThreadingHTTPServer:
    """Start serving in a thread; `port` 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Request-Id", "req_double")
            self.end_headers()
            self.wfile.write(body)

        def work(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            if self.path.startswith("/bank/"):
                self.bank(body)
                return
            try:
                with service.lock:
                    status, found = service.double.handle(
                        self.command, self.path, dict(self.headers.items()), body
                    )
                    if self.command == "POST":
                        service.keep()
            except Lost:
                self.close_connection = True
                return
            self.answer(status, json.dumps(found).encode())

        def bank(self, body: str) -> None:
            """Show the counter; a form sends money from anybody to an account."""
            with service.lock:
                if self.command == "POST":
                    given = {name: values[0] for name, values in parse_qs(body).items()}
                    yuan, _, cents = given["amount"].partition(".")
                    fen = int(yuan) * 100 + int((cents + "00")[:2])
                    service.double.send_money(
                        given["account"], fen, given["payer"], given.get("memo", "")
                    )
                    service.keep()
                text = counter(service.double)
            self.answer(200, text.encode(), "text/html; charset=utf-8")

        do_GET = do_POST = work

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
