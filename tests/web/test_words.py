"""What orders are called."""

from __future__ import annotations

import pytest
from django.utils import translation

from exchange.models import Instrument, OrderRow
from matching.commands import OrderKind, TimeInForce
from matching.events import CancelReason
from web import words

DAY, IOC, FOK, GTC, GTD = TimeInForce


@pytest.mark.parametrize(
    ("mode", "tif", "kind", "lifted", "word"),
    [
        ("matched", DAY, OrderKind.LIMIT, 0, "当日有效"),
        ("matched", IOC, OrderKind.LIMIT, 0, "立即成交"),
        ("matched", FOK, OrderKind.PROTECTED, 0, "全部成交或撤销"),
        ("matched", GTC, OrderKind.LIMIT, 0, "撤销前有效"),
        ("matched", GTD, OrderKind.LIMIT, 0, "指定时间前有效"),
        ("matched", DAY, OrderKind.STOP_LIMIT, 0, "触发限价"),
        ("listed", DAY, OrderKind.LIMIT, 0, "挂牌"),
        ("listed", GTC, OrderKind.LIMIT, 0, "撤销前有效"),
        ("listed", IOC, OrderKind.LIMIT, 9, "摘牌"),
    ],
)
def test_an_order_is_called_by_what_it_was_good_for(
    mode: str, tif: TimeInForce, kind: OrderKind, lifted: int, word: str
) -> None:
    order = OrderRow(tif=tif, kind=kind, lifted_order_id=lifted)
    assert words.validity(order, Instrument(mode=mode)) == word


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_an_order_that_nobody_asked_to_end_says_why_in_the_readers_language(language: str) -> None:
    said_by_the_state = {CancelReason.REQUESTED, CancelReason.EXPIRED}
    with translation.override(language):
        told = {why: words.why_ended(OrderRow(cancel_reason=why)) for why in CancelReason}
        assert words.why_ended(OrderRow(cancel_reason=0)) == ""
    assert {why for why, text in told.items() if not text} == said_by_the_state
    assert len(set(told.values())) == len(told) - 1
    withheld = {"zh-hans": "仓单被冻结或已到期", "en": "Receipt frozen or expired"}
    assert told[CancelReason.WITHHELD] == withheld[language]
