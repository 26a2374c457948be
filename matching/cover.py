"""What each firm may still commit: cash in fen, goods in lots of named receipts.

Stations: available -> held (an order rests) -> committed (a trade) -> out. The same names are
used by the ledger (`SETTLEMENT.md` 0.8).
"""

from __future__ import annotations

from typing import TypeAlias

from matching.commands import ClientCommand, FirmStatus
from matching.units import Day, Fen, FirmId, InstrumentId, Kg, Lots, ReceiptId

Remembered: TypeAlias = tuple[ClientCommand, int, int]
"""A trader's command and where its first answer stands: block seq, index."""


class Account:
    """A firm's cash, standing and open orders at this venue."""

    __slots__ = (
        "available_fen",
        "committed_fen",
        "firm_id",
        "group_id",
        "halted",
        "held_fen",
        "open_orders",
        "remembered",
        "status",
    )

    def __init__(self, firm_id: FirmId, group_id: int) -> None:
        self.firm_id = firm_id
        self.group_id = group_id
        self.status = FirmStatus.ACTIVE
        self.halted = False
        self.available_fen: Fen = 0
        self.held_fen: Fen = 0
        self.committed_fen: Fen = 0
        self.open_orders = 0
        # The firm's client order ids that the dedup window knows.
        self.remembered: dict[str, Remembered] = {}


class Receipt:
    """Title to goods: lots of one receipt by station.

    `piece_kg` is the weighed mass of the one piece, or 0 where a lot has the nominal mass.
    """

    __slots__ = (
        "committed_lots",
        "firm_id",
        "free_lots",
        "held_lots",
        "instrument_id",
        "piece_kg",
        "receipt_id",
        "root_id",
        "sellable_from_day",
    )

    def __init__(
        self,
        receipt_id: ReceiptId,
        root_id: ReceiptId,
        firm_id: FirmId,
        instrument_id: InstrumentId,
        free_lots: Lots,
        piece_kg: Kg,
        sellable_from_day: Day,
    ) -> None:
        self.receipt_id = receipt_id
        self.root_id = root_id
        self.firm_id = firm_id
        self.instrument_id = instrument_id
        self.free_lots = free_lots
        self.held_lots: Lots = 0
        self.committed_lots: Lots = 0
        self.piece_kg = piece_kg
        self.sellable_from_day = sellable_from_day


class Goods:
    """All receipts of a venue, and each firm's per instrument, oldest first."""

    __slots__ = ("by_id", "by_owner")

    def __init__(self) -> None:
        self.by_id: dict[ReceiptId, Receipt] = {}
        self.by_owner: dict[tuple[FirmId, InstrumentId], dict[ReceiptId, Receipt]] = {}

    def add(self, receipt: Receipt) -> None:
        """Take a receipt in; its id is new."""
        assert receipt.receipt_id not in self.by_id, "a receipt is taken in once"
        self.by_id[receipt.receipt_id] = receipt
        owner = (receipt.firm_id, receipt.instrument_id)
        self.by_owner.setdefault(owner, {})[receipt.receipt_id] = receipt

    def drop_if_empty(self, receipt: Receipt) -> None:
        """Forget a receipt that has nothing left at any station."""
        if not (receipt.free_lots or receipt.held_lots or receipt.committed_lots):
            del self.by_id[receipt.receipt_id]
            owner = (receipt.firm_id, receipt.instrument_id)
            mine = self.by_owner[owner]
            del mine[receipt.receipt_id]
            if not mine:
                del self.by_owner[owner]
