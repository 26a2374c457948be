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
    """How long an order stands: until the close, not at all, for ever, or until `expires_us`."""

    DAY = 1
    IOC = 2
    FOK = 3
    GTC = 4
    GTD = 5


class OrderKind(IntEnum):
    """There is no unprotected market order: a price always bounds what a firm pays or gets."""

    LIMIT = 1
    MARKET_TO_LIMIT = 2
    PROTECTED = 3
    STOP_LIMIT = 4


class PostOnly(IntEnum):
    """What becomes of an order that must not trade on arrival, and would."""

    NO = 0
    REFUSE = 1
    REPRICE = 2


class SelfMatch(IntEnum):
    """What becomes of an order that would meet one of its own firm or group; set per firm."""

    REFUSE_NEWEST = 1
    CANCEL_OLDEST = 2
    CANCEL_BOTH = 3
    DECREASE = 4


class ResaleLock(IntEnum):
    """What may not be sold again before the fifth trading day (RULEBOOK C2).

    PRODUCT_T5_SYMMETRIC locks the product for the firm's whole group, both ways. RECEIPT_T5 locks
    the bought receipt alone, by its `sellable_from_day`; so does NONE, whose receipts have none.
    """

    NONE = 0
    PRODUCT_T5_SYMMETRIC = 1
    RECEIPT_T5 = 2


class Mode(IntEnum):
    """How an instrument trades (`ARCHITECTURE.md` 3)."""

    LISTED = 1
    NEGOTIATED = 2
    AUCTION = 3
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


