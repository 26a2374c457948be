"""Where the engine did otherwise than its rules say: found by the naive venue, told shortly."""

from __future__ import annotations

from msgspec.structs import replace

from matching.commands import (
    ChangePhase,
    Counter,
    CreditCash,
    CreditGoods,
    EnterOrder,
    Invite,
    LiftOrder,
    Mode,
    OpenDay,
    PassTime,
    Phase,
    ResaleLock,
    Side,
    Special,
    TimeInForce,
)
from matching.engine import Engine
from matching.events import (
    CancelReason,
    CommandRejected,
    NegotiationEnded,
    OrderCancelled,
    OrderRested,
    OrderResumed,
    OrderSuspended,
    RejectReason,
    TradeExecuted,
)
from tests.matching.market import BUYER, COAL, NOW, SELLER, give, open_market, sell
from tests.matching.test_holders import LISTED, NEWCOMER, held_by

SECOND = 1_000_000


def bid(firm: int, name: str, lots: int) -> EnterOrder:
    return EnterOrder(firm, 1, name, NOW, 7, Side.BUY, TimeInForce.DAY, 800, lots)


def holders(engine: Engine) -> int:
    return len(engine.venue.goods.holders[1])


def test_what_is_left_of_the_sale_that_filled_a_root_does_not_rest() -> None:
    engine = held_by(199, listed=False)
    give(engine, bid(BUYER, "b", 2))
    events = give(engine, sell("s", 5))  # the buyer is the two hundredth; three lots are left
    assert not any(isinstance(event, OrderRested) for event in events)
    gone = events[-1]
    assert isinstance(gone, OrderCancelled)
    assert (gone.cancelled_lots, gone.reason) == (3, CancelReason.HOLDERS)


def test_nobody_is_the_two_hundred_and_first_by_buying_what_was_left() -> None:
    engine = held_by(199, listed=False)
    give(engine, bid(BUYER, "b", 2))
    give(engine, sell("s", 5))
    give(engine, bid(NEWCOMER, "n", 1))
    assert holders(engine) == 200


def test_nobody_is_the_two_hundred_and_first_after_a_registration_filled_the_root() -> None:
    engine = held_by(199, listed=False)
    give(engine, sell("s", 5))
    give(engine, CreditGoods("part", 5_000, 1, BUYER, 7, 1, 1_000, 0))  # the two hundredth
    give(engine, bid(NEWCOMER, "n", 1))
    assert holders(engine) == 200


def test_nobody_is_the_two_hundred_and_first_by_way_of_another_instrument() -> None:
    engine = held_by(199, listed=False)
    give(engine, replace(COAL, instrument_id=8))
    for phase in (Phase.PRE_OPEN, Phase.CONTINUOUS):
        give(engine, ChangePhase(8, phase))
    give(engine, CreditGoods("part", 5_000, 1, SELLER, 8, 5, 5_000, 0))
    give(engine, replace(sell("s", 5), instrument_id=8))
    give(engine, sell("t", 1))
    give(engine, bid(BUYER, "b", 1))  # fills the root, in instrument 7
    give(engine, replace(bid(NEWCOMER, "n", 1), instrument_id=8))
    assert holders(engine) == 200


def test_a_buyer_that_comes_to_its_own_sale_behind_those_of_a_full_root_stops_there() -> None:
    engine = held_by(199, listed=False)
    give(engine, CreditGoods("own", 5_000, 5_000, BUYER, 7, 5, 5_000, 0))
    give(engine, sell("s", 1, 798))
    give(engine, sell("t", 4, 799))
    give(engine, EnterOrder(BUYER, 1, "own", NOW, 7, Side.SELL, TimeInForce.DAY, 800, 5))
    # Five lots at up to 800: one fills the root, four more leave the book with it.
    events = give(engine, bid(BUYER, "b", 5))
    gone = events[-1]
    assert isinstance(gone, OrderCancelled)
    assert (gone.cancelled_lots, gone.reason) == (4, CancelReason.SELF_MATCH)


