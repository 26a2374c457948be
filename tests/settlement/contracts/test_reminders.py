"""Nobody loses by silence unless reminded: once a lead and deadline, whatever stops in between."""

from __future__ import annotations

import datetime as dt
import importlib
from pathlib import Path

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

import settlement.migrations
from exchange.models import Role
from settlement.contracts import deadlines, duties, timers
from settlement.models import Obligation, Reminder
from tests.settlement.contracts.trade import Deal, defaults, disputes, invoicing, settling

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


def reminders(deal: Deal) -> list[tuple[str, str, int]]:
    """Return who was reminded of what, how many hours ahead, in order."""
    names = {deal.buyer.pk: "buyer", deal.seller.pk: "seller", 0: "venue"}
    with deal.scope():
        rows = Reminder.objects.order_by("pk")
        return [(names[row.firm_id], row.what, row.hours) for row in rows]


def todo(deal: Deal, firm: object, role: str = "") -> list[str]:
    with deal.scope():
        return [one.duty.what for one in duties.todo(firm, role)]  # type: ignore[arg-type]


def test_each_lead_reminds_once_who_has_to_act_and_the_history_says_so() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.wait(days=4)
    assert reminders(deal) == [("buyer", "accept", 24)]
    deal.wait(hours=23)
    assert reminders(deal) == [("buyer", "accept", 24), ("buyer", "accept", 2)]
    assert deal.sweep() == 0
    with deal.scope():
        (first, second) = deal.contract().events.filter(kind="reminder").order_by("pk")
    assert (first.firm_id, first.detail) == (deal.buyer.pk, {"what": "accept", "hours": 24})
    assert second.detail["hours"] == 2
    deal.wait(hours=1)
    assert deal.state == "stated"
    deal.wait(days=1)
    assert sorted(reminders(deal)[2:]) == [("buyer", "agree", 24), ("seller", "agree", 24)]


def test_seafood_reminds_by_its_own_hours_which_its_contract_keeps() -> None:
    deal = Deal("SEA-SQD", venue="jdsc", seller="rcyy", buyer="whhx", lots=500)
    assert deal.contract().terms["remind_hours"] == [12, 2]
    deal.deliver(500 * deal.goods.lot_kg)
    deal.wait(days=1)
    assert reminders(deal) == []
    deal.wait(hours=12)
    assert reminders(deal) == [("buyer", "accept", 12)]
    deal.wait(hours=12)
    assert deal.state == "stated"


@pytest.mark.parametrize("hours", [(6,), (24, 6), (48, 24, 6)])
def test_silence_counts_after_the_shortest_lead_however_many_there_are(hours: tuple[int]) -> None:
    due = dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC)
    late = due - dt.timedelta(hours=1)
    row = Obligation(due_at=due, reminded_at=late)
    assert deadlines.silent_from(row, hours) == late + dt.timedelta(hours=6)


def test_who_has_agreed_is_not_reminded_to() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(settling.agree, **deal.as_seller(), sha256=deal.statement().sha256)
    deal.wait(days=1)
    assert reminders(deal) == [("buyer", "agree", 24)]
    deal.wait(days=3)
    assert deal.state == "settled", "its silence agrees, and the other's word stands"
    with deal.scope():
        (silent,) = deal.contract().events.filter(kind="agreed_by_silence")
    assert silent.firm_id == deal.buyer.pk


def test_a_sweep_that_was_down_reminds_first_and_silence_counts_two_hours_later() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.miss(days=9)
    deal.sweep()
    assert (deal.state, reminders(deal)) == ("delivered", [("buyer", "accept", 0)])
    deal.miss(hours=1, minutes=59)
    assert deal.sweep() == 0
    assert deal.state == "delivered"
    deal.accept()  # still in time
    assert "accepted_by_silence" not in deal.kinds()


def test_without_a_word_from_the_buyer_the_late_reminder_counts_after_its_lead() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.miss(days=9)
    deal.sweep()
    deal.miss(hours=2)
    deal.sweep()
    assert (deal.state, deal.kinds().count("accepted_by_silence")) == ("stated", 1)


def test_a_reminder_just_before_the_deadline_moves_what_silence_brings_not_the_deadline() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    due = deal.contract().due_at
    assert due is not None
    deal.now = due - dt.timedelta(minutes=30)
    deal.sweep()
    deal.now = due
    deal.sweep()
    contract = deal.contract()
    assert (contract.state, contract.due_at) == ("delivered", due)
    assert contract.acts_at == due + dt.timedelta(minutes=90)


