"""Money set aside always pays for what it was set aside for, whatever the figures."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from matching.commands import (
    AnyCommand,
    CancelOrder,
    ChangePhase,
    CreditCash,
    CreditGoods,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    Mode,
    OpenDay,
    Phase,
    SettleTrade,
    Side,
    TimeInForce,
)
from matching.engine import Engine
from matching.events import AnyEvent, CommandRejected, InstrumentDefined, RejectReason

NOW = 1_795_400_000_000_000
BUYER, SELLER = 1, 2
COIL = DefineInstrument(
    9, Mode.MATCHED, 1000, 24_000, 1, 1, 200, 10**12, 329, 1, 1000, 10_000, 0, 5, 5,
    20_000, 28_000, 1,
)  # fmt: skip


def venue(terms: DefineInstrument) -> Engine:
    """Return an open venue with two firms and plenty of money with the buyer."""
    engine = Engine(1)
    engine.begin_block(1, NOW)
    for command in (
        OpenDay(20261123),
        DefineFirm(BUYER, 1),
        DefineFirm(SELLER, 2),
        terms,
        ChangePhase(9, Phase.PRE_OPEN),
        ChangePhase(9, Phase.CONTINUOUS),
        CreditCash("cash", BUYER, 10**13),
    ):
        done(engine, command)
    return engine


def done(engine: Engine, command: AnyCommand) -> tuple[AnyEvent, ...]:
    events = engine.apply(command)
    assert not isinstance(events[0], CommandRejected), events
    return events


def refused(engine: Engine, command: AnyCommand) -> CommandRejected:
    (event,) = engine.apply(command)
    assert isinstance(event, CommandRejected)
    return event


terms_of_pieces = st.builds(
    lambda tick, middle, least, more, tolerance, fee: DefineInstrument(
        9, Mode.MATCHED, tick, middle, 1, 1, 200, 10**12, 50, 1, 1000, 10_000, tolerance, fee, fee,
        least, least + more, 1,
    ),
    st.sampled_from([1, 7, 100, 125, 500, 1000, 2500]),
    st.sampled_from([1000, 24_000, 42_000]),
    st.integers(1, 30_000),
    st.integers(0, 12_000),
    st.integers(0, 2000),
    st.integers(0, 100),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    terms=terms_of_pieces,
    price=st.integers(1, 1000),
    asked=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 12_000)), min_size=1, max_size=6),
    data=st.data(),
)
def test_what_a_trade_commits_pays_for_it_and_its_fee(
    terms: DefineInstrument, price: int, asked: list[tuple[int, int]], data: Any
) -> None:
    engine = Engine(1)
    engine.begin_block(1, NOW)
    assume(isinstance(engine.apply(terms)[0], InstrumentDefined))
    engine = venue(terms)
    lots = len(asked) + data.draw(st.integers(0, 2))
    done(engine, EnterOrder(BUYER, 1, "b", NOW, 9, Side.BUY, TimeInForce.DAY, price, lots))
    for number, (below, over) in enumerate(asked, 1):
        kg = min(terms.piece_min_kg + over, terms.piece_max_kg)
        done(engine, CreditGoods(f"g{number}", number, number, SELLER, 9, 1, kg, 0))
        limit = max(1, price - below)
        done(
            engine,
            EnterOrder(SELLER, 1, f"s{number}", NOW, 9, Side.SELL, TimeInForce.IOC, limit, 1),
        )
        engine.check()
    for number in data.draw(st.permutations(range(1, len(asked) + 1))):
        done(engine, SettleTrade(f"t{number}", number, (1000 + number,), 20261201))
        engine.check()
    if engine.open_orders():
        done(engine, CancelOrder(BUYER, 1, "c", NOW, 1))
    available, held, committed = engine.cash(BUYER)
    assert (held, committed) == (0, 0), "nothing stays behind when all is settled and withdrawn"
    assert available == engine.totals()["cash_in"] - engine.totals()["cash_out"] - sum(
        engine.cash(SELLER)
    )


def test_a_heaviest_piece_that_is_worth_no_whole_fen_is_refused() -> None:
    engine = Engine(1)
    engine.begin_block(1, NOW)
    terms = DefineInstrument(
        9, Mode.MATCHED, 500, 24_000, 1, 1, 200, 10**12, 3, 1, 9, 10_000, 0, 0, 0,
        20_000, 20_003, 1,
    )  # fmt: skip
    assert refused(engine, terms) == CommandRejected(
        0, "", RejectReason.FRACTION_OF_FEN, (500, 20_003)
    )
