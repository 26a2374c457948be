"""Plays the golden scenarios: a trader can read them, indented lines are what the market said.

A file starts with `instrument matched|listed|negotiated [minimum step] [name=value ...]`, then
gives firms `cash` (yuan) and `goods` (tonnes), then acts. One lot is a tonne, one tick a yuan;
times are seconds. `another` admits a second instrument of the same product; `in=2` trades there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from matching.commands import (
    Accept,
    AmendOrder,
    AnnounceAuction,
    AuctionForm,
    BustTrade,
    CancelOrder,
    ChangePhase,
    Counter,
    CreditCash,
    CreditGoods,
    Decline,
    DefineFirm,
    DefineInstrument,
    DischargeTrade,
    Disconnect,
    EnterOrder,
    FirmStatus,
    HaltScope,
    Invite,
    JoinAuction,
    KillSwitch,
    LiftBest,
    LiftOrder,
    MassCancel,
    Mode,
    OpenDay,
    OrderKind,
    PassTime,
    PayTrade,
    Phase,
    PlaceBid,
    PostOnly,
    ResaleLock,
    SelfMatch,
    SetFirmLimits,
    SetFirmStatus,
    SetHalt,
    SetReference,
    SetSelfMatch,
    SettleTrade,
    Side,
    Special,
    TimeInForce,
    WithdrawAuction,
    WithholdGoods,
)
from matching.engine import Engine
from matching.events import (
    AuctionAnnounced,
    AuctionEnded,
    AuctionExtended,
    AuctionIndicated,
    AuctionOpened,
    AuctionUncrossed,
    BidderJoined,
    BidPlaced,
    BondReleased,
    CancelReason,
    ClockMoved,
    CommandRejected,
    CommandRepeated,
    GoodsDebited,
    GoodsWithheld,
    KillSwitched,
    NegotiationEnded,
    NegotiationOpened,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    OrderReduced,
    OrderRefreshed,
    OrderRested,
    OrderResumed,
    OrderSuspended,
    OrdersWithdrawn,
    PhaseChanged,
    ProposalMade,
    StopTriggered,
    TradeBusted,
    TradeDischarged,
    TradeExecuted,
    TradePaid,
    TradeSettled,
    VolatilityInterrupted,
)

HERE = Path(__file__).parent
NOW = 1_795_400_000_000_000
KINDS = {"mtl": OrderKind.MARKET_TO_LIMIT, "protected": OrderKind.PROTECTED}
POSTS = {"post": PostOnly.REFUSE, "reprice": PostOnly.REPRICE}
FIRMS = {"northmill": 1, "redquay": 2, "lantern": 3, "eastgate": 4, "northsub": 5}
GROUPS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 1}  # northsub belongs to northmill's group


class Market:
    """Up to two instruments of one product, five firms, names for orders."""

    def __init__(self) -> None:
        self.engine = Engine(1)
        self.seq = 1
        self.now = NOW
        self.engine.begin_block(1, NOW)
        self.names: dict[str, int] = {}
        self.talks: dict[str, int] = {}
        self.receipts = 0
        self.sent = 0
        self.terms: tuple[str, ...] = ()

    def give(self, command: Any) -> tuple[Any, ...]:
        events = self.engine.apply(command)
        self.engine.check()
        return events

    def who(self, firm: str, trader: int = 1) -> tuple[int, int, str, int]:
        """A client command's first fields, under an id of its own."""
        self.sent += 1
        return FIRMS[firm], trader, f"id{self.sent}", self.now

    def name(self, name: str, events: tuple[Any, ...]) -> list[str]:
        """Give the order that the events entered a name, and say what happened."""
        for event in events:
            if isinstance(event, OrderEntered):
                self.names[name] = event.order_id
        return self.told(events, name)

    def play(self, line: str) -> list[str]:
        word, *rest = line.split()
        said: list[str] = getattr(self, f"act_{word}")(*rest)
        return said

    def act_instrument(self, *terms: str) -> list[str]:
        self.give(OpenDay(20261123))
        for firm, group in GROUPS.items():
            self.give(DefineFirm(firm, group))
        self.terms = terms
        return self._define(1)

    def act_another(self) -> list[str]:
        return self._define(2)

    def _define(self, number: int) -> list[str]:
        sizes = [word for word in self.terms[1:] if "=" not in word]
        more = dict(word.split("=") for word in self.terms[1:] if "=" in word)
        minimum, step = (int(size) for size in (*sizes, "1", "1")[:2])
        mode = Mode[self.terms[0].upper()]
        self.give(
            DefineInstrument(
                number, mode, 100, 1000, minimum,
                step, int(more.get("most", 1000)), 10**9, 4800, 4700, 4900,
                int(more.get("cover", 10_000)), 0, 0, 0,
                approval_id=1, product_id=9,
                resale_lock=ResaleLock(int(more.get("lock", 0))),
                dynamic_bp=int(more.get("dynamic", 0)), call_seconds=int(more.get("call", 0)),
                max_day_lots=int(more.get("daily", 0)),
            )
        )  # fmt: skip
        self.give(ChangePhase(number, Phase.PRE_OPEN))
        self.give(ChangePhase(number, Phase.CONTINUOUS))
        return []

    def act_cash(self, firm: str, yuan: str) -> list[str]:
        self.receipts += 1
        return self.told(
            self.give(CreditCash(f"c{self.receipts}", FIRMS[firm], int(yuan) * 100)), ""
        )

    def act_goods(
        self, firm: str, tonnes: str, day: str = "0", instrument: str = "in=1"
    ) -> list[str]:
        self.receipts += 1
        n, lots = self.receipts, int(tonnes)
        where = int(instrument.removeprefix("in="))
        command = CreditGoods(f"g{n}", n, n, FIRMS[firm], where, lots, lots * 1000, int(day))
        return self.told(self.give(command), "")

    def act_enter(
        self, name: str, firm: str, side: str, lots: str, at: str, price: str, *words: str
    ) -> list[str]:
        """Words: a time in force, a kind, `name=value` terms."""
        assert at == "@"
        plain = [word for word in words if "=" not in word]
        more = dict(word.split("=") for word in words if "=" in word)
        tif = next((t for t in TimeInForce if t.name.lower() in plain), TimeInForce.DAY)
        kind = next((k for word, k in KINDS.items() if word in plain), OrderKind.LIMIT)
        post = next((p for word, p in POSTS.items() if word in plain), PostOnly.NO)
        firms = tuple(FIRMS[one] for one in more.get("to", "").split(",") if one)
        special = Special(
            OrderKind.STOP_LIMIT if "stop" in more else kind,
            self.now + int(more["until"]) * 1_000_000 if "until" in more else 0,
            int(more.get("show", 0)),
            int(more.get("least", 0)),
            post,
            int(more.get("stop", 0)),
            firms,
        )
        if "until" in more:
            tif = TimeInForce.GTD
        command = EnterOrder(
            *self.who(firm, int(more.get("trader", 1))), int(more.get("in", 1)),
            Side.BUY if side == "buy" else Side.SELL, tif, int(price), int(lots),
            tuple(int(one) for one in more.get("from", "").split(",") if one),
            None if special == Special() else special, int(more.get("session", 0)),
        )  # fmt: skip
        return self.name(name, self.give(command))

    def act_again(
        self, name: str, firm: str, side: str, lots: str, at: str, price: str
    ) -> list[str]:
        """The same client id once more."""
        way = Side.BUY if side == "buy" else Side.SELL
        return self.told(
            self.give(
                EnterOrder(
                    FIRMS[firm], 1, f"id{self.sent}", self.now + 9, 1, way, TimeInForce.DAY,
                    int(price), int(lots),
                )
            ),
            name,
        )  # fmt: skip

    def act_lift(self, name: str, firm: str, offer: str, lots: str) -> list[str]:
        command = LiftOrder(*self.who(firm), self.names[offer], int(lots))
        return self.name(name, self.give(command))

    def act_liftbest(
        self, name: str, firm: str, side: str, lots: str, at: str, price: str
    ) -> list[str]:
        way = Side.BUY if side == "buy" else Side.SELL
        command = LiftBest(*self.who(firm), 1, way, int(price), int(lots))
        return self.name(name, self.give(command))

    def act_amend(self, firm: str, name: str, lots: str, at: str, price: str) -> list[str]:
        command = AmendOrder(*self.who(firm), self.names[name], int(price), int(lots))
        return self.told(self.give(command), name)

    def act_cancel(self, firm: str, name: str) -> list[str]:
        return self.told(self.give(CancelOrder(*self.who(firm), self.names[name])), name)

    def act_masscancel(self, firm: str, *words: str) -> list[str]:
        more = dict(word.split("=") for word in words)
        side = {"": 0, "buy": 1, "sell": 2}[more.get("side", "")]
        command = MassCancel(
            *self.who(firm), int(more.get("trader", 0)), int(more.get("in", 0)), side
        )
        return self.told(self.give(command), "")

    def act_invite(
        self, talk: str, firm: str, other: str, side: str, lots: str, at: str, price: str,
        until: str = "until=60",
    ) -> list[str]:  # fmt: skip
        way = Side.BUY if side == "buy" else Side.SELL
        due = self.now + int(until.removeprefix("until=")) * 1_000_000
        command = Invite(*self.who(firm), 1, FIRMS[other], way, int(price), int(lots), due)
        events = self.give(command)
        if isinstance(events[0], NegotiationOpened):
            self.talks[talk] = events[0].negotiation_id
        return self.name(talk, events)

    def act_counter(
        self, talk: str, firm: str, lots: str, at: str, price: str, until: str = "until=60"
    ) -> list[str]:
        due = self.now + int(until.removeprefix("until=")) * 1_000_000
        command = Counter(*self.who(firm), self.talks.get(talk, 99), int(price), int(lots), due)
        return self.name(f"{talk}'", self.give(command))

    def act_accept(self, talk: str, firm: str, round_no: str) -> list[str]:
        command = Accept(*self.who(firm), self.talks.get(talk, 99), int(round_no))
        return self.name(f"{talk}*", self.give(command))

    def act_decline(self, talk: str, firm: str) -> list[str]:
        return self.told(self.give(Decline(*self.who(firm), self.talks.get(talk, 99))), "")

    def act_announce(
        self, number: str, firm: str, side: str, lots: str, at: str, reserve: str, *words: str
    ) -> list[str]:
        """Words: `dutch` or `sealed`, `uniform`, `name=value` rules. It opens after 60 s and
        closes after 600, unless a clock ends it."""
        assert at == "@"
        self.receipts += 1
        more = {key: int(word) for key, _, word in (one.partition("=") for one in words) if word}
        form = next((f for f in AuctionForm if f.name.lower() in words), AuctionForm.ASCENDING)
        second = 1_000_000
        is_dutch = form == AuctionForm.DUTCH
        step = 0 if form == AuctionForm.SEALED else more.get("step", 10)
        command = AnnounceAuction(
            f"a{self.receipts}", int(number), 1, FIRMS[firm],
            Side.BUY if side == "buy" else Side.SELL, form, int(lots), int(reserve),
            more.get("start", 0), step, more.get("least", 1), more.get("lots", 1),
            more.get("bond", 1000) * 100, self.now + more.get("opens", 60) * second,
            0 if is_dutch else self.now + more.get("closes", 600) * second,
            more.get("extend", 0) * second, more.get("times", 0), more.get("every", 0) * second,
            "uniform" in words,
        )  # fmt: skip
        return self.name(f"a{number}", self.give(command))

    def act_withdraw(self, number: str, *reason: str) -> list[str]:
        self.receipts += 1
        command = WithdrawAuction(f"w{self.receipts}", int(number), " ".join(reason))
        return self.told(self.give(command), "")

    def act_join(self, number: str, firm: str) -> list[str]:
        return self.told(self.give(JoinAuction(*self.who(firm), int(number))), firm)

    def act_bid(
        self, name: str, number: str, firm: str, lots: str, at: str, price: str, *words: str
    ) -> list[str]:
        """`whole`: the bidder takes no part of what it asks for."""
        assert at == "@"
        trader = next((int(one[7:]) for one in words if one.startswith("trader=")), 1)
        command = PlaceBid(
            *self.who(firm, trader), int(number), int(price), int(lots), "whole" not in words
        )
        return self.name(name, self.give(command))

    def act_policy(self, firm: str, name: str) -> list[str]:
        return self.told(self.give(SetSelfMatch(FIRMS[firm], SelfMatch[name.upper()])), "")

    def act_limits(self, firm: str, rate: str, burst: str, yuan: str = "0") -> list[str]:
        command = SetFirmLimits(FIRMS[firm], int(rate), int(burst), int(yuan) * 100)
        return self.told(self.give(command), "")

    def act_kill(self, firm: str, trader: str = "0") -> list[str]:
        return self.told(self.give(KillSwitch(FIRMS[firm], int(trader), True, 1, "test")), "")

    def act_unblock(self, firm: str, trader: str = "0") -> list[str]:
        return self.told(self.give(KillSwitch(FIRMS[firm], int(trader), False, 1, "test")), "")

    def act_disconnect(self, firm: str, session: str) -> list[str]:
        return self.told(self.give(Disconnect(FIRMS[firm], int(session))), "")

    def act_day(self, day: str) -> list[str]:
        return self.told(self.give(OpenDay(int(day))), "")

    def act_bust(self, trade: str, *approver: str) -> list[str]:
        self.receipts += 1
        other = int(approver[0]) if approver else 2
        command = BustTrade(f"b{self.receipts}", int(trade), 1, other, "typing error")
        return self.told(self.give(command), "")

    def act_wait(self, seconds: str) -> list[str]:
        """Time passes; what comes due happens."""
        self.now += int(seconds) * 1_000_000
        self.seq += 1
        self.engine.begin_block(self.seq, self.now)
        return self.told(self.give(PassTime()), "")

    def act_book(self, instrument: str = "1") -> list[str]:
        """What the public sees: price and shown quantity, best first."""
        book = self.engine.venue.instruments[int(instrument)].book
        bids = [f"{level.lots} @ {level.price_ticks}" for level in book.bids.levels.values()]
        asks = [f"{level.lots} @ {level.price_ticks}" for level in book.asks.levels.values()]
        return [f"bids {', '.join(bids) or '-'}", f"asks {', '.join(asks) or '-'}"]

    def act_indication(self) -> list[str]:
        price, volume, surplus = self.engine.indication(1)
        return [f"{volume} @ {price} surplus {surplus}"]

    def act_settle(self, trade: str) -> list[str]:
        self.receipts += 1
        trade_id = int(trade)
        pending = self.engine.venue.trades.get(trade_id)
        count = len(pending.receipts) if pending else 1
        new = tuple(1000 + trade_id * 10 + n for n in range(count))
        return self.told(self.give(SettleTrade(f"s{self.receipts}", trade_id, new, 20261201)), "")

    def act_pay(self, trade: str, yuan: str) -> list[str]:
        """The buyer pays what is due on a trade."""
        self.receipts += 1
        return self.told(self.give(PayTrade(f"p{self.receipts}", int(trade), int(yuan) * 100)), "")

    def act_discharge(self, trade: str, *words: str) -> list[str]:
        """out 1:3 (receipt:lots), home 2:5, seller 1000 (yuan), buyer 20, fees 1, penalty 7."""
        goods: dict[str, list[tuple[int, int]]] = {"out": [], "home": []}
        money = {"seller": 0, "buyer": 0, "fees": 0, "penalty": 0}
        for what, value in zip(words[::2], words[1::2], strict=True):
            if what in goods:
                receipt, lots = value.split(":")
                goods[what].append((int(receipt), int(lots)))
            else:
                money[what] = int(value) * 100
        self.receipts += 1
        out, home = tuple(goods["out"]), tuple(goods["home"])
        op_id = f"d{self.receipts}"
        return self.told(
            self.give(DischargeTrade(op_id, int(trade), out, home, *money.values())), ""
        )

    def act_withhold(self, receipt: str, tonnes: str = "0") -> list[str]:
        """A court or the warehouse takes goods out of the market; all that no trade has bound."""
        self.receipts += 1
        command = WithholdGoods(f"h{self.receipts}", int(receipt), int(tonnes))
        return self.told(self.give(command), "")

    def act_receipt(self, number: str) -> list[str]:
        receipt = self.engine.receipt(int(number))
        if receipt is None:
            return [f"receipt {number} has nothing left"]
        return [
            f"receipt {number}: {receipt.free_lots} free, {receipt.held_lots} on offer, "
            f"{receipt.committed_lots} bound"
        ]

    def act_halt(self, what: str) -> list[str]:
        return self._halt(what, halted=True)

    def act_resume(self, what: str) -> list[str]:
        return self._halt(what, halted=False)

    def _halt(self, what: str, *, halted: bool) -> list[str]:
        scope, target = {
            "venue": (HaltScope.VENUE, 0),
            "instrument": (HaltScope.INSTRUMENT, 1),
        }.get(what, (HaltScope.FIRM, FIRMS.get(what, 0)))
        return self.told(self.give(SetHalt(scope, target, halted, 1, "test")), "")

    def act_suspend(self, firm: str) -> list[str]:
        return self.told(self.give(SetFirmStatus(FIRMS[firm], FirmStatus.SUSPENDED)), "")

    def act_phase(self, name: str, instrument: str = "1") -> list[str]:
        return self.told(self.give(ChangePhase(int(instrument), Phase[name.upper()])), "")

    def act_reference(self, low: str, reference: str, high: str) -> list[str]:
        return self.told(self.give(SetReference(1, int(reference), int(low), int(high))), "")

    def act_funds(self, firm: str) -> list[str]:
        available, held, committed = (fen / 100 for fen in self.engine.cash(FIRMS[firm]))
        return [f"{firm} available {available:.2f} held {held:.2f} committed {committed:.2f}"]

    def told(self, events: tuple[Any, ...], name: str) -> list[str]:
        """Say in a trader's words what happened."""
        by_id = {number: known for known, number in self.names.items()}
        lines = []
        for event in events:
            if isinstance(event, CommandRejected):
                values = " ".join(str(value) for value in event.values)
                lines.append(f"refused {event.reason} {values}".rstrip())
            elif isinstance(event, CommandRepeated):
                lines.append("repeated")
            elif isinstance(event, OrderEntered) and event.warned:
                lines.append("warned: far from the reference price")
            elif isinstance(event, OrderEntered) and event.tif == TimeInForce.GTD:
                lines.append(f"accepted {by_id.get(event.order_id, name)}")
            elif isinstance(event, OrderRested):
                known = by_id.get(event.order_id, name)
                hidden = f" and {event.hidden_lots} hidden" if event.hidden_lots else ""
                lines.append(f"rest {known} {event.open_lots} @ {event.price_ticks}{hidden}")
            elif isinstance(event, TradeExecuted):
                maker = by_id.get(event.maker_order_id, "?")
                taker = by_id.get(event.taker_order_id, name)
                lines.append(f"trade {maker} {taker} {event.quantity_lots} @ {event.price_ticks}")
            elif isinstance(event, OrderCancelled):
                known = by_id.get(event.order_id, name)
                reason = CancelReason(event.reason).name.lower()
                lines.append(f"cancelled {known} {event.cancelled_lots} {reason}")
            elif isinstance(event, OrderAmended):
                known = by_id.get(event.order_id, name)
                place = "keeps its place" if event.kept_priority else "loses its place"
                lines.append(f"amended {known} {event.open_lots} @ {event.price_ticks} {place}")
            elif isinstance(event, TradeSettled):
                moves = ", ".join(
                    f"receipt {source}" + (f" -> {new}" if new != source else " whole") + f" {lots}"
                    for source, new, lots, _ in event.moves
                )
                lines.append(f"settled {event.trade_id}: {moves}")
            else:
                order = by_id.get(getattr(event, "order_id", 0), name)
                lines += special_words(event, order)
        return lines


