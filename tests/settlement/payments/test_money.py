"""Deposits and withdrawals by Stripe, from the rail to the engine and the ledger and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from exchange import scope
from exchange.models import Firm, User
from settlement import accounts, books, funds, incoming, ledger
from settlement import payment_worker as worker
from settlement.ledger import CNY, Code
from settlement.models import (
    AccountState,
    BoundAccount,
    FundsMovement,
    FundsState,
    IncomingItem,
    IncomingState,
    LineState,
    Notification,
    OperationState,
    PaymentOperation,
    RailLine,
    Reconciliation,
)
from settlement.payments import inbox, rails, reconcile
from settlement.payments.ports import Line, OperationKind
from tests.fakestripe.double import FAULTS, Double, signed
from tests.settlement.clearing_day import Killed, killed_at
from tests.settlement.payments.bench import Clock, stripe_rail
from tests.settlement.test_settlement import Still
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


class Bank:
    """A venue whose money goes by Stripe: firms, a clerk, a double, a clock."""

    def __init__(self) -> None:
        self.world = World()
        self.buyer, self.seller = self.world.firm("lzrd"), self.world.firm("rzyf")
        self.clock = Clock()
        self.double = Double(lambda: self.clock.seconds, balance=50_000)
        rails.provide(stripe_rail(self.double, self.clock))
        self.finance = User.objects.create_user("finance")
        self.clerk = User.objects.create_user("clerk")

    def open(self, firm: Firm, name: str = "") -> BoundAccount:
        """Bind a firm's account; `name` is what Stripe knows its holder as."""
        made = self.double.make("acct", "account", company={"name": name or firm.name_zh})
        made |= {"balance": 0, "metadata": {}}
        account = accounts.propose(
            venue=self.world.venue,
            firm=firm,
            payout=made["id"],
            bank_code="",
            by=self.finance,
            now=self.clock(),
        )
        accounts.agree(account.pk, by=self.clerk, agreed=True, now=self.clock())
        self.pulse()
        account.refresh_from_db()
        return account

    def funded(self) -> BoundAccount:
        """Bind the buyer's account and send 700 yuan to it."""
        account = self.open(self.buyer)
        self.double.send_money(account.funding, 70_000, self.buyer.name_zh)
        BoundAccount.objects.update(poll_at=None)
        self.pulse()
        return account

    def pulse(self, *, times: int = 1, seconds: int = 1) -> None:
        """Let the worker look again and again, and the engine hear of it."""
        for _ in range(times):
            worker.pulse(self.clock())
            self.clock.go(seconds)
        self.world.settle_all()

    def take(self, firm: Firm, fen: int, op_id: str = "out") -> FundsMovement:
        """Have a firm take money out."""
        movement = funds.withdraw(
            venue=self.world.venue, firm=firm, amount_fen=fen, op_id=op_id, by=self.finance
        )
        self.world.settle_all()
        return movement

    def trading(self, firm: Firm) -> int:
        return ledger.balance(CNY, Code.TRADING, firm.pk)

    def committed(self, firm: Firm) -> int:
        return ledger.balance(CNY, Code.COMMITTED, firm.pk)

    def agree_with_engine(self) -> None:
        assert books.prove(Still(self.world), wait_s=0).faults == []  # type: ignore[arg-type]


@pytest.fixture
def bank(settings: Any) -> Iterator[Bank]:
    found = Bank()
    settings.PAYMENT_RAIL = "stripe"
    with scope.venue(found.world.venue.id):
        yield found


def state(movement: FundsMovement) -> str:
    movement.refresh_from_db()
    return movement.state


def test_money_that_a_firm_sends_is_its_own_once_however_often_it_is_told(bank: Bank) -> None:
    account = bank.open(bank.buyer)
    assert (account.state, account.funding[:4]) == (AccountState.BOUND, "cus_")
    bank.double.send_money(account.funding, 70_000, bank.buyer.name_zh)
    event = bank.double.all("event")[0]
    body, mark = signed(event, bank.clock.seconds)
    head = {"Stripe-Signature": mark}
    assert inbox.keep("stripe", body, head, bank.clock()) == 1
    assert inbox.keep("stripe", body, head, bank.clock()) == 0, "told twice, kept once"
    bank.pulse()
    assert bank.trading(bank.buyer) == 70_000
    assert bank.double.balance == 120_000, "and the platform has it"
    BoundAccount.objects.update(poll_at=None)
    bank.pulse(times=3, seconds=700)
    assert bank.trading(bank.buyer) == 70_000
    assert FundsMovement.objects.filter(state=FundsState.CONFIRMED).count() == 1
    assert not Notification.objects.filter(handled_at__isnull=True).exists()
    bank.agree_with_engine()


