"""The engine and the naive venue side by side: given the same, they say and are the same."""

from __future__ import annotations

from collections import Counter

from matching import commands as c
from matching.engine import Engine
from matching.events import CommandRejected
from matching.orders import BOOK, STOP, SUSPENDED
from tests.matching.naive import Firm, Market, Naive, notes_of

NOW = 1_795_400_000_000_000
COAL, LOCKED, POSTED, WILD = MARKETS = (1, 2, 3, 4)
GROUPS = {1: 1, 2: 1, 3: 3, 4: 4}  # firms 1 and 2 are related
LOCK = c.ResaleLock.PRODUCT_T5_SYMMETRIC
TERMS: tuple[c.DefineInstrument, ...] = (
    c.DefineInstrument(
        COAL, c.Mode.MATCHED, 100, 1000, 2, 2, 24, 10**7, 100, 94, 106, 10_000, 300, 5, 7,
        approval_id=1, max_day_lots=26,
    ),
    c.DefineInstrument(
        LOCKED, c.Mode.MATCHED, 100, 1000, 1, 1, 24, 10**7, 100, 94, 106, 10_000, 0, 0, 0,
        approval_id=1, product_id=9, resale_lock=LOCK,
    ),
    c.DefineInstrument(
        POSTED, c.Mode.LISTED, 100, 1000, 2, 1, 24, 10**7, 100, 94, 106, 10_000, 0, 3, 3,
        product_id=9, resale_lock=LOCK,
    ),
    c.DefineInstrument(
        WILD, c.Mode.MATCHED, 100, 1000, 1, 1, 24, 10**7, 100, 94, 106, 10_000, 0, 0, 0,
        approval_id=1, dynamic_bp=200, call_seconds=30,
    ),
)  # fmt: skip


class Pair:
    """Engine and naive venue, given the same commands."""

    def __init__(self) -> None:
        self.engine = Engine(1)
        self.naive = Naive()
        self.seq = 1
        self.now = NOW
        self.ids = 0
        self.engine.begin_block(1, NOW)
        self.naive.now = NOW
        self.met: Counter[str] = Counter()
        self._open()

    def _open(self) -> None:
        setup: list[c.AnyCommand] = [c.OpenDay(20261123)]
        self.naive.day, self.naive.days = 20261123, 1
        for firm, group in GROUPS.items():
            setup.append(c.DefineFirm(firm, group))
            setup.append(c.CreditCash(f"cash{firm}", firm, 250_000 * firm))
            self.naive.firms[firm] = Firm(group, 250_000 * firm)
        for terms in TERMS:
            number = terms.instrument_id
            setup.append(terms)
            self.naive.markets[number] = Market(
                terms, terms.low_ticks, terms.high_ticks, terms.reference_ticks
            )
            for firm in GROUPS:
                lots = 20 * (5 - firm)
                receipt = number * 10 + firm
                setup.append(
                    c.CreditGoods(
                        f"g{receipt}", receipt, receipt, firm, number, lots, lots * 1000, 0
                    )
                )
                self.naive.goods[firm, number] = lots
            for phase in (c.Phase.PRE_OPEN, c.Phase.CONTINUOUS):
                setup.append(c.ChangePhase(number, phase))
            self.naive.markets[number].phase = c.Phase.CONTINUOUS
        for command in setup:
            assert not isinstance(self.engine.apply(command)[0], CommandRejected), command

    def give(self, command: c.AnyCommand) -> None:
        """Have both do it; they say the same and stand the same."""
        said = notes_of(self.engine.apply(command))
        expected = self.naive.apply(command)
        assert said == expected, command
        self.engine.check()
        self.compare()
        for note in expected:
            self.met[f"{note[0]} {note[1] if note[0] == 'refused' else ''}".strip()] += 1
            if note[0] == "ended":
                self.met[f"ended {note[3].name}"] += 1

    def compare(self) -> None:
        engine, naive = self.engine, self.naive
        for number, firm in naive.firms.items():
            assert engine.cash(number) == (firm.cash, naive.held(number), firm.bound)
        free: dict[tuple[int, int], int] = dict.fromkeys(naive.goods, 0)
        for receipt in engine.receipts():
            free[receipt.firm_id, receipt.instrument_id] += receipt.free_lots
        assert free == naive.goods
        for instrument in engine.instruments():
            market = naive.markets[instrument.instrument_id]
            assert instrument.phase == market.phase
            for side, levels in (
                (c.Side.BUY, instrument.book.bids),
                (c.Side.SELL, instrument.book.asks),
            ):
                mine = [o for o in market.book if o.side == side]
                mine.sort(key=lambda o: o.price if side == c.Side.SELL else -o.price)
                assert [
                    (o.order_id, o.price_ticks, o.open_lots - o.hidden_lots, o.open_lots)
                    for o in levels
                ] == [(o.number, o.price, o.shown, o.open) for o in mine]
        places = {"book": BOOK, "stop": STOP, "out": SUSPENDED}
        assert {o.order_id: o.place for o in engine.open_orders()} == {
            o.number: places[o.place] for o in naive.orders.values()
        }

    def wait(self, us: int) -> None:
        self.now += us
        self.seq += 1
        self.engine.begin_block(self.seq, self.now)
        self.naive.now = self.now
        self.give(c.PassTime())

    def go_on_from_a_snapshot(self) -> None:
        restored = Engine.restore(self.engine.snapshot())
        assert restored.digest() == self.engine.digest()
        self.engine = restored
