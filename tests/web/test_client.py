"""The client library against the real web server: a process of its own on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import websockets
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.hashers import make_password

from exchange.models import Firm, Seat, User, Venue
from tests.web.stage import BUYER, SELLER, STRANGER, Stage, feeds, seeded, until
from web.client import Ended, HaidaiClient, LogInFailed, UnknownTopic

__all__ = ["seeded"]
ROOT = Path(__file__).parents[2]
PASSWORD = "a-very-long-password"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """A web server that can be killed and started again."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        arguments = ["-b", "127.0.0.1", "-p", str(self.port), "-v", "0", "config.asgi:application"]
        links = {"ENGINE_LINK": settings.ENGINE_LINK, "FEED_LINK": settings.FEED_LINK}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "web.consumers.server", *arguments],
            cwd=ROOT,
            env=os.environ | links,
        )
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                assert self.process.poll() is None
                await asyncio.sleep(0)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def people() -> None:
    """Make a trader of three firms, and one of JDSC who knows nobody at QLDZ."""
    secret = make_password(PASSWORD, hasher="argon2")  # what the server's own settings accept
    for firm, venue in ((SELLER, "qldz"), (BUYER, "qldz"), (STRANGER, "jdsc")):
        Seat.objects.across_venues().create(
            venue=Venue.objects.get(code=venue),
            user=User.objects.create(username=firm, password=secret),
            role="trader",
            firm=Firm.objects.get(code=firm),
        )


@pytest_asyncio.fixture
async def site(seeded: Stage) -> AsyncIterator[Site]:
    await sync_to_async(people)()
    found = Site(seeded)
    async with feeds():
        await found.start()
        try:
            yield found
        finally:
            found.kill()


async def test_a_program_logs_in_follows_and_trades(site: Site) -> None:
    stage = site.stage
    async with (
        HaidaiClient(site.base, "qldz") as buyer,
        HaidaiClient(site.base, "QLDZ") as seller,
        HaidaiClient(site.base, "qldz") as stranger,
    ):
        with pytest.raises(LogInFailed):
            await buyer.log_in(BUYER, "not-the-password")
        await buyer.log_in(BUYER, PASSWORD)
        await seller.log_in(SELLER, PASSWORD)
        await stranger.log_in(STRANGER, PASSWORD)
        with pytest.raises(Ended, match="NOT_A_MEMBER"):
            await stranger.connect()
        await buyer.connect()
        await seller.connect()
        assert (buyer.hello["firm"], buyer.state) == ("LZRD", "open")

        status, _, body = await buyer.get("/api/qldz/instruments/")
        assert status == 200
        assert [one["id"] for one in json.loads(body)["instruments"]] == [
            stage.coal.pk,
            stage.coke.pk,
        ]
        order: dict[str, Any] = {"instrument": stage.coal.pk, "tif": "day"}
        assert await buyer.book(stage.coal.pk) == (await seller.book(stage.coal.pk))
        await buyer.subscribe("fills")
        sold = await seller.enter(**order, side="sell", price=722, lots=1_000, receipts=None)
        assert sold.ok
        bought = await buyer.enter(**order, side="buy", price=725, lots=600)
        assert (bought.kind, bought.fields["executed_lots"]) == ("ack", 600)
        refused = await buyer.enter(**order, side="buy", price=9_999, lots=600)
        assert (refused.ok, refused.code) == (False, "PRICE_BAND")
        assert (await buyer.amend(order=sold.fields["order_id"], price=1, lots=1)).code == (
            "UNKNOWN_ORDER"
        )
        assert (await seller.cancel(order=sold.fields["order_id"])).ok
        assert (await buyer.status(bought.fields["id"])).fields["executed_lots"] == 600
        await until(lambda: len(buyer.topics["fills"].data["fills"]) == 1)
        assert buyer.topics["fills"].data["fills"][0]["lots"] == 600
        await until(lambda: not buyer.topics[f"book.{stage.coal.pk}"].data["asks"])
        with pytest.raises(UnknownTopic):
            await buyer.subscribe("book.12345")
        await buyer.unsubscribe("fills")
        again = await buyer.subscribe("fills")
        assert [one["lots"] for one in again.data["fills"]] == [600]


async def test_a_program_goes_on_when_the_web_server_was_killed(site: Site) -> None:
    stage = site.stage
    order: dict[str, Any] = {"instrument": stage.coal.pk, "tif": "day", "side": "buy"}
    async with HaidaiClient(site.base, "qldz") as client:
        await client.log_in(BUYER, PASSWORD)
        await client.connect()
        await client.subscribe("orders")
        first = await client.enter(**order, price=700, lots=500)
        site.kill()
        await until(lambda: client.state == "recovering")
        late = asyncio.create_task(client.enter(**order, price=701, lots=500, timeout_s=30))
        await asyncio.sleep(0)
        await site.start()
        second = await late
        assert (first.ok, second.ok) == (True, True)
        orders = client.topics["orders"]
        await until(lambda: orders.current and len(orders.data["orders"]) == 2)
        assert sorted(orders.data["orders"]) == [
            first.fields["order_id"],
            second.fields["order_id"],
        ]


async def test_who_stops_reading_is_closed_and_who_reads_is_served(site: Site) -> None:
    async with HaidaiClient(site.base, "qldz") as client:
        await client.log_in(BUYER, PASSWORD)
        await client.connect()
        for price in range(700, 720):  # so that a snapshot of the orders has its size
            assert (
                await client.enter(
                    instrument=site.stage.coal.pk, side="buy", tif="day", price=price, lots=500
                )
            ).ok
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", site.port))
        async with websockets.connect(
            f"ws://127.0.0.1:{site.port}/ws/qldz/",
            sock=narrow,
            origin=websockets.Origin(site.base),
            additional_headers={"Cookie": client._cookie_header()},
            max_queue=1,
            ping_interval=None,
        ) as deaf:
            # The close frame is behind all that was not read, so the line is cut in the end.
            with pytest.raises(websockets.ConnectionClosed):
                await ask_for_ever(deaf)
            assert deaf.close_code in (4008, 1006)
        assert (await client.cancel(order=99)).code == "UNKNOWN_ORDER"


async def ask_for_ever(deaf: websockets.ClientConnection) -> None:
    """Ask for snapshots and read none."""
    async with asyncio.timeout(30):
        while True:
            await deaf.send('{"t": "sub", "topic": "orders"}')
