"""The one-way auction 单向竞价: one owner sells or procures, many bid by announced rules.

The owner's goods or money and every bid are orders that stand aside from all books and hold
their cover (RULEBOOK 4.5). What time does is in `one_way_close`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from matching import continuous
from matching.checks import (
    PLAIN,
    Wish,
    firm_may_trade,
    instrument_is_open,
    limits_allow,
    no_lock_holds,
    note_entered,
    price_inside_band,
    venue_is_open,
)
from matching.commands import (
    AnnounceAuction,
    AuctionForm,
    JoinAuction,
    Mode,
    Phase,
    PlaceBid,
    Side,
    TimeInForce,
    WithdrawAuction,
)
from matching.cover import Account
from matching.events import (
    AnyEvent,
    AuctionAnnounced,
    AuctionExtended,
    BidderJoined,
    BidPlaced,
    CancelReason,
    OrderEntered,
    RejectReason,
)
from matching.holding import cover, free_goods, hold, hold_goods, withdraw
from matching.instrument import Instrument
from matching.limits import (
    AHEAD_MOST_US,
    AUCTION_WAIT_US,
    AUCTIONS_LIVE,
    BIDDERS_PER_AUCTION,
    CLOCK_LEAST_US,
    CLOCK_STEPS,
    EXTEND_MOST_US,
    EXTENSIONS_MOST,
    NEGOTIATIONS_PER_FIRM,
    REASON_LENGTH,
    RECEIPTS_PER_ORDER,
)
from matching.locks import too_many_holders, used_first
from matching.one_way_close import end, may_not_deal, remind
from matching.one_way_state import ANNOUNCED, Bid, OneWay
from matching.orders import ASIDE, INCOMING, Order, new_order
from matching.rules import Allocation, Refusal, rejected
from matching.state import Venue
from matching.units import MAX_INT, Fen, Lots, ReceiptId

Answer = Refusal | list[AnyEvent]
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_ASCENDING: Final = AuctionForm.ASCENDING
_DUTCH: Final = AuctionForm.DUTCH


def announce(venue: Venue, command: AnnounceAuction) -> Answer:
    """Announce an auction: its object, its rules and its times; the owner's cover is held."""
    instrument = venue.instruments.get(command.instrument_id)
    if instrument is None:
        return RejectReason.UNKNOWN_INSTRUMENT, (command.instrument_id,)
    if instrument.terms.mode != Mode.AUCTION:
        return RejectReason.MODE, (int(instrument.terms.mode),)
    owner = venue.accounts.get(command.owner_firm_id)
    if owner is None:
        return RejectReason.UNKNOWN_FIRM, (command.owner_firm_id,)
    position = _wrong_parameter(command, instrument)
    if position is not None:
        return RejectReason.PARAMETERS, (position,)
    if command.auction_id <= venue.last_auction_id:
        return RejectReason.ALREADY_DEFINED, (command.auction_id, venue.last_auction_id)
    if len(command.receipt_ids) > RECEIPTS_PER_ORDER:
        return RejectReason.LIMIT, (len(command.receipt_ids), RECEIPTS_PER_ORDER)
    if len(venue.auctions) >= AUCTIONS_LIVE:
        return RejectReason.LIMIT, (len(venue.auctions), AUCTIONS_LIVE)
    if command.opens_us <= venue.ts_us:
        return RejectReason.EXPIRED, (command.opens_us, venue.ts_us)
    last_us = max(command.opens_us, command.closes_us)
    if last_us > venue.ts_us + AHEAD_MOST_US:
        return RejectReason.LIMIT, (last_us, venue.ts_us + AHEAD_MOST_US)
    low, high = instrument.low_ticks, instrument.high_ticks
    for price in (command.reserve_ticks, command.start_ticks):
        if price and not low <= price <= high:
            return RejectReason.PRICE_BAND, (price, low, high)
    price, lots = command.reserve_ticks or 1, command.quantity_lots
    wish = _wish(owner, 0, instrument, command.side, price, lots)
    refusal = firm_may_trade(venue, wish) or no_lock_holds(venue, wish) or limits_allow(venue, wish)
    if refusal is not None:
        return refusal
    covered = cover(venue, instrument, owner, command.side, price, lots, command.receipt_ids)
    if isinstance(covered[0], RejectReason):
        return covered[0], covered[1]

    # From here on nothing can fail.
    need, taken = covered
    note_entered(wish)
    order, entered = _enter(venue, wish, "", TimeInForce.GTC, need, taken)
    auction = OneWay(
        command.auction_id,
        instrument.instrument_id,
        owner.firm_id,
        command.side,
        command.form,
        lots,
        command.reserve_ticks,
        command.start_ticks,
        command.increment_ticks,
        command.least_lots,
        command.step_lots,
        command.bond_fen,
        command.opens_us,
        command.closes_us,
        command.extend_us,
        command.extensions,
        command.step_us,
        command.is_uniform,
        order.order_id,
        ANNOUNCED,
        0,
        {},
        [],
        0,
    )
    venue.auctions[auction.auction_id] = auction
    venue.last_auction_id = auction.auction_id
    remind(venue, auction, command.opens_us)
    rules = msgspec.structs.astuple(command)[:-1]  # all but the receipts named
    return [AuctionAnnounced(*(*rules, order.order_id)), entered]


