"""Ratings after the close (RULEBOOK 4.6: CLOSED, RATED): each party of the other, once, unseen.

Marks are shown once both have rated, or when the time for it is over. Until then neither knows what
the other one says, and afterwards nobody can answer: a rating is never a reply to a rating.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum

from exchange.models import Firm, User
from matching.units import FirmId, TradeId
from settlement.contracts.flow import ContractError, State, locked, note, party
from settlement.models import Obligation, Rating

DAYS: Final = 7
"""Days after the close for which a contract may be rated."""
TEXT_MOST: Final = 200
"""Characters that a party may add to its marks."""


@dataclass(frozen=True, slots=True)
class Marks:
    """One to five for each: in time, goods as described, documents in order."""

    punctuality: int
    quality: int
    documents: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What a firm's shown ratings at this venue come to: tenths of a mark, and how many."""

    tenths: int
    count: int


def open_until(contract: Obligation) -> dt.datetime | None:
    """Return until when a contract may be rated; None for one that is not closed."""
    if contract.state != State.CLOSED:
        return None
    closed = contract.events.filter(kind=State.CLOSED).order_by("pk").last()
    return None if closed is None else closed.at + dt.timedelta(days=DAYS)


def may_rate(contract: Obligation, firm_id: FirmId, now: dt.datetime) -> bool:
    """Say whether this party may still rate the other."""
    until = open_until(contract)
    rated = Rating.objects.filter(obligation=contract, by_firm_id=firm_id)
    return until is not None and now < until and not rated.exists()


@transaction.atomic
def rate(
    trade_id: TradeId, *, firm: Firm, by: User, marks: Marks, text: str, now: dt.datetime
) -> Rating:
    """A party rates the other, for good.

    Raises `ContractError`: `UNKNOWN_CONTRACT`, `CONTRACT_STATE` before the close, `RATING_CLOSED`
    seven days after it, `RATED_ALREADY`, `MARK` outside one to five, `TOO_LONG`.
    """
    contract = locked(trade_id)
    side = party(contract, firm)
    until = open_until(contract)
    if until is None:
        raise ContractError("CONTRACT_STATE")
    if now >= until:
        raise ContractError("RATING_CLOSED")
    if Rating.objects.filter(obligation=contract, by_firm=firm).exists():
        raise ContractError("RATED_ALREADY")
    if not all(1 <= mark <= 5 for mark in (marks.punctuality, marks.quality, marks.documents)):
        raise ContractError("MARK")
    if len(text.strip()) > TEXT_MOST:
        raise ContractError("TOO_LONG")
    row = Rating.objects.create(
        venue_id=contract.venue_id,
        obligation=contract,
        by_firm=firm,
        of_firm_id=contract.seller_id if side == "buyer" else contract.buyer_id,
        punctuality=marks.punctuality,
        quality=marks.quality,
        documents=marks.documents,
        text=text.strip(),
        open_until=until,
        by=by,
        at=now,
    )
    note(contract, "rated", at=now, firm_id=firm.pk, by=by)  # that, not what: it is not shown yet
    return row


def shown(contract: Obligation, now: dt.datetime) -> list[Rating]:
    """Return the contract's ratings that both parties may see, the buyer's first."""
    rows = list(_shown(now).filter(obligation=contract).order_by("pk"))
    return sorted(rows, key=lambda row: row.by_firm_id != contract.buyer_id)


def own(contract: Obligation, firm: Firm) -> Rating | None:
    """Return what a party has said, which it may always see."""
    return Rating.objects.filter(obligation=contract, by_firm=firm).first()


def standings(firm_ids: Iterable[FirmId], now: dt.datetime) -> dict[FirmId, Standing]:
    """Return the average of each firm that has shown ratings at this venue, in one query."""
    rows = (
        _shown(now)
        .filter(of_firm_id__in=set(firm_ids))
        .order_by("of_firm_id")
        .values("of_firm_id")
        .annotate(total=Sum(F("punctuality") + F("quality") + F("documents")), count=Count("pk"))
    )
    return {
        row["of_firm_id"]: Standing(_tenths(row["total"], 3 * row["count"]), row["count"])
        for row in rows
    }


def _shown(now: dt.datetime) -> QuerySet[Rating]:
    others = Rating.objects.filter(obligation=OuterRef("obligation")).exclude(pk=OuterRef("pk"))
    return Rating.objects.filter(Q(open_until__lte=now) | Exists(others))


def _tenths(total: int, marks: int) -> int:
    """Return the average in tenths, half up."""
    return (20 * total + marks) // (2 * marks)
