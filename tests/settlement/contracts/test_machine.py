"""Random lives of contracts with scarce money: the eight invariants of SETTLEMENT 4.2 at each step.

Each example is one venue with two contracts of one buyer whose money does not suffice for both,
and a seller that has little. Whatever people try, in whatever order, nothing is lost, nothing is
half exchanged, a refusal changes nothing, and every contract can be brought to its end.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from matching.commands import Side
from settlement import ledger, receipts
from settlement.contracts import (
    defaults,
    delivering,
    disputes,
    invoicing,
    paying,
    settling,
)
from settlement.contracts.flow import ContractError
from settlement.ledger import Kind
from settlement.models import (
    ContractEvent,
    Dispute,
    Inspection,
    Invoice,
    Obligation,
    ObligationState,
    OutboxCommand,
    WeighTicket,
)
from tests.papers import NOON, papers
from tests.settlement.contracts.trade import CODE, Deal

pytestmark = [pytest.mark.databases, pytest.mark.django_db]
S = ObligationState
ENDS = (S.CLOSED, S.TERMINATED, S.CANCELLED)
EXAMPLES = 12 * int(os.environ.get("HAIDAI_DEEP", "1"))
FOUND = (
    {"qnet_ar": "5500", "st_d": "0.80", "mt": "18"},
    {"qnet_ar": "5423", "st_d": "0.92", "mt": "19.4"},
    {"qnet_ar": "4900", "st_d": "0.80", "mt": "18"},
    {"qnet_ar": "5700", "st_d": "0.80", "mt": "18"},
    {"qnet_ar": "wet", "st_d": "0.80", "mt": "18"},
)


class Life:
    """Two contracts, and what people may try. Draws every choice from Hypothesis."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        cover = draw(st.sampled_from([10_000, 1_000, 1_000]))
        money = draw(st.sampled_from([500_000, 850_000, 850_000]))
        self.deal = Deal(
            lots=500,
            cover_bp=cover,
            buyer_yuan=money,
            seller_yuan=draw(st.sampled_from([0, 9_000])),
            always_open=True,
        )
        deal = self.deal
        with deal.scope():
            receipts.register(
                venue=deal.world.venue,
                firm=deal.seller,
                instrument=deal.goods,
                warehouse=deal.goods.warehouse,
                lots=600,
                weight_kg=600_000,
                op_id="second",
                by=None,
                lot_reference="second",
                papers=papers(),
                now=NOON,
            )
        deal.world.settle_all()
        deal.world.enter(deal.seller, deal.goods, Side.SELL, 500, 722)
        deal.world.enter(deal.buyer, deal.goods, Side.BUY, 500, 722)
        deal.world.settle_all()
        self.goods_kg = 1_100_000
        self.refused = 0

    def contracts(self) -> list[Obligation]:
        with self.deal.scope():
            rows = Obligation.objects.select_related("instrument").order_by("trade_id")
            return list(rows)

    def attempt(self, act: Any, trade_id: int, **more: Any) -> None:
        """Do it, or be refused and find nothing changed (invariant 7)."""
        before = self.everything()
        try:
            with self.deal.scope():
                act(trade_id, now=self.deal.now, **more)
        except (ContractError, ValueError):
            self.refused += 1
            assert self.everything() == before, "a refused action changes nothing"
        self.deal.world.settle_all()

    def everything(self) -> tuple[Any, ...]:
        """All that a refusal must leave alone."""
        with self.deal.scope():
            rows = [
                sorted(kind.objects.values_list(*fields))
                for kind, fields in (
                    (Obligation, ("trade_id", "state", "committed_fen", "kept_fen", "late_fen")),
                    (WeighTicket, ("obligation_id", "number", "refused")),
                    (Inspection, ("id",)),
                    (Invoice, ("id", "state")),
                    (Dispute, ("id", "state", "amount_fen")),
                    (ContractEvent, ("id",)),
                    (OutboxCommand, ("op_id",)),
                )
            ]
            return (*rows, sorted(ledger.balances().items()), self.deal.world.engine.digest())

    def step(self) -> None:
        """One of what people try: mostly what the contract asks for, sometimes anything."""
        one = self.draw(st.sampled_from(self.contracts()))
        names = sorted(ACTS)
        likely = LIKELY.get(S(one.state), ())
        if likely and self.draw(st.integers(0, 9)) < 9:
            names = list(likely)
        ACTS[self.draw(st.sampled_from(names))](self, one)
        self.check()

    def check(self) -> None:
        """The invariants that hold at every moment, 1 to 6."""
        self.deal.prove()  # 1, 2, 3: sums zero, nothing below zero, escrow and custody empty
        bound = self.deal.world.engine.venue.trades
        for one in self.contracts():
            with self.deal.scope():
                rows = ledger.movements(one.trade_id)
            title = sum(r.amount for r in rows if r.kind == Kind.TITLE and r.ledger != ledger.CNY)
            paid = sum(r.amount for r in rows if r.kind == Kind.PAYMENT)
            exchanged = one.state in (S.SETTLED, S.CLOSED)
            assert bool(title) == exchanged, "title moves with the exchange and only then"
            assert not exchanged or paid, "no title without funds"
            trade = bound.get(one.trade_id)
            if one.state in ENDS:
                assert trade is None, "what has ended binds nothing"
            elif one.state != S.SETTLED:
                assert trade is not None
                assert sum(lots for _, lots, _ in trade.receipts) == one.quantity_lots
                assert trade.buyer_committed_fen == one.committed_fen
            if one.state in (S.SECURED, S.DELIVERING, S.DELIVERED, S.DISPUTED, S.STATED):
                assert one.committed_fen >= one.value_fen * 11 // 10, "paid in full before goods go"
            if one.state in (S.BUYER_DEFAULT, S.SELLER_DEFAULT, S.TERMINATED):
                assert title == 0, "a default moves no title"

    def finish(self) -> None:
        """Invariant 8: without new money everything comes to an end and nothing stays bound."""
        for _ in range(60):
            left = [one for one in self.contracts() if one.state not in ENDS]
            if not left:
                break
            for one in left:
                END.get(S(one.state), wait_long)(self, one)
            wait_long(self, left[0])
        assert {str(one.state) for one in self.contracts()} <= set(ENDS)
        assert self.deal.world.engine.venue.trades == {}
        self.deal.prove()


