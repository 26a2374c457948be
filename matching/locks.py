"""The resale lock, and the bound on the number of holders of one right.

Nobody sells a product within five trading days of buying it, nor buys it within five of selling:
that is what tells a spot market from speculation (RULEBOOK C2). A right has at most 200 holders
over its whole life (C3).
"""

from __future__ import annotations

from typing import Final

from matching.commands import Side
from matching.events import AnyEvent, CancelReason, OrderSuspended, ReceiptLots, RejectReason
from matching.holding import withdraw
from matching.instrument import Instrument
from matching.limits import HOLDERS_PER_ROOT, LOCK_DAYS
from matching.orders import BOOK, STOP, SUSPENDED, Order
from matching.records import Lock
from matching.rules import Refusal
from matching.state import Venue
from matching.units import FirmId, Lots, ReceiptId

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL


def locked(venue: Venue, instrument: Instrument, group_id: int, side: Side) -> Refusal | None:
    """Return why a group may not take `side` of the instrument's product yet, or None."""
    if not instrument.has_lock:
        return None
    lock = venue.locks.get((group_id, instrument.product_id))
    if lock is None:
        return None
    day, number = (
        (lock.sold_day, lock.sold_number) if side is _BUY else (lock.bought_day, lock.bought_number)
    )
    passed = venue.day_number - number
    if not day or passed >= LOCK_DAYS:
        return None
    return RejectReason.RESALE_LOCK, (day, passed, LOCK_DAYS)


def lock(
    venue: Venue, instrument: Instrument, buyer: Order, seller: Order, events: list[AnyEvent]
) -> None:
    """Note that two groups traded a product; what they have on the other sides leaves the books."""
    for order, opposite in ((buyer, _SELL), (seller, _BUY)):
        key = (order.group_id, instrument.product_id)
        known = venue.locks.get(key)
        if known is None:
            known = venue.locks[key] = Lock()
        if order is buyer:
            first = known.bought_number != venue.day_number
            known.bought_day, known.bought_number = venue.day, venue.day_number
        else:
            first = known.sold_number != venue.day_number
            known.sold_day, known.sold_number = venue.day, venue.day_number
        if first:  # later ones of the day find nothing: such orders are refused by then
            suspend(venue, instrument.product_id, order.group_id, opposite, events)


def suspend(
    venue: Venue, product_id: int, group_id: int, side: Side, events: list[AnyEvent]
) -> None:
    """Take a group's orders on one side of a product out of the books; they keep their cover."""
    for account in venue.groups[group_id]:
        for order in list(account.orders.values()):
            instrument = venue.instruments[order.instrument_id]
            if (
                order.side is not side
                or order.place not in (BOOK, STOP)
                or instrument.product_id != product_id
                or not instrument.has_lock
            ):
                continue
            resting = order.place == BOOK
            if resting:
                (instrument.book.bids if side is _BUY else instrument.book.asks).remove(order)
                if not instrument.is_matched:
                    del venue.offers[order.order_id]
            else:
                del instrument.stops[order.order_id]
            order.place = SUSPENDED
            instrument.suspended[order.order_id] = order
            hidden = order.hidden_lots
            events.append(
                OrderSuspended(
                    order.order_id,
                    order.firm_id,
                    order.instrument_id,
                    side,
                    order.price_ticks,
                    order.open_lots - hidden,
                    hidden,
                    resting,
                )
            )
            order.hidden_lots = 0


def hold_root(venue: Venue, root_id: ReceiptId, firm_id: FirmId) -> None:
    """Note that a firm came to hold part of a root."""
    goods = venue.goods
    firms = goods.holders.setdefault(root_id, {})
    firms[firm_id] = firms.get(firm_id, 0) + 1
    if len(firms) >= HOLDERS_PER_ROOT and root_id not in goods.full_roots:
        goods.full_roots[root_id] = None
        goods.filled.append(root_id)


def unhold_root(venue: Venue, root_id: ReceiptId, firm_id: FirmId) -> None:
    """Take back one `hold_root`: the trade was undone."""
    goods = venue.goods
    firms = goods.holders[root_id]
    firms[firm_id] -= 1
    if not firms[firm_id]:
        del firms[firm_id]
        goods.full_roots.pop(root_id, None)


def too_many_holders(
    venue: Venue, receipts: tuple[ReceiptLots, ...], buyer_id: FirmId
) -> Refusal | None:
    """Refuse a buyer (0: whoever comes) that would be one holder too many of a receipt's root."""
    for receipt_id, _ in receipts:
        root_id = venue.goods.by_id[receipt_id].root_id
        if root_id in venue.goods.full_roots:
            firms = venue.goods.holders[root_id]
            if buyer_id not in firms:
                return RejectReason.HOLDER_LIMIT, (root_id, len(firms), HOLDERS_PER_ROOT)
    return None


def used_first(receipts: tuple[ReceiptLots, ...], lots: Lots) -> tuple[ReceiptLots, ...]:
    """Return what the next `lots` of an order's receipts are."""
    used = []
    for receipt_id, held in receipts:
        used.append((receipt_id, min(held, lots)))
        lots -= held
        if lots <= 0:
            break
    return tuple(used)


def clear_full(venue: Venue, events: list[AnyEvent]) -> None:
    """Cancel what stands in any `matched` book from roots that have just become full.

    A root may be on sale in several instruments, and a registration can fill it, too.
    """
    venue.goods.filled.clear()
    for instrument in venue.instruments.values():
        if instrument.is_matched:
            for order in list(instrument.book.asks):
                if too_many_holders(venue, order.receipts, 0) is not None:
                    events.append(withdraw(venue, order, "", CancelReason.HOLDERS))
