"""What a naive venue remembers, and who stands where."""

from __future__ import annotations

from matching import commands as c
from tests.matching.naive.records import MOST, Firm, Market, Note, Receipt, Stand, Trade


class Ground:
    """What is remembered, and what can be read off it."""

    def __init__(self) -> None:
        self.now = 0
        self.day = 0
        self.days = 0
        self.halted = False
        self.firms: dict[int, Firm] = {}
        self.markets: dict[int, Market] = {}
        self.receipts: dict[int, Receipt] = {}  # oldest first
        self.holders: dict[int, dict[int, int]] = {}  # root -> firm -> how often it came to hold
        self.orders: dict[int, Stand] = {}  # every one that holds cover, oldest first
        self.trades: dict[int, Trade] = {}
        self.traded: dict[tuple[int, int], dict[str, tuple[int, int]]] = {}
        self.reserves: dict[str, tuple[int, int]] = {}  # op id -> (firm, fen)
        # Every command that is known by its id, with the block and place of its first answer.
        self.heard: dict[tuple[int, str], tuple[c.ClientCommand, int, int]] = {}
        self.done: dict[str, tuple[c.OperationCommand, int, int]] = {}
        self.block = 0
        self.place = -1  # of the command in its block
        self.numbers = 0
        self.trade_numbers = 0
        self.cash_in = 0
        self.goods_in: dict[int, int] = {}
        self.notes: list[Note] = []

    def begin(self, block: int, now: int) -> None:
        self.block, self.now, self.place = block, now, -1

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
