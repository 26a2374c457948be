"""Random lives of contracts with scarce means: the eight invariants of SETTLEMENT 4.2 at each step.

Each example is one venue with two contracts of one buyer whose money does not suffice for both,
and a seller that has little money and, at times, too few goods for the second. Whatever people try,
in whatever order, nothing is lost, nothing is half exchanged, a refusal changes nothing, and every
contract can be brought to its end. The invariants are `INVARIANTS` and, for the seventh and the
eighth, `Life.attempt` and `Life.finish`.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from matching.commands import Side
from settlement import ledger, receipts
from settlement.contracts import (
    cutting,
    defaults,
    delivering,
    disputes,
    invoicing,
    paying,
    replacing,
    settling,
)
from settlement.contracts.flow import ContractError
from settlement.contracts.money import penalty_fen
from settlement.contracts.statement import worth
from settlement.ledger import Code, Kind
from settlement.models import (
    ContractEvent,
    Dispute,
    Inspection,
    Invoice,
    Obligation,
    ObligationState,
    OutboxCommand,
    PriceCut,
    Replacement,
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


@dataclass(frozen=True)
class Seen:
    """What the invariants look at, read once a step."""

    contracts: list[Obligation]
    moved: dict[int, list[Any]]
    balances: dict[Any, int]
    sums: dict[int, int]


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
            basis=draw(st.sampled_from(["", "", "DELIVERED"])),
        )
        deal = self.deal
        goods = draw(st.sampled_from([600, 600, 400]))  # 400 t do not suffice to sell 500
        with deal.scope():
            receipts.register(
                venue=deal.world.venue,
                firm=deal.seller,
                instrument=deal.goods,
                warehouse=deal.goods.warehouse,
                lots=goods,
                weight_kg=goods * 1_000,
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
        self.refused = 0
        self.unmade = 2 - len(self.contracts())  # orders for which money or goods lacked

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
                    (WeighTicket, ("obligation_id", "number", "refused", "replaced")),
                    (Inspection, ("id",)),
                    (Invoice, ("id", "state")),
                    (Dispute, ("id", "state", "amount_fen")),
                    (PriceCut, ("id", "value_fen", "taken_at")),
                    (Replacement, ("id", "days", "kg", "taken_at")),
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
        """The invariants that hold at every moment: 1 to 6 of SETTLEMENT 4.2."""
        contracts = self.contracts()
        with self.deal.scope():
            moved = {one.trade_id: list(ledger.movements(one.trade_id)) for one in contracts}
            seen = Seen(contracts, moved, ledger.balances(), ledger.sums())
        for holds in INVARIANTS:
            holds(self, seen)

    def finish(self) -> None:
        """Invariant 8, liveness: without new money all comes to an end and leaves nothing bound."""
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


def title(moved: list[Any]) -> int:
    return sum(r.amount for r in moved if r.kind == Kind.TITLE and r.ledger != ledger.CNY)


def paid_to(moved: list[Any], firm: Any) -> int:
    return sum(
        r.amount
        for r in moved
        if r.kind == Kind.PAYMENT and r.credit.firm_id == firm.pk and r.credit.code == Code.TRADING
    )


def assets_are_conserved(life: Life, seen: Seen) -> None:
    """1: in each asset debits equal credits; ledger and engine agree; no money is lost."""
    assert set(seen.sums.values()) == {0}
    life.deal.prove()


def nothing_is_below_zero(life: Life, seen: Seen) -> None:
    """2: no firm has less than nothing, free or bound."""
    firms = {key: left for key, left in seen.balances.items() if key[2]}
    assert all(left >= 0 for left in firms.values()), firms


def nothing_is_half_exchanged(life: Life, seen: Seen) -> None:
    """3: between steps escrow and custody are empty."""
    between = {key: left for key, left in seen.balances.items() if key[1] in BETWEEN}
    assert not any(between.values())
    assert not any(firm for _, _, firm in between), "what is between is nobody's"


def title_moves_with_money(life: Life, seen: Seen) -> None:
    """4: title has moved if and only if the contract was exchanged, and then money has."""
    for one in seen.contracts:
        moved = seen.moved[one.trade_id]
        assert bool(title(moved)) == (one.state in (S.SETTLED, S.CLOSED)), one.state
        assert not title(moved) or any(row.kind == Kind.PAYMENT for row in moved)


def holds_stand_while_open(life: Life, seen: Seen) -> None:
    """5: an open contract binds its goods and its money, an ended one nothing."""
    bound = life.deal.world.engine.venue.trades
    for one in seen.contracts:
        trade = bound.get(one.trade_id)
        if one.state in ENDS:
            assert trade is None, "what has ended binds nothing"
        elif one.state == S.SETTLED:
            assert bool(trade) == bool(one.kept_fen or one.penalty_at), "kept, or standing for it"
            assert trade is None or trade.buyer_committed_fen == one.kept_fen
        else:
            assert trade is not None
            assert sum(lots for _, lots, _ in trade.receipts) == one.quantity_lots
            assert trade.buyer_committed_fen == one.committed_fen
        if one.state in (S.SECURED, S.DELIVERING, S.DELIVERED, S.DISPUTED, S.STATED):
            assert one.committed_fen >= one.value_fen * 11 // 10, "paid in full before goods go"


def what_lacks_is_paid_for(life: Life, seen: Seen) -> None:
    """6: settled means delivered within the tolerance or its penalty; a default moves no title.

    Worked out here from the ledger: what the seller got, what is kept, what went back by a ruling
    and what was set off are all of what the buyer owed; set off, moved and owed are the penalty.
    """
    for one in seen.contracts:
        moved = seen.moved[one.trade_id]
        if one.state in (S.BUYER_DEFAULT, S.SELLER_DEFAULT, S.TERMINATED, S.CANCELLED):
            assert title(moved) == 0
        if one.state not in (S.SETTLED, S.CLOSED):
            continue
        with life.deal.scope():
            fresh = Obligation.objects.select_related("statement", "instrument").get(pk=one.pk)
            ruled = Dispute.objects.filter(obligation=one, state="executed").first()
        body, terms = fresh.statement.body, one.terms
        price = one.price_ticks * one.instrument.tick_fen_per_t
        least_kg = one.weight_kg * 9 // 10  # coal: 10 per cent less
        assert body["accepted_kg"] + body["missing_kg"] >= least_kg
        left = body["left_kg"]
        due = penalty_fen(worth(price, body["missing_kg"] - left), terms["seller_penalty_bp"])
        buyers = penalty_fen(worth(price, left), terms["buyer_penalty_bp"]) if left else 0
        back = ruled.amount_fen - ruled.seller_gets_fen if ruled else 0
        fees = sum(row.amount for row in moved if row.kind == Kind.FEE)
        penalty = sum(row.amount for row in moved if row.kind == Kind.PENALTY)
        set_off = due - penalty - one.penalty_fen
        assert 0 <= set_off <= due
        got = paid_to(moved, life.deal.seller) + one.kept_fen + back + set_off
        owed = one.final_fen + one.late_fen + one.storage_fen + buyers - one.unpaid_fen
        assert got + fees - one.buyer_fee_fen == owed


INVARIANTS = (
    assets_are_conserved,
    nothing_is_below_zero,
    nothing_is_half_exchanged,
    title_moves_with_money,
    holds_stand_while_open,
    what_lacks_is_paid_for,
)
BETWEEN = (Code.ESCROW, Code.CUSTODY)


def who(life: Life) -> dict[str, Any]:
    deal = life.deal
    side = life.draw(st.sampled_from(["buyer", "buyer", "seller", "seller", "stranger"]))
    return {
        "firm": {"buyer": deal.buyer, "seller": deal.seller, "stranger": deal.stranger}[side],
        "by": deal.people["buyer"],
    }


def staff(life: Life) -> dict[str, Any]:
    return {"by": life.deal.people["clerk"]}


def other(life: Life) -> dict[str, Any]:
    return {"by": life.deal.people["keeper"]}


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
        (disputes.take_to, {**staff(life), "forum": "court", "document": "受理"}),
        (disputes.award, {**other(life), "seller_gets": 0, "document": "判决"}),
    ):
        if life.draw(st.booleans()):
            life.attempt(act, one.trade_id, **more)


def missing(life: Life, one: Obligation) -> None:
    life.attempt(delivering.report_missing, one.trade_id, **staff(life), reason="无货")


def cut(life: Life, one: Obligation) -> None:
    value = life.draw(st.sampled_from([1, 1_000_000, one.final_fen * 9 // 10, one.final_fen]))
    said = {"value_fen": value, "reason": "减价"}
    life.attempt(cutting.propose, one.trade_id, **who(life), **said)
    life.attempt(cutting.take, one.trade_id, **who(life), value_fen=value)


def replace(life: Life, one: Obligation) -> None:
    """A vehicle is found poor and refused; one proposes its replacement, the other takes it."""
    deal, ticket = life.deal, life.draw(st.sampled_from([1, 1, 2]))
    found = {"ticket": ticket, "certificate": number(life), "agency": "CCIC", "measured": FOUND[2]}
    life.attempt(delivering.inspect, one.trade_id, **staff(life), **found)
    life.attempt(delivering.refuse_ticket, one.trade_id, **buyer(life), ticket=ticket)
    with deal.scope():
        kg = replacing.refused_kg(one)
    said = {"days": life.draw(st.sampled_from([2, 10, 2, 0])), "reason": "换货"}
    life.attempt(replacing.propose, one.trade_id, **deal.as_seller(), **said)
    taken = {"days": said["days"], "kg": kg}
    life.attempt(replacing.take, one.trade_id, **who(life), **taken)
    life.attempt(replacing.take, one.trade_id, **buyer(life), **taken)


def ready(life: Life, one: Obligation) -> None:
    life.attempt(replacing.ready, one.trade_id, **staff(life))


def wait(life: Life, one: Obligation) -> None:
    life.deal.wait(days=life.draw(st.sampled_from([1, 3, 6, 16])), every_h=24)


def miss(life: Life, one: Obligation) -> None:
    """The sweep is down for days, then runs once."""
    life.deal.miss(days=life.draw(st.sampled_from([3, 16])))
    life.deal.sweep()


def wait_long(life: Life, one: Obligation) -> None:
    life.deal.wait(days=16, every_h=24)


def bill(life: Life, one: Obligation) -> None:
    """Settle the paper: the invoice, and the panel's word on what is in dispute."""
    deal = life.deal
    life.attempt(invoicing.red_letter, one.trade_id, **deal.as_seller(), number=number(life))
    invoice(life, one)
    accepted = {"accepted": True, "reason": ""}
    life.attempt(invoicing.answer, one.trade_id, **buyer(life), **accepted)
    said = {"seller_gets": 0, "text": "裁决"}
    life.attempt(disputes.decide, one.trade_id, **staff(life), **said)
    ruling = {"seller_gets": 0, "document": "判决"}
    life.attempt(disputes.award, one.trade_id, **other(life), **ruling)


