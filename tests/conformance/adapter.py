"""Haidai's engine behind the interface that `tracebook-conformance` drives.

Every event of a trace becomes real commands to a real `Engine`; this file only translates names,
units and words, and reads the books back. It decides nothing that an engine should decide.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tracebook.conformance.model import (
    BookSnapshot,
    BookState,
    ConformanceConfig,
    EngineMetadata,
    Observation,
    Outcome,
    RestingOrder,
    TradeFill,
    canonical_decimal,
)
from tracebook.core.order import OrderSide, OrderType, SelfTradePolicy
from tracebook.events import MarketEvent

from matching.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    ChangePhase,
    CreditCash,
    CreditGoods,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    MassCancel,
    Mode,
    OpenDay,
    OrderKind,
    Phase,
    SelfMatch,
    SetSelfMatch,
    Side,
    Special,
    TimeInForce,
)
from matching.engine import ENGINE_VERSION, Engine
from matching.events import (
    AnyEvent,
    CommandRejected,
    CommandRepeated,
    OrderEntered,
    RejectReason,
    TradeExecuted,
)
from matching.orders import Order
from matching.units import MAX_INT, FirmId, InstrumentId, Lots, OrderId, Ticks

NOW: Final = 1_795_400_000_000_000
LOTS_PER_UNIT: Final = 2**24
"""Campaigns halve quantities again and again: a power of two keeps them whole."""
HIGH_TICKS: Final = 20_000
"""The band is [1, HIGH_TICKS]: 200.00 where the tick is 0.01, far above what traces name."""
CASH_FEN: Final = MAX_INT // 64
"""For each firm; the venue takes MAX_INT in all. A lot is worth one fen per tick."""
GOODS_LOTS: Final = 100_000 * LOTS_PER_UNIT
STRANGER: Final[FirmId] = 1
"""Asks about orders that nobody entered."""

# The package's words for refusals; every other reason keeps its own name, and so shows.
_CODES: Final = {
    RejectReason.UNKNOWN_ORDER: "ORDER_NOT_ACTIVE",
    RejectReason.CLIENT_ID_REUSED: "DUPLICATE_ORDER_ID",
    RejectReason.INVALID: "INVALID_ORDER",
    RejectReason.BELOW_EXECUTED: "INVALID_ORDER",
    RejectReason.PRICE_BAND: "INVALID_ORDER",
}
_TIMES: Final = {
    OrderType.LIMIT: TimeInForce.DAY,
    OrderType.IOC: TimeInForce.IOC,
    OrderType.FOK: TimeInForce.FOK,
    OrderType.MARKET: TimeInForce.IOC,
}


class HaidaiAdapter:
    """One venue, one `matched` instrument per symbol, one firm per owner.

    `bridged` asks for three things in the way the package means them, with our own commands
    (README.md, "Two manners"); without it each request becomes the nearest single command.
    `engine.check()` runs after every event.
    """

    def __init__(self, config: ConformanceConfig, *, bridged: bool) -> None:
        self.metadata = EngineMetadata("haidai-matching", ENGINE_VERSION, "Python")
        self.engine = Engine(1)
        self._bridged = bridged
        self._tick = Decimal(canonical_decimal(config.tick_size))
        self._decimals = config.quantity_decimal_places
        self._policy = config.self_trade_policy
        self._instruments: dict[str, InstrumentId] = {}
        self._firms: dict[tuple[int, int], FirmId] = {}
        self._owners: dict[FirmId, int] = {}
        # What a trace calls an order, and what the engine calls it; the latest of that name.
        self._entered: dict[tuple[str, int], tuple[FirmId, OrderId]] = {}
        self._names: dict[OrderId, int] = {}
        self.engine.begin_block(1, NOW)
        self._prepare(OpenDay(20261123))
        self._prepare(DefineFirm(STRANGER, STRANGER))

    def apply(self, event: MarketEvent, index: int) -> Observation:
        """Give the engine one event, in a block of its own; say what came of it."""
        self.engine.begin_block(index + 1, NOW + index)
        events = self._ask(event, index)
        self.engine.check()
        state = self.snapshot()
        return Observation(
            index,
            self._outcome(event, events),
            tuple(self._fill(event.symbol, e) for e in events if isinstance(e, TradeExecuted)),
            state.digest(),
            state.order_count,
        )

    def snapshot(self) -> BookState:
        """Return all resting orders, in the engine's priority."""
        books = {i.instrument_id: i.book for i in self.engine.instruments()}
        return BookState(
            tuple(
                BookSnapshot(
                    symbol,
                    tuple(self._resting(order) for order in books[instrument_id].bids),
                    tuple(self._resting(order) for order in books[instrument_id].asks),
                )
                for symbol, instrument_id in sorted(self._instruments.items())
            )
        )

    def close(self) -> None:
        """Nothing is held open."""

    # What is asked.

    def _ask(self, event: MarketEvent, index: int) -> tuple[AnyEvent, ...]:
        if event.op == "new":
            return self._enter(event)
        if event.op == "clear":
            return self._clear(event, index)
        named = (event.symbol, _source_id(event))
        firm_id, order_id = self._entered.get(named, (STRANGER, MAX_INT))
        order = next((o for o in self.engine.open_orders() if o.order_id == order_id), None)
        name = f"#{index}"
        cancel = CancelOrder(firm_id, 1, name, NOW, order_id)
        if event.op == "cancel" or order is None:
            return self.engine.apply(cancel)
        executed = order.quantity_lots - order.open_lots
        if event.op == "reduce":
            lots = self._lots(event.quantity)
            if lots == order.open_lots:
                return self.engine.apply(cancel)
            left = order.open_lots - lots
            return self.engine.apply(
                AmendOrder(firm_id, 1, name, NOW, order_id, order.price_ticks, executed + left)
            )
        price = order.price_ticks if event.price is None else self._ticks(event.price)
        lots = order.open_lots if event.quantity is None else self._lots(event.quantity)
        if self._bridged and price == order.price_ticks and 0 < lots <= order.open_lots:
            again = EnterOrder(
                *(firm_id, 1, f"{name}+", NOW, order.instrument_id),
                *(order.side, order.tif, price, lots),
            )
            self._prepare(cancel)
            return self._entering(event, self.engine.apply(again))
        return self.engine.apply(
            AmendOrder(firm_id, 1, name, NOW, order_id, price, executed + lots)
        )

    def _enter(self, event: MarketEvent) -> tuple[AnyEvent, ...]:
        instrument_id = self._instrument(event.symbol)
        side = Side.BUY if event.side is OrderSide.BUY else Side.SELL
        firm_id = self._firm(event.owner, side)
        if side is Side.SELL:
            self._supply(firm_id, instrument_id)
        special = None
        if event.order_type is OrderType.MARKET:
            special = Special(OrderKind.PROTECTED)
            price = HIGH_TICKS if side is Side.BUY else 1
        else:
            price = self._ticks(event.price)
        name = f"{instrument_id}/{event.order_id}"
        return self._entering(
            event,
            self.engine.apply(
                EnterOrder(
                    *(firm_id, 1, name, NOW, instrument_id, side, _TIMES[event.order_type]),
                    *(price, self._lots(event.quantity), (), special),
                )
            ),
        )

    def _clear(self, event: MarketEvent, index: int) -> tuple[AnyEvent, ...]:
        instrument_id = self._instrument(event.symbol)
        events: tuple[AnyEvent, ...] = ()
        for firm_id in self._owners:
            events += self.engine.apply(
                MassCancel(firm_id, 1, f"#{index}", NOW, only_instrument_id=instrument_id)
            )
        return events

    def _entering(self, event: MarketEvent, events: tuple[AnyEvent, ...]) -> tuple[AnyEvent, ...]:
        """Remember which order of the engine's the trace's name stands for."""
        entered = events[0]
        if isinstance(entered, OrderEntered):
            source_id = _source_id(event)
            self._entered[event.symbol, source_id] = entered.firm_id, entered.order_id
            self._names[entered.order_id] = source_id
        return events

    # Who and what the trace speaks of comes into being when it is named first.

    def _instrument(self, symbol: str) -> InstrumentId:
        if symbol not in self._instruments:
            instrument_id = self._instruments[symbol] = len(self._instruments) + 1
            self._prepare(
                DefineInstrument(
                    *(instrument_id, Mode.MATCHED, 1000, 1, 1, 1, MAX_INT, MAX_INT),
                    *(HIGH_TICKS // 2, 1, HIGH_TICKS, 10_000, 0, 0, 0),
                    approval_id=1,
                )
            )
            self._prepare(ChangePhase(instrument_id, Phase.PRE_OPEN))
            self._prepare(ChangePhase(instrument_id, Phase.CONTINUOUS))
        return self._instruments[symbol]

    def _firm(self, owner: int, side: Side) -> FirmId:
        """Return the owner's firm; where owners may trade with themselves, its firm of that side.

        Related firms never trade here. Where the trace knows no self-match, an owner is a mark on
        orders and not somebody: its buying and its selling firm are strangers to each other.
        """
        apart = self._bridged and self._policy is SelfTradePolicy.NONE
        key = (owner, int(side) if apart else 0)
        if key not in self._firms:
            firm_id = self._firms[key] = STRANGER + 1 + len(self._firms)
            self._owners[firm_id] = owner
            self._prepare(DefineFirm(firm_id, firm_id))
            # CANCEL_INCOMING is nearest to what a firm has anyway, REFUSE_NEWEST.
            if self._policy is SelfTradePolicy.CANCEL_RESTING:
                self._prepare(SetSelfMatch(firm_id, SelfMatch.CANCEL_OLDEST))
            self._prepare(CreditCash(f"cash {firm_id}", firm_id, CASH_FEN))
        return self._firms[key]

    def _supply(self, firm_id: FirmId, instrument_id: InstrumentId) -> None:
        """Give a seller one receipt of goods in the instrument, once."""
        receipt_id = firm_id * 1000 + instrument_id
        if self.engine.receipt(receipt_id) is None:
            self._prepare(
                CreditGoods(
                    *(f"goods {receipt_id}", receipt_id, receipt_id, firm_id, instrument_id),
                    *(GOODS_LOTS, GOODS_LOTS, 0),
                )
            )

    def _prepare(self, command: AnyCommand) -> None:
        answer = self.engine.apply(command)[0]
        assert not isinstance(answer, CommandRejected | CommandRepeated), (command, answer)

    # Words and units.

    def _outcome(self, event: MarketEvent, events: tuple[AnyEvent, ...]) -> Outcome:
        refusal = next((e for e in events if isinstance(e, CommandRejected)), None)
        if refusal is None:
            if any(isinstance(e, CommandRepeated) for e in events):
                return Outcome("rejected", "DUPLICATE_ORDER_ID")
            return Outcome("applied")
        if refusal.reason is RejectReason.NOT_FILLABLE and self._bridged:
            return Outcome("applied")
        code = _CODES.get(refusal.reason, str(refusal.reason))
        if code == "INVALID_ORDER" and event.op == "replace":
            code = "INVALID_REPLACEMENT"
        return Outcome("rejected", code, f"{refusal.reason} {refusal.values}")

    def _fill(self, symbol: str, trade: TradeExecuted) -> TradeFill:
        maker, taker = self._names[trade.maker_order_id], self._names[trade.taker_order_id]
        buy, sell = (taker, maker) if trade.taker_side == Side.BUY else (maker, taker)
        return TradeFill(
            symbol, buy, sell, self._price(trade.price_ticks), self._quantity(trade.quantity_lots)
        )

    def _resting(self, order: Order) -> RestingOrder:
        return RestingOrder(
            self._names[order.order_id],
            self._price(order.price_ticks),
            self._quantity(order.open_lots),
            self._owners[order.firm_id],
        )

    def _ticks(self, price: float | None) -> Ticks:
        """Return a price in ticks; 0, which the engine refuses, for one between two ticks."""
        ticks, rest = divmod(Decimal(str(price)), self._tick)
        return 0 if rest else int(ticks)

    def _lots(self, quantity: float | None) -> Lots:
        """Return a quantity in lots; raises ValueError where it is none, so that the run stops."""
        assert quantity is not None, "the package gives one wherever it is asked for"
        lots, rest = divmod(Decimal(quantity) * LOTS_PER_UNIT, 1)
        if rest:
            raise ValueError(f"{quantity} is no whole number of lots")
        return int(lots)

    def _price(self, ticks: Ticks) -> str:
        return canonical_decimal(ticks * self._tick)

    def _quantity(self, lots: Lots) -> str:
        return canonical_decimal(Decimal(lots) / LOTS_PER_UNIT, self._decimals)


def _source_id(event: MarketEvent) -> int:
    assert event.order_id is not None, "only `clear` names no order"
    return event.order_id
