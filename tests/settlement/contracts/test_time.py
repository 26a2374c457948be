"""What time and quarrels do to contracts: late money, silence, defaults, disputes."""

from __future__ import annotations

import datetime as dt

import pytest

from matching.commands import PayTrade
from settlement.contracts import money, timers
from settlement.contracts.flow import ContractError
from settlement.ledger import Code
from settlement.models import Dispute, Obligation
from tests.settlement.contracts.trade import (
    CODE,
    Deal,
    defaults,
    delivering,
    disputes,
    invoicing,
    paying,
    settling,
)

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

VALUE = 72_200_000  # 1,000 t at 722 yuan


def test_a_buyer_that_pays_late_pays_a_fee_and_is_reminded_once_before() -> None:
    deal = Deal(cover_bp=1_000)
    due = deal.contract().due_at
    assert due is not None
    assert due.isoformat() == "2026-11-25T08:00:00+00:00"  # the second trading day, 16:00 Beijing
    deal.now = due - dt.timedelta(hours=25)
    assert deal.wait(hours=2) == 1
    assert deal.wait(hours=1) == 0
    assert deal.kinds().count("reminder") == 1
    deal.wait(hours=24 * 1 + 23)  # a day and more after the deadline
    owed = 79_420_000 - 7_942_000
    late = owed * 5 * 2 // 10_000  # two days begun, 0.05 % each
    assert deal.pay() == owed + late
    assert deal.state == "secured"
    deal.deliver(1_000_000)
    deal.accept()
    deal.agree()
    kept = VALUE * 5 // 100
    assert deal.money(deal.seller) == VALUE + late - 36_100 - kept
    deal.prove()


def test_a_late_buyer_whose_money_did_not_reach_owes_all_of_it_and_the_later_fee() -> None:
    deal = Deal(cover_bp=1_000, buyer_yuan=100_000)
    due = deal.contract().due_at
    assert due is not None
    deal.now = due + dt.timedelta(hours=1)
    owed = 79_420_000 - 7_942_000
    assert deal.pay() == owed + owed * 5 // 10_000
    assert deal.state == "matched", "the engine found too little"
    deal.pay_in(deal.buyer, 800_000)
    deal.cash_in += 80_000_000
    deal.now = due + dt.timedelta(hours=25)
    assert deal.pay() == owed + owed * 5 * 2 // 10_000
    assert deal.state == "secured"
    deal.prove()


@pytest.mark.parametrize(("remedy", "yuan"), [("penalty", 72_200), ("earnest", 72_200)])
def test_a_buyer_that_does_not_pay_forfeits_one_of_penalty_and_earnest_money(
    remedy: str, yuan: int
) -> None:
    deal = Deal(cover_bp=1_000)
    deal.wait(days=6)
    assert deal.state == "buyer_default"
    assert deal.refusal(paying.pay, **deal.as_buyer(), op_id="9") == "CONTRACT_STATE"
    assert deal.refusal(defaults.choose, **deal.as_buyer(), remedy=remedy) == "NOT_ALLOWED"
    deal.do(defaults.choose, **deal.as_seller(), remedy=remedy)
    assert deal.state == "terminated"
    assert deal.money(deal.seller) == yuan * 100
    assert deal.money(deal.buyer, Code.COMMITTED) == 0
    assert deal.refusal(defaults.choose, **deal.as_seller(), remedy=remedy) == "CONTRACT_STATE"
    deal.prove()


def test_earnest_money_is_a_fifth_at_most() -> None:
    assert money.earnest_fen(1_000, 300) == 200
    assert money.earnest_fen(1_000, 150) == 150


def test_a_remedy_that_nobody_chooses_is_the_larger_one() -> None:
    deal = Deal(cover_bp=1_000)
    deal.wait(days=6)
    deal.wait(days=2)
    assert (deal.state, deal.contract().remedy) == ("terminated", "penalty")
    deal.prove()


