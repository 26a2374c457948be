"""A contract that is delivered and accepted, in a test: who acts, in the words of the trade."""

from __future__ import annotations

import datetime as dt
from typing import Any

from exchange import scope
from exchange.models import Instrument, User, Venue
from matching.commands import Side
from settlement import books, funds, ledger, receipts
from settlement.contracts import (
    defaults,
    delivering,
    disputes,
    invoicing,
    paying,
    settling,
    timers,
)
from settlement.contracts.flow import ContractError
from settlement.ledger import CNY, Code
from settlement.models import Dispute, FinalStatement, Obligation
from tests.papers import NOON, papers
from tests.world import START_US, World

START = dt.datetime.fromtimestamp(START_US // 1_000_000, tz=dt.UTC)
CODE = "K7M2QX"


class Still:
    """What the proof of books asks of a link, answered by the world's own engine."""

    def __init__(self, world: World) -> None:
        self.world = world

    def cover(self, venue_id: int) -> dict[str, Any]:
        return self.world.engine.totals()


class Deal:
    """One contract of venue QLDZ (or another), its parties, and a clock that tests move."""

    def __init__(
        self,
        commodity: str = "COAL-T5500",
        *,
        venue: str = "qldz",
        seller: str = "rzyf",
        buyer: str = "lzrd",
        lots: int = 1_000,
        price: int = 0,
        cover_bp: int = 10_000,
        buyer_yuan: int = 20_000_000,
        seller_yuan: int = 0,
        weights: tuple[int, ...] = (),
        always_open: bool = False,
        basis: str = "",
    ) -> None:
        self.world = World(venue)
        if always_open:  # beyond the published calendar, too
            Venue.objects.filter(pk=self.world.venue.pk).update(always_open=True)
        self.goods = self.world.instrument(commodity, delivery="acceptance", cover_bp=cover_bp)
        if basis:
            with self.scope():
                Instrument.objects.filter(pk=self.goods.pk).update(basis=basis)
        self.seller, self.buyer = self.world.firm(seller), self.world.firm(buyer)
        self.stranger = self.world.firm("wfdf" if venue == "qldz" else "jnqf")
        self.people = {
            name: User.objects.create_user(name)
            for name in ("buyer", "seller", "keeper", "inspector", "clerk")
        }
        self.now = START
        self.numbers = 0
        for firm, yuan in ((self.buyer, buyer_yuan), (self.seller, seller_yuan)):
            if yuan:
                self.pay_in(firm, yuan)
        self.cash_in = (buyer_yuan + seller_yuan) * 100
        self._store(lots, weights)
        price = price or self.goods.reference_ticks
        self.world.enter(self.seller, self.goods, Side.SELL, lots, price)
        self.world.enter(self.buyer, self.goods, Side.BUY, lots, price)
        self.world.settle_all()

    def _store(self, lots: int, weights: tuple[int, ...]) -> None:
        with self.scope():
            for number, (count, kg) in enumerate(
                [(1, kg) for kg in weights] or [(lots, lots * self.goods.lot_kg)]
            ):
                receipts.register(
                    venue=self.world.venue,
                    firm=self.seller,
                    instrument=self.goods,
                    warehouse=self.goods.warehouse,
                    lots=count,
                    weight_kg=kg,
                    op_id=f"goods {number}",
                    by=None,
                    lot_reference=f"pile {number}",
                    papers=papers(),
                    now=NOON,
                )
        self.world.settle_all()

    def scope(self) -> Any:
        return scope.venue(self.world.venue.id)

    def pay_in(self, firm: Any, yuan: int) -> None:
        with self.scope():
            self.numbers += 1
            funds.deposit(
                venue=self.world.venue,
                firm=firm,
                amount_fen=yuan * 100,
                op_id=f"in {self.numbers}",
                by=None,
            )
        self.world.settle_all()

    # What people do. Each is followed by everything that the engine makes of it.

    def do(self, act: Any, **more: Any) -> Any:
        with self.scope():
            answer = act(1, now=self.now, **more)
        self.world.settle_all()
        return answer

    def refusal(self, act: Any, **more: Any) -> str:
        """Return the code with which an act is refused."""
        try:
            with self.scope():
                act(1, now=self.now, **more)
        except ContractError as error:
            return error.code
        return ""

    def as_buyer(self) -> dict[str, Any]:
        return {"firm": self.buyer, "by": self.people["buyer"]}

    def as_seller(self) -> dict[str, Any]:
        return {"firm": self.seller, "by": self.people["seller"]}

    def pay(self) -> int:
        self.numbers += 1
        amount: int = self.do(paying.pay, **self.as_buyer(), op_id=str(self.numbers))
        return amount

    def order(self) -> None:
        self.do(delivering.order_delivery, **self.as_buyer(), code=CODE)

    def truck(self, net_kg: int, plate: str = "鲁L·12345") -> None:
        self.do(
            delivering.weigh_in,
            by=self.people["keeper"],
            code=CODE,
            plate=plate,
            gross_kg=15_000 + net_kg,
            tare_kg=15_000,
        )

    def loaded(self) -> None:
        self.do(delivering.finish_loading, by=self.people["keeper"])

    def deliver(self, *net_kg: int) -> None:
        """Order, load and finish."""
        self.order()
        for kg in net_kg:
            self.truck(kg)
        self.loaded()

    def certificate(self, ticket: int = 0, **measured: str) -> None:
        self.numbers += 1
        self.do(
            delivering.inspect,
            by=self.people["inspector"],
            ticket=ticket,
            certificate=f"CCIC-{self.numbers:04d}",
            agency="CCIC",
            measured=measured,
        )

    def accept(self) -> None:
        self.do(settling.accept, **self.as_buyer())

    def agree(self) -> None:
        sha256 = self.statement().sha256
        for who in (self.as_buyer(), self.as_seller()):
            self.do(settling.agree, **who, sha256=sha256)

    def invoice(self, number: str = "26377000000012345678") -> None:
        with self.scope():
            value, kg = invoicing.settled(self.contract())
        _, vat = _vat(value, self.contract().vat_pct)
        self.do(
            invoicing.issue,
            **self.as_seller(),
            number=number,
            gross_fen=value,
            vat_fen=vat,
            weight_kg=kg,
        )

    def take_invoice(self) -> None:
        self.do(invoicing.answer, **self.as_buyer(), accepted=True, reason="")

    def wait(self, *, every_h: int = 6, **time: int) -> int:
        """Let time pass while the timers run: here every six hours, and at its end."""
        until, moved = self.now + dt.timedelta(**time), 0
        while self.now < until:
            self.now = min(self.now + dt.timedelta(hours=every_h), until)
            moved += self.sweep()
        return moved

    def miss(self, **time: int) -> None:
        """Let time pass while nothing runs."""
        self.now += dt.timedelta(**time)

    def sweep(self) -> int:
        """Let the timers run once."""
        with self.scope():
            moved = timers.sweep(self.now)
        self.world.settle_all()
        return moved

    # What can be seen.

    def contract(self) -> Obligation:
        with self.scope():
            return Obligation.objects.select_related("instrument").get(trade_id=1)

    @property
    def state(self) -> str:
        return str(self.contract().state)

    def statement(self) -> FinalStatement:
        with self.scope():
            return FinalStatement.objects.get(obligation__trade_id=1)

    def dispute(self) -> Dispute:
        with self.scope():
            return Dispute.objects.get(obligation__trade_id=1)

    def money(self, firm: Any, code: Code = Code.TRADING) -> int:
        with self.scope():
            return ledger.balance(CNY, code, firm.pk)

    def fees(self) -> int:
        with self.scope():
            return ledger.balance(CNY, Code.FEES)

    def kinds(self) -> list[str]:
        """Return the kinds of the contract's history, in order."""
        with self.scope():
            return list(self.contract().events.values_list("kind", flat=True))

    def prove(self) -> None:
        """The books are right: sums zero, ledger and engine equal, no money lost."""
        with self.scope():
            proof = books.prove(Still(self.world), wait_s=0)  # type: ignore[arg-type]
            owners = {(code, firm) for _, code, firm in ledger.balances()}
        assert proof.faults == []
        firms = {Code.TRADING, Code.COMMITTED, Code.ASIDE, Code.DEPOSIT}
        assert {code for code, firm in owners if firm} <= firms, "the market's own are no firm's"
        assert proof.cash_fen == self.cash_in


def _vat(value: int, rate: int) -> tuple[int, int]:
    net = (value * 200 + 100 + rate) // (2 * (100 + rate))
    return net, value - net


__all__ = [
    "CODE", "Deal", "defaults", "delivering", "disputes", "invoicing", "paying", "settling",
    "timers",
]  # fmt: skip