def test_a_default_waits_for_a_reminder_and_the_late_fee_does_not() -> None:
    deal = Deal(cover_bp=1_000)
    deal.miss(days=9)
    deal.sweep()
    assert (deal.state, reminders(deal)) == ("matched", [("buyer", "pay", 0)])
    open_fen = 79_420_000 - 7_942_000
    due = deal.contract().due_at
    assert due is not None
    days = -(-(deal.now - due) // dt.timedelta(days=1))
    assert deal.pay() == open_fen + open_fen * 5 * days // 10_000


def test_the_database_takes_a_reminder_once() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.wait(days=4)
    with deal.scope():
        row = Reminder.objects.get()
        row.pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()


def test_a_sweep_cut_short_after_the_reminder_repeats_it_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.now += dt.timedelta(days=4)
    with monkeypatch.context() as patch:
        patch.setattr(timers.deadlines, "reminded", lambda *_: 1 / 0)
        deal.sweep()
    assert (reminders(deal), deal.kinds().count("reminder")) == ([], 0)
    deal.miss(minutes=1)
    deal.sweep()
    assert (reminders(deal), deal.kinds().count("reminder")) == ([("buyer", "accept", 24)], 1)


def test_contracts_that_wait_for_ever_keep_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timers, "SWEEP_MOST", 1)
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.agree()
    deal.wait(days=7)  # the invoice never comes
    assert deal.kinds().count("invoice_late") == 1
    with deal.scope():
        waits = Obligation.objects.get()
        assert (waits.state, waits.acts_at) == ("settled", None)
        assert waits.due_at is not None
        assert waits.due_at < deal.now
        other = Obligation.objects.get()
        other.pk, other.trade_id, other.state = other.pk + 1, 2, "delivered"
        other.due_at = other.acts_at = other.remind_at = deal.now + dt.timedelta(hours=1)
        other.save(force_insert=True)
    deal.miss(hours=1)
    deal.sweep()
    with deal.scope():
        assert Reminder.objects.filter(obligation=other).count() == 1


def test_an_invoice_that_the_buyer_leaves_unanswered_is_taken_after_a_reminder() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.agree()
    deal.wait(days=4, hours=1)
    assert reminders(deal)[-1] == ("seller", "invoice", 24)
    deal.invoice()
    assert todo(deal, deal.buyer) == ["check_invoice"]
    deal.wait(days=4, hours=23)
    assert deal.state == "settled"
    assert reminders(deal)[-2:] == [("buyer", "check_invoice", 24), ("buyer", "check_invoice", 2)]
    deal.wait(hours=1)
    assert (deal.state, deal.kinds()[-3:]) == (
        "closed", ["invoice_by_silence", "released", "closed"],
    )  # fmt: skip
    deal.prove()


def test_an_invoice_taken_by_silence_leaves_a_quarrel_alone_and_asks_for_nothing_more() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=5_000_000, reason="重量不符")
    deal.invoice()
    deal.wait(days=5)
    contract = deal.contract()
    assert (contract.state, contract.kept_fen, contract.due_at) == ("settled", 5_000_000, None)
    assert deal.kinds().count("invoice_by_silence") == 1


def test_a_late_invoice_is_written_down_once_and_its_money_stays_kept() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.agree()
    deal.invoice()
    deal.do(invoicing.answer, **deal.as_buyer(), accepted=False, reason="抬头错误")
    assert todo(deal, deal.seller) == ["red_letter"]
    deal.wait(days=12)
    assert deal.kinds().count("invoice_late") == 1
    assert deal.contract().kept_fen == 72_200_000 * 5 // 100
    deal.do(invoicing.red_letter, **deal.as_seller(), number="26377000000099999999")
    deal.invoice("26377000000012345679")
    deal.take_invoice()
    assert deal.state == "closed"