def test_without_any_message_it_is_found_by_looking(bank: Bank) -> None:
    account = bank.open(bank.buyer)
    bank.double.send_money(account.funding, 70_000, bank.buyer.name_zh)
    bank.pulse(times=2, seconds=300)
    assert bank.trading(bank.buyer) in (0, 70_000)
    bank.pulse(times=2, seconds=300)
    assert bank.trading(bank.buyer) == 70_000


def test_a_strangers_money_waits_for_the_clerk_and_is_nobodys_until_then(bank: Bank) -> None:
    account = bank.open(bank.buyer)
    other = bank.open(bank.seller)
    for amount in (700, 800):
        bank.double.send_money(account.funding, amount, "Somebody else", "for coal")
    BoundAccount.objects.update(poll_at=None)
    bank.pulse()
    assert bank.trading(bank.buyer) == 0
    one, two = IncomingItem.objects.order_by("amount_fen")
    assert (one.state, one.reason, one.memo) == (IncomingState.UNKNOWN, "THIRD_PARTY", "for coal")
    word: dict[str, Any] = {"note": "seen the order", "by": bank.clerk, "now": bank.clock()}
    second: dict[str, Any] = {"by": bank.finance, "now": bank.clock()}
    with pytest.raises(incoming.IncomingError, match="OTHER_ACCOUNT"):
        incoming.claim(one.pk, firm=bank.seller, **word)
    with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
        incoming.agree(one.pk, agreed=True, **second)
    incoming.claim(one.pk, firm=bank.buyer, **word)
    bank.pulse()
    assert bank.trading(bank.buyer) == 0, "one person alone gives it to nobody"
    for act in (incoming.propose_return, incoming.report_return):
        with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
            act(one.pk, **word)
    with pytest.raises(incoming.IncomingError, match="SAME_PERSON"):
        incoming.agree(one.pk, agreed=True, by=bank.clerk, now=bank.clock())
    incoming.agree(one.pk, agreed=False, **second)
    one.refresh_from_db()
    assert (one.state, one.firm, one.proposed_by) == (IncomingState.UNKNOWN, None, None)
    incoming.claim(one.pk, firm=bank.buyer, **word)
    with scope.venue(2), pytest.raises(incoming.IncomingError, match="UNKNOWN_ITEM"):
        incoming.agree(one.pk, agreed=True, **second)
    incoming.agree(one.pk, agreed=True, **second)
    bank.pulse()
    assert (bank.trading(bank.buyer), bank.trading(bank.seller)) == (700, 0)
    one.refresh_from_db()
    assert (one.proposed_by, one.decided_by) == (bank.clerk, bank.finance)
    for act in (
        lambda: incoming.claim(one.pk, firm=bank.buyer, **word),
        lambda: incoming.agree(one.pk, agreed=True, **second),
    ):
        with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
            act()
    with pytest.raises(incoming.IncomingError, match="UNKNOWN_ITEM"):
        incoming.claim(10**6, firm=bank.buyer, **word)
    third = self_made_item()
    with pytest.raises(incoming.IncomingError, match="NO_ACCOUNT"):
        incoming.claim(third.pk, firm=bank.world.firm("lyjc"), **word)
    third.refresh_from_db()
    assert third.state == IncomingState.UNKNOWN, "what was refused has changed nothing"
    two.refresh_from_db()
    assert two.state == IncomingState.UNKNOWN
    assert other.funding != account.funding
    incoming.claim(two.pk, firm=bank.buyer, **word)
    BoundAccount.objects.filter(pk=account.pk).update(state=AccountState.CLOSED)
    with pytest.raises(incoming.IncomingError, match="NO_ACCOUNT"):
        incoming.agree(two.pk, agreed=True, **second)
    two.refresh_from_db()
    assert (two.state, two.decided_by) == (IncomingState.CLAIMED, None)


