"""One journal block: what was asked and what was answered, chained by hash."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from matching.commands import AnyCommand
from matching.events import AnyEvent
from matching.units import Micros, VenueId

FORMAT: Final = 1
"""Layout of `commands` and `events`. Readers for all formats are kept; rows are never rewritten."""
GENESIS: Final = bytes(32)
"""The hash before a venue's first block."""

_encode = msgspec.msgpack.Encoder().encode
_commands = msgspec.msgpack.Decoder(list[AnyCommand])
_events = msgspec.msgpack.Decoder(list[tuple[AnyEvent, ...]])
_HEADER: Final = struct.Struct(">QQQQQ")


class DamagedBlock(Exception):
    """A block is not what was written. The message names venue and block."""


@dataclass(frozen=True)
class Block:
    """A block as it stands in the journal. `commands` and `events` are msgpack.

    `hash` chains all raw fields over `prev_hash`; `event_hash` chains the events alone, so that a
    replica that re-executes the commands notices the first difference.
    """

    venue_id: VenueId
    seq: int
    epoch: int
    ts_us: Micros
    prev_hash: bytes
    hash: bytes
    commands: bytes
    events: bytes
    event_hash: bytes
    engine_version: str
    fmt: int = FORMAT

    def decoded_commands(self) -> list[AnyCommand]:
        """Return the commands, in order."""
        return _commands.decode(self.commands)

    def decoded_events(self) -> list[tuple[AnyEvent, ...]]:
        """Return the events of each command, in order. Decoded once however often asked."""
        return self._decoded_events

    @cached_property
    def _decoded_events(self) -> list[tuple[AnyEvent, ...]]:
        return _events.decode(self.events)

    def verify(self, prev_hash: bytes, prev_event_hash: bytes | None = None) -> None:
        """Raise `DamagedBlock` unless the block continues `prev_hash` and hashes to itself."""
        if self.prev_hash != prev_hash:
            raise DamagedBlock(
                f"venue {self.venue_id}, block {self.seq}: does not continue block {self.seq - 1}"
            )
        if self.hash != _block_hash(self):
            raise DamagedBlock(
                f"venue {self.venue_id}, block {self.seq}: its content does not match its hash"
            )
        if prev_event_hash is not None and self.event_hash != chain_events(
            prev_event_hash, self.events
        ):
            raise DamagedBlock(
                f"venue {self.venue_id}, block {self.seq}: its events do not match their hash"
            )


def make_block(
    *,
    venue_id: VenueId,
    seq: int,
    epoch: int,
    ts_us: Micros,
    prev_hash: bytes,
    prev_event_hash: bytes,
    commands: list[AnyCommand],
    events: list[tuple[AnyEvent, ...]],
    engine_version: str,
) -> Block:
    """Return the block of these commands and their events, with both hashes."""
    event_bytes = encode_events(events)
    block = Block(
        venue_id=venue_id,
        seq=seq,
        epoch=epoch,
        ts_us=ts_us,
        prev_hash=prev_hash,
        hash=b"",
        commands=_encode(commands),
        events=event_bytes,
        event_hash=chain_events(prev_event_hash, event_bytes),
        engine_version=engine_version,
    )
    object.__setattr__(block, "hash", _block_hash(block))
    return block


def encode_events(events: list[tuple[AnyEvent, ...]]) -> bytes:
    """Return the bytes that a block keeps of these events, one tuple a command."""
    return _encode(events)


def chain_events(previous: bytes, events: bytes) -> bytes:
    """Return the rolling hash after `events`."""
    return hashlib.sha256(previous + events).digest()


def _block_hash(block: Block) -> bytes:
    digest = hashlib.sha256(block.prev_hash)
    digest.update(
        _HEADER.pack(block.venue_id, block.seq, block.epoch, block.ts_us, len(block.commands))
    )
    digest.update(block.commands)
    digest.update(block.events)
    digest.update(block.event_hash)
    digest.update(f"{block.engine_version}|{block.fmt}".encode())
    return digest.digest()
