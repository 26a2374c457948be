"""Every numeric bound of settlement, with its unit."""

from typing import Final

FUNDS_MOST_FEN: Final = 10**13
"""Largest single deposit or withdrawal: 100 billion yuan."""
UNCHECKED_FEN: Final = 50_000_000
"""Largest deposit or withdrawal that one person may ask for alone: 500,000 yuan."""
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
OPERATION_LEASE_S: Final = 60
"""Seconds a worker may take over one call of a rail; afterwards another one finds out."""
REPEATS_MOST: Final = 3
"""Tries of an operation before its rail is asked what became of it."""
LOOKUP_GRACE_S: Final = 30
"""Seconds during which a rail's "never heard of it" may be said of a request still under way."""
REPLAY_MARGIN_S: Final = 3_600
"""Seconds kept clear of the end of a rail's safe repeats."""
BACKOFF_MOST_S: Final = 300
"""Longest pause between two tries of an operation, in seconds; they double from 2."""
POLL_S: Final = 60
"""Seconds between two looks at an operation that waits for its rail or its payer."""
WORK_S: Final = 1
"""Seconds between two looks at the rails' operations."""
NOTIFICATIONS_AT_ONCE: Final = 200
"""Most messages of rails followed in one go."""
NOTIFICATION_BYTES: Final = 262_144
"""Largest message of a rail."""
INCOMING_POLL_S: Final = 600
"""Seconds between two looks at a funding account without a hint."""
INCOMING_OVERLAP_S: Final = 86_400
"""Seconds that two looks at a funding account overlap: rails date late."""
RECONCILE_S: Final = 3_600
"""Seconds between two comparisons with a rail's statement."""
STATEMENT_OVERLAP_S: Final = 86_400
"""Seconds that two readings of a statement overlap."""
NETTING_DUES: Final = 200_000
"""Most dues in one batch of bank legs: those of one venue and day."""
NETTING_DUE_MOST_FEN: Final = 10**13
"""Largest single due in a batch: 100 billion yuan; a leg of a full batch stays within 63 bits."""
BANKFILE_ROWS: Final = 10_000
"""Most rows of one bank file, header, headings and trailer not counted."""
BANKFILE_BYTES: Final = 8 * 2**20
"""Largest bank file, in bytes."""
BANKFILE_TEXT: Final = 200
"""Characters of one text in a bank file: a name, an account, a purpose."""
BANKFILE_HEADING: Final = 64
"""Characters of a column's heading or of a bank's word, in a layout."""
BANKFILE_KEY_BYTES: Final = 32
"""Least length of the key that seals bank files: as long as the seal."""
RECEIPT_PHOTOS: Final = 8
"""Most photos of one pile; the least is one."""
RECEIPT_FILE_BYTES: Final = 8 * 2**20
"""Largest photo or certificate, in bytes."""
PHOTO_PIXELS: Final = 40_000_000
"""Largest photo, in pixels: what a phone takes, and what fits into memory unpacked."""
PHOTO_SIDE: Final = 2_560
"""Longest side of a kept photo, in pixels; larger ones are made smaller."""
STORAGE_DAYS_MOST: Final = 3_660
"""Longest storage period: ten years, in days."""
EXPIRY_NOTICE_DAYS: Final = 30
"""Days before its end from which a receipt is shown as expiring."""
EXPIRY_SWEEP: Final = 200
"""Most receipts that one sweep sets aside."""
EXPIRY_AGAIN_S: Final = 60
"""Seconds before expired goods that the engine did not give are asked for again."""
RECEIPT_HOLDS: Final = 50
"""Most live freezes, pledges and requests on one receipt."""
PIECES_MOST: Final = 10**9
"""Most bags, bundles or cartons of one pile."""
RULES_BYTES: Final = 65_536
"""Largest rule set of a commodity, as typed."""
RULE_VERSIONS_SHOWN: Final = 50
"""Versions of a commodity's rules on one page, newest first; older ones have their own address."""
RULE_SAMPLES: Final = 20
"""Final statements over which a changed rule set is tried before it is published."""
BARS_MOST: Final = 1_000_000
"""Bars on one ticket."""
EXHIBITS: Final = 10
"""Most files of evidence that one side puts forward about one matter in dispute."""