def who(life: Life) -> dict[str, Any]:
    deal = life.deal
    side = life.draw(st.sampled_from(["buyer", "buyer", "seller", "seller", "stranger"]))
    return {
        "firm": {"buyer": deal.buyer, "seller": deal.seller, "stranger": deal.stranger}[side],
        "by": deal.people["buyer"],
    }


def staff(life: Life) -> dict[str, Any]:
    return {"by": life.deal.people["clerk"]}


def buyer(life: Life) -> dict[str, Any]:
    return life.deal.as_buyer()


def number(life: Life) -> str:
    life.deal.numbers += 1
    return f"{life.deal.numbers:08d}"


def pay(life: Life, one: Obligation) -> None:
    life.attempt(paying.pay, one.trade_id, **buyer(life), op_id=number(life))


def order(life: Life, one: Obligation) -> None:
    life.attempt(delivering.order_delivery, one.trade_id, **buyer(life), code=CODE)


def weigh(life: Life, one: Obligation) -> None:
    kg = life.draw(st.sampled_from([150_000, 250_000, 500_000, 560_000, 0]))
    scale = {"gross_kg": 15_000 + kg, "tare_kg": 15_000, "plate": "鲁L·1", "code": CODE}
    life.attempt(delivering.weigh_in, one.trade_id, **staff(life), **scale)


def loaded(life: Life, one: Obligation) -> None:
    life.attempt(delivering.finish_loading, one.trade_id, **staff(life))


def inspect(life: Life, one: Obligation) -> None:
    life.attempt(
        delivering.inspect,
        one.trade_id,
        **staff(life),
        ticket=life.draw(st.sampled_from([0, 0, 1, 2])),
        certificate=number(life),
        agency="CCIC",
        measured=life.draw(st.sampled_from(FOUND)),
    )


def accept(life: Life, one: Obligation) -> None:
    life.attempt(settling.accept, one.trade_id, **buyer(life))


def agree(life: Life, one: Obligation) -> None:
    with life.deal.scope():
        statement = getattr(Obligation.objects.get(pk=one.pk), "statement", None)
    sha256 = statement.sha256 if statement is not None else "0" * 64
    for side in (life.deal.as_buyer(), life.deal.as_seller()):
        life.attempt(settling.agree, one.trade_id, **side, sha256=sha256)


def object_to(life: Life, one: Obligation) -> None:
    amount = life.draw(st.sampled_from([0, 1, 1_000_000, 10**12]))
    life.attempt(
        settling.object_to, one.trade_id, **who(life), amount_fen=amount, reason="重量不符"
    )


def invoice(life: Life, one: Obligation) -> None:
    with life.deal.scope():
        fresh = Obligation.objects.get(pk=one.pk)
        value, kg = invoicing.settled(fresh) if fresh.final_fen else (1, 1)
    vat = value - (value * 200 + 113) // 226
    said = {"gross_fen": value, "vat_fen": vat, "weight_kg": kg, "number": number(life)}
    life.attempt(invoicing.issue, one.trade_id, **life.deal.as_seller(), **said)


