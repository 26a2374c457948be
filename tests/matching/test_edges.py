"""What stands exactly at a bound is within it: asked where a planted fault had said otherwise."""

from __future__ import annotations

from msgspec.structs import replace

from matching.commands import (
    BustTrade,
    ChangePhase,
    CreditGoods,
    Invite,
    Mode,
    PassTime,
    PayTrade,
    Phase,
    ReserveCash,
    Side,
    Special,
    WithdrawAuction,
)
from matching.events import (
    AuctionIndicated,
    CommandRejected,
    OrderEntered,
    ProposalMade,
    TradeBusted,
    TradeExecuted,
    TradePaid,
)
from matching.limits import (
    BUST_WINDOW_US,
    CLOCK_STEPS,
    DEDUP_WINDOW_US,
    INDICATE_US,
    RECEIPTS_PER_ORDER,
)
from matching.units import MAX_INT
from tests.matching.bidding import CLOCK, PURCHASE
from tests.matching.bidding import market as auction_market
from tests.matching.market import BUYER, COAL, NOW, SELLER, buy, give, open_market, refusal, sell
from tests.matching.test_bounds import fill_or_kill

TALKED = replace(COAL, mode=Mode.NEGOTIATED)


def test_an_order_may_be_worth_what_one_may_be_worth() -> None:
    engine = open_market(replace(COAL, max_value_fen=800 * 4 * 100))
    give(engine, sell("s", 4))
    assert isinstance(give(engine, fill_or_kill("b"))[0], OrderEntered)
    dear = replace(fill_or_kill("c"), quantity_lots=5)
    assert refusal(engine, dear) == ("VALUE_MAXIMUM", (400_000, 320_000))


def test_a_payment_may_take_the_last_fen() -> None:
    engine = open_market(replace(COAL, cover_bp=1_000))
    give(engine, sell("s", 4))
    give(engine, buy("b", 4))
    available = engine.cash(BUYER)[0]
    give(engine, ReserveCash("r", BUYER, available - 1_000))
    assert refusal(engine, PayTrade("p", 1, 1_001))[0] == "CASH"
    assert isinstance(give(engine, PayTrade("q", 1, 1_000))[0], TradePaid)
    assert engine.cash(BUYER)[0] == 0


def test_a_refusal_says_the_longest_id_and_no_longer_one() -> None:
    engine = open_market()
    for length, said in ((36, "x" * 36), (37, "")):
        (event,) = engine.apply(buy("x" * length, 1, at_us=NOW - DEDUP_WINDOW_US - 1))
        assert isinstance(event, CommandRejected)
        assert event.client_order_id == said


def test_a_deposit_of_one_basis_point_can_be_asked_and_none_cannot() -> None:
    engine = open_market()
    give(engine, replace(COAL, instrument_id=8, cover_bp=1))
    assert refusal(engine, replace(COAL, instrument_id=9, cover_bp=0))[0] == "PARAMETERS"


def test_a_proposal_at_one_tick_is_outside_the_band_and_at_none_makes_no_sense() -> None:
    engine = open_market(TALKED)
    one = Invite(SELLER, 1, "i", NOW, 7, BUYER, Side.SELL, 1, 1, NOW + 60)
    assert refusal(engine, one)[0] == "PRICE_BAND"
    for wrong in (0, MAX_INT + 1):
        odd = replace(one, client_order_id=f"i{wrong}", price_ticks=wrong)
        assert refusal(engine, odd) == ("INVALID", ())


def test_a_proposal_may_name_as_many_receipts_as_an_order() -> None:
    engine = open_market(TALKED)
    for number in range(2, RECEIPTS_PER_ORDER + 2):
        give(engine, CreditGoods(f"g{number}", number, number, SELLER, 7, 1, 1_000, 0))
    names = tuple(range(2, RECEIPTS_PER_ORDER + 2))
    most = RECEIPTS_PER_ORDER
    offer = Invite(SELLER, 1, "i", NOW, 7, BUYER, Side.SELL, 800, most, NOW + 60, names)
    long = replace(offer, client_order_id="l", receipt_ids=(1, *names))
    assert refusal(engine, long) == ("LIMIT", (most + 1, most))
    events = give(engine, offer)
    assert any(isinstance(event, ProposalMade) for event in events)


