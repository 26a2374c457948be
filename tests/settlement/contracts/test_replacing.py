"""Refused goods replaced by agreement: delivered once more, nothing moved, nothing lost."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from settlement.contracts import duties, replacing
from settlement.contracts.evidence import bundle
from settlement.ledger import Code
from settlement.models import Replacement, WeighTicket
from tests.settlement.contracts.trade import Deal, delivering

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

VALUE, FEE = 72_200_000, 36_100
GOOD = {"qnet_ar": "5500", "st_d": "0.80", "mt": "18"}
POOR = {"qnet_ar": "4900", "st_d": "0.80", "mt": "18"}  # below 5,000 the buyer may refuse
SAID = {"days": 5, "reason": "热值不足，换货"}


def refused(*, basis: str = "", seller_yuan: int = 0) -> Deal:
    """1,000 t in two vehicles, of which the second's 400 t are refused."""
    deal = Deal(basis=basis, seller_yuan=seller_yuan)
    deal.deliver(600_000, 400_000)
    deal.certificate(0, **POOR)
    deal.certificate(1, **GOOD)
    deal.do(delivering.refuse_ticket, **deal.as_buyer(), ticket=2)
    return deal


def agreed(**more: Any) -> Deal:
    deal = refused(**more)
    deal.do(replacing.propose, **deal.as_seller(), **SAID)
    deal.do(replacing.take, **deal.as_buyer(), days=5, kg=400_000)
    return deal


def owed(deal: Deal) -> list[tuple[str, str]]:
    with deal.scope():
        return [(one.what, one.side) for one in duties.of_contract(deal.contract(), [])]


def test_what_was_refused_is_delivered_once_more_and_paid_as_if_it_had_been_good() -> None:
    deal = refused()
    bound = deal.money(deal.buyer, Code.COMMITTED), deal.contract().receipts
    deal.do(replacing.propose, **deal.as_seller(), **SAID)
    deal.do(replacing.take, **deal.as_buyer(), days=5, kg=400_000)
    contract = deal.contract()
    assert (contract.state, contract.due_at) == ("delivering", deal.now + dt.timedelta(days=5))
    assert (deal.money(deal.buyer, Code.COMMITTED), contract.receipts) == bound
    deal.prove()
    deal.truck(400_000)
    deal.loaded()
    deal.certificate(3, **GOOD)
    deal.accept()
    body = deal.statement().body
    assert (body["payable_kg"], body["missing_kg"], body["value_fen"]) == (1_000_000, 0, VALUE)
    assert [part["tickets"] for part in body["parts"]] == [[1], [3]]
    deal.agree()
    deal.invoice()
    deal.take_invoice()
    assert deal.state == "closed"
    assert deal.money(deal.seller) == VALUE - FEE
    with deal.scope():
        told = bundle(deal.contract(), seen_by=None)
    assert [(one["refused"], one["replaced"]) for one in told["tickets"]] == [
        (False, False), (True, True), (False, False),
    ]  # fmt: skip
    assert (told["replacement"]["kg"], told["replacement"]["days"]) == (400_000, 5)
    deal.prove()


def test_the_replacement_is_not_judged_by_the_certificate_of_what_it_replaces() -> None:
    deal = agreed()
    deal.truck(400_000)
    deal.loaded()
    with deal.scope():
        assert delivering.refusable(deal.contract()) == set(), "no certificate: as agreed"
    deal.accept()
    parts = deal.statement().body["parts"]
    assert [(part["tickets"], part["certificate"] != "") for part in parts] == [
        ([1], True), ([3], False),
    ]  # fmt: skip


def test_a_replacement_may_be_refused_too_and_then_it_is_short() -> None:
    deal = agreed(seller_yuan=100_000)
    deal.truck(400_000)
    deal.loaded()
    deal.certificate(3, **POOR)
    deal.do(delivering.refuse_ticket, **deal.as_buyer(), ticket=3)
    for who in (deal.as_buyer(), deal.as_seller()):
        assert deal.refusal(replacing.propose, **who, **SAID) == "REPLACED_ALREADY"
    deal.accept()
    assert deal.statement().body["missing_kg"] == 300_000  # 10 per cent less would have done
    deal.agree()
    deal.prove()