def test_a_seller_that_delivers_nothing_pays_when_it_has_the_money_and_its_goods_wait() -> None:
    deal = Deal(basis="DELIVERED")
    deal.order()
    deal.wait(days=15)
    assert deal.state == "seller_default"
    deal.do(defaults.choose, **deal.as_buyer(), remedy="penalty")
    assert deal.state == "seller_default", "the seller has no money yet"
    assert deal.money(deal.buyer) == 2_000_000_000, "the buyer's money is free at once"
    deal.prove()
    deal.pay_in(deal.seller, 100_000)
    deal.cash_in += 10_000_000
    deal.wait(days=1)
    assert deal.state == "terminated"
    assert deal.money(deal.buyer) == 2_000_000_000 + VALUE // 10
    assert deal.money(deal.seller) == 10_000_000 - VALUE // 10
    deal.prove()


def test_goods_of_a_seller_without_money_are_free_after_thirty_days() -> None:
    deal = Deal(basis="DELIVERED")
    deal.order()
    deal.wait(days=15)
    deal.do(defaults.choose, **deal.as_buyer(), remedy="penalty")
    assert deal.refusal(defaults.choose, **deal.as_buyer(), remedy="penalty") == "REMEDY_CHOSEN"
    deal.wait(days=29)
    assert deal.state == "seller_default"
    deal.wait(days=2)
    contract = deal.contract()
    assert (contract.state, contract.unpaid_fen) == ("terminated", VALUE // 10)
    with deal.scope():
        assert [receipt.free_lots for receipt in deal.world.engine.receipts()] == [1_000]
    deal.prove()


def test_silence_accepts_and_agrees() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.wait(days=5)
    assert deal.state == "stated"
    deal.wait(days=2)
    assert deal.state == "settled"
    said = [kind for kind in deal.kinds() if kind != "reminder"]
    assert said[-5:] == [
        "accepted_by_silence", "stated", "agreed_by_silence", "agreed_by_silence", "settled",
    ]  # fmt: skip
    deal.prove()


def test_a_seller_that_delivers_half_is_paid_for_it_less_the_penalty_on_the_rest() -> None:
    deal = Deal(basis="DELIVERED")
    deal.order()
    deal.truck(400_000)
    deal.wait(days=15)  # the delivery window ends: what came is what was delivered
    assert deal.state == "delivered"
    deal.accept()
    body = deal.statement().body
    assert (body["missing_kg"], body["missing_fen"]) == (500_000, 36_100_000)  # to 90 %
    deal.agree()
    part = 72_200 * 400
    kept = part * 5 // 100
    assert deal.money(deal.seller) == part - 36_100 - 3_610_000 - kept
    with deal.scope():
        left = deal.world.engine.receipts()
    assert [receipt.free_lots for receipt in left] == [600], "what did not come is the seller's"
    deal.prove()


def test_a_top_up_that_is_never_paid_leaves_the_seller_what_there_is() -> None:
    deal = Deal(cover_bp=1_000, buyer_yuan=800_000)
    deal.pay()
    deal.deliver(1_099_000)
    deal.certificate(qnet_ar="5700", st_d="0.80", mt="18")
    deal.accept()
    deal.agree()
    assert deal.state == "top_up"
    owed = 74_825 * 1_099 + 36_100
    deal.wait(days=4)
    contract = deal.contract()
    assert contract.state == "top_up", "late, but within its days of grace"
    assert contract.due_at is not None
    assert contract.due_at < deal.now
    over = contract.acts_at - deal.now
    assert over > dt.timedelta(hours=1), "looked at again when they are over, not each minute"
    assert deal.sweep() == 0
    deal.wait(days=2)
    assert deal.state == "settled"
    assert deal.contract().unpaid_fen == owed - 79_420_000 - 39_710
    deal.prove()


def test_what_a_buyer_pays_twice_in_one_moment_returns_to_it_and_not_to_the_seller() -> None:
    deal = Deal(cover_bp=1_000, buyer_yuan=2_000_000)
    deal.pay()
    deal.deliver(1_099_000)
    deal.certificate(qnet_ar="5700", st_d="0.80", mt="18")
    deal.accept()
    deal.agree()
    value = 74_825 * 1_099
    due = value + 36_100 - 79_420_000 - 39_710
    # Both reach the engine before the follower has read the first.
    deal.world.accept(PayTrade("pay:1:a", 1, due), PayTrade("pay:1:b", 1, due))
    deal.world.settle_all()
    assert deal.state == "settled"
    kept = value * 5 // 100
    assert deal.money(deal.buyer, Code.COMMITTED) == deal.contract().kept_fen == kept
    deal.invoice()
    deal.take_invoice()
    assert (deal.state, deal.money(deal.seller)) == ("closed", value - 36_100)
    assert deal.money(deal.buyer) == 200_000_000 - value - 36_100
    deal.prove()


def test_a_payment_that_overtakes_a_remedy_returns_to_the_buyer() -> None:
    deal = Deal(cover_bp=1_000)
    deal.wait(days=6)
    with deal.scope():
        defaults.choose(1, **deal.as_seller(), remedy="penalty", now=deal.now)
    deal.world.accept(PayTrade("pay:1:late", 1, 5_000))
    deal.world.settle_all()
    assert deal.state == "terminated"
    assert deal.money(deal.buyer, Code.COMMITTED) == 0
    assert deal.money(deal.buyer) + deal.money(deal.seller) == 2_000_000_000
    assert deal.world.engine.venue.trades == {}
    deal.prove()


def test_a_second_dispute_about_one_statement_is_refused() -> None:
    deal = Deal(cover_bp=1_000, buyer_yuan=2_000_000)
    deal.pay()
    deal.deliver(1_000_000)
    deal.accept()
    with deal.scope():
        said = {"amount_fen": 100, "reason": "x", "now": deal.now}
        settling.object_to(1, **deal.as_buyer(), **said)
    said = {"amount_fen": 100, "reason": "y"}
    assert deal.refusal(settling.object_to, **deal.as_seller(), **said) == "CONTRACT_STATE"


def test_only_disputed_money_waits_and_equal_offers_end_it() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(
        settling.object_to, **deal.as_buyer(), amount_fen=5_000_000, reason="两车水分与证书不符"
    )
    kept = VALUE * 5 // 100
    assert deal.state == "settled"
    assert deal.money(deal.buyer, Code.COMMITTED) == kept + 5_000_000
    assert deal.money(deal.seller) == VALUE - 36_100 - kept - 5_000_000
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "settled", "a dispute keeps it open"
    assert deal.money(deal.buyer, Code.COMMITTED) == 5_000_000
    answer = {**deal.as_buyer(), "text": "x"}
    assert deal.refusal(disputes.respond, **answer) == "NOT_ALLOWED"
    deal.do(disputes.respond, **deal.as_seller(), text="证书为装港化验，合同约定以装港为准")
    deal.do(disputes.offer, **deal.as_buyer(), fen=2_000_000)
    assert deal.dispute().state == "conciliation"
    deal.do(disputes.offer, **deal.as_seller(), fen=2_000_000)
    assert (deal.state, deal.dispute().state) == ("closed", "executed")
    assert deal.money(deal.seller) == VALUE - 36_100 - 3_000_000
    deal.prove()


def test_nothing_is_ruled_on_before_the_undisputed_part_has_moved() -> None:
    deal = Deal(cover_bp=1_000, buyer_yuan=2_000_000)
    deal.pay()
    deal.deliver(1_099_000)
    deal.certificate(qnet_ar="5700", st_d="0.80", mt="18")
    deal.accept()
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=1_000, reason="重量不符")
    assert deal.state == "top_up"
    answer = {**deal.as_seller(), "text": "不同意"}
    assert deal.refusal(disputes.respond, **answer) == "CONTRACT_STATE"
    with deal.scope():
        Dispute.objects.update(acts_at=deal.now, remind_at=None)
    assert deal.sweep() == 0, "nor does its time run out"
    assert deal.dispute().acts_at == deal.now + dt.timedelta(minutes=1)
    deal.pay()
    deal.do(disputes.respond, **answer)
    assert deal.dispute().state == "conciliation"


