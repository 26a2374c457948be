"""Plays the golden scenarios: a trader can read them, indented lines are what the market said.

A file starts with `instrument matched|listed [minimum step]`, then gives firms `cash` (yuan) and
`goods` (tonnes), then acts. One lot is a tonne, one tick a yuan.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from matching.commands import (
    AmendOrder,
    CancelOrder,
    ChangePhase,
    CreditCash,
    CreditGoods,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    FirmStatus,
    HaltScope,
    LiftOrder,
    Mode,
    OpenDay,
    Phase,
    SetFirmStatus,
    SetHalt,
    SetReference,
    SettleTrade,
    Side,
    TimeInForce,
)
from matching.engine import Engine
from matching.events import (
    CancelReason,
    CommandRejected,
    CommandRepeated,
    OrderAmended,
    OrderCancelled,
    OrderRested,
    TradeExecuted,
    TradeSettled,
)

HERE = Path(__file__).parent
NOW = 1_795_400_000_000_000
FIRMS = {"northmill": 1, "redquay": 2, "lantern": 3, "eastgate": 4, "northsub": 5}
GROUPS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 1}  # northsub belongs to northmill's group


class Market:
    """One instrument, five firms, names for orders."""

    def __init__(self) -> None:
        self.engine = Engine(1)
        self.engine.begin_block(1, NOW)
        self.names: dict[str, int] = {}
        self.receipts = 0
        self.sent = 0

    def give(self, command: Any) -> tuple[Any, ...]:
        events = self.engine.apply(command)
        self.engine.check()
        return events

    def play(self, line: str) -> list[str]:
        word, *rest = line.split()
        return getattr(self, f"act_{word}")(*rest)

    def act_instrument(self, mode: str, minimum: str = "1", step: str = "1") -> list[str]:
        self.give(OpenDay(20261123))
        for firm, group in GROUPS.items():
            self.give(DefineFirm(firm, group))
        self.give(
            DefineInstrument(
                1, Mode.MATCHED if mode == "matched" else Mode.LISTED, 100, 1000, int(minimum),
                int(step), 1000, 10**9, 4800, 4700, 4900, 10_000, 0, 0, 0, approval_id=1,
            )
        )  # fmt: skip
        self.give(ChangePhase(1, Phase.PRE_OPEN))
        self.give(ChangePhase(1, Phase.CONTINUOUS))
        return []

    def act_cash(self, firm: str, yuan: str) -> list[str]:
        self.receipts += 1
        return self.told(
            self.give(CreditCash(f"c{self.receipts}", FIRMS[firm], int(yuan) * 100)), ""
        )

    def act_goods(self, firm: str, tonnes: str, day: str = "0") -> list[str]:
        self.receipts += 1
        n, lots = self.receipts, int(tonnes)
        command = CreditGoods(f"g{n}", n, n, FIRMS[firm], 1, lots, lots * 1000, int(day))
        return self.told(self.give(command), "")

    def act_enter(
        self, name: str, firm: str, side: str, lots: str, at: str, price: str, *more: str
    ) -> list[str]:
        assert at == "@"
        tif = TimeInForce.IOC if "ioc" in more else TimeInForce.DAY
        way = Side.BUY if side == "buy" else Side.SELL
        self.sent += 1
        events = self.give(
            EnterOrder(
                FIRMS[firm], 1, f"{name}{self.sent}", NOW, 1, way, tif, int(price), int(lots)
            )
        )
        if not isinstance(events[0], CommandRejected):
            self.names[name] = events[0].order_id
        return self.told(events, name)

    def act_again(
        self, name: str, firm: str, side: str, lots: str, at: str, price: str
    ) -> list[str]:
        """The same client id once more."""
        way = Side.BUY if side == "buy" else Side.SELL
        return self.told(
            self.give(
                EnterOrder(
                    FIRMS[firm], 1, f"{name}{self.sent}", NOW + 9, 1, way, TimeInForce.DAY,
                    int(price), int(lots),
                )
            ),
            name,
        )  # fmt: skip

    def act_lift(self, name: str, firm: str, offer: str, lots: str) -> list[str]:
        self.sent += 1
        events = self.give(
            LiftOrder(FIRMS[firm], 1, f"{name}{self.sent}", NOW, self.names[offer], int(lots))
        )
        if not isinstance(events[0], CommandRejected):
            self.names[name] = events[0].order_id
        return self.told(events, name)

    def act_amend(self, firm: str, name: str, lots: str, at: str, price: str) -> list[str]:
        self.sent += 1
        command = AmendOrder(
            FIRMS[firm], 1, f"a{self.sent}", NOW, self.names[name], int(price), int(lots)
        )
        return self.told(self.give(command), name)

    def act_cancel(self, firm: str, name: str) -> list[str]:
        self.sent += 1
        command = CancelOrder(FIRMS[firm], 1, f"x{self.sent}", NOW, self.names[name])
        return self.told(self.give(command), name)

    def act_settle(self, trade: str) -> list[str]:
        self.receipts += 1
        trade_id = int(trade)
        pending = self.engine.venue.trades.get(trade_id)
        count = len(pending.receipts) if pending else 1
        new = tuple(1000 + trade_id * 10 + n for n in range(count))
        return self.told(self.give(SettleTrade(f"s{self.receipts}", trade_id, new, 20261201)), "")

    def act_halt(self, what: str) -> list[str]:
        return self._halt(what, halted=True)

    def act_resume(self, what: str) -> list[str]:
        return self._halt(what, halted=False)

    def _halt(self, what: str, *, halted: bool) -> list[str]:
        scope, target = {
            "venue": (HaltScope.VENUE, 0),
            "instrument": (HaltScope.INSTRUMENT, 1),
        }.get(what, (HaltScope.FIRM, FIRMS.get(what, 0)))
        return self.told(self.give(SetHalt(scope, target, halted, 1, "test")), "")

    def act_suspend(self, firm: str) -> list[str]:
        return self.told(self.give(SetFirmStatus(FIRMS[firm], FirmStatus.SUSPENDED)), "")

    def act_phase(self, name: str) -> list[str]:
        return self.told(self.give(ChangePhase(1, Phase[name.upper()])), "")

    def act_reference(self, low: str, reference: str, high: str) -> list[str]:
        return self.told(self.give(SetReference(1, int(reference), int(low), int(high))), "")

    def act_funds(self, firm: str) -> list[str]:
        available, held, committed = (fen / 100 for fen in self.engine.cash(FIRMS[firm]))
        return [f"{firm} available {available:.2f} held {held:.2f} committed {committed:.2f}"]

    def told(self, events: tuple[Any, ...], name: str) -> list[str]:
        """Say in a trader's words what happened."""
        by_id = {number: known for known, number in self.names.items()}
        lines = []
        for event in events:
            if isinstance(event, CommandRejected):
                values = " ".join(str(value) for value in event.values)
                lines.append(f"refused {event.reason} {values}".rstrip())
            elif isinstance(event, CommandRepeated):
                lines.append("repeated")
            elif isinstance(event, OrderRested):
                known = by_id.get(event.order_id, name)
                lines.append(f"rest {known} {event.open_lots} @ {event.price_ticks}")
            elif isinstance(event, TradeExecuted):
                maker = by_id.get(event.maker_order_id, "?")
                taker = by_id.get(event.taker_order_id, name)
                lines.append(f"trade {maker} {taker} {event.quantity_lots} @ {event.price_ticks}")
            elif isinstance(event, OrderCancelled):
                known = by_id.get(event.order_id, name)
                reason = CancelReason(event.reason).name.lower()
                lines.append(f"cancelled {known} {event.cancelled_lots} {reason}")
            elif isinstance(event, OrderAmended):
                known = by_id.get(event.order_id, name)
                place = "keeps its place" if event.kept_priority else "loses its place"
                lines.append(f"amended {known} {event.open_lots} @ {event.price_ticks} {place}")
            elif isinstance(event, TradeSettled):
                moves = ", ".join(
                    f"receipt {source}" + (f" -> {new}" if new != source else " whole") + f" {lots}"
                    for source, new, lots, _ in event.moves
                )
                lines.append(f"settled {event.trade_id}: {moves}")
        return lines


@pytest.mark.parametrize(
    "path", sorted(HERE.rglob("*.txt")), ids=lambda path: str(path.relative_to(HERE))
)
def test_scenario(path: Path, request: pytest.FixtureRequest) -> None:
    market = Market()
    written = path.read_text(encoding="utf-8").splitlines()
    said: list[str] = []
    for line in written:
        if line.startswith("  "):
            continue
        said.append(line)
        if line.strip() and not line.startswith("#"):
            said += [f"  {answer}" for answer in market.play(line)]
    if request.config.getoption("--update-scenarios"):
        path.write_text("\n".join(said) + "\n", encoding="utf-8")
    assert said == written
