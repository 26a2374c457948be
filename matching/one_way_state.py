"""What a venue remembers of a one-way auction."""

from __future__ import annotations

import msgspec

from matching.commands import AuctionForm, Side
from matching.units import Fen, FirmId, InstrumentId, Lots, Micros, OrderId, Ticks

ANNOUNCED = 1
OPEN = 2


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
