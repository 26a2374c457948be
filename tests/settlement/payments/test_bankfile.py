"""Money by bank files, end to end: a file goes out, files come in, nothing half, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from exchange import scope
from exchange.models import Firm, User
from settlement import accounts, books, clearing, funds, incoming, ledger
from settlement import bank_files as desk
from settlement import payment_worker as worker
from settlement.ledger import CNY, Code, Entry, Kind
from settlement.models import (
    AccountState,
    BankFile,
    BankInstruction,
    BankLine,
    BankSettings,
    BatchState,
    BoundAccount,
    FundsMovement,
    FundsState,
    IncomingItem,
    IncomingState,
    LineState,
    NettingBatch,
    OperationState,
    PaymentOperation,
    RailLine,
)
from settlement.payments import findings, rails, reconcile
from settlement.payments.bankfile.layout import LayoutError, raw_standard
from settlement.payments.bankfile.words import FileError, Reply, StatementLine
from settlement.payments.ports import SWEEPS, OperationKind, Outcome
from tests.settlement.payments.bank import KEY, reply_paper, statement_paper
from tests.settlement.payments.bench import Clock
from tests.settlement.payments.fakebank import FakeBank
from tests.settlement.test_settlement import Still
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
PLACES = {BankFile: "sequence", BankInstruction: "op_id", BankLine: "bank_ref", RailLine: "line_id"}


class Custody:
    """A venue whose bank is told by files."""

    def __init__(self) -> None:
        self.world = World()
        self.buyer = self.world.firm("lzrd")
        self.clock = Clock()
        self.bank = FakeBank()
        self.clerk = User.objects.create_user("clerk")
        self.reviewer = User.objects.create_user("reviewer")

    def open(self, firm: Firm, number: str) -> BoundAccount:
        """Bind a firm's account: the bank gives the virtual account, a clerk enters it."""
        account = accounts.propose(
            venue=self.world.venue, firm=firm, payout=f"6222-{firm.code}", bank_code="ICBK",
            by=None, now=self.clock(),
        )  # fmt: skip
        accounts.agree(account.pk, by=self.clerk, agreed=True, now=self.clock())
        self.pulse()
        row = PaymentOperation.objects.get(op_id=f"open:{account.pk}")
        assert row.state == OperationState.HUMAN
        found = findings.report(row.pk, done=True, ref=number, by=self.clerk, now=self.clock())
        findings.answer(found.pk, agreed=True, by=self.reviewer, now=self.clock(), then=worker.then)
        account.refresh_from_db()
        assert (account.state, account.funding) == (AccountState.BOUND, number)
        return account

    def pulse(self) -> None:
        worker.pulse(self.clock.go(1))
        self.world.settle_all()

    def statement(self) -> desk.Loaded:
        loaded = desk.load_statement(self.bank.state(), by=self.clerk, now=self.clock.go(1))
        self.pulse()
        return loaded

    def take(self, fen: int, op_id: str) -> FundsMovement:
        movement = funds.withdraw(
            venue=self.world.venue, firm=self.buyer, amount_fen=fen, op_id=op_id, by=self.clerk
        )
        self.world.settle_all()
        self.pulse()
        return movement

    def replies(self, file: BankFile) -> list[Reply]:
        return self.bank.take(bytes(file.body), self.clock())

    def load(self, replies: list[Reply]) -> desk.Loaded:
        loaded = desk.load_replies(self.bank.reply(replies), by=self.clerk, now=self.clock.go(1))
        self.pulse()
        return loaded

    def write(self) -> BankFile:
        return desk.write(by=self.clerk, now=self.clock.go(1))

    def own(self) -> tuple[int, int]:
        """Return what the buyer may trade with, and what is bound."""
        return tuple(  # type: ignore[return-value]
            ledger.balance(CNY, code, self.buyer.pk) for code in (Code.TRADING, Code.COMMITTED)
        )


@pytest.fixture
def custody(settings: Any) -> Iterator[Custody]:
    found = Custody()
    settings.PAYMENT_RAIL = "bankfile"
    settings.BANKFILE_KEYS = {"qldz": KEY}
    with scope.venue(found.world.venue.id):
        desk.configure(raw_standard(), "6222-custody", by=found.clerk, now=found.clock())
        found.open(found.buyer, "VA-1")
        found.bank.send_money("VA-1", 70_000, found.buyer.name_zh, found.clock())
        found.statement()
        yield found


def state(movement: FundsMovement) -> str:
    movement.refresh_from_db()
    return movement.state


