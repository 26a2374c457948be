"""The keeper's signature under each transfer of a receipt (民法典 arts 908, 910; RULEBOOK C21).

Title passes in the engine; the new holder collects only what the keeper has signed for.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import transaction

from exchange.models import User
from exchange.scope import current_venue_id
from matching.units import FirmId, Kg, Lots, ReceiptId, TradeId
from settlement.models import Endorsement, Receipt

_TRADE: Final = "trade:"
"""What the origin of a part that a transfer made begins with."""


class EndorsementError(Exception):
    """A signature was refused before anything changed; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def record(
    key: str,
    *,
    receipt_id: ReceiptId,
    trade_id: TradeId,
    from_firm_id: FirmId,
    to_firm_id: FirmId,
    lots: Lots,
    weight_kg: Kg,
    at: dt.datetime,
) -> None:
    """Queue a transfer for the keeper, in the transaction that moved title; a repeat adds none."""
    Endorsement.objects.get_or_create(
        key=f"{current_venue_id()}/{key}",
        defaults={
            "venue_id": current_venue_id(),
            "receipt_id": receipt_id,
            "trade_id": trade_id,
            "from_firm_id": from_firm_id,
            "to_firm_id": to_firm_id,
            "lots": lots,
            "weight_kg": weight_kg,
            "at": at,
        },
    )


def waiting(*, most: int = 100) -> list[Endorsement]:
    """Return the venue's transfers that no keeper has signed, oldest first."""
    return list(
        Endorsement.objects.select_related(
            "receipt__instrument", "receipt__warehouse", "receipt__venue", "from_firm", "to_firm"
        )
        .filter(signed_at=None)
        .order_by("at", "key")[:most]
    )


def held_by(receipt: Receipt) -> list[Endorsement]:
    """Return the transfers that made the present owner the holder, oldest first.

    Earlier holders' transfers are theirs to see, not the owner's.
    """
    return list(
        Endorsement.objects.select_related("signed_by")
        .filter(receipt=receipt, to_firm_id=receipt.owner_id)
        .order_by("at", "key")
    )


def is_unsigned(receipt: Receipt) -> bool:
    """Say whether a transfer of the receipt still waits for the keeper.

    A part that its owner's receipt was divided into is signed for with that receipt.
    """
    line = _line(receipt)
    unsigned = Endorsement.objects.filter(receipt_id__in=line, signed_at=None)
    return unsigned.filter(to_firm_id=receipt.owner_id).exists()


def _line(receipt: Receipt) -> list[ReceiptId]:
    """Return a receipt and, where no transfer made it, those that it was divided from."""
    line = [receipt.pk]
    while receipt.parent_id and not receipt.origin.startswith(_TRADE):
        receipt = Receipt.objects.get(pk=receipt.parent_id)
        line.append(receipt.pk)
    return line


@transaction.atomic
def sign(key: str, *, by: User, now: dt.datetime) -> Endorsement:
    """The keeper signs a transfer. Signed again it stays as it was first signed.

    A chain is signed in its order: a part split from goods whose own transfer is unsigned waits
    for that one (`EARLIER_UNSIGNED`). Raises `UNKNOWN_TRANSFER` for one that is not there or
    another venue's.
    """
    found = Endorsement.objects.select_related("receipt__venue").filter(key=key).first()
    if found is None:
        raise EndorsementError("UNKNOWN_TRANSFER")
    if found.signed_at is not None:
        return found
    chain = [found.receipt_id]
    if found.receipt.parent_id:
        chain += _line(Receipt.objects.get(pk=found.receipt.parent_id))
    if Endorsement.objects.filter(receipt_id__in=chain, signed_at=None, at__lt=found.at).exists():
        raise EndorsementError("EARLIER_UNSIGNED")
    Endorsement.objects.filter(key=key, signed_at=None).update(signed_by=by, signed_at=now)
    found.refresh_from_db()
    return found