def withdraw_auction(venue: Venue, command: WithdrawAuction) -> Answer:
    """Withdraw an auction that has not opened yet; everything held is freed."""
    auction = venue.auctions.get(command.auction_id)
    if auction is None:
        return RejectReason.UNKNOWN_AUCTION, (command.auction_id,)
    if not 0 < len(command.reason) <= REASON_LENGTH:
        return RejectReason.INVALID, ()
    if auction.state != ANNOUNCED:
        return RejectReason.AUCTION_STATE, (auction.auction_id, auction.state)
    return end(venue, auction, command.reason)


def join(venue: Venue, account: Account, command: JoinAuction) -> tuple[AnyEvent, ...]:
    """Qualify a firm: its bond is held until the auction ends."""
    auction = venue.auctions.get(command.auction_id)
    if auction is None:
        refusal: Refusal | None = RejectReason.UNKNOWN_AUCTION, (command.auction_id,)
    else:
        refusal = _refuse_joining(venue, account, command, auction)
    if refusal is not None or auction is None:
        assert refusal is not None
        return rejected(account.firm_id, command.client_order_id, *refusal)
    bond = auction.bond_fen
    account.available_fen -= bond
    account.held_fen += bond
    auction.bonds[account.firm_id] = bond
    return (BidderJoined(auction.auction_id, account.firm_id, command.client_order_id, bond),)


