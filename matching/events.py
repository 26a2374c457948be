"""Everything that a venue engine can say. Past participles; the journal stores them verbatim.

`Engine.apply` returns a tuple of these. The first is the outcome of the command, exactly one per
command; what follows are its consequences, in order. Together they carry enough for a follower
to keep books, orders, cash and goods by addition alone, without knowing a rule:

- cash of a firm: `available`, `held` (orders rest), `committed` (trades, withdrawals);
- goods of a receipt: `free`, `held`, `committed` lots.
"""

from enum import IntEnum, StrEnum
from typing import TypeAlias

import msgspec

from matching.commands import (
    AuctionForm,
    FirmStatus,
    HaltScope,
    Mode,
    Phase,
    ResaleLock,
    SelfMatch,
    Side,
    Special,
    TimeInForce,
)
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

ReceiptLots: TypeAlias = tuple[ReceiptId, Lots]
"""Lots of one receipt, held by an order or freed from it."""


class RejectReason(StrEnum):
    """Why a command was refused. Stable: clients and documents rely on the spelling.

    `CommandRejected.values` holds the numbers compared, as the comment beside each states.
    """

    CLIENT_ID_REUSED = "CLIENT_ID_REUSED"
    OP_ID_REUSED = "OP_ID_REUSED"
    STALE = "STALE"  # at_us, oldest accepted
    INVALID = "INVALID"  # a number outside [1, MAX_INT], an empty or over-long id
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"  # instrument_id
    UNKNOWN_FIRM = "UNKNOWN_FIRM"  # firm_id
    UNKNOWN_ORDER = "UNKNOWN_ORDER"  # order_id; also another firm's order, and one that is done
    UNKNOWN_RECEIPT = "UNKNOWN_RECEIPT"  # receipt_id; also another firm's
    UNKNOWN_TRADE = "UNKNOWN_TRADE"  # trade_id
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
    ALREADY_DEFINED = "ALREADY_DEFINED"
    VENUE_HALTED = "VENUE_HALTED"
    INSTRUMENT_HALTED = "INSTRUMENT_HALTED"  # instrument_id
    PHASE = "PHASE"  # phase
    FIRM_HALTED = "FIRM_HALTED"  # firm_id
    FIRM_SUSPENDED = "FIRM_SUSPENDED"  # firm_id
    MODE = "MODE"  # mode
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    FRACTION_OF_FEN = "FRACTION_OF_FEN"  # tick_fen_per_t, lot_kg or piece_max_kg
    PARAMETERS = "PARAMETERS"  # position of the first parameter of the command that is wrong
    BELOW_MINIMUM = "BELOW_MINIMUM"  # lots, least
    QUANTITY_STEP = "QUANTITY_STEP"  # lots, step
    RESIDUAL = "RESIDUAL"  # lots that would stay, least
    PRICE_BAND = "PRICE_BAND"  # price_ticks, low_ticks, high_ticks
    ABOVE_MAXIMUM = "ABOVE_MAXIMUM"  # lots, most
    VALUE_MAXIMUM = "VALUE_MAXIMUM"  # value_fen, most
    EXCEEDS_OPEN = "EXCEEDS_OPEN"  # lots, open_lots
    BELOW_EXECUTED = "BELOW_EXECUTED"  # lots, executed lots
    RELATED_PARTY = "RELATED_PARTY"  # order_id of the firm's or its group's resting order
    WOULD_TRADE = "WOULD_TRADE"  # up to ten order ids
    RECEIPTS_ON_BUY = "RECEIPTS_ON_BUY"
    RECEIPT_REPEATED = "RECEIPT_REPEATED"  # receipt_id
    RECEIPT_INSTRUMENT = "RECEIPT_INSTRUMENT"  # receipt_id, its instrument_id
    RECEIPT_NOT_YET_SELLABLE = "RECEIPT_NOT_YET_SELLABLE"  # receipt_id, first day, today
    RECEIPT_WEIGHT = "RECEIPT_WEIGHT"  # weight_kg, least, most
    GOODS = "GOODS"  # lots needed, lots free
    CASH = "CASH"  # fen needed, fen available
    DAY = "DAY"  # day, current day
    SAME = "SAME"  # nothing would change; joined already: auction_id
    LIMIT = "LIMIT"  # a bound of the engine was reached: count, most
    RATE = "RATE"  # orders a second, burst; or ids remembered, most
    TRADER_BLOCKED = "TRADER_BLOCKED"  # trader_id
    RESALE_LOCK = "RESALE_LOCK"  # day of the locking trade, trading days since, days needed
    DAY_QUANTITY = "DAY_QUANTITY"  # lots with this order, most
    DAY_VALUE = "DAY_VALUE"  # fen with this order, most
    HOLDER_LIMIT = "HOLDER_LIMIT"  # root receipt_id, holders, most
    NOT_FILLABLE = "NOT_FILLABLE"  # lots asked, lots that would trade at once
    NO_OPPOSITE = "NO_OPPOSITE"  # nothing stands that the order could take
    EXPIRED = "EXPIRED"  # expires_us, now
    NOT_AMENDABLE = "NOT_AMENDABLE"  # order_id: a stop, or suspended
    UNKNOWN_NEGOTIATION = "UNKNOWN_NEGOTIATION"  # negotiation_id; also another firm's
    NOT_YOUR_TURN = "NOT_YOUR_TURN"  # negotiation_id
    ROUND = "ROUND"  # round read, live round
    UNKNOWN_AUCTION = "UNKNOWN_AUCTION"  # auction_id
    AUCTION_STATE = "AUCTION_STATE"  # auction_id, state: 1 announced, 2 open
    NOT_QUALIFIED = "NOT_QUALIFIED"  # auction_id
    OWNER = "OWNER"  # auction_id: the owner's group may not bid
    RESERVE = "RESERVE"  # price_ticks, reserve_ticks
    INCREMENT = "INCREMENT"  # price_ticks, the least or most that is accepted; the clock
    BUST_WINDOW = "BUST_WINDOW"  # traded_us, oldest
    TWO_PERSONS = "TWO_PERSONS"  # actor_id
    SETTLING = "SETTLING"  # trade_id: part of it has been exchanged


