"""What a venue remembers of a one-way auction."""

from __future__ import annotations

from typing import Final

import msgspec

from matching.commands import AuctionForm, Side
from matching.units import Fen, FirmId, InstrumentId, Lots, Micros, OrderId, Ticks

ANNOUNCED: Final = 1
OPEN: Final = 2


class Bid(msgspec.Struct, array_like=True, gc=False):
    """A standing bid; its cover is held by the order `order_id`."""

    firm_id: FirmId
    order_id: OrderId
    price_ticks: Ticks
    quantity_lots: Lots
    accepts_part: bool
    at_us: Micros


class OneWay(msgspec.Struct, array_like=True, gc=False):
    """A live one-way auction: rules as announced, bonds by firm, the newest bid of each firm.

    Bids stand in the order of arrival. `clock_ticks` is the Dutch clock, 0 in the other forms.
    `due_us` is when time does the next thing (opens, moves the clock, closes); a timer that says
    another instant means nothing any more. `sold_lots` and `last_ticks` are what a Dutch clock
    has sold, and at which price last.
    """

    auction_id: int
    instrument_id: InstrumentId
    owner_firm_id: FirmId
    side: Side
    form: AuctionForm
    quantity_lots: Lots
    reserve_ticks: Ticks
    start_ticks: Ticks
    increment_ticks: Ticks
    least_lots: Lots
    step_lots: Lots
    bond_fen: Fen
    opens_us: Micros
    closes_us: Micros
    extend_us: Micros
    extensions_left: int
    step_us: Micros
    is_uniform: bool
    order_id: OrderId
    state: int
    clock_ticks: Ticks
    bonds: dict[FirmId, Fen]
    bids: list[Bid]
    due_us: Micros
    sold_lots: Lots = 0
    last_ticks: Ticks = 0

    @property
    def sign(self) -> int:
        """Return 1 where higher bids are better, -1 in a procurement."""
        return 1 if self.side == Side.SELL else -1

    def is_running(self, ts_us: Micros) -> bool:
        """Whether bids count now: open, and nothing of it overdue."""
        return self.state == OPEN and ts_us < self.due_us

    def bid_of(self, firm_id: FirmId) -> Bid | None:
        """Return the firm's standing bid, or None."""
        return next((bid for bid in self.bids if bid.firm_id == firm_id), None)

    def ranked(self) -> list[Bid]:
        """Return the standing bids, best price first, then oldest."""
        return sorted(self.bids, key=lambda bid: -bid.price_ticks * self.sign)

    def marginal(self) -> Bid | None:
        """Return the bid that takes the last of the quantity, None while some of it is free."""
        left = self.quantity_lots
        for bid in self.ranked():
            left -= bid.quantity_lots
            if left <= 0:
                return bid
        return None
