"""Projections: rows say what the engine says, however often and in whatever pieces it is read."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any

import pytest
from django.db import models
from msgspec.structs import replace

from exchange import queries, reference, scope
from exchange.followers import apply_blocks
from exchange.models import (
    LIVE_STATES,
    Bookmark,
    Candle,
    DayStatistics,
    Firm,
    FirmFunds,
    Instrument,
    InstrumentStatus,
    Membership,
    MembershipStatus,
    OrderRow,
    OrderState,
    TradeRow,
    Venue,
    VenueStatus,
)
from exchange.projections import Projections
from matching.commands import (
    AnnounceAuction,
    AuctionForm,
    CancelOrder,
    ChangePhase,
    CreditGoods,
    DebitCash,
    FirmStatus,
    HaltScope,
    JoinAuction,
    Mode,
    OpenDay,
    PassTime,
    Phase,
    PlaceBid,
    ReleaseCash,
    ResaleLock,
    ReserveCash,
    SetFirmStatus,
    SetHalt,
    Side,
    TimeInForce,
    WithholdGoods,
)
from matching.events import CancelReason, OrderReduced, TradeBusted, TradeExecuted
from matching.orders import BOOK, STOP, SUSPENDED
from tests.exchange.market import (
    BUYER,
    CASH_FEN,
    COAL,
    DAY,
    FIRMS,
    OTHER,
    SELLER,
    SQUID,
    Market,
    open_market,
    random_commands,
)
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

PROJECTED: list[type[models.Model]] = [
    OrderRow,
    TradeRow,
    FirmFunds,
    DayStatistics,
    Candle,
    VenueStatus,
    Bookmark,
]


def project(market: Market, *, at_once: int = 1) -> None:
    """Let the projection read the whole journal, `at_once` blocks a transaction."""
    Venue.objects.get_or_create(id=1, code="qldz")
    for start in range(0, len(market.blocks), at_once):
        apply_blocks([Projections()], 1, market.blocks[start : start + at_once])


def rows(model: type[models.Model]) -> list[dict[str, Any]]:
    """Return a table without the keys that count up by themselves, in a stable order."""
    counted = {"id"} if model not in (OrderRow, TradeRow) else set()
    found = [
        {key: value for key, value in row.items() if key not in counted}
        for row in model._base_manager.values()
    ]
    return sorted(found, key=str)


def busy_market(seed: int, blocks: int) -> Market:
    random = Random(seed)
    market = open_market(ResaleLock(seed % 2), dynamic_bp=(seed - 1) * 200)
    for number in range(blocks):
        market.give(*random_commands(market, random), after_us=10_000_000)
        if number == blocks // 2:
            market.give(ChangePhase(COAL, Phase.CONTINUOUS))
            market.accept(ChangePhase(COAL, Phase.CLOSED), OpenDay(DAY + 1))
            market.accept(ChangePhase(COAL, Phase.PRE_OPEN))
            market.accept(ChangePhase(COAL, Phase.CONTINUOUS))
    return market


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_agree_with_the_engine_after_a_busy_day(seed: int) -> None:
    market = busy_market(seed, 120)
    project(market)
    engine = market.engine
    with scope.venue(1):
        open_rows = OrderRow.objects.filter(state__in=LIVE_STATES).order_by("order_id")
        places = {BOOK: OrderState.OPEN, STOP: OrderState.WAITING, SUSPENDED: OrderState.SUSPENDED}
        assert [
            (
                row.order_id,
                row.firm_id,
                row.price_ticks,
                row.quantity_lots,
                row.open_lots,
                row.state,
            )
            for row in open_rows
        ] == [
            (o.order_id, o.firm_id, o.price_ticks, o.quantity_lots, o.open_lots, places[o.place])
            for o in sorted(engine.open_orders(), key=lambda o: o.order_id)
        ]
        held = {row.order_id: (row.held_fen, row.receipts) for row in open_rows}
        assert held == {
            o.order_id: (o.held_fen, [list(held) for held in o.receipts])
            for o in engine.open_orders()
        }
        assert {
            row.firm_id: (row.available_fen, row.held_fen, row.committed_fen)
            for row in FirmFunds.objects.all()
        } == {firm_id: engine.cash(firm_id) for firm_id in FIRMS}
        done = OrderRow.objects.exclude(state__in=LIVE_STATES)
        assert set(done.values_list("open_lots", "held_fen")) == {(0, 0)}
        given_up: dict[int, int] = defaultdict(int)  # to orders of its own group
        for event in market.events():
            if isinstance(event, OrderReduced):
                given_up[event.order_id] += event.reduced_lots
        assert all(
            row.executed_lots == row.quantity_lots - given_up[row.order_id]
            for row in done.filter(state=OrderState.FILLED)
        )
        assert {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED} == set(
            done.values_list("state", flat=True)
        )


def test_an_order_that_ended_says_why() -> None:
    market = open_market()
    for price in (500, 510, 520):
        market.accept(market.enter(SELLER, Side.SELL, 10, price))
    market.accept(market.enter(BUYER, Side.BUY, 10, 500))
    market.accept(market.cancel(SELLER, 2))
    market.accept(market.enter(BUYER, Side.BUY, 10, 400), ChangePhase(COAL, Phase.CLOSED))
    market.accept(market.enter(SELLER, Side.SELL, 10, 500, SQUID))
    market.accept(WithholdGoods("freeze", 102, 0))
    project(market)
    with scope.venue(1):
        ended = OrderRow.objects.order_by("order_id").values_list("state", "cancel_reason")
        state, why = OrderState, CancelReason
        assert list(ended) == [
            (state.FILLED, 0),
            (state.CANCELLED, why.REQUESTED),
            (state.EXPIRED, why.EXPIRED),
            (state.FILLED, 0),
            (state.EXPIRED, why.EXPIRED),
            (state.CANCELLED, why.WITHHELD),
        ]


def test_statistics_and_candles_are_what_the_trades_add_up_to() -> None:
    market = busy_market(3, 120)
    project(market)
    day = 0
    statistics: dict[tuple[int, int], list[TradeExecuted]] = defaultdict(list)
    candles: dict[tuple[int, int], list[TradeExecuted]] = defaultdict(list)
    for block in market.blocks:
        for event in (e for answer in block.decoded_events() for e in answer):
            day = getattr(event, "day", day)
            if isinstance(event, TradeExecuted):
                statistics[event.instrument_id, day].append(event)
                candles[event.instrument_id, block.ts_us // 60_000_000].append(event)
    assert {found for _, found in statistics} == {DAY, DAY + 1}

    busted = {event.trade_id for event in market.events() if isinstance(event, TradeBusted)}
    assert busted

    def standing(trades: list[TradeExecuted]) -> list[TradeExecuted]:
        return [trade for trade in trades if trade.trade_id not in busted]

    def shape(trades: list[TradeExecuted], counted: list[TradeExecuted]) -> tuple[int, ...]:
        """Prices were prices; quantity is what was not undone."""
        prices = [trade.price_ticks for trade in trades]
        lots = sum(trade.quantity_lots for trade in counted)
        return (prices[0], max(prices), min(prices), prices[-1], lots)

    with scope.venue(1):
        assert {
            (row.instrument_id, row.day): (
                (row.open_ticks, row.high_ticks, row.low_ticks, row.last_ticks, row.volume_lots),
                (row.weight_kg, row.turnover_fen, row.trades),
            )
            for row in DayStatistics.objects.all()
        } == {
            key: (
                shape(trades, standing(trades)),
                (
                    sum(trade.weight_kg for trade in standing(trades)),
                    sum(trade.value_fen for trade in standing(trades)),
                    len(standing(trades)),
                ),
            )
            for key, trades in statistics.items()
        }
        assert {
            (row.instrument_id, row.minute): (
                row.open_ticks, row.high_ticks, row.low_ticks, row.close_ticks, row.volume_lots
            )
            for row in Candle.objects.all()
        } == {key: shape(trades, trades) for key, trades in candles.items()}  # fmt: skip


def test_the_same_journal_gives_the_same_rows_in_pieces_of_any_size() -> None:
    market = busy_market(4, 60)
    tables = []
    for at_once in (1, 7, 64):
        project(market, at_once=at_once)
        tables.append([rows(model) for model in PROJECTED])
        assert all(tables[-1])
        for model in PROJECTED:
            model._base_manager.all().delete()
    assert tables[0] == tables[1] == tables[2]


def test_blocks_that_were_read_before_change_nothing() -> None:
    market = busy_market(5, 30)
    project(market)
    before = [rows(model) for model in PROJECTED]
    project(market, at_once=64)
    assert [rows(model) for model in PROJECTED] == before


def test_withdrawals_move_between_the_stations_of_a_firms_funds() -> None:
    market = open_market()
    market.accept(ReserveCash("out:1", BUYER, 300), ReserveCash("out:2", BUYER, 200))
    project(market)
    with scope.venue(1):
        funds = queries.funds(BUYER)
        assert (funds.available_fen, funds.committed_fen) == (CASH_FEN - 500, 500)
    market.accept(DebitCash("paid", "out:1"), ReleaseCash("kept", "out:2"))
    project(market)
    with scope.venue(1):
        funds = queries.funds(BUYER)
        assert (funds.available_fen, funds.committed_fen) == (CASH_FEN - 300, 0)
        assert (queries.funds(99).available_fen, queries.funds(99).seq) == (0, 0)


def test_the_standing_of_instrument_firm_and_venue_follows_the_engine() -> None:
    world = World()
    coal = world.instrument()
    firm = world.firm("rzyf")
    elsewhere = Firm.objects.get(code="jnqf")  # a member of two venues
    world.firm("jnqf")

    def standing() -> tuple[str, str, bool]:
        with scope.venue(world.venue.id):
            return (
                Instrument.objects.get(pk=coal.pk).status,
                Membership.objects.get(firm=firm).status,
                queries.venue_status().halted,
            )

    assert standing() == (InstrumentStatus.LISTED, MembershipStatus.ACTIVE, False)
    world.accept(SetHalt(HaltScope.INSTRUMENT, coal.pk, True, 1, "look"))
    world.accept(SetFirmStatus(firm.pk, FirmStatus.SUSPENDED))
    world.accept(SetHalt(HaltScope.VENUE, 0, True, 1, "look"))
    assert standing() == (InstrumentStatus.SUSPENDED, MembershipStatus.SUSPENDED, True)
    world.accept(SetHalt(HaltScope.INSTRUMENT, coal.pk, False, 1, ""))
    world.accept(SetFirmStatus(firm.pk, FirmStatus.ACTIVE))
    world.accept(SetHalt(HaltScope.VENUE, 0, False, 1, ""))
    assert standing() == (InstrumentStatus.LISTED, MembershipStatus.ACTIVE, False)

    world.accept(SetFirmStatus(elsewhere.pk, FirmStatus.SUSPENDED))
    assert dict(
        Membership.objects.across_venues()
        .filter(firm=elsewhere)
        .values_list("venue__code", "status")
    ) == {"qldz": MembershipStatus.SUSPENDED, "lblm": MembershipStatus.ACTIVE}


def test_a_venues_rows_never_touch_another_venues() -> None:
    market = open_market()
    market.accept(market.enter(SELLER, Side.SELL, 5, 505), market.enter(BUYER, Side.BUY, 5, 505))
    project(market)
    reference.load()
    with scope.venue(2):
        for model in (OrderRow, TradeRow, FirmFunds, DayStatistics, Candle, Bookmark):
            assert not model.objects.exists()  # type: ignore[attr-defined]
    world = World("jdsc")
    world.instrument("SEA-SQD", mode="listed")
    with scope.venue(1):
        assert not Instrument.objects.exists()
        assert queries.listed_instruments() == []
        assert {row.venue_id for row in Bookmark.objects.all()} == {1}
    with scope.venue(2):
        assert [one.commodity.code for one in queries.listed_instruments()] == ["SEA-SQD"]


def test_a_firms_orders_come_in_pages_newest_first() -> None:
    market = open_market()
    for _ in range(5):
        market.accept(market.enter(BUYER, Side.BUY, 1, 450, tif=TimeInForce.IOC))
    market.accept(market.enter(SELLER, Side.SELL, 1, 600))
    market.accept(CancelOrder(SELLER, 7, "x", market.now, 6))
    project(market)
    with scope.venue(1):
        pages = [[row.order_id for row in queries.orders(BUYER, page=n, size=2)] for n in (1, 2, 3)]
        assert pages == [[5, 4], [3, 2], [1]]
        assert [row.order_id for row in queries.orders(SELLER, page=1)] == [6]
        assert queries.bookmarks() == {"projections": len(market.blocks)}


def test_bonds_of_a_one_way_auction_are_held_and_given_back() -> None:
    market = open_market()
    auction = replace(market.define(3, Mode.AUCTION), approval_id=0)
    goods = CreditGoods("goods:9", 109, 109, SELLER, 3, 50, 50_000, 0)
    market.accept(auction, goods, ChangePhase(3, Phase.PRE_OPEN), ChangePhase(3, Phase.CONTINUOUS))
    opens, closes = market.now + 60_000_000, market.now + 360_000_000
    terms = (Side.SELL, AuctionForm.SEALED, 50, 480, 0, 0, 1, 1, 77_000, opens, closes, 0, 0, 0)
    market.accept(AnnounceAuction("auction:1", 1, 3, SELLER, *terms, is_uniform=True))
    for firm_id in (BUYER, OTHER):
        market.accept(JoinAuction(firm_id, 7, market.next_id(), market.now, 1))

    def assert_funds_agree() -> None:
        project(market)
        with scope.venue(1):
            assert {
                row.firm_id: (row.available_fen, row.held_fen, row.committed_fen)
                for row in FirmFunds.objects.all()
            } == {firm_id: market.engine.cash(firm_id) for firm_id in FIRMS}

    assert market.engine.cash(OTHER) == (CASH_FEN - 77_000, 77_000, 0)
    assert_funds_agree()
    market.accept(PassTime(), after_us=60_000_000)
    market.accept(PlaceBid(BUYER, 7, market.next_id(), market.now, 1, 500, 30))
    market.accept(PlaceBid(OTHER, 7, market.next_id(), market.now, 1, 490, 30))
    assert_funds_agree()
    market.accept(PassTime(), after_us=300_000_000)
    trades = [event for event in market.events() if isinstance(event, TradeExecuted)]
    assert [(trade.quantity_lots, trade.price_ticks) for trade in trades] == [(30, 490), (20, 490)]
    assert market.engine.cash(BUYER)[1] == 0
    assert_funds_agree()
