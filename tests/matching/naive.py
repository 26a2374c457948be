"""A naive venue written from `matching/README.md`: lists, linear scans, nothing cached.

It answers each command with notes, plain tuples that say what happened; `notes_of` says the same
of the engine's events. Prices are ticks, quantities lots. It knows no receipts by name: a sell
takes the oldest sellable lots of its firm, and only how many are free is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

import msgspec

from matching import commands as c
from matching import events as e

Note = tuple[Any, ...]
MOST = 2**53 - 1
WINDOW = 15 * 60 * 1_000_000  # how long an id is known
AHEAD = 60 * 1_000_000  # how far a stamp may be in the future
IMMEDIATE = (c.TimeInForce.IOC, c.TimeInForce.FOK)


@dataclass
class Stand:
    """An order. `place` is "in", "book", "stop" or "out" (suspended)."""

    number: int
    firm: int
    trader: int
    where: int
    side: c.Side
    tif: c.TimeInForce
    price: int
    total: int
    open: int
    special: c.Special
    session: int
    shown: int = 0
    place: str = "in"

    @property
    def buys(self) -> bool:
        return self.side == c.Side.BUY


@dataclass
class Market:
    terms: c.DefineInstrument
    low: int
    high: int
    reference: int
    phase: c.Phase = c.Phase.CLOSED
    halted: bool = False
    last: int = 0
    call_until: int = 0
    indicated: tuple[int, int, int] = (0, 0, 0)
    indicate_at: int = 0
    book: list[Stand] = field(default_factory=list)  # oldest first
    stops: list[Stand] = field(default_factory=list)
    out: list[Stand] = field(default_factory=list)

    @property
    def matched(self) -> bool:
        return self.terms.mode == c.Mode.MATCHED


@dataclass
class Firm:
    group: int
    cash: int = 0
    bound: int = 0
    halted: bool = False
    suspended: bool = False
    blocked: set[int] = field(default_factory=set)
    policy: c.SelfMatch = c.SelfMatch.REFUSE_NEWEST
    rate: int = 0
    burst: int = 0
    tokens: Fraction = Fraction(0)
    filled_at: int = 0
    most_value: int = 0
    value: int = 0
    lots: dict[int, int] = field(default_factory=dict)


class Naive:
    """One venue."""

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

    # Money, in exact fractions.

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

    # Who stands where.

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

    # Commands.

    def apply(self, command: c.AnyCommand) -> list[Note]:
        self.notes = []
        reason = self.gate(command)
        if not reason and not self.notes:
            reason = getattr(self, f"do_{type(command).__name__}")(command)
            if isinstance(command, c.ClientCommand) and reason != "RATE":
                self.heard[command.firm_id, command.client_order_id] = command
        return [("refused", str(reason))] if reason else self.notes

    def gate(self, command: c.AnyCommand) -> str:
        """What is asked before any rule of trade: was it heard before, is it late, by whom?"""
        if isinstance(command, c.ClientCommand):
            first = self.heard.get((command.firm_id, command.client_order_id))
            if first is not None and first.at_us >= self.now - WINDOW:
                if type(first) is not type(command):
                    return "CLIENT_ID_REUSED"
                if msgspec.structs.replace(command, at_us=first.at_us) != first:
                    return "CLIENT_ID_REUSED"
                self.notes.append(("again",))
                return ""
            if not self.now - WINDOW <= command.at_us <= self.now + AHEAD:
                return "STALE"
            if not (
                0 < len(command.client_order_id) <= 36
                and 0 < command.firm_id <= MOST
                and 0 <= command.trader_id <= MOST
            ):
                return "INVALID"
        elif isinstance(command, c.KillSwitch):
            if not 0 <= command.trader_id <= MOST:
                return "INVALID"
        elif isinstance(command, c.Disconnect) and self.wrong(command.session):
            return "INVALID"
        firm = getattr(command, "firm_id", None)
        return "UNKNOWN_FIRM" if firm is not None and firm not in self.firms else ""

    def wrong(self, *amounts: int) -> str:
        return "" if all(0 < amount <= MOST for amount in amounts) else "INVALID"

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
        firm = self.firms[command.firm_id]
        if self.token(firm):
            return "RATE"
        if self.wrong(command.price_ticks, command.quantity_lots):
            return "INVALID"
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
        reason = reason or self.cover(order, lots)
        if reason:
            return reason
        self.count(market, order, lots, self.value(market, price, lots))
        self.number(order)
        if special.kind == c.OrderKind.STOP_LIMIT:
            order.place = "stop"
            market.stops.append(order)
            self.orders[order.number] = order
        else:
            self.arrive(market, order)
        self.reach_stops(market)
        return ""

    def number(self, order: Stand) -> None:
        self.numbers += 1
        order.number = self.numbers
        self.notes.append(("in", order.number, order.price, order.total))

    def refusal(
        self, market: Market, order: Stand, more: int, more_value: int, amends: Stand | None = None
    ) -> str:
        """The checks of README, up to cover."""
        firm, special, terms = self.firms[order.firm], order.special, market.terms
        if self.halted:
            return "VENUE_HALTED"
        if market.halted:
            return "INSTRUMENT_HALTED"
        kind = special.kind
        now_or_never = order.tif in IMMEDIATE
        taking = kind in (c.OrderKind.MARKET_TO_LIMIT, c.OrderKind.PROTECTED)
        if market.phase not in (c.Phase.CALL, c.Phase.CONTINUOUS):
            return "PHASE"
        if market.phase == c.Phase.CALL and (now_or_never or taking or special.post_only):
            return "PHASE"
        if firm.halted:
            return "FIRM_HALTED"
        if firm.suspended:
            return "FIRM_SUSPENDED"
        if 0 in firm.blocked or order.trader in firm.blocked:
            return "TRADER_BLOCKED"
        if market.matched:
            least = special.least_lots and order.tif != c.TimeInForce.IOC
            if special.firm_ids or (least and not amends):
                return "MODE"
        elif now_or_never or kind != c.OrderKind.LIMIT or special.post_only or special.display_lots:
            return "MODE"
        stop = kind == c.OrderKind.STOP_LIMIT
        dated = order.tif == c.TimeInForce.GTD
        if (
            special.least_lots > order.open
            or bool(special.stop_ticks) != stop
            or bool(special.expires_us) != dated
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
        return "NOT_FILLABLE" if self.walk(met, group, least)[0] < least else ""

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

    # Trading.

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
        if policy == c.SelfMatch.CANCEL_OLDEST:
            self.end(maker, reason)
        elif policy == c.SelfMatch.CANCEL_BOTH:
            self.end(maker, reason)
            self.end(taker, reason)
        else:
            for order in (maker, taker):
                if order.open == lots:
                    self.end(order, reason)
                    continue
                self.give_back(order, lots)
                if order is maker:
                    order.shown -= lots
                self.notes.append(("reduced", order.number, lots, order.open))
                self.show_more(market, order)

    def show_more(self, market: Market, order: Stand) -> None:
        """An iceberg whose shown part is gone shows the next, behind the others."""
        if order.place == "book" and order.open and not order.shown:
            market.book.remove(order)
            market.book.append(order)
            order.shown = min(order.special.display_lots, order.open)
            self.notes.append(("shows", order.number, order.shown))

    def trade(self, market: Market, maker: Stand, taker: Stand, lots: int, price: int) -> None:
        buyer, seller = (taker, maker) if taker.buys else (maker, taker)
        before = self.need(buyer)
        maker.open -= lots
        taker.open -= lots
        freed = before - self.need(buyer)
        bound = min(freed, self.hold(market, self.value(market, price, lots)))
        self.firms[buyer.firm].cash += freed - bound
        self.firms[buyer.firm].bound += bound
        market.last = price
        self.trade_numbers += 1
        number = self.trade_numbers
        self.trades[number] = (buyer.firm, seller.firm, maker.where, lots, bound, self.now)
        self.notes.append(("trade", maker.number, taker.number, lots, price))
        for order in (maker, taker):
            if order.place == "book":
                order.shown -= lots
                if not order.open:
                    self.gone(order)
        for order in (taker, maker):
            self.show_more(market, order)
        if market.terms.resale_lock == c.ResaleLock.PRODUCT_T5_SYMMETRIC:
            self.lock(market, buyer, seller)

    def gone(self, order: Stand) -> None:
        """Take an order from wherever it stands."""
        market = self.markets[order.where]
        for place in (market.book, market.stops, market.out):
            if order in place:
                place.remove(order)
        self.orders.pop(order.number, None)
        order.place = "in"
        order.shown = 0

    def end(self, order: Stand, reason: e.CancelReason) -> None:
        self.notes.append(("ended", order.number, order.open, reason))
        self.give_back(order, order.open)
        self.gone(order)

    # The resale lock.

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

    # Amend, cancel, lift.

    def mine(self, firm: int, number: int) -> Stand | None:
        order = self.orders.get(number)
        return order if order is not None and order.firm == firm else None

    def do_AmendOrder(self, command: c.AmendOrder) -> str:
        firm = self.firms[command.firm_id]
        if self.token(firm):
            return "RATE"
        if self.wrong(command.price_ticks, command.quantity_lots):
            return "INVALID"
        order = self.mine(command.firm_id, command.order_id)
        if order is None:
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
        if not reason and not order.buys and more > self.goods[order.firm, order.where]:
            reason = "GOODS"
        market.book[:] = place
        if reason:
            return reason
        self.count(market, wished, more, more_value)
        keeps = wished.price == order.price and left < order.open
        if order.buys:
            firm.cash -= self.need(wished) - self.need(order)
        else:
            self.goods[order.firm, order.where] -= more
        hidden = max(order.open - order.shown - (order.open - left), 0)
        order.price, order.total, order.open = wished.price, wished.total, left
        self.notes.append(("amended", order.number, keeps))
        if keeps:
            order.shown = left - hidden
            return ""
        market.book.remove(order)
        del self.orders[order.number]
        order.place, order.shown = "in", 0
        self.arrive(market, order)
        self.reach_stops(market)
        return ""

    def do_CancelOrder(self, command: c.CancelOrder) -> str:
        order = self.mine(command.firm_id, command.order_id)
        if order is None:
            return "UNKNOWN_ORDER"
        self.end(order, e.CancelReason.REQUESTED)
        return ""

    def do_LiftOrder(self, command: c.LiftOrder) -> str:
        firm = self.firms[command.firm_id]
        if self.token(firm):
            return "RATE"
        if self.wrong(command.quantity_lots):
            return "INVALID"
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
        reason = reason or self.bounds(market, taker, lots, lots, value) or self.cover(taker, lots)
        if reason:
            return reason
        self.count(market, taker, lots, value)
        self.number(taker)
        self.trade(market, maker, taker, lots, maker.price)
        return ""

    def may_lift(self, market: Market, taker: Stand) -> str:
        firm = self.firms[taker.firm]
        if self.halted:
            return "VENUE_HALTED"
        if market.halted:
            return "INSTRUMENT_HALTED"
        if market.phase != c.Phase.CONTINUOUS:
            return "PHASE"
        if firm.halted:
            return "FIRM_HALTED"
        if firm.suspended:
            return "FIRM_SUSPENDED"
        if 0 in firm.blocked or taker.trader in firm.blocked:
            return "TRADER_BLOCKED"
        if market.matched:
            return "MODE"
        return "RESALE_LOCK" if self.locked(market, taker.firm, taker.side) else ""

    def do_LiftBest(self, command: c.LiftBest) -> str:
        firm = self.firms[command.firm_id]
        if self.token(firm):
            return "RATE"
        lots, price = command.quantity_lots, command.limit_ticks
        if self.wrong(lots, price):
            return "INVALID"
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
        if not reason and self.liftable(market, taker) is None:
            reason = "NO_OPPOSITE"
        reason = reason or self.cover(taker, lots)
        if reason:
            return reason
        self.count(market, taker, lots, value)
        self.number(taker)
        while taker.open:
            found = self.liftable(market, taker)
            if found is None:
                self.end(taker, e.CancelReason.IMMEDIATE)
                break
            maker, share = found
            self.trade(market, maker, taker, share, maker.price)
        return ""

    def liftable(self, market: Market, taker: Stand) -> tuple[Stand, int] | None:
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
            return maker, share
        return None

    # Many at once.

    def do_MassCancel(self, command: c.MassCancel) -> str:
        fitting = [
            o
            for o in self.orders.values()
            if o.firm == command.firm_id
            and command.only_trader_id in (0, o.trader)
            and command.only_instrument_id in (0, o.where)
            and command.only_side in (0, o.side)
        ]
        self.end_all(fitting, e.CancelReason.MASS, ("withdrawn", len(fitting)))
        return ""

    def end_all(self, orders: list[Stand], reason: e.CancelReason, note: Note) -> None:
        self.notes.append(note)
        for order in orders:
            self.end(order, reason)

    def do_KillSwitch(self, command: c.KillSwitch) -> str:
        firm = self.firms[command.firm_id]
        if (command.trader_id in firm.blocked) == command.blocked:
            return "SAME"
        theirs: list[Stand] = []
        if command.blocked:
            firm.blocked.add(command.trader_id)
            theirs = [
                o
                for o in self.orders.values()
                if o.firm == command.firm_id and command.trader_id in (0, o.trader)
            ]
        else:
            firm.blocked.discard(command.trader_id)
        self.end_all(theirs, e.CancelReason.KILLED, ("switched", len(theirs)))
        return ""

    def do_Disconnect(self, command: c.Disconnect) -> str:
        theirs = [
            o
            for o in self.orders.values()
            if o.firm == command.firm_id and o.session == command.session
        ]
        self.end_all(theirs, e.CancelReason.DISCONNECTED, ("withdrawn", len(theirs)))
        return ""

    # The operator.

    def do_SetFirmLimits(self, command: c.SetFirmLimits) -> str:
        firm = self.firms[command.firm_id]
        firm.rate, firm.burst = command.orders_per_s, command.burst
        firm.tokens, firm.filled_at = Fraction(command.burst), self.now
        firm.most_value = command.day_value_fen
        return ""

    def do_SetSelfMatch(self, command: c.SetSelfMatch) -> str:
        firm = self.firms[command.firm_id]
        if firm.policy == command.policy:
            return "SAME"
        firm.policy = command.policy
        return ""

    def do_SetFirmStatus(self, command: c.SetFirmStatus) -> str:
        firm = self.firms[command.firm_id]
        suspended = command.status == c.FirmStatus.SUSPENDED
        if firm.suspended == suspended:
            return "SAME"
        firm.suspended = suspended
        return ""

    def do_SetHalt(self, command: c.SetHalt) -> str:
        if command.scope == c.HaltScope.VENUE and command.target_id:
            return "INVALID"
        target: Any = {
            c.HaltScope.VENUE: self,
            c.HaltScope.INSTRUMENT: self.markets.get(command.target_id),
            c.HaltScope.FIRM: self.firms.get(command.target_id),
        }[command.scope]
        if target is None:
            return f"UNKNOWN_{command.scope.name}"
        if target.halted == command.halted:
            return "SAME"
        target.halted = command.halted
        return ""

    def do_SetReference(self, command: c.SetReference) -> str:
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        if not 0 < command.low_ticks <= command.reference_ticks <= command.high_ticks <= MOST:
            return "INVALID"
        new = (command.low_ticks, command.reference_ticks, command.high_ticks)
        if new == (market.low, market.reference, market.high):
            return "SAME"
        market.low, market.reference, market.high = new
        buys = sorted((o for o in market.book if o.buys), key=lambda o: -o.price)
        sells = sorted((o for o in market.book if not o.buys), key=lambda o: o.price)
        for order in (*buys, *sells):
            if not market.low <= order.price <= market.high:
                self.end(order, e.CancelReason.BAND)
        return ""

    def do_OpenDay(self, command: c.OpenDay) -> str:
        if not self.day < command.day <= 99991231:
            return "DAY"
        self.day = command.day
        self.days += 1
        for firm in self.firms.values():
            firm.value, firm.lots = 0, {}
        for market in self.markets.values():
            if market.phase in (c.Phase.CALL, c.Phase.CONTINUOUS):
                self.resume(market)
                self.reach_stops(market)
        return ""

    def do_ChangePhase(self, command: c.ChangePhase) -> str:
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        before, after = market.phase, command.phase
        ways = {
            c.Phase.CLOSED: (c.Phase.PRE_OPEN,),
            c.Phase.PRE_OPEN: (c.Phase.CALL, c.Phase.CONTINUOUS),
            c.Phase.CALL: (c.Phase.CONTINUOUS, c.Phase.CLOSED),
            c.Phase.CONTINUOUS: (c.Phase.BREAK, c.Phase.CALL, c.Phase.CLOSED),
            c.Phase.BREAK: (c.Phase.CONTINUOUS, c.Phase.CALL, c.Phase.CLOSED),
        }
        if after == before:
            return "SAME"
        if after not in ways[before] or (after == c.Phase.CALL and not market.matched):
            return "PHASE"
        self.enter_phase(market, after)
        if after == c.Phase.CLOSED:
            buys = sorted((o for o in market.book if o.buys), key=lambda o: -o.price)
            sells = sorted((o for o in market.book if not o.buys), key=lambda o: o.price)
            for order in [*buys, *sells, *market.stops, *market.out]:
                if order.tif == c.TimeInForce.DAY:
                    self.end(order, e.CancelReason.EXPIRED)
        return ""

    def enter_phase(self, market: Market, after: c.Phase) -> None:
        before, market.phase = market.phase, after
        self.notes.append(("phase", market.terms.instrument_id, after))
        if before == c.Phase.CALL:
            market.call_until = 0
            self.uncross(market)
        if after == c.Phase.CALL:
            market.indicated = (0, 0, 0)
            market.indicate_at = self.now + 1_000_000
        if after in (c.Phase.CALL, c.Phase.CONTINUOUS):
            self.resume(market)
        self.reach_stops(market)

    # Auctions, by trying every tick.

    def clearing(self, market: Market) -> tuple[int, int, int]:
        buys = [(o.price, o.open) for o in market.book if o.buys]
        sells = [(o.price, o.open) for o in market.book if not o.buys]
        if not buys or not sells:
            return 0, 0, 0
        low, high = min(p for p, _ in sells), max(p for p, _ in buys)
        rows = []
        for price in range(low, high + 1):
            demand = sum(lots for limit, lots in buys if limit >= price)
            supply = sum(lots for limit, lots in sells if limit <= price)
            rows.append((price, min(demand, supply), demand - supply))
        if not rows:
            return 0, 0, 0
        most = max(volume for _, volume, _ in rows)
        rows = [row for row in rows if row[1] == most]
        least = min(abs(surplus) for _, _, surplus in rows)
        rows = [row for row in rows if abs(row[2]) == least]
        if all(surplus > 0 for _, _, surplus in rows):
            return rows[-1]
        if all(surplus < 0 for _, _, surplus in rows):
            return rows[0]
        return min(rows, key=lambda row: (abs(row[0] - market.reference), -row[0]))

    def uncross(self, market: Market) -> None:
        price, volume, surplus = self.clearing(market)
        market.indicated = (0, 0, 0)
        self.notes.append(("auction", market.terms.instrument_id, price, volume, surplus))
        while volume:
            bid = min((o for o in market.book if o.buys), key=lambda o: -o.price)
            ask = min((o for o in market.book if not o.buys), key=lambda o: o.price)
            lots = min(bid.shown, ask.shown, volume)
            first, second = sorted((bid, ask), key=lambda o: o.number)
            self.trade(market, first, second, lots, price)
            volume -= lots

    # Time.

    def do_PassTime(self, command: c.PassTime) -> str:
        self.notes.append(("time",))
        while True:
            due: list[tuple[int, int, int, Any]] = [
                (o.special.expires_us, 1, o.number, o)
                for o in self.orders.values()
                if o.tif == c.TimeInForce.GTD
            ]
            for number, market in self.markets.items():
                if market.phase == c.Phase.CALL:
                    if market.call_until:
                        due.append((market.call_until, 2, number, market))
                    due.append((market.indicate_at, 3, number, market))
            due = sorted((one for one in due if one[0] <= self.now), key=lambda one: one[:3])
            if not due:
                return ""
            _, kind, number, what = due[0]
            if kind == 1:
                self.end(what, e.CancelReason.EXPIRED)
            elif kind == 2:
                self.enter_phase(what, c.Phase.CONTINUOUS)
            else:
                now = self.clearing(what)
                if now != what.indicated:
                    what.indicated = now
                    self.notes.append(("indicated", number, *now))
                what.indicate_at = self.now + 1_000_000

    def do_BustTrade(self, command: c.BustTrade) -> str:
        if command.actor_id == command.approver_id:
            return "TWO_PERSONS"
        found = self.trades.get(command.trade_id)
        if found is None:
            return "UNKNOWN_TRADE"
        buyer, seller, where, lots, bound, at = found
        if self.now - at > 15 * 60 * 1_000_000:
            return "BUST_WINDOW"
        del self.trades[command.trade_id]
        self.firms[buyer].bound -= bound
        self.firms[buyer].cash += bound
        self.goods[seller, where] = self.goods.get((seller, where), 0) + lots
        self.notes.append(("busted", command.trade_id))
        return ""


def notes_of(events: tuple[e.AnyEvent, ...]) -> list[Note]:
    """Say of the engine's events what the naive venue says."""
    notes: list[Note] = []
    for event in events:
        if isinstance(event, e.CommandRejected):
            notes.append(("refused", str(event.reason)))
        elif isinstance(event, e.CommandRepeated):
            notes.append(("again",))
        elif isinstance(event, e.OrderEntered):
            notes.append(("in", event.order_id, event.price_ticks, event.quantity_lots))
        elif isinstance(event, e.OrderRested):
            lots = event.open_lots + event.hidden_lots
            notes.append(("rest", event.order_id, event.price_ticks, event.open_lots, lots))
        elif isinstance(event, e.TradeExecuted):
            who = (event.maker_order_id, event.taker_order_id)
            notes.append(("trade", *who, event.quantity_lots, event.price_ticks))
        elif isinstance(event, e.OrderCancelled):
            notes.append(("ended", event.order_id, event.cancelled_lots, event.reason))
        elif isinstance(event, e.OrderReduced):
            notes.append(("reduced", event.order_id, event.reduced_lots, event.open_lots))
        elif isinstance(event, e.OrderRefreshed):
            notes.append(("shows", event.order_id, event.shown_lots))
        elif isinstance(event, e.OrderSuspended):
            notes.append(("suspended", event.order_id))
        elif isinstance(event, e.OrderResumed):
            notes.append(("resumed", event.order_id))
        elif isinstance(event, e.StopTriggered):
            notes.append(("triggered", event.order_id, event.last_ticks))
        elif isinstance(event, e.OrderAmended):
            notes.append(("amended", event.order_id, event.kept_priority))
        elif isinstance(event, e.VolatilityInterrupted):
            notes.append(("interrupted", event.instrument_id, event.price_ticks))
        elif isinstance(event, e.PhaseChanged):
            notes.append(("phase", event.instrument_id, event.phase))
        elif isinstance(event, e.AuctionUncrossed):
            found = (event.price_ticks, event.volume_lots, event.surplus_lots)
            notes.append(("auction", event.instrument_id, *found))
        elif isinstance(event, e.AuctionIndicated):
            found = (event.price_ticks, event.volume_lots, event.surplus_lots)
            notes.append(("indicated", event.instrument_id, *found))
        elif isinstance(event, e.OrdersWithdrawn):
            notes.append(("withdrawn", event.count))
        elif isinstance(event, e.KillSwitched):
            notes.append(("switched", event.count))
        elif isinstance(event, e.TimePassed):
            notes.append(("time",))
        elif isinstance(event, e.TradeBusted):
            notes.append(("busted", event.trade_id))
    return notes
