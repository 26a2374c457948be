"""Every bound of the engine, with its unit. Reaching one is answered by `LIMIT`."""

from typing import Final

from matching.units import Micros

DEDUP_WINDOW_US: Final[Micros] = 15 * 60 * 1_000_000
"""H: how long a client order id is remembered, and how old a command may be."""
AHEAD_US: Final[Micros] = 60 * 1_000_000
"""How far ahead of the block's time a command's stamp may be."""
CLIENT_IDS_PER_FIRM: Final = 200_000
"""Client order ids that the window remembers for one firm."""
ID_LENGTH: Final = 36
"""Characters of a client order id; operation ids may have `OP_ID_LENGTH`."""
OP_ID_LENGTH: Final = 64
"""Characters of an operation id."""
HOLDERS_PER_ROOT: Final = 200
"""Firms that may ever hold part of one warehouse receipt (RULEBOOK C3)."""
LOCK_DAYS: Final = 5
"""Trading days from a purchase to the first sale of the same product, and back (RULEBOOK C2)."""
BUST_WINDOW_US: Final[Micros] = 15 * 60 * 1_000_000
"""How long after a trade it may be undone (RULEBOOK 4.8)."""
DUE_AT_ONCE: Final = 1_000
"""What one `PassTime` does at most; the sequencer sends another while something is due."""
INDICATE_US: Final[Micros] = 1_000_000
"""How often a call publishes what it would give."""
RATE_MOST: Final = 100_000
"""Largest orders a second, and burst, of a firm."""
DIRECTED_FIRMS: Final = 50
"""Firms that one directed offer may name."""
NEGOTIATIONS_PER_FIRM: Final = 1_000
"""Live proposals, and bids, that one firm may have."""
STOPS_PER_FIRM: Final = 1_000
"""Stop orders that one firm may have waiting."""
AHEAD_MOST_US: Final[Micros] = 400 * 24 * 3600 * 1_000_000
"""How far ahead an expiry may lie."""
OPEN_ORDERS_PER_FIRM: Final = 100_000
"""Resting orders of one firm in all instruments."""
RECEIPTS_PER_ORDER: Final = 64
"""Receipts that one sell order may hold."""
WOULD_TRADE_IDS: Final = 10
"""Order ids that a `WOULD_TRADE` refusal names."""
REASON_LENGTH: Final = 200
"""Characters of the reason of a halt."""
AUCTIONS_LIVE: Final = 1_000
"""One-way auctions announced or open at one venue."""
BIDDERS_PER_AUCTION: Final = 500
"""Firms that may qualify for one one-way auction."""
AUCTION_WAIT_US: Final[Micros] = 60 * 1_000_000
"""How long a halted auction puts off what is due; how long one is open at least."""
EXTENSIONS_MOST: Final = 1_000
"""Times that bids may move the close of one auction."""
EXTEND_MOST_US: Final[Micros] = 24 * 3600 * 1_000_000
"""How far one late bid may move the close; also how long a Dutch clock may stand."""
CLOCK_LEAST_US: Final[Micros] = 1_000_000
"""How long a Dutch clock stands at least at one price."""
CLOCK_STEPS: Final = 10_000
"""Steps of a Dutch clock from its start to its reserve."""
