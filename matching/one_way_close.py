"""What time does to a one-way auction: it opens, its clock moves, it closes and awards.

Awards go by price, then by time. The bid that reaches beyond what is left gets the rest if it
accepts a part of at least `least_lots`; otherwise it is passed over and the next is asked.
"""

from __future__ import annotations

from typing import Final

from matching import continuous
from matching.checks import PLAIN, Wish, firm_may_trade
from matching.commands import AuctionForm, Side, TimeInForce
from matching.cover import Account
from matching.events import (
    AnyEvent,
    AuctionEnded,
    AuctionExtended,
    AuctionOpened,
    BondReleased,
    CancelReason,
    ClockMoved,
)
from matching.holding import take_out, withdraw
from matching.instrument import Instrument
from matching.limits import AUCTION_WAIT_US, HOLDERS_PER_ROOT
from matching.locks import locked
from matching.one_way_state import ANNOUNCED, OPEN, OneWay
from matching.orders import Order
from matching.rules import Refusal
from matching.state import ONE_WAY, Venue
from matching.units import FirmId, Lots, Micros, ReceiptId, Ticks, TraderId

_SELL: Final = Side.SELL


def come_due(venue: Venue, auction_id: int, due_us: Micros, events: list[AnyEvent]) -> None:
    """Do what an auction's timer is about; one that was overtaken means nothing."""
    auction = venue.auctions.get(auction_id)
    if auction is None or auction.due_us != due_us:
        return
    halted = venue.halted or venue.instruments[auction.instrument_id].halted
    if halted or _was_away(venue, auction):
        _put_off(venue, auction, events)
    elif auction.state == ANNOUNCED:
        _open(venue, auction, events)
    elif auction.form == AuctionForm.DUTCH:
        _move_clock(venue, auction, events)
    else:
        _close(venue, auction, events)


def remind(venue: Venue, auction: OneWay, due_us: Micros) -> None:
    """Let the auction's next thing happen at `due_us`, and nothing at another time."""
    auction.due_us = due_us
    venue.remind(due_us, ONE_WAY, auction.auction_id)


def may_not_deal(
    venue: Venue, instrument: Instrument, account: Account, trader_id: TraderId, side: Side
) -> Refusal | None:
    """Return why a firm's standing or a resale lock keeps it from an award, or None."""
    wish = Wish(account, trader_id, instrument, side, TimeInForce.GTC, 1, 1, PLAIN, 0, 0)
    return firm_may_trade(venue, wish) or locked(venue, instrument, account.group_id, side)


def end(
    venue: Venue,
    auction: OneWay,
    reason: str,
    rest: CancelReason = CancelReason.AUCTION,
) -> list[AnyEvent]:
    """Forget an auction and free what is left of it: bids, the owner's rest, the bonds.

    `reason` is told to everybody, `rest` says why the owner's order leaves.
    """
    owner = venue.accounts[auction.owner_firm_id]
    del venue.auctions[auction.auction_id]
    events: list[AnyEvent] = [
        AuctionEnded(
            auction.auction_id,
            auction.instrument_id,
            auction.sold_lots,
            auction.last_ticks,
            reason,
        )
    ]
    for bid in auction.bids:
        order = venue.accounts[bid.firm_id].orders.get(bid.order_id)
        if order is not None:
            events.append(withdraw(venue, order, "", CancelReason.AUCTION))
    offered = owner.orders.get(auction.order_id)
    if offered is not None:
        events.append(withdraw(venue, offered, "", rest))
    for firm_id, bond in auction.bonds.items():
        account = venue.accounts[firm_id]
        account.held_fen -= bond
        account.available_fen += bond
        events.append(BondReleased(auction.auction_id, firm_id, bond))
    return events


def _was_away(venue: Venue, auction: OneWay) -> bool:
    """Whether a close comes a minute late or more: the engine was away, and nobody could bid."""
    late_us = venue.ts_us - auction.closes_us
    return (
        auction.state == OPEN and auction.form != AuctionForm.DUTCH and late_us >= AUCTION_WAIT_US
    )


def _put_off(venue: Venue, auction: OneWay, events: list[AnyEvent]) -> None:
    """Look again in a minute. A close that moves by it is told."""
    remind(venue, auction, venue.ts_us + AUCTION_WAIT_US)
    if auction.state == OPEN and auction.form != AuctionForm.DUTCH:
        auction.closes_us = auction.due_us
        events.append(
            AuctionExtended(auction.auction_id, auction.closes_us, auction.extensions_left)
        )


