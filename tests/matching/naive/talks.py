"""Negotiation: two firms, one live proposal that holds cover."""

from __future__ import annotations

from dataclasses import dataclass

from matching import commands as c
from matching import events as e
from tests.matching.naive.records import FAR, RECEIPTS, Market, Stand
from tests.matching.naive.settling import Settling


@dataclass(eq=False)
class Talk:
    """A negotiation; `live` is the proposal, `other` the firm that may answer it."""

    number: int
    market: Market
    live: Stand
    other: int
    round: int
    until: int


class Talks(Settling):
    """Invite, counter, accept, decline; what lapses."""

    def __init__(self) -> None:
        super().__init__()
        self.talks: dict[int, Talk] = {}
        self.talk_numbers = 0

    def do_Invite(self, command: c.Invite) -> str:
        if self.wrong(command.price_ticks, command.quantity_lots):
            return "INVALID"
        if len(command.receipt_ids) > RECEIPTS:
            return "LIMIT"
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        offer = self.proposal(command, command.instrument_id, command.side)
        reason = self.may_talk(market, offer)
        other = self.firms.get(command.to_firm_id)
        if not reason and other is None:
            reason = "UNKNOWN_FIRM"
        if not reason and other is not None and other.group == self.group(offer):
            reason = "RELATED_PARTY"
        reason = reason or self.too_far(command.expires_us) or self.may_propose(market, offer)
        reason = reason or self.short(offer, offer.open, command.receipt_ids)
        if reason:
            return reason
        self.talk_numbers += 1
        talk = Talk(self.talk_numbers, market, offer, command.to_firm_id, 1, command.expires_us)
        self.talks[talk.number] = talk
        self.notes.append(("talk", talk.number, command.firm_id, command.to_firm_id))
        self.set_aside(market, offer)
        self.tell(talk)
        return ""

    def do_Counter(self, command: c.Counter) -> str:
        if self.wrong(command.price_ticks, command.quantity_lots):
            return "INVALID"
        if len(command.receipt_ids) > RECEIPTS:
            return "LIMIT"
        talk = self.talk_of(command.firm_id, command.negotiation_id)
        if talk is None:
            return "UNKNOWN_NEGOTIATION"
        if talk.live.firm == command.firm_id:
            return "NOT_YOUR_TURN"
        before, market = talk.live, talk.market
        offer = self.proposal(command, before.where, self.opposite(before))
        reason = self.may_talk(market, offer) or self.too_far(command.expires_us)
        reason = reason or self.may_propose(market, offer)
        reason = reason or self.short(offer, offer.open, command.receipt_ids)
        if reason:
            return reason
        talk.live, talk.other, talk.round = offer, before.firm, talk.round + 1
        talk.until = command.expires_us
        offer.number = self.numbers + 1
        self.tell(talk)
        self.set_aside(market, offer)
        self.end(before, e.CancelReason.NEGOTIATION)
        return ""

    def do_Accept(self, command: c.Accept) -> str:
        if len(command.receipt_ids) > RECEIPTS:
            return "LIMIT"
        talk = self.talk_of(command.firm_id, command.negotiation_id)
        if talk is None:
            return "UNKNOWN_NEGOTIATION"
        live, market = talk.live, talk.market
        if live.firm == command.firm_id:
            return "NOT_YOUR_TURN"
        if command.round_no != talk.round:
            return "ROUND"
        taker = Stand(
            0, command.firm_id, command.trader_id, live.where, self.opposite(live),
            c.TimeInForce.IOC, live.price, live.open, live.open, c.Special(), 0,
        )  # fmt: skip
        lots = live.open
        reason = self.may_talk(market, taker) or self.may_propose(market, taker)
        reason = reason or self.firm_standing(live.firm, live.trader)
        if not reason and self.locked(market, live.firm, live.side):
            reason = "RESALE_LOCK"
        reason = reason or self.short(taker, lots, command.receipt_ids)
        if not reason and self.too_many(live, taker, self.picked, lots):
            reason = "HOLDER_LIMIT"
        if reason:
            return reason
        self.count(market, taker, lots, self.value(market, live.price, lots))
        self.number(taker, live.number)
        self.trade(market, live, taker, lots, live.price)
        del self.talks[talk.number]
        self.notes.append(("talked", talk.number, command.firm_id, self.trade_numbers))
        return ""

    def do_Decline(self, command: c.Decline) -> str:
        talk = self.talk_of(command.firm_id, command.negotiation_id)
        if talk is None:
            return "UNKNOWN_NEGOTIATION"
        self.end_talk(talk, command.firm_id)
        return ""

    def end_talk(self, talk: Talk, firm: int) -> None:
        del self.talks[talk.number]
        self.notes.append(("talked", talk.number, firm, 0))
        self.end(talk.live, e.CancelReason.NEGOTIATION)

    def talk_of(self, firm: int, number: int) -> Talk | None:
        talk = self.talks.get(number)
        return talk if talk is not None and firm in (talk.live.firm, talk.other) else None

    def opposite(self, order: Stand) -> c.Side:
        return c.Side.SELL if order.buys else c.Side.BUY

    def proposal(self, command: c.Invite | c.Counter, where: int, side: c.Side) -> Stand:
        return Stand(
            0, command.firm_id, command.trader_id, where, side, c.TimeInForce.GTD,
            command.price_ticks, command.quantity_lots, command.quantity_lots, c.Special(), 0,
        )  # fmt: skip

    def may_talk(self, market: Market, order: Stand) -> str:
        reason = self.standing(market, order.firm, order.trader)
        return reason or ("" if market.terms.mode == c.Mode.NEGOTIATED else "MODE")

    def too_far(self, until: int) -> str:
        if until <= self.now:
            return "EXPIRED"
        return "LIMIT" if until > self.now + FAR else ""

    def may_propose(self, market: Market, order: Stand) -> str:
        """Lock, minimum, step, band, limits."""
        if self.locked(market, order.firm, order.side):
            return "RESALE_LOCK"
        if order.open < market.terms.min_lots:
            return "BELOW_MINIMUM"
        if order.open % market.terms.step_lots:
            return "QUANTITY_STEP"
        if not market.low <= order.price <= market.high:
            return "PRICE_BAND"
        value = self.value(market, order.price, order.open)
        return self.bounds(market, order, order.open, order.open, value)

    def set_aside(self, market: Market, order: Stand) -> None:
        """Give a proposal its number and its cover."""
        self.count(market, order, order.open, self.value(market, order.price, order.open))
        self.number(order)
        order.place = "aside"
        self.orders[order.number] = order

    def lapse(self, talk: Talk) -> None:
        """The live round's time has come: the negotiation ends."""
        self.end_talk(talk, 0)

    def tell(self, talk: Talk) -> None:
        live = talk.live
        self.notes.append(
            ("proposal", talk.number, talk.round, live.number, live.firm, talk.other, talk.until)
        )