def bid(venue: Venue, account: Account, command: PlaceBid) -> tuple[AnyEvent, ...]:
    """Place a bid, or accept the Dutch clock's price; the firm's earlier bid ends."""
    auction = venue.auctions.get(command.auction_id)
    refusal: Refusal | None = None
    if not (0 < command.price_ticks <= MAX_INT and 0 < command.quantity_lots <= MAX_INT):
        refusal = RejectReason.INVALID, ()
    elif len(command.receipt_ids) > RECEIPTS_PER_ORDER:
        refusal = RejectReason.LIMIT, (len(command.receipt_ids), RECEIPTS_PER_ORDER)
    elif auction is None:
        refusal = RejectReason.UNKNOWN_AUCTION, (command.auction_id,)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    assert auction is not None
    instrument = venue.instruments[auction.instrument_id]
    owner = venue.accounts[auction.owner_firm_id]
    offered = owner.orders[auction.order_id]
    before = auction.bid_of(account.firm_id)
    old = None if before is None else account.orders[before.order_id]
    price, lots = command.price_ticks, command.quantity_lots
    if auction.form == _DUTCH:
        price = auction.clock_ticks or price
        if command.accepts_part:
            lots = min(lots, offered.open_lots)
    side = _BUY if auction.side is _SELL else _SELL
    wish = _wish(account, command.trader_id, instrument, side, price, lots, old)
    refusal = _refuse_standing(venue, wish, auction) or _refuse_terms(
        venue, wish, auction, offered, before, command.price_ticks
    )
    if refusal is None and old is None:
        aside = sum(order.place == ASIDE for order in account.orders.values())
        if aside >= NEGOTIATIONS_PER_FIRM:
            refusal = RejectReason.LIMIT, (aside, NEGOTIATIONS_PER_FIRM)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    covered = _cover_instead(venue, wish, old, command.receipt_ids)
    if isinstance(covered[0], RejectReason):
        return rejected(account.firm_id, command.client_order_id, *covered)
    need, taken = covered
    refusal = _refuse_holders(venue, wish, auction, offered, taken)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)

    # From here on nothing can fail.
    note_entered(wish)
    ended: list[AnyEvent] = []
    if old is not None and before is not None:
        auction.bids.remove(before)
        ended.append(withdraw(venue, old, "", CancelReason.AUCTION))
    tif = TimeInForce.IOC if auction.form == _DUTCH else TimeInForce.GTC
    order, entered = _enter(venue, wish, command.client_order_id, tif, need, taken)
    placed = BidPlaced(
        auction.auction_id, order.order_id, account.firm_id, price, lots, command.accepts_part,
        command.client_order_id,
    )  # fmt: skip
    events: list[AnyEvent] = [placed, *ended, entered]
    if auction.form == _DUTCH:
        _sell_now(venue, auction, offered, order, events)
        return tuple(events)
    auction.bids.append(
        Bid(account.firm_id, order.order_id, price, lots, command.accepts_part, venue.ts_us)
    )
    if auction.extensions_left and auction.closes_us - venue.ts_us <= auction.extend_us:
        auction.extensions_left -= 1
        auction.closes_us += auction.extend_us
        remind(venue, auction, auction.closes_us)
        events.append(
            AuctionExtended(auction.auction_id, auction.closes_us, auction.extensions_left)
        )
    return tuple(events)


def _wrong_parameter(command: AnnounceAuction, instrument: Instrument) -> int | None:
    """Return the position in `AnnounceAuction` of the first field that makes no sense, or None."""
    form, terms = command.form, instrument.terms
    is_dutch, sign = form == _DUTCH, 1 if command.side is _SELL else -1
    reserve, start, increment = (
        command.reserve_ticks, command.start_ticks, command.increment_ticks,
    )  # fmt: skip
    needs_reserve = is_dutch or command.side is _BUY
    open_us = command.closes_us - command.opens_us
    extends = form == _ASCENDING and command.extensions > 0
    step = command.step_lots
    sound = (
        (1, 0 < command.auction_id <= MAX_INT),
        (6, 0 < command.quantity_lots <= MAX_INT),
        (6, step < 1 or command.quantity_lots % step == 0),
        (7, (1 if needs_reserve else 0) <= reserve <= MAX_INT),
        (8, (0 < start <= MAX_INT and start * sign >= reserve * sign) if is_dutch else not start),
        (9, not increment if form == AuctionForm.SEALED else 0 < increment <= MAX_INT),
        (9, not is_dutch or (start - reserve) * sign <= CLOCK_STEPS * increment),
        (10, terms.min_lots <= command.least_lots <= command.quantity_lots),
        (10, step < 1 or command.least_lots % step == 0),
        (11, step > 0 and step % terms.step_lots == 0),
        (12, 0 <= command.bond_fen <= MAX_INT),
        (13, 0 < command.opens_us <= MAX_INT),
        (14, not command.closes_us if is_dutch else AUCTION_WAIT_US <= open_us <= MAX_INT),
        (15, 0 < command.extend_us <= min(EXTEND_MOST_US, open_us)
            if extends else not command.extend_us),
        (16, 0 <= command.extensions <= (EXTENSIONS_MOST if form == _ASCENDING else 0)),
        (17, CLOCK_LEAST_US <= command.step_us <= EXTEND_MOST_US
            if is_dutch else not command.step_us),
        (18, not (is_dutch and command.is_uniform)),
    )  # fmt: skip
    return next((position for position, is_sound in sound if not is_sound), None)


