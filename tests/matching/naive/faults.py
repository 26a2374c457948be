"""Where the engine does not do yet what its rules say; see `test_found_by_oracle.py`.

While a fault is True the naive venue does it too, so that the campaigns look for others. Whoever
mends the engine sets it False, sees the campaigns agree, and takes it out.
"""

RESTS_WHAT_FILLED_A_ROOT = True
"""What is left of the sale that filled a root is cancelled when it meets the next buy only."""
CLEARS_ONE_BOOK = True
"""Sales of a full root leave the book of the trade that filled it, no other one, and none when it
was filled by a registration: a 201st holder is possible."""
LAPSES_EARLY = True
"""A negotiation whose time is over lapses in the turn of an earlier round's time, if that is over
in the same `PassTime`."""
DROPS_FULL_OFFERS = True
"""A `listed` offer of a full root is cancelled (STOP_REFUSED) when its lock is over."""
STOPS_AT_ITS_OWN = True
"""An assertion of the engine fails when a trade fills a root, the sales of it leave the book, and
the buyer comes to an order of its own group behind them. What is left should end (SELF_MATCH)."""


class StopsAtItsOwn(Exception):
    """The naive venue sees that the engine is about to stop: the pair ends there."""
