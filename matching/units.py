"""The integer units that every room counts in.

Prices are ticks, quantities lots, money fen (1/100 yuan), weights kilograms and instants
microseconds since 1970-01-01 UTC. They are plain aliases rather than NewTypes so that the hot
path stays free of wrapper calls; the name in a signature is the contract.
"""

from typing import Final, TypeAlias

Ticks: TypeAlias = int
Lots: TypeAlias = int
Fen: TypeAlias = int
Kg: TypeAlias = int
Micros: TypeAlias = int
"""Instant: microseconds since the epoch, UTC."""
Day: TypeAlias = int
"""Trading day as a decimal number: 20261123 is 2026-11-23 in Asia/Shanghai."""
BasisPoints: TypeAlias = int

VenueId: TypeAlias = int
FirmId: TypeAlias = int
TraderId: TypeAlias = int
InstrumentId: TypeAlias = int
OrderId: TypeAlias = int
TradeId: TypeAlias = int
ReceiptId: TypeAlias = int

INT_BITS: Final = 53
MAX_INT: Final = 2**INT_BITS - 1
"""Largest number in any command or total: a browser counts exactly up to here."""


def value_fen(price_ticks: Ticks, tick_fen_per_t: Fen, weight_kg: Kg) -> Fen:
    """Return the tax-inclusive value of `weight_kg` at `price_ticks`, rounded half up to the fen.

    Exact where every lot has the nominal mass, because listing refuses an instrument whose tick
    and lot do not give whole fen; rounds once per trade where pieces differ (coil, cotton batch).
    """
    return (price_ticks * tick_fen_per_t * weight_kg + 500) // 1000


def fee_fen(value: Fen, fee_bp: BasisPoints) -> Fen:
    """Return the operator's fee on a trade of `value` fen, in fen, rounded down."""
    return value * fee_bp // 10_000


def hold_fen(
    value: Fen, cover_bp: BasisPoints, plus_tolerance_bp: BasisPoints, fee_bp: BasisPoints
) -> Fen:
    """Return the cash that a buy of `value` fen holds, fee included.

    `ceil(cover_bp x (1 + plus tolerance) x value / 10,000) + fee`: delivery may exceed the
    nominal weight by the tolerance, so the cover does too (ARCHITECTURE 3).
    """
    covered = -(-value * cover_bp * (10_000 + plus_tolerance_bp) // 100_000_000)
    return covered + fee_fen(value * (10_000 + plus_tolerance_bp) // 10_000, fee_bp)
