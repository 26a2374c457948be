"""The engine's door: commands in, results out, blocks followed, over one address.

A connection that sends what is not a frame is closed; a request that makes no sense is answered
with an error. Neither touches the sequencer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

import msgspec

from exchange.blocks import Block
from exchange.frames import Address, FrameError, encoder, pack, pack_block, read_frame
from exchange.limits import COMMAND_BYTES, COMMAND_DEADLINE_MS, FOLLOW_BLOCKS
from exchange.sequencer import Result, Sequencer, Waiting
from matching.commands import AnyCommand

log = logging.getLogger(__name__)

FOLLOWER_BACKLOG: Final = 16 * 1024 * 1024
"""Bytes that may wait for one follower; beyond it the connection is dropped and it comes again."""

_commands = msgspec.msgpack.Decoder(AnyCommand)


class LinkServer:
    """Serves one sequencer to any number of connections."""

    def __init__(self, sequencer: Sequencer) -> None:
        self.sequencer = sequencer
        self._live: dict[int, set[asyncio.StreamWriter]] = {}
        sequencer.publish = self._publish

    async def listen(self, address: str) -> asyncio.Server:
        """Start to accept connections at `address`."""
        return await Address(address).listen(self._serve)

    def _publish(self, block: Block) -> None:
        """Hand a durable block to everyone who follows its venue: the same bytes for all."""
        writers = self._live.get(block.venue_id)
        if not writers:
            return
        frame = pack_block(block)
        for writer in list(writers):
            if writer.transport.get_write_buffer_size() > FOLLOWER_BACKLOG:
                log.warning("a follower of venue %s is too slow; dropped", block.venue_id)
                writers.discard(writer)
                writer.transport.abort()
            else:
                writer.write(frame)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                items = await read_frame(reader)
                try:
                    self._request(items, writer, tasks)
                except (ValueError, TypeError, IndexError, KeyError):
                    request = items[1] if len(items) > 1 and isinstance(items[1], int) else 0
                    writer.write(pack("error", request, "MALFORMED", 0))
        except FrameError as error:
            log.warning("link: %s; connection closed", error)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for task in tasks:
                task.cancel()
            for writers in self._live.values():
                writers.discard(writer)
            writer.close()

    def _request(
        self, items: list[Any], writer: asyncio.StreamWriter, tasks: set[asyncio.Task[None]]
    ) -> None:
        word = items[0]
        if word == "command":
            _, request, venue_id, body, timeout_ms = items
            self._command(request, venue_id, body, timeout_ms, writer)
        elif word == "follow":
            _, venue_id, after_seq = items
            if venue_id not in self.sequencer.venues or type(after_seq) is not int:
                writer.write(pack("error", 0, "UNKNOWN_VENUE", 0))
                return
            task = asyncio.get_running_loop().create_task(self._follow(venue_id, after_seq, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        elif word == "state":
            _, request, venue_id = items
            venue = self.sequencer.venues.get(venue_id)
            if venue is None:
                writer.write(pack("error", request, "UNKNOWN_VENUE", 0))
            else:
                writer.write(pack("state", request, venue.state.value, venue.seq, venue.epoch))
        elif word in ("cover", "market"):
            _, request, venue_id = items
            if venue_id not in self.sequencer.venues:
                writer.write(pack("error", request, "UNKNOWN_VENUE", 0))
            else:
                read = self.sequencer.totals if word == "cover" else self.sequencer.market
                writer.write(pack(word, request, read(venue_id)))
        else:
            raise ValueError(word)

    def _command(
        self,
        request: int,
        venue_id: int,
        body: bytes,
        timeout_ms: int,
        writer: asyncio.StreamWriter,
    ) -> None:
        if len(body) > COMMAND_BYTES:
            writer.write(pack("error", request, "TOO_LARGE", 0))
            return
        try:
            command = _commands.decode(body)
        except msgspec.DecodeError:
            writer.write(pack("error", request, "MALFORMED", 0))
            return
        transport = writer.transport

        def answer(outcome: Result | str) -> None:
            if transport.is_closing():
                return
            if isinstance(outcome, str):
                writer.write(pack("error", request, outcome, 250))
                return
            writer.write(
                pack(
                    "result",
                    request,
                    outcome.seq,
                    outcome.index,
                    outcome.ts_us,
                    encoder.encode(outcome.events),
                    outcome.repeated,
                )
            )

        timeout_s = min(max(timeout_ms, 1), COMMAND_DEADLINE_MS) / 1000
        self.sequencer.submit(
            venue_id, Waiting(command, len(body), time.monotonic() + timeout_s, answer)
        )

    async def _follow(self, venue_id: int, after_seq: int, writer: asyncio.StreamWriter) -> None:
        """Serve history in slices between group commits, then live."""
        while True:
            blocks = self.sequencer.history(venue_id, after_seq, FOLLOW_BLOCKS)
            if not blocks:
                break  # nothing was awaited since the read: no block can be missed
            for block in blocks:
                writer.write(pack_block(block))
            after_seq = blocks[-1].seq
            await writer.drain()
            await asyncio.sleep(0)
        self._live.setdefault(venue_id, set()).add(writer)
        writer.write(pack("live", venue_id, after_seq))
