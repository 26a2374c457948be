"""Everything that can be asked of a venue engine. Imperatives; the journal stores them verbatim.

Each is a frozen `msgspec` struct, encoded as a msgpack array whose first item is the tag, so a
field may only ever be appended, with a default. Ids and quantities are integers in the units of
`matching.units`. A command is valid msgpack of the right shape when it reaches the engine; every
other fault (unknown id, wrong owner, hostile value) is answered by `CommandRejected`.
"""

from enum import IntEnum
from typing import TypeAlias

import msgspec

from matching.units import (
    BasisPoints,
    Day,
    Fen,
    FirmId,
    InstrumentId,
    Kg,
    Lots,
    Micros,
    OrderId,
    ReceiptId,
    Ticks,
    TradeId,
    TraderId,
)


class Side(IntEnum):
    BUY = 1
    SELL = 2


class TimeInForce(IntEnum):
    DAY = 1
    IOC = 2


class Mode(IntEnum):
    """How an instrument trades (`ARCHITECTURE.md` 3). `negotiated` and `auction` come later."""

    LISTED = 1
    MATCHED = 4


class Phase(IntEnum):
    CLOSED = 1
    PRE_OPEN = 2
    CALL = 3
    CONTINUOUS = 4
    BREAK = 5


class HaltScope(IntEnum):
    VENUE = 1
    INSTRUMENT = 2
    FIRM = 3


class FirmStatus(IntEnum):
    ACTIVE = 1
    SUSPENDED = 2


