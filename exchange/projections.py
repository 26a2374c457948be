"""Events -> rows for screens: orders, trades, funds, statistics, candles, standing.

By addition only: no rule is applied here. Everything can be dropped and rebuilt from the journal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from exchange.blocks import Block
from exchange.keys import row_key
from exchange.models import (
    Candle,
    DayStatistics,
    FirmFunds,
    Instrument,
    InstrumentStatus,
    Membership,
    MembershipStatus,
    OrderRow,
    OrderState,
    TradeRow,
    TradingBan,
    VenueStatus,
)
from matching.commands import FirmStatus, HaltScope, Side, Special
from matching.events import (
    AnyEvent,
    BidderJoined,
    BondReleased,
    CancelReason,
    CashCredited,
    CashDebited,
    CashReleased,
    CashReserved,
    DayOpened,
    FirmLimitsChanged,
    FirmStatusChanged,
    HaltChanged,
    InstrumentDefined,
    KillSwitched,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    OrderReduced,
    OrderResumed,
    OrderSuspended,
    SelfMatchChanged,
    StopTriggered,
    TradeBusted,
    TradeDischarged,
    TradeExecuted,
    TradePaid,
    TradeSettled,
)

_PLAIN: Final = Special()
_OF_ONE_ORDER: Final = (
    OrderCancelled | OrderAmended | OrderReduced | OrderSuspended | OrderResumed | StopTriggered
)


class Projections:
    """The follower that keeps the exchange's rows."""

    name = "projections"

    def apply(self, block: Block) -> None:
        """Write what the block means."""
        if block.events == b"\x90":
            return
        page = _Page(block)
        everything = [event for events in block.decoded_events() for event in events]
        page.read_orders(everything)
        for event in everything:
            page.add(event)
        page.write()

    def after_commit(self, venue_id: int) -> None:
        """Nothing leaves the database from here."""


