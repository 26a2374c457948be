"""What settlement asks: cash and goods in and out, and the discharge of trades."""

from __future__ import annotations

from matching.commands import (
    BustTrade,
    CreditCash,
    CreditGoods,
    DebitCash,
    DebitGoods,
    ReleaseCash,
    ReserveCash,
    SettleTrade,
)
from matching.cover import Receipt
from matching.events import (
    AnyEvent,
    CashCredited,
    CashDebited,
    CashReleased,
    CashReserved,
    GoodsCredited,
    GoodsDebited,
    RejectReason,
    TradeBusted,
    TradeSettled,
)
from matching.limits import BUST_WINDOW_US, HOLDERS_PER_ROOT, REASON_LENGTH
from matching.locks import clear_full, hold_root, unhold_root
from matching.records import Reserve
from matching.rules import Refusal
from matching.state import Venue
from matching.units import MAX_INT, Lots

Answer = Refusal | list[AnyEvent]


def credit_cash(venue: Venue, command: CreditCash) -> Answer:
    """Money arrived: out -> available."""
    amount = command.amount_fen
    account = venue.accounts.get(command.firm_id)
    if account is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    if not 0 < amount <= MAX_INT:
        return RejectReason.INVALID, ()
    if venue.cash_in_fen + amount > MAX_INT:
        return RejectReason.LIMIT, (venue.cash_in_fen, MAX_INT)
    venue.cash_in_fen += amount
    account.available_fen += amount
    return [CashCredited(command.op_id, command.firm_id, amount)]


def reserve_cash(venue: Venue, command: ReserveCash) -> Answer:
    """Set money aside for a withdrawal: available -> committed."""
    amount = command.amount_fen
    account = venue.accounts.get(command.firm_id)
    if account is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    if not 0 < amount <= MAX_INT:
        return RejectReason.INVALID, ()
    if amount > account.available_fen:
        return RejectReason.CASH, (amount, account.available_fen)
    account.available_fen -= amount
    account.committed_fen += amount
    venue.reserves[command.op_id] = Reserve(command.firm_id, amount)
    return [CashReserved(command.op_id, command.firm_id, amount)]


def debit_cash(venue: Venue, command: DebitCash) -> Answer:
    """The withdrawal was paid out: committed -> out."""
    reserve = venue.reserves.get(command.reserve_op_id)
    if reserve is None:
        return RejectReason.UNKNOWN_OPERATION, ()
    del venue.reserves[command.reserve_op_id]
    venue.accounts[reserve.firm_id].committed_fen -= reserve.amount_fen
    venue.cash_out_fen += reserve.amount_fen
    return [CashDebited(command.op_id, command.reserve_op_id, reserve.firm_id, reserve.amount_fen)]


def release_cash(venue: Venue, command: ReleaseCash) -> Answer:
    """The withdrawal will not be paid: committed -> available."""
    reserve = venue.reserves.get(command.reserve_op_id)
    if reserve is None:
        return RejectReason.UNKNOWN_OPERATION, ()
    del venue.reserves[command.reserve_op_id]
    account = venue.accounts[reserve.firm_id]
    account.committed_fen -= reserve.amount_fen
    account.available_fen += reserve.amount_fen
    return [CashReleased(command.op_id, command.reserve_op_id, reserve.firm_id, reserve.amount_fen)]


def credit_goods(venue: Venue, command: CreditGoods) -> Answer:
    """A receipt was registered: out -> free. Where pieces differ a receipt is one piece."""
    if venue.accounts.get(command.firm_id) is None:
        return RejectReason.UNKNOWN_FIRM, (command.firm_id,)
    instrument = venue.instruments.get(command.instrument_id)
    if instrument is None:
        return RejectReason.UNKNOWN_INSTRUMENT, (command.instrument_id,)
    lots = command.lots
    if not (
        0 < command.receipt_id <= MAX_INT
        and 0 < command.root_id <= MAX_INT
        and 0 < lots <= MAX_INT
        and 0 <= command.sellable_from_day <= 99991231
    ):
        return RejectReason.INVALID, ()
    if command.receipt_id in venue.goods.by_id:
        return RejectReason.ALREADY_DEFINED, (command.receipt_id,)
    holders = venue.goods.holders.get(command.root_id, {})
    if command.root_id in venue.goods.full_roots and command.firm_id not in holders:
        return RejectReason.HOLDER_LIMIT, (command.root_id, len(holders), HOLDERS_PER_ROOT)
    terms = instrument.terms
    piece_kg = 0
    if terms.piece_max_kg:
        if lots != 1:
            return RejectReason.ABOVE_MAXIMUM, (lots, 1)
        if not terms.piece_min_kg <= command.weight_kg <= terms.piece_max_kg:
            return (
                RejectReason.RECEIPT_WEIGHT,
                (command.weight_kg, terms.piece_min_kg, terms.piece_max_kg),
            )
        piece_kg = command.weight_kg
    elif command.weight_kg != lots * terms.lot_kg:
        nominal = min(lots * terms.lot_kg, MAX_INT)
        return RejectReason.RECEIPT_WEIGHT, (command.weight_kg, nominal, nominal)
    total = venue.goods_in_lots.get(command.instrument_id, 0) + lots
    if total > MAX_INT or command.weight_kg > MAX_INT:
        return RejectReason.LIMIT, (min(total, MAX_INT), MAX_INT)
    venue.goods_in_lots[command.instrument_id] = total
    hold_root(venue, command.root_id, command.firm_id)
    venue.goods.add(
        Receipt(
            command.receipt_id,
            command.root_id,
            command.firm_id,
            command.instrument_id,
            lots,
            piece_kg,
            command.sellable_from_day,
        )
    )
    events: list[AnyEvent] = [
        GoodsCredited(
            command.op_id,
            command.receipt_id,
            command.root_id,
            command.firm_id,
            command.instrument_id,
            lots,
            command.weight_kg,
            command.sellable_from_day,
        )
    ]
    if venue.goods.filled:
        clear_full(venue, events)
    return events


