"""Orders that meet: price, then time; stops that are reached."""

from __future__ import annotations

from matching import commands as c
from matching import events as e
from tests.matching.naive.locks import Locks
from tests.matching.naive.records import IMMEDIATE, Market, Stand, Trade


class Trading(Locks):
    """What an incoming order does."""

    def walk(self, met: list[Stand], group: int, lots: int) -> tuple[int, bool]:
        """Count what trades before `lots` are filled or an own order is met: (lots, own met).

        At each price what is shown goes first, in order; then what icebergs hide.
        """
        filled = 0
        for price in dict.fromkeys(o.price for o in met):
            level = [o for o in met if o.price == price]
            for order in level:
                if self.group(order) == group:
                    return filled, True
                filled += order.shown
                if filled >= lots:
                    return lots, False
            filled += sum(o.open - o.shown for o in level)
            if filled >= lots:
                return lots, False
        return filled, False

    def dynamic(self, market: Market) -> tuple[int, int]:
        base = market.last or market.reference
        away = base * market.terms.dynamic_bp // 10_000
        return base - away, base + away

    def arrive(self, market: Market, order: Stand) -> None:
        if market.phase == c.Phase.CONTINUOUS and market.matched:
            self.match(market, order)
        if not order.open:
            return
        if order.tif in IMMEDIATE:
            self.end(order, e.CancelReason.IMMEDIATE)
        elif market.phase == c.Phase.CALL and any(
            self.group(o) == self.group(order)
            for o in self.against(market, order.side, order.price)
        ):
            self.end(order, e.CancelReason.SELF_MATCH)
        else:
            self.rest(market, order)

    def rest(self, market: Market, order: Stand) -> None:
        order.place = "book"
        display = order.special.display_lots
        order.shown = min(display, order.open) if display else order.open
        market.book.append(order)
        self.orders.setdefault(order.number, order)
        self.notes.append(("rest", order.number, order.price, order.shown, order.open))

    def match(self, market: Market, taker: Stand) -> None:
        low, high = self.dynamic(market)
        group = self.group(taker)
        while taker.open:
            met = self.against(market, taker.side, taker.price)
            if not met:
                return
            maker = met[0]
            if market.terms.dynamic_bp and not low <= maker.price <= high:
                self.interrupt(market, maker.price)
                return
            if self.group(maker) == group:
                self.meet_own(market, maker, taker)
                continue
            self.trade(market, maker, taker, min(taker.open, maker.shown), maker.price)
            full = not taker.buys and self.crowded(taker.goods, None)
            if full and taker.open:
                self.end(taker, e.CancelReason.HOLDERS)

    def interrupt(self, market: Market, price: int) -> None:
        market.phase = c.Phase.CALL
        market.call_until = self.now + market.terms.call_seconds * 1_000_000
        market.indicated = (0, 0, 0)
        market.indicate_at = self.now + 1_000_000
        self.notes.append(("interrupted", market.terms.instrument_id, price))
        self.notes.append(("phase", market.terms.instrument_id, c.Phase.CALL))

    def meet_own(self, market: Market, maker: Stand, taker: Stand) -> None:
        policy, reason = self.firms[taker.firm].policy, e.CancelReason.SELF_MATCH
        lots = min(taker.open, maker.shown)
        if policy == c.SelfMatch.REFUSE_NEWEST:
            # Orders between the two have left the book since it was asked: their root is full.
            self.end(taker, reason)
        elif policy == c.SelfMatch.CANCEL_OLDEST:
            self.end(maker, reason)
        elif policy == c.SelfMatch.CANCEL_BOTH:
            self.end(maker, reason)
            self.end(taker, reason)
        else:
            for order in (maker, taker):
                if order.open == lots:
                    self.end(order, reason)
                    continue
                freed, given = self.give_back(order, lots)
                if order is maker:
                    order.shown -= lots
                self.notes.append(("reduced", order.number, lots, order.open, freed, given))
                self.show_more(market, order)

    def show_more(self, market: Market, order: Stand) -> None:
        """An iceberg whose shown part is gone shows the next, behind the others."""
        if order.place == "book" and order.open and not order.shown:
            market.book.remove(order)
            market.book.append(order)
            order.shown = min(order.special.display_lots, order.open)
            self.notes.append(("shows", order.number, order.shown))

    def trade(
        self,
        market: Market,
        maker: Stand,
        taker: Stand,
        lots: int,
        price: int,
        *,
        called: bool = False,
    ) -> None:
        buyer, seller = (taker, maker) if taker.buys else (maker, taker)
        used = self.first(seller.goods, lots)
        moved = [(number, part, self.kg(self.receipts[number], part)) for number, part in used]
        seller.goods = self.rest_of(seller.goods, lots)
        terms, kg = market.terms, sum(weight for _, _, weight in moved)
        value = self.worth(market, price, kg)
        buyer_fee = value * terms.buyer_fee_bp // 10_000
        seller_fee = value * terms.seller_fee_bp // 10_000
        before = self.need(buyer)
        maker.open -= lots
        taker.open -= lots
        freed = before - self.need(buyer)
        bound = min(freed, self.hold(market, value))
        self.firms[buyer.firm].cash += freed - bound
        market.last = price
        self.trade_numbers += 1
        number = self.trade_numbers
        self.trades[number] = Trade(
            terms.instrument_id, buyer.firm, seller.firm, value, buyer_fee, seller_fee, bound, used,
            self.now,
        )  # fmt: skip
        self.notes.append((
            "trade", number, maker.number, taker.number, buyer.firm, seller.firm, lots, price, kg,
            value, buyer_fee, seller_fee, freed, bound, maker.open, moved, called,
        ))  # fmt: skip
        for receipt, _ in used:
            self.come_to_hold(self.receipts[receipt].root, buyer.firm)
        for order in (maker, taker):
            order.shown -= lots if order.place == "book" else 0
            if order.place != "in" and not order.open:
                self.gone(order)
        for order in (taker, maker):
            self.show_more(market, order)
        if terms.resale_lock == c.ResaleLock.PRODUCT_T5_SYMMETRIC:
            self.lock(market, buyer, seller)
        self.clear_full()

    def clear_full(self) -> None:
        """Cancel what stands in matched books from roots that no further firm may hold."""
        for market in self.markets.values():
            asks = [o for o in market.book if market.matched and not o.buys]
            for order in sorted(asks, key=lambda o: o.price):
                if self.crowded(order.goods, None):
                    self.end(order, e.CancelReason.HOLDERS)

    def rest_of(self, goods: list[list[int]], lots: int) -> list[list[int]]:
        """What the next `lots` leave of `goods`."""
        left = []
        for number, held in goods:
            used = min(held, lots)
            lots -= used
            if used < held:
                left.append([number, held - used])
        return left

    def resume(self, market: Market) -> None:
        for order in list(market.out):
            if order.place != "out" or self.locked(market, order.firm, order.side):
                continue
            market.out.remove(order)
            self.notes.append(("resumed", order.number))
            if order.special.stop_ticks:
                order.place = "stop"
                market.stops.append(order)
            else:
                self.reenter(market, order)

    def reenter(self, market: Market, order: Stand) -> None:
        """A stop that is reached, or an order whose lock is over, enters if it still may."""
        firm = self.firms[order.firm]
        del self.orders[order.number]
        order.place = "in"
        if (
            firm.halted
            or firm.suspended
            or 0 in firm.blocked
            or order.trader in firm.blocked
            or not market.low <= order.price <= market.high
            or (market.matched and self.crowded(order.goods, None))
        ):
            self.end(order, e.CancelReason.STOP_REFUSED)
            return
        met = [o for o in self.against(market, order.side, order.price)]
        group = self.group(order)
        if market.matched:
            refuses = firm.policy == c.SelfMatch.REFUSE_NEWEST
            if refuses and self.walk(met, group, order.open)[1]:
                self.end(order, e.CancelReason.SELF_MATCH)
                return
        elif any(self.group(o) != group and self.open_to(o, order.firm) for o in met):
            self.end(order, e.CancelReason.STOP_REFUSED)
            return
        self.arrive(market, order)

    def reach_stops(self, market: Market) -> None:
        while market.phase == c.Phase.CONTINUOUS and market.last:
            last = market.last
            reached = [
                o
                for o in market.stops
                if (last >= o.special.stop_ticks if o.buys else last <= o.special.stop_ticks)
            ]
            if not reached:
                return
            for order in reached:
                if order.place != "stop":
                    continue
                market.stops.remove(order)
                self.notes.append(("triggered", order.number, last))
                special = order.special
                order.special = c.Special(
                    c.OrderKind.LIMIT, special.expires_us, special.display_lots, special.least_lots
                )
                self.reenter(market, order)