def _wish(
    account: Account,
    trader_id: int,
    instrument: Instrument,
    side: Side,
    price: int,
    lots: Lots,
    old: Order | None = None,
) -> Wish:
    """Return what is asked of the instrument; in place of `old` only what is more counts."""
    value = instrument.largest_value_fen(price, lots)
    more_lots, more_fen = lots, value
    if old is not None:
        more_lots -= old.quantity_lots
        more_fen -= instrument.largest_value_fen(old.price_ticks, old.quantity_lots)
    return Wish(
        account, trader_id, instrument, side, TimeInForce.GTC, price, lots, PLAIN, more_lots,
        more_fen,
    )  # fmt: skip


def _refuse_joining(
    venue: Venue, account: Account, command: JoinAuction, auction: OneWay
) -> Refusal | None:
    instrument = venue.instruments[auction.instrument_id]
    wish = _wish(account, command.trader_id, instrument, auction.side, 1, 1)
    refusal = (
        venue_is_open(venue, wish)
        or instrument_is_open(venue, wish)
        or firm_may_trade(venue, wish)
        or _refuse_owner(venue, account, auction)
    )
    if refusal is not None:
        return refusal
    if venue.ts_us >= auction.due_us:
        return RejectReason.AUCTION_STATE, (auction.auction_id, auction.state)
    if account.firm_id in auction.bonds:
        return RejectReason.SAME, (auction.auction_id,)
    if len(auction.bonds) >= BIDDERS_PER_AUCTION:
        return RejectReason.LIMIT, (len(auction.bonds), BIDDERS_PER_AUCTION)
    if auction.bond_fen > account.available_fen:
        return RejectReason.CASH, (auction.bond_fen, account.available_fen)
    return None


def _refuse_owner(venue: Venue, account: Account, auction: OneWay) -> Refusal | None:
    """The owner's group bids in none of its own auctions (RULEBOOK C34)."""
    if account.group_id == venue.accounts[auction.owner_firm_id].group_id:
        return RejectReason.OWNER, (auction.auction_id,)
    return None


def _refuse_standing(venue: Venue, wish: Wish, auction: OneWay) -> Refusal | None:
    """Refuse by venue, instrument, phase and firm as for entry, then by the auction's state."""
    refusal = venue_is_open(venue, wish) or instrument_is_open(venue, wish)
    if refusal is not None:
        return refusal
    if wish.instrument.phase is not Phase.CONTINUOUS:
        return RejectReason.PHASE, (int(wish.instrument.phase),)
    refusal = firm_may_trade(venue, wish) or _refuse_owner(venue, wish.account, auction)
    if refusal is not None:
        return refusal
    if not auction.is_running(venue.ts_us):
        return RejectReason.AUCTION_STATE, (auction.auction_id, auction.state)
    if wish.account.firm_id not in auction.bonds:
        return RejectReason.NOT_QUALIFIED, (auction.auction_id,)
    return no_lock_holds(venue, wish)


def _refuse_terms(
    venue: Venue,
    wish: Wish,
    auction: OneWay,
    offered: Order,
    before: Bid | None,
    asked_ticks: int,
) -> Refusal | None:
    """Refuse what the announced rules do not allow, then what no order of the instrument may."""
    lots, sign = wish.lots, auction.sign
    if auction.form == _DUTCH:  # less than the least may be all that is left
        least = min(auction.least_lots, offered.open_lots)
    elif auction.form == _ASCENDING and before is not None:
        least = before.quantity_lots
    else:
        least = auction.least_lots
    if lots < least:
        return RejectReason.BELOW_MINIMUM, (lots, least)
    if lots % auction.step_lots:
        return RejectReason.QUANTITY_STEP, (lots, auction.step_lots)
    if lots > offered.open_lots:
        return RejectReason.EXCEEDS_OPEN, (lots, offered.open_lots)
    if auction.reserve_ticks and asked_ticks * sign < auction.reserve_ticks * sign:
        return RejectReason.RESERVE, (asked_ticks, auction.reserve_ticks)
    wanted = _wanted_ticks(auction, before)
    if wanted and asked_ticks * sign < wanted * sign:
        return RejectReason.INCREMENT, (asked_ticks, wanted)
    refusal = price_inside_band(venue, wish) or limits_allow(venue, wish)
    if refusal is None and auction.form == _DUTCH:  # it trades now: may the owner still?
        refusal = may_not_deal(venue, wish.instrument, offered.account, 0, auction.side)
    return refusal