def test_what_the_bank_sent_back_by_itself_is_closed_by_two_people_and_asks_nothing(
    bank: Bank,
) -> None:
    item = stranger(bank)
    word: dict[str, Any] = {"note": "R-7", "now": bank.clock()}
    agree: dict[str, Any] = {"agreed": True, "now": bank.clock()}
    with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
        incoming.agree(item.pk, by=bank.finance, **agree)
    incoming.report_return(item.pk, by=bank.clerk, **word)
    for act in (incoming.report_return, incoming.propose_return):
        with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
            act(item.pk, by=bank.clerk, **word)
    with pytest.raises(incoming.IncomingError, match="SAME_PERSON"):
        incoming.agree(item.pk, by=bank.clerk, **agree)
    item.refresh_from_db()
    assert item.state == IncomingState.REPORTED, "one person alone closes nothing"
    incoming.agree(item.pk, by=bank.finance, **(agree | {"agreed": False}))
    item.refresh_from_db()
    assert (item.state, item.proposed_by) == (IncomingState.UNKNOWN, None)
    incoming.report_return(item.pk, by=bank.clerk, **word)
    with scope.venue(2), pytest.raises(incoming.IncomingError, match="UNKNOWN_ITEM"):
        incoming.agree(item.pk, by=bank.finance, **agree)
    incoming.agree(item.pk, by=bank.finance, **agree)
    item.refresh_from_db()
    assert (item.state, item.note) == (IncomingState.RETURNED, "R-7")
    assert (item.proposed_by, item.decided_by) == (bank.clerk, bank.finance)
    assert not PaymentOperation.objects.filter(kind=OperationKind.RETURN).exists()
    with pytest.raises(incoming.IncomingError, match="ITEM_STATE"):
        incoming.agree(item.pk, by=bank.finance, **agree)


@pytest.mark.parametrize("state", ["proposed", "reported", "returning"])
def test_the_database_wants_to_know_who_sends_money_back(bank: Bank, state: str) -> None:
    item = self_made_item()
    with pytest.raises(IntegrityError), transaction.atomic():
        IncomingItem.objects.filter(pk=item.pk).update(state=state)
    rows = IncomingItem.objects.filter(pk=item.pk)
    rows.update(state=state, proposed_by=bank.clerk)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(decided_by=bank.clerk)
    rows.update(decided_by=bank.finance)


def self_made_item() -> IncomingItem:
    return IncomingItem.objects.create(
        venue_id=scope.current_venue_id(),
        rail="stripe",
        ref="x",
        amount_fen=1,
        came_at=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
        state=IncomingState.UNKNOWN,
    )


def test_a_withdrawal_leaves_to_the_bound_account_alone(bank: Bank) -> None:
    with pytest.raises(funds.FundsError, match="PUSH_ONLY"):
        funds.deposit(venue=bank.world.venue, firm=bank.buyer, amount_fen=1, op_id="x", by=None)
    with pytest.raises(funds.FundsError, match="NO_ACCOUNT"):
        bank.take(bank.buyer, 1)
    account = bank.funded()
    movement = bank.take(bank.buyer, 30_000)
    assert (bank.trading(bank.buyer), bank.committed(bank.buyer)) == (40_000, 30_000)
    bank.pulse()
    assert state(movement) == FundsState.CONFIRMED
    assert bank.double.things[account.payout]["balance"] == 30_000
    assert (bank.trading(bank.buyer), bank.committed(bank.buyer)) == (40_000, 0)
    with pytest.raises(funds.FundsError, match="AMOUNT"):
        bank.take(bank.buyer, 10**8, "big")
    bank.agree_with_engine()


def test_what_the_rail_refuses_comes_back_and_what_it_does_not_say_stays_bound(bank: Bank) -> None:
    account = bank.funded()
    bank.double.balance = 10_000
    refused = bank.take(bank.buyer, 30_000, "refused")
    bank.pulse()
    assert (state(refused), refused.refusal) == (FundsState.FAILED, "RAIL_REFUSED")
    assert (bank.trading(bank.buyer), bank.committed(bank.buyer)) == (70_000, 0)

    bank.double.fault = lambda method, path: "drop_after" if "transfers" in path else ""
    unsure = bank.take(bank.buyer, 5_000, "unsure")
    for _ in range(3):
        bank.pulse(seconds=5)
        assert state(unsure) == FundsState.UNKNOWN
        assert bank.committed(bank.buyer) == 5_000, "it is not known, so nothing is freed"
    bank.double.fault = lambda method, path: ""
    bank.pulse(times=20, seconds=20)
    assert state(unsure) == FundsState.CONFIRMED
    assert bank.double.things[account.payout]["balance"] == 5_000, "paid once"
    bank.agree_with_engine()