def _open(venue: Venue, auction: OneWay, events: list[AnyEvent]) -> None:
    """Begin to take bids. An opening that was put off moves the close by as much."""
    auction.state = OPEN
    events.append(AuctionOpened(auction.auction_id, auction.instrument_id))
    if auction.form == AuctionForm.DUTCH:
        _set_clock(venue, auction, auction.start_ticks, events)
        return
    late_us = venue.ts_us - auction.opens_us
    if late_us >= AUCTION_WAIT_US:
        auction.closes_us += late_us
        events.append(
            AuctionExtended(auction.auction_id, auction.closes_us, auction.extensions_left)
        )
    remind(venue, auction, auction.closes_us)


def _move_clock(venue: Venue, auction: OneWay, events: list[AnyEvent]) -> None:
    """Move the Dutch clock towards the reserve; past it the auction ends."""
    if auction.clock_ticks == auction.reserve_ticks:
        events.extend(end(venue, auction, ""))
        return
    sign = auction.sign
    moved = auction.clock_ticks * sign - auction.increment_ticks
    _set_clock(venue, auction, max(moved, auction.reserve_ticks * sign) * sign, events)


def _set_clock(venue: Venue, auction: OneWay, price: Ticks, events: list[AnyEvent]) -> None:
    """Let the clock stand at `price` for a whole step, however late it came there."""
    auction.clock_ticks = price
    events.append(ClockMoved(auction.auction_id, price))
    remind(venue, auction, venue.ts_us + auction.step_us)


def _close(venue: Venue, auction: OneWay, events: list[AnyEvent]) -> None:
    """Award by price and time, and free the rest."""
    instrument = venue.instruments[auction.instrument_id]
    owner = venue.accounts[auction.owner_firm_id]
    refusal = may_not_deal(venue, instrument, owner, 0, auction.side)
    if refusal is not None:
        events.extend(end(venue, auction, str(refusal[0])))
        return
    offered = owner.orders[auction.order_id]
    awards = _allocate(venue, auction, instrument, offered)
    if awards:
        auction.last_ticks = awards[-1][0].price_ticks
        auction.sold_lots = sum(lots for _, lots in awards)
    trades: list[AnyEvent] = []
    rests: list[AnyEvent] = []
    for bid, lots in awards:
        price = auction.last_ticks if auction.is_uniform else bid.price_ticks
        take_out(venue, bid)
        trades.append(continuous.trade(venue, instrument, offered, bid, lots, price))
        continuous.follow_up(venue, instrument, offered, bid, trades)
        if bid.open_lots:
            rests.append(withdraw(venue, bid, "", CancelReason.AUCTION))
    ended, *freed = end(venue, auction, "")
    events += [ended, *trades, *rests, *freed]


def _allocate(
    venue: Venue, auction: OneWay, instrument: Instrument, offered: Order
) -> list[tuple[Order, Lots]]:
    """Return who gets how much, best first. Changes nothing."""
    awards: list[tuple[Order, Lots]] = []
    left = auction.quantity_lots
    more: dict[ReceiptId, dict[FirmId, None]] = {}  # holders that the awards so far add
    for bid in auction.ranked():
        account = venue.accounts[bid.firm_id]
        order = account.orders[bid.order_id]
        lots = min(bid.quantity_lots, left)
        if not lots:
            break
        if lots < bid.quantity_lots and (not bid.accepts_part or lots < auction.least_lots):
            continue
        if may_not_deal(venue, instrument, account, order.trader_id, order.side) is not None:
            continue
        seller, buyer = (offered, order) if auction.side == _SELL else (order, offered)
        done = auction.quantity_lots - left if seller is offered else 0
        if not _may_hold(venue, _used_roots(venue, seller, done, lots), buyer.firm_id, more):
            continue
        awards.append((order, lots))
        left -= lots
    return awards


def _used_roots(venue: Venue, seller: Order, done: Lots, lots: Lots) -> list[ReceiptId]:
    """Return the roots of the receipts that the `lots` after the first `done` come from."""
    roots = []
    for receipt_id, held in seller.receipts:
        if done < held and lots > 0:
            roots.append(venue.goods.by_id[receipt_id].root_id)
            lots -= held - done
        done = max(done - held, 0)
    return roots


def _may_hold(
    venue: Venue,
    roots: list[ReceiptId],
    firm_id: FirmId,
    more: dict[ReceiptId, dict[FirmId, None]],
) -> bool:
    """Whether a firm may come to hold the roots beside those that `more` adds; notes it if so."""
    holders = venue.goods.holders
    for root_id in roots:
        added = more.get(root_id, {})
        if firm_id in holders[root_id] or firm_id in added:
            continue
        if len(holders[root_id]) + len(added) >= HOLDERS_PER_ROOT:
            return False
    for root_id in roots:
        if firm_id not in holders[root_id]:
            more.setdefault(root_id, {})[firm_id] = None
    return True