@pytest.mark.parametrize("basis", ["", "DELIVERED"])
def test_what_the_seller_does_not_bring_is_its_own_shortage(basis: str) -> None:
    deal = agreed(basis=basis)
    assert ("deliver", "seller") in owed(deal)
    deal.wait(days=6)
    contract = deal.contract()
    assert (contract.state, contract.left_kg, contract.storage_fen) == ("delivered", 0, 0)
    deal.accept()
    body = deal.statement().body
    assert (body["payable_kg"], body["missing_kg"], body["left_kg"]) == (600_000, 300_000, 0)


def test_what_lies_ready_is_the_buyers_to_collect() -> None:
    deal = agreed()
    deal.wait(days=4)
    deal.do(replacing.ready, by=deal.people["keeper"])
    assert ("collect", "buyer") in owed(deal)
    with deal.scope():
        window = deal.contract().terms["delivery_days"]
    assert deal.contract().due_at == deal.now + dt.timedelta(days=window), "it has its whole window"
    assert deal.refusal(replacing.ready, by=deal.people["keeper"]) == "CONTRACT_STATE"
    deal.wait(days=window + 1)
    assert deal.contract().storage_from is not None
    deal.wait(days=11)
    contract = deal.contract()
    assert (contract.state, contract.left_kg) == ("delivered", 300_000)
    # 400 t for ten days, at 0.20 yuan a tonne and day
    assert contract.storage_fen == 400 * 10 * 20
    deal.prove()


def test_storage_of_the_first_delivery_stays_owed_and_is_counted_once() -> None:
    deal = Deal()
    deal.order()
    with deal.scope():
        window = deal.contract().terms["delivery_days"]
    deal.wait(days=window + 3)
    deal.truck(1_000_000)
    deal.loaded()
    first = deal.contract().storage_fen
    assert first > 0
    deal.certificate(1, **POOR)
    deal.do(delivering.refuse_ticket, **deal.as_buyer(), ticket=1)
    deal.do(replacing.propose, **deal.as_buyer(), **SAID)
    deal.do(replacing.take, **deal.as_seller(), days=5, kg=1_000_000)
    assert (deal.contract().storage_fen, deal.contract().storage_from) == (first, None)
    deal.do(replacing.ready, by=deal.people["keeper"])
    deal.wait(days=window + 3)  # late once more, by as much
    deal.truck(1_000_000)
    deal.loaded()
    assert deal.contract().storage_fen == 2 * first
    deal.accept()
    assert deal.statement().body["storage_fen"] == 2 * first


def test_the_warehouse_says_ready_only_where_the_buyer_collects() -> None:
    deal = agreed(basis="DELIVERED")
    assert deal.refusal(replacing.ready, by=deal.people["keeper"]) == "CONTRACT_STATE"


def test_a_replaced_ticket_is_over_for_inspector_and_clerk() -> None:
    deal = agreed()
    said = {"by": deal.people["inspector"], "certificate": "C", "agency": "A", "measured": GOOD}
    assert deal.refusal(delivering.inspect, **said, ticket=2) == "NO_TICKET"
    deal.truck(400_000)
    deal.loaded()
    deal.do(delivering.dispute, **deal.as_buyer(), what="quality", reason="留样复检")
    weight = {"by": deal.people["clerk"], "net_kg": 1}
    assert deal.refusal(delivering.decide_weight, **weight, ticket=2) == "NO_TICKET"
    deal.certificate(0, **GOOD)  # the umpire's, of all: it opens nothing that was replaced
    with deal.scope():
        rows = WeighTicket.objects.order_by("number")
        assert list(rows.values_list("refused", "replaced")) == [
            (False, False), (True, True), (False, False),
        ]  # fmt: skip


