"""Events -> the frames of `docs/PROTOCOL.md`, each encoded once.

`FeedBuilder` is pure: the same blocks give the same frames with the same sequence numbers on every
server and after every restart. What topics show is kept by adding up events: `exchange.feed_market`
for everybody, `exchange.feed_firms` for each firm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from exchange.blocks import Block
from exchange.feed_firms import FIRM_EVENTS, FirmFeeds
from exchange.feed_market import MARKET_EVENTS, book_crc
from exchange.limits import FEED_CANDLE_RING, FEED_RING
from matching.units import FirmId, VenueId

__all__ = ["FeedBuilder", "Frame", "book_crc"]

_encode: Final = msgspec.json.Encoder().encode
_FORMAT: Final = 3
_HANDLE: Final = MARKET_EVENTS | FIRM_EVENTS


class Frame(NamedTuple):
    """A finished frame of one topic: `payload` is the JSON that every socket gets."""

    topic: str
    seq: int
    payload: bytes


class FeedBuilder(FirmFeeds):
    """The feeds of one venue. `firm_code` gives the public code of a firm's id."""

    def __init__(self, venue_id: VenueId, firm_code: Callable[[FirmId], str]) -> None:
        super().__init__(firm_code)
        self.venue_id = venue_id
        self.seq = 0
        self.hash = b""
        self.seqs: dict[str, int] = {}
        # Not persisted: rings begin empty after a restart, and a gap is then filled by a snapshot.
        self.rings: dict[str, deque[bytes]] = {}

    # Blocks in, frames out.

    def apply(self, block: Block) -> list[Frame]:
        """Return the frames that a block gives: at most one a topic."""
        self.seq = block.seq
        self.hash = block.hash
        self.at = block.ts_us // 1000
        self.minute = block.ts_us // 60_000_000
        self._touched = {}
        for events in block.decoded_events():
            for event in events:
                handle = _HANDLE.get(type(event))
                if handle is not None:
                    handle(self, event)
        return self._publish()

    def _publish(self) -> list[Frame]:
        frames = []
        # Books first: the best prices that they find belong to the ticker's frame.
        deltas = {
            topic: self._book_delta(int(topic.partition(".")[2]))
            for topic in list(self._touched)
            if topic.startswith("book.")
        }
        for topic, changed in self._touched.items():
            word = topic.partition(".")[0]
            if word == "book":
                delta = deltas[topic]
                if delta is None:
                    continue
                data = delta
            elif word == "offers":
                data = {"offers": list(changed.values())}
            elif word == "trades":
                data = {"trades": list(changed.values())}
            elif word == "ticker":
                data = {"instruments": {str(key): self.tickers[key] for key in changed}}
            elif word == "candles":
                data = {"candles": list(changed.values())}
            else:
                private, _, _ = topic.partition(":")
                if private == "funds":
                    data = self._funds(int(topic.partition(":")[2]))
                else:
                    data = {private: list(changed.values())}
            frames.append(self._frame(topic, data))
        return frames

    def _frame(self, topic: str, data: dict[str, Any]) -> Frame:
        seq = self.seqs.get(topic, 0) + 1
        self.seqs[topic] = seq
        payload = _encode(
            {
                "t": "update",
                "topic": topic.partition(":")[0],
                "seq": seq,
                "prev_seq": seq - 1,
                "block": self.seq,
                "at": self.at,
                "data": data,
            }
        )
        ring = self.rings.get(topic)
        if ring is None:
            most = FEED_CANDLE_RING if topic.startswith("candles.") else FEED_RING
            ring = self.rings[topic] = deque(maxlen=most)
        ring.append(payload)
        return Frame(topic, seq, payload)

    # Snapshots.

    def snapshot(self, topic: str) -> Frame | None:
        """Return the whole state of a topic as of its newest frame; None for no such topic."""
        data = self._whole(topic)
        if data is None:
            return None
        seq = self.seqs.get(topic, 0)
        payload = _encode(
            {
                "t": "snapshot",
                "topic": topic.partition(":")[0],
                "seq": seq,
                "block": self.seq,
                "at": self.at,
                "data": data,
            }
        )
        return Frame(topic, seq, payload)

    def since(self, topic: str, from_seq: int) -> list[Frame] | None:
        """Return the frames after `from_seq` if the ring still has them all, else None."""
        missed = self.seqs.get(topic, 0) - from_seq
        ring = self.rings.get(topic, ())
        if not 0 <= missed <= len(ring):
            return None
        payloads = islice(ring, len(ring) - missed, None)
        return [Frame(topic, seq, payload) for seq, payload in enumerate(payloads, from_seq + 1)]

    def last_seqs(self) -> dict[str, int]:
        """Return the newest sequence number of each topic that has had a frame."""
        return self.seqs

    def _whole(self, topic: str) -> dict[str, Any] | None:
        private, colon, firm = topic.partition(":")
        if colon:
            return self._private(private, int(firm))
        word, _, rest = topic.partition(".")
        if word == "ticker" and not rest:
            return {"instruments": {str(key): row for key, row in self.tickers.items()}}
        number, _, interval = rest.partition(".")
        if not number.isdecimal() or int(number) not in self.books:
            return None
        instrument_id = int(number)
        if word == "offers" and not interval and self.listed[instrument_id]:
            return self._offers(instrument_id)
        return self._market(word, instrument_id, interval)

    # Persistence.

    def state(self) -> bytes:
        """Return everything but the rings, to go on from after a restart."""
        return msgspec.msgpack.encode([_FORMAT, {name: getattr(self, name) for name in _PERSISTED}])

    @classmethod
    def from_state(
        cls, venue_id: VenueId, firm_code: Callable[[FirmId], str], state: bytes
    ) -> FeedBuilder | None:
        """Return the builder that `state` wrote, or None if its layout is another version's."""
        fmt, values = msgspec.msgpack.decode(state, strict=False)
        if fmt != _FORMAT or values.keys() != set(_PERSISTED):
            return None
        builder = cls(venue_id, firm_code)
        for name, value in values.items():
            setattr(builder, name, value)
        return builder


_PERSISTED: Final = (
    "seq",
    "hash",
    "at",
    "seqs",
    "books",
    "windows",
    "listed",
    "trades",
    "tickers",
    "candles",
    "orders",
    "owners",
    "done",
    "fills",
    "funds",
    "receipts",
    "contracts",
    "settled",
)
