"""From a WebSocket to the durable acknowledgement, through the whole running product.

`clients` members keep one passive limit order under way each (entered, then cancelled), against
`manage.py demo` without bots on SQLite in a directory of its own. Limits are raised for the run:
sockets a user 1,000, commands a second and socket 100,000. The load generator is Python on the same
machine and takes its share of the two cores: the figures are floors.

Run: python -m tests.benchmarks.bench_socket [--orders 4000]
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import websockets

from tests.journeys.product import PASSWORD, Product
from web.client import HaidaiClient

LIMITS = {"SOCKETS_PER_USER": "1000", "SOCKET_COMMANDS_PER_S": "100000"}
_decode = msgspec.json.Decoder().decode


async def _drive(base: str, clients: int, orders: int) -> dict[str, Any]:
    person = HaidaiClient(base, "qldz")
    await person.log_in("lzrd-bot", PASSWORD)
    _, _, body = await person.get("/api/qldz/instruments/")
    coal = json.loads(body)["instruments"][0]["id"]
    cookie = person._cookie_header()
    url = f"{base.replace('http', 'ws')}/ws/qldz/"
    latencies: list[float] = []
    refused = 0

    async def one(number: int, count: int) -> None:
        nonlocal refused
        async with websockets.connect(
            url, origin=base, additional_headers={"Cookie": cookie}, ping_interval=None
        ) as socket:
            while _decode(await socket.recv())["t"] != "hello":
                pass
            started.set_result(None) if number == clients - 1 else None
            await go.wait()
            for turn in range(count // 2):
                name = f"b{number}-{turn}"
                enter = (
                    f'{{"t":"enter","id":"{name}","instrument":{coal},"side":"buy",'
                    f'"tif":"day","price":{700 + turn % 20},"lots":500}}'
                )
                answer = await ask(socket, enter, name)
                if answer["t"] != "ack":
                    refused += 1
                    continue
                cancel = f'{{"t":"cancel","id":"c{name}","order":{answer["order_id"]}}}'
                await ask(socket, cancel, f"c{name}")

    async def ask(socket: Any, text: str, name: str) -> Any:
        began = time.perf_counter()
        await socket.send(text)
        while True:
            frame = _decode(await socket.recv())
            if frame.get("id") == name:
                latencies.append(time.perf_counter() - began)
                return frame

    go = asyncio.Event()
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    each = max(orders // clients, 2)
    tasks = [asyncio.create_task(one(number, each)) for number in range(clients)]
    await started
    began = time.perf_counter()
    go.set()
    await asyncio.gather(*tasks)
    took = time.perf_counter() - began
    latencies.sort()
    at = len(latencies)
    return {
        "benchmark": "socket",
        "clients": clients,
        "orders": at,
        "orders_per_s": round(at / took),
        "ack_p50_ms": round(latencies[at // 2] * 1000, 2),
        "ack_p99_ms": round(latencies[at * 99 // 100] * 1000, 2),
        "refused": refused,
        "limits": LIMITS,
    }


def run(orders: int = 4000, clients: tuple[int, ...] = (1, 10, 100)) -> list[dict[str, Any]]:
    """Measure against a product of its own; one row a number of clients."""
    os.environ.update(LIMITS)
    with tempfile.TemporaryDirectory() as home:
        product = Product(Path(home) / "data")
        try:
            return [asyncio.run(_drive(product.base, n, max(orders, n * 4))) for n in clients]
        finally:
            product.stop()
            for name in LIMITS:
                os.environ.pop(name, None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=4000, help="orders a number of clients")
    for row in run(parser.parse_args().orders):
        print(json.dumps(row))
