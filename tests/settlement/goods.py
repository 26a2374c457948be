"""A firm with a pile of 1,000 t of coal, the people around it, and the proof after each step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec

from exchange import scope
from exchange.models import User
from matching.commands import AnyCommand
from matching.events import CommandRejected
from settlement import books, ledger, outbox, receipts
from settlement.ledger import Code
from settlement.models import OutboxCommand, OutboxState, Receipt, ReceiptHold, ReceiptState
from tests.papers import NOON, papers
from tests.settlement.test_settlement import Still
from tests.world import World

LOTS = 1_000


class Pile:
    """1,000 t in one receipt. `do` runs an act in the venue, sends what follows, and proves."""

    def __init__(self, commodity: str = "COAL-T5500", lots: int = LOTS, **change: Any) -> None:
        self.world = World()
        self.goods = self.world.instrument(commodity)
        self.owner = self.world.firm("rzyf")
        self.buyer = self.world.firm("lzrd")
        self.people = {
            name: User.objects.create_user(name)
            for name in ("owner", "keeper", "operator", "reviewer")
        }
        self.receipt = self.register("A-01", "goods", lots, **change)

    def register(self, place: str, op_id: str, lots: int, **change: Any) -> Receipt:
        def act() -> Receipt:
            return receipts.register(
                venue=self.world.venue,
                firm=self.owner,
                instrument=self.goods,
                warehouse=self.goods.warehouse,
                lots=lots,
                weight_kg=lots * self.goods.lot_kg,
                op_id=op_id,
                by=None,
                lot_reference=place,
                papers=papers(**change),
                now=NOON,
            )

        return self.fresh(self.do(act))

    def do(self, act: Callable[[], Any]) -> Any:
        """Act, send what follows, and prove the books."""
        with scope.venue(self.world.venue.id):
            done = act()
        self.send()
        return done

    def send(self) -> None:
        """Send what waits until nothing more follows; tell of refusals as the outbox does."""
        while self.send_one():
            self.prove()
        self.prove()

    def send_one(self) -> bool:
        """Send the oldest command that waits, as the outbox does; False when none waits."""
        with scope.venue(self.world.venue.id):
            row = OutboxCommand.objects.filter(state=OutboxState.NEW).order_by("pk").first()
        if row is None:
            return False
        command = msgspec.msgpack.decode(bytes(row.command), type=AnyCommand)
        first = self.world.give(command)[0][0]
        with scope.venue(self.world.venue.id):
            if isinstance(first, CommandRejected):
                outbox._refused(row, first.reason)
            else:
                OutboxCommand.objects.filter(pk=row.pk).update(state=OutboxState.DONE)
        return True

    def prove(self) -> None:
        """Books equal the engine, and goods are conserved: in = trading + committed + aside + out.

        Every living receipt's lots in the engine are its own, and none set aside is there.
        """
        with scope.venue(self.world.venue.id):
            proof = books.prove(Still(self.world), wait_s=0)  # type: ignore[arg-type]
            assert proof.faults == []
            rows = Receipt.objects.filter(lots__gt=0)
            ours = {
                (one.pk, one.owner_id, one.lots, one.root_id, one.sellable_from_day)
                for one in rows.filter(state="registered")
            }
        theirs = {
            (
                one.receipt_id,
                one.firm_id,
                one.free_lots + one.held_lots + one.committed_lots,
                one.root_id,
                one.sellable_from_day,
            )
            for one in self.world.engine.venue.goods.by_id.values()
        }
        assert ours == theirs

    def fresh(self, receipt: Receipt) -> Receipt:
        with scope.venue(self.world.venue.id):
            return Receipt.objects.get(pk=receipt.pk)

    def hold(self, hold: ReceiptHold) -> ReceiptHold:
        with scope.venue(self.world.venue.id):
            return ReceiptHold.objects.select_related("receipt").get(pk=hold.pk)

    def balances(self) -> tuple[int, int, int]:
        """Return the owner's tonnes: trading, aside, and what the store has let in less out."""
        number = ledger.goods(self.goods.pk)
        with scope.venue(self.world.venue.id):
            kg = (
                ledger.balance(number, Code.TRADING, self.owner.pk),
                ledger.balance(number, Code.ASIDE, self.owner.pk),
                -ledger.balance(number, Code.WAREHOUSE, 0),
            )
        return kg[0] // 1_000, kg[1] // 1_000, kg[2] // 1_000

    def rows(self) -> list[tuple[str, int]]:
        """Return (state, lots) of all receipts that hold goods, by number."""
        with scope.venue(self.world.venue.id):
            return list(
                Receipt.objects.filter(lots__gt=0, state__in=ReceiptState.alive())
                .order_by("pk")
                .values_list("state", "lots")
            )

    def code(self, act: Callable[[], Any]) -> str:
        """Return the code with which an act is refused, or ""."""
        try:
            self.do(act)
        except Exception as error:
            code = getattr(error, "code", None)
            if not isinstance(code, str):
                raise
            return code
        return ""


def later(days: int = 0, **more: Any) -> dt.datetime:
    return NOON + dt.timedelta(days=days, **more)
