"""A follower or a sweep that dies in the middle: between any two statements, then once more.

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
from settlement.models import (
    ContractEvent,
    Obligation,
    OutboxCommand,
    Receipt,
    ReceiptChange,
    Reminder,
)
from tests import world as worlds
from tests.settlement.contracts.trade import Deal, defaults, disputes, settling, timers

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Fails each run of `real` at statement 1, 2, 3 … in turn, until one gets through."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.kills = 0
        self.real = real

    def __call__(self, *arguments: Any) -> Any:
        """Do it as the process does, killed at every statement that writes."""
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
                    return self.real(*arguments)
            except Killed:
                self.kills += 1


@contextmanager
def killing(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, real: Callable[..., Any]
) -> Iterator[Killer]:
    killer = Killer(real)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, killer)
        yield killer


def fresh(basis: str = "DELIVERED") -> Deal:
    return Deal(cover_bp=1_000, buyer_yuan=2_000_000, basis=basis)


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


def owing(deal: Deal) -> None:
    """A part is delivered, its penalty exceeds the proceeds, and the seller has the rest later."""
    deal.pay()
    deal.deliver(40_000)
    deal.accept()
    deal.agree()
    deal.invoice()
    deal.wait(days=1)
    deal.pay_in(deal.seller, 100_000)
    deal.cash_in += 10_000_000
    deal.wait(days=5)


def silent(deal: Deal) -> None:
    """Nobody says anything: late collection, acceptance, agreement and invoice by the clock."""
    deal.pay()
    deal.order()
    deal.wait(days=15)
    deal.truck(1_000_000)
    deal.loaded()
    deal.wait(days=8)
    deal.invoice()
    deal.wait(days=6)


def left(deal: Deal) -> None:
    """The buyer never comes, and nobody chooses a remedy."""
    deal.pay()
    deal.wait(days=30)


def quarrelling(deal: Deal) -> None:
    """A dispute to whose every step nobody speaks, but the panel."""
    deal.pay()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=1_000, reason="重量不符")
    deal.wait(days=11)
    deal.do(disputes.decide, by=deal.people["clerk"], seller_gets=400, text="裁决")
    deal.invoice()
    deal.wait(days=6)


def everything(deal: Deal) -> dict[str, Any]:
    """Every row that the follower writes, without what a database numbers by itself."""
    with deal.scope():
        return {
            "balances": sorted(
                (number == ledger.CNY, code, firm, fen)
                for (number, code, firm), fen in ledger.balances().items()
            ),
            "contracts": list(
                Obligation.objects.values_list(
                    "state",
                    "committed_fen",
                    "kept_fen",
                    "unpaid_fen",
                    "penalty_fen",
                    "storage_fen",
                    "due_at",
                    "acts_at",
                    "remind_at",
                    "penalty_at",
                )
            ),
            "reminders": sorted(Reminder.objects.values_list("firm_id", "what", "hours", "at")),
            "history": list(ContractEvent.objects.order_by("id").values_list("kind", flat=True)),
            "receipts": sorted(Receipt.objects.values_list("origin", "lots", "locked_lots")),
            "changes": sorted(ReceiptChange.objects.values_list("key", "kind", "lots")),
            "outbox": sorted(OutboxCommand.objects.values_list("op_id", "state")),
        }


@pytest.mark.parametrize("live", [settled, defaulted, owing])
def test_a_follower_killed_at_every_write_loses_nothing_and_does_nothing_twice(
    live: Callable[[Deal], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference.load()
    with transaction.atomic():
        deal = fresh()
        live(deal)
        unharmed = everything(deal)
        transaction.set_rollback(True)
    with killing(monkeypatch, worlds, "apply_blocks", followers.apply_blocks) as killer:
        deal = fresh()
        live(deal)
    assert deal.state in ("closed", "terminated")
    assert killer.kills > 90
    deal.prove()
    assert everything(deal) == unharmed


@pytest.mark.parametrize("live", [silent, left, quarrelling, owing])
def test_a_sweep_killed_at_every_write_reminds_and_decides_once(
    live: Callable[[Deal], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference.load()
    with transaction.atomic():
        deal = fresh("")
        live(deal)
        unharmed = everything(deal)
        transaction.set_rollback(True)
    with killing(monkeypatch, timers, "sweep", timers.sweep) as killer:
        deal = fresh("")
        live(deal)
    assert deal.state in ("closed", "terminated")
    assert killer.kills > 10
    deal.prove()
    assert everything(deal) == unharmed
