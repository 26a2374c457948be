"""What each firm may still commit: cash in fen, goods in lots of named receipts.

Stations: available -> held (an order rests) -> committed (a trade) -> out. The same names are
used by the ledger (`SETTLEMENT.md` 0.8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matching.commands import ClientCommand, FirmStatus, SelfMatch
from matching.limits import CLIENT_IDS_PER_FIRM
from matching.units import (
    Day,
    Fen,
    FirmId,
    InstrumentId,
    Kg,
    Lots,
    Micros,
    OrderId,
    ReceiptId,
    TraderId,
)

if TYPE_CHECKING:
    from matching.orders import Order

TOKEN: Final = 1_000_000
"""What one order takes from a firm's bucket: a rate of one a second gives one each microsecond."""


class Heard:
    """The commands of block `seq` by their index; None for what the dedup window does not keep.

    One list a block costs a traders' command no object of its own in the window.
    """

    __slots__ = ("commands", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.commands: list[ClientCommand | None] = []

    def index_of(self, firm_id: FirmId, client_order_id: str) -> int:
        """Return where a command that is kept stands in its block."""
        for index, command in enumerate(self.commands):
            if (
                command is not None
                and command.client_order_id == client_order_id
                and command.firm_id == firm_id
            ):
                return index
        raise LookupError(client_order_id)


class Account:
    """A firm's cash, standing, limits and open orders at this venue."""

    __slots__ = (
        "available_fen",
        "blocked_traders",
        "burst",
        "committed_fen",
        "day_lots",
        "day_value_fen",
        "firm_id",
        "group_id",
        "halted",
        "held_fen",
        "is_bounded",
        "max_day_value_fen",
        "orders",
        "orders_per_s",
        "remember_most",
        "remembered",
        "self_match",
        "status",
        "tokens",
        "tokens_at_us",
    )

    def __init__(self, firm_id: FirmId, group_id: int) -> None:
        self.firm_id = firm_id
        self.group_id = group_id
        self.status = FirmStatus.ACTIVE
        self.halted = False
        self.available_fen: Fen = 0
        self.held_fen: Fen = 0
        self.committed_fen: Fen = 0
        # Every order that holds cover, wherever it stands, oldest first.
        self.orders: dict[OrderId, Order] = {}
        # The firm's client order ids that the dedup window knows, and the block of each.
        self.remembered: dict[str, Heard] = {}
        self.remember_most = CLIENT_IDS_PER_FIRM
        self.self_match = SelfMatch.REFUSE_NEWEST
        self.blocked_traders: dict[TraderId, None] = {}
        # Limits; 0 is no limit. Tokens in millionths of an order.
        self.orders_per_s = 0
        self.burst = 0
        self.tokens = 0
        self.tokens_at_us: Micros = 0
        self.max_day_value_fen: Fen = 0
        self.day_value_fen: Fen = 0
        self.day_lots: dict[InstrumentId, Lots] = {}
        # Whether standing, blocks or day bounds ask for a look at each order.
        self.is_bounded = False

    def refill(self, ts_us: Micros) -> None:
        """Give the bucket what the time since the last order is worth."""
        most = self.burst * TOKEN
        tokens = self.tokens + (ts_us - self.tokens_at_us) * self.orders_per_s
        self.tokens = most if tokens > most else tokens
        self.tokens_at_us = ts_us

    def note_bounds(self) -> None:
        """Recompute `is_bounded` after a change of standing, limits or blocks."""
        self.is_bounded = bool(
            self.halted
            or self.status is not FirmStatus.ACTIVE
            or self.max_day_value_fen
            or self.blocked_traders
        )


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
    """All receipts of a venue, and each firm's per instrument, oldest first.

    `holders` counts for each root how often a firm came to hold part of it: the law bounds the
    number of firms, over the whole life of the right (RULEBOOK C3).
    """

    __slots__ = ("by_id", "by_owner", "filled", "full_roots", "holders")

    def __init__(self) -> None:
        self.by_id: dict[ReceiptId, Receipt] = {}
        self.by_owner: dict[FirmId, dict[InstrumentId, dict[ReceiptId, Receipt]]] = {}
        self.holders: dict[ReceiptId, dict[FirmId, int]] = {}
        # Roots that no further firm may hold.
        self.full_roots: dict[ReceiptId, None] = {}
        # Those that the command at hand has filled and whose sales still stand (`clear_full`).
        self.filled: list[ReceiptId] = []

    def add(self, receipt: Receipt) -> None:
        """Take a receipt in; its id is new."""
        assert receipt.receipt_id not in self.by_id, "a receipt is taken in once"
        self.by_id[receipt.receipt_id] = receipt
        shelves = self.by_owner.setdefault(receipt.firm_id, {})
        shelves.setdefault(receipt.instrument_id, {})[receipt.receipt_id] = receipt

    def drop_if_empty(self, receipt: Receipt) -> None:
        """Forget a receipt that has nothing left at any station."""
        if not (receipt.free_lots or receipt.held_lots or receipt.committed_lots):
            del self.by_id[receipt.receipt_id]
            shelves = self.by_owner[receipt.firm_id]
            mine = shelves[receipt.instrument_id]
            del mine[receipt.receipt_id]
            if not mine:
                del shelves[receipt.instrument_id]
                if not shelves:
                    del self.by_owner[receipt.firm_id]