class CancelReason(IntEnum):
    REQUESTED = 1
    IMMEDIATE = 2  # the rest of an IOC order
    EXPIRED = 3  # a day order at the close, or past its time
    SELF_MATCH = 4  # it would have met its own group
    MASS = 5  # with others, by its firm
    KILLED = 6  # by the kill switch
    DISCONNECTED = 7  # its connection ended
    HOLDERS = 8  # no further firm may hold its receipts
    STOP_REFUSED = 9  # triggered, and no longer admissible
    NEGOTIATION = 10  # a proposal was answered, declined or has lapsed
    BAND = 12  # a new band leaves it outside
    AUCTION = 11  # a bid was replaced or did not win; the owner's goods were not sold
    WITHHELD = 13  # its receipt was frozen, has expired, or must leave the market otherwise


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all events."""


class CommandRejected(Event, frozen=True, array_like=True, gc=False, tag=1):
    """Refused; nothing changed. `client_order_id` is the op id for operations, "" for others."""

    firm_id: FirmId
    client_order_id: str
    reason: RejectReason
    values: tuple[int, ...]


class CommandRepeated(Event, frozen=True, array_like=True, gc=False, tag=2):
    """Seen before with the same payload: the first answer stands at (`seq`, `index`).

    `index` counts the commands of that block from 0.
    """

    firm_id: FirmId
    client_order_id: str
    seq: int
    index: int


class OrderEntered(Event, frozen=True, array_like=True, gc=False, tag=3):
    """An order was accepted: available -> held by `held_fen`, free -> held by `receipts`.

    `lifted_order_id` is 0, or the resting order that this order lifts.
    """

    order_id: OrderId
    firm_id: FirmId
    trader_id: TraderId
    client_order_id: str
    instrument_id: InstrumentId
    side: Side
    tif: TimeInForce
    price_ticks: Ticks
    quantity_lots: Lots
    held_fen: Fen
    receipts: tuple[ReceiptLots, ...]
    lifted_order_id: OrderId
    special: Special | None = None
    warned: bool = False


class OrderRested(Event, frozen=True, array_like=True, gc=False, tag=4):
    """The open part stands in the book, behind all orders at its price.

    The book shows `open_lots`; an iceberg has `hidden_lots` beside them.
    """

    order_id: OrderId
    firm_id: FirmId
    instrument_id: InstrumentId
    side: Side
    price_ticks: Ticks
    open_lots: Lots
    hidden_lots: Lots = 0


class TradeExecuted(Event, frozen=True, array_like=True, gc=False, tag=5):
    """A trade at the resting (maker) order's price.

    Cash of the buyer: held falls by `buyer_freed_fen`, committed rises by `buyer_committed_fen`,
    available by the difference. Each of `receipts` (id, lots, kg) moves held -> committed.
    `maker_open_lots` is what stays open of the maker, an iceberg's hidden part included. Money is
    tax-inclusive; fees are beside it. `in_auction`: both orders stood in the book at prices of
    their own, and the trade takes what it took from both.
    """

    trade_id: TradeId
    instrument_id: InstrumentId
    price_ticks: Ticks
    quantity_lots: Lots
    weight_kg: Kg
    value_fen: Fen
    maker_order_id: OrderId
    taker_order_id: OrderId
    taker_side: Side
    buyer_firm_id: FirmId
    seller_firm_id: FirmId
    buyer_fee_fen: Fen
    seller_fee_fen: Fen
    buyer_freed_fen: Fen
    buyer_committed_fen: Fen
    maker_open_lots: Lots
    receipts: tuple[tuple[ReceiptId, Lots, Kg], ...]
    in_auction: bool = False


class OrderCancelled(Event, frozen=True, array_like=True, gc=False, tag=6):
    """The open part is gone: held -> available by `freed_fen`, held -> free by `receipts`.

    `resting` says whether those lots stood in the book, all but `hidden_lots` of them shown.
    `client_order_id` is that of the cancel request, "" when nobody asked.
    """

    order_id: OrderId
    firm_id: FirmId
    client_order_id: str
    instrument_id: InstrumentId
    side: Side
    price_ticks: Ticks
    cancelled_lots: Lots
    freed_fen: Fen
    receipts: tuple[ReceiptLots, ...]
    reason: CancelReason
    resting: bool
    hidden_lots: Lots = 0


class OrderAmended(Event, frozen=True, array_like=True, gc=False, tag=7):
    """A resting order has new terms; `held_fen` and `receipts` are what it holds from now on.

    The book loses `old_open_lots` at `old_price_ticks`. If `kept_priority` it keeps its place
    with `open_lots`; otherwise trades and at last `OrderRested` may follow, as for a new order.
    """

    order_id: OrderId
    firm_id: FirmId
    client_order_id: str
    instrument_id: InstrumentId
    side: Side
    old_price_ticks: Ticks
    old_open_lots: Lots
    old_held_fen: Fen
    old_receipts: tuple[ReceiptLots, ...]
    price_ticks: Ticks
    quantity_lots: Lots
    open_lots: Lots
    held_fen: Fen
    receipts: tuple[ReceiptLots, ...]
    kept_priority: bool
    old_hidden_lots: Lots = 0
    hidden_lots: Lots = 0


class OrderRefreshed(Event, frozen=True, array_like=True, gc=False, tag=8):
    """An iceberg shows its next `shown_lots`, behind all orders at its price."""

    order_id: OrderId
    firm_id: FirmId
    instrument_id: InstrumentId
    side: Side
    price_ticks: Ticks
    shown_lots: Lots


class OrderReduced(Event, frozen=True, array_like=True, gc=False, tag=9):
    """An order gives up `reduced_lots` and what they held; `open_lots` of it go on.

    `shown_lots` of them stood in the book (0: the order is the incoming one).
    """

    order_id: OrderId
    firm_id: FirmId
    instrument_id: InstrumentId
    side: Side
    price_ticks: Ticks
    reduced_lots: Lots
    shown_lots: Lots
    open_lots: Lots
    freed_fen: Fen
    receipts: tuple[ReceiptLots, ...]
    reason: CancelReason


class FirmDefined(Event, frozen=True, array_like=True, gc=False, tag=10):
    firm_id: FirmId
    group_id: int


class FirmStatusChanged(Event, frozen=True, array_like=True, gc=False, tag=11):
    firm_id: FirmId
    status: FirmStatus


class InstrumentDefined(Event, frozen=True, array_like=True, gc=False, tag=12):
    """Same fields as `DefineInstrument`."""

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
    piece_min_kg: Kg
    piece_max_kg: Kg
    approval_id: int
    product_id: int = 0
    resale_lock: ResaleLock = ResaleLock.NONE
    dynamic_bp: BasisPoints = 0
    call_seconds: int = 0
    max_day_lots: Lots = 0


class PhaseChanged(Event, frozen=True, array_like=True, gc=False, tag=13):
    instrument_id: InstrumentId
    phase: Phase


class HaltChanged(Event, frozen=True, array_like=True, gc=False, tag=14):
    scope: HaltScope
    target_id: int
    halted: bool
    actor_id: int
    reason: str


class DayOpened(Event, frozen=True, array_like=True, gc=False, tag=15):
    day: Day


class ReferenceChanged(Event, frozen=True, array_like=True, gc=False, tag=16):
    instrument_id: InstrumentId
    reference_ticks: Ticks
    low_ticks: Ticks
    high_ticks: Ticks


class CashCredited(Event, frozen=True, array_like=True, gc=False, tag=20):
    """out -> available."""

    op_id: str
    firm_id: FirmId
    amount_fen: Fen


class CashReserved(Event, frozen=True, array_like=True, gc=False, tag=21):
    """available -> committed."""

    op_id: str
    firm_id: FirmId
    amount_fen: Fen


class CashDebited(Event, frozen=True, array_like=True, gc=False, tag=22):
    """committed -> out."""

    op_id: str
    reserve_op_id: str
    firm_id: FirmId
    amount_fen: Fen


class CashReleased(Event, frozen=True, array_like=True, gc=False, tag=23):
    """committed -> available."""

    op_id: str
    reserve_op_id: str
    firm_id: FirmId
    amount_fen: Fen


class GoodsCredited(Event, frozen=True, array_like=True, gc=False, tag=24):
    """out -> free."""

    op_id: str
    receipt_id: ReceiptId
    root_id: ReceiptId
    firm_id: FirmId
    instrument_id: InstrumentId
    lots: Lots
    weight_kg: Kg
    sellable_from_day: Day


class GoodsDebited(Event, frozen=True, array_like=True, gc=False, tag=25):
    """free -> out; `weight_kg` is the mass that left."""

    op_id: str
    receipt_id: ReceiptId
    firm_id: FirmId
    instrument_id: InstrumentId
    lots: Lots
    weight_kg: Kg


class GoodsWithheld(Event, frozen=True, array_like=True, gc=False, tag=26):
    """Lots of a receipt must leave the market; `count` orders of its owner that hold it end.

    Their ends follow, newest order first, with those of the negotiations and auctions that stood
    on them; then all of `lots` are free, and `GoodsDebited` of the same operation takes them out.
    """

    op_id: str
    receipt_id: ReceiptId
    firm_id: FirmId
    instrument_id: InstrumentId
    lots: Lots
    count: int


class TradeSettled(Event, frozen=True, array_like=True, gc=False, tag=30):
    """A trade was discharged, both legs at once.

    Cash: the buyer's committed falls by `buyer_committed_fen`; of it `value_fen + buyer_fee_fen`
    is paid and the rest returns to the buyer's available; the seller's available rises by
    `value_fen - seller_fee_fen`; both fees leave the engine for the operator.
    Goods: for each of `moves` (source receipt, buyer's receipt, lots, kg) the source's committed
    lots become the buyer's free lots, under the same id when the receipt passed whole.
    """

    op_id: str
    trade_id: TradeId
    instrument_id: InstrumentId
    buyer_firm_id: FirmId
    seller_firm_id: FirmId
    value_fen: Fen
    buyer_fee_fen: Fen
    seller_fee_fen: Fen
    buyer_committed_fen: Fen
    moves: tuple[tuple[ReceiptId, ReceiptId, Lots, Kg], ...]
    sellable_from_day: Day


class TradeBusted(Event, frozen=True, array_like=True, gc=False, tag=31):
    """A trade was undone: the buyer's committed cash and the seller's committed goods are free.

    Cash: committed -> available by `buyer_committed_fen`. Goods: each of `receipts` (id, lots,
    kg) committed -> free.
    """

    op_id: str
    trade_id: TradeId
    instrument_id: InstrumentId
    buyer_firm_id: FirmId
    seller_firm_id: FirmId
    buyer_committed_fen: Fen
    receipts: tuple[tuple[ReceiptId, Lots, Kg], ...]
    actor_id: int
    approver_id: int
    reason: str


class TradePaid(Event, frozen=True, array_like=True, gc=False, tag=62):
    """The buyer paid on a trade: available -> committed by `amount_fen`; `committed_fen` is all."""

    op_id: str
    trade_id: TradeId
    firm_id: FirmId
    amount_fen: Fen
    committed_fen: Fen


class TradeDischarged(Event, frozen=True, array_like=True, gc=False, tag=63):
    """A part of a trade was exchanged, or the trade ended.

    Cash: the buyer's committed falls by `to_seller_fen` + `to_buyer_fen` + `fees_fen`; the first
    goes to the seller's available, the second back to the buyer's, the third out; `penalty_fen`
    from the seller's available to the buyer's. Goods (receipt, lots, kg): `delivered` committed ->
    out, `returned` committed -> free. `committed_fen` and `open_lots` are what the trade still
    binds; it is gone when both are 0.
    """

    op_id: str
    trade_id: TradeId
    instrument_id: InstrumentId
    buyer_firm_id: FirmId
    seller_firm_id: FirmId
    delivered: tuple[tuple[ReceiptId, Lots, Kg], ...]
    returned: tuple[tuple[ReceiptId, Lots, Kg], ...]
    to_seller_fen: Fen
    to_buyer_fen: Fen
    fees_fen: Fen
    penalty_fen: Fen
    committed_fen: Fen
    open_lots: Lots


class OrderSuspended(Event, frozen=True, array_like=True, gc=False, tag=40):
    """A resale lock takes an order out of the book, or keeps a stop from triggering.

    It goes on holding its cover. `resting` says whether it stood in the book: `open_lots` of it
    shown and `hidden_lots` not.
    """

    order_id: OrderId
    firm_id: FirmId
    instrument_id: InstrumentId
    side: Side
    price_ticks: Ticks
    open_lots: Lots
    hidden_lots: Lots
    resting: bool


class OrderResumed(Event, frozen=True, array_like=True, gc=False, tag=41):
    """The lock is over: the order enters the book again as a new one would, trades first."""

    order_id: OrderId
    firm_id: FirmId
    instrument_id: InstrumentId


class StopTriggered(Event, frozen=True, array_like=True, gc=False, tag=42):
    """The last trade's price reached a stop: the order enters the book as a limit order."""

    order_id: OrderId
    firm_id: FirmId
    instrument_id: InstrumentId
    stop_ticks: Ticks
    last_ticks: Ticks


class OrdersWithdrawn(Event, frozen=True, array_like=True, gc=False, tag=43):
    """The outcome of a mass cancel or a disconnect; an `OrderCancelled` follows for each."""

    firm_id: FirmId
    client_order_id: str
    count: int


class KillSwitched(Event, frozen=True, array_like=True, gc=False, tag=44):
    """A firm, or one trader of it, is blocked or free again; cancelled orders follow."""

    firm_id: FirmId
    trader_id: TraderId
    blocked: bool
    actor_id: int
    reason: str
    count: int


class FirmLimitsChanged(Event, frozen=True, array_like=True, gc=False, tag=45):
    firm_id: FirmId
    orders_per_s: int
    burst: int
    day_value_fen: Fen


class SelfMatchChanged(Event, frozen=True, array_like=True, gc=False, tag=46):
    firm_id: FirmId
    policy: SelfMatch


class TimePassed(Event, frozen=True, array_like=True, gc=False, tag=47):
    """The outcome of `PassTime`; what came due follows."""

    ts_us: Micros


class AuctionIndicated(Event, frozen=True, array_like=True, gc=False, tag=48):
    """What a call auction would give now. `surplus_lots` is left over: buys above 0, sells below.

    No price (0) when nothing would trade.
    """

    instrument_id: InstrumentId
    price_ticks: Ticks
    volume_lots: Lots
    surplus_lots: int


class AuctionUncrossed(Event, frozen=True, array_like=True, gc=False, tag=49):
    """A call auction traded `volume_lots` at one price; the trades follow. 0 when none did."""

    instrument_id: InstrumentId
    price_ticks: Ticks
    volume_lots: Lots
    surplus_lots: int


class VolatilityInterrupted(Event, frozen=True, array_like=True, gc=False, tag=50):
    """A trade at `price_ticks` would have left [`low_ticks`, `high_ticks`]: a call until then."""

    instrument_id: InstrumentId
    price_ticks: Ticks
    low_ticks: Ticks
    high_ticks: Ticks
    until_us: Micros


class NegotiationOpened(Event, frozen=True, array_like=True, gc=False, tag=51):
    """Two firms negotiate; the first proposal is the `OrderEntered` that follows."""

    negotiation_id: int
    instrument_id: InstrumentId
    firm_id: FirmId
    to_firm_id: FirmId
    client_order_id: str


class ProposalMade(Event, frozen=True, array_like=True, gc=False, tag=52):
    """Round `round_no` of a negotiation stands: the order `order_id`, until `expires_us`."""

    negotiation_id: int
    round_no: int
    order_id: OrderId
    firm_id: FirmId
    to_firm_id: FirmId
    client_order_id: str
    expires_us: Micros


class NegotiationEnded(Event, frozen=True, array_like=True, gc=False, tag=53):
    """`trade_id` is 0 unless it was accepted.

    `firm_id` is who ended it, 0: neither firm, but time, or that the goods were withheld.
    """

    negotiation_id: int
    firm_id: FirmId
    client_order_id: str
    trade_id: TradeId


class AuctionAnnounced(Event, frozen=True, array_like=True, gc=False, tag=54):
    """Same fields as `AnnounceAuction`; the owner's goods or money are the order `order_id`."""

    op_id: str
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
    order_id: OrderId


class AuctionOpened(Event, frozen=True, array_like=True, gc=False, tag=55):
    auction_id: int
    instrument_id: InstrumentId


class BidderJoined(Event, frozen=True, array_like=True, gc=False, tag=56):
    """available -> held by `bond_fen`."""

    auction_id: int
    firm_id: FirmId
    client_order_id: str
    bond_fen: Fen


class BidPlaced(Event, frozen=True, array_like=True, gc=False, tag=57):
    """A bid stands: the order `order_id`, whose `OrderEntered` follows; an earlier bid's end first.

    Who bids stays hidden from the others till the close.
    """

    auction_id: int
    order_id: OrderId
    firm_id: FirmId
    price_ticks: Ticks
    quantity_lots: Lots
    accepts_part: bool
    client_order_id: str = ""


class AuctionExtended(Event, frozen=True, array_like=True, gc=False, tag=58):
    """The close moved, by a late bid or by a halt (which uses up no extension)."""

    auction_id: int
    closes_us: Micros
    extensions_left: int


class ClockMoved(Event, frozen=True, array_like=True, gc=False, tag=59):
    """The Dutch clock stands at `price_ticks`."""

    auction_id: int
    price_ticks: Ticks


class AuctionEnded(Event, frozen=True, array_like=True, gc=False, tag=60):
    """Over. `reason` is "" at the close, else why it was withdrawn or could sell nothing.

    It is `WITHHELD` when the goods on sale were taken out of the market.

    The awards follow as trades (a Dutch clock's came before); identities are public from here on.
    No lots and no marginal price (0) when nothing was sold.
    """

    auction_id: int
    instrument_id: InstrumentId
    sold_lots: Lots
    marginal_ticks: Ticks
    reason: str


class BondReleased(Event, frozen=True, array_like=True, gc=False, tag=61):
    """held -> available by `bond_fen`."""

    auction_id: int
    firm_id: FirmId
    bond_fen: Fen


AnyEvent: TypeAlias = (
    CommandRejected
    | OrderRefreshed
    | OrderReduced
    | TradeBusted
    | OrderSuspended
    | OrderResumed
    | StopTriggered
    | OrdersWithdrawn
    | KillSwitched
    | FirmLimitsChanged
    | SelfMatchChanged
    | TimePassed
    | AuctionIndicated
    | AuctionUncrossed
    | VolatilityInterrupted
    | NegotiationOpened
    | ProposalMade
    | NegotiationEnded
    | AuctionAnnounced
    | AuctionOpened
    | BidderJoined
    | BidPlaced
    | AuctionExtended
    | ClockMoved
    | AuctionEnded
    | BondReleased
    | CommandRepeated
    | OrderEntered
    | OrderRested
    | TradeExecuted
    | OrderCancelled
    | OrderAmended
    | FirmDefined
    | FirmStatusChanged
    | InstrumentDefined
    | PhaseChanged
    | HaltChanged
    | DayOpened
    | ReferenceChanged
    | CashCredited
    | CashReserved
    | CashDebited
    | CashReleased
    | GoodsCredited
    | GoodsDebited
    | GoodsWithheld
    | TradeSettled
    | TradePaid
    | TradeDischarged
)