def test_an_account_is_of_the_firms_own_name_and_agreed_to_by_another(bank: Bank) -> None:
    strange = bank.open(bank.buyer, "Somebody else")
    assert (strange.state, strange.refusal) == (AccountState.REFUSED, "NOT_SAME_NAME")
    nowhere = accounts.propose(
        venue=bank.world.venue, firm=bank.buyer, payout="acct_none", bank_code="",
        by=bank.finance, now=bank.clock(),
    )  # fmt: skip
    word: dict[str, Any] = {"agreed": True, "now": bank.clock()}
    with pytest.raises(accounts.AccountError, match="ACCOUNT_LIVE"):
        bank.open(bank.buyer)
    with pytest.raises(accounts.AccountError, match="SAME_PERSON"):
        accounts.agree(nowhere.pk, by=bank.finance, **word)
    with pytest.raises(accounts.AccountError, match="UNKNOWN_ACCOUNT"):
        accounts.agree(10**6, by=bank.clerk, **word)
    accounts.agree(nowhere.pk, by=bank.clerk, **word)
    with pytest.raises(accounts.AccountError, match="ACCOUNT_STATE"):
        accounts.agree(nowhere.pk, by=bank.clerk, **word)
    bank.pulse()
    nowhere.refresh_from_db()
    assert (nowhere.state, nowhere.refusal) == (AccountState.REFUSED, "RAIL_REFUSED")
    good = bank.open(bank.buyer)
    with pytest.raises(accounts.AccountError, match="UNKNOWN_ACCOUNT"):
        accounts.close(good.pk, firm=bank.seller)
    accounts.close(good.pk, firm=bank.buyer)
    with pytest.raises(funds.FundsError, match="NO_ACCOUNT"):
        bank.take(bank.buyer, 1)
    bank.double.send_money(good.funding, 500, bank.buyer.name_zh)
    rail = rails.rail("stripe")
    for item in rail.incoming(good.funding, bank.clock() - dt.timedelta(days=1)):
        incoming.receive("stripe", item, bank.clock())
    assert IncomingItem.objects.get().reason == "NO_ACCOUNT", "given up: it waits for a person"


def test_one_operation_that_breaks_does_not_keep_the_others_waiting(bank: Bank) -> None:
    account = bank.open(bank.buyer)
    row = PaymentOperation.objects.get(rail="stripe")
    # Nobody knows what this one is for: storing its answer fails.
    PaymentOperation.objects.filter(pk=row.pk).update(
        op_id="stray", purpose="stray", kind=OperationKind.RESERVE, state=OperationState.NEW,
        amount_fen=1, account=account.funding, method="pm_card_visa",
        next_at=bank.clock(), lease_until=None,
    )  # fmt: skip
    bank.double.send_money(account.funding, 70_001, bank.buyer.name_zh)
    BoundAccount.objects.update(poll_at=None)
    bank.pulse(times=3)
    assert bank.trading(bank.buyer) == 70_001
    assert PaymentOperation.objects.get(op_id="stray").state == OperationState.SENDING


def test_an_account_given_up_while_money_is_on_its_way_gets_nothing(bank: Bank) -> None:
    account = bank.funded()
    movement = funds.withdraw(
        venue=bank.world.venue, firm=bank.buyer, amount_fen=500, op_id="late", by=bank.finance
    )
    accounts.close(account.pk, firm=bank.buyer)
    bank.pulse()
    assert (state(movement), movement.refusal) == (FundsState.FAILED, "NO_ACCOUNT")
    assert (bank.trading(bank.buyer), bank.committed(bank.buyer)) == (70_000, 0)


