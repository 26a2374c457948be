"""Untrusted JSON -> typed command; results -> answers. The only parser of what clients send."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from exchange.link import LinkClient, LinkError, Result
from exchange.models import Instrument, Role
from matching.commands import (
    AmendOrder,
    CancelOrder,
    EnterOrder,
    LiftBest,
    LiftOrder,
    MassCancel,
    OrderKind,
    PostOnly,
    Side,
    Special,
    TimeInForce,
)
from matching.events import (
    AnyEvent,
    CommandRejected,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    OrderReduced,
    OrderRested,
    OrdersWithdrawn,
    StopTriggered,
    TradeExecuted,
)
from matching.limits import DIRECTED_FIRMS, RECEIPTS_PER_ORDER
from matching.units import MAX_INT
from web import reasons
from web.limits import COMMAND_TIMEOUT_MS, FRAME_BYTES

Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,36}$")]
Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
Topic: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{1,12}(\.[0-9a-z]{1,16}){0,2}$")]
Receipts: TypeAlias = Annotated[tuple[Positive, ...], msgspec.Meta(max_length=RECEIPTS_PER_ORDER)]


Firms: TypeAlias = Annotated[
    tuple[Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,12}$")], ...],
    msgspec.Meta(max_length=DIRECTED_FIRMS),
]
Way: TypeAlias = Literal["buy", "sell"]

_TIF: Final = {tif.name.lower(): tif for tif in TimeInForce}
_KIND: Final = {
    "limit": OrderKind.LIMIT,
    "market_to_limit": OrderKind.MARKET_TO_LIMIT,
    "protected": OrderKind.PROTECTED,
    "stop": OrderKind.STOP_LIMIT,
}
_POST: Final = {"no": PostOnly.NO, "refuse": PostOnly.REFUSE, "reprice": PostOnly.REPRICE}
_PLAIN: Final = Special()


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t"):
    """Base of everything that a client may say."""


class Subscribe(_Message, frozen=True, tag="sub"):
    """Begin a topic."""

    topic: Topic


class Unsubscribe(_Message, frozen=True, tag="unsub"):
    """End a topic."""

    topic: Topic


class Resume(_Message, frozen=True, tag="resume"):
    """Ask for what was missed."""

    topic: Topic
    from_seq: Natural


class Ping(_Message, frozen=True, tag="ping"):
    """Ask for the server's clock."""

    echo: Natural


class Enter(_Message, frozen=True, tag="enter"):
    """Enter an order."""

    id: Id
    instrument: Positive
    side: Way
    tif: Literal["day", "ioc", "fok", "gtc", "gtd"]
    price: Positive
    lots: Positive
    receipts: Receipts = ()
    kind: Literal["limit", "market_to_limit", "protected", "stop"] = "limit"
    expires: Natural = 0
    display: Natural = 0
    least: Natural = 0
    post: Literal["no", "refuse", "reprice"] = "no"
    stop: Natural = 0
    firms: Firms = ()
    until_disconnect: bool = False


class Lift(_Message, frozen=True, tag="lift"):
    """Lift an offer or a bid."""

    id: Id
    order: Positive
    lots: Positive
    receipts: Receipts = ()


class LiftBestOf(_Message, frozen=True, tag="lift_best"):
    """Lift the best offers or bids that this firm may lift."""

    id: Id
    instrument: Positive
    side: Way
    price: Positive
    lots: Positive
    receipts: Receipts = ()


class CancelMany(_Message, frozen=True, tag="mass_cancel"):
    """Withdraw the firm's orders, or those of one instrument, one side, this user."""

    id: Id
    instrument: Natural = 0
    side: Literal["any", "buy", "sell"] = "any"
    mine: bool = False


class Amend(_Message, frozen=True, tag="amend"):
    """Change price and total quantity."""

    id: Id
    order: Positive
    price: Positive
    lots: Positive


class Cancel(_Message, frozen=True, tag="cancel"):
    """Withdraw an order."""

    id: Id
    order: Positive


class Status(_Message, frozen=True, tag="status"):
    """Ask what became of a request."""

    id: Id


OrderMessage: TypeAlias = Enter | Lift | LiftBestOf | Amend | Cancel | CancelMany
Message: TypeAlias = OrderMessage | Status | Subscribe | Unsubscribe | Resume | Ping
WITHDRAWING: Final = (Cancel, CancelMany)
FOR_TRADERS: Final = (Enter, Lift, LiftBestOf, Amend, Cancel, CancelMany, Status)

