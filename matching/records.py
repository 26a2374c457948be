"""Small facts that the venue remembers: what is not settled yet, set aside, or locked."""

import msgspec

from matching.units import Day, Fen, FirmId, InstrumentId, Kg, Lots, Micros, ReceiptId


class UnsettledTrade(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a trade binds until `SettleTrade` or `DischargeTrade` has moved it."""

    instrument_id: InstrumentId
    buyer_firm_id: FirmId
    seller_firm_id: FirmId
    value_fen: Fen
    buyer_fee_fen: Fen
    seller_fee_fen: Fen
    buyer_committed_fen: Fen
    receipts: tuple[tuple[ReceiptId, Lots, Kg], ...]
    ts_us: Micros
    # Receipts of which the buyer has had a part, and whether anything was exchanged yet.
    touched: tuple[ReceiptId, ...] = ()
    is_begun: bool = False


class Reserve(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Cash set aside for a withdrawal."""

    firm_id: FirmId
    amount_fen: Fen


class Lock(msgspec.Struct, array_like=True, gc=False):
    """When a group last bought and sold a product: the trading day, and its number here."""

    bought_day: Day = 0
    bought_number: int = 0
    sold_day: Day = 0
    sold_number: int = 0