def test_a_line_that_nobody_asked_for_stops_payouts_until_it_is_explained(bank: Bank) -> None:
    bank.funded()
    bank.clock.go(3_600)
    bank.pulse()
    found = Reconciliation.objects.get(rail="stripe")
    assert (found.breaks, found.ours_only) == (0, [])
    assert {one.state for one in RailLine.objects.filter(rail="stripe")} == {LineState.MATCHED}

    movement = bank.take(bank.buyer, 400)
    thief = bank.double.make("tr", "transfer", amount=9, metadata={})
    bank.double.move("transfer", -9, thief)
    bank.clock.go(3_600)
    reconcile.run(rails.rail("stripe"), bank.clock())
    bank.pulse(times=3, seconds=5)
    assert state(movement) == FundsState.REQUESTED, "what had been asked for waits, too"
    with pytest.raises(funds.FundsError, match="BREAK_OPEN"):
        bank.take(bank.buyer, 1, "more")
    (line,) = reconcile.breaks("stripe")
    assert (line.state, line.amount_fen) == (LineState.THEIRS_ONLY, -9)
    word: dict[str, Any] = {"by": bank.clerk, "now": bank.clock()}
    with pytest.raises(reconcile.ReconcileError, match="UNKNOWN_LINE"):
        reconcile.explain(10**6, note="", **word)
    reconcile.explain(line.pk, note="Stripe's own fee", **word)
    with pytest.raises(reconcile.ReconcileError, match="LINE_STATE"):
        reconcile.explain(line.pk, note="again", **word)
    bank.pulse(times=3, seconds=5)
    assert state(movement) == FundsState.CONFIRMED
    bank.take(bank.buyer, 1, "more")


def test_ours_that_is_on_no_line_is_a_break_after_its_time_and_other_amounts_at_once(
    bank: Bank,
) -> None:
    bank.funded()
    (line,) = bank.double.all("balance_transaction")
    kept = dict(bank.double.things)
    del bank.double.things[line["id"]]
    bank.double.order.remove(line["id"])
    rail = rails.rail("stripe")
    assert reconcile.run(rail, bank.clock.go(3_600)).breaks == 0, "it may still come"
    assert reconcile.run(rail, bank.clock.go(7_200)).ours_only == ["item:" + item_number()]
    bank.double.things = kept
    bank.double.order.append(line["id"])
    line["amount"] = 69_999
    found = reconcile.run(rail, bank.clock.go(60))
    assert (found.ours_only, found.breaks) == ([], 1)
    assert RailLine.objects.get(rail="stripe").state == LineState.AMOUNT


def test_a_second_line_of_one_payment_is_a_break(bank: Bank) -> None:
    bank.funded()
    (line,) = bank.double.all("balance_transaction")
    bank.double.move("payment", 70_000, bank.double.things[line["source"]])
    assert reconcile.run(rails.rail("stripe"), bank.clock.go(5)).breaks == 1


def item_number() -> str:
    return str(IncomingItem.objects.get().pk)


def test_a_line_that_comes_before_we_know_is_matched_when_we_do(bank: Bank) -> None:
    account = bank.open(bank.buyer)
    bank.double.send_money(account.funding, 70_000, bank.buyer.name_zh)
    BoundAccount.objects.update(poll_at=None)
    bank.double.fault = lambda method, path: (
        "drop_after" if method == "POST" and path.endswith("intents") else ""
    )
    bank.pulse()
    rail = rails.rail("stripe")
    assert reconcile.run(rail, bank.clock.go(5)).breaks == 1
    bank.double.fault = lambda method, path: ""
    bank.pulse(times=20, seconds=30)
    assert reconcile.run(rail, bank.clock.go(5)).breaks == 0
    assert bank.trading(bank.buyer) == 70_000


def test_another_venues_lines_are_not_ours_and_nobodys_are_everybodys(bank: Bank) -> None:
    theirs = bank.double.make("tr", "transfer", amount=9, metadata={"venue": "jdsc"})
    bank.double.move("transfer", -9, theirs)
    rail = rails.rail("stripe")
    assert reconcile.run(rail, bank.clock.go(5)).breaks == 0
    with scope.venue(2):
        assert reconcile.run(rail, bank.clock()).breaks == 1
        assert not Reconciliation.objects.filter(rail="ledger").exists()


