"""A venue's engine whose blocks are made in memory, and a reader that keeps what a page keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any

from msgspec.structs import replace

from exchange.blocks import GENESIS, Block, make_block
from exchange.feeds import Frame, book_crc
from matching.commands import (
    AmendOrder,
    AnnounceAuction,
    AnyCommand,
    AuctionForm,
    BustTrade,
    CancelOrder,
    ChangePhase,
    CreditCash,
    CreditGoods,
    DefineFirm,
    DefineInstrument,
    DischargeTrade,
    Disconnect,
    EnterOrder,
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
    SetSelfMatch,
    SettleTrade,
    Side,
    Special,
    TimeInForce,
    WithholdGoods,
)
from matching.engine import ENGINE_VERSION, Engine
from matching.events import AnyEvent, CommandRejected, TradeExecuted

MIDNIGHT_US = 1_795_363_200_000_000
"""2026-11-23 00:00:00 in Shanghai."""
DAY = 20261123
START_US = MIDNIGHT_US + 9 * 3_600_000_000
SELLER, BUYER, OTHER = 11, 12, 13
FIRMS = {SELLER: "north", BUYER: "lantern", OTHER: "harbour"}
COAL, SQUID, COTTON = 1, 2, 3
CASH_FEN = 10**14
LIVE = ("open", "waiting", "suspended")
"""States in which an order holds cover."""


def firm_code(firm_id: int) -> str:
    return FIRMS[firm_id]


class Market:
    """One venue. `give` returns the block that holds the commands."""

    def __init__(self) -> None:
        self.engine = Engine(1)
        self.head: Block | None = None
        self.now = START_US
        self.numbers = 0
        self.blocks: list[Block] = []
        self.unsettled: list[TradeExecuted] = []
        self.new_receipts = 1_000_000

    def give(self, *commands: AnyCommand, after_us: int = 1_000) -> Block:
        self.now += after_us
        seq = self.head.seq + 1 if self.head else 1
        self.engine.begin_block(seq, self.now)
        events = self.engine.apply_all(commands)
        self.engine.check()
        for answer in events:
            self.unsettled += [one for one in answer if isinstance(one, TradeExecuted)]
        self.head = make_block(
            venue_id=1,
            seq=seq,
            epoch=1,
            ts_us=self.now,
            prev_hash=self.head.hash if self.head else GENESIS,
            prev_event_hash=self.head.event_hash if self.head else GENESIS,
            commands=list(commands),
            events=events,
            engine_version=ENGINE_VERSION,
        )
        self.blocks.append(self.head)
        return self.head

    def accept(self, *commands: AnyCommand, after_us: int = 1_000) -> Block:
        """Like `give`, and none of the commands may be refused."""
        block = self.give(*commands, after_us=after_us)
        for answer in block.decoded_events():
            assert not isinstance(answer[0], CommandRejected), answer[0]
        return block

    # Commands with the terms that these tests use.

    def define(self, instrument_id: int, mode: Mode) -> DefineInstrument:
        return DefineInstrument(
            instrument_id, mode, 100, 1_000, 1, 1, 10_000, 10**13, 500, 300, 700,
            10_000, 0, 5, 5, approval_id=1,
        )  # fmt: skip

    def enter(
        self,
        firm_id: int,
        side: Side,
        lots: int,
        price: int,
        instrument_id: int = COAL,
        tif: TimeInForce = TimeInForce.DAY,
    ) -> EnterOrder:
        return EnterOrder(
            firm_id, 7, self.next_id(), self.now, instrument_id, side, tif, price, lots
        )

    def special(
        self,
        firm_id: int,
        side: Side,
        lots: int,
        price: int,
        special: Special,
        instrument_id: int = COAL,
        tif: TimeInForce = TimeInForce.DAY,
    ) -> EnterOrder:
        return replace(self.enter(firm_id, side, lots, price, instrument_id, tif), special=special)

    def cancel(self, firm_id: int, order_id: int) -> CancelOrder:
        return CancelOrder(firm_id, 7, self.next_id(), self.now, order_id)

    def amend(self, firm_id: int, order_id: int, price: int, lots: int) -> AmendOrder:
        return AmendOrder(firm_id, 7, self.next_id(), self.now, order_id, price, lots)

    def lift(self, firm_id: int, order_id: int, lots: int) -> LiftOrder:
        return LiftOrder(firm_id, 7, self.next_id(), self.now, order_id, lots)

    def settle(self, trade: TradeExecuted) -> SettleTrade:
        ids = []
        for _ in trade.receipts:
            self.new_receipts += 1
            ids.append(self.new_receipts)
        return SettleTrade(f"settle:{trade.trade_id}", trade.trade_id, tuple(ids), 0)

    def discharge(self, trade: TradeExecuted) -> list[AnyCommand]:
        """The buyer pays one fen more; half of it all is delivered, then the rest returns."""
        number, money = trade.trade_id, trade.buyer_committed_fen + 1
        (receipt, lots, _), *others = trade.receipts
        out = ((receipt, (lots + 1) // 2),)
        rest = [(receipt, lots // 2), *((one, count) for one, count, _ in others)]
        home = tuple((one, count) for one, count in rest if count)
        return [
            PayTrade(f"pay:{number}", number, 1),
            DischargeTrade(f"out:{number}", number, out, (), money // 2, 0, 2),
            DischargeTrade(f"home:{number}", number, (), home, 0, money - money // 2 - 2, 0, 1),
        ]

    def bust(self, trade: TradeExecuted) -> BustTrade:
        return BustTrade(f"bust:{trade.trade_id}", trade.trade_id, 1, 2, "typing error")

    def next_id(self) -> str:
        self.numbers += 1
        return f"c{self.numbers}"

    def events(self) -> list[AnyEvent]:
        """Return every event so far."""
        return [e for block in self.blocks for answer in block.decoded_events() for e in answer]


def open_market(lock: ResaleLock = ResaleLock.NONE, dynamic_bp: int = 0) -> Market:
    """Return a market with coal (`matched`) and squid (`listed`), goods and money, trading.

    With a dynamic band, coal is interrupted and reopened by a call of one second.
    """
    market = Market()
    coal = market.define(COAL, Mode.MATCHED)
    market.accept(
        OpenDay(DAY),
        *(DefineFirm(firm_id, firm_id) for firm_id in FIRMS),
        # A lock: whoever has bought coal has its own sales of coal suspended.
        replace(coal, resale_lock=lock, dynamic_bp=dynamic_bp, call_seconds=int(dynamic_bp > 0)),
        market.define(SQUID, Mode.LISTED),
    )
    market.accept(
        *(CreditCash(f"cash:{firm_id}", firm_id, CASH_FEN) for firm_id in FIRMS),
        CreditGoods("goods:1", 101, 101, SELLER, COAL, 50_000, 50_000_000, 0),
        CreditGoods("goods:2", 102, 102, SELLER, SQUID, 50_000, 50_000_000, 0),
        CreditGoods("goods:3", 103, 103, OTHER, COAL, 50_000, 50_000_000, 0),
        CreditGoods("goods:4", 104, 104, OTHER, SQUID, 50_000, 50_000_000, 0),
    )
    for phase in (Phase.PRE_OPEN, Phase.CONTINUOUS):
        market.accept(ChangePhase(COAL, phase), ChangePhase(SQUID, phase))
    return market


def auction_market() -> Market:
    """Return a market whose seller will auction 20 lots of cotton; two firms lodged their bonds."""
    market = open_market()
    market.accept(
        market.define(COTTON, Mode.AUCTION),
        CreditGoods("goods:5", 105, 105, SELLER, COTTON, 100, 100_000, 0),
    )
    for phase in (Phase.PRE_OPEN, Phase.CONTINUOUS):
        market.accept(ChangePhase(COTTON, phase))
    opens, closes = market.now + 1_000_000, market.now + 61_000_000
    rules = (SELLER, Side.SELL, AuctionForm.ASCENDING, 20, 500, 0, 5, 2, 2, 50_000)
    market.accept(
        AnnounceAuction("sale", 1, COTTON, *rules, opens, closes, 0, 0, 0, is_uniform=False)
    )
    bidders = (BUYER, OTHER)
    market.accept(*(JoinAuction(one, 7, market.next_id(), market.now, 1) for one in bidders))
    return market


def bids_and_close(market: Market) -> Iterable[Block]:
    """Let two firms bid and the auction close; the second one wins."""
    yield market.accept(PassTime(), after_us=1_000_000)
    for firm_id, price in ((BUYER, 520), (OTHER, 540)):
        yield market.accept(PlaceBid(firm_id, 7, market.next_id(), market.now, 1, price, 20))
    yield market.accept(PassTime(), after_us=61_000_000)


def random_commands(market: Market, random: Random) -> list[AnyCommand]:
    """Return up to six commands that firms could send now; some of them will be refused."""
    commands: list[AnyCommand] = []
    for _ in range(random.randint(0, 6)):
        mine = list(market.engine.open_orders())
        action = random.random()
        firm_id = random.choice(list(FIRMS))
        side = Side.BUY if firm_id == BUYER else random.choice([Side.SELL, Side.SELL, Side.BUY])
        price = random.randint(440, 510) if side == Side.BUY else random.randint(490, 560)
        lots = random.randint(1, 40)
        if action < 0.35 or not mine:
            tif = random.choice([TimeInForce.DAY, TimeInForce.DAY, TimeInForce.IOC])
            where = random.choice([COAL, COAL, SQUID])
            commands.append(market.enter(firm_id, side, lots, price, where, tif))
            continue
        if action < 0.5:
            commands.append(special_order(market, random, firm_id, side, price, lots))
            continue
        order = random.choice(mine)
        if action < 0.65:
            commands.append(market.cancel(order.firm_id, order.order_id))
        elif action < 0.8:
            commands.append(market.amend(order.firm_id, order.order_id, price, lots))
        elif action < 0.87:
            commands.append(market.lift(firm_id, order.order_id, lots))
        elif action < 0.92:
            commands += sweeping(market, random, firm_id, side, price, lots)
        elif action < 0.96 and market.unsettled:
            trade = market.unsettled.pop(random.randrange(len(market.unsettled)))
            if action >= 0.95:
                commands.append(market.bust(trade))
            elif trade.trade_id % 3:
                commands.append(market.settle(trade))
            else:
                commands += market.discharge(trade)
        elif action < 0.98:
            commands.append(SetSelfMatch(firm_id, random.choice(list(SelfMatch))))
        else:
            phase = random.choice([Phase.CALL, Phase.CONTINUOUS, Phase.CONTINUOUS])
            commands.append(ChangePhase(COAL, phase))
    return [*commands, PassTime()]


def special_order(
    market: Market, random: Random, firm_id: int, side: Side, price: int, lots: int
) -> EnterOrder:
    """Return an order that is more than a plain limit."""
    tif, where = TimeInForce.DAY, COAL
    kind = random.randrange(11)
    if kind == 0:
        special = Special(display_lots=3)
    elif kind == 1:
        special = Special(OrderKind.STOP_LIMIT, stop_ticks=random.randint(470, 530))
    elif kind == 2:
        tif = TimeInForce.GTD
        special = Special(expires_us=market.now + random.randint(2_000, 60_000_000))
    elif kind == 3:
        special = Special(post_only=random.choice([PostOnly.REFUSE, PostOnly.REPRICE]))
    elif kind == 4:
        special = Special(OrderKind.MARKET_TO_LIMIT)
    elif kind == 5:
        where, special = SQUID, Special(least_lots=min(lots, 5))
    elif kind == 6:
        tif, special = TimeInForce.FOK, Special()
    elif kind == 7:
        tif, special = TimeInForce.IOC, Special(OrderKind.PROTECTED)
    elif kind == 8:
        tif, special = TimeInForce.IOC, Special(least_lots=min(lots, 5))
    elif kind == 9:
        tif, special = TimeInForce.GTC, Special(display_lots=min(lots, 4))
    else:
        where, special = SQUID, Special(firm_ids=(random.choice(list(FIRMS)),))
    who = (firm_id, 7, market.next_id(), market.now)
    session = random.randint(0, 2)
    return EnterOrder(*who, where, side, tif, price, lots, (), special, session)


def sweeping(
    market: Market, random: Random, firm_id: int, side: Side, price: int, lots: int
) -> list[AnyCommand]:
    """Return what may change many orders at once; a blocked trader is freed again."""
    who = (firm_id, 7, market.next_id(), market.now)
    kind = random.randrange(5)
    if kind == 4:
        return withholding(market, random)
    if kind == 0:
        return [MassCancel(*who, 0, random.choice([0, COAL, SQUID]), random.randint(0, 2))]
    if kind == 1:
        return [Disconnect(firm_id, random.randint(1, 2))]
    if kind == 2:
        return [KillSwitch(firm_id, 7, blocked, 1, "drill") for blocked in (True, False)]
    return [LiftBest(*who, SQUID, side, price, lots)]


def withholding(market: Market, random: Random) -> list[AnyCommand]:
    """Return a freeze of a receipt that offers may hold, and new goods of its firm."""
    receipt = random.choice(market.engine.receipts())
    market.new_receipts += 1
    new, lots, op_id = market.new_receipts, 50_000, market.next_id()
    firm_id, where = receipt.firm_id, receipt.instrument_id
    return [
        WithholdGoods(f"freeze:{op_id}", receipt.receipt_id, random.choice([0, 0, 1])),
        CreditGoods(f"goods:{op_id}", new, new, firm_id, where, lots, lots * 1_000, 0),
    ]


class Page:
    """What one browser page keeps of one topic: a snapshot, then every update in turn."""

    def __init__(self, snapshot: Frame) -> None:
        self.topic = snapshot.topic
        frame = json.loads(snapshot.payload)
        assert frame["t"] == "snapshot"
        self.seq: int = frame["seq"]
        self.word = frame["topic"].partition(".")[0]
        self.rows: dict[Any, Any] = {}
        self.sides: list[dict[int, list[int]]] = [{}, {}]
        self._take(frame["data"])

    def read(self, frames: Iterable[Frame]) -> None:
        """Apply the frames of this topic; every number must follow on the one before."""
        for frame in frames:
            if frame.topic != self.topic:
                continue
            update = json.loads(frame.payload)
            assert update["t"] == "update"
            assert (
                (update["prev_seq"], update["seq"])
                == (self.seq, self.seq + 1)
                == (
                    self.seq,
                    frame.seq,
                )
            )
            self.seq = frame.seq
            self._take(update["data"])

    def _take(self, data: dict[str, Any]) -> None:
        if self.word == "book":
            for side, levels in zip(self.sides, (data["bids"], data["asks"]), strict=True):
                for level in levels:
                    side.pop(level[0], None)
                    if level[1]:
                        side[level[0]] = level
            assert data["crc"] == book_crc(self.bids, self.asks)
        elif self.word == "funds":
            self.rows = data
        elif self.word == "offers":
            self._put(data["offers"], "order", lambda offer: offer["open"] == 0)
        elif self.word == "directed":
            self._put(data["directed"], "order", lambda offer: offer["open"] == 0)
        elif self.word == "orders":
            self._put(data["orders"], "order", lambda order: order["state"] not in LIVE)
        elif self.word == "receipts":
            stations = ("free", "held", "committed")
            self._put(data["receipts"], "receipt", lambda row: not any(row[s] for s in stations))
        elif self.word == "contracts":
            self._put(data["contracts"], "trade", lambda row: False)

    def _put(self, rows: list[dict[str, Any]], key: str, is_gone: Any) -> None:
        for row in rows:
            self.rows.pop(row[key], None)
            if not is_gone(row):
                self.rows[row[key]] = row

    @property
    def bids(self) -> list[list[int]]:
        """Levels, best first."""
        return [self.sides[0][price] for price in sorted(self.sides[0], reverse=True)]

    @property
    def asks(self) -> list[list[int]]:
        """Levels, best first."""
        return [self.sides[1][price] for price in sorted(self.sides[1])]
