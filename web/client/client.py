"""A program's way to a venue: log in over HTTP, then one socket that heals itself."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import http.cookies
import itertools
import json
import random
import re
import urllib.parse
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import websockets

SILENCE_S = 10
"""The server speaks each second: a socket silent for this long is dead and opened again."""
_FINAL = {4001: "SESSION_ENDED", 4003: "NOT_A_MEMBER", 4009: "TOO_MANY_SOCKETS", 403: "ORIGIN"}


class LogInFailed(Exception):
    """The user name or the password is wrong, or there were too many attempts."""


class Ended(Exception):
    """The server ended the connection for good; `code` is SESSION_ENDED, NOT_A_MEMBER, …"""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class UnknownTopic(Exception):
    """There is no such topic for this user."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: `ack`, `reject`, `error` or `unknown`, with the frame's fields."""

    kind: str
    fields: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether the request was executed."""
        return self.kind == "ack"

    @property
    def code(self) -> str:
        """The reason of a refusal, or ""."""
        return str(self.fields.get("code", ""))


@dataclass
class Topic:
    """A subscription: the last number seen and the state that updates were folded into."""

    name: str
    seq: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    current: bool = False
    is_refused: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Book:
    """Price levels best first: [price, lots, orders]."""

    bids: list[list[int]]
    asks: list[list[int]]


class HaidaiClient:
    """One user's connection to one venue."""

    def __init__(
        self,
        base_url: str,
        venue: str,
        *,
        on_update: Callable[[str, dict[str, Any]], None] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.base = urllib.parse.urlsplit(base_url)
        self.venue = venue.lower()
        self.hello: dict[str, Any] = {}
        self.state = "recovering"
        self.topics: dict[str, Topic] = {}
        self._on_update = on_update or (lambda topic, data: None)
        self._chance = chance or random.Random()  # noqa: S311 - spreads reconnects
        self._cookies: dict[str, str] = {}
        self._socket: websockets.ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._ended = ""
        self._answers: dict[str, tuple[str, asyncio.Future[Answer]]] = {}
        self._prefix = uuid.uuid4().hex[:12]
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> HaidaiClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # HTTP: log in, post forms, read JSON.

    async def log_in(self, username: str, password: str) -> None:
        """Get a session; raises `LogInFailed`."""
        path = "/accounts/login/"
        status, _, _ = await self.post_form(
            path, {"login": username, "password": password}, page=path
        )
        if status != 302 or "sessionid" not in self._cookies:
            raise LogInFailed(username)

    async def post_form(
        self, path: str, fields: dict[str, str], *, page: str
    ) -> tuple[int, dict[str, str], str]:
        """Read the form at `page` for its token, then post it; return status, headers, body."""
        _, _, body = await self.get(page)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', body)
        data = urllib.parse.urlencode(
            {"csrfmiddlewaretoken": token.group(1) if token else "", **fields}
        )
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": self.base.geturl() + page,
            "Origin": self.base.geturl(),
        }
        return await asyncio.to_thread(self._request, "POST", path, headers, data)

    async def get(self, path: str) -> tuple[int, dict[str, str], str]:
        """Read a page; return status, headers and body."""
        return await asyncio.to_thread(self._request, "GET", path, {}, None)

    def _request(
        self, method: str, path: str, headers: dict[str, str], data: str | None
    ) -> tuple[int, dict[str, str], str]:
        secure = self.base.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self.base.hostname or "", self.base.port, timeout=20)
        try:
            headers = {**headers, "Cookie": self._cookie_header()}
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            body = response.read().decode("utf-8", "replace")
            for name, value in response.getheaders():
                if name.lower() == "set-cookie":
                    for key, morsel in http.cookies.SimpleCookie(value).items():
                        self._cookies[key] = morsel.value
            return response.status, dict(response.getheaders()), body
        finally:
            connection.close()

    def _cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    # The socket.

    async def connect(self) -> None:
        """Open the socket and keep it open; returns when the venue has said hello.

        Raises `Ended` when the venue is not for this user.
        """
        if self._task is None:
            self._ended = ""
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())
        await self._up.wait()
        self._check_ended()

    def _check_ended(self) -> None:
        if self._ended:
            raise Ended(self._ended)

    async def close(self) -> None:
        """Close the socket for good."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _stay_connected(self) -> None:
        scheme = "wss" if self.base.scheme == "https" else "ws"
        url = f"{scheme}://{self.base.netloc}/ws/{self.venue}/"
        pause = 0.1
        while not self._ended:
            try:
                async with websockets.connect(
                    url,
                    origin=websockets.Origin(self.base.geturl()),
                    additional_headers={"Cookie": self._cookie_header()},
                    max_size=4 * 1024 * 1024,
                    ping_interval=None,
                ) as socket:
                    self._socket = socket
                    while True:
                        async with asyncio.timeout(SILENCE_S):
                            text = await socket.recv()
                        await self._receive(json.loads(text))
                        pause = 0.1
            except websockets.ConnectionClosed as closed:
                self._ended = _FINAL.get(closed.rcvd.code, "") if closed.rcvd else ""
            except websockets.InvalidStatus as refused:
                self._ended = _FINAL.get(refused.response.status_code, "")
            except (OSError, websockets.WebSocketException):
                pass
            finally:
                self._socket = None
                self._up.clear()
                self.state = "recovering"
            if not self._ended:
                await asyncio.sleep(pause * self._chance.uniform(0.5, 1.5))
                pause = min(pause * 2, 5)
        self._up.set()
        for request_id, (_, future) in self._answers.items():
            if not future.done():
                future.set_result(Answer("error", {"id": request_id, "code": self._ended}))
        for topic in self.topics.values():
            topic.ready.set()

    async def _receive(self, frame: dict[str, Any]) -> None:
        kind = frame["t"]
        if kind in ("snapshot", "update"):
            await self._fold(frame)
        elif kind in ("ack", "reject", "error", "unknown"):
            waiting = self._answers.get(frame.get("id", ""))
            topic = self.topics.get(frame.get("id", ""))
            if waiting is not None and not waiting[1].done():
                waiting[1].set_result(Answer(kind, frame))
            elif topic is not None and "retry_ms" not in frame:
                topic.is_refused = True
                topic.ready.set()
        elif kind == "heartbeat":
            self.state = frame["state"]
            for name, seq in frame["seqs"].items():
                topic = self.topics.get(name)
                if topic is not None and topic.current and seq > topic.seq:
                    await self._resume(topic)
        elif kind == "state":
            self.state = frame["state"]
        elif kind == "hello":
            self.hello = frame
            self.state = frame["state"]
            for topic in self.topics.values():
                topic.current = False
                await self._resume(topic)
            for text, _ in list(self._answers.values()):
                await self._send(text)
            self._up.set()

    async def _resume(self, topic: Topic) -> None:
        topic.current = False
        request: dict[str, Any] = {"t": "sub", "topic": topic.name}
        if topic.seq:
            request = {"t": "resume", "topic": topic.name, "from_seq": topic.seq}
        await self._send(json.dumps(request))

    async def _send(self, text: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(websockets.ConnectionClosed):
                await self._socket.send(text)

    # Topics.

    async def subscribe(self, name: str) -> Topic:
        """Follow a topic and return it once its snapshot is there; `topic.data` stays current.

        Raises `UnknownTopic`, or `Ended`.
        """
        topic = self.topics.get(name)
        if topic is None:
            topic = self.topics[name] = Topic(name)
            await self._resume(topic)
        await topic.ready.wait()
        self._check_ended()
        if topic.is_refused:
            self.topics.pop(name, None)
            raise UnknownTopic(name)
        return topic

    async def unsubscribe(self, name: str) -> None:
        """Follow a topic no longer."""
        if self.topics.pop(name, None) is not None:
            await self._send(json.dumps({"t": "unsub", "topic": name}))

    async def _fold(self, frame: dict[str, Any]) -> None:
        topic = self.topics.get(frame["topic"])
        if topic is None:
            return
        data = frame["data"]
        if frame["t"] == "snapshot":
            topic.data = _indexed(data)
            topic.seq = frame["seq"]
        else:
            if frame["seq"] <= topic.seq:
                return
            if frame["prev_seq"] != topic.seq:
                if topic.current:
                    await self._resume(topic)
                return
            _add(topic.data, data)
            topic.seq = frame["seq"]
        if "crc" in data and data["crc"] != _crc(topic.data):
            topic.seq = 0
            await self._resume(topic)
            return
        topic.current = True
        topic.ready.set()
        self._on_update(topic.name, data)

    async def book(self, instrument: int) -> Book:
        """Return the book as it is now, best levels first; follows it from the first call."""
        topic = await self.subscribe(f"book.{instrument}")
        bids = sorted(topic.data["bids"].values(), reverse=True)
        return Book(bids, sorted(topic.data["asks"].values()))

    # Orders.

    async def enter(
        self,
        *,
        instrument: int,
        side: str,
        tif: str,
        price: int,
        lots: int,
        receipts: list[int] | None = None,
        timeout_s: float = 10,
        **terms: Any,
    ) -> Answer:
        """Enter an order; price in ticks, quantity in lots. `terms` are those of the protocol."""
        return await self.request(
            {
                "t": "enter",
                "instrument": instrument,
                "side": side,
                "tif": tif,
                "price": price,
                "lots": lots,
                "receipts": receipts or [],
                **terms,
            },
            timeout_s=timeout_s,
        )

    async def lift(self, *, order: int, lots: int, timeout_s: float = 10) -> Answer:
        """Lift lots of one offer or bid at its own price."""
        return await self.request({"t": "lift", "order": order, "lots": lots}, timeout_s=timeout_s)

    async def amend(self, *, order: int, price: int, lots: int, timeout_s: float = 10) -> Answer:
        """Give an order a new price and total quantity."""
        return await self.request(
            {"t": "amend", "order": order, "price": price, "lots": lots}, timeout_s=timeout_s
        )

    async def cancel(self, *, order: int, timeout_s: float = 10) -> Answer:
        """Withdraw an order."""
        return await self.request({"t": "cancel", "order": order}, timeout_s=timeout_s)

    async def status(self, request_id: str, *, timeout_s: float = 10) -> Answer:
        """Ask what became of a request of the last 15 minutes."""
        return await self.request({"t": "status", "id": request_id}, timeout_s=timeout_s)

    async def request(self, message: dict[str, Any], *, timeout_s: float = 10) -> Answer:
        """Send an order message under a new id and wait for its answer.

        After a reconnect it is sent again with the same id, which the engine answers once.
        """
        self._check_ended()
        request_id = message.get("id") or f"{self._prefix}-{next(self._numbers)}"
        text = json.dumps({**message, "id": request_id})
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = (text, future)
        try:
            await self._send(text)
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            return Answer("unknown", {"id": request_id})
        finally:
            del self._answers[request_id]


_KEYS = {
    "orders": "order",
    "offers": "order",
    "receipts": "receipt",
    "contracts": "trade",
}


def _indexed(data: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot with lists of keyed rows as dicts, so that updates replace rows."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        if name in ("bids", "asks"):
            found[name] = {level[0]: level for level in value}
        elif name in _KEYS:
            found[name] = {row[_KEYS[name]]: row for row in value}
        else:
            found[name] = value
    return found


def _add(state: dict[str, Any], data: dict[str, Any]) -> None:
    for name, value in data.items():
        if name in ("bids", "asks"):
            for level in value:
                if level[1]:
                    state[name][level[0]] = level
                else:
                    state[name].pop(level[0], None)
        elif name in _KEYS:
            for row in value:
                gone = (name == "offers" and not row["open"]) or (
                    name == "receipts" and not (row["free"] or row["held"] or row["committed"])
                )
                if gone:
                    state[name].pop(row[_KEYS[name]], None)
                else:
                    state[name][row[_KEYS[name]]] = row
        elif name == "instruments":
            state[name].update(value)
        elif name in ("trades", "fills"):
            state[name] = ([*value[::-1], *state[name]])[:100]
        else:
            state[name] = value


def _crc(state: dict[str, Any]) -> int:
    bids = sorted(state["bids"].values(), reverse=True)[:10]
    asks = sorted(state["asks"].values())[:10]
    return zlib.crc32("|".join(f"{level[0]}:{level[1]}" for level in (*bids, *asks)).encode())
