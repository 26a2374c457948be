"""An incoming order against the book: price first, then time, at the resting order's price."""

from __future__ import annotations

from typing import Final

from matching.commands import Side
from matching.events import AnyEvent, OrderRested, TradeExecuted
from matching.instrument import Instrument
from matching.orders import Order
from matching.state import UnsettledTrade, Venue
from matching.units import Kg, Lots, ReceiptId

# Bound once: looking a member up in its enum costs more than comparing it (CPython 3.11).
_BUY: Final = Side.BUY


def match(venue: Venue, instrument: Instrument, taker: Order, events: list[AnyEvent]) -> None:
    """Trade `taker` against the other side while prices cross. Who may meet was checked before."""
    side = instrument.book.asks if taker.side is _BUY else instrument.book.bids
    sign = side.sign
    limit = taker.price_ticks * sign
    level = side.best
    while taker.open_lots and level is not None and level.price_ticks * sign <= limit:
        maker = level.head
        assert maker is not None, "no price level is empty"
        lots = taker.open_lots
        if lots > maker.open_lots:
            lots = maker.open_lots
        events.append(trade(venue, instrument, maker, taker, lots))
        level = side.best


def trade(
    venue: Venue, instrument: Instrument, maker: Order, taker: Order, lots: Lots
) -> TradeExecuted:
    """Execute `lots` between a resting and an incoming order; the maker's price counts.

    A maker that is used up leaves the book. Cash of the buyer and goods of the seller move from
    held to committed; what the buyer had held beyond that returns to available.
    """
    terms = instrument.terms
    price = maker.price_ticks
    buyer, seller = (taker, maker) if taker.side is _BUY else (maker, taker)
    receipt_id, available = seller.receipts[0]
    receipts: tuple[tuple[ReceiptId, Lots, Kg], ...]
    if available > lots:  # one receipt covers it: by far the most frequent case
        seller.receipts = ((receipt_id, available - lots), *seller.receipts[1:])
        receipt = venue.goods.by_id[receipt_id]
        receipt.held_lots -= lots
        receipt.committed_lots += lots
        weight_kg = receipt.piece_kg or lots * terms.lot_kg
        receipts = ((receipt_id, lots, weight_kg),)
    else:
        receipts, weight_kg = consume(venue, seller, lots, terms.lot_kg)
    # `units.value_fen` and `units.fee_fen`, written out: a call each otherwise.
    value = (price * terms.tick_fen_per_t * weight_kg + 500) // 1000
    buyer_fee = value * terms.buyer_fee_bp // 10_000
    seller_fee = value * terms.seller_fee_bp // 10_000

    if maker.open_lots == lots:
        (instrument.book.asks if taker is buyer else instrument.book.bids).remove(maker)
        del venue.orders[maker.order_id]
        maker.account.open_orders -= 1
    else:
        assert maker.level is not None
        maker.level.lots -= lots
    maker.open_lots -= lots
    taker.open_lots -= lots

    # `Instrument.need_fen` and `hold_fen`, written out.
    covered, tolerance, fee_bp = instrument.covered, instrument.tolerance, instrument.fee_bp
    freed = buyer.held_fen
    held_after = 0
    if buyer.open_lots:
        stays = buyer.price_ticks * buyer.open_lots * instrument.lot_tick_fen
        held_after = (
            -(-stays * covered // 100_000_000) + stays * tolerance // 10_000 * fee_bp // 10_000
        )
        freed -= held_after
    # Rounding of the two holds can differ by a fen from the hold of the difference; what is
    # freed always covers value and fee, because cover is full (`units.hold_fen`).
    committed = -(-value * covered // 100_000_000) + value * tolerance // 10_000 * fee_bp // 10_000
    if committed > freed:
        committed = freed
    buyer.held_fen = held_after
    account = buyer.account
    account.held_fen -= freed
    account.committed_fen += committed
    account.available_fen += freed - committed

    trade_id = venue.last_trade_id = venue.last_trade_id + 1
    venue.trades[trade_id] = UnsettledTrade(
        instrument.instrument_id,
        buyer.firm_id,
        seller.firm_id,
        value,
        buyer_fee,
        seller_fee,
        committed,
        receipts,
    )
    return TradeExecuted(
        trade_id,
        instrument.instrument_id,
        price,
        lots,
        weight_kg,
        value,
        maker.order_id,
        taker.order_id,
        taker.side,
        buyer.firm_id,
        seller.firm_id,
        buyer_fee,
        seller_fee,
        freed,
        committed,
        maker.open_lots,
        receipts,
    )


def consume(
    venue: Venue, seller: Order, lots: Lots, lot_kg: Kg
) -> tuple[tuple[tuple[ReceiptId, Lots, Kg], ...], Kg]:
    """Move `lots` of the seller's receipts from held to committed, in their order of use.

    Returns (receipt, lots, kg) of each and the total weight in kg.
    """
    held = seller.receipts
    used = []
    weight = 0
    position = 0
    while lots:
        receipt_id, available = held[position]
        receipt = venue.goods.by_id[receipt_id]
        take = min(available, lots)
        receipt.held_lots -= take
        receipt.committed_lots += take
        kg = receipt.piece_kg or take * lot_kg
        used.append((receipt_id, take, kg))
        weight += kg
        lots -= take
        position += 1
        if take < available:
            seller.receipts = ((receipt_id, available - take), *held[position:])
            break
    else:
        seller.receipts = held[position:]
    return tuple(used), weight


def rest(venue: Venue, instrument: Instrument, order: Order) -> OrderRested:
    """Put what is open of `order` into the book, behind all orders at its price."""
    book = instrument.book
    (book.bids if order.side is _BUY else book.asks).add(order)
    venue.orders[order.order_id] = order
    order.account.open_orders += 1
    return OrderRested(
        order.order_id,
        order.firm_id,
        order.instrument_id,
        order.side,
        order.price_ticks,
        order.open_lots,
    )