class _Page:
    """The rows that one block touches: read once, changed in memory, written once."""

    def __init__(self, block: Block) -> None:
        self.venue_id = block.venue_id
        self.seq = block.seq
        self.minute = block.ts_us // 60_000_000
        self.at = dt.datetime.fromtimestamp(block.ts_us // 1_000_000, tz=dt.UTC) + dt.timedelta(
            microseconds=block.ts_us % 1_000_000
        )
        self.orders: dict[int, OrderRow] = {}
        self.new_orders: set[int] = set()
        self.trades: list[TradeRow] = []
        self.funds: dict[int, list[int]] = {}
        self.candles: dict[int, list[int]] = {}
        self.statistics: dict[tuple[int, int], DayStatistics] = {}
        self.status, _ = VenueStatus.objects.get_or_create(venue_id=block.venue_id)

    def read_orders(self, events: list[AnyEvent]) -> None:
        """Read the orders that the events change, in one query."""
        wanted: set[int] = set()
        for event in events:
            if isinstance(event, _OF_ONE_ORDER):
                wanted.add(event.order_id)
            elif isinstance(event, TradeExecuted):
                wanted.update((event.maker_order_id, event.taker_order_id))
        if wanted:
            found = OrderRow.objects.filter(order_id__in=sorted(wanted))
            self.orders = {row.order_id: row for row in found}

    def add(self, event: AnyEvent) -> None:
        write = _WRITE.get(type(event))
        if write is not None:
            write(self, event)

    def order(self, order_id: int) -> OrderRow:
        found = self.orders[order_id]
        found.changed_at = self.at
        found.changed_seq = self.seq
        return found

    def move(self, firm_id: int, available: int, held: int, committed: int) -> None:
        sums = self.funds.setdefault(firm_id, [0, 0, 0])
        sums[0] += available
        sums[1] += held
        sums[2] += committed

    # One method an event.

    def entered(self, event: OrderEntered) -> None:
        special = event.special or _PLAIN
        self.orders[event.order_id] = OrderRow(
            id=row_key(self.venue_id, event.order_id),
            venue_id=self.venue_id,
            order_id=event.order_id,
            firm_id=event.firm_id,
            trader_id=event.trader_id,
            client_order_id=event.client_order_id,
            instrument_id=event.instrument_id,
            side=event.side,
            tif=event.tif,
            lifted_order_id=event.lifted_order_id,
            price_ticks=event.price_ticks,
            quantity_lots=event.quantity_lots,
            open_lots=event.quantity_lots,
            held_fen=event.held_fen,
            receipts=[list(pair) for pair in event.receipts],
            kind=special.kind,
            expires_us=special.expires_us,
            display_lots=special.display_lots,
            least_lots=special.least_lots,
            stop_ticks=special.stop_ticks,
            directed_to=list(special.firm_ids),
            state=OrderState.WAITING if special.stop_ticks else OrderState.OPEN,
            entered_at=self.at,
            changed_at=self.at,
            changed_seq=self.seq,
        )
        self.new_orders.add(event.order_id)
        self.move(event.firm_id, -event.held_fen, event.held_fen, 0)

    def executed(self, event: TradeExecuted) -> None:
        lots = event.quantity_lots
        for order_id in (event.maker_order_id, event.taker_order_id):
            order = self.order(order_id)
            order.executed_lots += lots
            order.open_lots -= lots
            if order.side == Side.BUY:
                order.held_fen -= event.buyer_freed_fen
            else:
                order.receipts = _less(order.receipts, event.receipts)
            if order.open_lots == 0:
                order.state = OrderState.FILLED
        self.move(
            event.buyer_firm_id,
            event.buyer_freed_fen - event.buyer_committed_fen,
            -event.buyer_freed_fen,
            event.buyer_committed_fen,
        )
        self.trades.append(
            TradeRow(
                id=row_key(self.venue_id, event.trade_id),
                venue_id=self.venue_id,
                trade_id=event.trade_id,
                seq=self.seq,
                instrument_id=event.instrument_id,
                price_ticks=event.price_ticks,
                quantity_lots=lots,
                weight_kg=event.weight_kg,
                value_fen=event.value_fen,
                maker_order_id=event.maker_order_id,
                taker_order_id=event.taker_order_id,
                taker_side=event.taker_side,
                buyer_firm_id=event.buyer_firm_id,
                seller_firm_id=event.seller_firm_id,
                buyer_fee_fen=event.buyer_fee_fen,
                seller_fee_fen=event.seller_fee_fen,
                day=self.status.day,
                traded_at=self.at,
            )
        )
        price = event.price_ticks
        candle = self.candles.get(event.instrument_id)
        if candle is None:
            self.candles[event.instrument_id] = [price, price, price, price, lots]
        else:
            candle[1] = max(candle[1], price)
            candle[2] = min(candle[2], price)
            candle[3] = price
            candle[4] += lots
        day = self._statistics(event.instrument_id, price, self.status.day)
        day.high_ticks = max(day.high_ticks, price)
        day.low_ticks = min(day.low_ticks, price)
        day.last_ticks = price
        day.volume_lots += lots
        day.weight_kg += event.weight_kg
        day.turnover_fen += event.value_fen
        day.trades += 1

    def _statistics(self, instrument_id: int, price: int, of_day: int) -> DayStatistics:
        key = (instrument_id, of_day)
        found = self.statistics.get(key)
        if found is None:
            found = DayStatistics.objects.filter(instrument_id=instrument_id, day=key[1]).first()
            if found is None:
                found = DayStatistics(
                    venue_id=self.venue_id,
                    instrument_id=instrument_id,
                    day=key[1],
                    open_ticks=price,
                    high_ticks=price,
                    low_ticks=price,
                    last_ticks=price,
                    volume_lots=0,
                    weight_kg=0,
                    turnover_fen=0,
                    trades=0,
                )
            self.statistics[key] = found
        return found

    def cancelled(self, event: OrderCancelled) -> None:
        order = self.order(event.order_id)
        expired = event.reason == CancelReason.EXPIRED
        order.state = OrderState.EXPIRED if expired else OrderState.CANCELLED
        order.cancel_reason = event.reason
        order.open_lots = 0
        order.held_fen = 0
        order.receipts = []
        self.move(event.firm_id, event.freed_fen, -event.freed_fen, 0)

    def reduced(self, event: OrderReduced) -> None:
        order = self.order(event.order_id)
        order.open_lots = event.open_lots
        order.held_fen -= event.freed_fen
        order.receipts = _less(order.receipts, event.receipts)
        self.move(event.firm_id, event.freed_fen, -event.freed_fen, 0)

    def suspended(self, event: OrderSuspended) -> None:
        self.order(event.order_id).state = OrderState.SUSPENDED

    def resumed(self, event: OrderResumed) -> None:
        order = self.order(event.order_id)
        order.state = OrderState.WAITING if order.stop_ticks else OrderState.OPEN

    def triggered(self, event: StopTriggered) -> None:
        order = self.order(event.order_id)
        order.state = OrderState.OPEN
        order.stop_ticks = 0

    def busted(self, event: TradeBusted) -> None:
        """Undo the trade's part of the day; its row stays and says so."""
        back = event.buyer_committed_fen
        self.move(event.buyer_firm_id, back, 0, -back)
        new = next((row for row in self.trades if row.trade_id == event.trade_id), None)
        row = new or TradeRow.objects.get(trade_id=event.trade_id)
        row.busted_at = self.at
        if new is None:
            row.save()
        day = self._statistics(event.instrument_id, row.price_ticks, row.day)
        day.volume_lots -= row.quantity_lots
        day.weight_kg -= row.weight_kg
        day.turnover_fen -= row.value_fen
        day.trades -= 1

    def paid(self, event: TradePaid) -> None:
        self.move(event.firm_id, -event.amount_fen, 0, event.amount_fen)

    def discharged(self, event: TradeDischarged) -> None:
        spent = event.to_seller_fen + event.to_buyer_fen + event.fees_fen
        self.move(event.buyer_firm_id, event.to_buyer_fen + event.penalty_fen, 0, -spent)
        self.move(event.seller_firm_id, event.to_seller_fen - event.penalty_fen, 0, 0)

    def amended(self, event: OrderAmended) -> None:
        order = self.order(event.order_id)
        order.price_ticks = event.price_ticks
        order.quantity_lots = event.quantity_lots
        order.open_lots = event.open_lots + event.hidden_lots
        order.held_fen = event.held_fen
        order.receipts = [list(pair) for pair in event.receipts]
        more = event.held_fen - event.old_held_fen
        self.move(event.firm_id, -more, more, 0)

    def credited(self, event: CashCredited) -> None:
        self.move(event.firm_id, event.amount_fen, 0, 0)

    def reserved(self, event: CashReserved) -> None:
        self.move(event.firm_id, -event.amount_fen, 0, event.amount_fen)

    def debited(self, event: CashDebited) -> None:
        self.move(event.firm_id, 0, 0, -event.amount_fen)

    def released(self, event: CashReleased) -> None:
        self.move(event.firm_id, event.amount_fen, 0, -event.amount_fen)

    def joined(self, event: BidderJoined) -> None:
        self.move(event.firm_id, -event.bond_fen, event.bond_fen, 0)

    def bond_released(self, event: BondReleased) -> None:
        self.move(event.firm_id, event.bond_fen, -event.bond_fen, 0)

    def settled(self, event: TradeSettled) -> None:
        paid = event.value_fen + event.buyer_fee_fen
        back = event.buyer_committed_fen - paid
        self.move(event.buyer_firm_id, back, 0, -event.buyer_committed_fen)
        self.move(event.seller_firm_id, event.value_fen - event.seller_fee_fen, 0, 0)

    def firm_status(self, event: FirmStatusChanged) -> None:
        active = event.status == FirmStatus.ACTIVE
        Membership.objects.filter(firm_id=event.firm_id).update(
            status=MembershipStatus.ACTIVE if active else MembershipStatus.SUSPENDED
        )

    def killed(self, event: KillSwitched) -> None:
        who = {"firm_id": event.firm_id, "trader_id": event.trader_id}
        if event.blocked:
            TradingBan.objects.create(
                venue_id=self.venue_id,
                reason=event.reason,
                cancelled=event.count,
                actor_id=event.actor_id,
                banned_at=self.at,
                **who,
            )
        else:
            TradingBan.objects.filter(lifted_at=None, **who).update(
                lifted_at=self.at, lifted_by_id=event.actor_id, lift_reason=event.reason
            )

    def limited(self, event: FirmLimitsChanged) -> None:
        Membership.objects.filter(firm_id=event.firm_id).update(
            orders_per_s=event.orders_per_s, burst=event.burst, day_value_fen=event.day_value_fen
        )

    def self_match(self, event: SelfMatchChanged) -> None:
        Membership.objects.filter(firm_id=event.firm_id).update(self_match=event.policy)

    def instrument_defined(self, event: InstrumentDefined) -> None:
        Instrument.objects.filter(pk=event.instrument_id, status=InstrumentStatus.PROPOSED).update(
            status=InstrumentStatus.LISTED
        )

    def halted(self, event: HaltChanged) -> None:
        if event.scope == HaltScope.VENUE:
            self.status.halted = event.halted
        elif event.scope == HaltScope.INSTRUMENT:
            Instrument.objects.filter(pk=event.target_id).update(
                status=InstrumentStatus.SUSPENDED if event.halted else InstrumentStatus.LISTED
            )

    def day_opened(self, event: DayOpened) -> None:
        self.status.day = event.day

    def write(self) -> None:
        new = [row for order_id, row in self.orders.items() if order_id in self.new_orders]
        changed = [row for order_id, row in self.orders.items() if order_id not in self.new_orders]
        if new:
            OrderRow.objects.bulk_create(new)
        if changed:
            OrderRow.objects.bulk_update(
                changed,
                [
                    "price_ticks",
                    "quantity_lots",
                    "executed_lots",
                    "open_lots",
                    "held_fen",
                    "receipts",
                    "stop_ticks",
                    "state",
                    "cancel_reason",
                    "changed_at",
                    "changed_seq",
                ],
            )
        if self.trades:
            TradeRow.objects.bulk_create(self.trades)
        for firm_id, (available, held, committed) in self.funds.items():
            row, _ = FirmFunds.objects.get_or_create(venue_id=self.venue_id, firm_id=firm_id)
            row.available_fen += available
            row.held_fen += held
            row.committed_fen += committed
            row.seq = self.seq
            row.save()
        for instrument_id, candle in self.candles.items():
            self._write_candle(instrument_id, candle)
        for statistics in self.statistics.values():
            statistics.save()
        self.status.save()

    def _write_candle(self, instrument_id: int, candle: list[int]) -> None:
        first, high, low, last, lots = candle
        row, created = Candle.objects.get_or_create(
            venue_id=self.venue_id,
            instrument_id=instrument_id,
            minute=self.minute,
            defaults={
                "open_ticks": first,
                "high_ticks": high,
                "low_ticks": low,
                "close_ticks": last,
                "volume_lots": lots,
            },
        )
        if not created:
            row.high_ticks = max(row.high_ticks, high)
            row.low_ticks = min(row.low_ticks, low)
            row.close_ticks = last
            row.volume_lots += lots
            row.save()


