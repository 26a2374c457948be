"""Every numeric bound of settlement, with its unit."""

from typing import Final

FUNDS_MOST_FEN: Final = 10**13
"""Largest single deposit or withdrawal: 100 billion yuan."""
WITHDRAW_UNCHECKED_FEN: Final = 50_000_000
"""Largest withdrawal that one person may ask for alone: 500,000 yuan."""
OUTBOX_BATCH: Final = 200
"""Most commands sent to the engine in one go."""
RESALE_DAYS: Final = 5
"""Trading days before bought goods may be sold again (国发〔2011〕38号: five)."""
TIMER_S: Final = 5
"""Seconds between two sweeps over the contracts' deadlines."""
CHORES_EVERY: Final = 12
"""Sweeps between two looks at the books: once a minute."""
OP_ID_LENGTH: Final = 64
"""Characters of an operation id."""
