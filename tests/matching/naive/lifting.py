"""Lifting from a `listed` book."""

from __future__ import annotations

from matching import commands as c
from matching import events as e
from tests.matching.naive.entering import Entering
from tests.matching.naive.records import RECEIPTS, Market, Stand


class Lifting(Entering):
    """One order by its number, or the best there are."""

    def do_LiftOrder(self, command: c.LiftOrder) -> str:
        firm = self.firms[command.firm_id]
        if self.wrong(command.quantity_lots):
            return "INVALID"
        if len(command.receipt_ids) > RECEIPTS:
            return "LIMIT"
        maker = self.orders.get(command.order_id)
        if maker is None or maker.place != "book":
            return "UNKNOWN_ORDER"
        if not self.open_to(maker, command.firm_id) and maker.firm != command.firm_id:
            return "UNKNOWN_ORDER"
        market = self.markets[maker.where]
        lots = command.quantity_lots
        side = c.Side.SELL if maker.buys else c.Side.BUY
        taker = Stand(
            0, command.firm_id, command.trader_id, maker.where, side, c.TimeInForce.IOC,
            maker.price, lots, lots, c.Special(), 0,
        )  # fmt: skip
        reason = self.may_lift(market, taker)
        if not reason and self.group(maker) == firm.group:
            reason = "RELATED_PARTY"
        stays = maker.open - lots
        least = maker.special.least_lots or market.terms.min_lots
        if not reason and stays < 0:
            reason = "EXCEEDS_OPEN"
        if not reason and stays:
            if lots < least:
                reason = "BELOW_MINIMUM"
            elif lots % market.terms.step_lots:
                reason = "QUANTITY_STEP"
            elif stays < least:
                reason = "RESIDUAL"
        value = self.value(market, maker.price, lots)
        if not reason and not market.low <= maker.price <= market.high:
            reason = "PRICE_BAND"
        reason = reason or self.bounds(market, taker, lots, lots, value)
        reason = reason or self.short(taker, lots, command.receipt_ids)
        if not reason and self.too_many(maker, taker, self.picked, lots):
            reason = "HOLDER_LIMIT"
        if reason:
            return reason
        self.count(market, taker, lots, value)
        self.number(taker, maker.number)
        self.trade(market, maker, taker, lots, maker.price)
        return ""

    def may_lift(self, market: Market, taker: Stand) -> str:
        reason = self.standing(market, taker.firm, taker.trader)
        if reason:
            return reason
        if market.terms.mode != c.Mode.LISTED:
            return "MODE"
        return "RESALE_LOCK" if self.locked(market, taker.firm, taker.side) else ""

    def do_LiftBest(self, command: c.LiftBest) -> str:
        lots, price = command.quantity_lots, command.limit_ticks
        if self.wrong(lots, price):
            return "INVALID"
        if len(command.receipt_ids) > RECEIPTS:
            return "LIMIT"
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        taker = Stand(
            0, command.firm_id, command.trader_id, command.instrument_id, command.side,
            c.TimeInForce.IOC, price, lots, lots, c.Special(), 0,
        )  # fmt: skip
        value = self.value(market, price, lots)
        reason = self.may_lift(market, taker)
        if not reason and not market.low <= price <= market.high:
            reason = "PRICE_BAND"
        reason = reason or self.bounds(market, taker, lots, lots, value)
        if not reason and self.liftable(market, taker, []) is None:
            reason = "NO_OPPOSITE"
        reason = reason or self.short(taker, lots, command.receipt_ids)
        if not reason and self.liftable(market, taker, self.picked) is None:
            reason = "HOLDER_LIMIT"
        if reason:
            return reason
        self.count(market, taker, lots, value)
        self.number(taker)
        while taker.open:
            found = self.liftable(market, taker, taker.goods)
            if found is None:
                self.end(taker, e.CancelReason.IMMEDIATE)
                break
            maker, share = found
            self.trade(market, maker, taker, share, maker.price)
        return ""

    def too_many(self, maker: Stand, taker: Stand, goods: list[list[int]], lots: int) -> bool:
        """Whether who buys of the two would be a holder too many; `goods` are the taker's."""
        if taker.buys:
            return self.crowded(self.first(maker.goods, lots), taker.firm)
        return self.crowded(self.first(goods, lots), maker.firm)

    def liftable(
        self, market: Market, taker: Stand, goods: list[list[int]]
    ) -> tuple[Stand, int] | None:
        for maker in self.against(market, taker.side, taker.price):
            if self.group(maker) == self.group(taker) or not self.open_to(maker, taker.firm):
                continue
            if not market.low <= maker.price <= market.high:
                continue
            share = min(taker.open, maker.open)
            least = maker.special.least_lots or market.terms.min_lots
            if share < maker.open:
                share = min(share, maker.open - least)
                share -= share % market.terms.step_lots
                if share < least:
                    continue
            if self.too_many(maker, taker, goods, share):
                continue
            return maker, share
        return None
