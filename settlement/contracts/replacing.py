"""Replacement of refused goods by agreement (RULEBOOK 4.7; 民法典 art. 582): delivered once more.

While the buyer inspects, either party proposes days for it and the other takes them. The contract
goes back to its delivery: money and receipts stay bound as they are, what was refused counts for
nothing any more, and new vehicles are weighed and certified on their own. Until the warehouse says
that the replacement lies ready it is the seller's to bring; from then on the buyer's to collect,
where the buyer collects. A proposal stops no clock. Once a contract.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import Firm, User
from matching.units import Kg, TradeId
from settlement.contracts.flow import (
    ContractError,
    State,
    change,
    locked,
    note,
    party,
    set_due,
    step,
    terms_of,
)
from settlement.models import Inspection, Obligation, Replacement, Replacing, WeighTicket


def refused_kg(contract: Obligation) -> Kg:
    """Return the net weight of what the buyer has refused and nobody has replaced."""
    rows = WeighTicket.objects.filter(obligation=contract, refused=True, replaced=False)
    return sum(row.net_kg for row in rows)


@transaction.atomic
def propose(
    trade_id: TradeId, *, firm: Firm, by: User, days: int, reason: str, now: dt.datetime
) -> Replacement:
    """A party proposes that the seller replaces what was refused, within `days` of its being taken.

    Its last proposal counts. Raises `ContractError`: `UNKNOWN_CONTRACT`, `CONTRACT_STATE`,
    `REPLACED_ALREADY`, `NOTHING_REFUSED`, `REPLACE_DAYS` beyond the delivery window, `REQUIRED`,
    `TOO_LONG`.
    """
    contract = locked(trade_id)
    party(contract, firm)
    _check(contract)
    most = terms_of(contract).delivery_days
    if not 1 <= days <= most:
        raise ContractError("REPLACE_DAYS", days, most)
    if not reason.strip():
        raise ContractError("REQUIRED")
    if len(reason.strip()) > 400:
        raise ContractError("TOO_LONG")
    kg = refused_kg(contract)
    said = {
        "by_firm_id": firm.pk, "kg": kg, "days": days, "reason": reason.strip(), "at": now,
    }  # fmt: skip
    row, _ = Replacement.objects.update_or_create(
        obligation=contract, defaults=said, create_defaults={**said, "venue_id": contract.venue_id}
    )
    note(
        contract, "replace_proposed", at=now, firm_id=firm.pk, by=by, days=days, kg=kg,
        reason=reason.strip(),
    )  # fmt: skip
    return row


@transaction.atomic
def take(trade_id: TradeId, *, firm: Firm, by: User, days: int, kg: Kg, now: dt.datetime) -> None:
    """The other party takes the proposal that it has read: the goods are delivered once more.

    `OTHER_PROPOSAL` if other days are proposed by now, or more was refused since.
    """
    contract = locked(trade_id)
    party(contract, firm)
    _check(contract)
    row = Replacement.objects.filter(obligation=contract).first()
    if row is None:
        raise ContractError("CONTRACT_STATE")
    if row.by_firm_id == firm.pk:
        raise ContractError("NOT_ALLOWED")
    if (row.days, row.kg) != (days, kg) or row.kg != refused_kg(contract):
        raise ContractError("OTHER_PROPOSAL")
    tickets = WeighTicket.objects.filter(obligation=contract)
    last = tickets.order_by("-number").values_list("number", flat=True)[0]
    tickets.filter(refused=True).update(replaced=True)
    # A certificate of all was of all that had come by then.
    Inspection.objects.filter(obligation=contract, ticket=0).update(through=last)
    # Storage so far is fixed; lateness with the replacement is another one.
    Replacement.objects.filter(pk=row.pk).update(taken_at=now, storage_fen=contract.storage_fen)
    change(contract, replacing=Replacing.DUE, storage_from=None)
    note(contract, "replace_taken", at=now, firm_id=firm.pk, by=by, days=days, kg=kg)
    step(contract, State.DELIVERING, at=now, due=now + dt.timedelta(days=days))


@transaction.atomic
def ready(trade_id: TradeId, *, by: User, now: dt.datetime) -> None:
    """The warehouse has the replacement: the buyer has its delivery window to collect it.

    `CONTRACT_STATE` where the seller brings the goods itself, or where nothing is awaited.
    """
    contract = locked(trade_id, State.DELIVERING)
    if not awaits(contract):
        raise ContractError("CONTRACT_STATE")
    change(contract, replacing=Replacing.READY)
    note(contract, "replace_ready", at=now, by=by)
    set_due(contract, now + dt.timedelta(days=terms_of(contract).delivery_days))


def awaits(contract: Obligation) -> bool:
    """Say whether the warehouse still waits for the seller's replacement."""
    collects = contract.terms.get("collection", {}).get("by") == "buyer"
    return bool(collects and contract.replacing == Replacing.DUE)


def may_replace(contract: Obligation) -> bool:
    """Say whether a replacement may be agreed now."""
    is_open = contract.state == State.DELIVERED and bool(contract.terms)
    return is_open and not contract.replacing and refused_kg(contract) > 0


def _check(contract: Obligation) -> None:
    if contract.state != State.DELIVERED:
        raise ContractError("CONTRACT_STATE")
    if contract.replacing:
        raise ContractError("REPLACED_ALREADY")
    if not refused_kg(contract):
        raise ContractError("NOTHING_REFUSED")
