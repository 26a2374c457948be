"""Goods that must leave the market although orders hold them: what ends, in which order, why."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from matching.commands import (
    Accept,
    AmendOrder,
    AnyCommand,
    ChangePhase,
    CreditGoods,
    DebitGoods,
    DefineFirm,
    EnterOrder,
    FirmStatus,
    HaltScope,
    Invite,
    Mode,
    OrderKind,
    Phase,
    ResaleLock,
    SetFirmStatus,
    SetHalt,
    SettleTrade,
    Side,
    Special,
    TimeInForce,
    WithholdGoods,
)
from matching.engine import Engine
from matching.events import (
    AnyEvent,
    AuctionEnded,
    BondReleased,
    CancelReason,
    CommandRepeated,
    GoodsDebited,
    GoodsWithheld,
    NegotiationEnded,
    OrderCancelled,
    OrderSuspended,
)
from matching.units import MAX_INT
from tests.matching.bidding import CLOCK, OWNER, PURCHASE, SALE, bid, opened
from tests.matching.market import BUYER, COAL, NOW, SELLER, buy, give, open_market, refusal, sell

WITHHELD = CancelReason.WITHHELD
LISTED = replace(COAL, mode=Mode.LISTED, approval_id=0)
TALKED = replace(COAL, mode=Mode.NEGOTIATED, approval_id=0)


def withhold(lots: int, op_id: str = "w", receipt: int = 1) -> WithholdGoods:
    return WithholdGoods(op_id, receipt, lots)


def ended(events: tuple[AnyEvent, ...]) -> list[tuple[int, int, CancelReason]]:
    """Which orders left, in order: (order, lots, why)."""
    return [
        (event.order_id, event.cancelled_lots, event.reason)
        for event in events
        if isinstance(event, OrderCancelled)
    ]


def stations(engine: Engine, number: int = 1) -> tuple[int, int, int] | None:
    """A receipt's lots: free, held, committed; None when it is gone."""
    receipt = engine.receipt(number)
    return receipt and (receipt.free_lots, receipt.held_lots, receipt.committed_lots)


# What leaves.


def test_everything_that_no_trade_has_bound_leaves_with_every_order_that_holds_it() -> None:
    engine = open_market()
    give(engine, sell("first", 2, 810))
    give(engine, sell("second", 3, 820))

    assert give(engine, withhold(0)) == (
        GoodsWithheld("w", 1, SELLER, 7, 10, 2),
        OrderCancelled(2, SELLER, "", 7, Side.SELL, 820, 3, 0, ((1, 3),), WITHHELD, True),
        OrderCancelled(1, SELLER, "", 7, Side.SELL, 810, 2, 0, ((1, 2),), WITHHELD, True),
        GoodsDebited("w", 1, SELLER, 7, 10, 10_000),
    )
    assert engine.receipt(1) is None
    assert engine.open_orders() == []


def test_for_a_part_the_newest_orders_leave_whole_and_only_as_many_as_it_takes() -> None:
    engine = open_market()
    give(engine, sell("oldest", 3, 810))
    give(engine, sell("middle", 4, 820))
    give(engine, sell("newest", 2, 830))

    # One is free; the newest frees two more, the middle one four, of which two stay free.
    events = give(engine, withhold(5))

    assert ended(events) == [(3, 2, WITHHELD), (2, 4, WITHHELD)]
    assert stations(engine) == (2, 3, 0)
    assert [order.order_id for order in engine.open_orders(SELLER)] == [1]


def test_what_is_free_goes_first() -> None:
    engine = open_market()
    give(engine, sell("s", 7))
    assert give(engine, withhold(3)) == (
        GoodsWithheld("w", 1, SELLER, 7, 3, 0), GoodsDebited("w", 1, SELLER, 7, 3, 3_000)
    )  # fmt: skip
    assert stations(engine) == (0, 7, 0)


def test_an_order_that_lost_its_place_by_an_amendment_is_the_newest() -> None:
    engine = open_market()
    give(engine, sell("one", 5, 810))
    give(engine, sell("two", 5, 820))
    give(engine, AmendOrder(SELLER, 1, "more", NOW, 1, 815, 5))
    assert ended(give(engine, withhold(1))) == [(1, 5, WITHHELD)]


def test_what_a_trade_has_bound_stays_and_is_settled() -> None:
    engine = open_market()
    give(engine, sell("s", 10))
    give(engine, buy("b", 4))

    events = give(engine, withhold(0))

    assert ended(events) == [(1, 6, WITHHELD)]
    assert events[-1] == GoodsDebited("w", 1, SELLER, 7, 6, 6_000)
    assert stations(engine) == (0, 0, 4)
    give(engine, SettleTrade("t", 1, (2,), 0))
    receipt = engine.receipt(1)
    assert receipt is not None
    assert (receipt.firm_id, receipt.free_lots) == (BUYER, 4)


