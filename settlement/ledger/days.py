"""Ends of days: totals kept per account and day, and statements between two days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import models, transaction

from exchange.scope import current_venue_id
from settlement.ledger import seal
from settlement.ledger.chain import lock
from settlement.ledger.reads import OWNED, Line
from settlement.ledger.words import CNY
from settlement.models.ledger import Account, Closing, DayBalance, Step, Transfer


@dataclass(frozen=True, slots=True)
class DayTotals:
    """An account's totals at the end of a day, in fen or kg."""

    debits: int
    credits: int
    debits_pending: int
    credits_pending: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A firm's money in a period: `opening_fen` + Σ line amounts = `closing_fen`; oldest first."""

    opening_fen: int
    lines: tuple[Line, ...]
    closing_fen: int


def close_day(day: dt.date, *, until: dt.datetime) -> int:
    """Keep every account's totals at the end of `day`; return the last transfer's number.

    The day ends before the first transfer made at or after `until`, so that days never overlap
    and leave nothing out. To be called when the follower has passed `until`. A day that is closed
    already stays as it is; a day before a closed one raises `ValueError`.
    """
    venue_id = current_venue_id()
    with transaction.atomic():
        lock()
        old = Closing.objects.filter(day__gte=day).order_by("day").first()
        if old is not None:
            if old.day != day:
                raise ValueError(f"{old.day} is closed, {day} can not be any more")
            return old.number
        last = Closing.objects.order_by("-day").first()
        after = 0 if last is None else last.number
        number = _last_before(until, after=after)
        head = Transfer.objects.filter(number=number).values_list("hash", flat=True).first()
        totals = _totals_at(number)
        closing = Closing.objects.create(
            venue_id=venue_id, day=day, number=number, hash=bytes(head or seal.FIRST)
        )
        DayBalance.objects.bulk_create(
            DayBalance(
                venue_id=venue_id,
                closing=closing,
                account_id=account_id,
                debits=debits,
                credits=credits,
                debits_pending=debits_pending,
                credits_pending=credits_pending,
            )
            for account_id, (debits, credits, debits_pending, credits_pending) in sorted(
                totals.items()
            )
        )
        return number


def day_balances(day: dt.date) -> dict[tuple[int, str, int], DayTotals]:
    """Return the totals kept for `day` by (ledger, code, firm id); raise if it is not closed."""
    closing = Closing.objects.get(day=day)
    rows = DayBalance.objects.filter(closing=closing).select_related("account")
    return {
        (row.account.ledger, row.account.code, row.account.firm_id): DayTotals(
            row.debits, row.credits, row.debits_pending, row.credits_pending
        )
        for row in rows.order_by("account_id")
    }


def firm_statement(firm_id: int, *, since: dt.datetime, until: dt.datetime) -> Statement:
    """Return what moved a firm's money from `since` to before `until`, with both balances."""
    mine = set(
        Account.objects.filter(ledger=CNY, firm_id=firm_id, code__in=OWNED).values_list(
            "pk", flat=True
        )
    )
    first = _last_before(since, after=0)
    last = _last_before(until, after=first)
    opening = sum(
        credits - debits
        for account_id, (debits, credits, _, _) in _totals_at(first).items()
        if account_id in mine
    )
    rows = Transfer.objects.filter(
        models.Q(debit_id__in=mine) ^ models.Q(credit_id__in=mine),
        step__in=[Step.POSTED, Step.POST],
        number__gt=first,
        number__lte=last,
    )
    balance = opening
    lines = []
    for row in rows.order_by("number"):
        amount = row.amount if row.credit_id in mine else -row.amount
        balance += amount
        lines.append(Line(row.at, row.kind, amount, balance, row.trade_id, row.seq))
    return Statement(opening, tuple(lines), balance)


def _last_before(until: dt.datetime, *, after: int) -> int:
    """Return the number of the last transfer before the first one made at or after `until`."""
    rows = Transfer.objects.filter(number__gt=after)
    later = rows.filter(at__gte=until).order_by("number").values_list("number", flat=True).first()
    if later is not None:
        return later - 1
    last = rows.order_by("-number").values_list("number", flat=True).first()
    return after if last is None else last


def _totals_at(number: int) -> dict[int, tuple[int, int, int, int]]:
    """Return totals by account id after transfer `number`, from the nearest day kept before."""
    closing = Closing.objects.filter(number__lte=number).order_by("-number", "-day").first()
    totals: dict[int, tuple[int, int, int, int]] = {}
    if closing is not None:
        totals = {
            row.account_id: (row.debits, row.credits, row.debits_pending, row.credits_pending)
            for row in DayBalance.objects.filter(closing=closing).order_by("account_id")
        }
    added = seal.totals_between(0 if closing is None else closing.number, number)
    for account_id, more in added.items():
        had = totals.get(account_id, (0, 0, 0, 0))
        totals[account_id] = (
            had[0] + more[0],
            had[1] + more[1],
            had[2] + more[2],
            had[3] + more[3],
        )
    return totals
