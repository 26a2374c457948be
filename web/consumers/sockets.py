"""The two sockets of a venue: members' and the public's. They subscribe, snapshot, forward."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from importlib import import_module
from typing import Any, Final

from channels.auth import get_user
from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from exchange import access, scope
from exchange.link import LinkError
from exchange.models import Instrument, Membership, OrderRow, Seat, User, Venue
from matching.commands import Disconnect
from matching.units import MAX_INT
from web import gateway
from web.context import build_id
from web.gateway import Trader
from web.hub import Hub, Subscriber, encoded, get_hub, now_ms
from web.limits import COMMAND_BURST_S, HEARTBEAT_MS, RECHECK_S, TOPICS_PER_SOCKET

PRIVATE: Final = frozenset({"orders", "fills", "funds", "receipts", "contracts", "directed"})
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

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket; whatever ends it, nothing of it stays behind."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.release()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler directly: the stock one visits a thread for every message."""
        await getattr(self, get_handler_name(message))(message)

    async def open(self, venue: Venue, hello: dict[str, Any]) -> None:
        """Accept, say hello, and begin to be served."""
        self.venue = venue
        self.hub = get_hub()
        await self.accept()
        state = await self.hub.opening_state(venue.id)
        self.subscriber = Subscriber(venue.id, self._send_text, self.close)
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

    async def _send_text(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    async def release(self) -> None:
        """Leave every topic. Called once when the socket has ended, however it ended."""
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
        if gateway.is_too_large(text_data):
            await self._send_text(gateway.error_frame("TOO_LARGE"))
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
        per_s = settings.SOCKET_COMMANDS_PER_S
        self._cancels = gateway.Throttle(per_s, per_s * COMMAND_BURST_S)
        self._others = gateway.Throttle(per_s, per_s * COMMAND_BURST_S)
        self._orders: set[asyncio.Task[None]] = set()
        self._recheck: asyncio.Task[None] | None = None
        self._seat_was: tuple[int | None, str] = (None, "")
        self._counted = False
        # Whether an order was to end with this connection.
        self._binds = False

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
        self._seat_was = (seat.firm_id, seat.role)
        self.hub = get_hub()
        count = self.hub.sockets.get(self.user_id, 0)
        if count >= settings.SOCKETS_PER_USER:
            await self.accept()
            await self.close(TOO_MANY)
            return
        self.hub.sockets[self.user_id] = count + 1
        self._counted = True
        if seat.firm_id is not None:
            session = 1 + secrets.randbelow(MAX_INT)
            self.trader = Trader(venue.id, seat.firm_id, seat.user_id, seat.role, session)
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

    async def _still_valid(self) -> bool:
        """Say whether the session is alive and its user still has this seat."""
        key = self.scope["session"].session_key
        session = import_module(settings.SESSION_ENGINE).SessionStore(key)
        user = await get_user({"session": session})
        return user.pk == self.user_id and await self._has_seat(user)

    @database_sync_to_async
    def _has_seat(self, user: User) -> bool:
        seat = access.seat_of(user, self.venue)
        return seat is not None and (seat.firm_id, seat.role) == self._seat_was

    async def revoked(self, event: dict[str, Any]) -> None:
        """The user logged out or lost a seat (channel layer)."""
        await self.close(SESSION_ENDED)

    async def release(self) -> None:
        """Leave; orders under way finish in the engine, their answers have nobody to go to."""
        await super().release()
        if self._binds and self.trader is not None:
            self._binds = False
            self.hub.begin(self._end_session(self.trader, list(self._orders)))
        if self._recheck is not None:
            self._recheck.cancel()
        if self._counted:
            self._counted = False
            count = self.hub.sockets.pop(self.user_id) - 1
            if count:
                self.hub.sockets[self.user_id] = count
            await self.channel_layer.group_discard(f"user-{self.user_id}", self.channel_name)

    def internal(self, topic: str) -> str:
        """Return the feed server's name; a private topic's firm comes from the session."""
        if topic in PRIVATE:
            return f"{topic}:{self.trader.firm_id if self.trader is not None else 0}"
        return topic

    async def answer(self, message: gateway.Message) -> None:
        """Serve topics as the public socket does, and orders."""
        if not isinstance(message, gateway.FOR_TRADERS):
            await super().answer(message)
            return
        assert self.subscriber is not None
        trader = self.trader
        if trader is None or not gateway.may_trade(trader):
            self.subscriber.put(gateway.error_frame("NOT_ALLOWED", message.id))
            return
        # Cancels have a bucket of their own: who may not enter may still withdraw.
        bucket = self._cancels if isinstance(message, gateway.WITHDRAWING) else self._others
        if not bucket.admit(time.monotonic_ns()):
            self.subscriber.put(gateway.error_frame("RATE", message.id, 1_000))
            return
        if isinstance(message, gateway.Enter) and message.until_disconnect:
            self._binds = True
        # Orders of one socket reach the engine in the order in which they came: each task sends
        # in its first step. Their results do not wait for each other.
        task = asyncio.create_task(self._order(message, trader))
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)

    async def _order(self, message: gateway.OrderMessage | gateway.Status, trader: Trader) -> None:
        if isinstance(message, gateway.Status):
            frame = await gateway.status(self.hub.link, message, trader)
        else:
            frame = await gateway.execute(
                self.hub.link, message, trader, self._units_of, self._firms_of
            )
        if self.subscriber is not None:
            self.subscriber.put(frame)

    @database_sync_to_async
    def _units_of(self, message: gateway.OrderMessage) -> Instrument | None:
        """Return the instrument that an order message is about."""
        with scope.venue(self.venue.id):
            if isinstance(message, gateway.Enter | gateway.LiftBestOf):
                return Instrument.objects.filter(pk=message.instrument).first()
            if isinstance(message, gateway.CancelMany):
                return None
            order = OrderRow.objects.filter(order_id=message.order).first()
            instrument_id = order.instrument_id if order is not None else 0
            return Instrument.objects.filter(pk=instrument_id).first()

    @database_sync_to_async
    def _firms_of(self, codes: tuple[str, ...]) -> tuple[int, ...] | None:
        """Return the ids of the venue's firms by code, in that order; None if one is unknown."""
        with scope.venue(self.venue.id):
            rows = Membership.objects.values_list("firm__code", "firm_id")
            known = {code.upper(): firm_id for code, firm_id in rows}
        found = [known.get(code, 0) for code in codes]
        return tuple(found) if all(found) else None

    async def _end_session(self, trader: Trader, under_way: list[asyncio.Task[None]]) -> None:
        """Have the engine cancel what was to end with the connection, once it has got it all."""
        await asyncio.gather(*under_way, return_exceptions=True)
        with contextlib.suppress(LinkError):
            await self.hub.link.submit(trader.venue_id, Disconnect(trader.firm_id, trader.session))
