"""The resale lock."""

from __future__ import annotations

from matching import commands as c
from tests.matching.naive.cover import Cover
from tests.matching.naive.records import Market, Stand


class Locks(Cover):
    """Who may not sell yet what its group has bought, and the other way round."""

    def product(self, market: Market) -> int:
        return market.terms.product_id or -market.terms.instrument_id

    def locked(self, market: Market, firm: int, side: c.Side) -> bool:
        if market.terms.resale_lock != c.ResaleLock.PRODUCT_T5_SYMMETRIC:
            return False
        known = self.traded.get((self.firms[firm].group, self.product(market)), {})
        other = known.get("sold" if side == c.Side.BUY else "bought")
        return other is not None and self.days - other[1] < 5

    def lock(self, market: Market, buyer: Stand, seller: Stand) -> None:
        product = self.product(market)
        for order, word, opposite in (
            (buyer, "bought", c.Side.SELL),
            (seller, "sold", c.Side.BUY),
        ):
            group = self.group(order)
            self.traded.setdefault((group, product), {})[word] = (self.day, self.days)
            for firm_id, firm in self.firms.items():
                if firm.group != group:
                    continue
                for one in list(self.orders.values()):
                    there = self.markets[one.where]
                    if (
                        one.firm == firm_id
                        and one.side == opposite
                        and one.place in ("book", "stop")
                        and self.product(there) == product
                        and there.terms.resale_lock == c.ResaleLock.PRODUCT_T5_SYMMETRIC
                    ):
                        (there.book if one.place == "book" else there.stops).remove(one)
                        one.place = "out"
                        one.shown = 0
                        there.out.append(one)
                        self.notes.append(("suspended", one.number))
