"""The engine and the naive venue side by side: given the same, they say and are the same."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from functools import cache

from matching import commands as c
from matching.engine import Engine
from matching.events import CommandRejected
from matching.orders import ASIDE, BOOK, STOP, SUSPENDED
from tests.matching.naive import Naive, notes_of
from tests.matching.naive.records import HOLDERS

NOW = 1_795_400_000_000_000
TODAY = 20261123
COAL, LOCKED, POSTED, WILD, COIL, DEPOSIT, TALKED, HAMMER = MARKETS = (1, 2, 3, 4, 5, 6, 7, 8)
CALLED = (COAL, LOCKED, WILD, DEPOSIT)
GROUPS = {1: 1, 2: 1, 3: 3, 4: 4}  # firms 1 and 2 are related
CROWD = 197  # firms that have held part of a crowded root; firm 1 makes it 198 of 200
CROWDED = (COAL, POSTED, TALKED, HAMMER)
LOCK = c.ResaleLock.PRODUCT_T5_SYMMETRIC
TERMS: tuple[c.DefineInstrument, ...] = (
    c.DefineInstrument(
        COAL, c.Mode.MATCHED, 100, 1000, 2, 2, 24, 116_000, 100, 94, 106, 10_000, 300, 5, 7,
        approval_id=1, max_day_lots=16,
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
    c.DefineInstrument(
        COIL, c.Mode.LISTED, 100, 1000, 1, 1, 8, 10**7, 100, 94, 106, 10_000, 200, 7, 9,
        piece_min_kg=805, piece_max_kg=1210, resale_lock=c.ResaleLock.RECEIPT_T5,
    ),
    c.DefineInstrument(
        DEPOSIT, c.Mode.MATCHED, 100, 1000, 1, 1, 8, 10**7, 100, 94, 106, 2_050, 250, 5, 7,
        piece_min_kg=955, piece_max_kg=1150, approval_id=1,
        resale_lock=c.ResaleLock.RECEIPT_T5,
    ),
    c.DefineInstrument(
        TALKED, c.Mode.NEGOTIATED, 100, 1000, 2, 1, 24, 10**7, 100, 94, 106, 3_000, 100, 5, 7,
        product_id=12, resale_lock=LOCK, max_day_lots=20,
    ),
    c.DefineInstrument(
        HAMMER, c.Mode.AUCTION, 100, 1000, 2, 1, 24, 10**7, 100, 94, 106, 10_000, 0, 5, 7,
        product_id=12, resale_lock=LOCK, max_day_lots=30,
    ),
)  # fmt: skip
# Commands from one look at everything, `Engine.check()` included, to the next: every one in the
# test run; the deep run looks at ten times as many histories instead.
LOOK = 1 if os.environ.get("HAIDAI_DEEP", "1") == "1" else 10
PIECES = tuple(t.instrument_id for t in TERMS if t.piece_max_kg)
PLACES = {"book": BOOK, "stop": STOP, "out": SUSPENDED, "aside": ASIDE}


def setup(*, crowded: bool) -> list[c.AnyCommand]:
    """What both are given before anything is compared."""
    commands: list[c.AnyCommand] = [c.OpenDay(TODAY), *TERMS]
    for firm, group in GROUPS.items():
        commands.append(c.DefineFirm(firm, group))
        commands.append(c.CreditCash(f"cash{firm}", firm, 250_000 * firm))
    for terms in TERMS:
        where = terms.instrument_id
        for firm in GROUPS:
            # Two receipts each, the older the smaller, so that many trades take from both; of
            # pieces five, each of its own weight.
            number = where * 100 + firm * 10
            lots = 20 * (5 - firm)
            parts = [lots // 4, lots - lots // 4]
            if terms.piece_max_kg:
                parts = [1] * 5
            for place, part in enumerate(parts):
                span = terms.piece_max_kg - terms.piece_min_kg
                kg = terms.piece_min_kg + place * span // 4 // 5 * 5
                kg = kg if terms.piece_max_kg else part * 1000
                receipt, root = number + place, number + place
                if crowded and where in CROWDED and not place and firm == 1:
                    root = where * 100
                commands.append(
                    c.CreditGoods(f"g{receipt}", receipt, root, firm, where, part, kg, 0)
                )
        for phase in (c.Phase.PRE_OPEN, c.Phase.CONTINUOUS):
            commands.append(c.ChangePhase(where, phase))
    return commands


def crowd() -> list[c.AnyCommand]:
    """Many firms once held part of one root of each of four instruments, and have collected it."""
    commands: list[c.AnyCommand] = []
    for firm in range(1_000, 1_000 + CROWD):
        commands.append(c.DefineFirm(firm, firm))
        for where in CROWDED:
            name = f"{firm}-{where}"
            receipt = firm * 10 + where
            commands.append(
                c.CreditGoods(f"i{name}", receipt, where * 100, firm, where, 1, 1000, 0)
            )
            commands.append(c.DebitGoods(f"o{name}", receipt, 1))
    for firm in (1_500, 1_501):  # and two that never did have money for more
        commands.append(c.DefineFirm(firm, firm))
        commands.append(c.CreditCash(f"cash{firm}", firm, 900_000))
    return commands


@cache
def opened(*, crowded: bool) -> tuple[bytes, bytes]:
    """The engine and the naive venue after the setup, as bytes."""
    engine, naive = Engine(1), Naive()
    engine.begin_block(1, NOW)
    naive.begin(1, NOW)
    commands = setup(crowded=crowded)
    if crowded:
        commands += crowd()
    for command in commands:
        said = engine.apply(command)
        assert not isinstance(said[0], CommandRejected), command
        assert notes_of(said) == naive.apply(command), command
    return engine.snapshot(), pickle.dumps(naive)


class Pair:
    """Engine and naive venue, given the same commands.

    `crowded`: the oldest receipts of four instruments come from roots that few more may hold.
    """

    def __init__(self, *, crowded: bool = False) -> None:
        engine, naive = opened(crowded=crowded)
        self.engine = Engine.restore(engine)
        self.naive: Naive = pickle.loads(naive)
        self.seq = 1
        self.now = NOW
        self.ids = 0
        self.given = 0
        self.crowded = crowded
        self.restored = 0
        self.met: Counter[str] = Counter()
        self.wait(1)

    def give(self, command: c.AnyCommand) -> None:
        """Have both do it; they say the same and stand the same."""
        expected = self.naive.apply(command)
        said = notes_of(self.engine.apply(command))
        assert said == expected, f"{command}\n engine: {said}\n naive:  {expected}"
        self.given += 1
        if self.given % LOOK == 0:
            self.look_at_everything()
        else:
            for number in GROUPS:
                assert self.engine.cash(number)[0] == self.naive.firms[number].cash, command
        self.met[type(command).__name__] += 1
        for note in expected:
            self.met[f"{note[0]} {note[1] if note[0] == 'refused' else ''}".strip()] += 1
            if note[0] == "ended":
                self.met[f"ended {note[3].name}"] += 1

    def compare(self) -> None:
        """Money, every receipt, who ever held a root, and every book."""
        engine, naive = self.engine, self.naive
        cash = naive.cash()
        assert {number: engine.cash(number) for number in cash} == cash
        assert {
            r.receipt_id: (
                r.firm_id, r.instrument_id, r.root_id, r.free_lots, r.held_lots, r.committed_lots,
                r.piece_kg, r.sellable_from_day,
            )
            for r in engine.receipts()
        } == naive.goods()  # fmt: skip
        assert engine.venue.goods.holders == naive.holders
        assert all(len(firms) <= HOLDERS for firms in naive.holders.values())
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
        assert {
            o.order_id: (o.place, o.held_fen, list(map(list, o.receipts)))
            for o in engine.open_orders()
        } == {
            o.number: (PLACES[o.place], naive.need(o), o.goods) for o in naive.orders.values()
        }  # fmt: skip

    def look_at_everything(self) -> None:
        """Every invariant holds, and both stand the same.

        What a command moves is in the notes; this costs ten times more than the command.
        """
        self.engine.check()
        self.compare()

    def wait(self, us: int) -> None:
        self.now += us
        self.seq += 1
        self.engine.begin_block(self.seq, self.now)
        self.naive.begin(self.seq, self.now)
        self.give(c.PassTime())

    def go_on_from_a_snapshot(self) -> None:
        if self.crowded and self.restored:
            return  # two hundred firms take their time: once is enough
        self.restored += 1
        restored = Engine.restore(self.engine.snapshot())
        assert restored.digest() == self.engine.digest()
        self.engine = restored
