"""The day's bank legs: what was settled gross in the books since the last batch, netted by firm.

The books are final without it. With a custody bank that keeps a sub-account a firm, a batch is what
has to move there: one leg a firm, explained line by line; what drops out comes again next time.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db import models, transaction

from exchange.models import User, Venue
from exchange.scope import current_venue_id
from matching.units import Fen, FirmId, TradeId
from settlement import ledger
from settlement.models import NettingBatch, NettingDrop, NettingLine
from settlement.netting import OPERATOR, Due, net

WHAT = "contract"


class ClearingError(Exception):
    """A batch cannot be made; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def close(*, funding: Mapping[FirmId, Fen], by: User | None, now: dt.datetime) -> NettingBatch:
    """Net everything since the last batch, and what dropped out of that one.

    `funding` names the firms that cannot pay in all they would have to, with what they can.
    Raises `ClearingError("NOTHING_TO_NET")`.
    """
    Venue.objects.select_for_update().get(pk=current_venue_id())  # one batch at a time
    last = NettingBatch.objects.order_by("-number").first()
    after = last.until if last is not None else 0
    until, flows = ledger.flows(after)
    dues = _again(last) + list(_dues(flows))
    if not dues:
        raise ClearingError("NOTHING_TO_NET")
    found = net(dues, funding)
    batch = NettingBatch.objects.create(
        venue_id=current_venue_id(),
        number=last.number + 1 if last is not None else 1,
        after=after,
        until=until,
        gross_fen=sum(due.amount_fen for due in dues),
        moved_fen=found.moved_fen,
        made_by=by,
        made_at=now,
    )
    own = {"venue_id": current_venue_id(), "batch": batch}
    NettingLine.objects.bulk_create(
        NettingLine(
            firm_id=line.firm_id,
            trade_id=line.obligation_id,
            counterparty_id=line.counterparty_id,
            amount_fen=line.amount_fen,
            what=line.what,
            **own,
        )
        for line in found.lines
    )
    gone = {one.obligation_id: one for one in found.dropped}
    NettingDrop.objects.bulk_create(
        NettingDrop(
            trade_id=due.obligation_id,
            payer_id=due.payer_id,
            payee_id=due.payee_id,
            amount_fen=due.amount_fen,
            what=due.what,
            failed=list(gone[due.obligation_id].failed),
            round_no=gone[due.obligation_id].round_no,
            **own,
        )
        for due in dues
        if due.obligation_id in gone
    )
    return batch


def _again(last: NettingBatch | None) -> list[Due]:
    """Return what dropped out of the last batch."""
    if last is None:
        return []
    return [
        Due(one.trade_id, one.payer_id, one.payee_id, one.amount_fen, one.what)
        for one in last.drops.order_by("pk")
    ]


def _dues(flows: Mapping[TradeId, Mapping[FirmId, Fen]]) -> Iterable[Due]:
    """Return who owes whom for each trade: those who lost pay those who gained, in firms' order.

    A trade's flows sum to zero, so that nobody is left with anything.
    """
    for trade_id, moved in sorted(flows.items()):
        paying = [[firm, -fen] for firm, fen in sorted(moved.items(), reverse=True) if fen < 0]
        for payee, gained in sorted(moved.items(), reverse=True):
            left = gained
            while left > 0:
                payer = paying[-1]
                part = min(left, payer[1])
                yield Due(trade_id, payer[0], payee, part, WHAT)
                left -= part
                payer[1] -= part
                if not payer[1]:
                    paying.pop()
        assert not paying, "a trade's flows sum to zero"


def legs(batch: NettingBatch) -> dict[FirmId, Fen]:
    """Return each firm's one leg: paid in above zero, out below; the operator is firm 0."""
    rows = batch.lines.values("firm_id").annotate(total=models.Sum("amount_fen"))
    return {row["firm_id"]: row["total"] for row in rows.order_by("firm_id")}


def lines(batch: NettingBatch) -> dict[FirmId, list[NettingLine]]:
    """Return every firm's lines, which sum to its leg."""
    found: defaultdict[FirmId, list[NettingLine]] = defaultdict(list)
    for line in batch.lines.order_by("firm_id", "trade_id", "pk"):
        found[line.firm_id].append(line)
    return dict(found)


def batches(*, most: int = 60) -> list[NettingBatch]:
    """Return the current venue's batches, latest first."""
    return list(NettingBatch.objects.order_by("-number")[:most])


__all__ = ["OPERATOR", "ClearingError", "batches", "close", "legs", "lines"]
