"""Undoing a trade: one person asks, another agrees, the engine has the last word."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.link import BlockingLink
from exchange.models import BUST_OPEN, BustRequest, BustState, TradeRow, User, Venue
from exchange.rulebook import RuleError
from matching.commands import BustTrade
from matching.events import CommandRejected
from matching.limits import BUST_WINDOW_US

WINDOW = dt.timedelta(microseconds=BUST_WINDOW_US)
"""How long after a trade it may be undone, if the contract has not begun to settle."""


def recent(now: dt.datetime, *, most: int = 200) -> list[TradeRow]:
    """Return the trades that are young enough to be undone, newest first."""
    rows = TradeRow.objects.filter(traded_at__gte=now - WINDOW, busted_at=None)
    return list(rows.order_by("-trade_id")[:most])


def trades(numbers: list[int]) -> dict[int, TradeRow]:
    """Return trades by their numbers."""
    return {row.trade_id: row for row in TradeRow.objects.filter(trade_id__in=numbers)}


def requests(*, most: int = 50) -> list[BustRequest]:
    """Return the venue's requests, newest first."""
    rows = BustRequest.objects.select_related("asked_by", "answered_by")
    return list(rows.order_by("-pk")[:most])


@transaction.atomic
def ask(*, venue: Venue, trade_id: int, reason: str, by: User, now: dt.datetime) -> BustRequest:
    """Ask for a trade to be undone; nothing changes until another person agrees.

    Raises `RuleError`: `REQUIRED` without a reason, `UNKNOWN_TRADE`, `BUST_WINDOW` if it is too
    old or undone already, `BUST_ASKED` if it has been asked for.
    """
    if not reason.strip():
        raise RuleError("REQUIRED", "reason")
    trade = TradeRow.objects.select_for_update(of=("self",)).filter(trade_id=trade_id).first()
    if trade is None:
        raise RuleError("UNKNOWN_TRADE", "trade")
    if trade.busted_at is not None or trade.traded_at < now - WINDOW:
        raise RuleError("BUST_WINDOW", "trade")
    if BustRequest.objects.filter(trade_id=trade_id, state__in=BUST_OPEN).exists():
        raise RuleError("BUST_ASKED", "trade")
    return BustRequest.objects.create(
        venue=venue, trade_id=trade_id, reason=reason.strip(), asked_by=by, asked_at=now
    )


def answer(
    request_id: int, *, agreed: bool, by: User, link: BlockingLink, now: dt.datetime
) -> BustRequest:
    """Agree, and the engine undoes the trade; or decline, as the one who asked may, too.

    Raises `RuleError`: `UNKNOWN_REQUEST`, `BUST_STATE` if it has ended, `SAME_PERSON`; and
    `LinkError` when the engine does not answer: it is asked again by the same call, by anybody.
    """
    with transaction.atomic():
        row = BustRequest.objects.select_for_update(of=("self",)).filter(pk=request_id).first()
        if row is None:
            raise RuleError("UNKNOWN_REQUEST")
        if row.state == BustState.ASKED:
            if agreed and row.asked_by_id == by.pk:
                raise RuleError("SAME_PERSON")
            row.state = BustState.AGREED if agreed else BustState.DECLINED
            row.answered_by = by
            row.answered_at = now
            row.save()
        elif row.state != BustState.AGREED or not agreed:
            raise RuleError("BUST_STATE")
    if row.state == BustState.AGREED:
        _undo(row, link)
    return row


def _undo(row: BustRequest, link: BlockingLink) -> None:
    """Tell the engine, under one id for ever: however often it is told, it undoes once."""
    assert row.answered_by_id is not None, "the database wants two people, too"
    command = BustTrade(
        f"bust:{row.pk}", row.trade_id, row.asked_by_id, row.answered_by_id, row.reason
    )
    first = link.submit(row.venue_id, command).events[0]
    refused = isinstance(first, CommandRejected)
    row.state = BustState.REFUSED if refused else BustState.DONE
    row.refusal = first.reason if isinstance(first, CommandRejected) else ""
    row.save(update_fields=["state", "refusal"])