def test_an_umpire_of_the_first_delivery_has_not_spoken_of_the_second() -> None:
    deal = Deal("SEA-SQD", venue="jdsc", seller="rcyy", buyer="whhx", lots=500, buyer_yuan=400_000)
    warm = {"size": "200-300g", "glaze": "5", "tvbn": "20", "core_temp": "-13"}
    whole = 500 * deal.goods.lot_kg
    clerk = {"by": deal.people["clerk"]}
    deal.deliver(whole)
    deal.certificate(**warm)
    deal.certificate(**warm)  # the umpire's: it is out
    deal.do(delivering.end_umpire, **clerk)
    deal.do(replacing.propose, **deal.as_seller(), **SAID | {"days": 3})
    deal.do(replacing.take, **deal.as_buyer(), days=3, kg=whole)
    deal.truck(whole)
    deal.certificate(2, **warm)
    deal.loaded()
    assert deal.state == "disputed", "it waits for an umpire of its own"
    assert deal.refusal(delivering.end_umpire, **clerk) == "UMPIRE_MISSING"
    deal.certificate(2, **warm | {"core_temp": "-18"})
    deal.do(delivering.end_umpire, **clerk)
    deal.accept()
    body = deal.statement().body
    assert (body["payable_kg"], [part["tickets"] for part in body["parts"]]) == (whole, [[2]])
    deal.prove()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"days": 0}, "REPLACE_DAYS"),
        ({"days": 400}, "REPLACE_DAYS"),
        ({"reason": " "}, "REQUIRED"),
        ({"reason": "x" * 401}, "TOO_LONG"),
    ],
)
def test_a_proposal_has_days_and_a_reason(change: dict[str, Any], code: str) -> None:
    deal = refused()
    assert deal.refusal(replacing.propose, **deal.as_buyer(), **SAID | change) == code
    with deal.scope():
        assert not Replacement.objects.exists()


def test_only_the_other_party_takes_what_it_has_read() -> None:
    deal = refused()
    said = {"days": 5, "kg": 400_000}
    assert deal.refusal(replacing.take, **deal.as_buyer(), **said) == "CONTRACT_STATE"
    deal.do(replacing.propose, **deal.as_buyer(), **SAID)
    stranger = {"firm": deal.stranger, "by": deal.people["clerk"]}
    for act, more in ((replacing.propose, SAID), (replacing.take, said)):
        assert deal.refusal(act, **stranger, **more) == "UNKNOWN_CONTRACT"
    assert deal.refusal(replacing.take, **deal.as_buyer(), **said) == "NOT_ALLOWED"
    for other in ({"days": 6}, {"kg": 399_999}):
        assert deal.refusal(replacing.take, **deal.as_seller(), **said | other) == "OTHER_PROPOSAL"
    assert deal.state == "delivered"
    deal.wait(days=10)
    assert deal.state != "delivered", "a proposal stops no clock"
    assert deal.refusal(replacing.take, **deal.as_seller(), **said) == "CONTRACT_STATE"


def test_more_that_is_refused_later_is_another_proposal() -> None:
    deal = Deal()
    deal.deliver(600_000, 400_000)
    deal.certificate(0, **POOR)
    assert deal.refusal(replacing.propose, **deal.as_buyer(), **SAID) == "NOTHING_REFUSED"
    deal.do(delivering.refuse_ticket, **deal.as_buyer(), ticket=2)
    deal.do(replacing.propose, **deal.as_buyer(), **SAID)
    deal.do(delivering.refuse_ticket, **deal.as_buyer(), ticket=1)
    said = {"days": 5, "kg": 400_000}
    assert deal.refusal(replacing.take, **deal.as_seller(), **said) == "OTHER_PROPOSAL"


def test_the_database_knows_that_what_was_replaced_had_been_refused() -> None:
    deal = refused()
    with deal.scope(), pytest.raises(IntegrityError), transaction.atomic():
        WeighTicket.objects.update(replaced=True)
