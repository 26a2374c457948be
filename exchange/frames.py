"""Frames between processes: four bytes of length, then a msgpack array that starts with a word."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from exchange.blocks import Block
from exchange.limits import FRAME_BYTES

encoder: Final = msgspec.msgpack.Encoder()
decoder: Final = msgspec.msgpack.Decoder(list[Any])

_SOCKET_PATH: Final = 107
"""Bytes that the kernel keeps of a Unix socket's path."""
_BUFFER: Final = 1024 * 1024
"""Bytes that one connection may have waiting before the other side is slowed down."""


class FrameError(Exception):
    """The other side sent what is not a frame. The connection is of no further use."""


def pack(*items: Any) -> bytes:
    """Return the finished frame of `items`."""
    body = encoder.encode(items)
    if len(body) > FRAME_BYTES:
        raise FrameError(f"a frame of {len(body)} bytes; the most is {FRAME_BYTES}")
    return len(body).to_bytes(4, "big") + body


def pack_block(block: Block) -> bytes:
    """Return the frame that followers get for `block`: the same bytes for all of them."""
    return pack(
        "block",
        block.venue_id,
        block.seq,
        block.epoch,
        block.ts_us,
        block.prev_hash,
        block.hash,
        block.commands,
        block.events,
        block.event_hash,
        block.engine_version,
        block.fmt,
    )


def unpack(body: bytes) -> list[Any]:
    """Return the items of a frame's body; raises `FrameError`."""
    try:
        items = decoder.decode(body)
    except msgspec.DecodeError as error:
        raise FrameError("not msgpack") from error
    if not items or not isinstance(items[0], str):
        raise FrameError("a frame starts with a word")
    return items


async def read_frame(reader: asyncio.StreamReader, most: int = FRAME_BYTES) -> list[Any]:
    """Return the next frame; raises `FrameError`, or `IncompleteReadError` at the end."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > most:
        raise FrameError(f"a frame of {length} bytes; the most is {most}")
    return unpack(await reader.readexactly(length))


class Address:
    """`unix:///path` or `tcp://host:port`; TCP only on this machine until it has mutual TLS."""

    def __init__(self, text: str) -> None:
        self.path = ""
        self.host = ""
        self.port = 0
        if text.startswith("unix:///"):
            self.path = text.removeprefix("unix://")
            if len(os.fsencode(self.path)) > _SOCKET_PATH:
                raise ValueError(
                    f"{self.path}: too long for a Unix socket (at most {_SOCKET_PATH} bytes)."
                    " Choose a shorter data directory."
                )
            return
        host, _, port = text.removeprefix("tcp://").rpartition(":")
        if not text.startswith("tcp://") or not port.isdecimal():
            raise ValueError(f"{text!r}: expected unix:///path or tcp://host:port")
        if host not in ("127.0.0.1", "localhost"):
            raise ValueError(f"{text!r}: a link over TCP without TLS stays on 127.0.0.1")
        self.host, self.port = host, int(port)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect."""
        if self.path:
            return await asyncio.open_unix_connection(self.path, limit=_BUFFER)
        return await asyncio.open_connection(self.host, self.port, limit=_BUFFER)

    async def listen(
        self,
        serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    ) -> asyncio.Server:
        """Accept connections; a Unix socket is readable by its owner only."""
        if not self.path:
            return await asyncio.start_server(serve, self.host, self.port, limit=_BUFFER)
        if os.path.exists(self.path):
            os.unlink(self.path)  # left by a process that was killed; the directory is locked
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(serve, self.path, limit=_BUFFER)
        finally:
            os.umask(before)

    def connect_blocking(self, timeout_s: int) -> socket.socket:
        """Connect a blocking socket."""
        if self.path:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(timeout_s)
            try:
                connection.connect(self.path)
            except OSError:
                connection.close()
                raise
            return connection
        return socket.create_connection((self.host, self.port), timeout=timeout_s)
