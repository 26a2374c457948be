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
    LiftOrder,
    Side,
    TimeInForce,
)
from matching.events import (
    CommandRejected,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    OrderRested,
    TradeExecuted,
)
from matching.limits import RECEIPTS_PER_ORDER
from matching.units import MAX_INT
from web import reasons
from web.limits import COMMAND_TIMEOUT_MS, FRAME_BYTES

Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,36}$")]
Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
Topic: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{1,12}(\.[0-9a-z]{1,16}){0,2}$")]
Receipts: TypeAlias = Annotated[tuple[Positive, ...], msgspec.Meta(max_length=RECEIPTS_PER_ORDER)]


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
    side: Literal["buy", "sell"]
    tif: Literal["day", "ioc"]
    price: Positive
    lots: Positive
    receipts: Receipts = ()


class Lift(_Message, frozen=True, tag="lift"):
    """Lift an offer or a bid."""

    id: Id
    order: Positive
    lots: Positive
    receipts: Receipts = ()


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


OrderMessage: TypeAlias = Enter | Lift | Amend | Cancel
Message: TypeAlias = OrderMessage | Status | Subscribe | Unsubscribe | Resume | Ping
FOR_TRADERS: Final = (Enter, Lift, Amend, Cancel, Status)

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
    """Who sends: from the session's seat, never from the payload."""

    venue_id: int
    firm_id: int
    user_id: int
    role: str


def to_command(
    message: OrderMessage, trader: Trader, at_us: int
) -> EnterOrder | LiftOrder | AmendOrder | CancelOrder:
    """Return the engine's command for a message, stamped with `at_us`."""
    who = (trader.firm_id, trader.user_id, message.id, at_us)
    if isinstance(message, Enter):
        return EnterOrder(
            *who,
            message.instrument,
            Side.BUY if message.side == "buy" else Side.SELL,
            TimeInForce.DAY if message.tif == "day" else TimeInForce.IOC,
            message.price,
            message.lots,
            message.receipts,
        )
    if isinstance(message, Lift):
        return LiftOrder(*who, message.order, message.lots, message.receipts)
    if isinstance(message, Amend):
        return AmendOrder(*who, message.order, message.price, message.lots)
    return CancelOrder(*who, message.order)


def may_trade(trader: Trader | None) -> bool:
    """Say whether order messages are for this seat."""
    return trader is not None and trader.role == Role.TRADER


UnitsOf: TypeAlias = Callable[[OrderMessage], Awaitable[Instrument | None]]


async def execute(
    link: LinkClient, message: OrderMessage, trader: Trader, units_of: UnitsOf
) -> str:
    """Send an order message to the engine and return the finished answer frame.

    The answer leaves only after the block is durable. `units_of` finds the instrument in whose
    units a refusal states its numbers.
    """
    command = to_command(message, trader, time.time_ns() // 1000)
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
        executed = sum(
            event.quantity_lots for event in result.events if isinstance(event, TradeExecuted)
        )
        resting = any(isinstance(event, OrderRested) for event in result.events)
        if isinstance(first, OrderAmended):
            resting = resting or first.kept_priority
            open_lots = first.open_lots - executed
        else:
            open_lots = first.quantity_lots - executed
        frame |= {
            "outcome": "entered" if isinstance(first, OrderEntered) else "amended",
            "order_id": first.order_id,
            "executed_lots": executed,
            "open_lots": open_lots if resting else 0,
            "resting": resting,
        }
    elif isinstance(first, OrderCancelled):
        frame |= {
            "outcome": "cancelled",
            "order_id": first.order_id,
            "cancelled_lots": first.cancelled_lots,
        }
    return _json(frame).decode()


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
