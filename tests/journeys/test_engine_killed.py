"""The engine dies in the middle of trading: no acknowledged order is lost, none runs twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.journeys.product import PASSWORD, Product
from web.client import HaidaiClient

BACK_WITHIN_S = 5


async def _trade_through_a_kill(product: Product) -> None:
    clients = []
    for username, side in (("rzyf-bot", "sell"), ("lzrd-bot", "buy")):
        client = HaidaiClient(product.base, "qldz")
        await client.log_in(username, PASSWORD)
        await client.connect()
        clients.append((client, side))
    reader = clients[0][0]
    ticker = await reader.subscribe("ticker")
    _, _, body = await reader.get("/api/qldz/instruments/")
    coal = int(min(ticker.data["instruments"], key=int))
    assert f'"id": {coal}' in body
    acked: list[tuple[HaidaiClient, dict[str, object], dict[str, object]]] = []

    async def send(client: HaidaiClient, side: str, name: str) -> None:
        message: dict[str, object] = {
            "t": "enter", "id": name, "instrument": coal, "side": side, "tif": "day",
            "price": 722, "lots": 500, "receipts": [],
        }  # fmt: skip
        answer = await client.request(message, timeout_s=20)
        if answer.ok:
            acked.append((client, message, answer.fields))

    load = [
        asyncio.create_task(send(client, side, f"kill-{side}-{n}"))
        for n in range(30)
        for client, side in clients
    ]
    while len(acked) < 8:
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, product.kill, "engine")
    died = time.monotonic()
    probe = {
        "t": "enter", "id": "kill-probe", "instrument": coal, "side": "buy", "tif": "day",
        "price": 700, "lots": 500, "receipts": [],
    }  # fmt: skip
    while True:
        answer = await clients[1][0].request(dict(probe), timeout_s=6)
        if answer.ok:
            break
        assert time.monotonic() - died < 20, answer
    back_after = time.monotonic() - died
    await asyncio.gather(*load)
    assert len(acked) >= 8

    orders = set()
    for client, message, first in acked:
        again = await client.request(dict(message), timeout_s=10)
        assert again.ok
        assert again.fields["repeated"] is True
        assert again.fields["order_id"] == first["order_id"], "the acknowledged order is there"
        orders.add(first["order_id"])
    assert len(orders) == len(acked), "and each is there once"
    for client, _ in clients:
        await client.close()
    assert back_after < BACK_WITHIN_S


def test_sigkill_of_the_engine_loses_no_acknowledged_order(product: Product) -> None:
    asyncio.run(_trade_through_a_kill(product))
    code, said = product.manage("books")
    assert code == 0, said


def test_a_second_instance_on_the_same_data_is_refused(product: Product, tmp_path: Path) -> None:
    code, said = product.manage("serve", "--port", "1")
    assert code != 0
    assert "belongs to a running instance" in said
    code, said = product.manage("engine")
    assert code != 0
    assert "belongs to a running instance" in said


def test_a_taken_port_is_named(product: Product) -> None:
    product_environment = product.environment | {"HAIDAI_DATA_DIR": str(product.data) + "-other"}
    before, product.environment = product.environment, product_environment
    try:
        code, said = product.manage("serve", "--port", str(product.port))
    finally:
        product.environment = before
    assert code != 0
    assert f"Port {product.port}" in said
    assert "make demo PORT=" in said
