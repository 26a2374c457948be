"""What time does to contracts: reminders, acceptance by silence, defaults. Restart-safe.

A deadline is columns of its row; a sweep asks which are due and acts on each in its own
transaction, so one that was cut short is simply repeated. Whatever was looked at is looked at
again later and never at once, so that many which wait, or one in trouble, delay no other.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any, Final

from django.db import models, transaction

from settlement.contracts import (
    collecting,
    deadlines,
    defaults,
    delivering,
    disputes,
    duties,
    invoicing,
    settling,
)
from settlement.contracts.flow import (
    ContractError,
    State,
    change,
    is_asked,
    locked,
    note,
    set_due,
    terms_of,
)
from settlement.models import Dispute, Invoice, Obligation, Reminder
from settlement.models.obligation import OPEN_STATES

log = logging.getLogger(__name__)
SWEEP_MOST: Final = 500
"""Contracts, disputes and penalties of one sweep, each."""


def sweep(now: dt.datetime) -> int:
    """Do what is due at the current venue; return how many contracts and disputes moved."""
    moved = _each(Obligation.objects.all(), "trade_id", _lapse, now)
    moved += _each(Dispute.objects.all(), "obligation__trade_id", _lapse_dispute, now)
    owed = Obligation.objects.filter(penalty_at__lte=now).order_by("penalty_at", "pk")
    for trade_id in list(owed.values_list("trade_id", flat=True)[:SWEEP_MOST]):
        moved += _ask_penalty(trade_id, now)
    return moved


def _each(
    rows: models.QuerySet[Any], key: str, act: Callable[[int, dt.datetime], bool], now: dt.datetime
) -> int:
    ready = rows.filter(models.Q(acts_at__lte=now) | models.Q(remind_at__lte=now))
    moved = 0
    for trade_id in list(ready.order_by("due_at", "pk").values_list(key, flat=True)[:SWEEP_MOST]):
        try:
            moved += act(trade_id, now)
        except Exception as error:
            if isinstance(error, ContractError):
                log.info("%s of contract %s: %s", act.__name__, trade_id, error)
            else:
                log.exception("%s of contract %s", act.__name__, trade_id)
            _later(rows.filter(**{key: trade_id}), now)
    return moved


def _later(row: models.QuerySet[Any], now: dt.datetime) -> None:
    again = now + deadlines.AGAIN
    row.filter(acts_at__lte=now).update(acts_at=again)
    row.filter(remind_at__lte=now).update(remind_at=again)


@transaction.atomic
def _lapse(trade_id: int, now: dt.datetime) -> bool:
    """Remind of one contract's deadline, or act on it; return whether anything changed."""
    contract = locked(trade_id)
    if not contract.terms or contract.state not in OPEN_STATES:
        set_due(contract, None)
        return False
    own = duties.of_contract(contract, Invoice.objects.filter(obligation=contract))
    reminded = _remind(contract, contract, own, now)
    if not _is_silence(contract, contract, now):
        return reminded
    before = (contract.state, contract.due_at, contract.acts_at)
    _act(contract, now)
    if before == (contract.state, contract.due_at, contract.acts_at):
        change(contract, acts_at=now + deadlines.AGAIN)  # the engine has not answered yet
        return reminded
    return True


@transaction.atomic
def _lapse_dispute(trade_id: int, now: dt.datetime) -> bool:
    contract = locked(trade_id)
    dispute = Dispute.objects.select_for_update(of=("self",)).get(obligation=contract)
    if contract.state != State.SETTLED:  # the undisputed part goes first
        _later(Dispute.objects.filter(pk=dispute.pk), now)
        return False
    reminded = _remind(contract, dispute, duties.of_dispute(contract, dispute), now)
    if not _is_silence(contract, dispute, now):
        return reminded
    disputes.lapse(contract, dispute, at=now)
    return True


@transaction.atomic
def _ask_penalty(trade_id: int, now: dt.datetime) -> bool:
    contract = locked(trade_id)
    if contract.penalty_at is None or contract.penalty_at > now:
        return False
    settling.ask_penalty(contract, at=now)
    return True


