"""The two sockets of a venue: members' and the public's. They subscribe, snapshot, forward."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.consumer import get_handler_name
from django.conf import settings
from django.contrib.auth import get_user

from exchange import access, scope
from exchange.link import LinkError
from exchange.models import Instrument, Seat, User, Venue
from web import gateway
from web.context import build_id
from web.gateway import Trader
from web.hub import Hub, Subscriber, encoded, get_hub, now_ms
from web.limits import (
    FRAME_BYTES,
    HEARTBEAT_MS,
    RECHECK_S,
    TOPICS_PER_SOCKET,
)

PRIVATE: Final = frozenset({"orders", "fills", "funds", "receipts", "contracts"})
PUBLIC: Final = frozenset({"book", "trades", "ticker", "candles"})
SESSION_ENDED: Final = 4001
NOT_A_MEMBER: Final = 4003
TOO_MANY: Final = 4009


class _Socket(AsyncWebsocketConsumer):
    """What both sockets share."""

    hub: Hub
    subscriber: Subscriber | None = None
    venue: Venue
    topics: frozenset[str] = PUBLIC

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler directly: the stock one visits a thread for every message."""
        await getattr(self, get_handler_name(message))(message)

    async def open(self, venue: Venue, hello: dict[str, Any]) -> None:
        """Accept, say hello, and begin to be served."""
        self.venue = venue
        self.hub = await get_hub()
        await self.accept()
        state = await self.hub.refresh_state(venue.id)
        self.subscriber = Subscriber(venue.id, self._send_frame, self.close)
        self.subscriber.put(
            encoded(
                {
                    "t": "hello",
                    "protocol": 1,
                    "build": build_id(),
                    "now": now_ms(),
                    "venue": venue.code,
                    "state": state,
                    "heartbeat_ms": HEARTBEAT_MS,
                    **hello,
                }
            )
        )
        self.hub.add(self.subscriber)

    async def _send_frame(self, payload: bytes) -> None:
        await self.send(text_data=payload.decode())

    async def disconnect(self, code: int) -> None:
        """Leave every topic."""
        if self.subscriber is not None:
            self.hub.remove(self.subscriber)
            self.subscriber = None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer one frame; whatever it is, the socket survives it, unless it is far too large."""
        if self.subscriber is None:
            return
        if text_data is None:
            self.subscriber.put(gateway.error_frame("MALFORMED"))
            return
        if len(text_data) > FRAME_BYTES:
            await self._send_frame(gateway.error_frame("TOO_LARGE"))
            await self.close(1009)
            return
        try:
            message = gateway.parse(text_data)
        except gateway.Refused as refused:
            self.subscriber.put(refused.frame)
            return
        await self.answer(message)

    async def answer(self, message: gateway.Message) -> None:
        """Serve what both sockets know; orders are for members."""
        subscriber = self.subscriber
        assert subscriber is not None
        if isinstance(message, gateway.Subscribe):
            await self._join(message.topic, None)
        elif isinstance(message, gateway.Resume):
            await self._join(message.topic, message.from_seq)
        elif isinstance(message, gateway.Unsubscribe):
            self.hub.leave(subscriber, self.internal(message.topic))
        elif isinstance(message, gateway.Ping):
            subscriber.put(encoded({"t": "pong", "now": now_ms(), "echo": message.echo}))
        else:
            subscriber.put(gateway.error_frame("NOT_ALLOWED", message.id))

    async def _join(self, topic: str, from_seq: int | None) -> None:
        subscriber = self.subscriber
        assert subscriber is not None
        internal = self.internal(topic)
        if topic.partition(".")[0] not in self.topics:
            subscriber.put(gateway.error_frame("UNKNOWN_TOPIC", topic))
            return
        if internal not in subscriber.topics and len(subscriber.topics) >= TOPICS_PER_SOCKET:
            subscriber.put(gateway.error_frame("TOPICS", topic))
            return
        try:
            if not await self.hub.join(subscriber, internal, from_seq):
                subscriber.put(gateway.error_frame("UNKNOWN_TOPIC", topic))
        except LinkError as error:
            subscriber.put(gateway.error_frame(error.code, topic, error.retry_ms))

    def internal(self, topic: str) -> str:
        """Return the feed server's name of a topic."""
        return topic


class PublicSocket(_Socket):
    """Books, tapes, tickers and candles for wall boards: no log-in, no cookies, read only."""

    async def connect(self) -> None:
        """Open for everybody, if there is such a venue."""
        code = self.scope["url_route"]["kwargs"]["venue"]
        try:
            venue = await database_sync_to_async(access.venue_by_code)(code)
        except access.NotVisible:
            await self.close(NOT_A_MEMBER)
            return
        await self.open(venue, {"firm": None, "role": None})


