"""The only formatter: golden texts."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation

from exchange.models import Instrument
from web import display

COAL = Instrument(unit="t", lot_kg=1_000)
SQUID = Instrument(unit="t", lot_kg=500)
COIL = Instrument(unit="coil", lot_kg=20_000)


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "¥0.00"),
        (5, "¥0.05"),
        (14_855_424, "¥148,554.24"),
        (-100, "−¥1.00"),
        (-5, "−¥0.05"),
        (2**53 - 1, "¥90,071,992,547,409.91"),
    ],
)
def test_money(fen: int, text: str) -> None:
    assert display.money(fen) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (97_259, "还有 1 天 3 小时"),
        (86_399, "还有 23 小时 59 分钟"),
        (59, "还有 0 分钟"),
        (0, "逾期 0 分钟"),
        (-3_600, "逾期 1 小时 0 分钟"),
        (-200_000, "逾期 2 天 7 小时"),
    ],
)
def test_time_left_to_a_deadline(seconds: int, text: str) -> None:
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    assert display.time_left(now + dt.timedelta(seconds=seconds), now) == text


@pytest.mark.parametrize(
    ("ticks", "tick", "text"),
    [(722, 100, "722"), (4_805, 1_000, "48,050"), (7_225, 10, "722.50"), (1, 5, "0.05")],
)
def test_prices_have_the_decimals_that_their_tick_needs(ticks: int, tick: int, text: str) -> None:
    assert display.price(ticks, tick) == text


@pytest.mark.parametrize(
    ("kg", "text"),
    [(0, "0"), (1_000, "1"), (1_234_500, "1,234.5"), (19_737, "19.737"), (1, "0.001")],
)
def test_weights_in_tonnes(kg: int, text: str) -> None:
    assert display.tonnes(kg) == text


def test_quantities_in_what_the_trade_counts() -> None:
    found = [
        display.quantity(lots, Instrument(unit=unit, lot_kg=lot_kg))
        for lots, unit, lot_kg in (
            (1_200, "t", 1_000),
            (3, "t", 500),
            (3, "coil", 20_000),
            (2, "batch", 40_000),
            (1_500, "carton", 10),
        )
    ]
    assert found == ["1,200 吨", "1.5 吨", "3 卷", "2 批", "1,500 箱"]


@pytest.mark.parametrize(
    ("text", "instrument", "lots"),
    [
        ("500", COAL, 500),
        (" 1,500 ", COAL, 1_500),
        ("1.5", SQUID, 3),
        ("1.25", SQUID, None),
        ("3", COIL, 3),
        ("3.5", COIL, None),
        ("0", COAL, None),
        ("-1", COAL, None),
        ("1e400", COAL, None),
        ("NaN", COAL, None),
        ("Infinity", COAL, None),
        ("", COAL, None),
        ("abc", COAL, None),
        ("9" * 400, COAL, None),
        ("５", COAL, 5),
    ],
)
def test_what_is_typed_becomes_whole_lots_or_nothing(
    text: str, instrument: Instrument, lots: int | None
) -> None:
    assert display.to_lots(text, instrument) == lots


@pytest.mark.parametrize(
    ("text", "fen"),
    [("12,000.50", 1_200_050), ("0.01", 1), ("0.001", None), ("-1", None), ("1e9", 10**11)],
)
def test_amounts_that_are_typed(text: str, fen: int | None) -> None:
    assert display.to_fen(text) == fen


def test_instants_and_days_are_shanghais() -> None:
    at = dt.datetime(2026, 11, 22, 16, 0, 1, tzinfo=dt.UTC)
    found = (display.moment(at), display.day(20261123), display.day(0), display.basis_points(605))
    assert found == ("2026-11-23 00:00:01", "2026-11-23", "", "6.05%")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_forbidden_words_are_never_shown(language: str) -> None:
    with translation.override(language):
        shown = [display.unit_name(unit) for unit in ("t", "coil", "batch", "carton")]
        shown += [display.mode_name("listed"), display.mode_name("matched")]
        bases = ("EX_WAREHOUSE", "DELIVERED", "FOT", "FOB_PORT", "PORT_EX_YARD")
        shown += [display.basis_name(code) for code in bases]
    assert [one for one in shown if any(word in one for word in ("手", "平仓", "lot"))] == []
