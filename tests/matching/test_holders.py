"""At most 200 firms ever hold part of one receipt: the law's bound, counted by its root (C3)."""

from __future__ import annotations

import msgspec

from matching.commands import (
    AnyCommand,
    BustTrade,
    CreditCash,
    CreditGoods,
    DefineFirm,
    EnterOrder,
    LiftOrder,
    Mode,
    Side,
    TimeInForce,
)
from matching.engine import Engine
from matching.events import CancelReason, OrderCancelled, OrderEntered, TradeExecuted
from tests.matching.market import BUYER, COAL, NOW, SELLER, give, open_market, refusal, sell

NEWCOMER = 900
LISTED = msgspec.structs.replace(COAL, mode=Mode.LISTED)


def held_by(firms: int, *, listed: bool = True) -> Engine:
    """A market where `firms` firms hold part of root 1, the seller among them."""
    engine = open_market(LISTED if listed else COAL)
    commands: list[AnyCommand] = [DefineFirm(NEWCOMER, NEWCOMER), CreditCash("n", NEWCOMER, 10**7)]
    for firm in range(1_000, 1_000 + firms - 1):
        commands += [
            DefineFirm(firm, firm),
            CreditGoods(f"g{firm}", firm, 1, firm, 7, 1, 1_000, 0),
        ]
    for command in commands:
        engine.apply(command)
    engine.check()
    return engine


def lift(firm: int, name: str, order_id: int, lots: int = 1) -> LiftOrder:
    return LiftOrder(firm, 1, name, NOW, order_id, lots)


def offered(engine: Engine, name: str = "s") -> int:
    entered = give(engine, sell(name, 4))[0]
    assert isinstance(entered, OrderEntered)
    return entered.order_id


def test_the_two_hundredth_firm_may_buy_and_the_next_may_not() -> None:
    engine = held_by(199)
    offer = offered(engine)
    assert any(isinstance(e, TradeExecuted) for e in give(engine, lift(BUYER, "b", offer)))
    assert refusal(engine, lift(NEWCOMER, "n", offer)) == ("HOLDER_LIMIT", (1, 200, 200))


def test_who_holds_part_already_may_buy_more() -> None:
    engine = held_by(199)
    offer = offered(engine)
    give(engine, lift(BUYER, "b", offer))
    assert any(isinstance(e, TradeExecuted) for e in give(engine, lift(BUYER, "c", offer)))


def test_buying_back_what_one_holds_counts_nobody_twice() -> None:
    engine = held_by(198)
    offer = offered(engine)
    for name in ("b", "c", "d"):
        give(engine, lift(BUYER, name, offer))
    give(engine, lift(NEWCOMER, "n", offer))  # the two hundredth


def test_a_trade_that_is_undone_gives_the_place_back() -> None:
    engine = held_by(199)
    offer = offered(engine)
    give(engine, lift(BUYER, "b", offer))
    give(engine, BustTrade("bust", 1, 8, 9, "wrong price"))
    assert any(isinstance(e, TradeExecuted) for e in give(engine, lift(NEWCOMER, "n", offer)))
    assert refusal(engine, lift(BUYER, "c", offer)) == ("HOLDER_LIMIT", (1, 200, 200))


def test_one_of_two_trades_undone_leaves_the_firm_a_holder() -> None:
    engine = held_by(199)
    offer = offered(engine)
    for name in ("b", "c"):
        give(engine, lift(BUYER, name, offer))
    give(engine, BustTrade("bust", 1, 8, 9, "wrong price"))
    assert refusal(engine, lift(NEWCOMER, "n", offer)) == ("HOLDER_LIMIT", (1, 200, 200))


def test_no_part_is_registered_for_a_holder_too_many() -> None:
    engine = held_by(200)
    part = CreditGoods("p", 5_000, 1, NEWCOMER, 7, 1, 1_000, 0)
    assert refusal(engine, part) == ("HOLDER_LIMIT", (1, 200, 200))
    give(engine, CreditGoods("q", 5_000, 1, SELLER, 7, 1, 1_000, 0))
    give(engine, CreditGoods("r", 5_001, 5_001, NEWCOMER, 7, 1, 1_000, 0))


def test_a_full_root_is_not_sold_where_anybody_could_buy() -> None:
    engine = held_by(200, listed=False)
    assert refusal(engine, sell("s", 1)) == ("HOLDER_LIMIT", (1, 200, 200))


def test_orders_of_a_root_that_becomes_full_leave_a_matched_book() -> None:
    engine = held_by(199, listed=False)
    give(engine, sell("s", 4))
    give(engine, sell("t", 4))
    events = give(engine, EnterOrder(BUYER, 1, "b", NOW, 7, Side.BUY, TimeInForce.DAY, 800, 1))
    gone = [e for e in events if isinstance(e, OrderCancelled)]
    assert [(e.firm_id, e.cancelled_lots, e.reason) for e in gone] == [
        (SELLER, 3, CancelReason.HOLDERS), (SELLER, 4, CancelReason.HOLDERS),
    ]  # fmt: skip
    assert engine.open_orders(SELLER) == []


def test_a_full_root_is_full_after_a_restart() -> None:
    engine = Engine.restore(held_by(200, listed=False).snapshot())
    assert refusal(engine, sell("s", 1)) == ("HOLDER_LIMIT", (1, 200, 200))


def test_the_last_lot_of_a_lift_may_be_the_one_too_many() -> None:
    engine = held_by(200)
    give(engine, CreditGoods("x", 77, 77, SELLER, 7, 4, 4_000, 0))
    give(engine, sell("s", 8, receipts=(77, 1)))
    assert refusal(engine, lift(NEWCOMER, "n", 1, 5)) == ("HOLDER_LIMIT", (1, 200, 200))
    assert any(isinstance(e, TradeExecuted) for e in give(engine, lift(NEWCOMER, "m", 1, 4)))


def test_an_incoming_sale_stops_where_its_receipt_becomes_full() -> None:
    engine = held_by(199, listed=False)
    for firm in (BUYER, NEWCOMER):
        give(engine, EnterOrder(firm, 1, "b", NOW, 7, Side.BUY, TimeInForce.DAY, 800, 2))
    events = give(engine, sell("s", 5))
    assert [type(e).__name__ for e in events] == ["OrderEntered", "TradeExecuted", "OrderCancelled"]
    gone = events[2]
    assert isinstance(gone, OrderCancelled)
    assert (gone.cancelled_lots, gone.reason, gone.resting) == (3, CancelReason.HOLDERS, False)
