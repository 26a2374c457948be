"""Delivery versus payment: one linked chain is the only place where title or money moves."""

from __future__ import annotations

import datetime as dt

from matching.events import (
    TradeBusted,
    TradeDischarged,
    TradeExecuted,
    TradePaid,
    TradeSettled,
)
from settlement import ledger
from settlement.ledger import CNY, Code, Entry, Kind


def commit(event: TradeExecuted, *, seq: int, position: str, at: dt.datetime) -> None:
    """Bind both sides of a trade: the buyer's cash and the seller's goods."""
    buyer, seller = event.buyer_firm_id, event.seller_firm_id
    goods = ledger.goods(event.instrument_id)
    ledger.post(
        [
            Entry(
                CNY,
                (Code.TRADING, buyer),
                (Code.COMMITTED, buyer),
                event.buyer_committed_fen,
                Kind.COMMIT,
            ),
            Entry(
                goods,
                (Code.TRADING, seller),
                (Code.COMMITTED, seller),
                event.weight_kg,
                Kind.COMMIT,
            ),
        ],
        seq=seq,
        position=position,
        at=at,
        trade_id=event.trade_id,
    )


def undo(event: TradeBusted, *, seq: int, position: str, at: dt.datetime) -> None:
    """Give back what an undone trade bound on both sides."""
    buyer, seller = event.buyer_firm_id, event.seller_firm_id
    weight_kg = sum(kg for _, _, kg in event.receipts)
    ledger.post(
        [
            Entry(
                CNY,
                (Code.COMMITTED, buyer),
                (Code.TRADING, buyer),
                event.buyer_committed_fen,
                Kind.RELEASE,
            ),
            Entry(
                ledger.goods(event.instrument_id),
                (Code.COMMITTED, seller),
                (Code.TRADING, seller),
                weight_kg,
                Kind.RELEASE,
            ),
        ],
        seq=seq,
        position=position,
        at=at,
        trade_id=event.trade_id,
    )


def settle(event: TradeSettled, *, seq: int, position: str, at: dt.datetime) -> None:
    """Exchange goods for money: custody and escrow are filled and emptied in the same chain."""
    buyer, seller = event.buyer_firm_id, event.seller_firm_id
    goods = ledger.goods(event.instrument_id)
    weight_kg = sum(kg for _, _, _, kg in event.moves)
    paid = event.value_fen + event.buyer_fee_fen
    escrow, custody = (Code.ESCROW, 0), (Code.CUSTODY, 0)
    ledger.post(
        [
            Entry(goods, (Code.COMMITTED, seller), custody, weight_kg, Kind.TITLE),
            Entry(CNY, (Code.COMMITTED, buyer), escrow, paid, Kind.PAYMENT),
            Entry(goods, custody, (Code.TRADING, buyer), weight_kg, Kind.TITLE),
            Entry(
                CNY,
                escrow,
                (Code.TRADING, seller),
                event.value_fen - event.seller_fee_fen,
                Kind.PAYMENT,
            ),
            Entry(
                CNY,
                escrow,
                (Code.FEES, 0),
                event.buyer_fee_fen + event.seller_fee_fen,
                Kind.FEE,
            ),
            Entry(
                CNY,
                (Code.COMMITTED, buyer),
                (Code.TRADING, buyer),
                event.buyer_committed_fen - paid,
                Kind.RELEASE,
            ),
        ],
        seq=seq,
        position=position,
        at=at,
        trade_id=event.trade_id,
    )


def pay(event: TradePaid, *, seq: int, position: str, at: dt.datetime) -> None:
    """Bind what the buyer has paid on a trade."""
    buyer = event.firm_id
    ledger.post(
        [
            Entry(
                CNY,
                (Code.TRADING, buyer),
                (Code.COMMITTED, buyer),
                event.amount_fen,
                Kind.COMMIT,
            )
        ],
        seq=seq,
        position=position,
        at=at,
        trade_id=event.trade_id,
    )


def discharge(event: TradeDischarged, *, seq: int, position: str, at: dt.datetime) -> None:
    """Exchange a part of a trade: title and money in one chain, custody and escrow empty after it.

    Delivered goods are the buyer's for a moment and leave the store in the same chain.
    """
    buyer, seller = event.buyer_firm_id, event.seller_firm_id
    goods = ledger.goods(event.instrument_id)
    out_kg = sum(kg for _, _, kg in event.delivered)
    back_kg = sum(kg for _, _, kg in event.returned)
    escrow, custody = (Code.ESCROW, 0), (Code.CUSTODY, 0)
    bound, free = (Code.COMMITTED, seller), (Code.TRADING, seller)
    paid = event.to_seller_fen + event.fees_fen
    ledger.post(
        [
            Entry(goods, bound, custody, out_kg, Kind.TITLE),
            Entry(CNY, (Code.COMMITTED, buyer), escrow, paid, Kind.PAYMENT),
            Entry(goods, custody, (Code.TRADING, buyer), out_kg, Kind.TITLE),
            Entry(CNY, escrow, free, event.to_seller_fen, Kind.PAYMENT),
            Entry(CNY, escrow, (Code.FEES, 0), event.fees_fen, Kind.FEE),
            Entry(goods, (Code.TRADING, buyer), (Code.WAREHOUSE, 0), out_kg, Kind.COLLECT),
            Entry(goods, bound, free, back_kg, Kind.RELEASE),
            Entry(
                CNY,
                (Code.COMMITTED, buyer),
                (Code.TRADING, buyer),
                event.to_buyer_fen,
                Kind.RELEASE,
            ),
            Entry(CNY, free, (Code.TRADING, buyer), event.penalty_fen, Kind.PENALTY),
        ],
        seq=seq,
        position=position,
        at=at,
        trade_id=event.trade_id,
    )