def answer(life: Life, one: Obligation) -> None:
    accepted = life.draw(st.sampled_from([True, True, False]))
    life.attempt(
        invoicing.answer, one.trade_id, **buyer(life), accepted=accepted, reason="抬头错误"
    )


def red(life: Life, one: Obligation) -> None:
    life.attempt(invoicing.red_letter, one.trade_id, **life.deal.as_seller(), number=number(life))


def dispute(life: Life, one: Obligation) -> None:
    said = {"what": "quality", "reason": "留样复检"}
    life.attempt(delivering.dispute, one.trade_id, **who(life), **said)


def umpire(life: Life, one: Obligation) -> None:
    life.attempt(delivering.end_umpire, one.trade_id, **staff(life))


def refuse(life: Life, one: Obligation) -> None:
    ticket = life.draw(st.sampled_from([1, 2]))
    life.attempt(delivering.refuse_ticket, one.trade_id, **who(life), ticket=ticket)


def excess(life: Life, one: Obligation) -> None:
    refused = life.draw(st.booleans())
    life.attempt(delivering.refuse_excess, one.trade_id, **who(life), refused=refused)


def remedy(life: Life, one: Obligation) -> None:
    chosen = life.draw(st.sampled_from(["penalty", "earnest"]))
    life.attempt(defaults.choose, one.trade_id, **who(life), remedy=chosen)


def quarrel(life: Life, one: Obligation) -> None:
    for act, more in (
        (disputes.respond, {**who(life), "text": "不同意"}),
        (disputes.offer, {**buyer(life), "fen": 1}),
        (disputes.offer, {**life.deal.as_seller(), "fen": life.draw(st.sampled_from([0, 1]))}),
        (disputes.to_panel, staff(life)),
        (disputes.decide, {**staff(life), "seller_gets": 1, "text": "裁决"}),
        (disputes.appeal, who(life)),
    ):
        if life.draw(st.booleans()):
            life.attempt(act, one.trade_id, **more)


def wait(life: Life, one: Obligation) -> None:
    life.deal.wait(days=life.draw(st.sampled_from([1, 3, 6, 16])))


def wait_long(life: Life, one: Obligation) -> None:
    life.deal.wait(days=16)


def bill(life: Life, one: Obligation) -> None:
    """Settle the paper: the invoice, and the panel's word on what is in dispute."""
    deal = life.deal
    life.attempt(invoicing.red_letter, one.trade_id, **deal.as_seller(), number=number(life))
    invoice(life, one)
    accepted = {"accepted": True, "reason": ""}
    life.attempt(invoicing.answer, one.trade_id, **buyer(life), **accepted)
    said = {"seller_gets": 0, "text": "裁决"}
    life.attempt(disputes.decide, one.trade_id, **staff(life), **said)


ACTS = {
    act.__name__: act
    for act in (
        pay, order, weigh, loaded, inspect, accept, agree, object_to, invoice, answer, red,
        dispute, umpire, refuse, excess, remedy, quarrel, wait,
    )
}  # fmt: skip
LIKELY: dict[S, tuple[str, ...]] = {
    S.MATCHED: ("pay",),
    S.SECURED: ("order",),
    S.DELIVERING: ("weigh", "weigh", "loaded", "loaded", "inspect"),
    S.DELIVERED: ("accept", "accept", "inspect", "refuse", "excess", "dispute"),
    S.DISPUTED: ("umpire", "inspect"),
    S.STATED: ("agree", "agree", "object_to"),
    S.TOP_UP: ("pay",),
    S.SETTLED: ("invoice", "answer", "red", "quarrel"),
    S.BUYER_DEFAULT: ("remedy",),
    S.SELLER_DEFAULT: ("remedy",),
}
END = {S.SETTLED: bill, S.DISPUTED: umpire}


@given(data=st.data())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
def live(outcomes: Counter[str], data: st.DataObject) -> None:
    with transaction.atomic():
        life = Life(data.draw)
        life.check()
        for _ in range(data.draw(st.integers(15, 40))):
            life.step()
        life.finish()
        outcomes.update(str(one.state) for one in life.contracts())
        outcomes["refused"] += life.refused
        transaction.set_rollback(True)


def test_whatever_people_try_money_and_goods_are_where_they_belong() -> None:
    outcomes: Counter[str] = Counter()
    live(outcomes)
    ended = outcomes["closed"] + outcomes["terminated"]
    assert outcomes["closed"] * 3 >= ended, f"lives that only default prove little: {outcomes}"
    assert outcomes["terminated"], outcomes
    assert outcomes["refused"], outcomes
    print(dict(outcomes))  # how the lives ended: `make simulate` shows it
