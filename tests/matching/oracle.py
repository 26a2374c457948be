"""A naive venue written from the rules: lists, linear scans, no cached anything.

It knows one instrument, and says for each command what the real engine must say: the reason of a
refusal, or the trades, and afterwards the same books, cash and goods.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor


@dataclass
class Terms:
    matched: bool
    tick_fen: int = 100
    lot_kg: int = 1000
    minimum: int = 2
    step: int = 2
    most: int = 40
    most_value: int = 6_000_000
    low: int = 90
    high: int = 110
    tolerance_bp: int = 300
    fee_bp: int = 5


@dataclass
class Stand:
    number: int
    firm: int
    side: str
    price: int
    total: int
    open: int
    goods: list[list[int]] = field(default_factory=list)  # [receipt, lots] in order of use


@dataclass
class Oracle:
    terms: Terms
    groups: dict[int, int]
    cash: dict[int, int] = field(default_factory=dict)  # available
    committed: dict[int, int] = field(default_factory=dict)
    goods: dict[int, list[int]] = field(default_factory=dict)  # receipt -> [firm, free, day]
    book: list[Stand] = field(default_factory=list)  # in time order
    numbers: int = 0
    open: bool = True
    halted: bool = False
    today: int = 20261123

    # Money, in exact fractions.

    def value(self, price: int, lots: int) -> int:
        return price * self.terms.tick_fen * lots * self.terms.lot_kg // 1000

    def need(self, price: int, lots: int) -> int:
        if not lots:
            return 0
        value = self.value(price, lots)
        full = Fraction(10_000 + self.terms.tolerance_bp, 10_000)
        return ceil(value * full) + floor(Fraction(floor(value * full) * self.terms.fee_bp, 10_000))

    def held(self, firm: int) -> int:
        return sum(
            self.need(one.price, one.open)
            for one in self.book
            if one.firm == firm and one.side == "buy"
        )

    # Who meets whom.

    def against(self, side: str, price: int, but: int = 0) -> list[Stand]:
        if side == "buy":
            met = [one for one in self.book if one.side == "sell" and one.price <= price]
            met.sort(key=lambda one: one.price)
        else:
            met = [one for one in self.book if one.side == "buy" and one.price >= price]
            met.sort(key=lambda one: -one.price)
        return [one for one in met if one.number != but]

    def meeting(self, firm: int, side: str, price: int, lots: int, but: int = 0) -> str:
        related = self.groups[firm]
        met = self.against(side, price, but)
        if not self.terms.matched:
            others = [one for one in met if self.groups[one.firm] != related]
            return "WOULD_TRADE" if others else ""
        for one in met:
            if self.groups[one.firm] == related:
                return "RELATED_PARTY"
            lots -= one.open
            if lots <= 0:
                return ""
        return ""

    def standing(self) -> str:
        if self.halted:
            return "INSTRUMENT_HALTED"
        return "" if self.open else "PHASE"

    def size(self, price: int, lots: int) -> str:
        terms = self.terms
        if lots < terms.minimum:
            return "BELOW_MINIMUM"
        if lots % terms.step:
            return "QUANTITY_STEP"
        return self.band(price) or self.top(price, lots)

    def band(self, price: int) -> str:
        return "" if self.terms.low <= price <= self.terms.high else "PRICE_BAND"

    def top(self, price: int, lots: int) -> str:
        if lots > self.terms.most:
            return "ABOVE_MAXIMUM"
        return "VALUE_MAXIMUM" if self.value(price, lots) > self.terms.most_value else ""

    # Goods.

    def take(self, firm: int, named: tuple[int, ...], lots: int) -> str | list[list[int]]:
        taken = []
        if named:
            for position, number in enumerate(named):
                if number not in self.goods or self.goods[number][0] != firm:
                    return "UNKNOWN_RECEIPT"
                if number in named[:position]:
                    return "RECEIPT_REPEATED"
                if self.goods[number][2] > self.today:
                    return "RECEIPT_NOT_YET_SELLABLE"
            pool = list(named)
        else:
            pool = [n for n, (f, _, day) in self.goods.items() if f == firm and day <= self.today]
        left = lots
        for number in pool:
            used = min(self.goods[number][1], left)
            if used:
                taken.append([number, used])
                left -= used
        return taken if not left else "GOODS"

    # Commands. Each answers a reason, or the trades as (maker, taker, lots, price).

    def enter(
        self, firm: int, side: str, price: int, lots: int, ioc: bool, named: tuple[int, ...]
    ) -> str | list[tuple[int, int, int, int]]:
        reason = self.standing()
        if not reason and ioc and not self.terms.matched:
            reason = "MODE"
        reason = reason or self.meeting(firm, side, price, lots) or self.size(price, lots)
        if reason:
            return reason
        goods: list[list[int]] = []
        if side == "buy":
            if named:
                return "RECEIPTS_ON_BUY"
            if self.need(price, lots) > self.cash[firm]:
                return "CASH"
            self.cash[firm] -= self.need(price, lots)
        else:
            found = self.take(firm, named, lots)
            if isinstance(found, str):
                return found
            goods = found
            for number, used in goods:
                self.goods[number][1] -= used
        self.numbers += 1
        order = Stand(self.numbers, firm, side, price, lots, lots, goods)
        trades = self.match(order) if self.terms.matched else []
        if order.open and not ioc:
            self.book.append(order)
        elif order.open:
            self.give_back(order)
        return trades

    def match(self, taker: Stand) -> list[tuple[int, int, int, int]]:
        trades = []
        for maker in self.against(taker.side, taker.price):
            if not taker.open:
                break
            lots = min(taker.open, maker.open)
            self.trade(maker, taker, lots)
            trades.append((maker.number, taker.number, lots, maker.price))
        return trades

    def trade(self, maker: Stand, taker: Stand, lots: int) -> None:
        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        before = self.need(buyer.price, buyer.open)
        maker.open -= lots
        taker.open -= lots
        freed = before - self.need(buyer.price, buyer.open)
        bound = min(freed, self.need(maker.price, lots))
        self.cash[buyer.firm] += freed - bound
        self.committed[buyer.firm] = self.committed.get(buyer.firm, 0) + bound
        while lots:
            number, have = seller.goods[0]
            used = min(have, lots)
            lots -= used
            if used == have:
                seller.goods.pop(0)
            else:
                seller.goods[0] = [number, have - used]
        if not maker.open:
            self.book.remove(maker)

    def give_back(self, order: Stand) -> None:
        if order.side == "buy":
            self.cash[order.firm] += self.need(order.price, order.open)
        for number, lots in order.goods:
            self.goods[number][1] += lots
        order.goods = []

    def lift(self, firm: int, number: int, lots: int) -> str | list[tuple[int, int, int, int]]:
        maker = next((one for one in self.book if one.number == number), None)
        if maker is None:
            return "UNKNOWN_ORDER"
        reason = self.standing()
        if not reason and self.terms.matched:
            reason = "MODE"
        if not reason and self.groups[maker.firm] == self.groups[firm]:
            reason = "RELATED_PARTY"
        stays = maker.open - lots
        if not reason and stays < 0:
            reason = "EXCEEDS_OPEN"
        if not reason and stays:
            if lots < self.terms.minimum:
                reason = "BELOW_MINIMUM"
            elif lots % self.terms.step:
                reason = "QUANTITY_STEP"
            elif stays < self.terms.minimum:
                reason = "RESIDUAL"
        reason = reason or self.band(maker.price) or self.top(maker.price, lots)
        if reason:
            return reason
        goods: list[list[int]] = []
        side = "buy" if maker.side == "sell" else "sell"
        if side == "buy":
            if self.need(maker.price, lots) > self.cash[firm]:
                return "CASH"
            self.cash[firm] -= self.need(maker.price, lots)
        else:
            found = self.take(firm, (), lots)
            if isinstance(found, str):
                return found
            goods = found
            for receipt, used in goods:
                self.goods[receipt][1] -= used
        self.numbers += 1
        taker = Stand(self.numbers, firm, side, maker.price, lots, lots, goods)
        self.trade(maker, taker, lots)
        return [(maker.number, taker.number, lots, maker.price)]

    def amend(
        self, firm: int, number: int, price: int, total: int
    ) -> str | list[tuple[int, int, int, int]]:
        order = next((o for o in self.book if o.number == number and o.firm == firm), None)
        if order is None:
            return "UNKNOWN_ORDER"
        reason = self.standing()
        executed = order.total - order.open
        if not reason and total <= executed:
            reason = "BELOW_EXECUTED"
        if not reason and (price, total) == (order.price, order.total):
            reason = "SAME"
        left = total - executed
        reason = reason or self.meeting(firm, order.side, price, left, number)
        reason = reason or self.size(price, total)
        if reason:
            return reason
        if order.side == "buy":
            more = self.need(price, left) - self.need(order.price, order.open)
            if more > self.cash[firm]:
                return "CASH"
            self.cash[firm] -= more
        elif left > order.open:
            found = self.take(firm, (), left - order.open)
            if isinstance(found, str):
                return found
            for receipt, used in found:
                self.goods[receipt][1] -= used
                mine = next((pair for pair in order.goods if pair[0] == receipt), None)
                if mine is None:
                    order.goods.append([receipt, used])
                else:
                    mine[1] += used
        else:
            back = order.open - left
            while back:
                receipt, have = order.goods[-1]
                used = min(have, back)
                self.goods[receipt][1] += used
                back -= used
                if used == have:
                    order.goods.pop()
                else:
                    order.goods[-1] = [receipt, have - used]
        keeps = price == order.price and left < order.open
        order.price, order.total, order.open = price, total, left
        if keeps:
            return []
        self.book.remove(order)
        trades = self.match(order) if self.terms.matched else []
        if order.open:
            self.book.append(order)
        return trades

    def cancel(self, firm: int, number: int) -> str | list[tuple[int, int, int, int]]:
        order = next((o for o in self.book if o.number == number and o.firm == firm), None)
        if order is None:
            return "UNKNOWN_ORDER"
        self.book.remove(order)
        self.give_back(order)
        return []

    def close(self) -> None:
        self.open = False
        for order in list(self.book):
            self.book.remove(order)
            self.give_back(order)

    def ladder(self) -> list[tuple[int, str, int, int, int]]:
        """Return what stands, in priority: (number, side, price, open, total)."""
        sells = sorted((o for o in self.book if o.side == "sell"), key=lambda o: o.price)
        buys = sorted((o for o in self.book if o.side == "buy"), key=lambda o: -o.price)
        return [(o.number, o.side, o.price, o.open, o.total) for o in (*buys, *sells)]
