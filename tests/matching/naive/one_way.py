"""One-way auctions: announced, joined, bid for, closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cmp_to_key

from matching import commands as c
from matching import events as e
from tests.matching.naive.records import FAR, HOLDERS, MOST, RECEIPTS, Market, Stand
from tests.matching.naive.talks import Talks

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 3600 * SECOND


@dataclass(eq=False)
class OneWay:
    """A live auction. `bids` are oldest first, at most one a firm; `parts` who takes a part."""

    rules: c.AnnounceAuction
    market: Market
    owned: Stand
    closes: int
    due: int
    left: int  # extensions
    opened: bool = False
    clock: int = 0
    bonds: dict[int, int] = field(default_factory=dict)
    bids: list[Stand] = field(default_factory=list)
    parts: set[int] = field(default_factory=set)
    sold: int = 0
    last: int = 0

    @property
    def dutch(self) -> bool:
        return self.rules.form == c.AuctionForm.DUTCH

    @property
    def ascending(self) -> bool:
        return self.rules.form == c.AuctionForm.ASCENDING

    def worse(self, one: int, other: int) -> bool:
        """Whether the owner likes the price `one` less than `other`."""
        return one < other if self.rules.side == c.Side.SELL else one > other

    def better_by(self, price: int, ticks: int) -> int:
        return price + ticks if self.rules.side == c.Side.SELL else price - ticks

    def queue(self) -> list[Stand]:
        """The bids, best price first, then oldest."""

        def order(one: Stand, other: Stand) -> int:
            return self.worse(one.price, other.price) - self.worse(other.price, one.price)

        return sorted(self.bids, key=cmp_to_key(order))

    def marginal(self) -> Stand | None:
        """The bid that takes the last lot, once the bids take all of them."""
        lots = 0
        for bid in self.queue():
            lots += bid.total
            if lots >= self.rules.quantity_lots:
                return bid
        return None


class OneWays(Talks):
    """What owners, bidders and time do."""

    def __init__(self) -> None:
        super().__init__()
        self.one_ways: dict[int, OneWay] = {}
        self.last_one_way = 0

    # Announced.

    def do_AnnounceAuction(self, command: c.AnnounceAuction) -> str | tuple[str, int]:
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        if market.terms.mode != c.Mode.AUCTION:
            return "MODE"
        if command.owner_firm_id not in self.firms:
            return "UNKNOWN_FIRM"
        for name, sound in self.sound_rules(command, market):
            if not sound:
                return "PARAMETERS", command.__struct_fields__.index(name)
        if command.auction_id <= self.last_one_way:
            return "ALREADY_DEFINED"
        if len(command.receipt_ids) > RECEIPTS or len(self.one_ways) >= 1_000:
            return "LIMIT"
        if command.opens_us <= self.now:
            return "EXPIRED"
        if max(command.opens_us, command.closes_us) > self.now + FAR:
            return "LIMIT"
        for price in (command.reserve_ticks, command.start_ticks):
            if price and not market.low <= price <= market.high:
                return "PRICE_BAND"
        lots = command.quantity_lots
        owned = Stand(
            0, command.owner_firm_id, 0, command.instrument_id, command.side, c.TimeInForce.GTC,
            command.reserve_ticks or 1, lots, lots, c.Special(), 0,
        )  # fmt: skip
        reason = self.may_deal(market, owned)
        value = self.value(market, owned.price, lots)
        reason = reason or self.bounds(market, owned, lots, lots, value)
        reason = reason or self.short(owned, lots, command.receipt_ids)
        if reason:
            return reason
        self.last_one_way = command.auction_id
        self.one_ways[command.auction_id] = OneWay(
            command, market, owned, command.closes_us, command.opens_us, command.extensions
        )
        self.notes.append(("announced", command.auction_id, self.numbers + 1))
        self.set_aside(market, owned)
        return ""

    def sound_rules(self, rules: c.AnnounceAuction, market: Market) -> list[tuple[str, bool]]:
        """What each field must be, in the order of the fields."""
        terms, one = market.terms, OneWay(rules, market, None, 0, 0, 0)  # type: ignore[arg-type]
        open_us = rules.closes_us - rules.opens_us
        step = rules.step_lots
        whole = step if step > 0 else 1
        reserve, start, up = rules.reserve_ticks, rules.start_ticks, rules.increment_ticks
        needed = 1 if one.dutch or rules.side == c.Side.BUY else 0
        extends = one.ascending and rules.extensions > 0
        return [
            ("auction_id", 0 < rules.auction_id <= MOST),
            ("quantity_lots", 0 < rules.quantity_lots <= MOST),
            ("quantity_lots", rules.quantity_lots % whole == 0),
            ("reserve_ticks", needed <= reserve <= MOST),
            (
                "start_ticks",
                0 < start <= MOST and not one.worse(start, reserve) if one.dutch else start == 0,
            ),
            (
                "increment_ticks",
                up == 0 if rules.form == c.AuctionForm.SEALED else 0 < up <= MOST,
            ),
            ("increment_ticks", not one.dutch or abs(start - reserve) <= 10_000 * up),
            ("least_lots", terms.min_lots <= rules.least_lots <= rules.quantity_lots),
            ("least_lots", rules.least_lots % whole == 0),
            ("step_lots", step > 0 and step % terms.step_lots == 0),
            ("bond_fen", 0 <= rules.bond_fen <= MOST),
            ("opens_us", 0 < rules.opens_us <= MOST),
            ("closes_us", rules.closes_us == 0 if one.dutch else MINUTE <= open_us <= MOST),
            (
                "extend_us",
                0 < rules.extend_us <= min(DAY, open_us) if extends else rules.extend_us == 0,
            ),
            ("extensions", 0 <= rules.extensions <= (1_000 if one.ascending else 0)),
            ("step_us", SECOND <= rules.step_us <= DAY if one.dutch else rules.step_us == 0),
            ("is_uniform", not (one.dutch and rules.is_uniform)),
        ]

    def do_WithdrawAuction(self, command: c.WithdrawAuction) -> str:
        one = self.one_ways.get(command.auction_id)
        if one is None:
            return "UNKNOWN_AUCTION"
        if not self.told(command.reason):
            return "INVALID"
        if one.opened:
            return "AUCTION_STATE"
        self.free_all(one, command.reason)
        return ""

    def free_all(self, one: OneWay, reason: str) -> None:
        """End an auction and give back what it holds still."""
        number = one.rules.auction_id
        del self.one_ways[number]
        self.notes.append(("closed", number, one.sold, one.last, reason))
        for order in (*one.bids, one.owned):
            if order.number in self.orders:
                self.end(order, e.CancelReason.AUCTION)
        for firm, bond in one.bonds.items():
            self.firms[firm].cash += bond
            self.notes.append(("bond", number, firm, bond))

    def may_deal(self, market: Market, order: Stand) -> str:
        reason = self.firm_standing(order.firm, order.trader)
        if not reason and self.locked(market, order.firm, order.side):
            reason = "RESALE_LOCK"
        return reason

    # Joined.

    def do_JoinAuction(self, command: c.JoinAuction) -> str:
        one = self.one_ways.get(command.auction_id)
        if one is None:
            return "UNKNOWN_AUCTION"
        firm = command.firm_id
        reason = self.not_halted(one.market) or self.firm_standing(firm, command.trader_id)
        reason = reason or self.owns(one, firm)
        if reason:
            return reason
        if one.due <= self.now:
            return "AUCTION_STATE"
        if firm in one.bonds:
            return "SAME"
        if len(one.bonds) >= 500:
            return "LIMIT"
        if one.rules.bond_fen > self.firms[firm].cash:
            return "CASH"
        one.bonds[firm] = one.rules.bond_fen
        self.firms[firm].cash -= one.rules.bond_fen
        self.notes.append(("joined", command.auction_id, firm, one.rules.bond_fen))
        return ""

    def owns(self, one: OneWay, firm: int) -> str:
        return "OWNER" if self.firms[firm].group == self.group(one.owned) else ""

    # Bid for.

    def do_PlaceBid(self, command: c.PlaceBid) -> str:
        if self.wrong(command.price_ticks, command.quantity_lots):
            return "INVALID"
        if len(command.receipt_ids) > RECEIPTS:
            return "LIMIT"
        one = self.one_ways.get(command.auction_id)
        if one is None:
            return "UNKNOWN_AUCTION"
        firm, market = command.firm_id, one.market
        price, lots = command.price_ticks, command.quantity_lots
        if one.dutch:
            price = one.clock or price
            if command.accepts_part:
                lots = min(lots, one.owned.open)
        tif = c.TimeInForce.IOC if one.dutch else c.TimeInForce.GTC
        bid = Stand(
            0, firm, command.trader_id, market.terms.instrument_id, self.opposite(one.owned), tif,
            price, lots, lots, c.Special(), 0,
        )  # fmt: skip
        old = next((o for o in one.bids if o.firm == firm), None)
        value = self.value(market, price, lots)
        more, more_value = lots, value
        if old is not None:
            more -= old.total
            more_value -= self.value(market, old.price, old.total)
        reason = self.standing(market, firm, command.trader_id) or self.owns(one, firm)
        if not reason and (not one.opened or one.due <= self.now):
            reason = "AUCTION_STATE"
        if not reason and firm not in one.bonds:
            reason = "NOT_QUALIFIED"
        if not reason and self.locked(market, firm, bid.side):
            reason = "RESALE_LOCK"
        reason = reason or self.by_the_rules(one, bid, old, command.price_ticks)
        if not reason and not market.low <= price <= market.high:
            reason = "PRICE_BAND"
        reason = reason or self.bounds(market, bid, lots, more, more_value)
        if not reason and one.dutch:  # it trades now: may the owner?
            reason = self.may_deal(market, one.owned)
        reason = reason or self.short_instead(bid, old, command.receipt_ids)
        if not reason and self.too_many_awarded(one, bid):
            reason = "HOLDER_LIMIT"
        if reason:
            return reason
        self.count(market, bid, more, more_value)
        self.notes.append(
            ("bid", command.auction_id, self.numbers + 1, firm, price, lots, command.accepts_part)
        )
        if old is not None:
            one.bids.remove(old)
            self.end(old, e.CancelReason.AUCTION)
        self.number(bid)
        if one.dutch:
            self.trade(market, one.owned, bid, lots, price)
            one.sold += lots
            one.last = price
            if not one.owned.open:
                self.free_all(one, "")
            return ""
        bid.place = "aside"
        self.orders[bid.number] = bid
        one.bids.append(bid)
        if command.accepts_part:
            one.parts.add(bid.number)
        if one.left and one.closes - self.now <= one.rules.extend_us:
            self.extend(one, one.closes + one.rules.extend_us, 1)
        return ""

    def by_the_rules(self, one: OneWay, bid: Stand, old: Stand | None, asked: int) -> str:
        """What the notice says of a bid."""
        rules = one.rules
        least = rules.least_lots
        if one.dutch:
            least = min(least, one.owned.open)
        elif one.ascending and old is not None:
            least = old.total
        if bid.total < least:
            return "BELOW_MINIMUM"
        if bid.total % rules.step_lots:
            return "QUANTITY_STEP"
        if bid.total > one.owned.open:
            return "EXCEEDS_OPEN"
        if rules.reserve_ticks and one.worse(asked, rules.reserve_ticks):
            return "RESERVE"
        wanted = [one.clock] if one.dutch else []
        if one.ascending:
            beaten = [o.price for o in (old, one.marginal()) if o is not None]
            wanted = [one.better_by(price, rules.increment_ticks) for price in beaten]
        return "INCREMENT" if any(one.worse(asked, price) for price in wanted) else ""

    def short_instead(self, bid: Stand, old: Stand | None, named: tuple[int, ...]) -> str:
        """What would be short for a bid if the firm's earlier one were gone."""
        if old is None:
            return self.short(bid, bid.open, named)
        firm = self.firms[bid.firm]
        firm.cash += self.need(old)
        for number, used in old.goods:
            self.receipts[number].free += used
        reason = self.short(bid, bid.open, named)
        firm.cash -= self.need(old)
        for number, used in old.goods:
            self.receipts[number].free -= used
        return reason

    def too_many_awarded(self, one: OneWay, bid: Stand) -> bool:
        """Whether who buys would be a holder too many of any receipt that it might get."""
        if not bid.buys:
            return self.crowded(self.picked, one.owned.firm)
        goods = one.owned.goods
        return self.crowded(self.first(goods, bid.open) if one.dutch else goods, bid.firm)

    def extend(self, one: OneWay, closes: int, used: int) -> None:
        one.closes = one.due = closes
        one.left -= used
        self.notes.append(("extended", one.rules.auction_id, closes, one.left))

    # What time does.

    def come_due(self, one: OneWay) -> None:
        closing = one.opened and not one.dutch
        away = closing and self.now - one.closes >= MINUTE
        if self.halted or one.market.halted or away:
            one.due = self.now + MINUTE
            if closing:
                self.extend(one, one.due, 0)
        elif not one.opened:
            self.open_one(one)
        elif one.dutch:
            self.move_clock(one)
        else:
            self.close_one(one)

    def open_one(self, one: OneWay) -> None:
        one.opened = True
        self.notes.append(("opened", one.rules.auction_id))
        if one.dutch:
            self.set_clock(one, one.rules.start_ticks)
            return
        late = self.now - one.rules.opens_us
        one.due = one.closes
        if late >= MINUTE:
            self.extend(one, one.closes + late, 0)

    def move_clock(self, one: OneWay) -> None:
        reserve = one.rules.reserve_ticks
        if one.clock == reserve:
            self.free_all(one, "")
            return
        price = one.better_by(one.clock, -one.rules.increment_ticks)
        self.set_clock(one, reserve if one.worse(price, reserve) else price)

    def set_clock(self, one: OneWay, price: int) -> None:
        one.clock, one.due = price, self.now + one.rules.step_us
        self.notes.append(("clock", one.rules.auction_id, price))

    def close_one(self, one: OneWay) -> None:
        reason = self.may_deal(one.market, one.owned)
        if reason:
            self.free_all(one, reason)
            return
        awards = self.awards(one)
        if awards:
            one.last = awards[-1][0].price
            one.sold = sum(lots for _, lots in awards)
        self.notes.append(("closed", one.rules.auction_id, one.sold, one.last, ""))
        for bid, lots in awards:
            price = one.last if one.rules.is_uniform else bid.price
            self.trade(one.market, one.owned, bid, lots, price)
        for bid, _ in awards:
            if bid.open:
                self.end(bid, e.CancelReason.AUCTION)
        told = len(self.notes)
        self.free_all(one, "")
        del self.notes[told]  # the end was told before the trades

    def awards(self, one: OneWay) -> list[tuple[Stand, int]]:
        """Who gets how much, best first: found by giving it out on paper."""
        found: list[tuple[Stand, int]] = []
        left, goods = one.rules.quantity_lots, one.owned.goods
        more: set[tuple[int, int]] = set()  # (root, firm) that the awards so far add
        for bid in one.queue():
            lots = min(bid.total, left)
            if not lots:
                break
            if lots < bid.total and (bid.number not in one.parts or lots < one.rules.least_lots):
                continue
            if self.may_deal(one.market, bid):
                continue
            used = self.first(goods if bid.buys else bid.goods, lots)
            buyer = bid.firm if bid.buys else one.owned.firm
            new = {
                (root, buyer)
                for root in (self.receipts[number].root for number, _ in used)
                if buyer not in self.holders[root]
            } - more
            if any(
                len(self.holders[root]) + sum(1 for r, _ in more if r == root) >= HOLDERS
                for root, _ in new
            ):
                continue
            more |= new
            found.append((bid, lots))
            left -= lots
            if bid.buys:
                goods = self.rest_of(goods, lots)
        return found
