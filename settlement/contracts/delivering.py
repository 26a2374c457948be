"""From the delivery order to the last truck: who may load, what the scale said, what was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from exchange.models import Firm, User
from matching.units import Kg, TradeId
from settlement.contracts import collecting, defaults
from settlement.contracts.flow import (
    ContractError,
    State,
    change,
    found_of,
    locked,
    note,
    only,
    party,
    price_of,
    step,
    terms_of,
)
from settlement.contracts.statement import certificate_of, gravest
from settlement.models import DeliveryOrder, Inspection, Obligation, WeighTicket
from settlement.quality.assess import Pieces, theoretical_kg
from settlement.quality.rules import Action

TICKETS_MOST: Final = 1_000
"""Vehicles of one contract."""
TICKET_MOST_KG: Final = 10**9
"""Largest gross weight: a million tonnes, beyond any ship."""


@transaction.atomic
def order_delivery(
    trade_id: TradeId, *, firm: Firm, by: User, code: str, now: dt.datetime
) -> DeliveryOrder:
    """The buyer orders the goods handed over; `code` is what its drivers show at the gate."""
    contract = locked(trade_id)
    only(contract, firm, "buyer")
    if contract.state != State.SECURED or not contract.terms:
        raise ContractError("CONTRACT_STATE")
    order = DeliveryOrder.objects.create(
        venue_id=contract.venue_id, obligation=contract, code=code, by=by, at=now
    )
    note(contract, "delivery_ordered", at=now, firm_id=firm.pk, by=by)
    due = now + dt.timedelta(days=terms_of(contract).delivery_days)
    step(contract, State.DELIVERING, at=now, due=due)
    return order


@transaction.atomic
def weigh_in(
    trade_id: TradeId,
    *,
    by: User,
    code: str,
    plate: str,
    gross_kg: Kg,
    tare_kg: Kg,
    pieces: Pieces | None = None,
    now: dt.datetime,
) -> WeighTicket:
    """The warehouse weighs a loaded vehicle whose driver shows the delivery order's code.

    Where the contract pays by theoretical weight `pieces` are counted too: they are paid, and the
    scale's figures are there for control. One ticket is for bars of one diameter and length.
    Raises `ContractError`, or `AssessError` for a diameter, length or count that the rules refuse.
    """
    contract = locked(trade_id, State.DELIVERING)
    if contract.delivery_order.code != code.strip().upper():
        raise ContractError("PICKUP_CODE")
    if not plate.strip() or len(plate.strip()) > 20:
        raise ContractError("REQUIRED")
    if not 0 <= tare_kg < gross_kg <= TICKET_MOST_KG:
        raise ContractError("SCALE", gross_kg, tare_kg)
    rules = terms_of(contract).rules
    if rules.is_theoretical != (pieces is not None):
        raise ContractError("PIECES" if rules.is_theoretical else "NO_PIECES")
    bars: dict[str, Any] = {}
    if pieces is not None:
        weight = theoretical_kg(rules, pieces)
        if not 0 < weight <= TICKET_MOST_KG:
            raise ContractError("SCALE", weight, 0)
        bars = {"diameter": pieces.diameter, "metres": pieces.metres, "pieces": pieces.count}
        bars["theoretical_kg"] = weight
    number = WeighTicket.objects.filter(obligation=contract).count() + 1
    if number > TICKETS_MOST:
        raise ContractError("LIMIT")
    ticket = WeighTicket.objects.create(
        venue_id=contract.venue_id,
        obligation=contract,
        number=number,
        plate=plate.strip(),
        gross_kg=gross_kg,
        tare_kg=tare_kg,
        by=by,
        at=now,
        **bars,
    )
    note(contract, "weighed", at=now, by=by, ticket=number, net_kg=ticket.net_kg)
    return ticket


@transaction.atomic
def finish_loading(trade_id: TradeId, *, by: User | None, now: dt.datetime) -> None:
    """All is loaded: from here the buyer's time to inspect runs."""
    contract = locked(trade_id, State.DELIVERING)
    if not WeighTicket.objects.filter(obligation=contract).exists():
        raise ContractError("NO_TICKET")
    delivered(contract, at=now)


