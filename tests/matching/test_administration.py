"""What the operator asks: firms, instruments, phases, halts, days."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from matching.commands import (
    AnyCommand,
    CancelOrder,
    ChangePhase,
    DefineFirm,
    DefineInstrument,
    FirmStatus,
    HaltScope,
    Mode,
    OpenDay,
    Phase,
    SetFirmStatus,
    SetHalt,
    SetReference,
)
from matching.events import (
    CancelReason,
    HaltChanged,
    InstrumentDefined,
    OrderCancelled,
    PhaseChanged,
    ReferenceChanged,
)
from matching.instrument import Instrument
from matching.phases import NEXT
from matching.units import MAX_INT, hold_fen, value_fen
from tests.matching.market import BUYER, COAL, NOW, SELLER, buy, give, open_market, refusal, sell


def other(**changes: Any) -> DefineInstrument:
    return msgspec.structs.replace(COAL, **({"instrument_id": 8} | changes))


def test_an_instrument_is_admitted_closed_with_the_terms_it_was_given() -> None:
    engine = open_market()
    assert give(engine, other()) == (InstrumentDefined(*msgspec.structs.astuple(other())),)
    assert engine.market()["instruments"][1] == [8, Phase.CLOSED, False, 800, 720, 880]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"instrument_id": 0}, ("PARAMETERS", (0,))),
        ({"tick_fen_per_t": 0}, ("PARAMETERS", (2,))),
        ({"lot_kg": MAX_INT + 1}, ("PARAMETERS", (3,))),
        ({"min_lots": 0}, ("PARAMETERS", (4,))),
        ({"step_lots": 3, "min_lots": 4}, ("PARAMETERS", (5,))),
        ({"max_lots": 4, "min_lots": 5}, ("PARAMETERS", (6,))),
        ({"max_value_fen": 0}, ("PARAMETERS", (7,))),
        ({"reference_ticks": 719}, ("PARAMETERS", (8,))),
        ({"reference_ticks": 881}, ("PARAMETERS", (8,))),
        ({"low_ticks": 0}, ("PARAMETERS", (9,))),
        ({"high_ticks": -1}, ("PARAMETERS", (10,))),
        ({"cover_bp": 0}, ("PARAMETERS", (11,))),
        ({"cover_bp": 10_001}, ("PARAMETERS", (11,))),
        ({"plus_tolerance_bp": -1}, ("PARAMETERS", (12,))),
        ({"buyer_fee_bp": 10_001}, ("PARAMETERS", (13,))),
        ({"seller_fee_bp": -1}, ("PARAMETERS", (14,))),
        ({"piece_min_kg": 2}, ("PARAMETERS", (15,))),
        ({"piece_max_kg": 2_000}, ("PARAMETERS", (15,))),
        ({"approval_id": -1}, ("PARAMETERS", (17,))),
        ({"tick_fen_per_t": 5, "lot_kg": 100}, ("FRACTION_OF_FEN", (5, 100))),
        ({"approval_id": 0}, ("APPROVAL_REQUIRED", ())),
        ({"instrument_id": 7}, ("SAME", (7,))),
        ({"instrument_id": 7, "max_lots": 99}, ("ALREADY_DEFINED", (7,))),
    ],
)
def test_terms_that_cannot_be_are_refused_by_the_first_that_is_wrong(
    changes: dict[str, int], reason: tuple[str, tuple[int, ...]]
) -> None:
    assert refusal(open_market(), other(**changes)) == reason


def test_listed_trading_needs_no_approval() -> None:
    give(open_market(), other(mode=Mode.LISTED, approval_id=0))


@pytest.mark.parametrize(
    ("price", "lots", "tolerance", "fee"),
    [(1, 1, 0, 0), (799, 3, 300, 5), (880, 100, 1, 9_999), (721, 7, 9_999, 3)],
)
def test_what_an_order_holds_is_the_formula_of_units(
    price: int, lots: int, tolerance: int, fee: int
) -> None:
    value = value_fen(price, 20, lots * 50)
    for cover in (10_000, 1_000, 1):
        terms = other(
            plus_tolerance_bp=tolerance,
            buyer_fee_bp=fee,
            lot_kg=50,
            tick_fen_per_t=20,
            cover_bp=cover,
        )
        assert Instrument(terms).largest_value_fen(price, lots) == value
        assert Instrument(terms).need_fen(price, lots) == hold_fen(value, cover, tolerance, fee)


def test_phases_move_along_their_table_and_nowhere_else() -> None:
    ways = {
        Phase.CLOSED: (),
        Phase.PRE_OPEN: (Phase.PRE_OPEN,),
        Phase.CALL: (Phase.PRE_OPEN, Phase.CALL),
        Phase.CONTINUOUS: (Phase.PRE_OPEN, Phase.CONTINUOUS),
        Phase.BREAK: (Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.BREAK),
    }
    assert set(ways) == set(Phase)
    for origin, way in ways.items():
        for target in Phase:
            engine = open_market()
            give(engine, other())
            for step in way:
                give(engine, ChangePhase(8, step))
            move = ChangePhase(8, target)
            if target == origin:
                assert refusal(engine, move) == ("SAME", ())
            elif target in NEXT[origin]:
                assert give(engine, move)[0] == PhaseChanged(8, target)
            else:
                assert refusal(engine, move) == ("PHASE", (int(origin),))


def test_the_close_withdraws_day_orders_in_the_order_of_the_book() -> None:
    engine = open_market()
    for command in (buy("a", 1, 790), buy("b", 2, 795), sell("c", 3, 805), sell("d", 4, 803)):
        give(engine, command)
    events = give(engine, ChangePhase(7, Phase.CLOSED))
    assert events[0] == PhaseChanged(7, Phase.CLOSED)
    assert [
        (event.order_id, event.cancelled_lots, event.reason)
        for event in events
        if isinstance(event, OrderCancelled)
    ] == [
        (2, 2, CancelReason.EXPIRED),
        (1, 1, CancelReason.EXPIRED),
        (4, 4, CancelReason.EXPIRED),
        (3, 3, CancelReason.EXPIRED),
    ]
    assert engine.cash(BUYER) == (1_000_000, 0, 0)


@pytest.mark.parametrize(
    "stop",
    [
        SetHalt(HaltScope.VENUE, 0, True, 1, "drill"),
        SetHalt(HaltScope.INSTRUMENT, 7, True, 1, "drill"),
        SetHalt(HaltScope.FIRM, BUYER, True, 1, "drill"),
        SetFirmStatus(BUYER, FirmStatus.SUSPENDED),
        ChangePhase(7, Phase.BREAK),
    ],
)
def test_a_cancel_is_taken_whatever_stands_still(stop: AnyCommand) -> None:
    engine = open_market()
    give(engine, buy("b", 1))
    give(engine, stop)
    refusal(engine, buy("c", 1))
    give(engine, CancelOrder(BUYER, 1, "d", NOW, 1))
    assert engine.open_orders() == []


def test_a_halt_says_who_and_why_and_is_lifted_by_its_opposite() -> None:
    engine = open_market()
    halt = SetHalt(HaltScope.INSTRUMENT, 7, True, 42, "演练")
    assert give(engine, halt) == (HaltChanged(HaltScope.INSTRUMENT, 7, True, 42, "演练"),)
    assert refusal(engine, halt) == ("SAME", ())
    give(engine, SetHalt(HaltScope.INSTRUMENT, 7, False, 42, ""))
    give(engine, buy("b", 1))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (DefineFirm(0, 1), ("INVALID", ())),
        (DefineFirm(3, -1), ("INVALID", ())),
        (DefineFirm(BUYER, 1), ("SAME", (BUYER,))),
        (DefineFirm(BUYER, 9), ("ALREADY_DEFINED", (BUYER,))),
        (SetFirmStatus(9, FirmStatus.SUSPENDED), ("UNKNOWN_FIRM", (9,))),
        (SetFirmStatus(BUYER, FirmStatus.ACTIVE), ("SAME", ())),
        (ChangePhase(9, Phase.PRE_OPEN), ("UNKNOWN_INSTRUMENT", (9,))),
        (SetHalt(HaltScope.VENUE, 7, True, 1, ""), ("INVALID", ())),
        (SetHalt(HaltScope.VENUE, 0, False, 1, ""), ("SAME", ())),
        (SetHalt(HaltScope.INSTRUMENT, 9, True, 1, ""), ("UNKNOWN_INSTRUMENT", (9,))),
        (SetHalt(HaltScope.FIRM, 9, True, 1, ""), ("UNKNOWN_FIRM", (9,))),
        (SetHalt(HaltScope.VENUE, 0, True, 1, "x" * 201), ("INVALID", ())),
        (SetHalt(HaltScope.VENUE, 0, True, -1, ""), ("INVALID", ())),
        (OpenDay(20261123), ("DAY", (20261123, 20261123))),
        (OpenDay(20261122), ("DAY", (20261122, 20261123))),
        (OpenDay(99991232), ("DAY", (99991232, 20261123))),
        (SetReference(9, 1, 1, 1), ("UNKNOWN_INSTRUMENT", (9,))),
        (SetReference(7, 800, 801, 880), ("INVALID", ())),
        (SetReference(7, 800, 720, 799), ("INVALID", ())),
        (SetReference(7, 800, 0, 880), ("INVALID", ())),
        (SetReference(7, 800, 720, 880), ("SAME", ())),
    ],
)
def test_an_administration_that_makes_no_sense_is_refused(
    command: AnyCommand, reason: tuple[str, tuple[int, ...]]
) -> None:
    assert refusal(open_market(), command) == reason


def test_a_new_reference_moves_the_band_and_cancels_what_it_leaves_outside() -> None:
    engine = open_market()
    give(engine, buy("b", 1, 720))
    give(engine, sell("a", 1, 880))
    changed, cancelled = give(engine, SetReference(7, 900, 810, 990))
    assert changed == ReferenceChanged(7, 900, 810, 990)
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.order_id, cancelled.reason) == (1, CancelReason.BAND)
    assert refusal(engine, buy("c", 1, 809)) == ("PRICE_BAND", (809, 810, 990))
    assert refusal(engine, sell("s", 1, 991)) == ("PRICE_BAND", (991, 810, 990))
    assert [order.price_ticks for order in engine.open_orders()] == [880]


def test_every_phase_states_its_exits_and_none_leads_to_itself() -> None:
    assert set(NEXT) == set(Phase)
    assert all(phase not in exits for phase, exits in NEXT.items())
    day = (Phase.CLOSED, Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.BREAK, Phase.CONTINUOUS)
    assert all(after in NEXT[before] for before, after in pairwise((*day, Phase.CLOSED)))


def test_a_seller_of_one_group_is_known_by_its_group() -> None:
    engine = open_market()
    give(engine, DefineFirm(3, 2))
    give(engine, sell("s", 1))
    order = buy("b", 1)
    related = type(order)(3, *[getattr(order, name) for name in order.__struct_fields__[1:]])
    assert refusal(engine, related) == ("RELATED_PARTY", (1,))
    assert engine.open_orders(SELLER)[0].open_lots == 1
