"""What time does to contracts: reminders, acceptance by silence, defaults. Restart-safe.

A deadline is a column of its contract; a sweep asks which are due and acts on each in its own
transaction, so one that was cut short is simply repeated, and one in trouble delays no other.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Final

from django.db import models, transaction

from settlement.contracts import defaults, delivering, disputes, settling
from settlement.contracts.flow import (
    ContractError,
    State,
    change,
    is_asked,
    locked,
    note,
    terms_of,
)
from settlement.models import Dispute, Obligation
from settlement.models.obligation import OPEN_STATES

log = logging.getLogger(__name__)
REMIND_BEFORE: Final = dt.timedelta(days=1)
SWEEP_MOST: Final = 500
"""Contracts and disputes of one sweep."""


def sweep(now: dt.datetime) -> int:
    """Do what is due at the current venue; return how many contracts and disputes moved."""
    soon = Obligation.objects.filter(state__in=OPEN_STATES, due_at__lte=now + REMIND_BEFORE)
    soon = soon.filter(models.Q(due_at__lte=now) | models.Q(reminded_at__isnull=True))
    moved = 0
    for trade_id in list(soon.order_by("due_at").values_list("trade_id", flat=True)[:SWEEP_MOST]):
        try:
            moved += _lapse(trade_id, now)
        except ContractError as error:
            log.info("contract %s: %s", trade_id, error)
        except Exception:
            log.exception("contract %s", trade_id)
    late = Dispute.objects.filter(due_at__lte=now).values_list("obligation__trade_id", flat=True)
    for trade_id in list(late.order_by("due_at")[:SWEEP_MOST]):
        try:
            moved += _lapse_dispute(trade_id, now)
        except Exception:
            log.exception("dispute of contract %s", trade_id)
    return moved


@transaction.atomic
def _lapse_dispute(trade_id: int, now: dt.datetime) -> bool:
    contract = locked(trade_id)
    dispute = Dispute.objects.get(obligation=contract)
    if dispute.due_at is None or dispute.due_at > now:
        return False
    before = dispute.state
    disputes.lapse(dispute, at=now)
    return dispute.state != before


@transaction.atomic
def _lapse(trade_id: int, now: dt.datetime) -> bool:
    """Act on one contract's deadline, or remind of it; return whether anything changed."""
    contract = locked(trade_id)
    if contract.due_at is None or not contract.terms:
        return False
    if contract.due_at > now:
        if contract.reminded_at is not None:
            return False
        change(contract, reminded_at=now)
        note(contract, "reminder", at=now, state=contract.state)
        return True
    before = (contract.state, contract.due_at)
    _act(contract, now)
    return before != (contract.state, contract.due_at)


def _act(contract: Obligation, now: dt.datetime) -> None:
    assert contract.due_at is not None
    over = now > contract.due_at + dt.timedelta(days=terms_of(contract).grace_days)
    if contract.state == State.MATCHED:
        if over and not is_asked(f"pay:{contract.trade_id}:"):
            defaults.begin(contract, State.BUYER_DEFAULT, at=now)
    elif contract.state == State.SECURED:
        defaults.begin(contract, State.BUYER_DEFAULT, at=now)
    elif contract.state == State.DELIVERING:
        if contract.tickets.exists():
            delivering.delivered(contract, at=now)
        else:
            defaults.begin(contract, State.SELLER_DEFAULT, at=now)
    elif contract.state == State.DELIVERED:
        note(contract, "accepted_by_silence", at=now)  # 民法典 art. 621
        settling.state_it(contract, at=now)
    elif contract.state == State.STATED:
        _agree_by_silence(contract, now)
    elif contract.state == State.TOP_UP:
        if over:
            settling.exchange(contract)
    elif contract.state in (State.BUYER_DEFAULT, State.SELLER_DEFAULT):
        if not contract.remedy:
            amounts = defaults.remedies(contract)
            defaults.execute(contract, max(amounts, key=lambda name: amounts[name]), at=now)
        elif contract.state == State.SELLER_DEFAULT:
            defaults.collect(contract, at=now)


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
