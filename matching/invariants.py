"""What must be true of a venue after every command. Tests ask after each; nothing else does."""

from __future__ import annotations

from matching.commands import Phase, Side
from matching.instrument import Instrument
from matching.orders import ASIDE, BOOK, STOP, SUSPENDED, Order
from matching.state import ONE_WAY, Venue
from matching.units import Fen, FirmId, Lots, ReceiptId


def check_venue(venue: Venue) -> None:
    """Assert every invariant: books, places, holds, conservation of cash and goods."""
    places: dict[int, Order] = {}
    for instrument in venue.instruments.values():
        instrument.book.check()
        _check_crossed(instrument)
        for place, orders in (
            (BOOK, [*instrument.book.bids, *instrument.book.asks]),
            (STOP, list(instrument.stops.values())),
            (SUSPENDED, list(instrument.suspended.values())),
        ):
            for order in orders:
                assert order.place == place, "an order knows where it stands"
                assert place == BOOK or not order.hidden_lots, "only a book shows part of an order"
                assert order.order_id not in places, "an order stands in one place"
                places[order.order_id] = order
                if not instrument.is_matched and place == BOOK:
                    assert venue.offers[order.order_id] is order
    offers = sum(venue.instruments[o.instrument_id].is_matched for o in venue.offers.values())
    assert not offers, "only orders of books without matching are offers"
    _check_orders(venue, places)
    _check_auctions(venue)
    _check_goods(venue)
    kept = 0
    for heard in venue.window:
        for command in heard.commands:
            if command is not None:
                kept += 1
                known = venue.accounts[command.firm_id].remembered[command.client_order_id]
                assert known is heard, "the window and the firms remember the same commands"
    assert kept == sum(len(account.remembered) for account in venue.accounts.values())
    assert venue.window[-1] is venue.heard, "the current block is the window's last"


def _check_crossed(instrument: Instrument) -> None:
    """Two orders that may trade with each other do not stand crossed.

    In a call everybody may; elsewhere nobody, but in `listed` those of one group or of an offer
    directed to others.
    """
    if instrument.is_matched:
        if instrument.phase is Phase.CONTINUOUS:
            assert next(instrument.book.crossed(), None) is None, "a matched book is not crossed"
        return
    for bid, ask in instrument.book.crossed():
        directed = any(
            order.special is not None
            and order.special.firm_ids
            and other.firm_id not in order.special.firm_ids
            for order, other in ((bid, ask), (ask, bid))
        )
        assert bid.group_id == ask.group_id or directed, "a posting that would trade is refused"


def _check_orders(venue: Venue, places: dict[int, Order]) -> None:
    held_fen: dict[FirmId, Fen] = {}
    held_lots: dict[ReceiptId, Lots] = {}
    known = 0
    for account in venue.accounts.values():
        for order_id, order in account.orders.items():
            known += 1
            assert order.order_id == order_id
            assert order.account is account
            assert order.place == ASIDE or places[order_id] is order
            assert 0 < order.open_lots <= order.quantity_lots
            instrument = venue.instruments[order.instrument_id]
            need = 0
            if order.side == Side.BUY:
                assert not order.receipts
                need = instrument.need_fen(order.price_ticks, order.open_lots)
            else:
                assert sum(lots for _, lots in order.receipts) == order.open_lots
            assert order.held_fen == need, "an order holds exactly what it needs"
            held_fen[order.firm_id] = held_fen.get(order.firm_id, 0) + need
            for receipt_id, lots in order.receipts:
                assert lots > 0
                assert venue.goods.by_id[receipt_id].firm_id == order.firm_id
                held_lots[receipt_id] = held_lots.get(receipt_id, 0) + lots
    aside = sum(o.place == ASIDE for a in venue.accounts.values() for o in a.orders.values())
    assert known == len(places) + aside, "every order that stands somewhere is its firm's"
    for auction in venue.auctions.values():
        for firm_id, bond in auction.bonds.items():
            held_fen[firm_id] = held_fen.get(firm_id, 0) + bond
    committed_fen: dict[FirmId, Fen] = {}
    committed_lots: dict[ReceiptId, Lots] = {}
    for trade in venue.trades.values():
        assert trade.buyer_committed_fen >= 0
        assert trade.receipts or trade.buyer_committed_fen, "what binds nothing is gone"
        firm_id = trade.buyer_firm_id
        committed_fen[firm_id] = committed_fen.get(firm_id, 0) + trade.buyer_committed_fen
        for receipt_id, lots, _ in trade.receipts:
            committed_lots[receipt_id] = committed_lots.get(receipt_id, 0) + lots
    for reserve in venue.reserves.values():
        firm_id = reserve.firm_id
        committed_fen[firm_id] = committed_fen.get(firm_id, 0) + reserve.amount_fen
    cash = 0
    for account in venue.accounts.values():
        firm_id = account.firm_id
        assert account.available_fen >= 0, "no firm has spent more than it has"
        assert account.held_fen == held_fen.get(firm_id, 0)
        assert account.committed_fen == committed_fen.get(firm_id, 0)
        assert account.tokens >= 0
        cash += account.available_fen + account.held_fen + account.committed_fen
    assert cash == venue.cash_in_fen - venue.cash_out_fen, "cash is conserved"
    for receipt in venue.goods.by_id.values():
        assert receipt.held_lots == held_lots.get(receipt.receipt_id, 0)
        assert receipt.committed_lots == committed_lots.get(receipt.receipt_id, 0)


