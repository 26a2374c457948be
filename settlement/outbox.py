"""The only sender of settlement's engine commands; safe to repeat.

A command is written in the transaction that decided it and sent afterwards, by whoever comes
first: the view that wrote it or the follower. The engine answers a repeat with the first answer.
"""

from __future__ import annotations

import logging

import msgspec
from django.db import transaction

from exchange.link import BlockingLink, LinkError
from exchange.scope import current_venue_id
from matching.commands import AnyCommand, OperationCommand
from matching.events import CommandRejected, RejectReason
from settlement.limits import OUTBOX_BATCH
from settlement.models import (
    FreezeState,
    FundsFreeze,
    FundsMovement,
    FundsState,
    HoldState,
    OutboxCommand,
    OutboxState,
    Receipt,
    ReceiptHold,
    ReceiptState,
)

log = logging.getLogger(__name__)
_decode = msgspec.msgpack.Decoder(AnyCommand).decode


def write(command: OperationCommand) -> None:
    """Keep a command to be sent, in the caller's transaction; a repeat keeps nothing new."""
    OutboxCommand.objects.get_or_create(
        venue_id=current_venue_id(),
        op_id=command.op_id,
        defaults={"command": msgspec.msgpack.encode(command)},
    )


def dispatch(link: BlockingLink) -> int:
    """Send what waits, oldest first; return how many the engine answered.

    Raises nothing when the engine does not answer: the rows wait for the next call.
    """
    answered = 0
    waiting = OutboxCommand.objects.filter(state=OutboxState.NEW).order_by("pk")[:OUTBOX_BATCH]
    for row in waiting:
        try:
            result = link.submit(row.venue_id, _decode(bytes(row.command)))
        except LinkError as error:
            log.info("outbox: %s waits: %s", row.op_id, error)
            break
        answered += 1
        first = result.events[0]
        if isinstance(first, CommandRejected):
            _refused(row, first.reason)
        else:
            OutboxCommand.objects.filter(pk=row.pk).update(state=OutboxState.DONE)
    return answered


def forget(op_id: str, reason: RejectReason) -> None:
    """Do not send a command that has lost its object; if it was sent, the engine refuses it."""
    OutboxCommand.objects.filter(op_id=op_id, state=OutboxState.NEW).update(
        state=OutboxState.REFUSED, refusal=reason
    )


@transaction.atomic
def _refused(row: OutboxCommand, reason: RejectReason) -> None:
    """Tell what waited for the command that the engine refused it."""
    moved = OutboxCommand.objects.filter(pk=row.pk, state=OutboxState.NEW).update(
        state=OutboxState.REFUSED, refusal=reason
    )
    if not moved:
        return
    log.warning("outbox: the engine refused %s: %s", row.op_id, reason)
    FundsMovement.objects.filter(op_id=row.op_id).exclude(state=FundsState.CONFIRMED).update(
        state=FundsState.FAILED, refusal=reason
    )
    FundsFreeze.objects.filter(op_id=row.op_id, state=FreezeState.ASKED).update(
        state=FreezeState.REFUSED, refusal=reason
    )
    # The engine knows no goods of that firm under the number: they were sold or collected.
    gone = reason == RejectReason.UNKNOWN_RECEIPT
    ReceiptHold.objects.filter(op_id=row.op_id, state=HoldState.ASKED).update(
        state=HoldState.REFUSED, refusal="GOODS_GONE" if gone else reason
    )
    Receipt.objects.filter(origin=row.op_id, state=ReceiptState.APPLIED).update(
        state=ReceiptState.REFUSED, refusal=reason
    )


def refusal_of(op_id: str) -> str:
    """Return the engine's reason for refusing a command, or "" if it did not."""
    row = OutboxCommand.objects.filter(op_id=op_id, state=OutboxState.REFUSED).first()
    return row.refusal if row is not None else ""
