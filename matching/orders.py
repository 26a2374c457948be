"""A resting or incoming order, and the links that keep it in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.commands import Side, TimeInForce
from matching.units import Fen, FirmId, InstrumentId, Lots, OrderId, Ticks, TraderId

if TYPE_CHECKING:
    from matching.book import Level
    from matching.cover import Account, Receipt


class Order:
    """One order. `open_lots` is what may still trade; `receipts` holds a sell's goods in use order.

    `level`, `before` and `after` are its place in the book, None while it does not rest.
    """

    __slots__ = (
        "account",
        "after",
        "before",
        "firm_id",
        "group_id",
        "held_fen",
        "instrument_id",
        "level",
        "open_lots",
        "order_id",
        "price_ticks",
        "quantity_lots",
        "receipts",
        "side",
        "tif",
        "trader_id",
    )

    def __init__(
        self,
        order_id: OrderId,
        account: Account,
        trader_id: TraderId,
        instrument_id: InstrumentId,
        side: Side,
        tif: TimeInForce,
        price_ticks: Ticks,
        quantity_lots: Lots,
        held_fen: Fen,
        receipts: list[tuple[Receipt, Lots]],
    ) -> None:
        self.order_id = order_id
        self.account = account
        self.firm_id: FirmId = account.firm_id
        self.group_id = account.group_id
        self.trader_id = trader_id
        self.instrument_id = instrument_id
        self.side = side
        self.tif = tif
        self.price_ticks = price_ticks
        self.quantity_lots = quantity_lots
        self.open_lots = quantity_lots
        self.held_fen = held_fen
        self.receipts = receipts
        self.level: Level | None = None
        self.before: Order | None = None
        self.after: Order | None = None
