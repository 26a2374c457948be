"""The day's bank legs: what was settled gross in the books since the last batch, netted by firm.

The books are final without it. With a custody bank that keeps a sub-account a firm, a batch is what
has to move there: one leg a firm, explained line by line; what drops out comes again next time.
`clearing_legs` has the bank do it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db import models, transaction

from exchange.models import User, Venue
from exchange.scope import current_venue_id
from matching.units import Fen, FirmId, TradeId
from settlement import ledger
from settlement.models import BatchState, NettingBatch, NettingDrop, NettingLine
from settlement.models.netting import OPEN_BATCH
from settlement.netting import OPERATOR, Dropped, Due, NettingError, net

WHAT = "contract"


class ClearingError(Exception):
    """A batch cannot be made, or not go on; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def close(
    *,
    funding: Mapping[FirmId, Fen],
    by: User | None,
    now: dt.datetime,
    day: dt.date | None = None,
) -> NettingBatch:
    """Net everything since the last batch, and what dropped out of that one.

    `funding` names the firms that cannot pay in all they would have to, with what they can; `day`
    is the trading day whose cut-off this is. Raises `ClearingError`: `BATCH_OPEN` while the legs
    of the last batch are not over, `NOTHING_TO_NET`, `TOO_MANY` dues for one batch.
    """
    Venue.objects.select_for_update().get(pk=current_venue_id())  # one batch at a time
    last = NettingBatch.objects.order_by("-number").first()
    if last is not None and last.state in OPEN_BATCH:
        raise ClearingError("BATCH_OPEN")
    after = last.until if last is not None else 0
    until, flows = ledger.flows(after)
    dues = _again(last) + list(_dues(flows))
    if not dues:
        raise ClearingError("NOTHING_TO_NET")
    try:
        found = net(dues, funding)
    except NettingError as error:
        raise ClearingError(error.code) from error
    batch = NettingBatch.objects.create(
        venue_id=current_venue_id(),
        number=last.number + 1 if last is not None else 1,
        after=after,
        until=until,
        gross_fen=sum(due.amount_fen for due in dues),
        moved_fen=found.moved_fen,
        made_by=by,
        made_at=now,
        day=day,
        state=BatchState.CLOSED,
        funding={str(firm): fen for firm, fen in funding.items()},
    )
    NettingLine.objects.bulk_create(
        NettingLine(
            venue_id=batch.venue_id,
            batch=batch,
            firm_id=line.firm_id,
            trade_id=line.obligation_id,
            counterparty_id=line.counterparty_id,
            amount_fen=line.amount_fen,
            what=line.what,
        )
        for line in found.lines
    )
    _keep_drops(batch, dues, found.dropped)
    return batch


def drop_out(
    batch: NettingBatch, funding: Mapping[FirmId, Fen], *, absent: Collection[FirmId] = ()
) -> None:
    """Let obligations leave a batch in its present revision until every firm can pay in.

    All obligations of `absent` firms leave, whoever pays. What has left never comes back into this
    batch, and is in the next one.
    """
    kept = batch.lines.filter(dropped_in__isnull=True)
    dues = [
        Due(one.trade_id, one.firm_id, one.counterparty_id, one.amount_fen, one.what)
        for one in kept.filter(amount_fen__gt=0).order_by("pk")
    ]
    missing: defaultdict[TradeId, set[FirmId]] = defaultdict(set)
    for due in dues:
        missing[due.obligation_id] |= {due.payer_id, due.payee_id} & set(absent)
    without = [
        Dropped(trade_id, tuple(sorted(firms)), 0)
        for trade_id, firms in sorted(missing.items())
        if firms
    ]
    gone = {one.obligation_id for one in without}
    found = net([due for due in dues if due.obligation_id not in gone], funding)
    dropped = [*without, *found.dropped]
    gone |= {one.obligation_id for one in found.dropped}
    kept.filter(trade_id__in=gone).update(dropped_in=batch.revision)
    _keep_drops(batch, dues, dropped)
    batch.moved_fen = found.moved_fen
    batch.save(update_fields=["moved_fen"])


def _keep_drops(batch: NettingBatch, dues: Sequence[Due], dropped: Iterable[Dropped]) -> None:
    gone = {one.obligation_id: one for one in dropped}
    NettingDrop.objects.bulk_create(
        NettingDrop(
            venue_id=batch.venue_id,
            batch=batch,
            trade_id=due.obligation_id,
            payer_id=due.payer_id,
            payee_id=due.payee_id,
            amount_fen=due.amount_fen,
            what=due.what,
            failed=list(gone[due.obligation_id].failed),
            round_no=gone[due.obligation_id].round_no,
            revision=batch.revision,
        )
        for due in dues
        if due.obligation_id in gone
    )


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
    """Return each firm's net in the last revision: paid in above zero, out below; operator 0."""
    kept = batch.lines.filter(dropped_in__isnull=True)
    rows = kept.values("firm_id").annotate(total=models.Sum("amount_fen"))
    return {row["firm_id"]: row["total"] for row in rows.order_by("firm_id")}


def lines(batch: NettingBatch) -> dict[FirmId, list[NettingLine]]:
    """Return every firm's lines in the last revision, which sum to its net."""
    found: defaultdict[FirmId, list[NettingLine]] = defaultdict(list)
    kept = batch.lines.filter(dropped_in__isnull=True)
    for line in kept.order_by("firm_id", "trade_id", "pk"):
        found[line.firm_id].append(line)
    return dict(found)


def batches(*, most: int = 60) -> list[NettingBatch]:
    """Return the current venue's batches, latest first."""
    return list(NettingBatch.objects.order_by("-number")[:most])


__all__ = ["OPERATOR", "ClearingError", "batches", "close", "drop_out", "legs", "lines"]