def test_a_panel_decides_an_appeal_is_heard_once_and_time_makes_it_final() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(settling.object_to, **deal.as_buyer(), amount_fen=5_000_000, reason="重量不符")
    assert deal.refusal(disputes.to_panel, by=deal.people["clerk"]) == "CONTRACT_STATE"
    for days, state in ((3, "conciliation"), (7, "panel")):
        deal.wait(days=days)
        found = deal.dispute()
        assert (found.state, found.due_at) == (state, deal.now + dt.timedelta(days=7))
    clerk = {"by": deal.people["clerk"], "text": "以复磅为准"}
    assert deal.refusal(disputes.decide, **clerk, seller_gets=5_000_001) == "AMOUNT"
    deal.do(disputes.decide, **clerk, seller_gets=1_000_000)
    deal.do(disputes.appeal, **deal.as_seller())
    deal.do(disputes.decide, **clerk, seller_gets=4_000_000)
    assert deal.dispute().state == "executed", "the second decision is final"
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    assert deal.money(deal.seller) == VALUE - 36_100 - 1_000_000
    deal.prove()


def test_a_decision_that_nobody_appeals_against_is_executed_in_time() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.do(settling.object_to, **deal.as_seller(), amount_fen=100, reason="扣重不符")
    deal.wait(days=3)
    deal.wait(days=7)
    deal.do(disputes.decide, by=deal.people["clerk"], text="按证书", seller_gets=0)
    deal.wait(days=4)
    assert deal.dispute().state == "decided"
    deal.wait(days=1)
    assert deal.dispute().state == "executed"
    deal.prove()


