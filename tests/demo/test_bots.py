"""The demo's markets live: a day and a night of simulated time, three restarts, every product."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from exchange import bands, reference, rulebook, trading_days
from exchange.models import Commodity, Venue, Warehouse
from matching.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    CreditCash,
    CreditGoods,
    DebitGoods,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    LiftOrder,
    Mode,
    SettleTrade,
    Side,
    TimeInForce,
)
from matching.engine import Engine
from matching.events import CommandRejected, TradeExecuted
from web.demo import cast, seed, strategy
from web.demo.strategy import Sight, Strategy

pytestmark = pytest.mark.django_db

START_US = 1_795_420_800_000_000 + 7 * 3_600_000_000  # so that a midnight falls into the run
STEP_S = 30
HOURS = 26
# What may be refused when two act on what they saw at once: races, not broken rules.
RACES = {"UNKNOWN_ORDER", "EXCEEDS_OPEN", "RESIDUAL", "WOULD_TRADE", "SAME", "BELOW_EXECUTED"}


class SimulatedVenue:
    """A venue of the demo: the real engine, the real strategies, simulated time."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.engine = Engine(venue.id)
        self.now_us = START_US
        self.chance = random.Random(venue.id)
        self.products: dict[int, dict[str, Any]] = {}
        self.names: dict[str, int] = {}
        self.strategies: list[tuple[int, Strategy]] = []
        self.traded: dict[int, list[int]] = defaultdict(list)
        self.last: dict[int, int] = {}
        self.refusals: Counter[str] = Counter()
        self.unsettled: list[tuple[int, int]] = []
        self.receipts = 0
        self.sent = 0
        self._open()

    def give(self, *commands: AnyCommand) -> None:
        self.engine.begin_block(self.engine.seq + 1, self.now_us)
        for command in commands:
            for event in self.engine.apply(command):
                if isinstance(event, CommandRejected):
                    self.refusals[str(event.reason)] += 1
                elif isinstance(event, TradeExecuted):
                    self.traded[event.instrument_id].append(self.now_us)
                    self.last[event.instrument_id] = event.price_ticks
                    self.unsettled.append((event.trade_id, len(event.receipts)))

    def _open(self) -> None:
        matched = self.venue.code == seed.MATCHED_VENUE
        commodities = reference.venue_commodities(self.venue)
        for number, commodity in enumerate(commodities, 1):
            self._list(number, commodity, matched)
        firms = sorted({*cast.SELLS, *cast.BUYS})
        for firm_id, firm in enumerate(firms, 1):
            sides = cast.sides([one.code for one in commodities], firm)
            if not sides:
                continue
            self.give(
                DefineFirm(firm_id, firm_id),
                CreditCash(f"cash:{firm}", firm_id, seed.DEPOSIT_FEN),
            )
            for code, side in sides:
                product = self.products[self.names[code]]
                way: strategy.Side = "buy" if side == "buy" else "sell"
                one = Strategy(product, way, firm, product["reference"], firm_id * 100)
                self.strategies.append((firm_id, one))
        self.schedule()

    def _list(self, number: int, commodity: Commodity, matched: bool) -> None:
        warehouse = Warehouse.objects.get(code=commodity.parameters["delivery"]["warehouses"][0])
        terms = rulebook.suggested_terms(commodity, warehouse, "listed")
        low, high = bands.band(terms.reference_ticks, terms.band_bp)
        self.names[commodity.code] = number
        self.products[number] = {
            "id": number,
            "mode": "matched" if matched else "listed",
            "tick_fen_per_t": terms.tick_fen_per_t,
            "lot_kg": terms.lot_kg,
            "piece_max_kg": terms.piece_max_kg,
            "piece_min_kg": terms.piece_min_kg,
            "min_lots": terms.min_lots,
            "step_lots": terms.step_lots,
            "max_lots": terms.max_lots,
            "max_value_fen": terms.max_value_fen,
            "plus_tolerance_bp": terms.plus_tolerance_bp,
            "reference": terms.reference_ticks,
            "band_bp": terms.band_bp,
        }
        self.give(
            DefineInstrument(
                number, Mode.MATCHED if matched else Mode.LISTED, terms.tick_fen_per_t,
                terms.lot_kg, terms.min_lots, terms.step_lots, terms.max_lots,
                terms.max_value_fen, terms.reference_ticks, low, high, 10_000,
                terms.plus_tolerance_bp, 5, 5, terms.piece_min_kg, terms.piece_max_kg, 1,
            )
        )  # fmt: skip

    def schedule(self) -> None:
        """What the day scheduler does, with yesterday's last price as the new reference."""

        def new_reference(instrument_id: int, day: int) -> tuple[int, int, int] | None:
            last = self.last.get(instrument_id)
            if last is None:
                return None
            band_bp = self.products[instrument_id]["band_bp"]
            return (last, *bands.band(last, band_bp))

        while True:
            commands = trading_days.next_commands(
                self.engine.market(), self.now_us, always_open=True, new_reference=new_reference
            )
            if not commands:
                return
            self.give(*commands)

    def sight(self, firm_id: int, one: Strategy) -> Sight:
        number = one.product["id"]
        instrument = self.engine.venue.instruments[number]
        book = instrument.book
        ticker = {
            "phase": int(instrument.phase),
            "halted": instrument.halted,
            "reference": instrument.reference_ticks,
            "low_limit": instrument.low_ticks,
            "high_limit": instrument.high_ticks,
            "bid": book.bids.best.price_ticks if book.bids.best else 0,
            "ask": book.asks.best.price_ticks if book.asks.best else 0,
            "last": self.last.get(number, 0),
        }
        orders = [
            {
                "order": o.order_id,
                "price": o.price_ticks,
                "open": o.open_lots,
                "lots": o.quantity_lots,
            }
            for o in self.engine.open_orders(firm_id)
            if o.instrument_id == number
        ]
        offers = [
            {"order": o.order_id, "side": int(o.side), "price": o.price_ticks, "open": o.open_lots,
             "firm": one.firm if o.firm_id == firm_id else "other"}
            for side in (book.bids, book.asks)
            for o in side
        ]  # fmt: skip
        mine = self.engine.venue.goods.by_owner.get(firm_id, {}).get(number, {})
        day = self.engine.venue.day
        free = sum(r.free_lots for r in mine.values() if r.sellable_from_day <= day)
        return Sight(ticker, orders, offers, free, self.engine.cash(firm_id)[0])

    def step(self) -> None:
        self.now_us += STEP_S * 1_000_000
        self.schedule()
        for firm_id, one in self.chance.sample(self.strategies, len(self.strategies)):
            sight = self.sight(firm_id, one)
            self.care(firm_id, one, sight)
            action = one.step(sight, self.now_us / 1e6)
            if action is not None:
                self.act(firm_id, one, action)
        settled, self.unsettled = self.unsettled, []
        for trade_id, count in settled:
            new = tuple(self.receipts + n + 1 for n in range(count))
            self.receipts += count
            self.give(SettleTrade(f"s{trade_id}", trade_id, new, 20991231))

    def care(self, firm_id: int, one: Strategy, sight: Sight) -> None:
        """What finance, warehouse and delivery users do."""
        self.sent += 1
        product = one.product
        if sight.available < 60_000_000_00:
            self.give(CreditCash(f"more{self.sent}", firm_id, 200_000_000_00))
        if one.low_stock(sight):
            lots = one.pile_lots()
            for _ in range(10 if product["piece_max_kg"] else 1):
                self.receipts += 1
                n = self.receipts
                kg = lots * product["lot_kg"]
                self.give(CreditGoods(f"g{n}", n, n, firm_id, product["id"], lots, kg, 0))
        bought = self.engine.venue.goods.by_owner.get(firm_id, {}).get(product["id"], {})
        if one.side == "buy" and len(bought) > 30:
            for receipt in list(bought.values())[:10]:
                command = DebitGoods(
                    f"out{receipt.receipt_id}", receipt.receipt_id, receipt.free_lots
                )
                self.give(command)

    def act(self, firm_id: int, one: Strategy, action: strategy.Action) -> None:
        self.sent += 1
        who = (firm_id, 1, f"b{self.sent}", self.now_us)
        if isinstance(action, strategy.Enter):
            side = Side.BUY if action.side == "buy" else Side.SELL
            tif = TimeInForce.DAY if action.tif == "day" else TimeInForce.IOC
            self.give(EnterOrder(*who, one.product["id"], side, tif, action.price, action.lots))
        elif isinstance(action, strategy.Lift):
            self.give(LiftOrder(*who, action.order, action.lots))
        elif isinstance(action, strategy.Amend):
            self.give(AmendOrder(*who, action.order, action.price, action.lots))
        else:
            self.give(CancelOrder(*who, action.order))

    def restart(self) -> None:
        self.engine = Engine.restore(self.engine.snapshot())
        self.strategies = [
            (firm_id, Strategy(one.product, one.side, one.firm, one.anchor, firm_id * 7))
            for firm_id, one in self.strategies
        ]


@pytest.mark.parametrize("code", ["qldz", "jdsc", "lblm"])
def test_every_product_still_trades_after_a_day_and_three_restarts(code: str) -> None:
    reference.load()
    simulated = SimulatedVenue(Venue.objects.get(code=code))
    steps = HOURS * 3600 // STEP_S
    for number in range(steps):
        simulated.step()
        if number in (steps // 4, steps // 2, 3 * steps // 4):
            simulated.restart()
    simulated.engine.check()
    window_us = 2 * 3_600_000_000
    for number, product in simulated.products.items():
        windows = {(at - START_US) // window_us for at in simulated.traded[number]}
        assert windows >= set(range(HOURS // 2)), (code, number, product["mode"], sorted(windows))
    assert set(simulated.refusals) <= RACES, simulated.refusals
    assert simulated.refusals.total() < steps // 20, simulated.refusals
    assert len(simulated.engine.open_orders()) <= len(simulated.strategies) * strategy.OPEN_MOST


def test_no_firm_is_on_both_sides_of_a_product() -> None:
    for firm in {*cast.SELLS, *cast.BUYS}:
        assert not set(cast.SELLS.get(firm, ())) & set(cast.BUYS.get(firm, ()))
