"""What keeping goods in store has cost so far, and what a receipt's pile has been through.

Terms are the commodity's (`storage`: yuan per tonne and day, free days, natural loss). They are
shown to the holder; the warehouse bills them itself, nothing is taken from a firm's cash.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Self

from exchange import trading_days
from matching.units import Fen, Kg
from settlement.models import Receipt, ReceiptChange

_FEN_T_PER_YUAN_KG: Final = Decimal("0.1")
"""A yuan is 100 fen, a tonne 1,000 kg."""
_IN: Final = frozenset({"registered", "split_from", "divided_from"})
_OUT: Final = frozenset({"collected", "delivered", "split_off", "divided_off"})


@dataclass(frozen=True, slots=True)
class Terms:
    """A commodity's storage terms. Free days count from the day that the pile came in."""

    fee_yuan_per_t_day: Decimal
    free_days: int
    natural_loss_pct: Decimal

    @classmethod
    def read(cls, parameters: dict[str, Any]) -> Self:
        """Return the terms of a commodity's parameters; raise KeyError if it has none."""
        storage = parameters["storage"]
        return cls(
            Decimal(storage["fee_per_t_day"]),
            int(storage["free_days"]),
            Decimal(storage["natural_loss_pct"]),
        )


@dataclass(frozen=True, slots=True)
class Stay:
    """So much goods in store from this day on, until the next stay of the same receipt."""

    since: dt.date
    weight_kg: Kg


def accrued_until(receipt: Receipt, terms: Terms, *, now: dt.datetime) -> Fen:
    """Return what the receipt's goods have cost its present holder up to `now`, in fen."""
    # The journal's time of the pile's registration; nothing is stored before it is journaled.
    came_in = ReceiptChange.objects.filter(receipt_id=receipt.root_id, kind="registered").first()
    if came_in is None:
        return 0
    stays = stays_of(receipt.changes.order_by("at", "key"))
    return accrued_fen(stays, terms, came_in=_day(came_in.at), today=_day(now))


def accrued_fen(stays: list[Stay], terms: Terms, *, came_in: dt.date, today: dt.date) -> Fen:
    """Return what the stays have cost up to `today`, in fen, rounded half up once.

    A night in store is a day to pay; the first `free_days` nights after `came_in` are free.
    """
    paid_from = came_in + dt.timedelta(days=terms.free_days)
    kg_days = 0
    for position, stay in enumerate(stays):
        end = stays[position + 1].since if position + 1 < len(stays) else today
        nights = (min(end, today) - max(stay.since, paid_from)).days
        kg_days += max(nights, 0) * stay.weight_kg
    exact = Decimal(kg_days) * terms.fee_yuan_per_t_day * _FEN_T_PER_YUAN_KG
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def stays_of(changes: Iterable[ReceiptChange]) -> list[Stay]:
    """Return a receipt's stays under its present holder, from its history, oldest first."""
    stays: list[Stay] = []
    weight_kg = 0
    for change in changes:
        if change.kind == "transferred":
            stays, weight_kg = [], change.weight_kg
        elif change.kind in _IN:
            weight_kg += change.weight_kg
        elif change.kind in _OUT:
            weight_kg -= change.weight_kg
        else:
            continue  # what a contract gave back, or was set aside, had not left the store
        stays.append(Stay(_day(change.at), weight_kg))
    return stays


def holders(root_id: int) -> int:
    """Return how many firms have held part of a pile so far; the law bounds them (RULEBOOK C3)."""
    rows = ReceiptChange.objects.filter(
        receipt__root_id=root_id, kind__in=["registered", "split_from", "transferred"]
    )
    return rows.order_by("firm_id").values("firm_id").distinct().count()


def _day(at: dt.datetime) -> dt.date:
    """Return the day of an instant where the goods lie."""
    return at.astimezone(trading_days.SHANGHAI).date()
