"""A venue as its sockets see it: engine, feeds and the ASGI application, in the test's loop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from channels.routing import get_default_application
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.test import Client

from exchange import rulebook, scope
from exchange.feed_server import FeedServer
from exchange.followers import apply_blocks
from exchange.link import BlockingLink
from exchange.models import Approval, Commodity, Instrument, User, Warehouse
from exchange.projections import Projections
from matching.commands import ChangePhase, CreditCash, CreditGoods, Phase
from tests.exchange import running
from tests.web.desk import Desk
from web import hub as hub_module
from web.hub import get_hub

ORIGIN = "http://localhost"
SELLER, BUYER, STRANGER = "rzyf", "lzrd", "whhx"
"""Two firms of QLDZ; one of JDSC only."""
RECEIPT = 501
"""The seller's receipt of coal; the next number is one of coke."""


class Wire:
    """One end of a socket: what a browser would send and see."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator
        self.closed = 0

    async def send(self, message: Any) -> None:
        """Send a frame: an object as JSON, a text as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        await self.communicator.send_to(text_data=text)

    async def frame(self) -> dict[str, Any]:
        """Return the next frame."""
        output = await self.communicator.receive_output(timeout=5)
        if output["type"] == "websocket.close":
            self.closed = output["code"]
            return {"t": "closed", "code": output["code"]}
        found: dict[str, Any] = json.loads(output["text"])
        return found

    async def next(self, *kinds: str) -> dict[str, Any]:
        """Return the next frame of one of `kinds`; heartbeats pass by."""
        while True:
            found = await self.frame()
            if found["t"] in kinds:
                return found
            assert found["t"] in ("heartbeat", "state", "update"), found

    async def ask(self, message: Any) -> dict[str, Any]:
        """Send a frame and return its answer."""
        await self.send(message)
        return await self.next("ack", "reject", "error", "unknown", "snapshot", "pong")

    async def close(self) -> None:
        """Go away."""
        await self.communicator.disconnect()


class Stage(Desk):
    """A desk with seats, a listed and a matched instrument, money, goods, and sockets."""

    def __init__(self, address: str) -> None:
        super().__init__(address, with_rules=False)  # rows that nothing can delete
        self.seller = self.firm(SELLER)
        self.buyer = self.firm(BUYER)
        self.coal = self.matched("COAL-T5500")
        self.coke = self.instrument("COAL-JM")
        self.command(CreditCash("cash", self.buyer.pk, 20_000_000_00))
        for number, one in ((RECEIPT, self.coal), (RECEIPT + 1, self.coke)):
            goods = (f"goods{number}", number, number, self.seller.pk, one.pk)
            self.command(CreditGoods(*goods, 20_000, 20_000 * one.lot_kg, 0))

    def catch_up(self) -> None:
        """Let the projections read all there is.

        No settlement: its ledger's rows can not be deleted, and a socket's test must delete all.
        """
        with BlockingLink(self.address) as link:
            blocks = []
            for block in link.follow(self.venue.id, self.read):
                if block is None:
                    break
                blocks.append(block)
        apply_blocks([Projections()], self.venue.id, blocks)
        self.read += len(blocks)

    def matched(self, commodity: str) -> Instrument:
        """Return an instrument of electronic matching under an approval record, open."""
        people = [User.objects.create_user(f"{commodity}-{n}") for n in (1, 2)]
        found = Commodity.objects.get(code=commodity)
        warehouse = Warehouse.objects.get(code=found.parameters["delivery"]["warehouses"][0])
        with scope.venue(self.venue.id), BlockingLink(self.address) as link:
            approval: Approval = rulebook.record_approval(
                venue=self.venue,
                operator=people[0],
                number="1",
                authority="a",
                opinion="o",
                scope=[commodity],
                valid_from=dt.date(2026, 1, 1),
                valid_to=dt.date(2027, 1, 1),
                is_demo=True,
            )
            rulebook.activate_approval(approval=approval, reviewer=people[1])
            approval.refresh_from_db()
            instrument = rulebook.propose_instrument(
                venue=self.venue,
                operator=people[0],
                link=link,
                terms=rulebook.suggested_terms(found, warehouse, "matched", approval),
                today=dt.date(2026, 11, 23),
            )
        for phase in (Phase.PRE_OPEN, Phase.CONTINUOUS):
            self.command(ChangePhase(instrument.pk, phase))
        self.catch_up()
        return instrument

    def wire(self, client: Client | None = None, path: str = "/ws/qldz/", **more: str) -> Wire:
        """Return a socket, not yet open, with the cookies of a browser."""
        headers = {"origin": ORIGIN, "host": "localhost", **more}
        if client is not None:
            headers["cookie"] = "; ".join(f"{k}={m.value}" for k, m in client.cookies.items())
        pairs = [(name.encode(), value.encode()) for name, value in headers.items() if value]
        return Wire(WebsocketCommunicator(get_default_application(), path, headers=pairs))


@pytest.fixture
def seeded(transactional_db: None, tmp_path: Path, settings: Any) -> Iterator[Stage]:
    """The rows, and the engine in its thread."""
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)  # nothing collected, but WhiteNoise looks
    settings.ENGINE_LINK = f"unix://{tmp_path / 'engine.sock'}"
    settings.FEED_LINK = f"unix://{tmp_path / 'feeds.sock'}"
    with running.engine(f"sqlite://{tmp_path / 'journal.sqlite3'}", settings.ENGINE_LINK):
        yield Stage(settings.ENGINE_LINK)


@contextlib.asynccontextmanager
async def feeds() -> AsyncIterator[None]:
    """Serve the feeds for the block."""
    server = FeedServer(django_settings.ENGINE_LINK, [1])
    task = asyncio.create_task(server.run(django_settings.FEED_LINK))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture
async def stage(seeded: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Everything, with a hub of this test's own."""
    monkeypatch.setattr(hub_module, "_hub", None)
    async with feeds():
        hub = get_hub()
        await hub.feed.connect()
        await hub.link.connect()
        yield seeded
        await hub.close()


@contextlib.asynccontextmanager
async def opened(wire: Wire) -> AsyncIterator[Wire]:
    """Open a socket, read its hello, close it at the end."""
    connected, _ = await wire.communicator.connect(timeout=5)
    assert connected
    assert (await wire.frame())["t"] == "hello"
    try:
        yield wire
    finally:
        await wire.close()


async def until(is_true: Callable[[], bool]) -> None:
    """Let the loop run until something is true."""
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0)
