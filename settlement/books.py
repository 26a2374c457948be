"""Proof of books: the ledger sums to zero, and ledger and engine agree at the same block."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from exchange.link import BlockingLink
from exchange.models import Bookmark
from exchange.scope import current_venue_id
from settlement import ledger, set_aside
from settlement.contracts import invoicing
from settlement.ledger import CNY, Code

WAIT_S = 10
"""How long the proof waits for the follower to reach the engine's block."""


@dataclass
class Proof:
    """What was compared at block `seq`; `faults` is empty when the books are right."""

    seq: int
    firms: int
    receipts: int
    ledgers: int
    cash_fen: int
    goods_kg: int
    faults: list[str] = field(default_factory=list)


class NoCommonHeight(Exception):
    """Engine and follower did not stand at one block within the time given."""


def prove(link: BlockingLink, *, wait_s: int = WAIT_S, recount: bool = True) -> Proof:
    """Compare ledger and engine of the current venue at one height.

    While the market trades the two meet only for moments, so it is tried until they do. With
    `recount` every account is added up again from its transfers, and every accepted invoice is
    compared with its contract (Σ 发票 = Σ 结算), which takes longer each day.
    """
    deadline = time.monotonic() + wait_s
    while True:
        report = link.cover(current_venue_id())
        proof = _compare(report, recount=recount)
        if proof is not None:
            return proof
        if time.monotonic() > deadline:
            raise NoCommonHeight(
                f"the follower has not reached block {report['seq']} within {wait_s} s"
            )
        time.sleep(0.02)


def _compare(report: dict[str, Any], *, recount: bool) -> Proof | None:
    with transaction.atomic():
        mark = Bookmark.objects.filter(follower="settlement").first()
        if mark is None or mark.seq != report["seq"]:
            return None
        balances = ledger.balances()
        sums = ledger.sums()
        recounted = ledger.recounted() if recount else balances
        aside = set_aside.aside_kg()
        settled, invoiced = invoicing.totals() if recount else (0, 0)
    faults = [f"ledger {number} sums to {total}" for number, total in sums.items() if total]
    faults += [
        f"account {key}: its transfers add up to {recounted[key]}, not {value}"
        for key, value in balances.items()
        if recounted[key] != value
    ]
    if settled != invoiced:
        faults.append(f"accepted invoices say {invoiced}, their contracts {settled}")
    for number in sums:
        for code in (Code.ESCROW, Code.CUSTODY):
            if balances.get((number, code, 0), 0):
                faults.append(f"{code} of ledger {number} is not empty")
    expected: dict[tuple[int, str, int], int] = {}
    for firm_id, available, held, committed in report["cash"]:
        expected[CNY, Code.TRADING, firm_id] = available + held
        expected[CNY, Code.COMMITTED, firm_id] = committed
    for firm_id, instrument_id, _, free, held, committed, kg in report["goods"]:
        lots = free + held + committed
        number = ledger.goods(instrument_id)
        bound = kg * committed // lots
        for code, amount in ((Code.TRADING, kg - bound), (Code.COMMITTED, bound)):
            key = (number, code, firm_id)
            expected[key] = expected.get(key, 0) + amount
    # What the engine does not have, the receipts must: set aside, and still in store.
    for (firm_id, instrument_id), kg in aside.items():
        expected[ledger.goods(instrument_id), Code.ASIDE, firm_id] = kg
    firm_codes = (Code.TRADING, Code.COMMITTED, Code.ASIDE)
    for account in expected.keys() | {key for key in balances if key[1] in firm_codes}:
        ours, theirs = balances.get(account, 0), expected.get(account, 0)
        if ours != theirs:
            who = "receipts" if account[1] == Code.ASIDE else "engine"
            faults.append(f"account {account}: the ledger says {ours}, the {who} {theirs}")
    return Proof(
        seq=int(mark.seq),
        firms=len(report["cash"]),
        receipts=len(report["goods"]),
        ledgers=len(sums),
        cash_fen=-balances.get((CNY, Code.BANK, 0), 0),
        goods_kg=-sum(value for key, value in balances.items() if key[1] == Code.WAREHOUSE),
        faults=sorted(faults),
    )
