"""The engine's events in the words of the naive venue."""

from __future__ import annotations

from matching import events as e
from tests.matching.naive.records import Note


def notes_of(events: tuple[e.AnyEvent, ...]) -> list[Note]:
    """Say of the engine's events what the naive venue says."""
    return [note for event in events for note in note_of(event)]


def note_of(event: e.AnyEvent) -> list[Note]:
    """Say of one event what the naive venue says: a note, or none of what only confirms."""
    match event:
        case e.CommandRejected():
            position = event.values if event.reason == e.RejectReason.PARAMETERS else ()
            return [("refused", str(event.reason), *position)]
        case e.CommandRepeated():
            return [("again", event.seq, event.index)]
        case e.OrderEntered():
            return [(
                "in", event.order_id, event.firm_id, event.side, event.tif, event.price_ticks,
                event.quantity_lots, event.held_fen, list(event.receipts), event.lifted_order_id,
                event.warned,
            )]  # fmt: skip
        case e.OrderRested():
            lots = event.open_lots + event.hidden_lots
            return [("rest", event.order_id, event.price_ticks, event.open_lots, lots)]
        case e.TradeExecuted():
            return [(
                "trade", event.trade_id, event.maker_order_id, event.taker_order_id,
                event.buyer_firm_id, event.seller_firm_id, event.quantity_lots, event.price_ticks,
                event.weight_kg, event.value_fen, event.buyer_fee_fen, event.seller_fee_fen,
                event.buyer_freed_fen, event.buyer_committed_fen, event.maker_open_lots,
                list(event.receipts), event.in_auction,
            )]  # fmt: skip
        case e.OrderCancelled():
            freed = event.freed_fen, list(event.receipts)
            return [("ended", event.order_id, event.cancelled_lots, event.reason, *freed)]
        case e.OrderReduced():
            freed = event.freed_fen, list(event.receipts)
            return [("reduced", event.order_id, event.reduced_lots, event.open_lots, *freed)]
        case e.OrderAmended():
            goods = list(event.old_receipts), list(event.receipts)
            return [("amended", event.order_id, event.kept_priority, event.held_fen, *goods)]
        case e.OrderRefreshed():
            return [("shows", event.order_id, event.shown_lots)]
        case e.OrderSuspended():
            return [("suspended", event.order_id)]
        case e.OrderResumed():
            return [("resumed", event.order_id)]
        case e.StopTriggered():
            return [("triggered", event.order_id, event.last_ticks)]
        case e.VolatilityInterrupted():
            return [("interrupted", event.instrument_id, event.price_ticks)]
        case e.PhaseChanged():
            return [("phase", event.instrument_id, event.phase)]
        case e.AuctionUncrossed():
            found = (event.price_ticks, event.volume_lots, event.surplus_lots)
            return [("auction", event.instrument_id, *found)]
        case e.AuctionIndicated():
            found = (event.price_ticks, event.volume_lots, event.surplus_lots)
            return [("indicated", event.instrument_id, *found)]
        case e.OrdersWithdrawn():
            return [("withdrawn", event.count)]
        case e.KillSwitched():
            return [("switched", event.count)]
        case e.TimePassed():
            return [("time",)]
    return settled(event) or talked(event) or bid_for(event)


def settled(event: e.AnyEvent) -> list[Note]:
    """What settlement asked."""
    match event:
        case e.CashCredited():
            return [("cash", "credited", event.firm_id, event.amount_fen)]
        case e.CashReserved():
            return [("cash", "reserved", event.firm_id, event.amount_fen)]
        case e.CashDebited():
            return [("cash", "debited", event.firm_id, event.amount_fen)]
        case e.CashReleased():
            return [("cash", "released", event.firm_id, event.amount_fen)]
        case e.GoodsCredited():
            return [(
                "goods", "credited", event.receipt_id, event.root_id, event.firm_id,
                event.instrument_id, event.lots, event.weight_kg,
            )]  # fmt: skip
        case e.GoodsDebited():
            weight = event.lots, event.weight_kg
            return [("goods", "debited", event.receipt_id, event.firm_id, *weight)]
        case e.GoodsWithheld():
            return [("withheld", event.receipt_id, event.firm_id, event.lots, event.count)]
        case e.TradeSettled():
            moves = list(event.moves)
            return [("settled", event.trade_id, event.buyer_committed_fen, moves)]
        case e.TradeBusted():
            goods = [[number, lots] for number, lots, _ in event.receipts]
            return [("busted", event.trade_id, event.buyer_committed_fen, goods)]
        case e.TradePaid():
            return [("paid", event.trade_id, event.amount_fen, event.committed_fen)]
        case e.TradeDischarged():
            return [(
                "discharged", event.trade_id, list(event.delivered), list(event.returned),
                event.to_seller_fen, event.to_buyer_fen, event.fees_fen, event.penalty_fen,
                event.committed_fen, event.open_lots,
            )]  # fmt: skip
    return []


def talked(event: e.AnyEvent) -> list[Note]:
    """What became of a negotiation."""
    match event:
        case e.NegotiationOpened():
            return [("talk", event.negotiation_id, event.firm_id, event.to_firm_id)]
        case e.ProposalMade():
            return [(
                "proposal", event.negotiation_id, event.round_no, event.order_id, event.firm_id,
                event.to_firm_id, event.expires_us,
            )]  # fmt: skip
        case e.NegotiationEnded():
            return [("talked", event.negotiation_id, event.firm_id, event.trade_id)]
    return []


def bid_for(event: e.AnyEvent) -> list[Note]:
    """What became of a one-way auction."""
    match event:
        case e.AuctionAnnounced():
            return [("announced", event.auction_id, event.order_id)]
        case e.AuctionOpened():
            return [("opened", event.auction_id)]
        case e.BidderJoined():
            return [("joined", event.auction_id, event.firm_id, event.bond_fen)]
        case e.BidPlaced():
            return [(
                "bid", event.auction_id, event.order_id, event.firm_id, event.price_ticks,
                event.quantity_lots, event.accepts_part,
            )]  # fmt: skip
        case e.AuctionExtended():
            return [("extended", event.auction_id, event.closes_us, event.extensions_left)]
        case e.ClockMoved():
            return [("clock", event.auction_id, event.price_ticks)]
        case e.AuctionEnded():
            sold = event.sold_lots, event.marginal_ticks
            return [("closed", event.auction_id, *sold, event.reason)]
        case e.BondReleased():
            return [("bond", event.auction_id, event.firm_id, event.bond_fen)]
    return []
