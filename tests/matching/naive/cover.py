"""Cover: what an order holds, in exact fractions, and its return."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from matching import events as e
from tests.matching.naive.ground import Ground
from tests.matching.naive.records import Market, Stand


class Cover(Ground):
    """Money and goods that orders hold."""

    def value(self, market: Market, price: int, lots: int) -> int:
        terms = market.terms
        return price * terms.tick_fen_per_t * lots * terms.lot_kg // 1000

    def hold(self, market: Market, value: int) -> int:
        terms = market.terms
        full = Fraction(10_000 + terms.plus_tolerance_bp, 10_000)
        fee = floor(Fraction(floor(value * full) * terms.buyer_fee_bp, 10_000))
        return ceil(value * full) + fee

    def need(self, order: Stand) -> int:
        market = self.markets[order.where]
        return self.hold(market, self.value(market, order.price, order.open)) if order.open else 0

    def held(self, firm: int) -> int:
        return sum(self.need(o) for o in self.orders.values() if o.firm == firm and o.buys)

    def cover(self, order: Stand, lots: int) -> str:
        """Take what `lots` more of an order need, or say what is short."""
        if order.buys:
            need = self.need(order)
            if need > self.firms[order.firm].cash:
                return "CASH"
            self.firms[order.firm].cash -= need
        else:
            if lots > self.goods.get((order.firm, order.where), 0):
                return "GOODS"
            self.goods[order.firm, order.where] -= lots
        return ""

    def give_back(self, order: Stand, lots: int) -> None:
        """Free what `lots` of an order hold; they are no longer open."""
        before = self.need(order)
        order.open -= lots
        if order.buys:
            self.firms[order.firm].cash += before - self.need(order)
        else:
            self.goods[order.firm, order.where] += lots

    def end(self, order: Stand, reason: e.CancelReason) -> None:
        self.notes.append(("ended", order.number, order.open, reason))
        self.give_back(order, order.open)
        self.gone(order)

    def gone(self, order: Stand) -> None:
        """Take an order from wherever it stands."""
        market = self.markets[order.where]
        for place in (market.book, market.stops, market.out):
            if order in place:
                place.remove(order)
        self.orders.pop(order.number, None)
        order.place = "in"
        order.shown = 0
