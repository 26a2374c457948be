"""One venue as its pages see it: a real engine behind its socket, and followers on demand."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from exchange import reference, rulebook, scope
from exchange.followers import apply_blocks
from exchange.link import BlockingLink
from exchange.models import Commodity, Firm, Instrument, Seat, User, Venue, Warehouse
from exchange.projections import Projections
from exchange.sequencer import now_us
from matching.commands import (
    AnyCommand,
    ChangePhase,
    EnterOrder,
    OpenDay,
    Phase,
    Side,
    TimeInForce,
)
from matching.events import AnyEvent
from settlement import funds, outbox, receipts
from settlement.follower import SettlementFollower
from settlement.models import Receipt
from settlement.quality import versions
from tests.exchange import running
from tests.papers import NOON, papers
from tests.world import bind

TODAY = 20261123


class Desk:
    """Venue QLDZ served by an engine; JDSC exists too, but the engine has never heard of it."""

    def __init__(self, address: str, *, with_rules: bool = True) -> None:
        self.address = address
        reference.load()
        self.venue = Venue.objects.get(code="qldz")
        if with_rules:
            with scope.venue(self.venue.id):
                versions.take_in(self.venue, timezone.now())
        self.read = 0
        self.numbers = 0
        self.command(OpenDay(TODAY))

    def command(self, command: AnyCommand) -> tuple[AnyEvent, ...]:
        """Submit a command and return its events."""
        with BlockingLink(self.address) as link:
            return link.submit(self.venue.id, command).events

    def catch_up(self) -> None:
        """Let the followers read all there is, until settlement has nothing more to say."""
        followers = [Projections(), SettlementFollower(None)]
        answered = 1
        while answered:
            with BlockingLink(self.address) as link:
                blocks = []
                for block in link.follow(self.venue.id, self.read):
                    if block is None:
                        break
                    blocks.append(block)
            apply_blocks(followers, self.venue.id, blocks)
            self.read += len(blocks)
            with scope.venue(self.venue.id), BlockingLink(self.address) as link:
                answered = outbox.dispatch(link)

    def client(self, role: str, firm: str = "", venue: str = "qldz") -> Client:
        """Return the browser of a person who has this seat, logged in."""
        self.numbers += 1
        user = User.objects.create_user(f"{role}-{firm or venue}-{self.numbers}")
        Seat.objects.across_venues().create(
            venue=Venue.objects.get(code=venue),
            user=user,
            role=role,
            firm=Firm.objects.get(code=firm) if firm else None,
        )
        client = Client()
        client.force_login(user)
        return client

    def firm(self, code: str) -> Firm:
        """Return a firm, admitted to the engine."""
        firm = Firm.objects.get(code=code)
        with scope.venue(self.venue.id), BlockingLink(self.address) as link:
            rulebook.admit_firm(venue=self.venue, firm=firm, link=link)
            bind(firm)
        return firm

    def instrument(self, commodity: str = "COAL-T5500", **more: Any) -> Instrument:
        """Return a listed instrument of the fixture's terms, open for trading."""
        found = Commodity.objects.get(code=commodity)
        warehouse = Warehouse.objects.get(code=found.parameters["delivery"]["warehouses"][0])
        with scope.venue(self.venue.id), BlockingLink(self.address) as link:
            instrument = rulebook.propose_instrument(
                venue=self.venue,
                operator=None,
                link=link,
                terms=replace(rulebook.suggested_terms(found, warehouse, "listed"), **more),
                today=dt.date(2026, 11, 23),
            )
        for phase in (Phase.PRE_OPEN, Phase.CONTINUOUS):
            self.command(ChangePhase(instrument.pk, phase))
        self.catch_up()
        return instrument

    def pay_in(self, firm: Firm, yuan: int) -> None:
        """Give a firm money."""
        with scope.venue(self.venue.id):
            op_id = f"given:{firm.code}:{yuan}"
            funds.deposit(venue=self.venue, firm=firm, amount_fen=yuan * 100, op_id=op_id, by=None)
        self.catch_up()

    def store(self, firm: Firm, instrument: Instrument, lots: int) -> Receipt:
        """Give a firm goods."""
        with scope.venue(self.venue.id):
            self.numbers += 1
            receipt = receipts.register(
                venue=self.venue,
                firm=firm,
                instrument=instrument,
                warehouse=instrument.warehouse,
                lots=lots,
                weight_kg=lots * instrument.lot_kg,
                op_id=f"stored:{self.numbers}",
                by=None,
                lot_reference=f"pile {self.numbers}",
                papers=papers(),
                now=NOON,
            )
        self.catch_up()
        return receipt

    def enter(
        self,
        firm: Firm,
        instrument: Instrument,
        side: Side,
        lots: int,
        price: int,
        trader: int = 1,
    ) -> Any:
        """Enter an order of a firm; return the first event."""
        self.numbers += 1
        order = EnterOrder(
            firm.pk,
            trader,
            f"d{self.numbers}",
            now_us(),
            instrument.pk,
            side,
            TimeInForce.DAY,
            price,
            lots,
        )
        return self.command(order)[0]


@pytest.fixture
def desk(db: None, tmp_path: Path, settings: Any) -> Iterator[Desk]:
    """A venue with its engine; pages reach it through `settings.ENGINE_LINK`."""
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)  # nothing collected, but WhiteNoise looks
    settings.ENGINE_LINK = f"unix://{tmp_path / 'engine.sock'}"
    with running.engine(f"sqlite://{tmp_path / 'journal.sqlite3'}", settings.ENGINE_LINK):
        yield Desk(settings.ENGINE_LINK)


def codes(response: Any) -> list[str]:
    """Return the codes of the refusals that a page shows, in its order."""
    return re.findall(r'data-refusal="([A-Z_]+)"', response.content.decode())


def operation(response: Any) -> str:
    """Return the operation id of the first form on a page."""
    found = re.search(r'name="op_id" value="([0-9a-f-]{36})"', response.content.decode())
    assert found is not None
    return found[1]
