"""A naive venue written from `matching/README.md`: lists, linear scans, nothing cached.

It answers each command with notes, plain tuples that say what happened; `notes_of` says the same
of the engine's events. Prices are ticks, quantities lots.
"""

from tests.matching.naive.notes import notes_of
from tests.matching.naive.records import Firm, Market, Note, Stand
from tests.matching.naive.venue import Naive

__all__ = ["Firm", "Market", "Naive", "Note", "Stand", "notes_of"]