_decode: Final = msgspec.json.Decoder(Message).decode
_json: Final = msgspec.json.Encoder().encode
_ID: Final = re.compile(r'"id"\s*:\s*"([A-Za-z0-9_-]{1,36})"')


class Refused(Exception):
    """A frame that is not executed; `frame` is the finished answer."""

    def __init__(self, code: str, request_id: str = "", retry_ms: int | None = None) -> None:
        super().__init__(code)
        self.frame = error_frame(code, request_id, retry_ms)


def is_too_large(text: str) -> bool:
    """Say whether a frame is beyond what a client may send."""
    return len(text) > FRAME_BYTES or len(text.encode("utf-8", "surrogatepass")) > FRAME_BYTES


def parse(text: str) -> Message:
    """Return the typed message; raises `Refused` for anything that the protocol does not know."""
    try:
        message: Message = _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        found = _ID.search(text)
        raise Refused("MALFORMED", found.group(1) if found else "") from None
    return message


@dataclass(frozen=True, slots=True)
class Trader:
    """Who sends: from the session's seat, never from the payload.

    `session` numbers the connection: orders that are to end with it carry the number.
    """

    venue_id: int
    firm_id: int
    user_id: int
    role: str
    session: int = 0


Command: TypeAlias = EnterOrder | LiftOrder | LiftBest | AmendOrder | CancelOrder | MassCancel


def to_command(
    message: OrderMessage, trader: Trader, at_us: int, firm_ids: tuple[int, ...] = ()
) -> Command:
    """Return the engine's command for a message, stamped with `at_us`.

    `firm_ids` are the firms that a directed offer names.
    """
    who = (trader.firm_id, trader.user_id, message.id, at_us)
    if isinstance(message, Enter):
        special = Special(
            _KIND[message.kind],
            message.expires * 1000,
            message.display,
            message.least,
            _POST[message.post],
            message.stop,
            firm_ids,
        )
        return EnterOrder(
            *who,
            message.instrument,
            _side(message.side),
            _TIF[message.tif],
            message.price,
            message.lots,
            message.receipts,
            None if special == _PLAIN else special,
            trader.session if message.until_disconnect else 0,
        )
    if isinstance(message, Lift):
        return LiftOrder(*who, message.order, message.lots, message.receipts)
    if isinstance(message, LiftBestOf):
        wanted = (message.instrument, _side(message.side), message.price, message.lots)
        return LiftBest(*who, *wanted, message.receipts)
    if isinstance(message, CancelMany):
        side = 0 if message.side == "any" else int(_side(message.side))
        return MassCancel(*who, trader.user_id if message.mine else 0, message.instrument, side)
    if isinstance(message, Amend):
        return AmendOrder(*who, message.order, message.price, message.lots)
    return CancelOrder(*who, message.order)


def _side(word: str) -> Side:
    return Side.BUY if word == "buy" else Side.SELL


def may_trade(trader: Trader | None) -> bool:
    """Say whether order messages are for this seat."""
    return trader is not None and trader.role == Role.TRADER


UnitsOf: TypeAlias = Callable[[OrderMessage], Awaitable[Instrument | None]]
FirmsOf: TypeAlias = Callable[[tuple[str, ...]], Awaitable[tuple[int, ...] | None]]


