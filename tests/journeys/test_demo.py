"""The demo starts, dies, starts again: seeded once, nothing lost, and its words are plain."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.product import PASSWORD, STOP_S, Product
from web.client import HaidaiClient

DEPOSIT_FEN = 300_000_000_00


def wait_until_free(data: Path) -> None:
    """Wait until no process holds the data directory; the kernel says when."""
    for name in ("serve.lock", "engine.lock"):
        with (data / name).open("a+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)


async def look(product: Product, *, enter: bool = False) -> dict[str, Any]:
    """Return what a seller of coal has; first enter an order if asked."""
    client = HaidaiClient(product.base, "qldz")
    await client.log_in("rzyf-trader", PASSWORD)
    await client.connect()
    funds, receipts, orders, ticker = [
        await client.subscribe(name) for name in ("funds", "receipts", "orders", "ticker")
    ]
    coal = min(ticker.data["instruments"], key=int)
    if enter:
        answer = await client.enter(
            instrument=int(coal), side="sell", tif="day", price=730, lots=500
        )
        assert answer.ok, answer
        await client.close()
        return await look(product)
    seen = {
        "instruments": len(ticker.data["instruments"]),
        "cash": funds.data["available"] + funds.data["held"] + funds.data["committed"],
        "goods": sorted(
            (one["instrument"], one["free"] + one["held"] + one["committed"])
            for one in receipts.data["receipts"].values()
        ),
        "orders": sorted((number, one["state"]) for number, one in orders.data["orders"].items()),
    }
    await client.close()
    return seen


@pytest.mark.timeout(180)
def test_a_killed_demo_starts_again_and_an_ended_one_goes_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Product(data, until="seed: instruments") as killed:
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.wait_for(r"\(ended\)", STOP_S)  # the last of its processes closed the pipe
    wait_until_free(data)

    with Product(data) as again:
        seen = asyncio.run(look(again, enter=True))
        assert seen["cash"] == DEPOSIT_FEN
        # Two equal receipts of each of two products, and one of coal to be delivered and accepted.
        assert len(seen["goods"]) == 5
        assert len(set(seen["goods"])) == 3
        assert len(seen["orders"]) == 1
        assert again.stop() == 0
        assert again.said_last() == "demo stopped; the data stays"

    with Product(data) as tomorrow:
        assert asyncio.run(look(tomorrow)) == seen
        code, said = tomorrow.manage("books")
        assert code == 0, said
        assert tomorrow.stop() == 0


def test_a_taken_port_is_named_with_the_way_to_another(product: Product, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = product.manage("demo", "--port", str(port), "--data", str(tmp_path / "other"))
    assert code == 1
    assert f"Port {port}" in said
    assert "make demo PORT=" in said
    assert "Traceback" not in said


def test_a_second_demo_on_the_same_data_is_refused(product: Product) -> None:
    code, said = product.manage("demo", "--port", "1", "--data", str(product.data))
    assert code == 1
    assert "belongs to a running instance (pid " in said
    assert "Traceback" not in said