def special_words(event: Any, order: str) -> list[str]:
    """Say what the rarer events mean."""
    if isinstance(event, OrderRefreshed):
        return [f"shows {order} {event.shown_lots} @ {event.price_ticks}, behind the others"]
    if isinstance(event, OrderReduced):
        reason = CancelReason(event.reason).name.lower()
        return [f"reduced {order} by {event.reduced_lots}, {event.open_lots} open, {reason}"]
    if isinstance(event, OrderSuspended):
        return [f"suspended {order} {event.open_lots + event.hidden_lots}"]
    if isinstance(event, OrderResumed):
        return [f"resumed {order}"]
    if isinstance(event, StopTriggered):
        return [f"triggered {order}: last {event.last_ticks}, stop {event.stop_ticks}"]
    if isinstance(event, OrdersWithdrawn):
        return [f"{event.count} withdrawn"]
    if isinstance(event, KillSwitched):
        return [f"blocked, {event.count} withdrawn" if event.blocked else "unblocked"]
    if isinstance(event, AuctionUncrossed):
        if not event.volume_lots:
            return ["auction: nothing trades"]
        surplus = event.surplus_lots
        left = f", {abs(surplus)} {'bought' if surplus > 0 else 'sold'} more" if surplus else ""
        return [f"auction: {event.volume_lots} @ {event.price_ticks}{left}"]
    if isinstance(event, AuctionIndicated):
        return [f"indicates {event.volume_lots} @ {event.price_ticks} over {event.surplus_lots}"]
    if isinstance(event, VolatilityInterrupted):
        return [
            f"interrupted: {event.price_ticks} is outside {event.low_ticks} to {event.high_ticks}"
        ]
    if isinstance(event, PhaseChanged):
        return [f"phase {Phase(event.phase).name.lower()}"]
    if isinstance(event, TradeBusted):
        return [f"busted {event.trade_id}"]
    if isinstance(event, TradePaid):
        bound = f"{event.committed_fen / 100:.2f}"
        return [f"paid {event.trade_id}: {event.amount_fen / 100:.2f}, {bound} bound"]
    if isinstance(event, TradeDischarged):
        out = ", ".join(f"receipt {one} {lots}" for one, lots, _ in event.delivered) or "nothing"
        home = ", ".join(f"receipt {one} {lots}" for one, lots, _ in event.returned)
        ended = "ended" if not (event.open_lots or event.committed_fen) else "open"
        return [
            f"discharged {event.trade_id}: {out} delivered"
            + (f", {home} back" if home else "")
            + f", {event.committed_fen / 100:.2f} and {event.open_lots} bound, {ended}"
        ]
    if isinstance(event, GoodsWithheld):
        orders = f"{event.count} orders" if event.count != 1 else "1 order"
        return [f"withholds {event.lots} of receipt {event.receipt_id}, {orders} withdrawn"]
    if isinstance(event, GoodsDebited):
        return [f"{event.lots} of receipt {event.receipt_id} out of the market"]
    if isinstance(event, ProposalMade):
        return [f"round {event.round_no} of {order}"]
    if isinstance(event, NegotiationEnded):
        return ["agreed" if event.trade_id else "no agreement"]
    return auction_words(event, order)


