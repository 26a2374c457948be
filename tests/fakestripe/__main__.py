"""Serve the double over HTTP, and run a command that is told where it is."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import time
from pathlib import Path

import yaml

from tests.fakestripe.double import SECRET, Double
from tests.fakestripe.server import Service, serve

ROOT = Path(__file__).parent.parent.parent
BALANCE = 5_000_000_00
"""What the platform has at the beginning, in fen, so that something can be paid out."""


def accounts(double: Double) -> None:
    """Give each firm of the demo an account of its own name: `acct_demo` and its code."""
    path = ROOT / "exchange" / "fixtures" / "commodities.yaml"
    demo = yaml.safe_load(path.read_text(encoding="utf-8"))["demo"]
    for firm in demo["firms"]:
        id = f"acct_demo{firm['code'].lower()}"
        if id not in double.things:
            made = double.make("acct", "account", company={"name": firm["zh"]}, balance=0)
            made["metadata"] = {}
            double.things[id] = double.things.pop(made["id"]) | {"id": id}
            double.order[-1] = id


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fakestripe",
        description="Serve a double of Stripe on 127.0.0.1, with a bank counter at /bank/, and run"
        " a command with PAYMENT_RAIL=stripe and the double's address and keys set. Ends when the"
        " command ends.",
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port (default: a free one)")
    parser.add_argument("--webhook", required=True, help="where its messages go")
    parser.add_argument("--state", type=Path, help="file that keeps its state (default: none)")
    parser.add_argument("command", nargs="+", help="what to run, after --")
    asked = parser.parse_args()

    double = Double(lambda: int(time.time()), balance=BALANCE)
    if asked.state is not None:
        asked.state.parent.mkdir(parents=True, exist_ok=True)
    service = Service(double, asked.webhook, asked.state)
    accounts(double)
    server = serve(service, asked.port)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    print(f"stripe double: {address} (bank counter: {address}/bank/)", flush=True)
    environment = os.environ | {
        "PAYMENT_RAIL": "stripe",
        "STRIPE_API": address,
        "STRIPE_SECRET_KEY": "sk_test_double",
        "STRIPE_WEBHOOK_SECRET": SECRET,
    }
    child = subprocess.Popen(asked.command, env=environment)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    return child.wait()


if __name__ == "__main__":
    raise SystemExit(main())
