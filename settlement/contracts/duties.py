"""Who has to do what by when: one list for screens and for reminders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db import models

from exchange.models import Firm, Role
from settlement.contracts import collecting
from settlement.models import (
    Dispute,
    DisputeState,
    Invoice,
    InvoiceState,
    Obligation,
    ObligationState,
)
from settlement.models.obligation import OPEN_STATES

S, D = ObligationState, DisputeState
BUYER, SELLER = "buyer", "seller"
_QUARRELS: Final = (D.ALLEGED, D.CONCILIATION, D.PANEL, D.DECIDED, D.HELD)
TODO_MOST: Final = 500
"""Open contracts of one firm, or of one venue's desk, on a list of what to do."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What a side has to do about a contract: "buyer", "seller", or a role of the venue."""

    what: str
    side: str
    due_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Todo:
    """A duty of somebody who looks at the list, with its contract."""

    contract: Obligation
    duty: Duty
    reminded_at: dt.datetime | None


_ONE: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    S.MATCHED: ("pay", (BUYER,)),
    S.SECURED: ("order", (BUYER,)),
    S.DELIVERED: ("accept", (BUYER,)),
    S.DISPUTED: ("umpire", (Role.INSPECTOR, Role.CLERK)),
    S.TOP_UP: ("top_up", (BUYER,)),
}


def of_contract(contract: Obligation, invoices: Iterable[Invoice]) -> list[Duty]:
    """Return what the contract's own deadline asks for; a receipt's contract asks for its invoice.

    `invoices` are the contract's. Nothing is asked of anybody while an answer is under way.
    """
    state, due = contract.state, contract.due_at
    if state == S.SETTLED:
        return [*_invoice(due, invoices), *_penalty(contract)]
    if not contract.terms:
        return []
    if state == S.DELIVERING:
        collects = collecting.is_buyers(contract)
        what = "collect" if collects else "deliver"
        owner = BUYER if collects else SELLER
        return [Duty(what, owner, due), Duty(what, Role.WAREHOUSE, due)]
    if state == S.STATED:
        agreed = {BUYER: contract.buyer_agreed_at, SELLER: contract.seller_agreed_at}
        return [Duty("agree", side, due) for side, at in agreed.items() if at is None]
    if state in (S.BUYER_DEFAULT, S.SELLER_DEFAULT):
        keeps = SELLER if state == S.BUYER_DEFAULT else BUYER
        if not contract.remedy:
            return [Duty("remedy", keeps, due)]
        return [Duty("penalty", SELLER, None)] if state == S.SELLER_DEFAULT else []
    what, sides = _ONE.get(state) or ("", ())
    return [Duty(what, side, due) for side in sides]


def of_dispute(contract: Obligation, dispute: Dispute) -> list[Duty]:
    """Return what a dispute's deadline asks for; an appeal is a right, and its time is told."""
    due = dispute.due_at
    if contract.state != S.SETTLED:
        return []
    if dispute.state == D.ALLEGED:
        other = SELLER if dispute.by_firm_id == contract.buyer_id else BUYER
        return [Duty("respond", other, due)]
    if dispute.state == D.CONCILIATION:
        return [Duty("offer", BUYER, due), Duty("offer", SELLER, due)]
    if dispute.state == D.PANEL:
        return [Duty("decide", Role.CLERK, due)]
    if dispute.state == D.DECIDED:
        return [Duty("appeal", BUYER, due), Duty("appeal", SELLER, due)]
    if dispute.state == D.HELD:
        return [Duty("award", Role.REVIEWER, None)]
    return []


def _invoice(due: dt.datetime | None, invoices: Iterable[Invoice]) -> list[Duty]:
    states = {invoice.state for invoice in invoices}
    if InvoiceState.ACCEPTED in states:
        return []
    if InvoiceState.ISSUED in states:
        return [Duty("check_invoice", BUYER, due)]
    return [Duty("red_letter" if InvoiceState.REJECTED in states else "invoice", SELLER, due)]


def _penalty(contract: Obligation) -> list[Duty]:
    return [Duty("penalty", SELLER, None)] if contract.penalty_at is not None else []


def todo(firm: Firm | None, role: str) -> list[Todo]:
    """Return what a firm, or a role of the venue's own people, has to do; nearest deadline first.

    Only what time will look at, or a dispute or penalty that is open: the invoice of a receipt that
    has passed has no deadline and is left to the list of contracts. A role that decides nothing
    about contracts has nothing to do.
    """
    asks = models.Q(due_at__isnull=False) | models.Q(acts_at__isnull=False)
    asks |= models.Q(penalty_at__isnull=False) | models.Q(dispute__state__in=_QUARRELS)
    rows = Obligation.objects.filter(asks, state__in=OPEN_STATES).select_related(
        "instrument", "buyer", "seller", "dispute"
    )
    if firm is not None:
        rows = rows.filter(models.Q(buyer=firm) | models.Q(seller=firm))
    elif role in (Role.WAREHOUSE, Role.INSPECTOR, Role.CLERK, Role.REVIEWER):
        waits = models.Q(state__in=[S.DELIVERING, S.DISPUTED])
        rows = rows.filter(waits | models.Q(dispute__state__in=[D.PANEL, D.HELD]))
    else:
        return []
    rows = rows.order_by(models.F("due_at").asc(nulls_last=True), "pk")
    found = []
    for contract in rows.prefetch_related("invoices")[:TODO_MOST]:
        mine = {role} if firm is None else {BUYER if contract.buyer_id == firm.pk else SELLER}
        dispute = getattr(contract, "dispute", None)
        own = of_contract(contract, contract.invoices.all())
        found += [Todo(contract, d, contract.reminded_at) for d in own if d.side in mine]
        if dispute is not None:
            more = of_dispute(contract, dispute)
            found += [Todo(contract, d, dispute.reminded_at) for d in more if d.side in mine]
    never = dt.datetime.max.replace(tzinfo=dt.UTC)
    return sorted(found, key=lambda one: (one.duty.due_at or never, one.contract.pk))