def rows() -> dict[str, list[Any]]:
    """Return all that files can change."""
    found: dict[str, list[Any]] = {
        model.__name__: list(model.objects.order_by(key).values()) for model, key in PLACES.items()
    }
    found["operations"] = list(PaymentOperation.objects.order_by("pk").values("op_id", "state"))
    return found


def test_a_line_of_the_statement_is_money_and_a_strangers_waits(custody: Custody) -> None:
    assert custody.own() == (70_000, 0)
    custody.bank.send_money("VA-1", 900, "Somebody else", custody.clock(), "coal")
    custody.bank.send_money("VA-9", 800, custody.buyer.name_zh, custody.clock())
    custody.statement()
    assert custody.own() == (70_000, 0)
    found = IncomingItem.objects.filter(state=IncomingState.UNKNOWN)
    assert set(found.values_list("reason", flat=True)) == {"THIRD_PARTY", "NO_ACCOUNT"}
    rail = rails.rail("bankfile")
    assert reconcile.run(rail, custody.clock.go(5)).breaks == 0, "it is known, if not whose"
    assert set(RailLine.objects.values_list("state", flat=True)) == {
        LineState.MATCHED,
        LineState.ITEM,
    }


def test_a_statement_that_is_loaded_days_late_is_compared_all_the_same(custody: Custody) -> None:
    rail = rails.rail("bankfile")
    assert reconcile.run(rail, custody.clock.go(5)).breaks == 0
    booked = custody.clock()
    custody.clock.go(3 * 24 * 3_600)
    assert reconcile.run(rail, custody.clock()).breaks == 0
    custody.bank.send_money("VA-1", 900, custody.buyer.name_zh, booked)
    custody.statement()
    found = reconcile.run(rail, custody.clock.go(5 * 24 * 3_600))
    assert (found.breaks, found.ours_only) == (0, [])
    assert RailLine.objects.filter(state=LineState.MATCHED).count() == 2


def test_a_withdrawal_goes_out_in_a_file_and_ends_with_the_banks_word(custody: Custody) -> None:
    good, bad = custody.take(30_000, "good"), custody.take(20_000, "bad")
    assert custody.own() == (20_000, 50_000)
    file = custody.write()
    with pytest.raises(desk.DeskError, match="NOTHING_WAITS"):
        custody.write()
    assert (file.sequence, file.rows) == (1, 2)
    custody.bank.balance_fen = 30_000
    replies = custody.replies(file)
    body = custody.bank.reply(replies)
    loaded = desk.load_replies(body, by=custody.clerk, now=custody.clock())
    again = desk.load_replies(body, by=custody.clerk, now=custody.clock())
    assert (loaded.is_new, again.is_new, again.file.pk) == (True, False, loaded.file.pk)
    custody.pulse()
    assert (state(good), state(bad), bad.refusal) == (
        FundsState.CONFIRMED, FundsState.FAILED, "RAIL_REFUSED",
    )  # fmt: skip
    assert custody.own() == (40_000, 0), "what the bank refused is the firm's again"
    custody.statement()
    found = reconcile.run(rails.rail("bankfile"), custody.clock.go(5))
    assert (found.breaks, found.ours_only) == (0, [])
    assert books.prove(Still(custody.world), wait_s=0).faults == []  # type: ignore[arg-type]


def test_pending_stays_bound_and_a_later_file_ends_it(custody: Custody) -> None:
    movement = custody.take(30_000, "slow")
    (reply,) = custody.replies(custody.write())
    waits = Reply(reply.op_id, reply.amount_fen, "CNY", Outcome.PENDING, "", "处理中")
    custody.load([waits])
    assert (state(movement), custody.own()) == (FundsState.REQUESTED, (40_000, 30_000))
    custody.load([reply])
    assert (state(movement), custody.own()) == (FundsState.CONFIRMED, (40_000, 0))


