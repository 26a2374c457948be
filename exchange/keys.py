"""Primary keys that followers derive from the journal, so that a repeat finds its own row."""

from matching.units import VenueId

ROWS_PER_VENUE = 10**15
"""Venue 1 has the keys 1…10^15 − 1 after its prefix; 9,000 venues fit in 63 bits."""


def row_key(venue_id: VenueId, number: int) -> int:
    """Return the key of the venue's order or trade `number`."""
    if not 0 < number < ROWS_PER_VENUE or not 0 < venue_id < 9_000:
        raise ValueError("venue or number out of range")
    return venue_id * ROWS_PER_VENUE + number
