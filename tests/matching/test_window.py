"""A client order id is answered, not executed again, for as long as a command may be old."""

from __future__ import annotations

import msgspec
import pytest

from matching.commands import CancelOrder, ClientCommand
from matching.engine import Engine
from matching.events import CommandRejected, CommandRepeated, RejectReason
from matching.limits import AHEAD_US, DEDUP_WINDOW_US
from tests.matching.market import BUYER, NOW, buy, give, open_market, refusal


def test_a_refused_command_is_remembered_like_an_accepted_one() -> None:
    engine = open_market()
    assert refusal(engine, buy("b", 1, 700)) == ("PRICE_BAND", (700, 720, 880))
    assert engine.apply(buy("b", 1, 700)) == (CommandRepeated(BUYER, "b", 1, 8),)
    assert refusal(engine, buy("b", 1, 800)) == ("CLIENT_ID_REUSED", ())


def test_another_kind_of_command_is_another_payload() -> None:
    engine = open_market()
    give(engine, buy("b", 1))
    assert refusal(engine, CancelOrder(BUYER, 1, "b", NOW, 1)) == ("CLIENT_ID_REUSED", ())


def test_two_firms_may_use_one_id() -> None:
    engine = open_market()
    give(engine, buy("same", 1))
    give(engine, CancelOrder(BUYER, 1, "b", NOW, 1))
    other = msgspec.structs.replace(buy("same", 1), firm_id=2)
    assert engine.apply(other)[0] != CommandRepeated(2, "same", 1, 8)
    assert engine.first_answer(BUYER, "same") == (1, 8)
    assert engine.first_answer(2, "same") == (1, 10)
    assert engine.first_answer(2, "b") is None
    assert engine.first_answer(99, "b") is None


@pytest.mark.parametrize(
    ("at_us", "taken"),
    [
        (NOW - DEDUP_WINDOW_US, True),
        (NOW - DEDUP_WINDOW_US - 1, False),
        (NOW + AHEAD_US, True),
        (NOW + AHEAD_US + 1, False),
    ],
)
def test_a_stamp_is_taken_within_the_window_and_no_further(at_us: int, taken: bool) -> None:
    engine = open_market()
    answer = engine.apply(buy("b", 1, at_us=at_us))
    stale = CommandRejected(BUYER, "b", RejectReason.STALE, (at_us, NOW - DEDUP_WINDOW_US))
    assert (answer != (stale,)) is taken
    assert len(engine.open_orders()) == taken


def test_what_is_forgotten_could_not_run_again() -> None:
    """A younger stamp at the head keeps older ones behind it; none leaves before it is stale."""
    engine = open_market()
    commands: list[ClientCommand] = [
        buy("young", 1, at_us=NOW + AHEAD_US),
        buy("old", 1, at_us=NOW - DEDUP_WINDOW_US),
        buy("middle", 1, at_us=NOW),
    ]
    for command in commands:
        give(engine, command)  # type: ignore[arg-type]
    for seq, ts_us in enumerate(
        (NOW + 1, NOW + DEDUP_WINDOW_US + 1, NOW + DEDUP_WINDOW_US + AHEAD_US + 1), 2
    ):
        engine.begin_block(seq, ts_us)
        for command in commands:
            (answer,) = engine.apply(command)  # type: ignore[arg-type]
            assert isinstance(answer, CommandRepeated) or (
                isinstance(answer, CommandRejected) and answer.reason is RejectReason.STALE
            )
        engine.check()
    assert len(engine.open_orders()) == 3
    assert {engine.first_answer(one.firm_id, one.client_order_id) for one in commands} == {None}


@pytest.mark.parametrize("client_order_id", ["", "x" * 37])
def test_an_id_that_is_no_id_is_refused(client_order_id: str) -> None:
    engine = open_market()
    answer = engine.apply(buy(client_order_id, 1))
    assert answer == (CommandRejected(BUYER, "", RejectReason.INVALID, ()),)


def test_a_firm_that_fills_its_window_may_still_cancel() -> None:
    engine = open_market()
    give(engine, buy("a", 1))
    give(engine, buy("b", 1))
    engine.venue.accounts[BUYER].remember_most = 2
    assert refusal(engine, buy("c", 1)) == ("RATE", (2, 2))
    cancel = CancelOrder(BUYER, 1, "d", NOW, 1)
    give(engine, cancel)
    assert refusal(engine, cancel) == ("UNKNOWN_ORDER", (1,))


def test_the_window_survives_a_snapshot() -> None:
    engine = open_market()
    give(engine, buy("b", 1))
    restored = Engine.restore(engine.snapshot())
    restored.check()
    restored.begin_block(2, NOW + 5)
    assert restored.apply(buy("b", 1, at_us=NOW + 3)) == (CommandRepeated(BUYER, "b", 1, 8),)
    restored.begin_block(3, NOW + DEDUP_WINDOW_US + 1)
    assert refusal(restored, buy("b", 1))[0] == "STALE"


def test_a_block_neither_skips_a_number_nor_goes_back_in_time() -> None:
    engine = open_market()
    with pytest.raises(AssertionError, match="one after the other"):
        engine.begin_block(3, NOW)
    with pytest.raises(AssertionError, match="does not go back"):
        engine.begin_block(2, NOW - 1)
