"""The engine's door: commands in, results out, blocks followed, over one address.

A connection that sends what is not a frame is closed; a request that makes no sense is answered
with an error. Neither touches the sequencer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from exchange.blocks import Block
from exchange.frames import Address, FrameError, encoder, pack, pack_block, read_frame
from exchange.limits import COMMAND_BYTES, COMMAND_DEADLINE_MS, FOLLOW_BLOCKS, REQUEST_BYTES
from exchange.sequencer import NotReadable, Result, Sequencer, Waiting
from matching.commands import AnyCommand
from matching.units import MAX_INT, VenueId

log = logging.getLogger(__name__)

CLIENT_BACKLOG: Final = 16 * 1024 * 1024
"""Bytes that may wait for one reader; beyond it the connection is dropped and it comes again."""

_commands = msgspec.msgpack.Decoder(AnyCommand)


class _Connection:
    """One client. Frames of one turn of the loop leave in one write."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.tasks: set[asyncio.Task[None]] = set()
        self._out: list[bytes] = []

    def send(self, frame: bytes) -> None:
        """Send a finished frame at the end of this turn of the loop."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(frame)

    def refuse(self, request: int, code: str, retry_ms: int = 0) -> None:
        """Answer `request` with an error."""
        self.send(pack("error", request, code, retry_ms))

    def _flush(self) -> None:
        out, self._out = self._out, []
        transport = self.writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > CLIENT_BACKLOG:
            log.warning("a client of the link reads too slowly; dropped")
            transport.abort()
            return
        self.writer.write(b"".join(out))

    async def drain(self) -> None:
        """Wait until the client has read most of what was sent."""
        await asyncio.sleep(0)  # the flush comes first
        await self.writer.drain()


def _packed(request: int, result: Result) -> bytes:
    events = encoder.encode(result.events)
    return pack("result", request, result.seq, result.index, result.ts_us, events, result.repeated)


class LinkServer:
    """Serves one sequencer to any number of connections."""

    def __init__(self, sequencer: Sequencer) -> None:
        self.sequencer = sequencer
        self._live: dict[VenueId, set[_Connection]] = {}
        self._reads: Final[dict[str, Callable[[VenueId], Any]]] = {
            "cover": lambda venue_id: sequencer.engine(venue_id).totals(),
            "market": lambda venue_id: sequencer.engine(venue_id).market(),
            "digest": self._digest,
            "snapshot": self._snapshot,
            "snapshots": self._snapshots,
        }
        sequencer.publish = self._publish

    async def listen(self, address: str) -> asyncio.Server:
        """Start to accept connections at `address`."""
        return await Address(address).listen(self._serve)

    def _publish(self, block: Block) -> None:
        """Hand a durable block to everyone who follows its venue: the same bytes for all."""
        live = self._live.get(block.venue_id)
        if live:
            frame = pack_block(block)
            for connection in live:
                connection.send(frame)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        try:
            while True:
                items = await read_frame(reader, REQUEST_BYTES)
                try:
                    self._request(items, connection)
                except NotReadable as error:
                    connection.refuse(items[1], str(error), 250)
                except (ValueError, TypeError, IndexError, KeyError, OverflowError):
                    request = items[1] if len(items) > 1 and isinstance(items[1], int) else 0
                    connection.refuse(request, "MALFORMED")
        except FrameError as error:
            log.warning("link: %s; connection closed", error)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # cancelled: the engine stops, and asyncio would print a trace for each connection
        finally:
            for task in connection.tasks:
                task.cancel()
            for live in self._live.values():
                live.discard(connection)
            writer.close()

    def _request(self, items: list[Any], connection: _Connection) -> None:
        word = items[0]
        if word == "command":
            _, request, venue_id, body, timeout_ms = items
            self._command(request, venue_id, body, timeout_ms, connection)
        elif word == "follow":
            _, venue_id, after_seq = items
            if not 0 <= after_seq <= MAX_INT:
                raise ValueError(after_seq)
            if venue_id not in self.sequencer.venues:
                connection.refuse(0, "UNKNOWN_VENUE")
                return
            task = asyncio.get_running_loop().create_task(
                self._follow(venue_id, after_seq, connection)
            )
            connection.tasks.add(task)
            task.add_done_callback(connection.tasks.discard)
        elif word == "answer":
            _, request, venue_id, firm_id, client_order_id = items
            if venue_id not in self.sequencer.venues:
                connection.refuse(request, "UNKNOWN_VENUE")
                return
            found = self.sequencer.first_answer(venue_id, firm_id, client_order_id)
            connection.send(_packed(request, found) if found else pack("no answer", request))
        elif word == "venues":
            _, request = items
            connection.send(pack("venues", request, list(self.sequencer.venues)))
        else:
            _, request, venue_id = items
            if word != "state" and word not in self._reads:
                raise ValueError(word)
            venue = self.sequencer.venues.get(venue_id)
            if venue is None:
                connection.refuse(request, "UNKNOWN_VENUE")
            elif word == "state":
                connection.send(pack("state", request, venue.state.value, venue.seq, venue.epoch))
            else:
                connection.send(pack(word, request, self._reads[word](venue_id)))

    def _digest(self, venue_id: VenueId) -> list[Any]:
        engine = self.sequencer.engine(venue_id)
        return [self.sequencer.venues[venue_id].seq, engine.digest()]

    def _snapshot(self, venue_id: VenueId) -> int:
        self.sequencer.engine(venue_id)
        return self.sequencer.snapshot(self.sequencer.venues[venue_id])

    def _snapshots(self, venue_id: VenueId) -> list[Any]:
        """Return what the kept snapshots claim, the SHA-256 of their content, not the content."""
        return self.sequencer.journal.claims(venue_id)

    def _command(
        self, request: int, venue_id: VenueId, body: bytes, timeout_ms: int, connection: _Connection
    ) -> None:
        if len(body) > COMMAND_BYTES:
            connection.refuse(request, "TOO_LARGE")
            return
        try:
            command = _commands.decode(body)
        except msgspec.DecodeError:
            connection.refuse(request, "MALFORMED")
            return

        def answer(outcome: Result | str) -> None:
            if isinstance(outcome, str):
                connection.refuse(request, outcome, 250)
                return
            connection.send(_packed(request, outcome))

        timeout_s = min(max(timeout_ms, 1), COMMAND_DEADLINE_MS) / 1000
        self.sequencer.submit(
            venue_id, Waiting(command, len(body), time.monotonic() + timeout_s, answer)
        )

    async def _follow(self, venue_id: VenueId, after_seq: int, connection: _Connection) -> None:
        """Serve history in slices between group commits, then live."""
        try:
            while True:
                blocks = self.sequencer.history(venue_id, after_seq, FOLLOW_BLOCKS)
                if not blocks:
                    break  # nothing was awaited since the read: no block can be missed
                for block in blocks:
                    connection.send(pack_block(block))
                after_seq = blocks[-1].seq
                await connection.drain()
            self._live.setdefault(venue_id, set()).add(connection)
            connection.send(pack("live", venue_id, after_seq))
        except ConnectionError:
            pass
        except Exception as error:
            # The journal does not answer: the follower comes again when the venue has rejoined.
            log.warning("venue %s: history can not be read: %s", venue_id, error)
            connection.writer.transport.abort()