async def execute(
    link: LinkClient, message: OrderMessage, trader: Trader, units_of: UnitsOf, firms_of: FirmsOf
) -> str:
    """Send an order message to the engine and return the finished answer frame.

    The answer leaves only after the block is durable. `units_of` finds the instrument in whose
    units a refusal states its numbers, `firms_of` the firms that an offer is directed to, None
    if the venue does not have one of them.
    """
    firm_ids: tuple[int, ...] = ()
    if isinstance(message, Enter) and message.firms:
        found = await firms_of(message.firms)
        if found is None:
            return error_frame("UNKNOWN_FIRM", message.id)
        firm_ids = found
    command = to_command(message, trader, time.time_ns() // 1000, firm_ids)
    try:
        result = await link.submit(trader.venue_id, command, timeout_ms=COMMAND_TIMEOUT_MS)
    except LinkError as error:
        if error.code in ("DEADLINE", "UNREACHABLE"):
            return unknown_frame(message.id)
        return error_frame(error.code, message.id, error.retry_ms)
    first = result.events[0]
    instrument = None
    if isinstance(first, CommandRejected) and first.reason in reasons.IN_UNITS:
        instrument = await units_of(message)
    return result_frame(message.id, result, instrument)


async def status(link: LinkClient, message: Status, trader: Trader) -> str:
    """Return the first answer to a request again, or `error` `UNKNOWN_ID`."""
    try:
        result = await link.first_answer(trader.venue_id, trader.firm_id, message.id)
    except LinkError as error:
        return error_frame(error.code, message.id, error.retry_ms)
    if result is None:
        return error_frame("UNKNOWN_ID", message.id)
    return result_frame(message.id, result, None)


def result_frame(request_id: str, result: Result, instrument: Instrument | None) -> str:
    """Return `ack` or `reject` for a durable result."""
    first = result.events[0]
    frame: dict[str, Any] = {
        "t": "ack",
        "id": request_id,
        "block": result.seq,
        "index": result.index,
        "at": result.ts_us // 1000,
        "repeated": result.repeated,
    }
    if isinstance(first, CommandRejected):
        zh, en = reasons.both(first.reason, first.values, instrument)
        frame |= {
            "t": "reject",
            "code": str(first.reason),
            "zh": zh,
            "en": en,
            "values": list(first.values),
        }
    elif isinstance(first, OrderEntered | OrderAmended):
        frame |= _standing(first, result.events)
    elif isinstance(first, OrdersWithdrawn):
        frame |= {"outcome": "withdrawn", "count": first.count}
    elif isinstance(first, OrderCancelled):
        frame |= {
            "outcome": "cancelled",
            "order_id": first.order_id,
            "cancelled_lots": first.cancelled_lots,
        }
    return _json(frame).decode()


def _standing(first: OrderEntered | OrderAmended, events: tuple[AnyEvent, ...]) -> dict[str, Any]:
    """Return what became of an order in the block that entered or amended it.

    Other orders may have traded and rested in the same answer: stops that it triggered.
    """
    order_id = first.order_id
    executed = given_up = 0
    is_waiting = isinstance(first, OrderEntered) and _is_stop(first)
    resting = isinstance(first, OrderAmended) and first.kept_priority
    for event in events:
        if isinstance(event, TradeExecuted):
            if order_id in (event.maker_order_id, event.taker_order_id):
                executed += event.quantity_lots
        elif isinstance(event, OrderRested) and event.order_id == order_id:
            resting = True
        elif isinstance(event, StopTriggered) and event.order_id == order_id:
            is_waiting = False
        elif isinstance(event, OrderReduced) and event.order_id == order_id:
            given_up += event.reduced_lots
    if isinstance(first, OrderAmended):
        open_lots = first.open_lots + first.hidden_lots
    else:
        open_lots = first.quantity_lots
    return {
        "outcome": "entered" if isinstance(first, OrderEntered) else "amended",
        "order_id": order_id,
        "executed_lots": executed,
        "open_lots": open_lots - executed - given_up if resting or is_waiting else 0,
        "resting": resting,
        "waiting": is_waiting,
        "warned": isinstance(first, OrderEntered) and first.warned,
    }


def _is_stop(entered: OrderEntered) -> bool:
    return entered.special is not None and entered.special.kind is OrderKind.STOP_LIMIT


def error_frame(code: str, request_id: str = "", retry_ms: int | None = None) -> str:
    """Return a finished `error` frame with its words in both languages."""
    zh, en = reasons.both(code)
    frame: dict[str, Any] = {"t": "error", "code": code, "zh": zh, "en": en}
    if request_id:
        frame["id"] = request_id
    if retry_ms:
        frame["retry_ms"] = retry_ms
    return _json(frame).decode()


def unknown_frame(request_id: str) -> str:
    """Return a finished `unknown` frame: no result before the deadline."""
    return _json({"t": "unknown", "id": request_id}).decode()


class Throttle:
    """A token bucket: `per_s` a second refilled evenly, `burst` at once."""

    def __init__(self, per_s: int, burst: int) -> None:
        self._cost_ns = 1_000_000_000 // per_s
        self._full_ns = burst * self._cost_ns
        self._saved_ns = self._full_ns
        self._at_ns = 0

    def admit(self, now_ns: int) -> bool:
        """Take a token at monotonic `now_ns`; False when there is none."""
        self._saved_ns = min(self._full_ns, self._saved_ns + now_ns - self._at_ns)
        self._at_ns = now_ns
        if self._saved_ns < self._cost_ns:
            return False
        self._saved_ns -= self._cost_ns
        return True