def test_a_final_word_never_flips_and_wrong_rows_are_breaks_that_stop_payouts(
    custody: Custody,
) -> None:
    early = Reply("qldz:one", 30_000, "CNY", Outcome.DONE, "X0", "")
    movement = custody.take(30_000, "one")
    assert custody.load([early]).breaks == 1, "it has not been asked yet"
    (reply,) = custody.replies(custody.write())
    stranger = Reply("qldz:nobody", 5, "CNY", Outcome.DONE, "X1", "")
    other = Reply(reply.op_id, reply.amount_fen + 1, "CNY", Outcome.DONE, "X2", "")
    foreign = Reply(reply.op_id, reply.amount_fen, "USD", Outcome.DONE, "X3", "")
    assert custody.load([stranger]).breaks == 1
    assert custody.load([other]).breaks == 1
    assert custody.load([foreign]).breaks == 1
    assert (state(movement), custody.own()) == (FundsState.REQUESTED, (40_000, 30_000))
    with pytest.raises(funds.FundsError, match="BREAK_OPEN"):
        custody.take(1, "frozen")
    for line in reconcile.breaks("bankfile"):
        reconcile.explain(line.pk, note="asked the bank", by=custody.clerk, now=custody.clock())
    assert custody.load([reply]).breaks == 0
    assert state(movement) == FundsState.CONFIRMED
    flipped = Reply(reply.op_id, reply.amount_fen, "CNY", Outcome.REFUSED, "", "退汇")
    assert custody.load([flipped]).breaks == 1
    custody.pulse()
    assert (state(movement), custody.own()) == (FundsState.CONFIRMED, (40_000, 0))
    assert BankInstruction.objects.get().state == Outcome.DONE


def test_a_damaged_foreign_or_skipped_file_loads_nothing(custody: Custody, settings: Any) -> None:
    custody.take(30_000, "one")
    replies = custody.replies(custody.write())
    body, statement = custody.bank.reply(replies), custody.bank.state()
    before = rows()
    word: dict[str, Any] = {"by": custody.clerk, "now": custody.clock()}
    for load, file in ((desk.load_replies, body), (desk.load_statement, statement)):
        for spoiled in (file[:-1], file[:40], file.replace(b"3", b"4", 1), b"", file + b"\n"):
            with pytest.raises(FileError):
                load(spoiled, **word)
    with pytest.raises(FileError, match="SEQUENCE_UNEXPECTED"):
        desk.load_replies(reply_paper(replies, sequence=2).sealed(), **word)
    with pytest.raises(desk.DeskError, match="STATEMENT_GAP"):
        desk.load_statement(custody.bank.state(), **word)
    with pytest.raises(desk.DeskError, match="STATEMENT_GAP"):
        desk.load_statement(statement_paper([], opening=1, sequence=2).sealed(), **word)
    settings.BANKFILE_KEYS = {"qldz": bytes(32), "jdsc": KEY}
    with pytest.raises(FileError, match="MAC"):
        desk.load_replies(body, **word)
    settings.BANKFILE_KEYS = {"qldz": KEY}
    with scope.venue(2), pytest.raises(desk.DeskError, match="NO_BANK"):
        desk.load_replies(body, **word)
    with pytest.raises(desk.DeskError, match="STATEMENT_GAP"):
        desk.load_statement(statement_paper([], opening=70_000, sequence=3).sealed(), **word)
    assert rows() == before
    assert desk.load_replies(body, **word).is_new
    assert desk.load_statement(statement, **word).is_new


def legs_day(custody: Custody, *, paid_fen: int) -> Firm:
    """Let the seller have an account, and the books move `paid_fen` from buyer to seller."""
    seller = Firm.objects.get(code="rzyf")
    custody.open(seller, "VA-2")
    desk.configure(
        raw_standard(), "6222-custody", clearing_account="VA-C", fees_account="VA-F",
        by=custody.clerk, now=custody.clock(),
    )  # fmt: skip
    paid = Entry(CNY, (Code.TRADING, custody.buyer.pk), (Code.TRADING, seller.pk), paid_fen - 50,
                 Kind.PAYMENT)  # fmt: skip
    fee = Entry(CNY, (Code.TRADING, custody.buyer.pk), (Code.FEES, 0), 50, Kind.FEE)
    ledger.post([paid, fee], seq=9_000, position="x", at=custody.clock(), trade_id=1)
    clearing.close(funding={}, by=custody.clerk, now=custody.clock())
    custody.pulse()
    return seller


def batch() -> NettingBatch:
    return NettingBatch.objects.get()


