"""A bank that is spoken to by files: holds, pays, refuses, and writes statements."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import Counter
from dataclasses import dataclass, field

from settlement.payments.bankfile.words import Reply, StatementLine
from settlement.payments.ports import SWEEPS, OperationKind, Outcome
from tests.settlement.payments.bank import STANDARD, reply_paper, statement_paper

K = OperationKind
_BUILDS_ON = {
    K.CAPTURE: {K.RESERVE},
    K.RELEASE: {K.RESERVE},
    K.REFUND: {K.PAY_IN, K.CAPTURE},
    K.CLAWBACK: {K.PAY_OUT},
    K.RETURN: {K.PAY_IN},
}
_SIGN = {K.CAPTURE: 1, K.CLAWBACK: 1, K.PAY_OUT: -1, K.REFUND: -1, K.RETURN: -1}


@dataclass
class Payment:
    """One thing that the bank has done."""

    kind: OperationKind
    amount_fen: int
    used_fen: int = 0


@dataclass
class FakeBank:
    """One custody account with virtual sub-accounts; `balance_fen` is what it holds.

    `places` is what came in to each sub-account and what legs moved between them.
    """

    balance_fen: int = 0
    places: Counter[str] = field(default_factory=Counter)
    done: dict[str, Payment] = field(default_factory=dict)
    lines: list[StatementLine] = field(default_factory=list)
    stated_fen: int = 0
    replied: int = 0
    stated: int = 0

    def send_money(
        self, account: str, fen: int, payer: str, at: dt.datetime, memo: str = ""
    ) -> str:
        """Somebody pays to a virtual account; return the bank's reference."""
        self.places[account] += fen
        return self.book(fen, "", account, payer, at, memo, K.PAY_IN)

    def book(
        self,
        fen: int,
        op_id: str,
        account: str,
        name: str,
        at: dt.datetime,
        memo: str,
        kind: OperationKind,
    ) -> str:
        ref = f"B{len(self.done) + 1:05d}"
        self.done[ref] = Payment(kind, abs(fen))
        self.balance_fen += fen
        self.lines.append(StatementLine(ref, op_id, at, fen, "6228", name, account, memo))
        return ref

    def take(self, body: bytes, at: dt.datetime) -> list[Reply]:
        """Do what an instruction file asks; return what became of each."""
        rows = list(csv.reader(io.StringIO(body.decode("utf-8"), newline="")))
        headings = {heading: name for name, heading in STANDARD.instruction_columns}
        names = [headings[heading] for heading in rows[1]]
        return [self.answer(dict(zip(names, row, strict=True)), at) for row in rows[2:-2]]

    def answer(self, asked: dict[str, str], at: dt.datetime) -> Reply:
        kind = OperationKind(asked["kind"])
        fen = int(asked["amount"].replace(".", ""))
        parent = self.done.get(asked["purpose"])
        reason = ""
        if kind in SWEEPS:
            return self.sweep(asked, kind, fen, at)
        if kind in _BUILDS_ON:
            if parent is None or parent.kind not in _BUILDS_ON[kind]:
                reason = "无此业务"
            elif parent.kind == K.RESERVE and parent.used_fen:
                reason = "已解冻"
            elif parent.used_fen + fen > parent.amount_fen:
                reason = "超过原金额"
        if fen * -_SIGN.get(kind, 0) > self.balance_fen:
            reason = "余额不足"
        if reason:
            return Reply(asked["op_id"], fen, "CNY", Outcome.REFUSED, "", reason)
        if parent is not None:
            parent.used_fen += fen
        if kind in _SIGN:
            name = asked["payee_name"]
            ref = self.book(_SIGN[kind] * fen, asked["op_id"], "VA-0", name, at, "", kind)
        else:
            ref = f"H{len(self.done) + 1:05d}"
            self.done[ref] = Payment(kind, fen)
        return Reply(asked["op_id"], fen, "CNY", Outcome.DONE, ref, "")

    def sweep(self, asked: dict[str, str], kind: OperationKind, fen: int, at: dt.datetime) -> Reply:
        """Move money from one sub-account to another: a line for each, with the same number."""
        payer, payee = asked["payer_account"], asked["payee_account"]
        if self.places[payer] < fen:
            return Reply(asked["op_id"], fen, "CNY", Outcome.REFUSED, "", "余额不足")
        self.places[payer] -= fen
        self.places[payee] += fen
        ref = self.book(-fen, asked["op_id"], payer, "", at, "", kind)
        self.book(fen, asked["op_id"], payee, asked["payee_name"], at, "", kind)
        return Reply(asked["op_id"], fen, "CNY", Outcome.DONE, ref, "")

    def reply(self, replies: list[Reply]) -> bytes:
        """Write the next reply file."""
        self.replied += 1
        return reply_paper(replies, sequence=self.replied).sealed()

    def state(self) -> bytes:
        """Write the next statement: what was booked since the last one."""
        self.stated += 1
        paper = statement_paper(self.lines, opening=self.stated_fen, sequence=self.stated)
        self.stated_fen += sum(line.amount_fen for line in self.lines)
        self.lines = []
        return paper.sealed()