def test_an_auction_is_withdrawn_for_a_reason_of_at_most_two_hundred_signs() -> None:
    engine = auction_market()
    give(engine, CLOCK)
    assert refusal(engine, WithdrawAuction("w", 1, "x" * 201)) == ("INVALID", ())
    give(engine, WithdrawAuction("v", 1, "x" * 200))


def test_a_clock_begins_at_a_price_and_has_ten_thousand_steps_at_most() -> None:
    engine = auction_market()
    buying = replace(CLOCK, side=Side.BUY, reserve_ticks=PURCHASE.reserve_ticks, start_ticks=0)
    assert refusal(engine, buying) == ("PARAMETERS", (8,))
    far = CLOCK.reserve_ticks + CLOCK_STEPS * CLOCK.increment_ticks
    over = replace(CLOCK, start_ticks=far + 1)
    assert refusal(engine, over) == ("PARAMETERS", (9,))
    assert refusal(engine, replace(over, start_ticks=far)) != ("PARAMETERS", (9,))


def test_a_receipt_may_weigh_what_a_number_may_be() -> None:
    engine = open_market(COAL)
    lot_kg = 6_361  # of the factors of the largest number
    assert MAX_INT % lot_kg == 0
    give(engine, replace(COAL, instrument_id=9, lot_kg=lot_kg, tick_fen_per_t=1_000))
    heavy = CreditGoods("heavy", 90, 90, SELLER, 9, MAX_INT // lot_kg, MAX_INT, 0)
    over = replace(heavy, lots=heavy.lots + 1, weight_kg=MAX_INT + lot_kg)
    assert refusal(engine, over)[0] == "LIMIT"
    give(engine, heavy)


def test_a_trade_is_undone_until_the_end_of_its_window_by_whatever_two_people() -> None:
    for late_us, approver in ((0, MAX_INT), (BUST_WINDOW_US, 8)):
        engine = open_market(COAL)
        give(engine, sell("s", 4))
        give(engine, buy("b", 4))
        engine.begin_block(2, NOW + late_us)
        undone = give(engine, BustTrade("bust", 1, 7, approver, "typed wrongly"))
        assert isinstance(undone[0], TradeBusted)
    engine = open_market(COAL)
    give(engine, sell("s", 4))
    give(engine, buy("b", 4))
    engine.begin_block(2, NOW + BUST_WINDOW_US + 1)
    assert refusal(engine, BustTrade("bust", 1, 7, 8, "too late"))[0] == "BUST_WINDOW"
    assert refusal(engine, BustTrade("bust", 1, 7, MAX_INT + 1, "x"))[0] == "INVALID"


def test_what_a_call_was_to_say_is_not_said_in_the_next_one() -> None:
    engine = open_market(COAL)
    give(engine, ChangePhase(7, Phase.CALL))
    half = INDICATE_US // 2
    engine.begin_block(2, NOW + half)
    for phase in (Phase.CONTINUOUS, Phase.CALL):
        give(engine, ChangePhase(7, phase))
    give(engine, sell("s", 4))
    give(engine, buy("b", 4))
    engine.begin_block(3, NOW + INDICATE_US)
    said = give(engine, PassTime())
    assert not any(isinstance(event, AuctionIndicated) for event in said)
    engine.begin_block(4, NOW + half + INDICATE_US)
    said = give(engine, PassTime())
    assert any(isinstance(event, AuctionIndicated) for event in said)


def test_what_an_iceberg_hides_at_a_second_price_stands_before_ones_own_offer() -> None:
    engine = open_market(COAL)
    give(engine, CreditGoods("own", 50, 50, BUYER, 7, 1, 1_000, 0))
    give(engine, sell("a", 2, 800))
    give(engine, replace(sell("b", 6, 801), special=Special(display_lots=2)))
    give(engine, replace(sell("c", 1, 802), firm_id=BUYER))
    nine = buy("d", 9, 802)
    assert refusal(engine, nine)[0] == "RELATED_PARTY"
    traded = give(engine, replace(nine, client_order_id="e", quantity_lots=8))
    assert sum(one.quantity_lots for one in traded if isinstance(one, TradeExecuted)) == 8