def test_other_receipts_of_the_same_order_are_free_again_and_its_others_go_on() -> None:
    engine = open_market()
    give(engine, CreditGoods("g2", 2, 2, SELLER, 7, 10, 10_000, 0))
    give(engine, sell("both", 12))  # ten of receipt 1 and two of receipt 2
    give(engine, sell("other", 3, 830, (2,)))

    (_, cancelled, debited) = give(engine, withhold(0))

    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.order_id, cancelled.receipts) == (1, ((1, 10), (2, 2)))
    assert debited == GoodsDebited("w", 1, SELLER, 7, 10, 10_000)
    assert stations(engine, 2) == (7, 3, 0)


def test_another_firms_orders_are_none_of_it() -> None:
    engine = open_market()
    give(engine, CreditGoods("g2", 2, 2, BUYER, 7, 5, 5_000, 0))
    give(engine, EnterOrder(BUYER, 1, "b", NOW, 7, Side.SELL, TimeInForce.DAY, 850, 5))
    give(engine, sell("s", 5, 860))
    assert ended(give(engine, withhold(0))) == [(2, 5, WITHHELD)]
    assert stations(engine, 2) == (0, 5, 0)


def test_an_offer_of_a_listed_book_can_no_longer_be_lifted() -> None:
    engine = open_market(LISTED)
    give(engine, sell("s", 10))
    assert ended(give(engine, withhold(0))) == [(1, 10, WITHHELD)]
    assert engine.venue.offers == {}


def test_an_iceberg_says_how_much_of_it_was_shown() -> None:
    engine = open_market()
    give(engine, replace(sell("s", 10), special=Special(display_lots=4)))
    (_, cancelled, _) = give(engine, withhold(1))
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.cancelled_lots, cancelled.hidden_lots, cancelled.resting) == (10, 6, True)


def test_a_stop_that_waits_leaves() -> None:
    engine = open_market()
    stop = Special(OrderKind.STOP_LIMIT, stop_ticks=780)
    give(engine, replace(sell("s", 10), special=stop))
    (_, cancelled, _) = give(engine, withhold(0))
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.order_id, cancelled.resting) == (1, False)
    assert not engine.venue.instruments[7].stops


def test_an_order_that_a_resale_lock_keeps_out_of_the_book_leaves() -> None:
    engine = open_market(replace(COAL, resale_lock=ResaleLock.PRODUCT_T5_SYMMETRIC))
    give(engine, CreditGoods("g2", 2, 2, BUYER, 7, 5, 5_000, 0))
    give(engine, EnterOrder(BUYER, 1, "own", NOW, 7, Side.SELL, TimeInForce.GTC, 850, 5))
    give(engine, sell("s", 2))
    bought = give(engine, buy("b", 2))
    assert any(isinstance(event, OrderSuspended) for event in bought)

    assert ended(give(engine, withhold(0, receipt=2))) == [(1, 5, WITHHELD)]
    assert not engine.venue.instruments[7].suspended


@pytest.mark.parametrize(
    "stopped",
    [
        ChangePhase(7, Phase.CALL),
        ChangePhase(7, Phase.BREAK),
        SetHalt(HaltScope.INSTRUMENT, 7, True, 1, "test"),
        SetHalt(HaltScope.VENUE, 0, True, 1, "test"),
        SetFirmStatus(SELLER, FirmStatus.SUSPENDED),
    ],
)
def test_it_waits_for_no_phase_halt_or_standing(stopped: AnyCommand) -> None:
    engine = open_market()
    give(engine, replace(sell("s", 8), tif=TimeInForce.GTC))
    give(engine, stopped)
    assert ended(give(engine, withhold(0))) == [(1, 8, WITHHELD)]
    assert engine.receipt(1) is None


# What stands aside.


def test_a_negotiation_ends_with_its_live_proposal() -> None:
    engine = open_market(TALKED)
    give(engine, Invite(SELLER, 1, "i", NOW, 7, BUYER, Side.SELL, 800, 6, NOW + 60))

    assert give(engine, withhold(0)) == (
        GoodsWithheld("w", 1, SELLER, 7, 10, 1),
        NegotiationEnded(1, 0, "", 0),
        OrderCancelled(1, SELLER, "", 7, Side.SELL, 800, 6, 0, ((1, 6),), WITHHELD, False),
        GoodsDebited("w", 1, SELLER, 7, 10, 10_000),
    )
    assert refusal(engine, Accept(BUYER, 1, "a", NOW, 1, 1)) == ("UNKNOWN_NEGOTIATION", (1,))