def test_the_ledger_rails_own_statement_agrees(bank: Bank, settings: Any) -> None:
    settings.PAYMENT_RAIL = "ledger"
    firm = bank.seller
    funds.deposit(venue=bank.world.venue, firm=firm, amount_fen=900, op_id="in", by=None)
    bank.world.settle_all()
    movement = bank.take(firm, 300)
    assert state(movement) == FundsState.CONFIRMED
    found = reconcile.run(rails.rail("ledger"), bank.clock() + dt.timedelta(days=400))
    assert (found.breaks, RailLine.objects.filter(rail="ledger").count()) == (0, 2)
    kinds = set(PaymentOperation.objects.values_list("kind", "state"))
    assert (OperationKind.PAY_OUT, OperationState.DONE) in kinds


def stranger(bank: Bank) -> IncomingItem:
    """Let somebody else send 9 yuan to the buyer's account."""
    account = bank.funded()
    bank.double.send_money(account.funding, 900, "Somebody else")
    BoundAccount.objects.update(poll_at=None)
    bank.pulse()
    return IncomingItem.objects.get(state=IncomingState.UNKNOWN)


def send_back(bank: Bank, item: IncomingItem) -> None:
    incoming.propose_return(item.pk, note="x", by=bank.clerk, now=bank.clock())
    incoming.agree(item.pk, agreed=True, by=bank.finance, now=bank.clock())


@pytest.mark.parametrize("fault", [*FAULTS, ""])
def test_unknown_money_is_sent_back_exactly_once_whatever_becomes_of_the_call(
    bank: Bank, fault: str
) -> None:
    item = stranger(bank)
    faults = [fault] * 4

    def trouble(method: str, path: str) -> str:
        return faults.pop() if faults and path == "/v1/refunds" and method == "POST" else ""

    bank.double.fault = trouble
    send_back(bank, item)
    for _ in range(30):
        bank.pulse(seconds=200)
    item.refresh_from_db()
    assert item.state == IncomingState.RETURNED
    (refund,) = bank.double.all("refund")
    assert (refund["amount"], refund["metadata"]["came_as"]) == (900, item.ref)
    assert bank.double.cash[item.account] == 0
    assert bank.trading(bank.buyer) == 70_000
    found = reconcile.run(rails.rail("stripe"), bank.clock.go(10_000))
    assert found.ours_only == [], "a customer's cash is no part of the platform's balance"
    bank.agree_with_engine()


def test_a_return_that_the_payers_bank_takes_long_over_or_sends_back(bank: Bank) -> None:
    item = stranger(bank)
    bank.double.banks_are_slow = True
    send_back(bank, item)
    bank.pulse(times=3, seconds=100)
    item.refresh_from_db()
    assert item.state == IncomingState.RETURNING
    (refund,) = bank.double.all("refund")
    bank.double.arrive(refund["id"], "failed")
    bank.pulse(times=2, seconds=100)
    item.refresh_from_db()
    assert (item.state, item.refusal) == (IncomingState.UNKNOWN, "failed")
    send_back(bank, item)
    bank.pulse(times=2, seconds=100)
    bank.double.arrive(bank.double.all("refund")[0]["id"])
    bank.pulse(times=2, seconds=100)
    item.refresh_from_db()
    assert (item.state, item.refusal) == (IncomingState.RETURNED, "")
    assert bank.double.cash[item.account] == 0


def test_a_worker_killed_at_every_write_of_a_return_sends_it_once(bank: Bank) -> None:
    item = stranger(bank)
    send_back(bank, item)
    kills = 0
    for _ in range(10):
        write = 0
        while True:
            write += 1
            try:
                with killed_at(write):
                    worker.pulse(bank.clock.go(61))
            except Killed:
                kills += 1
                continue
            break
    item.refresh_from_db()
    assert (item.state, kills > 2) == (IncomingState.RETURNED, True), kills
    assert [one["amount"] for one in bank.double.all("refund")] == [900]


def test_a_return_waits_while_a_break_is_open(bank: Bank) -> None:
    item = stranger(bank)
    lines = [Line("X1", "in", 7, bank.clock(), "qldz")]
    reconcile.compare("stripe", lines, bank.clock(), lag_s=10**6)
    send_back(bank, item)
    bank.pulse(times=3)
    assert bank.double.all("refund") == []
    (line,) = reconcile.breaks("stripe")
    reconcile.explain(line.pk, note="asked", by=bank.clerk, now=bank.clock())
    bank.pulse()
    item.refresh_from_db()
    assert item.state == IncomingState.RETURNED