def test_the_legs_of_a_batch_go_and_come_in_files_and_the_statement_explains_them(
    custody: Custody,
) -> None:
    legs_day(custody, paid_fen=60_000)
    custody.pulse()
    word: dict[str, Any] = {"by": custody.clerk, "now": custody.clock()}
    with pytest.raises(desk.DeskError, match="BATCH_OPEN"):
        desk.configure(raw_standard(), "6222-custody", clearing_account="VA-X", **word)
    first = custody.write()
    assert (batch().state, first.rows) == (BatchState.PAYING_IN, 1)
    assert b"sweep_in" in first.body
    with pytest.raises(desk.DeskError, match="NOTHING_WAITS"):
        custody.write()  # nothing is paid out yet
    custody.load(custody.replies(first))
    custody.pulse()
    assert custody.bank.places == Counter({"VA-1": 10_000, "VA-C": 60_000})
    second = custody.write()
    assert (batch().state, second.rows) == (BatchState.PAYING_OUT, 2)
    custody.load(custody.replies(second))
    custody.pulse()
    assert batch().state == BatchState.DONE
    assert custody.bank.places == Counter(
        {"VA-1": 10_000, "VA-C": 0, "VA-F": 50, "VA-2": 59_950}
    ), "as the books have it"
    custody.statement()
    found = reconcile.run(rails.rail("bankfile"), custody.clock.go(10**6))
    assert (found.breaks, found.ours_only) == (0, [])
    assert IncomingItem.objects.filter(state=IncomingState.UNKNOWN).count() == 0
    assert {one.lines.count() for one in PaymentOperation.objects.filter(kind__in=SWEEPS)} == {2}


def test_a_statement_before_the_reply_is_matched_when_the_reply_has_come(custody: Custody) -> None:
    legs_day(custody, paid_fen=60_000)
    custody.pulse()
    replies = custody.replies(custody.write())
    custody.statement()
    rail = rails.rail("bankfile")
    assert reconcile.run(rail, custody.clock.go(5)).breaks == 2, (
        "we do not know yet that it is done"
    )
    custody.load(replies)
    custody.pulse()
    assert reconcile.run(rail, custody.clock.go(5)).breaks == 0


def test_what_the_bank_has_no_money_for_drops_out_and_the_line_of_another_place_is_a_break(
    custody: Custody,
) -> None:
    legs_day(custody, paid_fen=60_000)
    custody.pulse()
    custody.bank.places["VA-1"] = 59_999
    custody.load(custody.replies(custody.write()))
    custody.pulse()
    assert (batch().state, batch().revision) == (BatchState.DONE, 2)
    assert batch().drops.count() == 2
    assert custody.bank.places["VA-C"] == 0
    clearing.close(funding={}, by=custody.clerk, now=custody.clock())
    custody.pulse()
    custody.pulse()
    custody.bank.places["VA-1"] = 60_000
    replies = custody.replies(custody.write())
    custody.load(replies)
    line = custody.bank.lines[-2]
    custody.bank.lines[-2] = replace(line, own_account="VA-7")
    custody.statement()
    found = reconcile.run(rails.rail("bankfile"), custody.clock.go(5))
    assert found.breaks == 1, "the money did not leave where it should"


def test_legs_wait_until_the_operator_has_named_the_clearing_account(custody: Custody) -> None:
    legs_day(custody, paid_fen=60_000)
    custody.pulse()
    file = custody.write()
    assert file.rows == 1
    BankInstruction.objects.all().delete()
    PaymentOperation.objects.filter(kind__in=SWEEPS).update(state=OperationState.NEW)
    BankSettings.objects.update(clearing_account="")
    custody.clock.go(400)
    custody.pulse()
    row = PaymentOperation.objects.get(kind=OperationKind.SWEEP_IN)
    assert (row.state, row.code) == (OperationState.NEW, "NO_CLEARING_ACCOUNT")
    assert batch().state == BatchState.PAYING_IN, "nothing drops out"
    with pytest.raises(desk.DeskError, match="ACCOUNTS_ALIKE"):
        desk.configure(
            raw_standard(), "6222-custody", clearing_account="VA-F", fees_account="VA-F",
            by=None, now=custody.clock(),
        )  # fmt: skip


def unknown(custody: Custody, reason: str) -> IncomingItem:
    return IncomingItem.objects.get(state=IncomingState.UNKNOWN, reason=reason)


