"""Every numeric bound of the exchange room, with its unit. Each has a refusal when reached."""

from typing import Final

BLOCK_COMMANDS: Final = 500
"""Most commands in one journal block."""
BLOCK_BYTES: Final = 256 * 1024
"""Most bytes of commands in one block; a single larger command is refused at the link."""
BLOCK_EVENTS: Final = 20_000
"""A block ends when its events are over this number, asked every `APPLY_AT_ONCE` commands."""
APPLY_AT_ONCE: Final = 32
"""Commands that the engine is given in one call."""
VENUE_QUEUE: Final = 2_000
"""Most commands waiting for one venue; beyond it new orders are answered BUSY."""
CANCEL_LANE: Final = 400
"""Further places in that queue that only cancels may take."""
FRAME_BYTES: Final = 256 * 1024 * 1024
"""Largest frame on a link between processes: the close of a day may end 10^6 orders at once."""
REQUEST_BYTES: Final = 64 * 1024
"""Largest frame that the engine reads from its clients."""
COMMAND_BYTES: Final = 16 * 1024
"""Largest encoded command."""
FOLLOW_BLOCKS: Final = 64
"""Most blocks of history served between two group commits."""
LEASE_TTL_MS: Final = 2_000
"""A writer that has not renewed its lease for this long may be replaced."""
LEASE_WAIT_MS: Final = 5_000
"""How long a starting writer waits for its killed predecessor's lease to run out."""
REJOIN_MS: Final = 250
"""Pause between attempts to rejoin while the journal does not answer."""
SNAPSHOTS_KEPT: Final = 3
"""Snapshots of a venue's engine that the journal keeps."""
SNAPSHOT_BLOCKS: Final = 5_000
"""A snapshot is taken after this many blocks in the next idle moment, and when the engine stops."""
SNAPSHOT_BLOCKS_MOST: Final = 50_000
"""Where no moment is idle, the snapshot is taken after this many blocks all the same."""
COMMAND_DEADLINE_MS: Final = 5_000
"""A command that has waited longer is refused unexecuted."""
FEED_RING: Final = 10_000
"""Frames of one topic that can be resumed from."""
FEED_CANDLE_RING: Final = 500
"""The same for a candle topic: there are five an instrument, and its snapshot is small."""
FEED_FETCH_BYTES: Final = 1024 * 1024
"""A resume that would send more than this gets the snapshot instead."""
FEED_LEVELS: Final = 50
"""Price levels a side in a book frame."""
FEED_CANDLES: Final = 500
"""Candles in a snapshot of a candle topic."""
FEED_TRADES: Final = 100
"""Trades in a snapshot of a trade topic."""