def delivered(contract: Obligation, *, at: dt.datetime) -> None:
    """Open the inspection window. What is held for an umpire waits for him instead."""
    due = at + dt.timedelta(days=terms_of(contract).inspection_days)
    collecting.charge(contract, until=at)
    step(contract, State.DELIVERED, at=at, due=due)
    if is_held(contract):
        hold(contract, at=at)


@transaction.atomic
def report_missing(trade_id: TradeId, *, by: User, reason: str, now: dt.datetime) -> None:
    """The warehouse cannot hand the goods over: nothing is there of what the receipts say.

    A false receipt is the seller's default (RULEBOOK 4.7), whoever should have come for it. Where
    something was loaded the loading is ended instead, and what lacks is short.
    """
    contract = locked(trade_id, State.DELIVERING)
    if not reason.strip():
        raise ContractError("REQUIRED")
    if len(reason.strip()) > 400:
        raise ContractError("TOO_LONG")
    if WeighTicket.objects.filter(obligation=contract).exists():
        raise ContractError("LOADED_ALREADY")
    note(contract, "goods_missing", at=now, by=by, reason=reason.strip())
    change(contract, storage_from=None)  # nobody stores what is not there
    defaults.begin(contract, State.SELLER_DEFAULT, at=now)


def hold(contract: Obligation, *, at: dt.datetime) -> None:
    """An umpire has to look first; nothing goes on without him."""
    due = at + dt.timedelta(days=terms_of(contract).umpire_days)
    step(contract, State.DISPUTED, at=at, due=due)


def is_held(contract: Obligation) -> bool:
    """Say whether a certificate asks for an umpire who has not spoken yet."""
    rows = list(Inspection.objects.filter(obligation=contract).order_by("pk"))
    spoken = found_of(row for row in rows if row.is_umpire)
    return any(
        not row.is_umpire
        and not any(one.covers(row.ticket) for one in spoken)
        and gravest(terms_of(contract), row.measured, price=price_of(contract), kg=1000)
        is Action.HOLD_AND_UMPIRE
        for row in rows
    )


@transaction.atomic
def inspect(
    trade_id: TradeId,
    *,
    by: User,
    ticket: int,
    certificate: str,
    agency: str,
    measured: Mapping[str, str],
    now: dt.datetime,
) -> Inspection:
    """The inspector reports a certificate: of one ticket, or of all (0). In a dispute as umpire.

    What must be refused is; what must wait for an umpire does. Raises `AssessError` for values that
    the contract's rules cannot read, `ContractError` otherwise.
    """
    contract = locked(trade_id, State.DELIVERING, State.DELIVERED, State.DISPUTED)
    terms = terms_of(contract)
    for text, most in ((certificate, 40), (agency, 60)):
        if not text.strip():
            raise ContractError("REQUIRED")
        if len(text.strip()) > most:
            raise ContractError("TOO_LONG")
    rows = WeighTicket.objects.filter(obligation=contract, replaced=False)
    if ticket:
        rows = rows.filter(number=ticket)
        if not rows.exists():
            raise ContractError("NO_TICKET")
    elif contract.state == State.DELIVERING:
        raise ContractError("STILL_LOADING")  # one certificate for all needs all
    action = gravest(terms, measured, price=price_of(contract), kg=1000)
    # Weight and price of bars go by the same diameter.
    diameter = measured.get("dia_mm", "").strip() if terms.rules.is_theoretical else ""
    if diameter and rows.exclude(diameter=diameter).exists():
        raise ContractError("DIAMETER")
    is_umpire = contract.state == State.DISPUTED
    known = Inspection.objects.filter(obligation=contract, ticket=ticket, is_umpire=is_umpire)
    if known.exists():
        raise ContractError("CERTIFICATE_GIVEN")
    row = Inspection.objects.create(
        venue_id=contract.venue_id,
        obligation=contract,
        ticket=ticket,
        is_umpire=is_umpire,
        certificate=certificate.strip(),
        agency=agency.strip(),
        measured=dict(measured),
        by=by,
        at=now,
    )
    note(contract, "inspected", at=now, by=by, ticket=ticket, umpire=is_umpire)
    if is_umpire:
        rows.update(refused=False)  # what was refused on the first certificate is open again
    # What an umpire still finds outside the bound is out for good.
    if action is Action.MANDATORY or (is_umpire and action is Action.HOLD_AND_UMPIRE):
        _refuse(contract, ticket, at=now, by=by)
    if contract.state == State.DELIVERED and is_held(contract):
        hold(contract, at=now)
    return row


