"""Quarrels that leave the ladder, and those that never begin: arbitration, court, a lower price."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from exchange.models import Role, User
from settlement.contracts import cutting, duties
from settlement.contracts.evidence import bundle
from settlement.contracts.terms import digest
from settlement.ledger import Code
from settlement.models import Dispute
from tests.settlement.contracts.trade import Deal, disputes, invoicing, settling

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

VALUE = 72_200_000
FEE = 36_100
PAPER = "济仲受字〔2026〕118号"


def disputed(*, stage: str = "alleged") -> Deal:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=5_000_000, reason="重量不符")
    if stage != "alleged":
        deal.do(disputes.respond, **deal.as_seller(), text="不同意")
    if stage in ("panel", "decided"):
        deal.do(disputes.to_panel, by=deal.people["clerk"])
    if stage == "decided":
        deal.do(disputes.decide, by=deal.people["clerk"], seller_gets=1, text="裁决")
    assert deal.dispute().state == stage
    return deal


@pytest.mark.parametrize("stage", ["alleged", "conciliation", "panel", "decided"])
def test_before_a_court_the_money_waits_for_its_paper_and_another_person_enters_it(
    stage: str,
) -> None:
    deal = disputed(stage=stage)
    clerk, other = {"by": deal.people["clerk"]}, {"by": User.objects.create_user("clerk2")}
    assert deal.refusal(disputes.award, **other, seller_gets=1, document="x") == "CONTRACT_STATE"
    assert deal.refusal(disputes.take_to, **clerk, forum="uncle", document=PAPER) == "CHOICE"
    assert deal.refusal(disputes.take_to, **clerk, forum="court", document=" ") == "REQUIRED"
    assert deal.refusal(disputes.take_to, **clerk, forum="court", document="x" * 121) == "TOO_LONG"
    deal.do(disputes.take_to, **clerk, forum="arbitration", document=PAPER)
    dispute = deal.dispute()
    assert (dispute.state, dispute.due_at, dispute.seller_gets_fen) == ("held", None, None)
    with deal.scope():
        (waits,) = duties.todo(None, Role.REVIEWER)
        assert (waits.duty.what, waits.duty.due_at) == ("award", None)
        assert duties.todo(None, Role.CLERK) == []
    deal.invoice()
    deal.take_invoice()
    assert deal.contract().due_at is None, "nothing more is asked of the parties"
    deal.wait(days=40)
    assert (deal.state, deal.dispute().state) == ("settled", "held"), "silence brings nothing"
    assert deal.money(deal.buyer, Code.COMMITTED) == 5_000_000
    assert deal.refusal(disputes.offer, **deal.as_buyer(), fen=1) == "CONTRACT_STATE"
    ruling = {"seller_gets": 4_000_000, "document": "济仲裁字〔2026〕118号"}
    assert deal.refusal(disputes.award, **clerk, **ruling) == "SAME_PERSON"
    assert deal.refusal(disputes.award, **other, **ruling | {"seller_gets": 5_000_001}) == "AMOUNT"
    deal.do(disputes.award, **other, **ruling)
    dispute = deal.dispute()
    assert (deal.state, dispute.state, dispute.seller_gets_fen) == ("closed", "executed", 4_000_000)
    assert deal.money(deal.seller) == VALUE - FEE - 1_000_000
    with deal.scope():
        told = bundle(deal.contract(), seen_by=None)["dispute"]
    assert (told["held_document"], told["award_document"]) == (PAPER, ruling["document"])
    deal.prove()


def test_the_database_refuses_an_award_entered_by_who_took_the_case_there() -> None:
    deal = disputed()
    deal.do(disputes.take_to, by=deal.people["clerk"], forum="court", document=PAPER)
    with deal.scope(), pytest.raises(IntegrityError), transaction.atomic():
        Dispute.objects.update(awarded_by=deal.people["clerk"])


def stated() -> Deal:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    return deal


def test_a_lower_value_that_both_take_is_what_is_paid_and_invoiced() -> None:
    deal = stated()
    before = deal.statement().sha256
    cut = {"value_fen": 70_000_000, "reason": "末车掺杂，双方同意减价"}
    deal.do(cutting.propose, **deal.as_buyer(), **cut)
    said = {"value_fen": 70_000_000}
    assert deal.refusal(cutting.take, **deal.as_buyer(), **said) == "NOT_ALLOWED"
    wrong = {"value_fen": 70_000_001}
    assert deal.refusal(cutting.take, **deal.as_seller(), **wrong) == "OTHER_STATEMENT"
    deal.do(cutting.take, **deal.as_seller(), **said)
    body = deal.statement().body
    net = 70_000_000 * 200 // 226 + 1  # 13 % VAT inside, half up
    assert (body["value_fen"], body["vat_fen"]) == (70_000_000, 70_000_000 - body["net_fen"])
    assert abs(body["net_fen"] - net) <= 1
    assert body["cut_from_fen"] == VALUE
    assert deal.statement().sha256 == digest(body) != before
    assert deal.state == "settled"
    kept = 70_000_000 * 5 // 100
    assert deal.money(deal.seller) == 70_000_000 - FEE - kept
    assert deal.money(deal.buyer) == 2_000_000_000 - 70_000_000 - FEE
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    with deal.scope():
        assert invoicing.totals() == (70_000_000, 70_000_000)
        taken = deal.contract().events.get(kind="cut_taken")
    assert (taken.detail["before_sha256"], taken.detail["before_fen"]) == (before, VALUE)
    deal.prove()


def test_the_last_proposal_counts_and_silence_agrees_to_the_statement_as_drawn_up() -> None:
    deal = stated()
    deal.do(cutting.propose, **deal.as_buyer(), value_fen=60_000_000, reason="减价")
    deal.do(cutting.propose, **deal.as_seller(), value_fen=71_000_000, reason="至多如此")
    first = {"value_fen": 60_000_000}
    assert deal.refusal(cutting.take, **deal.as_seller(), **first) == "NOT_ALLOWED"
    assert deal.refusal(cutting.take, **deal.as_buyer(), **first) == "OTHER_STATEMENT"
    deal.wait(days=2)
    assert (deal.state, deal.contract().final_fen) == ("settled", VALUE)
    last = {"value_fen": 71_000_000}
    assert deal.refusal(cutting.take, **deal.as_buyer(), **last) == "CONTRACT_STATE"


@pytest.mark.parametrize("value", [0, VALUE, VALUE + 1])
def test_a_cut_lowers_and_leaves_something(value: int) -> None:
    deal = stated()
    said = {**deal.as_buyer(), "value_fen": value, "reason": "减价"}
    assert deal.refusal(cutting.propose, **said) == "AMOUNT"


def test_a_cut_needs_a_reason_a_party_and_a_proposal() -> None:
    deal = stated()
    cut = {"value_fen": 1, "reason": "减价"}
    stranger = {"firm": deal.stranger, "by": deal.people["clerk"]}
    assert deal.refusal(cutting.propose, **stranger, **cut) == "UNKNOWN_CONTRACT"
    assert deal.refusal(cutting.propose, **deal.as_buyer(), **cut | {"reason": " "}) == "REQUIRED"
    long = cut | {"reason": "x" * 401}
    assert deal.refusal(cutting.propose, **deal.as_buyer(), **long) == "TOO_LONG"
    assert deal.refusal(cutting.take, **deal.as_seller(), value_fen=1) == "CONTRACT_STATE"
    deal.do(cutting.propose, **deal.as_buyer(), **cut)
    assert deal.refusal(cutting.take, **stranger, value_fen=1) == "UNKNOWN_CONTRACT"
    deal.do(settling.object_to, **deal.as_seller(), amount_fen=1, reason="x")
    assert deal.refusal(cutting.take, **deal.as_seller(), value_fen=1) == "CONTRACT_STATE"


def test_a_stranger_has_no_word_at_any_step_of_a_dispute() -> None:
    deal = disputed(stage="alleged")
    stranger = {"firm": deal.stranger, "by": deal.people["clerk"]}
    assert deal.refusal(disputes.respond, **stranger, text="x") == "UNKNOWN_CONTRACT"
    deal.do(disputes.respond, **deal.as_seller(), text="不同意")
    assert deal.refusal(disputes.offer, **stranger, fen=1) == "UNKNOWN_CONTRACT"
    clerk = {"by": deal.people["clerk"]}
    deal.do(disputes.to_panel, **clerk)
    deal.do(disputes.decide, **clerk, seller_gets=1, text="裁决")
    assert deal.refusal(disputes.appeal, **stranger) == "UNKNOWN_CONTRACT"