def test_a_sale_by_auction_ends_with_its_object_and_every_bond_is_free() -> None:
    engine = opened(firms=(1, 2))
    give(engine, bid("b", 1, 4, 800))

    events = give(engine, withhold(1, receipt=OWNER))

    assert events[:2] == (
        GoodsWithheld("w", OWNER, OWNER, 7, 1, 1), AuctionEnded(1, 7, 0, 0, "WITHHELD")
    )  # fmt: skip
    assert ended(events) == [(2, 4, CancelReason.AUCTION), (1, 20, WITHHELD)]
    assert events[-3:-1] == (BondReleased(1, 1, 50_000), BondReleased(1, 2, 50_000))
    assert engine.venue.auctions == {}
    assert engine.cash(1) == (10_000_000, 0, 0)
    assert stations(engine, OWNER) == (19, 0, 0)


def test_what_a_clock_has_sold_stays_sold() -> None:
    engine = opened(CLOCK, firms=(1,))
    give(engine, bid("b", 1, 6, 800))
    events = give(engine, withhold(0, receipt=OWNER))
    assert events[1] == AuctionEnded(1, 7, 6, 800, "WITHHELD")
    assert events[-1] == GoodsDebited("w", OWNER, OWNER, 7, 14, 14_000)
    assert stations(engine, OWNER) == (0, 0, 6)


def test_a_bid_of_a_procurement_leaves_and_the_auction_goes_on() -> None:
    engine = opened(PURCHASE, firms=(1, 2))
    give(engine, bid("one", 1, 4, 820))
    give(engine, bid("two", 2, 4, 815))

    events = give(engine, withhold(18, receipt=1))

    assert ended(events) == [(2, 4, WITHHELD)]
    auction = engine.venue.auctions[1]
    assert [one.firm_id for one in auction.bids] == [2]
    assert list(auction.bonds) == [1, 2]  # who bids again needs no second bond
    give(engine, bid("again", 1, 2, 830))
    assert [one.firm_id for one in auction.bids] == [2, 1]


# What is refused.


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (withhold(0, receipt=9), ("UNKNOWN_RECEIPT", (9,))),
        (WithholdGoods("w", 1, 0, BUYER), ("UNKNOWN_RECEIPT", (1,))),  # the buyer's it is not yet
        (WithholdGoods("w", 1, 0, -1), ("UNKNOWN_RECEIPT", (1,))),
        (withhold(-1), ("INVALID", ())),
        (withhold(MAX_INT + 1), ("INVALID", ())),
        (withhold(7), ("GOODS", (7, 6))),
        (withhold(MAX_INT), ("GOODS", (MAX_INT, 6))),
        (withhold(0, op_id=""), ("INVALID", ())),
    ],
)
def test_a_refusal_says_what_was_compared_and_no_order_leaves(
    command: AnyCommand, why: tuple[str, tuple[int, ...]]
) -> None:
    engine = open_market()
    give(engine, sell("s", 8))
    give(engine, buy("b", 4))  # four are bound, four on offer, two free
    assert refusal(engine, command) == why
    assert stations(engine) == (2, 4, 4)
    meant = WithholdGoods("w", 1, 6, SELLER)  # the id is not bound
    assert ended(give(engine, meant)) == [(1, 4, WITHHELD)]


def test_a_receipt_that_trades_have_bound_whole_has_nothing_to_withhold() -> None:
    engine = open_market()
    give(engine, sell("s", 10))
    give(engine, buy("b", 10))
    assert refusal(engine, withhold(0)) == ("GOODS", (1, 0))
    assert stations(engine) == (0, 0, 10)


# Once only.


def test_asked_again_it_is_answered_and_takes_nothing_more() -> None:
    engine = open_market()
    give(engine, sell("s", 8))
    give(engine, withhold(3))
    assert engine.apply(withhold(3)) == (CommandRepeated(0, "w", 1, 9),)
    assert refusal(engine, withhold(4)) == ("OP_ID_REUSED", ())
    assert refusal(engine, DebitGoods("w", 1, 3)) == ("OP_ID_REUSED", ())
    assert stations(engine) == (7, 0, 0)


def test_collecting_is_written_as_it_always_was() -> None:
    """Engines remember operations by the digest of their bytes: those may not change."""
    assert msgspec.msgpack.encode(DebitGoods("x", 1, 2)) == bytes.fromhex("9419a1780102")


def test_an_engine_that_was_restored_goes_on_the_same() -> None:
    engine = opened(SALE, firms=(1,))
    give(engine, DefineFirm(50, 50))
    restored = Engine.restore(engine.snapshot())
    assert give(engine, withhold(0, receipt=OWNER)) == give(restored, withhold(0, receipt=OWNER))
    assert Engine.restore(engine.snapshot()).digest() == restored.digest()
