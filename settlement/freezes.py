"""Freezes: an amount set aside in the engine, or a stop of payouts, by reason and document.

Whoever operates the venue freezes alone, since it may be urgent; another person lifts.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import Firm, User, Venue
from matching.commands import ReleaseCash, ReserveCash
from matching.units import Fen
from settlement import outbox
from settlement.limits import FUNDS_MOST_FEN
from settlement.models import FreezeState, FundsFreeze

PREFIX = "freeze:"
"""What the engine's operation ids of freezes begin with."""
_LIVE = (FreezeState.ASKED, FreezeState.FROZEN, FreezeState.LIFTING)


class FreezeError(Exception):
    """A freeze cannot be made or lifted; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def freeze(
    *,
    venue: Venue,
    firm: Firm,
    reason: str,
    document: str,
    amount_fen: Fen,
    op_id: str,
    by: User,
    now: dt.datetime,
) -> FundsFreeze:
    """Set an amount aside, or with 0 stop the firm's payouts; a repeat returns the first one.

    Too little free money is the engine's refusal: the freeze then ends REFUSED. Raises
    `FreezeError`: `AMOUNT`, `OP_ID_REUSED`.
    """
    if not 0 <= amount_fen <= FUNDS_MOST_FEN:
        raise FreezeError("AMOUNT")
    fields = {"firm": firm, "reason": reason, "document": document, "amount_fen": amount_fen}
    state = FreezeState.ASKED if amount_fen else FreezeState.FROZEN
    row, created = FundsFreeze.objects.get_or_create(
        venue=venue,
        op_id=PREFIX + op_id,
        defaults=fields | {"state": state, "frozen_by": by, "frozen_at": now},
    )
    if any(getattr(row, name) != value for name, value in fields.items()):
        raise FreezeError("OP_ID_REUSED")
    if created and amount_fen:
        outbox.write(ReserveCash(row.op_id, firm.pk, amount_fen))
    return row


@transaction.atomic
def lift(freeze_id: int, *, document: str, by: User, now: dt.datetime) -> FundsFreeze:
    """Give frozen money back, or let payouts go on.

    Raises `FreezeError`: `UNKNOWN_FREEZE`, `FREEZE_STATE`, `SAME_PERSON`.
    """
    row = FundsFreeze.objects.select_for_update(of=("self",)).filter(pk=freeze_id).first()
    if row is None:
        raise FreezeError("UNKNOWN_FREEZE")
    if row.state != FreezeState.FROZEN:
        raise FreezeError("FREEZE_STATE")
    if row.frozen_by_id == by.pk:
        raise FreezeError("SAME_PERSON")
    row.state = FreezeState.LIFTING if row.amount_fen else FreezeState.LIFTED
    row.lifted_by = by
    row.lifted_at = now
    row.lift_document = document
    row.save()
    if row.amount_fen:
        outbox.write(ReleaseCash(f"{row.op_id}:lift", row.op_id))
    return row


def reserved(op_id: str) -> None:
    """The engine has set a freeze's amount aside."""
    FundsFreeze.objects.filter(op_id=op_id, state=FreezeState.ASKED).update(
        state=FreezeState.FROZEN
    )


def released(op_id: str) -> None:
    """The engine has given a freeze's amount back."""
    FundsFreeze.objects.filter(op_id=op_id, state=FreezeState.LIFTING).update(
        state=FreezeState.LIFTED
    )


def stops_payouts(firm: Firm) -> bool:
    """Say whether the firm may take nothing out."""
    return FundsFreeze.objects.filter(firm=firm, amount_fen=0, state__in=_LIVE).exists()


def live(firm: Firm | None = None, *, most: int = 100) -> list[FundsFreeze]:
    """Return the current venue's freezes that are not over, of one firm if it is named."""
    rows = FundsFreeze.objects.select_related("firm", "frozen_by").filter(state__in=_LIVE)
    return list((rows.filter(firm=firm) if firm else rows).order_by("-pk")[:most])


def over(*, most: int = 50) -> list[FundsFreeze]:
    """Return the freezes that are over, latest first."""
    rows = FundsFreeze.objects.select_related("firm", "frozen_by", "lifted_by")
    return list(rows.exclude(state__in=_LIVE).order_by("-pk")[:most])
