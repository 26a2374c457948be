"""The one-way auction, rule by rule; how it reads to a trader is in `tests/scenarios/auction`."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from matching import limits
from matching.commands import (
    AnnounceAuction,
    AuctionForm,
    CreditGoods,
    FirmStatus,
    HaltScope,
    KillSwitch,
    SetFirmLimits,
    SetFirmStatus,
    SetHalt,
    SetReference,
    Side,
    TimeInForce,
    WithdrawAuction,
)
from matching.engine import Engine
from matching.events import (
    AuctionAnnounced,
    AuctionEnded,
    AuctionExtended,
    AuctionOpened,
    BidderJoined,
    BidPlaced,
    BondReleased,
    CancelReason,
    ClockMoved,
    CommandRepeated,
    OrderCancelled,
    OrderEntered,
    TradeExecuted,
)
from matching.units import MAX_INT
from tests.matching.bidding import (
    CLOCK,
    CLOSES,
    COTTON,
    FIRMS,
    OPENS,
    OWNER,
    PURCHASE,
    SALE,
    SEALED,
    SECOND,
    SISTER,
    at,
    bid,
    join,
    market,
    opened,
)
from tests.matching.market import COAL, NOW, give, open_market, refusal


def test_the_announcement_holds_what_the_owner_sells() -> None:
    engine = market()

    assert engine.apply(SALE) == (
        AuctionAnnounced(
            "sale", 1, 7, OWNER, Side.SELL, AuctionForm.ASCENDING, 20, 760, 0, 5, 2, 2, 50_000,
            OPENS, CLOSES, 120 * SECOND, 1, 0, False, 1,
        ),
        OrderEntered(1, OWNER, 0, "", 7, Side.SELL, TimeInForce.GTC, 760, 20, 0, ((9, 20),), 0),
    )  # fmt: skip
    engine.check()
    assert engine.apply(SALE) == (
        CommandRepeated(0, "sale", 1, len(engine.venue.heard.commands) - 2),
    )


def test_a_procurement_holds_the_money_for_all_at_the_reserve() -> None:
    engine = market()
    give(engine, PURCHASE)
    need = 840 * 20 * 100 + 840 * 20 * 100 * 5 // 10_000
    assert engine.cash(OWNER) == (10_000_000 - need, need, 0)


def test_a_sale_may_name_its_receipts() -> None:
    engine = market()
    named = replace(SALE, receipt_ids=(1,))
    assert refusal(engine, named) == ("UNKNOWN_RECEIPT", (1,))
    entered = give(engine, replace(SALE, receipt_ids=(9,)))[1]
    assert isinstance(entered, OrderEntered)
    assert entered.receipts == ((9, 20),)


@pytest.mark.parametrize(
    ("notice", "change", "position"),
    [
        (SALE, {"auction_id": 0}, 1),
        (SALE, {"auction_id": MAX_INT + 1}, 1),
        (SALE, {"quantity_lots": 0}, 6),
        (SALE, {"quantity_lots": 21}, 6),
        (SALE, {"reserve_ticks": -1}, 7),
        (PURCHASE, {"reserve_ticks": 0}, 7),
        (CLOCK, {"reserve_ticks": 0}, 7),
        (SALE, {"start_ticks": 800}, 8),
        (CLOCK, {"start_ticks": 0}, 8),
        (CLOCK, {"start_ticks": 759}, 8),
        (CLOCK, {"side": Side.BUY}, 8),
        (SALE, {"increment_ticks": 0}, 9),
        (SEALED, {"increment_ticks": 5}, 9),
        (CLOCK, {"start_ticks": 760 + 10_001, "increment_ticks": 1}, 9),
        (SALE, {"least_lots": 0}, 10),
        (SALE, {"least_lots": 22}, 10),
        (SALE, {"least_lots": 6, "step_lots": 4}, 10),
        (SALE, {"step_lots": 0}, 11),
        (SALE, {"least_lots": 5, "step_lots": 5}, 11),
        (SALE, {"bond_fen": -1}, 12),
        (SALE, {"opens_us": 0}, 13),
        (SALE, {"closes_us": OPENS + 59 * SECOND}, 14),
        (CLOCK, {"closes_us": CLOSES}, 14),
        (SALE, {"extend_us": 0}, 15),
        (SALE, {"extend_us": 601 * SECOND}, 15),
        (SALE, {"extensions": 0}, 15),
        (SEALED, {"extend_us": 60 * SECOND, "extensions": 1}, 15),
        (SALE, {"extensions": 1_001}, 16),
        (SEALED, {"extensions": 1}, 16),
        (SALE, {"step_us": SECOND}, 17),
        (CLOCK, {"step_us": SECOND - 1}, 17),
        (CLOCK, {"is_uniform": True}, 18),
    ],
)
def test_rules_that_make_no_sense_are_refused_by_position(
    notice: AnnounceAuction, change: dict[str, Any], position: int
) -> None:
    assert refusal(market(), replace(notice, **change)) == ("PARAMETERS", (position,))


def test_an_auction_needs_its_instrument_owner_time_and_cover() -> None:
    engine = market()
    far = NOW + limits.AHEAD_MOST_US
    for change, why in (
        ({"instrument_id": 8}, ("UNKNOWN_INSTRUMENT", (8,))),
        ({"owner_firm_id": 77}, ("UNKNOWN_FIRM", (77,))),
        ({"opens_us": NOW, "closes_us": CLOSES}, ("EXPIRED", (NOW, NOW))),
        ({"closes_us": far + 1}, ("LIMIT", (far + 1, far))),
        ({"reserve_ticks": 881}, ("PRICE_BAND", (881, 720, 880))),
        ({"quantity_lots": 22}, ("GOODS", (22, 20))),
        ({"quantity_lots": 102}, ("ABOVE_MAXIMUM", (102, 100))),
        ({"receipt_ids": tuple(range(65))}, ("LIMIT", (65, 64))),
    ):
        assert refusal(engine, replace(SALE, **change)) == why
    assert refusal(engine, replace(PURCHASE, receipt_ids=(9,))) == ("RECEIPTS_ON_BUY", ())
    give(engine, SetFirmStatus(OWNER, FirmStatus.SUSPENDED))
    assert refusal(engine, SALE) == ("FIRM_SUSPENDED", (OWNER,))
    assert refusal(open_market(COAL), SALE) == ("MODE", (4,))


def test_auction_ids_only_go_up() -> None:
    engine = market()
    give(engine, replace(SALE, auction_id=5, quantity_lots=10))
    again = replace(SALE, op_id="other", quantity_lots=10)
    for number in (4, 5):
        assert refusal(engine, replace(again, auction_id=number)) == (
            "ALREADY_DEFINED",
            (number, 5),
        )
    give(engine, replace(again, auction_id=6))


def test_live_auctions_and_bidders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matching.one_way.AUCTIONS_LIVE", 2)
    monkeypatch.setattr("matching.one_way.BIDDERS_PER_AUCTION", 3)
    engine = market()
    for number in (1, 2):
        give(engine, replace(SALE, op_id=f"a{number}", auction_id=number, quantity_lots=4))
    assert refusal(engine, replace(SALE, op_id="a3", auction_id=3)) == ("LIMIT", (2, 2))
    for firm in (1, 2, 3):
        give(engine, join(firm))
    assert refusal(engine, join(4)) == ("LIMIT", (3, 3))
    again = replace(join(1), client_order_id="again")
    assert refusal(engine, again) == ("SAME", (1,))


def test_joining_holds_the_bond_and_the_owners_group_may_not() -> None:
    engine = market()
    give(engine, SALE)
    assert give(engine, join(1)) == (BidderJoined(1, 1, "j1-1", 50_000),)
    assert engine.cash(1) == (9_950_000, 50_000, 0)
    assert refusal(engine, join(OWNER)) == ("OWNER", (1,))
    assert refusal(engine, join(SISTER)) == ("OWNER", (1,))
    assert refusal(engine, join(2, 3)) == ("UNKNOWN_AUCTION", (3,))


def test_a_bid_holds_full_cover_and_a_later_one_takes_its_place() -> None:
    engine = opened()
    hold = 770 * 4 * 100 + 770 * 4 * 100 * 5 // 10_000

    assert engine.apply(bid("x", 1, 4, 770)) == (
        BidPlaced(1, 2, 1, 770, 4, True, "x"),
        OrderEntered(2, 1, 1, "x", 7, Side.BUY, TimeInForce.GTC, 770, 4, hold, (), 0),
    )
    assert engine.cash(1) == (9_950_000 - hold, 50_000 + hold, 0)
    assert engine.apply(bid("x", 1, 4, 770)) == (CommandRepeated(1, "x", 2, 1),)

    more = 775 * 6 * 100 + 775 * 6 * 100 * 5 // 10_000
    assert give(engine, bid("y", 1, 6, 775)) == (
        BidPlaced(1, 3, 1, 775, 6, True, "y"),
        OrderCancelled(2, 1, "", 7, Side.BUY, 770, 4, hold, (), CancelReason.AUCTION, False),
        OrderEntered(3, 1, 1, "y", 7, Side.BUY, TimeInForce.GTC, 775, 6, more, (), 0),
    )
    assert engine.cash(1) == (9_950_000 - more, 50_000 + more, 0)


def test_a_refused_replacement_leaves_the_earlier_bid_as_it_was() -> None:
    engine = opened(PURCHASE)
    give(engine, bid("x", 1, 20, 830))
    too_much = replace(bid("y", 1, 20, 820), receipt_ids=(1, 2))
    assert refusal(engine, too_much) == ("UNKNOWN_RECEIPT", (2,))
    assert [order.receipts for order in engine.open_orders(1)] == [((1, 20),)]
    give(engine, bid("z", 1, 20, 820))
    assert [order.receipts for order in engine.open_orders(1)] == [((1, 20),)]


def test_the_close_awards_and_frees() -> None:
    engine = opened(firms=(1, 2))
    give(engine, bid("x", 1, 12, 800))
    give(engine, bid("y", 2, 12, 780))

    ended, first, second, rest, *bonds = at(engine, CLOSES)

    assert ended == AuctionEnded(1, 7, 20, 780, "")
    assert isinstance(first, TradeExecuted)
    assert isinstance(second, TradeExecuted)
    assert (first.price_ticks, first.quantity_lots, first.buyer_firm_id) == (800, 12, 1)
    assert (second.price_ticks, second.quantity_lots, second.buyer_firm_id) == (780, 8, 2)
    assert (first.maker_order_id, first.in_auction) == (1, False)
    freed = 780 * 4 * 100 + 780 * 4 * 100 * 5 // 10_000
    assert rest == OrderCancelled(
        3, 2, "", 7, Side.BUY, 780, 4, freed, (), CancelReason.AUCTION, False
    )
    assert bonds == [BondReleased(1, 1, 50_000), BondReleased(1, 2, 50_000)]
    assert engine.venue.auctions == {}
    assert engine.open_orders() == []


def test_bids_count_from_the_opening_to_the_close_only() -> None:
    engine = market()
    give(engine, SALE)
    give(engine, join(1))
    assert refusal(engine, bid("x", 1, 4, 770)) == ("AUCTION_STATE", (1, 1))
    at(engine, OPENS)
    # The block of the close: whoever comes before time has passed comes too late all the same.
    engine.begin_block(engine.seq + 1, CLOSES)
    assert refusal(engine, bid("y", 1, 4, 770)) == ("AUCTION_STATE", (1, 2))
    assert refusal(engine, join(2)) == ("AUCTION_STATE", (1, 2))


def test_a_late_bid_extends_as_often_as_announced() -> None:
    engine = opened()
    at(engine, CLOSES - 120 * SECOND - 1)
    assert len(give(engine, bid("a", 1, 4, 770))) == 2
    at(engine, CLOSES - 120 * SECOND)
    assert give(engine, bid("b", 2, 4, 770))[-1] == AuctionExtended(1, CLOSES + 120 * SECOND, 0)
    assert at(engine, CLOSES) == ()  # the old timer means nothing any more
    assert len(give(engine, bid("c", 3, 4, 770))) == 2
    assert at(engine, CLOSES + 120 * SECOND)[0] == AuctionEnded(1, 7, 12, 770, "")


def test_sealed_bids_extend_nothing() -> None:
    engine = opened(SEALED)
    at(engine, CLOSES - 1)
    assert len(give(engine, bid("a", 1, 4, 770))) == 2
    assert at(engine, CLOSES)[0] == AuctionEnded(1, 7, 4, 770, "")


def test_the_clock_moves_to_the_reserve_and_stands_there_for_one_step() -> None:
    engine = market()
    give(engine, CLOCK)
    told = [at(engine, OPENS + step * 30 * SECOND) for step in range(5)]
    assert told == [
        (AuctionOpened(1, 7), ClockMoved(1, 800)),
        (ClockMoved(1, 785),),
        (ClockMoved(1, 770),),
        (ClockMoved(1, 760),),
        (
            AuctionEnded(1, 7, 0, 0, ""),
            OrderCancelled(
                1, OWNER, "", 7, Side.SELL, 760, 20, 0, ((9, 20),), CancelReason.AUCTION, False
            ),
        ),
    ]


def test_a_late_clock_skips_no_price() -> None:
    engine = opened(CLOCK)
    assert at(engine, OPENS + 95 * SECOND) == (ClockMoved(1, 785),)
    assert at(engine, OPENS + 124 * SECOND) == ()
    assert at(engine, OPENS + 125 * SECOND) == (ClockMoved(1, 770),)


def test_what_the_clock_leaves_may_be_less_than_the_least() -> None:
    engine = opened(replace(CLOCK, least_lots=8))
    give(engine, bid("a", 1, 16, 800))
    assert refusal(engine, bid("b", 2, 2, 800)) == ("BELOW_MINIMUM", (2, 4))
    assert give(engine, bid("c", 2, 10, 800))[3] == AuctionEnded(1, 7, 20, 800, "")


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (SetHalt(HaltScope.FIRM, OWNER, True, 1, "test"), "FIRM_HALTED"),
        (SetFirmStatus(OWNER, FirmStatus.SUSPENDED), "FIRM_SUSPENDED"),
        (KillSwitch(OWNER, 0, True, 1, "test"), "TRADER_BLOCKED"),
    ],
)
def test_an_owner_that_is_stopped_sells_nothing(stop: Any, reason: str) -> None:
    engine = opened()
    give(engine, bid("x", 1, 4, 770))
    give(engine, stop)
    assert at(engine, CLOSES)[0] == AuctionEnded(1, 7, 0, 0, reason)
    clock = opened(CLOCK)
    give(clock, stop)
    assert refusal(clock, bid("x", 1, 4, 800))[0] == reason


def test_a_root_gets_no_holder_too_many_by_an_award() -> None:
    engine = opened(SEALED)
    fill_root(engine, 9, 198)  # room for one more
    give(engine, bid("x", 1, 8, 800))
    give(engine, bid("y", 2, 8, 790))
    give(engine, bid("z", 3, 8, 780))
    ended, trade = at(engine, CLOSES)[:2]
    assert ended == AuctionEnded(1, 7, 8, 800, "")
    assert isinstance(trade, TradeExecuted)
    assert trade.buyer_firm_id == 1


def test_who_could_be_a_holder_too_many_may_not_bid() -> None:
    engine = opened(SEALED)
    fill_root(engine, 9, 199)
    assert refusal(engine, bid("x", 1, 8, 800)) == ("HOLDER_LIMIT", (9, 200, 200))
    clock = opened(CLOCK)
    fill_root(clock, 9, 199)
    assert refusal(clock, bid("x", 1, 8, 800)) == ("HOLDER_LIMIT", (9, 200, 200))


def fill_root(engine: Engine, root: int, others: int) -> None:
    """Let firms that are long gone have held part of a root."""
    holders = engine.venue.goods.holders[root]
    holders.update({10_000 + n: 1 for n in range(others)})
    if len(holders) >= limits.HOLDERS_PER_ROOT:
        engine.venue.goods.full_roots[root] = None


def test_bids_count_towards_the_day_and_a_better_one_by_the_difference() -> None:
    engine = opened(replace(SALE, bond_fen=0))
    give(engine, SetFirmLimits(1, 0, 0, 400_000))
    give(engine, bid("x", 1, 4, 770))  # 308,000 fen
    give(engine, bid("y", 1, 4, 800))  # 320,000
    assert refusal(engine, bid("z", 1, 6, 805)) == ("DAY_VALUE", (483_000, 400_000))


def test_a_later_band_leaves_bids_alone() -> None:
    engine = opened(SEALED)
    give(engine, bid("x", 1, 4, 870))
    assert len(give(engine, SetReference(7, 800, 750, 850))) == 1
    assert refusal(engine, bid("y", 2, 4, 870)) == ("PRICE_BAND", (870, 750, 850))
    assert at(engine, CLOSES)[0] == AuctionEnded(1, 7, 4, 870, "")


def test_withdrawing_wants_a_reason_and_an_auction_that_has_not_opened() -> None:
    engine = market()
    give(engine, SALE)
    assert refusal(engine, WithdrawAuction("w", 1, "")) == ("INVALID", ())
    assert refusal(engine, WithdrawAuction("w", 1, "x" * 201)) == ("INVALID", ())
    assert refusal(engine, WithdrawAuction("w", 2, "x")) == ("UNKNOWN_AUCTION", (2,))
    give(engine, join(1))
    assert give(engine, WithdrawAuction("w", 1, "fire"))[0] == AuctionEnded(1, 7, 0, 0, "fire")
    assert engine.cash(1) == (10_000_000, 0, 0)
    assert at(engine, OPENS) == ()


@pytest.mark.parametrize("price", [0, -1, MAX_INT + 1])
def test_hostile_bids_are_refused(price: int) -> None:
    engine = opened()
    assert refusal(engine, bid("x", 1, 4, price)) == ("INVALID", ())
    assert refusal(engine, bid("y", 1, price, 770)) == ("INVALID", ())
    many = replace(bid("z", 1, 4, 770), receipt_ids=tuple(range(65)))
    assert refusal(engine, many) == ("LIMIT", (65, 64))
    assert refusal(engine, replace(bid("v", 1, 4, 770), auction_id=-5))[0] == "UNKNOWN_AUCTION"
    assert refusal(engine, replace(bid("w", 1, 4, 770), receipt_ids=(1,)))[0] == "RECEIPTS_ON_BUY"


@pytest.mark.parametrize("notice", [SALE, SEALED, PURCHASE, CLOCK])
def test_a_restored_engine_goes_on_with_the_auction(notice: AnnounceAuction) -> None:
    engine = opened(notice)
    price = 800
    give(engine, bid("x", 1, 4, price))
    twin = Engine.restore(engine.snapshot())
    twin.check()
    for step, (firm, better) in enumerate(((2, 805), (3, 815), (4, 760), (2, 810)), 1):
        now = OPENS + step * 20 * SECOND
        told = []
        for one in (engine, twin):
            passed = at(one, now)
            told.append((passed, one.apply(bid(f"y{step}", firm, 6, better))))
            one.check()
        assert told[0] == told[1]
    assert at(engine, CLOSES) == at(twin, CLOSES)
    assert engine.digest() == twin.digest()


def test_an_owner_without_a_reserve_takes_any_price() -> None:
    engine = market()
    entered = give(engine, replace(SALE, reserve_ticks=0))[1]
    assert isinstance(entered, OrderEntered)
    assert entered.price_ticks == 1
    give(engine, join(1))
    at(engine, OPENS)
    give(engine, bid("x", 1, 4, 720))
    assert at(engine, CLOSES)[0] == AuctionEnded(1, 7, 4, 720, "")


def test_a_firm_has_so_many_bids_and_replacing_one_adds_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("matching.one_way.NEGOTIATIONS_PER_FIRM", 1)
    engine = market()
    for number in (1, 2):
        notice = replace(SALE, op_id=f"a{number}", auction_id=number, quantity_lots=4)
        give(engine, notice)
        give(engine, join(1, number))
    at(engine, OPENS)
    give(engine, bid("x", 1, 4, 770))
    give(engine, bid("y", 1, 4, 780))
    assert refusal(engine, replace(bid("z", 1, 4, 770), auction_id=2)) == ("LIMIT", (1, 1))


def test_bids_count_towards_the_lots_of_a_day_by_what_they_add() -> None:
    engine = market(terms=replace(COTTON, max_day_lots=20))
    give(engine, SEALED)
    give(engine, join(1))
    at(engine, OPENS)
    give(engine, bid("x", 1, 12, 770))
    give(engine, bid("y", 1, 14, 770))
    give(engine, bid("z", 1, 16, 770))
    give(engine, bid("v", 1, 8, 770))
    assert refusal(engine, bid("w", 1, 14, 770)) == ("DAY_QUANTITY", (22, 20))


# Holders. The owner has 20 lots of root 9, then 10 of root 19, then 10 of root 29.


def three_roots(notice: AnnounceAuction) -> Engine:
    engine = market()
    for root in (19, 29):
        give(engine, CreditGoods(f"g{root}", root, root, OWNER, 7, 10, 10_000, 0))
    give(engine, replace(notice, quantity_lots=40))
    for firm in FIRMS:
        give(engine, join(firm))
    at(engine, OPENS)
    return engine


def winners(events: tuple[Any, ...], *, sellers: bool = False) -> list[tuple[int, int]]:
    return [
        (event.seller_firm_id if sellers else event.buyer_firm_id, event.quantity_lots)
        for event in events
        if isinstance(event, TradeExecuted)
    ]


def test_only_the_roots_that_an_award_takes_from_count() -> None:
    engine = three_roots(SEALED)
    give(engine, bid("x", 1, 20, 800))
    give(engine, bid("y", 2, 8, 790))
    give(engine, bid("z", 3, 12, 780))
    fill_root(engine, 9, 198)  # firm 1 is the last that may
    assert winners(at(engine, CLOSES)) == [(1, 20), (2, 8), (3, 12)]


def test_every_root_that_an_award_takes_from_counts() -> None:
    engine = three_roots(SEALED)
    give(engine, bid("x", 1, 12, 800))
    give(engine, bid("y", 2, 14, 790))  # 8 of root 9 and 6 of root 19, which is full
    give(engine, bid("z", 3, 8, 780))
    fill_root(engine, 19, 199)
    assert winners(at(engine, CLOSES)) == [(1, 12), (3, 8)]


def test_an_award_begins_where_the_one_before_ended() -> None:
    engine = three_roots(SEALED)
    give(engine, bid("x", 1, 22, 800))
    give(engine, bid("y", 2, 10, 790))  # 8 of root 19 and 2 of root 29, which is full
    give(engine, bid("z", 3, 8, 780))
    fill_root(engine, 29, 199)
    assert winners(at(engine, CLOSES)) == [(1, 22), (3, 8)]


def test_who_holds_part_of_a_full_root_already_may_get_more() -> None:
    engine = three_roots(SEALED)
    give(engine, bid("x", 1, 8, 800))
    give(engine, bid("y", 2, 8, 790))
    engine.venue.goods.holders[9][2] = 1
    fill_root(engine, 9, 198)
    assert winners(at(engine, CLOSES)) == [(2, 8)]


def test_a_clock_looks_at_the_roots_that_are_next() -> None:
    engine = three_roots(CLOCK)
    fill_root(engine, 19, 199)
    assert refusal(engine, bid("x", 1, 22, 800)) == ("HOLDER_LIMIT", (19, 200, 200))
    assert winners(give(engine, bid("y", 1, 20, 800))) == [(1, 20)]


def test_the_owner_of_a_procurement_is_one_holder_of_a_root_however_often() -> None:
    engine = market()
    for firm, receipt in ((1, 51), (2, 52), (3, 53)):
        give(engine, CreditGoods(f"g{receipt}", receipt, 50, firm, 7, 4, 4_000, 0))
    give(engine, replace(PURCHASE, form=AuctionForm.SEALED, increment_ticks=0, extend_us=0,
                         extensions=0, quantity_lots=12))  # fmt: skip
    for firm in FIRMS:
        give(engine, join(firm))
    at(engine, OPENS)
    give(engine, replace(bid("x", 1, 4, 800), receipt_ids=(51,)))
    give(engine, replace(bid("y", 2, 4, 800), receipt_ids=(52,)))
    fill_root(engine, 50, 196)  # with the three that hold it now: room for one
    assert winners(at(engine, CLOSES), sellers=True) == [(1, 4), (2, 4)]


def test_a_root_that_is_full_is_not_offered_to_a_procurement() -> None:
    engine = opened(PURCHASE)
    fill_root(engine, 1, 199)
    assert refusal(engine, bid("x", 1, 8, 800)) == ("HOLDER_LIMIT", (1, 200, 200))
