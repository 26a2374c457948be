"""Discharging a trade step by step: paid up later, delivered by the truck, ended early.

`operations.settle_trade` exchanges everything at once. Here settlement says after each weighing and
inspection what was delivered and what of the buyer's committed money goes to whom; the engine only
sees to it that nobody moves more than the trade has bound.
"""

from __future__ import annotations

import msgspec

from matching.commands import DischargeTrade, PayTrade
from matching.events import AnyEvent, RejectReason, TradeDischarged, TradePaid
from matching.limits import RECEIPTS_PER_ORDER
from matching.locks import unhold_root
from matching.records import UnsettledTrade
from matching.rules import Refusal
from matching.state import Venue
from matching.units import MAX_INT, Kg, Lots, ReceiptId

Answer = Refusal | list[AnyEvent]
Moved = tuple[tuple[ReceiptId, Lots, Kg], ...]


def pay_trade(venue: Venue, command: PayTrade) -> Answer:
    """The buyer pays what is due on a trade: available -> committed, for this trade."""
    trade = venue.trades.get(command.trade_id)
    if trade is None:
        return RejectReason.UNKNOWN_TRADE, (command.trade_id,)
    amount = command.amount_fen
    if not 0 < amount <= MAX_INT:
        return RejectReason.INVALID, ()
    buyer = venue.accounts[trade.buyer_firm_id]
    if amount > buyer.available_fen:
        return RejectReason.CASH, (amount, buyer.available_fen)

    # From here on nothing can fail.
    buyer.available_fen -= amount
    buyer.committed_fen += amount
    committed = trade.buyer_committed_fen + amount
    venue.trades[command.trade_id] = msgspec.structs.replace(trade, buyer_committed_fen=committed)
    return [TradePaid(command.op_id, command.trade_id, trade.buyer_firm_id, amount, committed)]


def discharge_trade(venue: Venue, command: DischargeTrade) -> Answer:
    """Exchange a part of a trade, or end it: goods out or back, money to seller, buyer, operator.

    The trade is gone when it binds neither goods nor money.
    """
    trade = venue.trades.get(command.trade_id)
    if trade is None:
        return RejectReason.UNKNOWN_TRADE, (command.trade_id,)
    paid = (command.to_seller_fen, command.to_buyer_fen, command.fees_fen)
    named = command.delivered + command.returned
    amounts = (*paid, command.penalty_fen)
    if (
        not all(0 <= amount <= MAX_INT for amount in amounts)
        or not all(0 < lots <= MAX_INT for _, lots in named)
        or len(named) > 2 * RECEIPTS_PER_ORDER
        or not (named or any(amounts))
    ):
        return RejectReason.INVALID, ()
    out, back = dict(command.delivered), dict(command.returned)
    if len(out) != len(command.delivered) or len(back) != len(command.returned):
        return RejectReason.INVALID, ()
    bound = {receipt_id: lots for receipt_id, lots, _ in trade.receipts}
    for receipt_id, _ in named:
        asked = out.get(receipt_id, 0) + back.get(receipt_id, 0)
        if asked > bound.get(receipt_id, 0):
            return RejectReason.GOODS, (asked, bound.get(receipt_id, 0))
    spent = sum(paid)
    if spent > trade.buyer_committed_fen:
        return RejectReason.CASH, (spent, trade.buyer_committed_fen)
    buyer = venue.accounts[trade.buyer_firm_id]
    seller = venue.accounts[trade.seller_firm_id]
    if command.penalty_fen > seller.available_fen:
        return RejectReason.CASH, (command.penalty_fen, seller.available_fen)

    # From here on nothing can fail.
    buyer.committed_fen -= spent
    buyer.available_fen += command.to_buyer_fen + command.penalty_fen
    seller.available_fen += command.to_seller_fen - command.penalty_fen
    venue.cash_out_fen += command.fees_fen
    left, delivered, returned = _move(venue, trade, out, back)
    after = msgspec.structs.replace(
        trade,
        buyer_committed_fen=trade.buyer_committed_fen - spent,
        receipts=left,
        touched=trade.touched + tuple(one for one in out if one not in trade.touched),
        is_begun=True,
    )
    if after.receipts or after.buyer_committed_fen:
        venue.trades[command.trade_id] = after
    else:
        del venue.trades[command.trade_id]
    return [
        TradeDischarged(
            command.op_id,
            command.trade_id,
            trade.instrument_id,
            trade.buyer_firm_id,
            trade.seller_firm_id,
            delivered,
            returned,
            command.to_seller_fen,
            command.to_buyer_fen,
            command.fees_fen,
            command.penalty_fen,
            after.buyer_committed_fen,
            sum(lots for _, lots, _ in left),
        )
    ]


def _move(
    venue: Venue, trade: UnsettledTrade, out: dict[ReceiptId, Lots], back: dict[ReceiptId, Lots]
) -> tuple[Moved, Moved, Moved]:
    """Take delivered lots out and give returned ones back; return left, delivered, returned."""
    left: list[tuple[ReceiptId, Lots, Kg]] = []
    delivered: list[tuple[ReceiptId, Lots, Kg]] = []
    returned: list[tuple[ReceiptId, Lots, Kg]] = []
    lot_kg = venue.instruments[trade.instrument_id].terms.lot_kg
    out_lots = venue.goods_out_lots
    for receipt_id, bound, _ in trade.receipts:
        receipt = venue.goods.by_id[receipt_id]
        each = receipt.piece_kg or lot_kg
        gone, home = out.get(receipt_id, 0), back.get(receipt_id, 0)
        receipt.committed_lots -= gone + home
        receipt.free_lots += home
        if gone:
            delivered.append((receipt_id, gone, gone * each))
            out_lots[trade.instrument_id] = out_lots.get(trade.instrument_id, 0) + gone
        if home:
            returned.append((receipt_id, home, home * each))
        stays = bound - gone - home
        if stays:
            left.append((receipt_id, stays, stays * each))
        elif not gone and receipt_id not in trade.touched:
            # The buyer never came to hold any of it.
            unhold_root(venue, receipt.root_id, trade.buyer_firm_id)
        venue.goods.drop_if_empty(receipt)
    return tuple(left), tuple(delivered), tuple(returned)
