"""Cover: what an order holds, in exact fractions and named receipts, and its return."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from matching import events as e
from tests.matching.naive.ground import Ground
from tests.matching.naive.records import HOLDERS, RECEIPTS, Market, Receipt, Stand


@lru_cache(maxsize=100_000)
def rounded(fen_kg_per_t: int) -> int:
    return floor(Fraction(fen_kg_per_t, 1000) + Fraction(1, 2))


@lru_cache(maxsize=100_000)
def hold_of(value: int, cover_bp: int, tolerance_bp: int, fee_bp: int) -> int:
    full = Fraction(value * (10_000 + tolerance_bp), 10_000)
    return ceil(full * cover_bp / 10_000) + floor(floor(full) * Fraction(fee_bp, 10_000))


class Cover(Ground):
    """Money and goods that orders hold."""

    # Money.

    def worth(self, market: Market, price: int, kg: int) -> int:
        """What `kg` cost, rounded half up to the fen."""
        return rounded(price * market.terms.tick_fen_per_t * kg)

    def value(self, market: Market, price: int, lots: int) -> int:
        """What `lots` cost at most: of pieces, the heaviest there are."""
        terms = market.terms
        return self.worth(market, price, lots * (terms.piece_max_kg or terms.lot_kg))

    def hold(self, market: Market, value: int) -> int:
        terms = market.terms
        return hold_of(value, terms.cover_bp, terms.plus_tolerance_bp, terms.buyer_fee_bp)

    def need(self, order: Stand) -> int:
        if not order.open or not order.buys:
            return 0
        market = self.markets[order.where]
        return self.hold(market, self.value(market, order.price, order.open))

    # Goods.

    def kg(self, receipt: Receipt, lots: int) -> int:
        return receipt.kg or lots * self.markets[receipt.where].terms.lot_kg

    def pick(self, order: Stand, lots: int, named: tuple[int, ...]) -> str | list[list[int]]:
        """The receipts that cover `lots` more of a sale, or what keeps them from it."""
        theirs = []
        for position, number in enumerate(named):
            receipt = self.receipts.get(number)
            if receipt is None or receipt.firm != order.firm:
                return "UNKNOWN_RECEIPT"
            if number in named[:position]:
                return "RECEIPT_REPEATED"
            if receipt.where != order.where:
                return "RECEIPT_INSTRUMENT"
            if receipt.day > self.day:
                return "RECEIPT_NOT_YET_SELLABLE"
            theirs.append(receipt)
        if not named:
            theirs = [
                r
                for r in self.receipts.values()
                if r.firm == order.firm and r.where == order.where and r.day <= self.day
            ]
        picked = []
        for receipt in theirs:
            used = min(receipt.free, lots)
            if used:
                picked.append([receipt.number, used])
                lots -= used
        if lots:
            return "GOODS"
        return picked if len(picked) <= RECEIPTS else "LIMIT"

    def first(self, goods: list[list[int]], lots: int) -> list[list[int]]:
        """The part of `goods` that the next `lots` come from."""
        used = []
        for number, held in goods:
            if lots > 0:
                used.append([number, min(held, lots)])
            lots -= held
        return used

    def crowded(self, goods: list[list[int]], buyer: int | None) -> bool:
        """Whether `buyer` (None: whoever comes) would be a holder too many of any of it."""
        for number, _ in goods:
            known = self.holders[self.receipts[number].root]
            if len(known) >= HOLDERS and buyer not in known:
                return True
        return False

    def come_to_hold(self, root: int, firm: int) -> None:
        known = self.holders.setdefault(root, {})
        known[firm] = known.get(firm, 0) + 1

    def never_held(self, root: int, firm: int) -> None:
        known = self.holders[root]
        known[firm] -= 1
        if not known[firm]:
            del known[firm]

    def forget_empty(self) -> None:
        """Forget the receipts of which nothing is left at any station."""
        used = {number for order in self.orders.values() for number, _ in order.goods}
        used |= {number for trade in self.trades.values() for number, _ in trade.goods}
        for number in [n for n, r in self.receipts.items() if not r.free and n not in used]:
            del self.receipts[number]

    # Orders.

    def short(self, order: Stand, lots: int, named: tuple[int, ...]) -> str:
        """What is short for an order of `lots`; what it gets to `picked`, nothing moved yet."""
        self.picked: list[list[int]] = []
        if order.buys:
            if named:
                return "RECEIPTS_ON_BUY"
            return "CASH" if self.need(order) > self.firms[order.firm].cash else ""
        found = self.pick(order, lots, named)
        if isinstance(found, str):
            return found
        self.picked = found
        return ""

    def bind(self, order: Stand) -> None:
        """Hold what `short` has found."""
        self.firms[order.firm].cash -= self.need(order)
        self.bind_goods(order)

    def bind_goods(self, order: Stand) -> None:
        for number, used in self.picked:
            self.receipts[number].free -= used
            for mine in order.goods:
                if mine[0] == number:
                    mine[1] += used
                    break
            else:
                order.goods.append([number, used])

    def give_back(self, order: Stand, lots: int) -> tuple[int, list[tuple[int, int]]]:
        """Free what `lots` of an order hold, what it would use last first: (fen, receipts)."""
        before = self.need(order)
        order.open -= lots
        freed = before - self.need(order)
        self.firms[order.firm].cash += freed
        given = []
        while not order.buys and lots:
            number, held = order.goods.pop()
            used = min(held, lots)
            self.receipts[number].free += used
            given.append((number, used))
            lots -= used
            if used < held:
                order.goods.append([number, held - used])
        return freed, given

    def end(self, order: Stand, reason: e.CancelReason) -> None:
        lots, held = order.open, [(number, used) for number, used in order.goods]
        freed, _ = self.give_back(order, order.open)
        self.notes.append(("ended", order.number, lots, reason, freed, held))
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