def _check_auctions(venue: Venue) -> None:
    """Every order that stands aside is a proposal, a bid, or what an auction's owner offers."""
    asides = [
        (talk.firm_id, talk.order_id, talk.instrument_id) for talk in venue.negotiations.values()
    ]
    for auction in venue.auctions.values():
        asides.append((auction.owner_firm_id, auction.order_id, auction.instrument_id))
        asides += [(bid.firm_id, bid.order_id, auction.instrument_id) for bid in auction.bids]
        bidders = [bid.firm_id for bid in auction.bids]
        assert len(set(bidders)) == len(bidders), "a firm has one bid"
        assert all(firm_id in auction.bonds for firm_id in bidders), "who bids is qualified"
        due = (auction.due_us, ONE_WAY, auction.auction_id)
        assert due in venue.timers, "time will come for it"
        offered = venue.accounts[auction.owner_firm_id].orders[auction.order_id]
        assert offered.open_lots == auction.quantity_lots - auction.sold_lots
    assert len(set(asides)) == len(asides), "an order aside has one purpose"
    for firm_id, order_id, instrument_id in asides:
        order = venue.accounts[firm_id].orders[order_id]
        assert (order.place, order.instrument_id) == (ASIDE, instrument_id)
    standing = sum(o.place == ASIDE for a in venue.accounts.values() for o in a.orders.values())
    assert standing == len(asides), "no order stands aside for nothing"


def _check_goods(venue: Venue) -> None:
    lots_of: dict[int, Lots] = {}
    for receipt in venue.goods.by_id.values():
        assert receipt.free_lots >= 0
        lots = receipt.free_lots + receipt.held_lots + receipt.committed_lots
        assert lots > 0, "an empty receipt is forgotten"
        assert not receipt.piece_kg or lots == 1, "a piece is whole"
        shelves = venue.goods.by_owner[receipt.firm_id]
        assert shelves[receipt.instrument_id][receipt.receipt_id] is receipt
        lots_of[receipt.instrument_id] = lots_of.get(receipt.instrument_id, 0) + lots
        assert receipt.firm_id in venue.goods.holders[receipt.root_id], "an owner is a holder"
    assert all(venue.goods.by_owner.values()), "an owner of nothing is forgotten"
    piles = [mine for shelves in venue.goods.by_owner.values() for mine in shelves.values()]
    assert all(piles), "an owner of none of an instrument has no shelf of it"
    owned = sum(len(mine) for mine in piles)
    assert owned == len(venue.goods.by_id)
    assert not venue.goods.filled, "sales of a full root have left the books"
    for instrument_id, lots_in in venue.goods_in_lots.items():
        out = venue.goods_out_lots.get(instrument_id, 0)
        assert lots_of.get(instrument_id, 0) == lots_in - out, "goods are conserved"