def auction_words(event: Any, order: str) -> list[str]:
    """Say what the events of a one-way auction mean."""
    if isinstance(event, AuctionAnnounced):
        return [f"announced {event.auction_id}"]
    if isinstance(event, AuctionOpened):
        return [f"auction {event.auction_id} is open"]
    if isinstance(event, BidderJoined):
        return [f"joined, bond {event.bond_fen / 100:.2f}"]
    if isinstance(event, BidPlaced):
        whole = "" if event.accepts_part else " or nothing"
        return [f"bids {event.quantity_lots} @ {event.price_ticks}{whole}"]
    if isinstance(event, AuctionExtended):
        at = (event.closes_us - NOW) // 1_000_000
        return [f"closes at second {at}, {event.extensions_left} extensions left"]
    if isinstance(event, ClockMoved):
        return [f"clock {event.price_ticks}"]
    if isinstance(event, AuctionEnded):
        sold = f"{event.sold_lots} sold, margin {event.marginal_ticks}" if event.sold_lots else ""
        return [f"auction {event.auction_id} ended: {sold or event.reason or 'no sale'}"]
    if isinstance(event, BondReleased):
        firm = next(name for name, number in FIRMS.items() if number == event.firm_id)
        return [f"bond of {firm} released"]
    return []


@pytest.mark.parametrize(
    "path", sorted(HERE.rglob("*.txt")), ids=lambda path: str(path.relative_to(HERE))
)
def test_scenario(path: Path, request: pytest.FixtureRequest) -> None:
    market = Market()
    written = path.read_text(encoding="utf-8").splitlines()
    said: list[str] = []
    for line in written:
        if line.startswith("  "):
            continue
        said.append(line)
        if line.strip() and not line.startswith("#"):
            said += [f"  {answer}" for answer in market.play(line)]
    if request.config.getoption("--update-scenarios"):
        path.write_text("\n".join(said) + "\n", encoding="utf-8")
    assert said == written
