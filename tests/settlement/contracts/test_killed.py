"""A follower that dies in the middle: between any two statements, then once more from its bookmark.

SIGKILL leaves a database where the last commit left it, so a connection that fails at a chosen
statement and a transaction that rolls back are what the next process finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from exchange import followers, reference
from settlement import ledger
from settlement.models import ContractEvent, Obligation, OutboxCommand, Receipt, ReceiptChange
from tests import world as worlds
from tests.settlement.contracts.trade import Deal, defaults, disputes, settling

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Fails each block's follower at statement 1, 2, 3 … in turn, until one run gets through."""

    def __init__(self) -> None:
        self.kills = 0
        self.real = followers.apply_blocks

    def apply(self, *arguments: Any) -> None:
        """Apply blocks as the follower does, killed at every statement that writes."""
        at = 0
        while True:
            at += 1
            writes = 0

            def count(execute: Callable[..., Any], sql: str, *rest: Any, last: int = at) -> Any:
                nonlocal writes
                if sql.startswith(("INSERT", "UPDATE", "COPY")):
                    writes += 1
                    if writes == last:
                        raise Killed
                return execute(sql, *rest)

            try:
                with connection.execute_wrapper(count):
                    self.real(*arguments)
            except Killed:
                self.kills += 1
                continue
            return


@contextmanager
def killing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Killer]:
    killer = Killer()
    with monkeypatch.context() as patch:
        patch.setattr(worlds, "apply_blocks", killer.apply)
        yield killer


def fresh() -> Deal:
    return Deal(cover_bp=1_000, buyer_yuan=2_000_000, basis="DELIVERED")


def settled(deal: Deal) -> None:
    """Deposit, payment, delivery, top-up, a dispute, invoice, close."""
    deal.pay()
    deal.deliver(1_099_000)
    deal.certificate(qnet_ar="5700", st_d="0.80", mt="18")
    deal.accept()
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=1_000, reason="重量不符")
    deal.pay()
    deal.invoice()
    deal.take_invoice()
    deal.do(disputes.respond, **deal.as_seller(), text="不同意")
    for who in (deal.as_buyer(), deal.as_seller()):
        deal.do(disputes.offer, **who, fen=400)


def defaulted(deal: Deal) -> None:
    """The seller delivers nothing, and pays its penalty a day later."""
    deal.pay()
    deal.order()
    deal.wait(days=15)
    deal.do(defaults.choose, **deal.as_buyer(), remedy="penalty")
    deal.pay_in(deal.seller, 100_000)
    deal.cash_in += 10_000_000
    deal.wait(days=1)


def everything(deal: Deal) -> dict[str, Any]:
    """Every row that the follower writes, without what a database numbers by itself."""
    with deal.scope():
        return {
            "balances": sorted(
                (number == ledger.CNY, code, firm, fen)
                for (number, code, firm), fen in ledger.balances().items()
            ),
            "contracts": list(
                Obligation.objects.values_list("state", "committed_fen", "kept_fen", "unpaid_fen")
            ),
            "history": list(ContractEvent.objects.order_by("id").values_list("kind", flat=True)),
            "receipts": sorted(Receipt.objects.values_list("origin", "lots", "locked_lots")),
            "changes": sorted(ReceiptChange.objects.values_list("key", "kind", "lots")),
            "outbox": sorted(OutboxCommand.objects.values_list("op_id", "state")),
        }


@pytest.mark.parametrize("live", [settled, defaulted])
def test_a_follower_killed_at_every_write_loses_nothing_and_does_nothing_twice(
    live: Callable[[Deal], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference.load()
    with transaction.atomic():
        deal = fresh()
        live(deal)
        unharmed = everything(deal)
        transaction.set_rollback(True)
    with killing(monkeypatch) as killer:
        deal = fresh()
        live(deal)
    assert deal.state in ("closed", "terminated")
    assert killer.kills > 90
    deal.prove()
    assert everything(deal) == unharmed