ACTS = {
    act.__name__: act
    for act in (
        pay, order, weigh, loaded, inspect, accept, agree, object_to, invoice, answer, red,
        dispute, umpire, refuse, replace, ready, excess, remedy, quarrel, missing, cut, wait, miss,
    )
}  # fmt: skip
LIKELY: dict[S, tuple[str, ...]] = {
    S.MATCHED: ("pay", "pay", "pay", "wait"),
    S.SECURED: ("order", "order", "order", "wait"),
    S.DELIVERING: ("weigh", "weigh", "loaded", "loaded", "inspect", "wait", "missing"),
    S.DELIVERED: ("accept", "accept", "inspect", "refuse", "excess", "dispute"),
    S.DISPUTED: ("umpire", "inspect"),
    S.STATED: ("agree", "agree", "agree", "object_to", "cut"),
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
        if data.draw(st.booleans()):  # chance alone seldom gets as far as to a replacement
            for act in (pay, order, weigh, loaded, replace, ready, weigh, weigh, loaded):
                act(life, life.contracts()[0])
                life.check()
        for _ in range(data.draw(st.integers(15, 32))):
            life.step()
        life.finish()
        ends = [str(one.state) for one in life.contracts()]
        outcomes.update(ends)
        outcomes["runs"] += 1
        outcomes["runs that settled"] += "closed" in ends
        outcomes["refused"] += life.refused
        outcomes["no means to trade"] += life.unmade
        outcomes["replaced"] += sum(bool(one.replacing) for one in life.contracts())
        transaction.set_rollback(True)


@pytest.mark.timeout(600)  # on a busy machine a life takes ten seconds
def test_whatever_people_try_money_and_goods_are_where_they_belong() -> None:
    outcomes: Counter[str] = Counter()
    live(outcomes)
    print(dict(outcomes))  # how the lives ended: `make simulate` shows it
    ended = outcomes["closed"] + outcomes["terminated"]
    assert outcomes["closed"] * 3 >= ended, f"lives that only default prove little: {outcomes}"
    assert outcomes["runs that settled"] * 3 >= outcomes["runs"], outcomes
    assert outcomes["terminated"], outcomes
    assert outcomes["refused"] >= outcomes["runs"], f"nobody lacked anything: {outcomes}"
    assert outcomes["no means to trade"], outcomes
    assert outcomes["replaced"], f"nobody replaced anything: {outcomes}"