def _remind(
    contract: Obligation, row: Obligation | Dispute, owed: list[duties.Duty], now: dt.datetime
) -> bool:
    """Tell each side once a lead; the rows, the history and the next moment go together."""
    if row.remind_at is None or row.remind_at > now or row.due_at is None:
        return False
    hours = deadlines.hours_of(contract.terms)
    lead = deadlines.lead_of(row, hours, now)
    firms = {duties.BUYER: contract.buyer_id, duties.SELLER: contract.seller_id}
    for firm_id, what in sorted({(firms.get(duty.side, 0), duty.what) for duty in owed}):
        Reminder.objects.create(
            venue_id=contract.venue_id, obligation=contract, firm_id=firm_id, what=what,
            due_at=row.due_at, hours=lead, at=now,
        )  # fmt: skip
        note(contract, "reminder", at=now, firm_id=firm_id, what=what, hours=lead)
    _write(row, deadlines.reminded(row, hours, now))
    return True


def _is_silence(contract: Obligation, row: Obligation | Dispute, now: dt.datetime) -> bool:
    """Say whether silence counts now; if a reminder is too young, it will when that is old."""
    if row.acts_at is None or row.acts_at > now:
        return False
    if row.due_at is None:
        return True  # nobody's silence: something is tried again
    counts_from = deadlines.silent_from(row, deadlines.hours_of(contract.terms))
    if counts_from is None:  # no reminder went out, whatever the reason: it does next
        _write(row, {"remind_at": now})
        return False
    if counts_from > now:
        _write(row, {"acts_at": counts_from})
        return False
    return True


def _write(row: Obligation | Dispute, changes: dict[str, Any]) -> None:
    type(row).objects.filter(pk=row.pk).update(**changes)
    for name, value in changes.items():
        setattr(row, name, value)


def _act(contract: Obligation, now: dt.datetime) -> None:
    if contract.state == State.MATCHED:
        if _grace_is_over(contract, now) and not is_asked(f"pay:{contract.trade_id}:"):
            defaults.begin(contract, State.BUYER_DEFAULT, at=now)
    elif contract.state == State.SECURED:
        if collecting.may_wait(contract):
            collecting.begin_late(contract, at=now)
        else:
            defaults.begin(contract, State.BUYER_DEFAULT, at=now)
    elif contract.state == State.DELIVERING:
        _end_loading(contract, now)
    elif contract.state == State.DELIVERED:
        note(contract, "accepted_by_silence", at=now)  # 民法典 art. 621
        settling.state_it(contract, at=now)
    elif contract.state == State.DISPUTED:
        change(contract, acts_at=None)  # goods on hold are never taken by silence
    elif contract.state == State.STATED:
        _agree_by_silence(contract, now)
    elif contract.state == State.TOP_UP:
        if _grace_is_over(contract, now) and not is_asked(f"deliver:{contract.trade_id}"):
            settling.exchange(contract)
    elif contract.state == State.SETTLED:
        invoicing.lapse(contract, at=now)
    elif contract.state in (State.BUYER_DEFAULT, State.SELLER_DEFAULT):
        if not contract.remedy:
            amounts = defaults.remedies(contract)
            defaults.execute(contract, max(amounts, key=lambda name: amounts[name]), at=now)
        elif contract.state == State.SELLER_DEFAULT:
            defaults.collect(contract, at=now)


def _grace_is_over(contract: Obligation, now: dt.datetime) -> bool:
    """Say whether a late payment has had its days of grace; if not, look again then."""
    assert contract.due_at is not None
    last = contract.due_at + dt.timedelta(days=terms_of(contract).grace_days)
    if now > last:
        return True
    change(contract, acts_at=last + dt.timedelta(microseconds=1))
    return False


def _end_loading(contract: Obligation, now: dt.datetime) -> None:
    """The window is over: what came is what was delivered, and a late buyer gets its last days."""
    lacks = collecting.lacks_kg(contract)
    if lacks and collecting.may_wait(contract):
        collecting.begin_late(contract, at=now)
    elif contract.tickets.exists():
        if collecting.is_buyers(contract):
            change(contract, left_kg=lacks)
        delivering.delivered(contract, at=now)
    else:
        buyers = collecting.is_buyers(contract)
        defaults.begin(contract, State.BUYER_DEFAULT if buyers else State.SELLER_DEFAULT, at=now)


def _agree_by_silence(contract: Obligation, now: dt.datetime) -> None:
    if Dispute.objects.filter(obligation=contract).exists():
        return
    if contract.buyer_agreed_at and contract.seller_agreed_at:
        return
    for side in ("buyer", "seller"):
        if getattr(contract, f"{side}_agreed_at") is None:
            change(contract, **{f"{side}_agreed_at": now})
            note(contract, "agreed_by_silence", at=now, firm_id=getattr(contract, f"{side}_id"))
    settling.finish(contract, at=now)