class MemberSocket(_Socket):
    """A member's socket: all topics, and orders for traders."""

    topics = PUBLIC | PRIVATE | {"offers"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trader: Trader | None = None
        self.user_id = 0
        self._throttle = gateway.Throttle(
            settings.SOCKET_COMMANDS_PER_S, settings.SOCKET_COMMANDS_PER_S * 2
        )
        self._orders: set[asyncio.Task[None]] = set()
        self._recheck: asyncio.Task[None] | None = None
        self._instruments: dict[int, Instrument] = {}
        self._counted = False

    async def connect(self) -> None:
        """Open for who has a seat at the venue; a stranger learns nothing."""
        found = await self._seat()
        if found is None:
            # Accepted first: only so does a browser see the code.
            await self.accept()
            await self.close(NOT_A_MEMBER)
            return
        venue, seat = found
        self.user_id = seat.user_id
        hub = await get_hub()
        if hub.sockets.get(self.user_id, 0) >= settings.SOCKETS_PER_USER:
            await self.accept()
            await self.close(TOO_MANY)
            return
        hub.sockets[self.user_id] = hub.sockets.get(self.user_id, 0) + 1
        self._counted = True
        if seat.firm_id is not None:
            self.trader = Trader(venue.id, seat.firm_id, seat.user_id, seat.role)
        await self.channel_layer.group_add(f"user-{self.user_id}", self.channel_name)
        firm = seat.firm.code.upper() if seat.firm is not None else None
        await self.open(venue, {"firm": firm, "role": seat.role})
        self._recheck = asyncio.create_task(self._check_now_and_then())

    @database_sync_to_async
    def _seat(self) -> tuple[Venue, Seat] | None:
        user = self.scope.get("user")
        code = self.scope["url_route"]["kwargs"]["venue"]
        if not isinstance(user, User) and not getattr(user, "is_authenticated", False):
            return None
        try:
            venue = access.venue_by_code(code)
        except access.NotVisible:
            return None
        seat = access.seat_of(user, venue)
        return None if seat is None else (venue, seat)

    async def _check_now_and_then(self) -> None:
        """A socket outlives its session and its seat unless somebody looks."""
        while True:
            await asyncio.sleep(RECHECK_S)
            if not await self._still_valid():
                await self.close(SESSION_ENDED)
                return

    @database_sync_to_async
    def _still_valid(self) -> bool:
        session = self.scope["session"]
        if not session.exists(session.session_key):
            return False
        fresh = type(session)(session.session_key)

        class _Request:
            pass

        request = _Request()
        request.session = fresh  # type: ignore[attr-defined]
        user = get_user(request)  # type: ignore[arg-type]
        if user.pk != self.user_id:
            return False
        seat = access.seat_of(user, self.venue)
        return seat is not None and (self.trader is None or seat.role == self.trader.role)

    async def revoked(self, event: dict[str, Any]) -> None:
        """The user logged out or lost a seat (channel layer)."""
        await self.close(SESSION_ENDED)

    async def disconnect(self, code: int) -> None:
        """Leave; orders under way finish in the engine, their answers have nobody to go to."""
        if self._recheck is not None:
            self._recheck.cancel()
        if self._counted:
            self._counted = False
            self.hub.sockets[self.user_id] -= 1
            if not self.hub.sockets[self.user_id]:
                del self.hub.sockets[self.user_id]
            with contextlib.suppress(Exception):
                await self.channel_layer.group_discard(f"user-{self.user_id}", self.channel_name)
        await super().disconnect(code)

    def internal(self, topic: str) -> str:
        """Return the feed server's name; a private topic's firm comes from the session."""
        if topic in PRIVATE:
            return f"{topic}:{self.trader.firm_id if self.trader is not None else 0}"
        return topic

    async def answer(self, message: gateway.Message) -> None:
        """Serve topics as the public socket does, and orders."""
        if not isinstance(message, gateway.ORDER_MESSAGES):
            await super().answer(message)
            return
        assert self.subscriber is not None
        trader = self.trader
        if trader is None or not gateway.may_trade(trader):
            self.subscriber.put(gateway.error_frame("NOT_ALLOWED", message.id))
            return
        if not isinstance(message, gateway.Cancel) and not self._throttle.admit(time.monotonic()):
            self.subscriber.put(gateway.error_frame("RATE", message.id, 1_000))
            return
        # Orders of one socket reach the engine in the order in which they came: each task sends
        # in its first step. Their results do not wait for each other.
        task = asyncio.create_task(self._order(message, trader))
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)

    async def _order(self, message: gateway.OrderMessage, trader: Trader) -> None:
        frame = await gateway.execute(self.hub.link, message, trader, self._known_instrument)
        if self.subscriber is not None:
            self.subscriber.put(frame)

    async def _known_instrument(self, instrument_id: int) -> Instrument | None:
        if instrument_id not in self._instruments:
            found = await self._instrument(instrument_id)
            if found is None:
                return None
            self._instruments[instrument_id] = found
        return self._instruments[instrument_id]

    @database_sync_to_async
    def _instrument(self, instrument_id: int) -> Instrument | None:
        with scope.venue(self.venue.id):
            return Instrument.objects.filter(pk=instrument_id).first()
