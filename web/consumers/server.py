"""Daphne with flow control: a slow socket slows its own writer and reader, and nothing else.

Stock Daphne's `send` never waits and its inbox has no bound, so that a client that stops reading,
or never stops talking, fills the server's memory; so does who takes a long answer slowly. `serve`
starts this instead of `daphne`, with the same arguments; under another ASGI server the application
works the same.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from daphne.cli import CommandLineInterface
from daphne.server import Server
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer  # type: ignore[import-untyped]

from web.limits import FRAME_BYTES, INBOX_FRAMES

_LOOK_S: Final = 0.05
"""Between two looks at whether a full inbox has been read."""


@implementer(IPushProducer)
class _Gate:
    """Closed while the transport's buffer (64 KiB) is full. Twisted calls it a producer."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.is_lost = False

    def pauseProducing(self) -> None:
        """Called when the buffer is full."""
        self.is_open.clear()

    def resumeProducing(self) -> None:
        """Called when the buffer is empty."""
        self.is_open.set()

    def stopProducing(self) -> None:
        """Called when the connection is lost: who waits may go on, to nowhere."""
        self.is_lost = True
        self.is_open.set()


class _Inbox:
    """What came in and is not yet read by the application; stops reading when it is full."""

    def __init__(self, queue: asyncio.Queue[Any], transport: Any, gate: _Gate) -> None:
        self._queue = queue
        self._transport = transport
        self._gate = gate
        self._is_paused = False

    def put_nowait(self, message: Any) -> None:
        """Take a frame; more come only once the application has read most of them."""
        self._queue.put_nowait(message)
        if not self._is_paused and self._queue.qsize() >= INBOX_FRAMES:
            self._is_paused = True
            self._transport.pauseProducing()
            self._look()

    def _look(self) -> None:
        if self._gate.is_lost:
            return
        if self._queue.qsize() > INBOX_FRAMES // 2:
            asyncio.get_running_loop().call_later(_LOOK_S, self._look)
            return
        self._is_paused = False
        self._transport.resumeProducing()


class FlowServer(Server):
    """Waits with `send` until the socket has taken what it was given before."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # A frame up to four times too large is answered before it is closed; a larger one is cut.
        options["websocket_max_message_size"] = 4 * FRAME_BYTES
        options["websocket_max_frame_size"] = 4 * FRAME_BYTES
        super().__init__(*args, **options)
        self._gates: dict[Any, _Gate] = {}

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Put a gate before the socket and a bounded inbox behind it."""
        if scope["type"] != "websocket":
            return super().create_application(protocol, scope)
        gate = self._gates[protocol] = _Gate()
        protocol.transport.unregisterProducer()  # the HTTP channel that it was
        protocol.transport.registerProducer(gate, True)
        queue = super().create_application(protocol, scope)
        return None if queue is None else _Inbox(queue, protocol.transport, gate)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send, then wait while the buffer is full."""
        if message["type"] == "http.response.body":
            self._gate_answer(protocol, has_more=message.get("more_body", False))
        await super().handle_reply(protocol, message)
        gate = self._gates.get(protocol)
        if gate is not None and message["type"] in ("websocket.send", "http.response.body"):
            await gate.is_open.wait()

    def _gate_answer(self, protocol: Any, *, has_more: bool) -> None:
        """Put a gate before an answer of several chunks, and take it away before the last one."""
        if has_more and protocol not in self._gates and protocol.channel is not None:
            gate = self._gates[protocol] = _Gate()
            protocol.registerProducer(gate, True)
        elif not has_more and protocol in self._gates:
            del self._gates[protocol]
            if protocol.channel is not None:
                protocol.unregisterProducer()

    def protocol_disconnected(self, protocol: Any) -> None:
        """Forget the gate, and let go who waits before it."""
        super().protocol_disconnected(protocol)
        if protocol in self._gates:
            self._gates.pop(protocol).stopProducing()


class CommandLine(CommandLineInterface):
    """`daphne`'s command line for this server."""

    server_class = FlowServer


if __name__ == "__main__":
    CommandLine.entrypoint()
