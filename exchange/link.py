"""The other end of the engine's door, for asyncio (`LinkClient`) and for threads (`BlockingLink`).

A command is kept until its result or its deadline and sent again after a reconnect, with the same
id: the engine answers a repeat with the first result, so nothing is executed twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Final

import msgspec

from exchange.blocks import Block
from exchange.frames import Address, FrameError, encoder, pack, read_frame, unpack
from exchange.journal import SnapshotClaim
from exchange.limits import COMMAND_BYTES, FRAME_BYTES
from exchange.sequencer import Result, VenueState
from matching.commands import AnyCommand
from matching.events import AnyEvent

__all__ = ["BlockingLink", "LinkClient", "LinkError", "Result", "VenueState"]

_events = msgspec.msgpack.Decoder(tuple[AnyEvent, ...])
_FINAL: Final = frozenset({"UNKNOWN_VENUE", "TOO_LARGE", "MALFORMED", "HALTED"})
_RETRY_S: Final = (0.02, 0.05, 0.1, 0.2, 0.4)


class LinkError(Exception):
    """A command was not executed as far as this side knows.

    `permanent` is False when the same command may be sent again with the same id.
    """

    def __init__(self, code: str, retry_ms: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_ms = retry_ms
        self.permanent = code in _FINAL


def _result(items: list[Any]) -> Result:
    _, _, seq, index, ts_us, events, repeated = items
    return Result(seq, index, ts_us, _events.decode(events), repeated)


def _block(items: list[Any]) -> Block:
    return Block(*items[1:])


def _encoded(command: AnyCommand) -> bytes:
    body = encoder.encode(command)
    if len(body) > COMMAND_BYTES:
        raise LinkError("TOO_LARGE")
    return body


class LinkClient:
    """Asyncio client; one connection, many requests under way. Reconnects by itself."""

    def __init__(self, address: str) -> None:
        self._address = Address(address)
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._requests: dict[int, tuple[bytes, asyncio.Future[list[Any]]]] = {}
        self._numbers = itertools.count(1)
        self._out: list[bytes] = []

    async def connect(self) -> None:
        """Start, and wait until the engine answers."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())
        await self._up.wait()

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            try:
                reader, writer = await self._address.open()
            except OSError:
                await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1
                continue
            attempt = 0
            self._writer = writer
            for frame, _ in self._requests.values():
                writer.write(frame)
            self._up.set()
            with contextlib.suppress(FrameError, asyncio.IncompleteReadError, ConnectionError):
                while True:
                    items = await read_frame(reader)
                    waiting = self._requests.get(items[1]) if len(items) > 1 else None
                    if waiting is not None and not waiting[1].done():
                        waiting[1].set_result(items)
            self._up.clear()
            self._writer = None
            writer.close()
            await asyncio.sleep(_RETRY_S[0])

    def _send(self, frame: bytes) -> None:
        """Send at the end of this turn of the loop, everything of the turn in one write."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(frame)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._writer is not None:
            self._writer.write(b"".join(out))

    async def _ask(self, number: int, frame: bytes, timeout_s: float) -> list[Any]:
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._requests[number] = (frame, future)
        self._send(frame)
        try:
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            raise LinkError("UNREACHABLE" if self._writer is None else "DEADLINE") from None
        finally:
            del self._requests[number]

    async def submit(self, venue_id: int, command: AnyCommand, *, timeout_ms: int = 5000) -> Result:
        """Return the durable result; raises `LinkError`. Retries while the venue recovers."""
        body = _encoded(command)
        deadline = time.monotonic() + timeout_ms / 1000
        while True:
            number = next(self._numbers)
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise LinkError("DEADLINE")
            frame = pack("command", number, venue_id, body, int(left_s * 1000))
            items = await self._ask(number, frame, left_s)
            if items[0] == "result":
                return _result(items)
            if items[2] != "RECOVERING":
                raise LinkError(items[2], items[3])
            await asyncio.sleep(min(0.1, max(deadline - time.monotonic(), 0)))

    async def first_answer(
        self, venue_id: int, firm_id: int, client_order_id: str
    ) -> Result | None:
        """Return the answer to a client's command of the last 15 minutes; None if none is known."""
        number = next(self._numbers)
        items = await self._ask(
            number, pack("answer", number, venue_id, firm_id, client_order_id), 5
        )
        if items[0] == "no answer":
            return None
        if items[0] != "result":
            raise LinkError(items[2], items[3])
        return _result(items)

    async def state(self, venue_id: int) -> VenueState:
        """Return what the venue can do now; `RECOVERING` while nothing answers."""
        number = next(self._numbers)
        try:
            items = await self._ask(number, pack("state", number, venue_id), 1)
        except LinkError:
            return VenueState.RECOVERING
        if items[0] != "state":
            raise LinkError(items[2])
        return VenueState(items[2])

    async def cover(self, venue_id: int) -> dict[str, Any]:
        """Return `Engine.totals()` at the newest durable block."""
        number = next(self._numbers)
        items = await self._ask(number, pack("cover", number, venue_id), 5)
        if items[0] != "cover":
            raise LinkError(items[2])
        answer: dict[str, Any] = items[2]
        return answer

    async def follow(self, venue_id: int, after_seq: int) -> AsyncIterator[Block | None]:
        """Yield all blocks after `after_seq`, history first, for ever; a connection of its own.

        None says that history is through and the next block a new one.
        """
        attempt = 0
        while True:
            try:
                reader, writer = await self._address.open()
            except OSError:
                await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1
                continue
            attempt = 0
            try:
                writer.write(pack("follow", venue_id, after_seq))
                while True:
                    items = await read_frame(reader)
                    if items[0] == "block":
                        block = _block(items)
                        after_seq = block.seq
                        yield block
                    elif items[0] == "live":
                        yield None
                    elif items[0] == "error":
                        raise LinkError(items[2])
            except (FrameError, asyncio.IncompleteReadError, ConnectionError):
                await asyncio.sleep(_RETRY_S[0])
            finally:
                writer.close()

    async def close(self) -> None:
        """Stop; what is under way gets no answer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class BlockingLink:
    """Blocking client for threads, views and commands; not to be shared between threads."""

    def __init__(self, address: str) -> None:
        self._address = Address(address)
        self._socket: socket.socket | None = None
        self._numbers = itertools.count(1)
        self._closed = False

    def __enter__(self) -> BlockingLink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a `follow` in another thread ends."""
        self._closed = True
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            self._drop()

    def _drop(self) -> None:
        # Taken once: `close` may come from another thread than the one that reads.
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _ask(self, build: Any, timeout_s: float) -> list[Any]:
        """Send a request and return its answer; reconnects until `timeout_s` has passed."""
        deadline = time.monotonic() + timeout_s
        attempt = 0
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise LinkError("UNREACHABLE")
            number = next(self._numbers)
            try:
                if self._socket is None:
                    self._socket = self._address.connect_blocking(1)
                self._socket.settimeout(left_s)
                self._socket.sendall(build(number, left_s))
                while True:
                    items = receive(self._socket)
                    if len(items) > 1 and items[1] == number:
                        return items
            except TimeoutError:
                self._drop()
                raise LinkError("DEADLINE") from None
            except (OSError, EOFError, FrameError):
                self._drop()
                pause = _RETRY_S[min(attempt, len(_RETRY_S) - 1)]
                attempt += 1
                time.sleep(min(pause, max(deadline - time.monotonic(), 0)))

    def submit(self, venue_id: int, command: AnyCommand, *, timeout_ms: int = 5000) -> Result:
        """Return the durable result; raises `LinkError`. Retries while the venue recovers."""
        body = _encoded(command)
        deadline = time.monotonic() + timeout_ms / 1000
        while True:
            items = self._ask(
                lambda number, left_s: pack(
                    "command", number, venue_id, body, max(int(left_s * 1000), 1)
                ),
                deadline - time.monotonic(),
            )
            if items[0] == "result":
                return _result(items)
            if items[2] != "RECOVERING":
                raise LinkError(items[2], items[3])
            time.sleep(0.05)

    def state(self, venue_id: int, *, timeout_ms: int = 1000) -> VenueState:
        """Return what the venue can do now; `RECOVERING` while nothing answers."""
        try:
            items = self._ask(
                lambda number, left_s: pack("state", number, venue_id), timeout_ms / 1000
            )
        except LinkError:
            return VenueState.RECOVERING
        if items[0] != "state":
            raise LinkError(items[2])
        return VenueState(items[2])

    def cover(self, venue_id: int) -> dict[str, Any]:
        """Return `Engine.totals()` at the newest durable block."""
        answer: dict[str, Any] = self._read("cover", venue_id)
        return answer

    def market(self, venue_id: int) -> dict[str, Any]:
        """Return `Engine.market()` at the newest durable block."""
        answer: dict[str, Any] = self._read("market", venue_id)
        return answer

    def venue_ids(self) -> list[int]:
        """Return the venues that this engine serves."""
        items = self._ask(lambda number, left_s: pack("venues", number), 5)
        if items[0] != "venues":
            raise LinkError(items[2])
        return list(items[2])

    def digest(self, venue_id: int) -> tuple[int, bytes]:
        """Return (block, `Engine.digest()` after it) of the running engine."""
        seq, digest = self._read("digest", venue_id)
        return seq, digest

    def snapshot(self, venue_id: int) -> int:
        """Have a snapshot taken now; return its block."""
        return int(self._read("snapshot", venue_id))

    def snapshots(self, venue_id: int) -> list[SnapshotClaim]:
        """Return what the kept snapshots claim and hold, newest first."""
        return [SnapshotClaim(*row) for row in self._read("snapshots", venue_id)]

    def _read(self, word: str, venue_id: int) -> Any:
        items = self._ask(lambda number, left_s: pack(word, number, venue_id), 5)
        if items[0] != word:
            raise LinkError(items[2], items[3])
        return items[2]

    def follow(self, venue_id: int, after_seq: int) -> Iterator[Block | None]:
        """Yield blocks after `after_seq`, history first; None once history is through.

        Waits for ever, reconnects when the engine restarts, and ends after `close()`.
        """
        attempt = 0
        while not self._closed:
            try:
                connection = self._address.connect_blocking(1)
                self._socket = connection
                if self._closed:  # by another thread, while this one was connecting
                    self._drop()
                    return
                connection.settimeout(None)
                connection.sendall(pack("follow", venue_id, after_seq))
                while True:
                    items = receive(connection)
                    attempt = 0
                    if items[0] == "block":
                        block = _block(items)
                        after_seq = block.seq
                        yield block
                    elif items[0] == "live":
                        yield None
                    elif items[0] == "error":
                        raise LinkError(items[2])
            except (OSError, EOFError, FrameError):
                self._drop()
                if not self._closed:
                    time.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                    attempt += 1


def receive(connection: socket.socket) -> list[Any]:
    """Return the next frame of a blocking socket; raises `EOFError` at its end."""
    length = int.from_bytes(_exactly(connection, 4), "big")
    if length > FRAME_BYTES:
        raise FrameError(f"a frame of {length} bytes; the most is {FRAME_BYTES}")
    return unpack(_exactly(connection, length))


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