def test_a_weight_in_dispute_is_weighed_again_once() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    said = {"what": "weight", "reason": "磅差超过千分之三"}
    deal.do(delivering.dispute, **deal.as_buyer(), **said)
    assert deal.state == "disputed"
    clerk = {"by": deal.people["clerk"]}
    for wrong in (0, delivering.TICKET_MOST_KG + 1):
        with pytest.raises(ContractError) as refused, deal.scope():
            delivering.decide_weight(1, **clerk, ticket=1, net_kg=wrong, now=deal.now)
        assert (refused.value.code, refused.value.values) == ("SCALE", (wrong, 0))
    deal.do(delivering.decide_weight, **clerk, ticket=1, net_kg=995_000)
    with deal.scope():
        said_so = deal.contract().events.get(kind="weight_decided")
    assert (said_so.by, said_so.detail) == (clerk["by"], {"ticket": 1, "net_kg": 995_000})
    deal.wait(days=1)
    deal.do(delivering.end_umpire, **clerk)
    assert deal.contract().due_at == deal.now + dt.timedelta(days=5), "its days begin anew"
    assert deal.refusal(delivering.dispute, **deal.as_seller(), **said) == "UMPIRE_FINAL"
    deal.accept()
    assert deal.statement().body["payable_kg"] == 995_000


def test_an_umpire_may_let_pass_what_the_first_certificate_put_out() -> None:
    deal = Deal("SEA-SQD", venue="jdsc", seller="rcyy", buyer="whhx", lots=500)
    deal.deliver(500 * deal.goods.lot_kg)
    spoilt = {"size": "200-300g", "glaze": "5", "tvbn": "31"}
    deal.certificate(**spoilt)
    with deal.scope():
        assert deal.contract().tickets.filter(refused=True).count() == 1
    deal.do(delivering.dispute, **deal.as_seller(), what="quality", reason="留样复检")
    deal.certificate(**(spoilt | {"tvbn": "25"}))
    deal.do(delivering.end_umpire, by=deal.people["clerk"])
    deal.accept()
    assert deal.state == "stated"
    deal.prove()