def _less(held: list[list[int]], used: Iterable[tuple[int, ...]]) -> list[list[int]]:
    """Return what an order still holds after lots of its receipts, (id, lots, …), were used."""
    taken = {receipt_id: lots for receipt_id, lots, *_ in used}
    left = ([receipt_id, lots - taken.get(receipt_id, 0)] for receipt_id, lots in held)
    return [pair for pair in left if pair[1]]


_WRITE: dict[type, Any] = {
    OrderEntered: _Page.entered,
    TradeExecuted: _Page.executed,
    OrderCancelled: _Page.cancelled,
    OrderAmended: _Page.amended,
    OrderReduced: _Page.reduced,
    OrderSuspended: _Page.suspended,
    OrderResumed: _Page.resumed,
    StopTriggered: _Page.triggered,
    TradeBusted: _Page.busted,
    TradePaid: _Page.paid,
    TradeDischarged: _Page.discharged,
    CashCredited: _Page.credited,
    CashReserved: _Page.reserved,
    CashDebited: _Page.debited,
    CashReleased: _Page.released,
    TradeSettled: _Page.settled,
    BidderJoined: _Page.joined,
    BondReleased: _Page.bond_released,
    FirmStatusChanged: _Page.firm_status,
    KillSwitched: _Page.killed,
    FirmLimitsChanged: _Page.limited,
    SelfMatchChanged: _Page.self_match,
    InstrumentDefined: _Page.instrument_defined,
    HaltChanged: _Page.halted,
    DayOpened: _Page.day_opened,
}
