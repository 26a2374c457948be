"""The engine against a naive venue, under hostile input, through snapshots and hash seeds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.checks import PLAIN, Wish, first_refusal
from matching.commands import (
    Accept,
    AmendOrder,
    AnyCommand,
    BustTrade,
    CancelOrder,
    ChangePhase,
    Counter,
    CreditCash,
    CreditGoods,
    DebitGoods,
    Decline,
    DefineFirm,
    DefineInstrument,
    DischargeTrade,
    Disconnect,
    EnterOrder,
    HaltScope,
    Invite,
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
    PostOnly,
    ResaleLock,
    SelfMatch,
    SetFirmLimits,
    SetHalt,
    SetReference,
    SetSelfMatch,
    SettleTrade,
    Side,
    Special,
    TimeInForce,
    WithholdGoods,
)
from matching.engine import Engine
from matching.events import (
    CommandRejected,
    CommandRepeated,
    OrderAmended,
    OrderEntered,
    RejectReason,
    TradeExecuted,
    TradeSettled,
)
from matching.limits import DEDUP_WINDOW_US
from tests.matching.oracle import Oracle, Terms

NOW = 1_795_400_000_000_000
DEEP = int(os.environ.get("HAIDAI_DEEP", "1"))
# Firms 1 and 2 are related; 3 and 4 stand alone.
GROUPS = {1: 1, 2: 1, 3: 3, 4: 4}


def market(terms: Terms) -> tuple[Engine, Oracle]:
    """Return an engine and an oracle in the same state: scarce money, scarce goods."""
    engine = Engine(1)
    engine.begin_block(1, NOW)
    oracle = Oracle(terms, GROUPS)
    setup: list[AnyCommand] = [OpenDay(20261123)]
    setup += [DefineFirm(firm, group) for firm, group in GROUPS.items()]
    setup.append(
        DefineInstrument(
            7, Mode.MATCHED if terms.matched else Mode.LISTED, terms.tick_fen, terms.lot_kg,
            terms.minimum, terms.step, terms.most, terms.most_value, 100, terms.low, terms.high,
            10_000, terms.tolerance_bp, terms.fee_bp, terms.fee_bp, approval_id=1,
        )
    )  # fmt: skip
    setup += [ChangePhase(7, Phase.PRE_OPEN), ChangePhase(7, Phase.CONTINUOUS)]
    for firm, fen in ((1, 900_000), (2, 300_000), (3, 2_000_000), (4, 60_000)):
        setup.append(CreditCash(f"cash{firm}", firm, fen))
        oracle.cash[firm] = fen
    for number, (firm, lots, day) in enumerate(
        ((1, 30, 0), (3, 12, 0), (3, 20, 0), (4, 9, 0), (4, 50, 20261201), (2, 4, 20261123)), 11
    ):
        setup.append(
            CreditGoods(f"g{number}", number, number, firm, 7, lots, lots * terms.lot_kg, day)
        )
        oracle.goods[number] = [firm, lots, day]
    for command in setup:
        assert not isinstance(engine.apply(command)[0], CommandRejected), command
    return engine, oracle


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["enter"] * 6 + ["ioc", "lift", "lift", "amend", "amend", "cancel", "cancel", "halt"]
        ),
        st.integers(1, 4),
        st.sampled_from(["buy", "sell"]),
        st.integers(88, 112),
        st.integers(1, 44),
        st.integers(1, 30),
        st.sampled_from([(), (), (), (11,), (13, 12), (14, 15), (12, 12), (99,)]),
    ),
    max_size=40,
)


@pytest.mark.parametrize("matched", [True, False])
@settings(max_examples=250 * DEEP, deadline=None)
@given(plan=steps)
def test_the_engine_says_and_does_what_a_naive_venue_does(plan: Any, matched: bool) -> None:
    engine, oracle = market(Terms(matched))
    for index, (what, firm, side, price, lots, number, named) in enumerate(plan):
        client = f"c{index}"
        expected: Any
        if what in ("enter", "ioc"):
            way = Side.BUY if side == "buy" else Side.SELL
            tif = TimeInForce.IOC if what == "ioc" else TimeInForce.DAY
            events = engine.apply(EnterOrder(firm, 1, client, NOW, 7, way, tif, price, lots, named))
            expected = oracle.enter(firm, side, price, lots, what == "ioc", named)
        elif what == "lift":
            events = engine.apply(LiftOrder(firm, 1, client, NOW, number, lots))
            expected = oracle.lift(firm, number, lots)
        elif what == "amend":
            events = engine.apply(AmendOrder(firm, 1, client, NOW, number, price, lots))
            expected = oracle.amend(firm, number, price, lots)
        elif what == "cancel":
            events = engine.apply(CancelOrder(firm, 1, client, NOW, number))
            expected = oracle.cancel(firm, number)
        else:
            oracle.halted = not oracle.halted
            events = engine.apply(SetHalt(HaltScope.INSTRUMENT, 7, oracle.halted, 1, "test"))
            expected = []
        engine.check()
        said: Any = [
            (event.maker_order_id, event.taker_order_id, event.quantity_lots, event.price_ticks)
            for event in events
            if isinstance(event, TradeExecuted)
        ]
        if isinstance(events[0], CommandRejected):
            said = str(events[0].reason)
        assert said == expected
        book = engine.venue.instruments[7].book
        ladder = [
            (o.order_id, "buy" if o.side == Side.BUY else "sell", o.price_ticks, o.open_lots,
             o.quantity_lots)
            for side_ in (book.bids, book.asks)
            for o in side_
        ]  # fmt: skip
        assert ladder == oracle.ladder()
        for one in GROUPS:
            assert engine.cash(one) == (
                oracle.cash[one],
                oracle.held(one),
                oracle.committed.get(one, 0),
            )
    restored = Engine.restore(engine.snapshot())
    restored.check()
    assert restored.digest() == engine.digest()
    engine.apply(ChangePhase(7, Phase.CLOSED))
    restored.apply(ChangePhase(7, Phase.CLOSED))
    oracle.close()
    engine.check()
    assert engine.open_orders() == []
    assert restored.digest() == engine.digest(), "going on from a snapshot changes nothing"


hostile = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, 2, 7, 11, 100, 2**53 - 1, 2**53])
)
words = st.text(max_size=40)


@st.composite
def hostile_commands(draw: Any) -> AnyCommand:
    n = lambda: draw(hostile)  # noqa: E731
    small = lambda: draw(st.integers(0, 12))  # noqa: E731
    return draw(
        st.sampled_from(
            [
                EnterOrder(
                    small(), n(), draw(words), NOW, draw(st.sampled_from([7, n()])),
                    draw(st.sampled_from(Side)), draw(st.sampled_from(TimeInForce)), n(), n(),
                    tuple(draw(st.lists(hostile, max_size=70))),
                ),
                LiftOrder(small(), n(), draw(words), n(), small(), n(), (n(),)),
                AmendOrder(small(), n(), draw(words), NOW, small(), n(), n()),
                CancelOrder(n(), n(), draw(words), n(), n()),
                DefineFirm(n(), n()),
                DefineInstrument(
                    n(), draw(st.sampled_from(Mode)), n(), n(), n(), n(), n(), n(), n(), n(), n(),
                    10_000, small(), small(), small(), n(), n(), n(), n(),
                    draw(st.sampled_from(ResaleLock)), n(), n(), n(),
                ),
                CreditCash(draw(words), small(), n()),
                CreditGoods(draw(words), n(), n(), small(), 7, n(), n(), n()),
                DebitGoods(draw(words), draw(st.sampled_from([11, n()])), n()),
                WithholdGoods(draw(words), draw(st.sampled_from([11, n()])), n(), n()),
                SettleTrade(draw(words), small(), (n(),), n()),
                PayTrade(draw(words), small(), n()),
                DischargeTrade(
                    draw(words), small(), ((n(), n()),), ((n(), n()),), n(), n(), n(), n()
                ),
                SetHalt(draw(st.sampled_from(HaltScope)), n(), draw(st.booleans()), n(), "x" * 300),
                ChangePhase(draw(st.sampled_from([7, n()])), draw(st.sampled_from(Phase))),
                EnterOrder(
                    small(), n(), draw(words), NOW, 7, draw(st.sampled_from(Side)),
                    draw(st.sampled_from(TimeInForce)), draw(st.integers(88, 112)),
                    draw(st.integers(0, 44)), (),
                    Special(
                        draw(st.sampled_from(OrderKind)), draw(st.sampled_from([0, n(), NOW + 5])),
                        draw(st.sampled_from([0, 2, n()])), draw(st.sampled_from([0, 2, n()])),
                        draw(st.sampled_from(PostOnly)), draw(st.sampled_from([0, 100, n()])),
                        tuple(draw(st.lists(hostile, max_size=60))),
                    ),
                    n(),
                ),
                LiftBest(
                    small(), n(), draw(words), NOW, draw(st.sampled_from([7, n()])),
                    draw(st.sampled_from(Side)), n(), n(), (n(),),
                ),
                MassCancel(small(), n(), draw(words), NOW, n(), n(), n()),
                Invite(
                    small(), n(), draw(words), NOW, draw(st.sampled_from([8, n()])), small(),
                    draw(st.sampled_from(Side)), draw(st.sampled_from([100, n()])),
                    draw(st.sampled_from([2, n()])), draw(st.sampled_from([NOW + 9, n()])), (),
                ),
                Counter(
                    small(), n(), draw(words), NOW, small(), draw(st.sampled_from([100, n()])),
                    draw(st.sampled_from([2, n()])), draw(st.sampled_from([NOW + 9, n()])), (n(),),
                ),
                Accept(small(), n(), draw(words), NOW, small(), draw(st.sampled_from([1, n()]))),
                Decline(small(), n(), draw(words), NOW, small()),
                KillSwitch(small(), n(), draw(st.booleans()), n(), draw(words)),
                Disconnect(small(), n()),
                SetFirmLimits(small(), n(), n(), n()),
                SetSelfMatch(small(), draw(st.sampled_from(SelfMatch))),
                BustTrade(draw(words), small(), n(), n(), draw(words)),
                SetReference(draw(st.sampled_from([7, n()])), n(), n(), n()),
                OpenDay(draw(st.sampled_from([20261124, n()]))),
                PassTime(),
            ]
        )
    )  # fmt: skip


@settings(max_examples=150 * DEEP, deadline=None)
@given(commands=st.lists(hostile_commands(), max_size=12))
def test_no_decodable_command_makes_the_engine_raise_or_break_an_invariant(
    commands: list[AnyCommand],
) -> None:
    engine, _ = market(Terms(matched=True))
    talked = (8, Mode.NEGOTIATED, 100, 1000, 2, 2, 40, 10**7, 100, 90, 110, 10_000, 0, 5, 5)
    engine.apply(DefineInstrument(*talked))
    engine.apply(ChangePhase(8, Phase.PRE_OPEN))
    engine.apply(ChangePhase(8, Phase.CONTINUOUS))
    engine.begin_block(2, NOW + 1)
    for command in commands:
        events = engine.apply(command)
        assert events
        assert all(not isinstance(event, CommandRejected) for event in events[1:])
        engine.check()
    engine.begin_block(3, NOW + 20)
    engine.apply(PassTime())
    engine.check()
    assert Engine.restore(engine.snapshot()).digest() == engine.digest()


def test_what_is_refused_is_what_the_table_of_checks_refuses_first() -> None:
    """The hot path asks the table only where one flat condition says that it might refuse."""
    chance = random.Random(5)
    engine, _ = market(Terms(matched=True))
    venue = engine.venue
    instrument = venue.instruments[7]
    reasons: dict[RejectReason | None, int] = {}
    for number in range(3000):
        engine.begin_block(2 + number, NOW + number)
        instrument.halted = chance.random() < 0.05
        instrument.note_standing()
        venue.halted = chance.random() < 0.05
        account = venue.accounts[chance.randint(1, 4)]
        account.halted = chance.random() < 0.05
        account.note_bounds()
        account.self_match = chance.choice(list(SelfMatch))
        side, tif = chance.choice(list(Side)), chance.choice([TimeInForce.DAY, TimeInForce.IOC])
        price, lots = chance.randint(85, 115), chance.randint(1, 60)
        value = instrument.largest_value_fen(price, lots)
        wish = Wish(account, 1, instrument, side, tif, price, lots, PLAIN, lots, value)
        expected = first_refusal(venue, wish)
        order = EnterOrder(account.firm_id, 1, f"x{number}", NOW, 7, side, tif, price, lots)
        event = engine.apply(order)[0]
        if expected is not None:
            assert isinstance(event, CommandRejected)
            assert event.reason == expected[0]
        elif isinstance(event, CommandRejected):
            assert event.reason in (RejectReason.CASH, RejectReason.GOODS)
        reason = expected[0] if expected else None
        reasons[reason] = reasons.get(reason, 0) + 1
    assert len(reasons) >= 8, "the comparison met most reasons"


def test_the_same_id_is_answered_and_another_payload_refused() -> None:
    engine, _ = market(Terms(matched=True))
    order = EnterOrder(3, 1, "a", NOW, 7, Side.BUY, TimeInForce.DAY, 100, 4)
    first = engine.apply(order)
    again = engine.apply(EnterOrder(3, 1, "a", NOW + 5, 7, Side.BUY, TimeInForce.DAY, 100, 4))
    other = engine.apply(EnterOrder(3, 1, "a", NOW, 7, Side.BUY, TimeInForce.DAY, 100, 6))
    assert isinstance(first[0], OrderEntered)
    assert isinstance(again[0], CommandRepeated)
    assert isinstance(other[0], CommandRejected)
    assert other[0].reason is RejectReason.CLIENT_ID_REUSED
    assert len(engine.open_orders(3)) == 1


def test_a_forgotten_command_is_too_old_to_run() -> None:
    engine, _ = market(Terms(matched=True))
    order = EnterOrder(3, 1, "a", NOW, 7, Side.BUY, TimeInForce.DAY, 100, 4)
    engine.apply(order)
    engine.begin_block(2, NOW + DEDUP_WINDOW_US)
    assert isinstance(engine.apply(order)[0], CommandRepeated), "still remembered at the limit"
    engine.begin_block(3, NOW + DEDUP_WINDOW_US + 1)
    assert engine.first_answer(3, "a") is None
    answer = engine.apply(order)[0]
    assert isinstance(answer, CommandRejected)
    assert answer.reason is RejectReason.STALE


def test_pieces_differ_in_weight_and_pass_whole() -> None:
    engine = Engine(1)
    engine.begin_block(1, NOW)
    coil = DefineInstrument(
        9, Mode.MATCHED, 1000, 24_000, 1, 1, 200, 10**10, 329, 313, 345, 10_000, 0, 5, 5,
        20_000, 28_000, 1,
    )  # fmt: skip
    for command in (
        OpenDay(20261123), DefineFirm(1, 1), DefineFirm(2, 2), coil,
        ChangePhase(9, Phase.PRE_OPEN), ChangePhase(9, Phase.CONTINUOUS),
        CreditCash("c", 2, 10**9), CreditGoods("a", 1, 1, 1, 9, 1, 21_337, 0),
        CreditGoods("b", 2, 2, 1, 9, 1, 26_500, 0),
    ):  # fmt: skip
        assert not isinstance(engine.apply(command)[0], CommandRejected)
    two = CreditGoods("x", 3, 3, 1, 9, 2, 48_000, 0)
    assert engine.apply(two)[0] == CommandRejected(0, "x", RejectReason.ABOVE_MAXIMUM, (2, 1))
    engine.apply(EnterOrder(1, 1, "s", NOW, 9, Side.SELL, TimeInForce.DAY, 329, 2, (2, 1)))
    trade = engine.apply(EnterOrder(2, 1, "b", NOW, 9, Side.BUY, TimeInForce.DAY, 330, 2))[1]
    assert isinstance(trade, TradeExecuted)
    assert trade.receipts == ((2, 1, 26_500), (1, 1, 21_337))
    assert trade.weight_kg == 47_837
    assert trade.value_fen == (329 * 1000 * 47_837 + 500) // 1000
    settled = engine.apply(SettleTrade("t", 1, (11, 12), 20261201))[0]
    assert isinstance(settled, TradeSettled)
    assert settled.moves == ((2, 2, 1, 26_500), (1, 1, 1, 21_337)), "whole pieces keep numbers"
    engine.check()


def test_less_quantity_keeps_priority_and_more_loses_it() -> None:
    engine, _ = market(Terms(matched=True))
    engine.apply(EnterOrder(3, 1, "a", NOW, 7, Side.BUY, TimeInForce.DAY, 100, 8))
    engine.apply(EnterOrder(1, 1, "b", NOW, 7, Side.BUY, TimeInForce.DAY, 100, 4))
    less = engine.apply(AmendOrder(3, 1, "c", NOW, 1, 100, 6))[0]
    assert isinstance(less, OrderAmended)
    assert less.kept_priority
    assert [o.order_id for o in engine.venue.instruments[7].book.bids] == [1, 2]
    engine.apply(AmendOrder(3, 1, "d", NOW, 1, 100, 8))
    assert [o.order_id for o in engine.venue.instruments[7].book.bids] == [2, 1]


def test_neither_events_nor_state_depend_on_the_hash_seed() -> None:
    """Commands of every kind: the same bytes, whatever order sets and dicts of strings have."""
    digests = {
        subprocess.run(
            [sys.executable, "-m", "tests.matching.digest"],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "42")
    }
    assert len(digests) == 1
    assert len(digests.pop()) == 65