class Special(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What makes an order more than a plain limit; which mode admits what: `matching/README.md`.

    `expires_us` belongs to GTD. An iceberg shows `display_lots` at a time (0: all). `least_lots`
    is the least that may trade at once (0: the instrument's minimum): of an offer, with each
    lift; of an immediate-or-cancel order, in all. `stop_ticks` belongs to STOP_LIMIT. A directed
    offer names the `firm_ids` that see it and may lift it (none: everybody).
    """

    kind: OrderKind = OrderKind.LIMIT
    expires_us: Micros = 0
    display_lots: Lots = 0
    least_lots: Lots = 0
    post_only: PostOnly = PostOnly.NO
    stop_ticks: Ticks = 0
    firm_ids: tuple[FirmId, ...] = ()


class EnterOrder(ClientCommand, frozen=True, array_like=True, gc=False, tag=1):
    """Enter an order. In `matched` it trades on arrival; in `listed` it only rests.

    A sell names the receipts that it sells from, used in that order; an empty tuple lets the
    engine take the oldest sellable receipts of the firm in the instrument. A buy names none.
    A PROTECTED order's price is its protection, a MARKET_TO_LIMIT order's the worst it accepts.
    `session` is the connection that the order came by: `Disconnect` cancels what it left behind.
    0 belongs to no connection: such an order stays.
    """

    instrument_id: InstrumentId
    side: Side
    tif: TimeInForce
    price_ticks: Ticks
    quantity_lots: Lots
    receipt_ids: tuple[ReceiptId, ...] = ()
    special: Special | None = None
    session: int = 0


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


class LiftBest(ClientCommand, frozen=True, array_like=True, gc=False, tag=5):
    """Take up to `quantity_lots` of a `listed` book: best price, then oldest, up to `limit_ticks`.

    `side` is the taker's. Only orders that this firm may lift count; what is left is given up.
    """

    instrument_id: InstrumentId
    side: Side
    limit_ticks: Ticks
    quantity_lots: Lots
    receipt_ids: tuple[ReceiptId, ...] = ()


class MassCancel(ClientCommand, frozen=True, array_like=True, gc=False, tag=6):
    """Withdraw the firm's orders that fit each filter given: trader, instrument, side (0: any)."""

    only_trader_id: TraderId = 0
    only_instrument_id: InstrumentId = 0
    only_side: int = 0


class Invite(ClientCommand, frozen=True, array_like=True, gc=False, tag=7):
    """Open a negotiation in a `negotiated` instrument with one other firm: the first proposal.

    `side` is the proposer's. The proposal holds cover until it is answered or `expires_us`.
    """

    instrument_id: InstrumentId
    to_firm_id: FirmId
    side: Side
    price_ticks: Ticks
    quantity_lots: Lots
    expires_us: Micros
    receipt_ids: tuple[ReceiptId, ...] = ()


class Counter(ClientCommand, frozen=True, array_like=True, gc=False, tag=8):
    """Answer the live proposal of a negotiation with another price and quantity."""

    negotiation_id: int
    price_ticks: Ticks
    quantity_lots: Lots
    expires_us: Micros
    receipt_ids: tuple[ReceiptId, ...] = ()


class Accept(ClientCommand, frozen=True, array_like=True, gc=False, tag=9):
    """Accept the live proposal, whole, at its price: the trade. `round_no` says which was read."""

    negotiation_id: int
    round_no: int
    receipt_ids: tuple[ReceiptId, ...] = ()


class Decline(ClientCommand, frozen=True, array_like=True, gc=False, tag=40):
    """End a negotiation; either firm may."""

    negotiation_id: int


class JoinAuction(ClientCommand, frozen=True, array_like=True, gc=False, tag=41):
    """Qualify for a one-way auction: the bidding bond is held until its close."""

    auction_id: int


class PlaceBid(ClientCommand, frozen=True, array_like=True, gc=False, tag=42):
    """Bid in a one-way auction; a later bid of the same firm takes its earlier bid's place.

    `accepts_part` says whether the marginal bidder takes less than it asked for. To a Dutch clock
    the price is the worst accepted: the trade is at the clock's.
    """

    auction_id: int
    price_ticks: Ticks
    quantity_lots: Lots
    accepts_part: bool = True
    receipt_ids: tuple[ReceiptId, ...] = ()


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
    approval record without which `matched` is refused. `product_id` is what the resale lock
    counts as one product (0: this instrument alone). `dynamic_bp` bounds a trade's distance from
    the last one (0: unbounded); beyond it the instrument calls an auction for `call_seconds`.
    `max_day_lots` bounds what a firm may enter in a day (0: unbounded).
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
    product_id: int = 0
    resale_lock: ResaleLock = ResaleLock.NONE
    dynamic_bp: BasisPoints = 0
    call_seconds: int = 0
    max_day_lots: Lots = 0


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


class PassTime(Command, frozen=True, array_like=True, gc=False, tag=50):
    """Do what has come due by the block's time: expiries, the ends of calls and auctions.

    The sequencer puts one before other commands whenever `Engine.next_due_us` has passed.
    """


class KillSwitch(Command, frozen=True, array_like=True, gc=False, tag=51):
    """Block a firm, or one trader of it (0: all), and cancel its orders; or unblock."""

    firm_id: FirmId
    trader_id: TraderId
    blocked: bool
    actor_id: int
    reason: str


class Disconnect(Command, frozen=True, array_like=True, gc=False, tag=52):
    """A connection ended: cancel the orders that came by it. One that came later is another."""

    firm_id: FirmId
    session: int


class SetFirmLimits(Command, frozen=True, array_like=True, gc=False, tag=53):
    """Bound a firm: orders a second after a burst, and value a day in fen (0: unbounded)."""

    firm_id: FirmId
    orders_per_s: int
    burst: int
    day_value_fen: Fen


class SetSelfMatch(Command, frozen=True, array_like=True, gc=False, tag=54):
    """Choose what becomes of a firm's order that would meet its own group's."""

    firm_id: FirmId
    policy: SelfMatch


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


class WithholdGoods(OperationCommand, frozen=True, array_like=True, gc=False, tag=26):
    """Take lots of a receipt out of the market although orders hold them: law or keeper asks.

    `lots` 0 is all that no trade has bound. Orders that hold the receipt are withdrawn, newest
    first, each whole and wherever it stands, while fewer lots than that are free: for all of
    it, every one. `firm_id` is whose goods are meant (0: whoever owns them): title may have
    passed since they were looked at.
    """

    receipt_id: ReceiptId
    lots: Lots
    firm_id: FirmId = 0


class SettleTrade(OperationCommand, frozen=True, array_like=True, gc=False, tag=30):
    """Discharge a trade: title to the buyer, money to the seller, in one step.

    `new_receipt_ids` gives one unused id per receipt that the trade consumed, in its order, for
    the part that becomes the buyer's; a receipt that passes whole keeps its own id instead.
    """

    trade_id: TradeId
    new_receipt_ids: tuple[ReceiptId, ...]
    sellable_from_day: Day


class BustTrade(OperationCommand, frozen=True, array_like=True, gc=False, tag=31):
    """Undo a trade that is not settled yet, within its window: both sides get back what it bound.

    Two people decide (`actor_id`, `approver_id`); the trade stays in the journal (RULEBOOK 4.8).
    """

    trade_id: TradeId
    actor_id: int
    approver_id: int
    reason: str


class PayTrade(OperationCommand, frozen=True, array_like=True, gc=False, tag=55):
    """The buyer pays what is due on a trade: available -> committed, bound to this trade."""

    trade_id: TradeId
    amount_fen: Fen


class DischargeTrade(OperationCommand, frozen=True, array_like=True, gc=False, tag=56):
    """Exchange a part of a trade for money, or end it; what goes where is settlement's to say.

    Goods, lots of the receipts that the trade consumed: `delivered` leave the store for the buyer,
    `returned` are the seller's own again. Money that the buyer has committed to the trade:
    `to_seller_fen`, `to_buyer_fen` (back) and `fees_fen` (the operator's). `penalty_fen` goes from
    the seller's available money to the buyer's.
    """

    trade_id: TradeId
    delivered: tuple[tuple[ReceiptId, Lots], ...]
    returned: tuple[tuple[ReceiptId, Lots], ...]
    to_seller_fen: Fen
    to_buyer_fen: Fen
    fees_fen: Fen
    penalty_fen: Fen = 0


class AuctionForm(IntEnum):
    """Open outcry upwards, a clock downwards, or sealed bids."""

    ASCENDING = 1
    DUTCH = 2
    SEALED = 3


class AnnounceAuction(OperationCommand, frozen=True, array_like=True, gc=False, tag=32):
    """Announce a one-way auction of an `auction` instrument, its object and all of its rules.

    `side` is what the owner does: SELL sells `quantity_lots` from `receipt_ids`, BUY procures.
    `reserve_ticks` is the owner's worst price (0: none). A DUTCH clock begins at `start_ticks` and
    moves `increment_ticks` each `step_us`; in ASCENDING a better bid must be better by it. A bid
    in the last `extend_us` moves the close by as much, `extensions` times at most. Bids are at
    least `least_lots` and multiples of `step_lots`. Each bidder's `bond_fen` is held while it
    lasts. `is_uniform` pays all at the marginal price, otherwise each pays its bid. Fields that
    the form does not use are 0, `closes_us` of a DUTCH auction too: the clock ends it.
    `auction_id` is greater than every earlier one.
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
    extensions: int
    step_us: Micros
    is_uniform: bool
    receipt_ids: tuple[ReceiptId, ...] = ()


class WithdrawAuction(OperationCommand, frozen=True, array_like=True, gc=False, tag=33):
    """Withdraw an announced auction before it opens; everything held is freed."""

    auction_id: int
    reason: str


AnyCommand: TypeAlias = (
    EnterOrder
    | LiftOrder
    | AmendOrder
    | CancelOrder
    | LiftBest
    | MassCancel
    | Invite
    | Counter
    | Accept
    | Decline
    | JoinAuction
    | PlaceBid
    | AnnounceAuction
    | WithdrawAuction
    | PassTime
    | KillSwitch
    | Disconnect
    | SetFirmLimits
    | SetSelfMatch
    | BustTrade
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
    | WithholdGoods
    | SettleTrade
    | PayTrade
    | DischargeTrade
)