def test_unknown_money_goes_back_in_a_file_to_the_account_it_came_from(custody: Custody) -> None:
    custody.bank.send_money("VA-1", 900, "Somebody else", custody.clock(), "coal")
    custody.statement()
    item = unknown(custody, "THIRD_PARTY")
    assert item.return_to == "6228"
    other = User.objects.create_user("second clerk")
    word: dict[str, Any] = {"note": "一时查不到", "by": custody.clerk, "now": custody.clock()}
    incoming.propose_return(item.pk, **word)
    agree: dict[str, Any] = {"agreed": True, "now": custody.clock()}
    with pytest.raises(incoming.IncomingError, match="SAME_PERSON"):
        incoming.agree(item.pk, by=custody.clerk, **agree)
    for act in (
        lambda: incoming.propose_return(item.pk, **word),
        lambda: incoming.claim(item.pk, firm=custody.buyer, **word),
    ):
        with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
            act()
    with scope.venue(2), pytest.raises(incoming.IncomingError, match="UNKNOWN_ITEM"):
        incoming.agree(item.pk, by=other, **agree)
    incoming.agree(item.pk, by=other, **agree)
    with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
        incoming.agree(item.pk, by=other, **agree)
    custody.pulse()
    file = custody.write()
    assert b"6228" in file.body
    assert b"Somebody else" in file.body
    held = custody.bank.balance_fen
    custody.load(custody.replies(file))
    item.refresh_from_db()
    assert (item.state, item.decided_by) == (IncomingState.RETURNED, other)
    assert custody.bank.balance_fen == held - 900
    assert custody.own() == (70_000, 0), "it was in nobody's books"
    custody.statement()
    found = reconcile.run(rails.rail("bankfile"), custody.clock.go(10**6))
    assert (found.breaks, found.ours_only) == (0, [])


def test_a_refused_return_is_nobodys_again_and_may_be_tried_anew_once(custody: Custody) -> None:
    custody.bank.send_money("VA-9", 900, "Somebody else", custody.clock())
    custody.statement()
    item = unknown(custody, "NO_ACCOUNT")
    other = User.objects.create_user("second clerk")
    for balance, ends in ((0, IncomingState.UNKNOWN), (900, IncomingState.RETURNED)):
        incoming.propose_return(item.pk, note="x", by=custody.clerk, now=custody.clock())
        incoming.agree(item.pk, agreed=True, by=other, now=custody.clock())
        custody.pulse()
        custody.bank.balance_fen = balance
        custody.load(custody.replies(custody.write()))
        item.refresh_from_db()
        assert item.state == ends
    asked = PaymentOperation.objects.filter(kind=OperationKind.RETURN).order_by("pk")
    assert [(one.state, one.purpose) for one in asked] == [
        (OperationState.REFUSED, f"return:{item.pk}"),
        (OperationState.DONE, f"return:{item.pk}"),
    ]
    with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
        incoming.propose_return(item.pk, note="x", by=custody.clerk, now=custody.clock())


def test_a_proposal_may_be_declined_and_money_of_no_account_cannot_go_back(
    custody: Custody,
) -> None:
    custody.bank.send_money("VA-9", 900, "Somebody else", custody.clock())
    custody.statement()
    item = unknown(custody, "NO_ACCOUNT")
    incoming.propose_return(item.pk, note="x", by=custody.clerk, now=custody.clock())
    incoming.agree(item.pk, agreed=False, by=custody.clerk, now=custody.clock())
    item.refresh_from_db()
    assert (item.state, item.proposed_by) == (IncomingState.UNKNOWN, None)
    IncomingItem.objects.filter(pk=item.pk).update(return_to="")
    with pytest.raises(incoming.IncomingError, match="NO_RETURN_ACCOUNT"):
        incoming.propose_return(item.pk, note="x", by=custody.clerk, now=custody.clock())
    assert not PaymentOperation.objects.filter(kind=OperationKind.RETURN).exists()


def test_a_line_of_an_earlier_statement_is_refused(custody: Custody) -> None:
    (line,) = BankLine.objects.all()
    twice = statement_paper(
        [StatementLine(line.bank_ref, "", custody.clock(), 5, "6228", "x", "VA-1", "")],
        opening=70_000,
        sequence=2,
    ).sealed()
    with pytest.raises(desk.DeskError, match="LINE_TWICE"):
        desk.load_statement(twice, by=None, now=custody.clock())
    assert BankLine.objects.count() == 1


def test_a_file_is_the_same_however_often_it_is_fetched_and_needs_its_settings(
    custody: Custody, settings: Any
) -> None:
    with pytest.raises(LayoutError):
        desk.configure({"encoding": "latin"}, "x", by=None, now=custody.clock())
    settings.BANKFILE_KEYS = {}
    custody.take(30_000, "one")
    with pytest.raises(desk.DeskError, match="NO_BANK_KEY"):
        custody.write()
    assert BankInstruction.objects.get().file is None, "it still waits"
    settings.BANKFILE_KEYS = {"qldz": KEY}
    file = custody.write()
    assert bytes(BankFile.objects.get(pk=file.pk).body) == file.body
    assert OperationKind.PAY_OUT.encode() in file.body
    assert b"6222-lzrd" in file.body