def test_a_dispute_reminds_each_who_has_to_speak() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=5_000_000, reason="重量不符")
    said = len(reminders(deal))
    deal.wait(days=2)
    assert reminders(deal)[said:] == [("seller", "respond", 24)]
    deal.wait(days=1)
    assert deal.dispute().state == "conciliation"
    assert todo(deal, deal.buyer) == ["offer"]
    deal.wait(days=7)
    assert deal.dispute().state == "panel"
    assert todo(deal, None, Role.CLERK) == ["decide"]
    assert todo(deal, None, Role.WAREHOUSE) == []
    deal.wait(days=8)
    assert deal.dispute().state == "panel", "a late panel decides nothing"
    assert deal.kinds().count("panel_late") == 1
    assert ("venue", "decide", 24) in reminders(deal)
    deal.do(disputes.decide, by=deal.people["clerk"], text="按证书", seller_gets=0)
    assert todo(deal, deal.buyer)[-1] == todo(deal, deal.seller)[-1] == "appeal"
    deal.miss(days=6)
    deal.sweep()
    assert deal.dispute().state == "decided", "a decision is not final before its reminder"
    deal.miss(hours=2)
    deal.sweep()
    assert deal.dispute().state == "executed"


def test_what_to_do_is_listed_for_who_has_to_nearest_deadline_first() -> None:
    deal = Deal(cover_bp=1_000)
    assert todo(deal, deal.buyer) == ["pay"]
    assert todo(deal, deal.seller) == todo(deal, deal.stranger) == []
    deal.pay()
    assert todo(deal, deal.buyer) == ["order"]
    deal.order()
    assert todo(deal, deal.buyer) == todo(deal, None, Role.WAREHOUSE) == ["collect"]
    assert todo(deal, None, Role.OPERATOR) == []
    deal.truck(1_000_000)
    deal.loaded()
    deal.accept()
    assert todo(deal, deal.buyer) == todo(deal, deal.seller) == ["agree"]
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=5_000_000, reason="重量不符")
    assert todo(deal, deal.seller) == ["respond", "invoice"]
    with deal.scope():
        dues = [one.duty.due_at for one in duties.todo(deal.seller, "")]
    assert dues == sorted(dues)  # type: ignore[type-var]


def test_an_invoice_that_has_no_deadline_is_not_on_the_list() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.agree()
    assert todo(deal, deal.seller) == ["invoice"]
    with deal.scope():  # what a passed receipt's contract looks like
        Obligation.objects.update(terms={}, due_at=None, acts_at=None, remind_at=None)
    assert todo(deal, deal.seller) == []


def test_a_penalty_that_waits_for_the_sellers_money_is_on_its_list() -> None:
    deal = Deal(basis="DELIVERED")
    deal.order()
    deal.wait(days=15)
    assert todo(deal, deal.buyer) == ["remedy"]
    deal.do(defaults.choose, **deal.as_buyer(), remedy="penalty")
    assert (todo(deal, deal.buyer), todo(deal, deal.seller)) == ([], ["penalty"])


def test_a_default_asks_the_party_that_kept_the_contract() -> None:
    deal = Deal(cover_bp=1_000)
    deal.wait(days=6)
    assert deal.state == "buyer_default"
    assert (todo(deal, deal.buyer), todo(deal, deal.seller)) == ([], ["remedy"])
    deal.do(defaults.choose, **deal.as_seller(), remedy="penalty")
    assert todo(deal, deal.seller) == []


def test_a_deadline_from_before_this_rule_that_asks_for_nothing_any_more_is_dropped() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=5_000_000, reason="重量不符")
    deal.invoice()
    deal.take_invoice()
    with deal.scope():  # as the migration finds a contract whose invoice is accepted
        Obligation.objects.update(due_at=deal.now, acts_at=deal.now, remind_at=deal.now)
    said = reminders(deal)
    deal.sweep()
    deal.miss(hours=2)
    deal.sweep()
    contract = deal.contract()
    assert (contract.state, contract.due_at, contract.acts_at) == ("settled", None, None)
    assert [one for one in reminders(deal) if one[1] != "respond"] == said


def test_deadlines_that_ran_before_the_migration_are_looked_at_when_they_come() -> None:
    (file,) = Path(settlement.migrations.__path__[0]).glob("*_contract_reminders.py")
    migration = importlib.import_module(f"settlement.migrations.{file.stem}")
    deal = Deal()
    deal.deliver(1_000_000)
    due = deal.contract().due_at
    assert due is not None
    with deal.scope():  # as it was: reminded by the old rule, no other column
        Obligation.objects.update(acts_at=None, remind_at=None, reminded_at=deal.now)
        migration.look_again(apps, None)
    deal.now = due
    deal.sweep()
    assert (deal.state, reminders(deal)) == ("delivered", [("buyer", "accept", 0)])
    deal.miss(hours=2)
    deal.sweep()
    assert deal.state == "stated"
