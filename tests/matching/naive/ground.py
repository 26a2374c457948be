"""What a naive venue remembers, and who stands where."""

from __future__ import annotations

from matching import commands as c
from tests.matching.naive.records import MOST, Firm, Market, Note, Stand


class Ground:
    """What is remembered, and what can be read off it."""

    def __init__(self) -> None:
        self.now = 0
        self.day = 0
        self.days = 0
        self.halted = False
        self.firms: dict[int, Firm] = {}
        self.markets: dict[int, Market] = {}
        self.goods: dict[tuple[int, int], int] = {}  # (firm, market) -> free lots
        self.orders: dict[int, Stand] = {}  # every one that holds cover, oldest first
        self.trades: dict[int, tuple[int, int, int, int, int, int]] = {}
        self.traded: dict[tuple[int, int], dict[str, tuple[int, int]]] = {}
        self.heard: dict[tuple[int, str], c.ClientCommand] = {}
        self.numbers = 0
        self.trade_numbers = 0
        self.notes: list[Note] = []

    def group(self, order: Stand) -> int:
        return self.firms[order.firm].group

    def against(self, market: Market, side: c.Side, price: int) -> list[Stand]:
        """What an order would meet: better price first, then earlier."""
        if side == c.Side.BUY:
            met = [o for o in market.book if not o.buys and o.price <= price]
            return sorted(met, key=lambda o: o.price)
        met = [o for o in market.book if o.buys and o.price >= price]
        return sorted(met, key=lambda o: -o.price)

    def best(self, market: Market, side: c.Side) -> int:
        """The best price opposite to `side`, 0 for none."""
        prices = [o.price for o in market.book if o.side != side]
        if not prices:
            return 0
        return min(prices) if side == c.Side.BUY else max(prices)

    def open_to(self, order: Stand, firm: int) -> bool:
        return not order.special.firm_ids or firm in order.special.firm_ids

    def mine(self, firm: int, number: int) -> Stand | None:
        order = self.orders.get(number)
        return order if order is not None and order.firm == firm else None

    def wrong(self, *amounts: int) -> str:
        return "" if all(0 < amount <= MOST for amount in amounts) else "INVALID"
