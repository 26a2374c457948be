"""Reference prices and the bands around them, in ticks."""

from __future__ import annotations

from matching.units import BasisPoints, Fen, Kg, Ticks


def band(reference_ticks: Ticks, band_bp: BasisPoints) -> tuple[Ticks, Ticks]:
    """Return the lowest and highest price allowed, in ticks, rounded inward, never below 1."""
    low = -(-reference_ticks * (10_000 - band_bp) // 10_000)
    high = reference_ticks * (10_000 + band_bp) // 10_000
    return max(low, 1), max(high, 1)


def average_ticks(turnover_fen: Fen, weight_kg: Kg, tick_fen_per_t: Fen) -> Ticks:
    """Return the volume-weighted average price, in ticks, rounded half up, never below 1."""
    per_tick = weight_kg * tick_fen_per_t
    return max((turnover_fen * 1000 * 2 + per_tick) // (2 * per_tick), 1)
