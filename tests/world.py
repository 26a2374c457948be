"""A venue in one test: the real engine, real blocks, the real followers, one database."""

from __future__ import annotations

from typing import Any

import msgspec
from django.utils import timezone

from exchange import reference, rulebook, scope
from exchange.blocks import GENESIS, Block, make_block
from exchange.followers import apply_blocks
from exchange.models import Commodity, Delivery, Firm, Instrument, Venue, Warehouse
from exchange.projections import Projections
from matching.commands import (
    AnyCommand,
    ChangePhase,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    Mode,
    OpenDay,
    Phase,
    Side,
    TimeInForce,
)
from matching.engine import ENGINE_VERSION, Engine
from matching.events import AnyEvent, CommandRejected
from settlement import accounts, queries
from settlement.follower import SettlementFollower
from settlement.models import OutboxCommand, OutboxState
from settlement.quality import versions

START_US = 1_795_400_000_000_000  # 2026-11-23 in Shanghai
DAY = 20261123


def bind(firm: Firm) -> None:
    """Bind the firm's own account at the current venue, as firm and clerk do in two steps."""
    if queries.account_of(firm, "ledger") is not None:
        return
    now = timezone.now()
    venue = Venue.objects.get(pk=scope.current_venue_id())
    account = accounts.propose(
        venue=venue, firm=firm, payout=f"6222-{firm.pk}", bank_code="ICBK", by=None, now=now
    )
    accounts.agree(account.pk, by=None, agreed=True, now=now)


class World:
    """One venue. `give` commits a block and lets the followers read it."""

    def __init__(self, code: str = "qldz", *, with_rules: bool = True) -> None:
        if not Venue.objects.exists():
            reference.load()
        self.venue = Venue.objects.get(code=code)
        if with_rules:
            with scope.venue(self.venue.id):
                versions.take_in(self.venue, timezone.now())
        self.engine = Engine(self.venue.id)
        self.head: Block | None = None
        self.blocks: list[Block] = []
        self.now = START_US
        self.numbers = 0
        self.followers = [Projections(), SettlementFollower(None)]
        self.give(OpenDay(DAY))

    def give(self, *commands: AnyCommand) -> list[tuple[AnyEvent, ...]]:
        """Apply the commands in one block and let the followers read it."""
        self.now += 1_000
        seq = self.head.seq + 1 if self.head else 1
        self.engine.begin_block(seq, self.now)
        events = self.engine.apply_all(commands)
        self.engine.check()
        self.head = make_block(
            venue_id=self.venue.id,
            seq=seq,
            epoch=1,
            ts_us=self.now,
            prev_hash=self.head.hash if self.head else GENESIS,
            prev_event_hash=self.head.event_hash if self.head else GENESIS,
            commands=list(commands),
            events=events,
            engine_version=ENGINE_VERSION,
        )
        self.blocks.append(self.head)
        apply_blocks(self.followers, self.venue.id, [self.head])
        return events

    def reread(self) -> None:
        """Let the followers read everything that they have not got behind them."""
        apply_blocks(self.followers, self.venue.id, self.blocks)

    def accept(self, *commands: AnyCommand) -> list[tuple[AnyEvent, ...]]:
        """Like `give`, and none of the commands may be refused."""
        answers = self.give(*commands)
        for command, events in zip(commands, answers, strict=True):
            assert not isinstance(events[0], CommandRejected), (command, events[0])
        return answers

    def drain_outbox(self) -> int:
        """Send what settlement wants the engine to know, as the outbox does; return how many."""
        with scope.venue(self.venue.id):
            rows = list(OutboxCommand.objects.filter(state=OutboxState.NEW).order_by("pk"))
        for row in rows:
            command = msgspec.msgpack.decode(bytes(row.command), type=AnyCommand)
            self.give(command)
            with scope.venue(self.venue.id):
                OutboxCommand.objects.filter(pk=row.pk).update(state=OutboxState.DONE)
        return len(rows)

    def settle_all(self) -> None:
        """Drain the outbox until nothing more follows."""
        while self.drain_outbox():
            pass

    def firm(self, code: str) -> Firm:
        """Return a firm, admitted."""
        firm = Firm.objects.get(code=code)
        if firm.pk not in self.engine.venue.accounts:
            self.accept(DefineFirm(firm.pk, firm.group))
            with scope.venue(self.venue.id):
                bind(firm)
        return firm

    def instrument(
        self,
        commodity: str = "COAL-T5500",
        *,
        mode: str = "matched",
        delivery: str = Delivery.RECEIPT,
        cover_bp: int = 10_000,
    ) -> Instrument:
        """Return an open instrument with the fixture's terms."""
        found = Commodity.objects.get(code=commodity)
        warehouse = Warehouse.objects.get(code=found.parameters["delivery"]["warehouses"][0])
        terms = rulebook.suggested_terms(found, warehouse, "listed")
        low = terms.reference_ticks * (10_000 - terms.band_bp) // 10_000 + 1
        high = terms.reference_ticks * (10_000 + terms.band_bp) // 10_000
        with scope.venue(self.venue.id):
            instrument = Instrument.objects.create(
                venue=self.venue,
                code=terms.code,
                commodity=found,
                warehouse=warehouse,
                name_zh=terms.name_zh,
                name_en=terms.name_en,
                grade_zh=terms.grade_zh,
                grade_en=terms.grade_en,
                basis=terms.basis,
                unit=terms.unit,
                mode="listed",
                tick_fen_per_t=terms.tick_fen_per_t,
                lot_kg=terms.lot_kg,
                piece_min_kg=terms.piece_min_kg,
                piece_max_kg=terms.piece_max_kg,
                min_lots=terms.min_lots,
                step_lots=terms.step_lots,
                max_lots=terms.max_lots,
                max_value_fen=terms.max_value_fen,
                reference_ticks=terms.reference_ticks,
                band_bp=terms.band_bp,
                plus_tolerance_bp=terms.plus_tolerance_bp,
                buyer_fee_bp=terms.buyer_fee_bp,
                seller_fee_bp=terms.seller_fee_bp,
                vat_pct=found.vat_pct,
                delivery=delivery,
                cover_bp=cover_bp,
            )
        self.accept(
            DefineInstrument(
                instrument.pk,
                Mode.MATCHED if mode == "matched" else Mode.LISTED,
                terms.tick_fen_per_t,
                terms.lot_kg,
                terms.min_lots,
                terms.step_lots,
                terms.max_lots,
                terms.max_value_fen,
                terms.reference_ticks,
                low,
                high,
                cover_bp,
                terms.plus_tolerance_bp,
                terms.buyer_fee_bp,
                terms.seller_fee_bp,
                terms.piece_min_kg,
                terms.piece_max_kg,
                1,
            )
        )
        self.accept(
            ChangePhase(instrument.pk, Phase.PRE_OPEN),
            ChangePhase(instrument.pk, Phase.CONTINUOUS),
        )
        return instrument

    def enter(
        self,
        firm: Firm,
        instrument: Instrument,
        side: Side,
        lots: int,
        price: int,
        tif: TimeInForce = TimeInForce.DAY,
        **more: Any,
    ) -> tuple[AnyEvent, ...]:
        """Enter an order of a firm."""
        self.numbers += 1
        order = EnterOrder(
            firm.pk, 1, f"w{self.numbers}", self.now, instrument.pk, side, tif, price, lots, **more
        )
        return self.give(order)[0]
