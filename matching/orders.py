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

    # No constructor: one with 17 parameters takes twice as long as setting the fields (CPython
    # 3.11), and `plain` makes more orders than all else. Everywhere else `new_order` is called.
    account: Account
    after: Order | None
    before: Order | None
    held_fen: Fen
    hidden_lots: Lots
    instrument_id: InstrumentId
    level: Level | None
    open_lots: Lots
    order_id: OrderId
    place: int
    price_ticks: Ticks
    quantity_lots: Lots
    receipts: tuple[ReceiptLots, ...]
    session: int
    side: Side
    special: Special | None
    tif: TimeInForce
    trader_id: TraderId

    @property
    def firm_id(self) -> FirmId:
        """Whose order it is."""
        return self.account.firm_id

    @property
    def group_id(self) -> int:
        """The related firms among which it must not trade."""
        return self.account.group_id


def new_order(
    order_id: OrderId,
    account: Account,
    trader_id: TraderId,
    instrument_id: InstrumentId,
    side: Side,
    tif: TimeInForce,
    price_ticks: Ticks,
    lots: Lots,
    held_fen: Fen,
    receipts: tuple[ReceiptLots, ...],
    special: Special | None = None,
    session: int = 0,
    place: int = INCOMING,
) -> Order:
    """Return an order of which nothing has been executed, in no book."""
    order = Order()
    order.order_id = order_id
    order.account = account
    order.trader_id = trader_id
    order.instrument_id = instrument_id
    order.side = side
    order.tif = tif
    order.price_ticks = price_ticks
    order.quantity_lots = order.open_lots = lots
    order.held_fen = held_fen
    order.receipts = receipts
    order.special = special
    order.session = session
    order.place = place
    order.hidden_lots = 0
    order.level = order.before = order.after = None
    return order
