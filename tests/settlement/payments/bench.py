"""A rail on the bench: adapters with the world that they speak to, for the contract test."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from settlement import bank_files as desk
from settlement.payments.bankfile.layout import raw_standard
from settlement.payments.bankfile.rail import BankfileRail
from settlement.payments.ledger_rail import LedgerRail
from settlement.payments.ports import Answer, Operation, OperationKind, Outcome, PaymentAdapter
from settlement.payments.stripe_rail import StripeRail
from tests.fakestripe.client import InProcess
from tests.fakestripe.double import SECRET, Double
from tests.settlement.payments.fakebank import FakeBank

START = 1_795_480_000  # 2026-11-24 in Shanghai
NAME = "日照远帆能源贸易有限公司(演示)"


@dataclass
class Clock:
    """Seconds that only a test moves."""

    seconds: int = START

    def __call__(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.seconds, dt.UTC)

    def go(self, seconds: int) -> dt.datetime:
        self.seconds += seconds
        return self()


@dataclass
class Bench:
    """One rail with accounts on it."""

    rail: PaymentAdapter
    clock: Clock
    payer: str = "payer"
    payee: str = "payee"
    method: str = "pm_card_visa"
    double: Double | None = None
    bank: FakeBank | None = None
    count: int = field(default=0)

    def operation(
        self, kind: OperationKind, amount_fen: int, *, parent: str = "", op_id: str = ""
    ) -> Operation:
        self.count += 1
        op_id = op_id or f"qldz:op{self.count}"
        pays_out = kind in (OperationKind.PAY_OUT, OperationKind.OPEN)
        method = self.method
        if kind == OperationKind.RETURN and not parent:
            parent = self.come_in(amount_fen)
        if kind == OperationKind.PAY_IN and self.bank is not None:
            method = self.bank.send_money(self.payer, amount_fen, NAME, self.clock())
            self.load_statement()
        return Operation(
            op_id,
            kind,
            amount_fen,
            made_at=self.clock(),
            account=self.payee if pays_out else self.payer_of(kind),
            holder=NAME,
            method=method,
            parent=parent,
            group=op_id,
        )

    def come_in(self, amount_fen: int) -> str:
        """Have money come in that nobody asked for; return the rail's name of it."""
        if self.bank is not None:
            ref = self.bank.send_money("VA-9", amount_fen, NAME, self.clock())
            self.load_statement()
            return ref
        if self.double is not None:
            self.double.send_money(self.payer, amount_fen, NAME)
            return str(self.double.all("customer_cash_balance_transaction")[0]["id"])
        return self.rail.submit(self.operation(OperationKind.PAY_IN, amount_fen)).ref

    def payer_of(self, kind: OperationKind) -> str:
        """Return whom money is taken from; a bank sends it back to the number that it came from."""
        return "6228" if kind == OperationKind.RETURN and self.bank is not None else self.payer

    def ask(self, operation: Operation) -> Answer:
        """Submit; where a rail answers by file, send the file and load the reply first."""
        answer = self.rail.submit(operation)
        if answer.outcome == Outcome.PENDING:
            self.exchange()
            answer = self.rail.lookup(operation, answer.ref)
        return answer

    def exchange(self) -> None:
        """Send the bank what waits, and load its replies and its statement."""
        assert self.bank is not None
        file = desk.write(by=None, now=self.clock())
        replies = self.bank.take(bytes(file.body), self.clock())
        desk.load_replies(self.bank.reply(replies), by=None, now=self.clock())
        self.load_statement()

    def load_statement(self) -> None:
        assert self.bank is not None
        desk.load_statement(self.bank.state(), by=None, now=self.clock())


def stripe_rail(double: Double, clock: Clock, client: InProcess | None = None) -> StripeRail:
    return StripeRail(
        "sk_test_bench",
        webhook_secret=SECRET,
        currency="cny",
        bank_transfer="eu_bank_transfer",
        clock=clock,
        http=client or InProcess(double),
    )


def stripe_bench() -> Bench:
    clock = Clock()
    double = Double(lambda: clock.seconds)
    payer = double.make("cus", "customer", name=NAME, metadata={})
    payee = double.make("acct", "account", company={"name": NAME}, balance=0, metadata={})
    double.send_money(payer["id"], 1_000_000, NAME)
    return Bench(stripe_rail(double, clock), clock, payer["id"], payee["id"], double=double)


def bankfile_bench() -> Bench:
    """Needs a current venue and its key in the settings."""
    clock = Clock()
    desk.configure(
        raw_standard(),
        "6222-custody",
        clearing_account="VA-C",
        fees_account="VA-F",
        by=None,
        now=clock(),
    )
    return Bench(BankfileRail(), clock, bank=FakeBank())


def ledger_bench() -> Bench:
    return Bench(LedgerRail(), Clock())