def test_a_fill_or_kill_trades_whole_or_not_though_a_root_becomes_full() -> None:
    engine = held_by(199, listed=False)
    give(engine, sell("s", 1, 798))
    give(engine, sell("t", 4, 799))
    fok = EnterOrder(BUYER, 1, "b", NOW, 7, Side.BUY, TimeInForce.FOK, 800, 5)
    traded = [e.quantity_lots for e in engine.apply(fok) if isinstance(e, TradeExecuted)]
    assert sum(traded) in (0, 5)


def test_a_negotiation_lapses_in_the_turn_of_its_live_proposal() -> None:
    engine = open_market()
    give(engine, replace(COAL, instrument_id=8, mode=Mode.NEGOTIATED, approval_id=0))
    for phase in (Phase.PRE_OPEN, Phase.CONTINUOUS):
        give(engine, ChangePhase(8, phase))
    give(engine, CreditGoods("more", 2, 2, SELLER, 8, 5, 5_000, 0))
    ends = [NOW + seconds * SECOND for seconds in (10, 20, 30)]
    give(engine, Invite(BUYER, 1, "i", NOW, 8, SELLER, Side.BUY, 800, 1, ends[0]))
    give(engine, Counter(SELLER, 1, "c", NOW, 1, 801, 1, ends[2]))
    dated = EnterOrder(
        BUYER, 1, "o", NOW, 7, Side.BUY, TimeInForce.GTD, 800, 1, (), Special(expires_us=ends[1])
    )
    give(engine, dated)
    engine.begin_block(2, ends[2])
    told = [type(event) for event in give(engine, PassTime())[1:3]]
    assert told == [OrderCancelled, NegotiationEnded]


def test_an_offer_of_a_full_root_comes_back_when_its_lock_is_over() -> None:
    lock = ResaleLock.PRODUCT_T5_SYMMETRIC
    engine = held_by(200)
    give(engine, replace(LISTED, instrument_id=8, resale_lock=lock, product_id=5))
    for phase in (Phase.PRE_OPEN, Phase.CONTINUOUS):
        give(engine, ChangePhase(8, phase))
    # The seller offers a part of the full root, buys the product elsewhere, and is locked.
    give(engine, CreditGoods("part", 5_000, 1, SELLER, 8, 1, 1_000, 0))
    give(engine, CreditGoods("other", 5_001, 5_001, BUYER, 8, 1, 1_000, 0))
    give(engine, CreditCash("c", SELLER, 10**6))
    give(engine, replace(sell("s", 1, 801), instrument_id=8))
    give(engine, EnterOrder(BUYER, 1, "o", NOW, 8, Side.SELL, TimeInForce.GTC, 800, 1))
    lifted = give(engine, LiftOrder(SELLER, 1, "l", NOW, 2, 1))
    assert isinstance(lifted[-1], OrderSuspended)
    days = [give(engine, OpenDay(20261200 + day)) for day in range(1, 6)]
    assert [type(event) for event in days[-1][1:]] == [OrderResumed, OrderRested]


def test_a_fill_or_kill_sale_does_not_end_at_the_holder_that_fills_its_root() -> None:
    engine = held_by(198, listed=False)
    give(engine, CreditCash("c", NEWCOMER, 10**6))
    give(engine, bid(BUYER, "b", 2))
    give(engine, bid(NEWCOMER, "n", 2))  # these two would be the last holders
    fok = replace(sell("s", 4), tif=TimeInForce.FOK)
    traded = [e.quantity_lots for e in engine.apply(fok) if isinstance(e, TradeExecuted)]
    assert traded == [2, 2]
    engine = held_by(199, listed=False)
    give(engine, CreditCash("c", NEWCOMER, 10**6))
    give(engine, bid(BUYER, "b", 2))
    give(engine, bid(NEWCOMER, "n", 2))
    refused = engine.apply(fok)[0]
    assert isinstance(refused, CommandRejected)
    assert (refused.reason, refused.values) == (RejectReason.NOT_FILLABLE, (4, 2))
