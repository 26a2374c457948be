"""What a venue remembers of a negotiation."""

from __future__ import annotations

import msgspec

from matching.units import FirmId, InstrumentId, Micros, OrderId


class Negotiation(msgspec.Struct, array_like=True, gc=False):
    """Two firms and the live proposal: the order `order_id` of `firm_id`, made in `round_no`."""

    negotiation_id: int
    instrument_id: InstrumentId
    firm_id: FirmId
    to_firm_id: FirmId
    order_id: OrderId
    round_no: int
    expires_us: Micros
