"""Entering and amending: the checks of README, in their order."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from matching import commands as c
from tests.matching.naive.records import (
    FAR,
    HOLDERS,
    IMMEDIATE,
    MOST,
    RECEIPTS,
    Firm,
    Market,
    Stand,
)
from tests.matching.naive.trading import Trading


class Entering(Trading):
    """What traders enter and amend."""

    def token(self, firm: Firm) -> str:
        if firm.rate:
            gained = Fraction((self.now - firm.filled_at) * firm.rate, 1_000_000)
            firm.tokens = min(firm.tokens + gained, Fraction(firm.burst))
            firm.filled_at = self.now
            if firm.tokens < 1:
                return "RATE"
            firm.tokens -= 1
        return ""

    def do_EnterOrder(self, command: c.EnterOrder) -> str:
        if self.wrong(command.price_ticks, command.quantity_lots):
            return "INVALID"
        if len(command.receipt_ids) > RECEIPTS:
            return "LIMIT"
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        special = command.special or c.Special()
        price, side = command.price_ticks, command.side
        best = self.best(market, side)
        crosses = best and (best <= price if side == c.Side.BUY else best >= price)
        if special.kind == c.OrderKind.MARKET_TO_LIMIT and crosses:
            price = best
        if special.post_only == c.PostOnly.REPRICE and crosses:
            price = best - 1 if side == c.Side.BUY else best + 1
        lots = command.quantity_lots
        order = Stand(
            0, command.firm_id, command.trader_id, command.instrument_id, side, command.tif, price,
            lots, lots, special, command.session,
        )  # fmt: skip
        reason = self.refusal(market, order, lots, self.value(market, price, lots))
        if not reason and special.kind == c.OrderKind.MARKET_TO_LIMIT and not crosses:
            reason = "NO_OPPOSITE"
        reason = reason or self.fills_enough(market, order)
        reason = reason or self.short(order, lots, command.receipt_ids)
        if not reason and market.matched and self.crowded(self.picked, None):
            reason = "HOLDER_LIMIT"
        reason = reason or self.ends_early(market, order)
        if reason:
            return reason
        self.count(market, order, lots, self.value(market, price, lots))
        self.number(order, warned=self.warned(market, order.price))
        if special.kind == c.OrderKind.STOP_LIMIT:
            order.place = "stop"
            market.stops.append(order)
            self.orders[order.number] = order
        else:
            self.arrive(market, order)
        self.reach_stops(market)
        return ""

    def number(self, order: Stand, lifted: int = 0, *, warned: bool = False) -> None:
        """Hold an order's cover and give it its number."""
        self.bind(order)
        self.numbers += 1
        order.number = self.numbers
        goods = [(number, used) for number, used in order.goods]
        self.notes.append((
            "in", order.number, order.firm, order.side, order.tif, order.price, order.total,
            self.need(order), goods, lifted, warned,
        ))  # fmt: skip

    def warned(self, market: Market, price: int) -> bool:
        """Whether a price lies in the outer half of the band."""
        low, reference, high = market.low, market.reference, market.high
        return not (
            reference - (reference - low) // 2 <= price <= reference + (high - reference) // 2
        )

    def not_halted(self, market: Market) -> str:
        if self.halted:
            return "VENUE_HALTED"
        return "INSTRUMENT_HALTED" if market.halted else ""

    def firm_standing(self, number: int, trader: int) -> str:
        firm = self.firms[number]
        if firm.halted:
            return "FIRM_HALTED"
        if firm.suspended:
            return "FIRM_SUSPENDED"
        return "TRADER_BLOCKED" if 0 in firm.blocked or trader in firm.blocked else ""

    def standing(self, market: Market, firm: int, trader: int) -> str:
        """The checks up to the mode of what is done in CONTINUOUS only."""
        reason = self.not_halted(market)
        if not reason and market.phase != c.Phase.CONTINUOUS:
            reason = "PHASE"
        return reason or self.firm_standing(firm, trader)

    def refusal(
        self, market: Market, order: Stand, more: int, more_value: int, amends: Stand | None = None
    ) -> str:
        """The checks of README, up to cover."""
        special, terms = order.special, market.terms
        reason = self.not_halted(market)
        if reason:
            return reason
        kind = special.kind
        now_or_never = order.tif in IMMEDIATE
        taking = kind in (c.OrderKind.MARKET_TO_LIMIT, c.OrderKind.PROTECTED)
        if market.phase not in (c.Phase.CALL, c.Phase.CONTINUOUS):
            return "PHASE"
        if market.phase == c.Phase.CALL and (now_or_never or taking or special.post_only):
            return "PHASE"
        reason = self.firm_standing(order.firm, order.trader)
        if reason:
            return reason
        if market.terms.mode not in (c.Mode.MATCHED, c.Mode.LISTED):
            return "MODE"
        if market.matched:
            least = special.least_lots > 0 and order.tif != c.TimeInForce.IOC
            if special.firm_ids or (least and not amends):
                return "MODE"
        elif (
            now_or_never
            or kind != c.OrderKind.LIMIT
            or special.post_only
            or special.display_lots > 0
        ):
            return "MODE"
        stop = kind == c.OrderKind.STOP_LIMIT
        dated = order.tif == c.TimeInForce.GTD
        if (
            not 0 <= special.display_lots <= MOST
            or not 0 <= special.least_lots <= order.open
            or not 0 <= special.stop_ticks <= MOST
            or bool(self.wrong(*special.firm_ids))
            or len(set(special.firm_ids)) < len(special.firm_ids)
            or bool(special.stop_ticks) != stop
            or (special.expires_us > 0) != dated
            or (stop and (now_or_never or special.post_only))
            or (kind == c.OrderKind.PROTECTED and not now_or_never)
            or (kind == c.OrderKind.MARKET_TO_LIMIT and (now_or_never or special.post_only))
            or (now_or_never and (special.display_lots or special.post_only))
            or special.display_lots % terms.step_lots
            or special.least_lots % terms.step_lots
        ):
            return "INVALID"
        if dated and not amends and special.expires_us <= self.now:
            return "EXPIRED"
        if dated and not amends and special.expires_us > self.now + FAR:
            return "LIMIT"
        if len(special.firm_ids) > 50:
            return "LIMIT"
        if self.locked(market, order.firm, order.side):
            return "RESALE_LOCK"
        reason = "" if stop else self.meets(market, order)
        if reason:
            return reason
        total = order.open + (amends.total - amends.open if amends else 0)
        if total < terms.min_lots:
            return "BELOW_MINIMUM"
        if total % terms.step_lots:
            return "QUANTITY_STEP"
        for price in (order.price, special.stop_ticks or order.price):
            if not market.low <= price <= market.high:
                return "PRICE_BAND"
        return self.bounds(market, order, total, more, more_value)

    def bounds(self, market: Market, order: Stand, total: int, more: int, more_value: int) -> str:
        firm, terms = self.firms[order.firm], market.terms
        if total > terms.max_lots:
            return "ABOVE_MAXIMUM"
        if self.value(market, order.price, total) > terms.max_value_fen:
            return "VALUE_MAXIMUM"
        entered = firm.lots.get(order.where, 0) + more
        if terms.max_day_lots and more > 0 and entered > terms.max_day_lots:
            return "DAY_QUANTITY"
        if firm.most_value and more_value > 0 and firm.value + more_value > firm.most_value:
            return "DAY_VALUE"
        return ""

    def count(self, market: Market, order: Stand, more: int, more_value: int) -> None:
        firm = self.firms[order.firm]
        if market.terms.max_day_lots and more > 0:
            firm.lots[order.where] = firm.lots.get(order.where, 0) + more
        if firm.most_value and more_value > 0:
            firm.value += more_value

    def meets(self, market: Market, order: Stand) -> str:
        met = [o for o in self.against(market, order.side, order.price) if o is not order]
        group = self.group(order)
        if order.special.post_only and met:
            return "WOULD_TRADE"
        if not market.matched:
            others = [o for o in met if self.group(o) != group and self.open_to(o, order.firm)]
            return "WOULD_TRADE" if others else ""
        if market.phase == c.Phase.CALL:
            return "RELATED_PARTY" if any(self.group(o) == group for o in met) else ""
        if self.firms[order.firm].policy != c.SelfMatch.REFUSE_NEWEST:
            return ""
        return "RELATED_PARTY" if self.walk(met, group, order.open)[1] else ""

    def fills_enough(self, market: Market, order: Stand) -> str:
        least = order.open if order.tif == c.TimeInForce.FOK else order.special.least_lots
        if order.tif not in IMMEDIATE or not least:
            return ""
        met = self.against(market, order.side, order.price)
        if market.terms.dynamic_bp:
            low, high = self.dynamic(market)
            inside = []
            for one in met:
                if not low <= one.price <= high:
                    break
                inside.append(one)
            met = inside
        group = self.group(order)
        if self.firms[order.firm].policy == c.SelfMatch.CANCEL_OLDEST:
            met = [o for o in met if self.group(o) != group]
        if order.buys:
            met = self.staying(met, order.firm)
        return "NOT_FILLABLE" if self.walk(met, group, least)[0] < least else ""

    def staying(self, met: list[Stand], buyer: int) -> list[Stand]:
        """Without the sales that leave when the buyer's first purchase fills their root: of the
        first itself only what it shows stays."""
        found: list[Stand] = []
        filled: set[int] = set()
        for one in met:
            last = set()
            for number, _ in one.goods:
                root = self.receipts[number].root
                if len(self.holders[root]) == HOLDERS - 1 and buyer not in self.holders[root]:
                    last.add(root)
            if last & filled:
                continue
            filled |= last
            found.append(replace(one, open=one.shown) if last else one)
        return found

    def ends_early(self, market: Market, order: Stand) -> str:
        """A sale that must trade at once, and whose root a buyer before its end would fill."""
        least = order.open if order.tif == c.TimeInForce.FOK else order.special.least_lots
        if order.buys or order.tif not in IMMEDIATE or not least or not market.matched:
            return ""
        known = [set(self.holders[self.receipts[n].root]) for n, _ in self.picked]
        sold = 0
        group, policy = self.group(order), self.firms[order.firm].policy
        met = [o for o in self.against(market, order.side, order.price) if self.group(o) != group]
        if policy != c.SelfMatch.CANCEL_OLDEST:
            met = self.against(market, order.side, order.price)
        for price in dict.fromkeys(o.price for o in met):
            level = [o for o in met if o.price == price]
            for one in level:
                if sold >= least or self.group(one) == group:
                    return ""  # enough, or counted already
                sold += one.shown
                for firms in known:
                    firms.add(one.firm)
                if sold < least and any(len(firms) >= HOLDERS for firms in known):
                    return "NOT_FILLABLE"
            sold += sum(one.open - one.shown for one in level)
        return ""

    def do_AmendOrder(self, command: c.AmendOrder) -> str:
        firm = self.firms[command.firm_id]
        if self.wrong(command.price_ticks, command.quantity_lots):
            return "INVALID"
        order = self.mine(command.firm_id, command.order_id)
        if order is None or order.place == "aside":
            return "UNKNOWN_ORDER"
        if order.place != "book":
            return "NOT_AMENDABLE"
        executed = order.total - order.open
        if command.quantity_lots <= executed:
            return "BELOW_EXECUTED"
        if (command.price_ticks, command.quantity_lots) == (order.price, order.total):
            return "SAME"
        market = self.markets[order.where]
        left = command.quantity_lots - executed
        wished = Stand(
            order.number, order.firm, command.trader_id, order.where, order.side, order.tif,
            command.price_ticks, command.quantity_lots, left, order.special, order.session,
        )  # fmt: skip
        more = left - order.open
        more_value = self.value(market, wished.price, left) - self.value(
            market, order.price, order.open
        )
        place = list(market.book)
        market.book.remove(order)  # it does not meet itself
        reason = self.refusal(market, wished, more, more_value, order)
        if not reason and order.buys and self.need(wished) - self.need(order) > firm.cash:
            reason = "CASH"
        self.picked = []
        if not reason and not order.buys and more > 0:
            reason = self.short(wished, more, ())
            if not reason and len(order.goods) + len(self.picked) > RECEIPTS:
                reason = "LIMIT"
            if not reason and market.matched and self.crowded(self.picked, None):
                reason = "HOLDER_LIMIT"
        market.book[:] = place
        if reason:
            return reason
        self.count(market, wished, more, more_value)
        keeps = wished.price == order.price and left < order.open
        had = [(number, used) for number, used in order.goods]
        if order.buys:
            firm.cash -= self.need(wished) - self.need(order)
        elif more < 0:
            self.give_back(order, -more)
            order.open -= more  # told again below
        else:
            self.bind_goods(order)
        hidden = max(order.open - order.shown - (order.open - left), 0)
        order.price, order.total, order.open = wished.price, wished.total, left
        goods = [(number, used) for number, used in order.goods]
        self.notes.append(("amended", order.number, keeps, self.need(order), had, goods))
        if keeps:
            order.shown = left - hidden
            return ""
        market.book.remove(order)
        del self.orders[order.number]
        order.place, order.shown = "in", 0
        self.arrive(market, order)
        self.reach_stops(market)
        return ""
