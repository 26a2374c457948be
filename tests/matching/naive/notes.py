"""The engine's events in the words of the naive venue."""

from __future__ import annotations

from matching import events as e
from tests.matching.naive.records import Note


def notes_of(events: tuple[e.AnyEvent, ...]) -> list[Note]:
    """Say of the engine's events what the naive venue says."""
    notes: list[Note] = []
    for event in events:
        if isinstance(event, e.CommandRejected):
            notes.append(("refused", str(event.reason)))
        elif isinstance(event, e.CommandRepeated):
            notes.append(("again",))
        elif isinstance(event, e.OrderEntered):
            notes.append(("in", event.order_id, event.price_ticks, event.quantity_lots))
        elif isinstance(event, e.OrderRested):
            lots = event.open_lots + event.hidden_lots
            notes.append(("rest", event.order_id, event.price_ticks, event.open_lots, lots))
        elif isinstance(event, e.TradeExecuted):
            who = (event.maker_order_id, event.taker_order_id)
            notes.append(("trade", *who, event.quantity_lots, event.price_ticks))
        elif isinstance(event, e.OrderCancelled):
            notes.append(("ended", event.order_id, event.cancelled_lots, event.reason))
        elif isinstance(event, e.OrderReduced):
            notes.append(("reduced", event.order_id, event.reduced_lots, event.open_lots))
        elif isinstance(event, e.OrderRefreshed):
            notes.append(("shows", event.order_id, event.shown_lots))
        elif isinstance(event, e.OrderSuspended):
            notes.append(("suspended", event.order_id))
        elif isinstance(event, e.OrderResumed):
            notes.append(("resumed", event.order_id))
        elif isinstance(event, e.StopTriggered):
            notes.append(("triggered", event.order_id, event.last_ticks))
        elif isinstance(event, e.OrderAmended):
            notes.append(("amended", event.order_id, event.kept_priority))
        elif isinstance(event, e.VolatilityInterrupted):
            notes.append(("interrupted", event.instrument_id, event.price_ticks))
        elif isinstance(event, e.PhaseChanged):
            notes.append(("phase", event.instrument_id, event.phase))
        elif isinstance(event, e.AuctionUncrossed):
            found = (event.price_ticks, event.volume_lots, event.surplus_lots)
            notes.append(("auction", event.instrument_id, *found))
        elif isinstance(event, e.AuctionIndicated):
            found = (event.price_ticks, event.volume_lots, event.surplus_lots)
            notes.append(("indicated", event.instrument_id, *found))
        elif isinstance(event, e.OrdersWithdrawn):
            notes.append(("withdrawn", event.count))
        elif isinstance(event, e.KillSwitched):
            notes.append(("switched", event.count))
        elif isinstance(event, e.TimePassed):
            notes.append(("time",))
        elif isinstance(event, e.TradeBusted):
            notes.append(("busted", event.trade_id))
    return notes