@transaction.atomic
def end_umpire(trade_id: TradeId, *, by: User, now: dt.datetime) -> None:
    """The umpire is done: weight and quality are final, the buyer accepts or refuses on them."""
    contract = locked(trade_id, State.DISPUTED)
    if is_held(contract):
        raise ContractError("UMPIRE_MISSING")
    note(contract, "umpire_done", at=now, by=by)
    due = now + dt.timedelta(days=terms_of(contract).inspection_days)
    step(contract, State.DELIVERED, at=now, due=due)


@transaction.atomic
def decide_weight(
    trade_id: TradeId, *, by: User, ticket: int, net_kg: Kg, now: dt.datetime
) -> None:
    """A check weighing decides a disputed ticket; the scale's own figures stay beside it."""
    contract = locked(trade_id, State.DISPUTED)
    if not 0 < net_kg <= TICKET_MOST_KG:
        raise ContractError("SCALE", net_kg, 0)
    rows = WeighTicket.objects.filter(obligation=contract, number=ticket, replaced=False)
    if not rows.update(decided_kg=net_kg):
        raise ContractError("NO_TICKET")
    note(contract, "weight_decided", at=now, by=by, ticket=ticket, net_kg=net_kg)


@transaction.atomic
def dispute(
    trade_id: TradeId, *, firm: Firm, by: User, what: str, reason: str, now: dt.datetime
) -> None:
    """A party disputes weight or quality within the window: an umpire looks. Once a contract."""
    contract = locked(trade_id)
    party(contract, firm)
    if contract.state != State.DELIVERED:
        raise ContractError("CONTRACT_STATE")
    if what not in ("weight", "quality"):
        raise ContractError("CHOICE")
    if not reason.strip():
        raise ContractError("REQUIRED")
    if len(reason.strip()) > 400:
        raise ContractError("TOO_LONG")
    if contract.events.filter(kind="disputed_by").exists():
        raise ContractError("UMPIRE_FINAL")
    note(contract, "disputed_by", at=now, firm_id=firm.pk, by=by, what=what, reason=reason.strip())
    hold(contract, at=now)


@transaction.atomic
def refuse_ticket(
    trade_id: TradeId, *, firm: Firm, by: User, ticket: int, now: dt.datetime
) -> None:
    """The buyer refuses a ticket's goods, where what was found gives it the option."""
    contract = locked(trade_id)
    only(contract, firm, "buyer")
    if contract.state != State.DELIVERED:
        raise ContractError("CONTRACT_STATE")
    if ticket not in refusable(contract):
        raise ContractError("NOT_REFUSABLE")
    _refuse(contract, ticket, at=now, by=by, firm_id=firm.pk)


def refusable(contract: Obligation) -> set[int]:
    """Return the tickets that the buyer may refuse by what was found of them."""
    found = found_of(Inspection.objects.filter(obligation=contract).order_by("pk"))
    terms, price = terms_of(contract), price_of(contract)
    may = set()
    for row in WeighTicket.objects.filter(obligation=contract, refused=False):
        counts = certificate_of(row.number, found)
        if counts is not None and gravest(terms, counts.measured, price=price, kg=1000):
            may.add(row.number)
    return may


def _refuse(
    contract: Obligation, ticket: int, *, at: dt.datetime, by: User | None, firm_id: int = 0
) -> None:
    rows = WeighTicket.objects.filter(obligation=contract, refused=False)
    if ticket:
        rows = rows.filter(number=ticket)
    for number in list(rows.order_by("number").values_list("number", flat=True)):
        rows.filter(number=number).update(refused=True)
        note(contract, "refused", at=at, by=by, firm_id=firm_id, ticket=number)


@transaction.atomic
def refuse_excess(
    trade_id: TradeId, *, firm: Firm, by: User, refused: bool, now: dt.datetime
) -> None:
    """The buyer takes what was delivered beyond the tolerance, or refuses it (民法典 art. 629)."""
    contract = locked(trade_id)
    only(contract, firm, "buyer")
    if contract.state != State.DELIVERED:
        raise ContractError("CONTRACT_STATE")
    change(contract, excess_refused=refused)
    kind = "excess_refused" if refused else "excess_taken"
    note(contract, kind, at=now, firm_id=firm.pk, by=by)
