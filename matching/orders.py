"""A resting or incoming order, and the links that keep it in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matching.commands import Side, Special, TimeInForce
from matching.events import ReceiptLots
from matching.units import Fen, FirmId, InstrumentId, Lots, OrderId, Ticks, TraderId

if TYPE_CHECKING:
    from matching.book import Level
    from matching.cover import Account


# Where an order stands.
INCOMING: Final = 0
BOOK: Final = 1
STOP: Final = 2
SUSPENDED: Final = 3
ASIDE: Final = 4
"""A proposal of a negotiation or an order of a one-way auction: in no book."""


class Order:
    """One order. `open_lots` is what may still trade; `receipts` holds a sell's goods in use order.

    Of an iceberg's `open_lots`, `hidden_lots` are not shown.

    `level`, `before` and `after` are its place in the book, None while it does not rest.
    `BookSide` cuts the links of what still rests when it is let go.
    """

    __slots__ = (
        "account",
        "after",
        "before",
        "held_fen",
        "hidden_lots",
        "instrument_id",
        "level",
        "open_lots",
        "order_id",
        "place",
        "price_ticks",
        "quantity_lots",
        "receipts",
        "session",
        "side",
        "special",
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
        open_lots: Lots,
        held_fen: Fen,
        receipts: tuple[ReceiptLots, ...],
        special: Special | None = None,
        session: int = 0,
        place: int = INCOMING,
        hidden_lots: Lots = 0,
        level: Level | None = None,
        before: Order | None = None,
    ) -> None:
        self.order_id = order_id
        self.account = account
        self.trader_id = trader_id
        self.instrument_id = instrument_id
        self.side = side
        self.tif = tif
        self.price_ticks = price_ticks
        self.quantity_lots = quantity_lots
        self.open_lots = open_lots
        self.held_fen = held_fen
        self.receipts = receipts
        self.special = special
        self.session = session
        self.place = place
        self.hidden_lots = hidden_lots
        self.level = level
        self.before = before
        self.after: Order | None = None

    @property
    def firm_id(self) -> FirmId:
        """Whose order it is."""
        return self.account.firm_id

    @property
    def group_id(self) -> int:
        """The related firms among which it must not trade."""
        return self.account.group_id