def test_who_is_no_party_finds_nothing_and_the_wrong_party_may_not() -> None:
    deal = Deal(cover_bp=1_000)
    stranger = {"firm": deal.stranger, "by": deal.people["clerk"]}
    assert deal.refusal(paying.pay, **stranger, op_id="1") == "UNKNOWN_CONTRACT"
    assert deal.refusal(settling.accept, **stranger) == "UNKNOWN_CONTRACT"
    said = {"what": "weight", "reason": "x"}
    assert deal.refusal(delivering.dispute, **stranger, **said) == "UNKNOWN_CONTRACT"
    assert deal.refusal(paying.pay, **deal.as_seller(), op_id="1") == "NOT_ALLOWED"
    assert deal.refusal(settling.accept, **deal.as_seller()) == "NOT_ALLOWED"
    wrong = {"accepted": True, "reason": ""}
    assert deal.refusal(invoicing.answer, **deal.as_seller(), **wrong) == "NOT_ALLOWED"


def test_a_scale_that_cannot_be_and_a_code_that_is_not_are_refused() -> None:
    deal = Deal()
    deal.order()
    truck = {"by": deal.people["keeper"], "plate": "鲁L·1", "code": CODE}
    scale = {"gross_kg": 10, "tare_kg": 10}
    assert deal.refusal(delivering.weigh_in, **truck, **scale) == "SCALE"
    heavy = {"gross_kg": delivering.TICKET_MOST_KG + 1, "tare_kg": 10}
    assert deal.refusal(delivering.weigh_in, **truck, **heavy) == "SCALE"
    assert deal.refusal(delivering.weigh_in, **truck, gross_kg=1, tare_kg=-1) == "SCALE"
    right = {"gross_kg": 11, "tare_kg": 10}
    assert deal.refusal(delivering.weigh_in, **(truck | {"code": "AAAAAA"}), **right) == (
        "PICKUP_CODE"
    )
    assert deal.refusal(delivering.weigh_in, **(truck | {"plate": " "}), **right) == "REQUIRED"
    assert deal.refusal(delivering.finish_loading, by=deal.people["keeper"]) == "NO_TICKET"
    deal.do(delivering.weigh_in, **truck, gross_kg=delivering.TICKET_MOST_KG, tare_kg=0)


def test_a_sweep_repeated_changes_nothing_more() -> None:
    deal = Deal(cover_bp=1_000)
    deal.wait(days=6)
    kinds = deal.kinds()
    with deal.scope():
        assert timers.sweep(deal.now) == 0
    assert deal.kinds() == kinds


def test_both_parties_have_signed_the_same_digest_of_what_does_not_change() -> None:
    from settlement.contracts.papers import document
    from settlement.contracts.terms import digest

    deal = Deal()
    contract = deal.contract()
    deal.deliver(1_000_000)
    deal.accept()
    with deal.scope():
        later = deal.contract()
        assert digest(document(later)) == contract.terms_sha256
        signed = later.events.filter(kind="signed").order_by("firm_id")
        assert [(e.firm_id, e.detail["sha256"]) for e in signed] == sorted(
            (firm.pk, contract.terms_sha256) for firm in (deal.buyer, deal.seller)
        )


def test_a_deadline_left_on_a_closed_contract_is_taken_off_and_does_nothing() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    deal.accept()
    deal.agree()
    deal.invoice()
    deal.take_invoice()
    kinds = deal.kinds()
    with deal.scope():
        Obligation.objects.filter(trade_id=1).update(due_at=deal.now, acts_at=deal.now)
    assert deal.sweep() == 0
    contract = deal.contract()
    assert (contract.state, contract.due_at, contract.acts_at) == ("closed", None, None)
    assert deal.kinds() == kinds
