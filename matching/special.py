"""Orders that are more than a plain limit: the other times in force, kinds and conditions."""

from __future__ import annotations

from typing import Final

from matching import continuous
from matching.checks import PLAIN, Wish, first_refusal, note_entered
from matching.commands import (
    EnterOrder,
    OrderKind,
    PostOnly,
    Side,
    Special,
    TimeInForce,
)
from matching.cover import Account
from matching.events import AnyEvent, OrderEntered, RejectReason
from matching.filling import refuse_unfillable
from matching.holding import cover, hold
from matching.instrument import Instrument
from matching.limits import RECEIPTS_PER_ORDER
from matching.locks import too_many_holders
from matching.orders import STOP, new_order
from matching.rules import Refusal, rejected
from matching.state import EXPIRE_ORDER, Venue
from matching.units import MAX_INT, Ticks

_BUY: Final = Side.BUY


def enter_special(venue: Venue, account: Account, command: EnterOrder) -> tuple[AnyEvent, ...]:
    """Enter any order, by every rule; `trading.enter` is the short way for the plainest."""
    receipt_ids = command.receipt_ids
    refusal: Refusal | None = None
    if not (0 < command.price_ticks <= MAX_INT and 0 < command.quantity_lots <= MAX_INT):
        refusal = RejectReason.INVALID, ()
    elif len(receipt_ids) > RECEIPTS_PER_ORDER:
        refusal = RejectReason.LIMIT, (len(receipt_ids), RECEIPTS_PER_ORDER)
    elif command.instrument_id not in venue.instruments:
        refusal = RejectReason.UNKNOWN_INSTRUMENT, (command.instrument_id,)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    instrument = venue.instruments[command.instrument_id]
    special = command.special or PLAIN
    side, tif, lots = command.side, command.tif, command.quantity_lots
    price = price_on_entry(instrument, side, command.price_ticks, special)
    wish = Wish(
        account,
        command.trader_id,
        instrument,
        side,
        tif,
        price or command.price_ticks,
        lots,
        special,
        lots,
        instrument.largest_value_fen(price or command.price_ticks, lots),
    )
    refusal = first_refusal(venue, wish)
    if refusal is None and not price:
        refusal = RejectReason.NO_OPPOSITE, ()
    if refusal is None:
        refusal = refuse_unfillable(venue, wish, [])
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    covered = cover(venue, instrument, account, side, price, lots, command.receipt_ids)
    if isinstance(covered[0], RejectReason):
        return rejected(account.firm_id, command.client_order_id, *covered)
    need, taken = covered
    if instrument.is_matched and taken:
        named = tuple([(receipt.receipt_id, used) for receipt, used in taken])
        refusal = too_many_holders(venue, named, 0) or refuse_unfillable(venue, wish, taken)
        if refusal is not None:
            return rejected(account.firm_id, command.client_order_id, *refusal)

    # From here on nothing can fail.
    note_entered(wish)
    held = hold(account, need, taken)
    venue.last_order_id += 1
    order = new_order(
        venue.last_order_id,
        account,
        command.trader_id,
        instrument.instrument_id,
        side,
        tif,
        price,
        lots,
        need,
        held,
        command.special,
        command.session,
    )
    if tif == TimeInForce.GTD:
        venue.remind(special.expires_us, EXPIRE_ORDER, order.order_id)
    events: list[AnyEvent] = [
        OrderEntered(
            order.order_id,
            account.firm_id,
            command.trader_id,
            command.client_order_id,
            instrument.instrument_id,
            side,
            tif,
            price,
            lots,
            need,
            held,
            0,
            command.special,
            not instrument.warn_low_ticks <= price <= instrument.warn_high_ticks,
        )
    ]
    if special.kind == OrderKind.STOP_LIMIT:
        order.place = STOP
        instrument.stops[order.order_id] = order
        account.orders[order.order_id] = order
    else:
        continuous.arrive(venue, instrument, order, events)
    if instrument.stops:
        continuous.trigger_stops(venue, instrument, events)
    return tuple(events)


def price_on_entry(
    instrument: Instrument, side: Side, price_ticks: Ticks, special: Special
) -> Ticks:
    """Return the limit that an order takes on: its own, the best opposite one, or one tick away.

    0 when a market-to-limit order finds nothing within its worst price.
    """
    best = instrument.book.opposite(side).best
    crosses = best is not None and (
        best.price_ticks <= price_ticks if side is _BUY else best.price_ticks >= price_ticks
    )
    if special.kind == OrderKind.MARKET_TO_LIMIT:
        return best.price_ticks if best is not None and crosses else 0
    if special.post_only == PostOnly.REPRICE and best is not None and crosses:
        return best.price_ticks - 1 if side is _BUY else best.price_ticks + 1
    return price_ticks
