"""Goods that must not go on being traded: whatever offers them ends, and they leave the market.

A freeze by a court, or the end of a storage period, does not wait until an owner withdraws its
offers (RULEBOOK 4.3). What a trade has bound stays bound: the buyer's title is not touched.

Orders go newest first, and only while too few lots are free. A part of a receipt so costs its
owner as few places in the queue as may be, those that waited longest last, and two replays
withdraw the same ones; no order is cut down, since its least quantity, an iceberg's shown part
or an auction's announced object would change under those who read them.
"""

from __future__ import annotations

from typing import Final

from matching import negotiation
from matching.commands import WithholdGoods
from matching.events import AnyEvent, CancelReason, GoodsWithheld, RejectReason
from matching.holding import withdraw
from matching.one_way_close import end
from matching.operations import Answer, take_goods
from matching.orders import ASIDE, Order
from matching.state import Venue
from matching.units import MAX_INT

_WITHHELD: Final = CancelReason.WITHHELD


def withhold_goods(venue: Venue, command: WithholdGoods) -> Answer:
    """Withdraw what holds a receipt and take its lots out of the market; 0: all not in trades."""
    receipt = venue.goods.by_id.get(command.receipt_id)
    if receipt is None or command.firm_id not in (0, receipt.firm_id):
        return RejectReason.UNKNOWN_RECEIPT, (command.receipt_id,)
    if not 0 <= command.lots <= MAX_INT:
        return RejectReason.INVALID, ()
    most = receipt.free_lots + receipt.held_lots
    wanted = command.lots or max(most, 1)
    if wanted > most:
        return RejectReason.GOODS, (wanted, most)

    # From here on nothing can fail.
    ended: list[AnyEvent] = []
    count = 0
    for order in reversed(list(venue.accounts[receipt.firm_id].orders.values())):
        if receipt.free_lots >= wanted:
            break
        if any(receipt_id == receipt.receipt_id for receipt_id, _ in order.receipts):
            ended += _end(venue, order)
            count += 1
    withheld = GoodsWithheld(
        command.op_id, receipt.receipt_id, receipt.firm_id, receipt.instrument_id, wanted, count
    )
    return [withheld, *ended, take_goods(venue, receipt, wanted, command.op_id)]


def _end(venue: Venue, order: Order) -> list[AnyEvent]:
    """Withdraw a sell order from wherever it stands, with what stood on it alone.

    A negotiation ends with its live proposal and an auction with its owner's goods. A bid of a
    procurement just leaves: the auction goes on, and its bidder stays qualified.
    """
    if order.place != ASIDE:
        return [withdraw(venue, order, "", _WITHHELD)]
    for talk in venue.negotiations.values():
        if talk.order_id == order.order_id:
            return negotiation.end(venue, talk, 0, "", _WITHHELD)
    for auction in venue.auctions.values():
        if auction.order_id == order.order_id:
            return end(venue, auction, _WITHHELD.name, _WITHHELD)
        bid = auction.bid_of(order.firm_id)
        if bid is not None and bid.order_id == order.order_id:
            auction.bids.remove(bid)
            break
    return [withdraw(venue, order, "", _WITHHELD)]