def _wanted_ticks(auction: OneWay, before: Bid | None) -> int:
    """Return the worst price that the increment or the clock lets through, 0 for any."""
    if auction.form == _DUTCH:
        return auction.clock_ticks
    if auction.form != _ASCENDING:
        return 0
    sign = auction.sign
    known = [bid.price_ticks for bid in (before, auction.marginal()) if bid is not None]
    if not known:
        return 0
    return max(price * sign for price in known) * sign + auction.increment_ticks * sign


def _cover_instead(
    venue: Venue, wish: Wish, old: Order | None, receipt_ids: tuple[ReceiptId, ...]
) -> Refusal | tuple[Fen, Allocation]:
    """Return what a bid would hold if the firm's earlier one were gone, or why it cannot.

    The earlier bid's goods are freed to look and held again: nothing has changed on return.
    """
    account, instrument = wish.account, wish.instrument
    if old is None or wish.side is _BUY:
        had = 0 if old is None else old.held_fen
        account.available_fen += had
        found = cover(
            venue, instrument, account, wish.side, wish.price_ticks, wish.lots, receipt_ids
        )
        account.available_fen -= had
        return found
    held = free_goods(venue, old)
    found = cover(venue, instrument, account, wish.side, wish.price_ticks, wish.lots, receipt_ids)
    by_id = venue.goods.by_id
    old.receipts = hold_goods([(by_id[receipt_id], lots) for receipt_id, lots in held])
    return found


def _refuse_holders(
    venue: Venue, wish: Wish, auction: OneWay, offered: Order, taken: Allocation
) -> Refusal | None:
    """Refuse a buyer that could be one holder too many of what it may be awarded."""
    if wish.side is _SELL:
        named = tuple([(receipt.receipt_id, lots) for receipt, lots in taken])
        return too_many_holders(venue, named, auction.owner_firm_id)
    receipts = offered.receipts
    if auction.form == _DUTCH:
        receipts = used_first(receipts, wish.lots)
    return too_many_holders(venue, receipts, wish.account.firm_id)


def _sell_now(
    venue: Venue, auction: OneWay, offered: Order, order: Order, events: list[AnyEvent]
) -> None:
    """Trade an acceptance of the Dutch clock; the auction ends when the quantity is gone."""
    instrument = venue.instruments[auction.instrument_id]
    lots, price = order.open_lots, order.price_ticks
    order.place = INCOMING
    del order.account.orders[order.order_id]
    events.append(continuous.trade(venue, instrument, offered, order, lots, price))
    continuous.follow_up(venue, instrument, offered, order, events)
    auction.sold_lots += lots
    auction.last_ticks = price
    if not offered.open_lots:
        events.extend(end(venue, auction, ""))


def _enter(
    venue: Venue,
    wish: Wish,
    client_order_id: str,
    tif: TimeInForce,
    need: Fen,
    taken: Allocation,
) -> tuple[Order, OrderEntered]:
    """Hold the cover of an owner's object or of a bid by an order that stands aside."""
    account, instrument = wish.account, wish.instrument
    held = hold(account, need, taken)
    venue.last_order_id += 1
    order = new_order(
        venue.last_order_id, account, wish.trader_id, instrument.instrument_id,
        wish.side, tif, wish.price_ticks, wish.lots, need, held, None, 0, ASIDE,
    )  # fmt: skip
    account.orders[order.order_id] = order
    return order, OrderEntered(
        order.order_id, account.firm_id, wish.trader_id, client_order_id,
        instrument.instrument_id, wish.side, tif, wish.price_ticks, wish.lots, need, held, 0,
    )  # fmt: skip
