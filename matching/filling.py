"""How much of an order would trade at once: what FOK and a least quantity with IOC ask."""

from __future__ import annotations

from typing import Final

from matching.checks import Wish
from matching.commands import Phase, SelfMatch, Side, TimeInForce
from matching.events import RejectReason
from matching.limits import HOLDERS_PER_ROOT
from matching.orders import Order
from matching.rules import Allocation, Refusal
from matching.state import Venue
from matching.units import FirmId, Lots, ReceiptId

_BUY: Final = Side.BUY


def refuse_unfillable(venue: Venue, wish: Wish, taken: Allocation) -> Refusal | None:
    """Refuse an order that must trade at once, whole or in part, and would not.

    `taken` is what a sale would hold; without it the bound on its holders is not looked at.
    """
    if wish.tif == TimeInForce.FOK:
        least = wish.lots
    elif wish.tif == TimeInForce.IOC and wish.special.least_lots:
        least = wish.special.least_lots
    else:
        return None
    fills = fillable(venue, wish, least, taken)
    return (RejectReason.NOT_FILLABLE, (least, fills)) if fills < least else None


def fillable(venue: Venue, wish: Wish, enough: Lots, taken: Allocation) -> Lots:
    """Return how many lots would trade at once, counting no further than `enough`.

    Walks the book in priority and copies nothing. Where the firm's policy ends the order at one
    of its own group, what icebergs before that one hide does not count: it comes behind. Neither
    does what leaves the book because the order itself fills a root (`locks.clear_full`): of the
    sales from one with a single place left only what the first shows counts, and a sale ends with
    what the buyer shows that takes the last place of one of its roots.
    """
    instrument = wish.instrument
    if instrument.phase != Phase.CONTINUOUS:
        return 0
    side = instrument.book.opposite(wish.side)
    limit = wish.price_ticks * side.sign
    low, high = instrument.dynamic_band() if instrument.terms.dynamic_bp else (0, wish.price_ticks)
    account = wish.account
    passes = account.self_match == SelfMatch.CANCEL_OLDEST
    filled: dict[ReceiptId, None] = {}
    known = venue.goods.holders
    holders = [dict.fromkeys(known[receipt.root_id]) for receipt, _ in taken]
    total = 0
    for key in side.levels:
        level = side.levels[key]
        outside = instrument.terms.dynamic_bp and not low <= level.price_ticks <= high
        if key > limit or outside or total >= enough:
            break
        hidden = 0
        for order in level:
            if order.group_id == account.group_id:
                if not passes:
                    return min(total, enough)
                continue
            last: list[ReceiptId] = []
            if wish.side is _BUY:
                last = _with_one_place(venue, order, account.firm_id)
                if any(root_id in filled for root_id in last):
                    continue
                filled.update(dict.fromkeys(last))
            total += order.open_lots - order.hidden_lots
            if total >= enough:
                return enough
            if not last:
                hidden += order.hidden_lots
            for firms in holders:
                firms[order.firm_id] = None
                if len(firms) >= HOLDERS_PER_ROOT:
                    return total
        total += hidden
    return min(total, enough)


def _with_one_place(venue: Venue, order: Order, buyer_id: FirmId) -> list[ReceiptId]:
    """Return the roots of a resting sale that this buyer would fill."""
    goods = venue.goods
    found = []
    for receipt_id, _ in order.receipts:
        root_id = goods.by_id[receipt_id].root_id
        firms = goods.holders[root_id]
        if len(firms) >= HOLDERS_PER_ROOT - 1 and buyer_id not in firms:
            found.append(root_id)
    return found