def debit_goods(venue: Venue, command: DebitGoods) -> Answer:
    """The owner collects free lots: free -> out."""
    receipt = venue.goods.by_id.get(command.receipt_id)
    if receipt is None:
        return RejectReason.UNKNOWN_RECEIPT, (command.receipt_id,)
    if not 0 < command.lots <= MAX_INT:
        return RejectReason.INVALID, ()
    if command.lots > receipt.free_lots:
        return RejectReason.GOODS, (command.lots, receipt.free_lots)
    return [take_goods(venue, receipt, command.lots, command.op_id)]


def take_goods(venue: Venue, receipt: Receipt, lots: Lots, op_id: str) -> GoodsDebited:
    """Take free lots of a receipt out of the market, and say so; that they are free is known."""
    instrument_id = receipt.instrument_id
    weight = receipt.piece_kg or lots * venue.instruments[instrument_id].terms.lot_kg
    receipt.free_lots -= lots
    out = venue.goods_out_lots
    out[instrument_id] = out.get(instrument_id, 0) + lots
    venue.goods.drop_if_empty(receipt)
    return GoodsDebited(op_id, receipt.receipt_id, receipt.firm_id, instrument_id, lots, weight)


def settle_trade(venue: Venue, command: SettleTrade) -> Answer:
    """Discharge a trade: title, money and fees in one step, or nothing."""
    trade = venue.trades.get(command.trade_id)
    if trade is None:
        return RejectReason.UNKNOWN_TRADE, (command.trade_id,)
    if trade.is_begun:
        return RejectReason.SETTLING, (command.trade_id,)
    paid = trade.value_fen + trade.buyer_fee_fen
    if paid > trade.buyer_committed_fen:
        return RejectReason.CASH, (paid, trade.buyer_committed_fen)
    new_ids = command.new_receipt_ids
    if (
        len(new_ids) != len(trade.receipts)
        or len(set(new_ids)) != len(new_ids)
        or not 0 <= command.sellable_from_day <= 99991231
    ):
        return RejectReason.INVALID, ()
    for new_id in new_ids:
        if not 0 < new_id <= MAX_INT:
            return RejectReason.INVALID, ()
        if new_id in venue.goods.by_id:
            return RejectReason.ALREADY_DEFINED, (new_id,)

    # From here on nothing can fail.
    del venue.trades[command.trade_id]
    buyer = venue.accounts[trade.buyer_firm_id]
    seller = venue.accounts[trade.seller_firm_id]
    buyer.committed_fen -= trade.buyer_committed_fen
    buyer.available_fen += trade.buyer_committed_fen - paid
    seller.available_fen += trade.value_fen - trade.seller_fee_fen
    venue.cash_out_fen += trade.buyer_fee_fen + trade.seller_fee_fen
    moves = []
    for (source_id, lots, kg), new_id in zip(trade.receipts, new_ids, strict=True):
        source = venue.goods.by_id[source_id]
        source.committed_lots -= lots
        whole = not (source.free_lots or source.held_lots or source.committed_lots)
        venue.goods.drop_if_empty(source)
        receipt_id = source_id if whole else new_id
        venue.goods.add(
            Receipt(
                receipt_id,
                source.root_id,
                trade.buyer_firm_id,
                source.instrument_id,
                lots,
                source.piece_kg,
                command.sellable_from_day,
            )
        )
        moves.append((source_id, receipt_id, lots, kg))
    return [
        TradeSettled(
            command.op_id,
            command.trade_id,
            trade.instrument_id,
            trade.buyer_firm_id,
            trade.seller_firm_id,
            trade.value_fen,
            trade.buyer_fee_fen,
            trade.seller_fee_fen,
            trade.buyer_committed_fen,
            tuple(moves),
            command.sellable_from_day,
        )
    ]


def bust_trade(venue: Venue, command: BustTrade) -> Answer:
    """Undo a trade that is not settled, within its window; two people decide (RULEBOOK 4.8)."""
    if not (
        0 < command.actor_id <= MAX_INT
        and 0 < command.approver_id <= MAX_INT
        and 0 < len(command.reason) <= REASON_LENGTH
    ):
        return RejectReason.INVALID, ()
    if command.actor_id == command.approver_id:
        return RejectReason.TWO_PERSONS, (command.actor_id,)
    trade = venue.trades.get(command.trade_id)
    if trade is None:
        return RejectReason.UNKNOWN_TRADE, (command.trade_id,)
    if trade.is_begun:
        return RejectReason.SETTLING, (command.trade_id,)
    oldest = venue.ts_us - BUST_WINDOW_US
    if trade.ts_us < oldest:
        return RejectReason.BUST_WINDOW, (trade.ts_us, oldest)

    # From here on nothing can fail.
    del venue.trades[command.trade_id]
    buyer = venue.accounts[trade.buyer_firm_id]
    buyer.committed_fen -= trade.buyer_committed_fen
    buyer.available_fen += trade.buyer_committed_fen
    for receipt_id, lots, _ in trade.receipts:
        receipt = venue.goods.by_id[receipt_id]
        receipt.committed_lots -= lots
        receipt.free_lots += lots
        unhold_root(venue, receipt.root_id, trade.buyer_firm_id)
    return [
        TradeBusted(
            command.op_id,
            command.trade_id,
            trade.instrument_id,
            trade.buyer_firm_id,
            trade.seller_firm_id,
            trade.buyer_committed_fen,
            trade.receipts,
            command.actor_id,
            command.approver_id,
            command.reason,
        )
    ]