class Command(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all commands."""


class ClientCommand(Command, frozen=True, array_like=True, gc=False):
    """A command of a trader: repeated under the same id it is answered, not executed again.

    `client_order_id` is unique per firm within the dedup window (15 min from `at_us`). `at_us` is
    stamped once, by the gateway, and is not part of what "same payload" compares.
    """

    firm_id: FirmId
    trader_id: TraderId
    client_order_id: str
    at_us: Micros


class EnterOrder(ClientCommand, frozen=True, array_like=True, gc=False, tag=1):
    """Enter a limit order. In `matched` it trades on arrival; in `listed` it only rests.

    A sell names the receipts that it sells from, used in that order; an empty tuple lets the
    engine take the oldest sellable receipts of the firm in the instrument. A buy names none.
    """

    instrument_id: InstrumentId
    side: Side
    tif: TimeInForce
    price_ticks: Ticks
    quantity_lots: Lots
    receipt_ids: tuple[ReceiptId, ...] = ()


class LiftOrder(ClientCommand, frozen=True, array_like=True, gc=False, tag=2):
    """Take `quantity_lots` of one resting order of a `listed` book, at that order's price."""

    order_id: OrderId
    quantity_lots: Lots
    receipt_ids: tuple[ReceiptId, ...] = ()


class AmendOrder(ClientCommand, frozen=True, array_like=True, gc=False, tag=3):
    """Give a resting order a new price and total quantity (executed lots included).

    Less quantity at the same price keeps time priority; anything else loses it. A sell keeps its
    receipts; for more quantity the engine adds the oldest sellable ones.
    """

    order_id: OrderId
    price_ticks: Ticks
    quantity_lots: Lots


class CancelOrder(ClientCommand, frozen=True, array_like=True, gc=False, tag=4):
    """Withdraw what is open of a resting order."""

    order_id: OrderId


class DefineFirm(Command, frozen=True, array_like=True, gc=False, tag=10):
    """Admit a firm. Firms of one `group_id` are related and never trade with each other."""

    firm_id: FirmId
    group_id: int


class SetFirmStatus(Command, frozen=True, array_like=True, gc=False, tag=11):
    firm_id: FirmId
    status: FirmStatus


class DefineInstrument(Command, frozen=True, array_like=True, gc=False, tag=12):
    """Admit an instrument, in phase CLOSED. Units and rules of each field: `ARCHITECTURE.md` 3.

    `piece_max_kg` is 0 where every lot has `lot_kg`; otherwise pieces differ and each receipt is
    one piece of its own weight, within [`piece_min_kg`, `piece_max_kg`]. `approval_id` is the
    approval record without which `matched` is refused.
    """

    instrument_id: InstrumentId
    mode: Mode
    tick_fen_per_t: Fen
    lot_kg: Kg
    min_lots: Lots
    step_lots: Lots
    max_lots: Lots
    max_value_fen: Fen
    reference_ticks: Ticks
    low_ticks: Ticks
    high_ticks: Ticks
    cover_bp: BasisPoints
    plus_tolerance_bp: BasisPoints
    buyer_fee_bp: BasisPoints
    seller_fee_bp: BasisPoints
    piece_min_kg: Kg = 0
    piece_max_kg: Kg = 0
    approval_id: int = 0


class ChangePhase(Command, frozen=True, array_like=True, gc=False, tag=13):
    """Move one instrument to `phase`. Entering CLOSED expires its day orders."""

    instrument_id: InstrumentId
    phase: Phase


class SetHalt(Command, frozen=True, array_like=True, gc=False, tag=14):
    """Halt or resume the venue (`target_id` 0), an instrument or a firm. Cancels stay allowed."""

    scope: HaltScope
    target_id: int
    halted: bool
    actor_id: int
    reason: str


class OpenDay(Command, frozen=True, array_like=True, gc=False, tag=15):
    """Begin a trading day; days only go up."""

    day: Day


class SetReference(Command, frozen=True, array_like=True, gc=False, tag=16):
    """Set the reference price and the band of an instrument, in ticks, both ends allowed."""

    instrument_id: InstrumentId
    reference_ticks: Ticks
    low_ticks: Ticks
    high_ticks: Ticks


class OperationCommand(Command, frozen=True, array_like=True, gc=False):
    """A command of settlement. `op_id` is unique in the engine for ever, not within a window."""

    op_id: str


class CreditCash(OperationCommand, frozen=True, array_like=True, gc=False, tag=20):
    """Money arrived: `amount_fen` becomes available to the firm."""

    firm_id: FirmId
    amount_fen: Fen


class ReserveCash(OperationCommand, frozen=True, array_like=True, gc=False, tag=21):
    """Set money aside for a withdrawal: available -> committed, until debited or released."""

    firm_id: FirmId
    amount_fen: Fen


class DebitCash(OperationCommand, frozen=True, array_like=True, gc=False, tag=22):
    """The reserved withdrawal `reserve_op_id` was paid out: committed -> out."""

    reserve_op_id: str


class ReleaseCash(OperationCommand, frozen=True, array_like=True, gc=False, tag=23):
    """The reserved withdrawal `reserve_op_id` will not be paid: committed -> available."""

    reserve_op_id: str


class CreditGoods(OperationCommand, frozen=True, array_like=True, gc=False, tag=24):
    """A warehouse receipt was registered: its lots become sellable by the firm.

    `weight_kg` is `lots x lot_kg`, or the weighed mass of the one piece. `sellable_from_day` is
    the first day on which it may be sold (0: at once).
    """

    receipt_id: ReceiptId
    root_id: ReceiptId
    firm_id: FirmId
    instrument_id: InstrumentId
    lots: Lots
    weight_kg: Kg
    sellable_from_day: Day


class DebitGoods(OperationCommand, frozen=True, array_like=True, gc=False, tag=25):
    """Take `lots` free lots of a receipt out of the market (the owner collects them)."""

    receipt_id: ReceiptId
    lots: Lots


class SettleTrade(OperationCommand, frozen=True, array_like=True, gc=False, tag=30):
    """Discharge a trade: title to the buyer, money to the seller, in one step.

    `new_receipt_ids` gives one unused id per receipt that the trade consumed, in its order, for
    the part that becomes the buyer's; a receipt that passes whole keeps its own id instead.
    """

    trade_id: TradeId
    new_receipt_ids: tuple[ReceiptId, ...]
    sellable_from_day: Day


AnyCommand: TypeAlias = (
    EnterOrder
    | LiftOrder
    | AmendOrder
    | CancelOrder
    | DefineFirm
    | SetFirmStatus
    | DefineInstrument
    | ChangePhase
    | SetHalt
    | OpenDay
    | SetReference
    | CreditCash
    | ReserveCash
    | DebitCash
    | ReleaseCash
    | CreditGoods
    | DebitGoods
    | SettleTrade
)
