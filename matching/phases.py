"""Session phases as a table. `HALTED` is an overlay, not a phase."""

from typing import Final

from matching.commands import Phase

NEXT: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.CLOSED: frozenset({Phase.PRE_OPEN}),
    Phase.PRE_OPEN: frozenset({Phase.CALL, Phase.CONTINUOUS}),
    Phase.CALL: frozenset({Phase.CONTINUOUS, Phase.CLOSED}),  # leaving CALL uncrosses
    Phase.CONTINUOUS: frozenset({Phase.BREAK, Phase.CALL, Phase.CLOSED}),
    Phase.BREAK: frozenset({Phase.CONTINUOUS, Phase.CALL, Phase.CLOSED}),
}
assert NEXT.keys() == set(Phase), "every phase states its exits"

ENTERABLE: Final = frozenset({Phase.CALL, Phase.CONTINUOUS})
"""Phases that accept new orders and amendments. Cancels are accepted in every phase."""
