"""Two-phase double entry in fen and kg: the only writer of accounts and transfers.

A *chain* is a sequence of actions that succeed together or not at all:

    deposit = ledger.transfer_id(seq=7, position="0/1")
    ledger.post(
        [
            Hold(CNY, (Code.TRADING, buyer), (Code.DEPOSIT, buyer), 5_000_00, Kind.COMMIT),
            Entry(CNY, (Code.TRADING, buyer), (Code.FEES, 0), 12_00, Kind.FEE),
        ],
        seq=7, position="0/1", at=at, trade_id=31,
    )
    ledger.post([Post(deposit, 3_000_00)], seq=9, position="0/0", at=later)  # 2,000.00 return
    ledger.post([Void(deposit)], seq=9, position="0/1", at=later)  # LedgerError: resolved already

- `Entry` moves at once. `Hold` sets aside: it counts against the debit account's limit and moves
  no balance. `Post` resolves a hold by moving all of it, or a part (the rest returns); `Void`
  gives all of it back. A hold is resolved at most once.
- A hold with `expires_at` may not be posted from that instant on; `expire(now)` voids those due.
- Ids come from the caller: block `seq` and `position` (or an operation's own id as `position`)
  name the chain, its actions count from 0. The same chain again changes nothing; other content
  under the same id is refused.
- A refused chain raises `LedgerError` and writes nothing but its refusal: the id stays bound, and
  the same id never succeeds later, *if the caller commits*. A caller whose transaction is rolled
  back has not asked at all, and its retry is the first.
- Limits are applied action by action, in order, on both databases alike.

`docs/LEDGER.md` tells what the database enforces by itself.
"""

from settlement.ledger.chain import expire, post, transfer_id
from settlement.ledger.days import DayTotals, Statement, close_day, day_balances, firm_statement
from settlement.ledger.reads import (
    Line,
    available,
    balance,
    balances,
    flows,
    movements,
    recounted,
    statement,
    sums,
)
from settlement.ledger.seal import Sealed, audit, verify
from settlement.ledger.words import (
    CNY,
    Action,
    Code,
    Entry,
    Hold,
    Kind,
    LedgerError,
    Post,
    Void,
    goods,
)

__all__ = [
    "CNY",
    "Action",
    "Code",
    "DayTotals",
    "Entry",
    "Hold",
    "Kind",
    "LedgerError",
    "Line",
    "Post",
    "Sealed",
    "Statement",
    "Void",
    "audit",
    "available",
    "balance",
    "balances",
    "close_day",
    "day_balances",
    "expire",
    "firm_statement",
    "flows",
    "goods",
    "movements",
    "post",
    "recounted",
    "statement",
    "sums",
    "transfer_id",
    "verify",
]
