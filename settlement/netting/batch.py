"""From the dues of a venue's day to one bank leg a firm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from matching.units import Fen, FirmId
from settlement.limits import NETTING_DUE_MOST_FEN, NETTING_DUES
from settlement.netting.dropping import unfunded
from settlement.netting.words import OPERATOR, Batch, Due, Leg, Line, NettingError

# Every field, so that equal keys are equal dues and the input's order cannot show.
_by_obligation = attrgetter("obligation_id", "what", "payer_id", "payee_id", "amount_fen")


def net(dues: Sequence[Due], funding: Mapping[FirmId, Fen]) -> Batch:
    """Return the bank legs of one venue and day, each explained line by line.

    `funding` is the most that each firm can pay in, in fen; a firm that it does not name can pay
    anything. A firm whose net is above its funding drops obligations that it pays for, the latest
    first, and the rest is counted anew (the rule stands in `dropping`). An obligation is in the
    batch with all its dues or with none. The same dues in another order give the same batch.

    Raises NettingError before anything is counted; with several faults the code is the one of the
    lowest obligation, whatever the order.
    """
    if len(dues) > NETTING_DUES:
        raise NettingError("TOO_MANY", f"{len(dues)} dues, at most {NETTING_DUES}")
    ordered = sorted(dues, key=_by_obligation)
    _check(ordered, funding)
    dropped = unfunded(ordered, funding)
    gone = {one.obligation_id for one in dropped}
    lines = _lines(due for due in ordered if due.obligation_id not in gone)
    legs = ((firm, sum(line.amount_fen for line in lines[firm])) for firm in sorted(lines))
    batch = Batch(
        legs=tuple(Leg(firm, amount) for firm, amount in legs if amount),
        lines=tuple(line for firm in sorted(lines) for line in lines[firm]),
        dropped=dropped,
    )
    batch.check()
    return batch


def _check(dues: Iterable[Due], funding: Mapping[FirmId, Fen]) -> None:
    for due in dues:
        where = f"obligation {due.obligation_id}, {due.what}"
        if due.payer_id < OPERATOR or due.payee_id < OPERATOR:
            raise NettingError("FIRM", where)
        if due.payer_id == due.payee_id:
            raise NettingError("SAME_FIRM", where)
        if not 0 < due.amount_fen <= NETTING_DUE_MOST_FEN:
            raise NettingError("AMOUNT", where)
    for firm in sorted(funding):
        if firm < OPERATOR:
            raise NettingError("FIRM", f"funding of firm {firm}")
        if funding[firm] < 0:
            raise NettingError("FUNDING", f"firm {firm}")


def _lines(dues: Iterable[Due]) -> dict[FirmId, list[Line]]:
    """Return both sides of each due, by firm, in the order of the dues."""
    lines: defaultdict[FirmId, list[Line]] = defaultdict(list)
    for due in dues:
        obligation, payer, payee = due.obligation_id, due.payer_id, due.payee_id
        lines[payer].append(Line(payer, obligation, payee, due.amount_fen, due.what))
        lines[payee].append(Line(payee, obligation, payer, -due.amount_fen, due.what))
    return dict(lines)
