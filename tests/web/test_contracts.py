"""A contract's page: each seat sees its own acts, does them once, and nobody else's."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from typing import Any

from django.test import Client
from django.utils import timezone

from exchange import scope
from exchange.sequencer import now_us
from matching.commands import LiftOrder, Side
from settlement import funds
from settlement.contracts.terms import digest
from settlement.models import Obligation
from tests.web.desk import Desk, codes, desk

__all__ = ["desk"]

PAGE = "/qldz/contracts/1/"


def agreed(desk: Desk, *, cover_bp: int = 1_000, delivery: str = "acceptance") -> None:
    """A trade of 500 t of coal at 722, to be delivered and accepted."""
    coal = desk.instrument(delivery=delivery, cover_bp=cover_bp)
    seller, buyer = desk.firm("rzyf"), desk.firm("lzrd")
    desk.pay_in(buyer, 1_000_000)
    desk.store(seller, coal, 1_000)
    entered = desk.enter(seller, coal, Side.SELL, 500, 722)
    desk.command(LiftOrder(buyer.pk, 1, "lift", now_us(), entered.order_id, 500))
    desk.catch_up()


def acts(page: str) -> list[str]:
    return re.findall(r'data-testid="act-([a-z]+)"', page)


def act(desk: Desk, client: Client, name: str, **data: Any) -> Any:
    """Send the form of an act as the page gives it; return the answer."""
    page = client.get(PAGE).content.decode()
    form = re.search(rf'data-testid="act-{name}".*?</form>', page, re.DOTALL)
    assert form is not None, (name, acts(page))
    hidden = dict(re.findall(r'name="([a-z0-9_]+)" value="([0-9a-f-]{36,64})"', form[0]))
    answer = client.post(PAGE, hidden | {"act": name} | data)
    desk.catch_up()
    return answer


def test_a_contract_goes_from_deposit_to_closed_on_its_page(desk: Desk) -> None:
    agreed(desk)
    people = {
        "pay": desk.client("finance", "lzrd"),
        "goods": desk.client("delivery", "lzrd"),
        "sell": desk.client("finance", "rzyf"),
        "store": desk.client("warehouse"),
        "lab": desk.client("inspector"),
    }
    assert act(desk, people["pay"], "pay").status_code == 302
    assert act(desk, people["goods"], "order").status_code == 302
    code = re.search(
        r'data-testid="pickup-code">([A-Z0-9]{6})<', people["goods"].get(PAGE).content.decode()
    )
    assert code is not None
    for other in ("sell", "store", "lab"):
        assert code[1] not in people[other].get(PAGE).content.decode(), "who has it may load"
    truck = {"code": code[1].lower(), "plate": "鲁L·12345", "gross": "515", "tare": "15"}
    assert act(desk, people["store"], "weigh", **truck).status_code == 302
    assert act(desk, people["store"], "loaded").status_code == 302
    found = {"q_qnet_ar": "5423", "q_st_d": "0.92", "q_mt": "19.4"}
    paper = {"certificate": "CCIC-1", "agency": "CCIC", "ticket": "0"}
    assert act(desk, people["lab"], "inspect", **paper, **found).status_code == 302
    assert act(desk, people["goods"], "accept").status_code == 302
    page = people["sell"].get(PAGE).content.decode()
    # 706.89 yuan a tonne for 495 t
    assert 'data-testid="final-value">¥349,910.55<' in page
    assert page.count('data-testid="final-line"') == 4
    for finance in ("pay", "sell"):
        assert act(desk, people[finance], "agree").status_code == 302
    with scope.venue(1):
        assert Obligation.objects.get(trade_id=1).state == "settled"
    bill = {"number": "26377000000012345678", "gross": "349910.55", "weight": "500"}
    wrong = act(desk, people["sell"], "invoice", **bill, vat="40000")
    assert (wrong.status_code, codes(wrong)[0]) == (422, "INVOICE_VAT")
    assert "应为 ¥40,255.20" in wrong.content.decode()
    assert act(desk, people["sell"], "invoice", **bill, vat="40255.20").status_code == 302
    assert act(desk, people["pay"], "answer", accepted="yes").status_code == 302
    page = people["pay"].get(PAGE).content.decode()
    assert 'data-testid="contract-state" data-state="closed"' in page
    assert acts(page) == ["rate"]


def test_a_seat_sees_only_what_it_may_do_and_sends_nothing_else(desk: Desk) -> None:
    agreed(desk)
    assert acts(desk.client("finance", "lzrd").get(PAGE).content.decode()) == ["pay"]
    for role, firm in (("trader", "lzrd"), ("finance", "rzyf"), ("warehouse", ""), ("clerk", "")):
        client = desk.client(role, firm)
        assert acts(client.get(PAGE).content.decode()) == []
        assert client.post(PAGE, {"act": "pay"}).status_code == 404
    for role, firm in (("finance", "jnqf"), ("delivery", "jnqf")):
        assert desk.client(role, firm).get(PAGE).status_code == 404
    abroad = desk.client("finance", "whhx", venue="jdsc")
    assert abroad.post("/jdsc/contracts/1/", {"act": "pay"}).status_code == 404


def test_a_form_sent_twice_acts_once_and_one_that_is_too_late_says_so(desk: Desk) -> None:
    agreed(desk)
    finance = desk.client("finance", "lzrd")
    page = finance.get(PAGE).content.decode()
    op_id = re.search(r'name="op_id" value="([0-9a-f-]{36})"', page)
    assert op_id is not None
    for _ in range(2):
        answer = finance.post(PAGE, {"act": "pay", "op_id": op_id[1]})
        assert answer.status_code == 302
    desk.catch_up()
    late = finance.post(PAGE, {"act": "pay", "op_id": op_id[1]}, follow=True)
    assert "合同当前状态不能进行此操作" in late.content.decode()
    with scope.venue(1):
        contract = Obligation.objects.get(trade_id=1)
        assert contract.state == "secured"
        assert contract.events.filter(kind="paid").count() == 1


def test_a_payment_beyond_the_firms_money_is_refused_and_says_so(desk: Desk) -> None:
    agreed(desk)
    finance = desk.client("finance", "lzrd")
    with scope.venue(1):
        funds.withdraw(
            venue=desk.venue, firm=desk.firm("lzrd"), amount_fen=95_000_000, op_id="out", by=None
        )
    desk.catch_up()
    act(desk, finance, "pay")
    assert "可用资金不足" in finance.get(PAGE).content.decode()
    with scope.venue(1):
        assert Obligation.objects.get(trade_id=1).state == "matched"


def test_the_contracts_text_has_the_digest_that_was_signed(desk: Desk) -> None:
    agreed(desk)
    answer = desk.client("trader", "rzyf").get(f"{PAGE}contract.json")
    assert answer["X-Content-SHA256"] == hashlib.sha256(answer.content).hexdigest()
    assert desk.client("trader", "jnqf").get(f"{PAGE}contract.json").status_code == 404


def test_the_evidence_holds_everything_but_the_code_and_the_other_sides_money(desk: Desk) -> None:
    agreed(desk, cover_bp=10_000)
    goods = desk.client("delivery", "lzrd")
    act(desk, goods, "order")
    code = re.search(r'pickup-code">([A-Z0-9]{6})<', goods.get(PAGE).content.decode())
    assert code is not None
    store = desk.client("warehouse")
    act(desk, store, "weigh", code=code[1], plate="鲁L·12345", gross="515", tare="15")
    buyer, seller = desk.client("trader", "lzrd"), desk.client("trader", "rzyf")
    mine, theirs = (one.get(f"{PAGE}evidence.json") for one in (buyer, seller))
    assert mine["X-Content-SHA256"] == hashlib.sha256(mine.content).hexdigest()
    told = json.loads(mine.content)
    assert [row["gross_kg"] for row in told["tickets"]] == [515_000]
    assert [row["kind"] for row in told["history"]][:2] == ["signed", "signed"]
    assert told["contract_sha256"] == digest(told["contract"])
    assert [row["kind"] for row in told["money"]] == ["commit"]
    assert json.loads(theirs.content)["money"] == []
    assert code[1] not in mine.content.decode()
    for outsider in (store, desk.client("inspector"), desk.client("trader", "jnqf")):
        assert outsider.get(f"{PAGE}evidence.json").status_code == 404


def test_a_certificate_with_a_value_that_is_none_is_refused_at_its_field(desk: Desk) -> None:
    agreed(desk, cover_bp=10_000)
    goods = desk.client("delivery", "lzrd")
    act(desk, goods, "order")
    code = re.search(r'pickup-code">([A-Z0-9]{6})<', goods.get(PAGE).content.decode())
    assert code is not None
    store = desk.client("warehouse")
    wrong = act(desk, store, "weigh", code="AAAAAA", plate="1", gross="2", tare="1")
    assert (wrong.status_code, codes(wrong)) == (422, ["PICKUP_CODE"])
    act(desk, store, "weigh", code=code[1], plate="1", gross="2", tare="1")
    lab = desk.client("inspector")
    paper = {"certificate": "C", "agency": "A", "ticket": "1"}
    answer = act(desk, lab, "inspect", **paper, q_qnet_ar="wet", q_st_d="0.8", q_mt="18")
    assert (answer.status_code, codes(answer)) == (422, ["NUMBER"])
    assert 'value="wet"' in answer.content.decode()


def test_rebar_is_counted_at_the_desk_and_the_scale_stands_beside_it(desk: Desk) -> None:
    steel = desk.instrument("STL-RB400E", delivery="acceptance", cover_bp=10_000)
    seller, buyer = desk.firm("jnqf"), desk.firm("lyjc")
    desk.pay_in(buyer, 1_000_000)
    desk.store(seller, steel, 60)
    entered = desk.enter(seller, steel, Side.SELL, 30, 318)
    desk.command(LiftOrder(buyer.pk, 1, "lift", now_us(), entered.order_id, 30))
    desk.catch_up()
    goods, store, lab = desk.client("delivery", "lyjc"), desk.client("warehouse"), "inspector"
    assert act(desk, goods, "order").status_code == 302
    page = goods.get(PAGE).content.decode()
    assert "理论重量（理计）" in page
    assert re.search(r'data-testid="contract-rules">第 1 版<', page)
    code = re.search(r'data-testid="pickup-code">([A-Z0-9]{6})<', page)
    assert code is not None
    truck = {"code": code[1], "plate": "鲁A·12345", "gross": "38.2", "tare": "15"}
    bars = {"q_dia_mm": "12", "q_length_m": "12", "q_pieces": "2,400"}
    for wrong, refusal in (
        ({}, ["REQUIRED"] * 3),
        (bars | {"q_dia_mm": "13"}, ["CHOICE"]),
        (bars | {"q_pieces": "0"}, ["NUMBER"]),
        (bars | {"q_pieces": "1.5"}, ["NUMBER"]),
    ):
        answer = act(desk, store, "weigh", **truck, **wrong)
        assert (answer.status_code, codes(answer)) == (422, refusal)
        assert 'value="鲁A·12345"' in answer.content.decode(), "nothing typed is lost"
    assert act(desk, store, "weigh", **truck, **bars).status_code == 302
    thick = {"q_dia_mm": "16", "q_length_m": "9", "q_pieces": "300"}
    assert act(desk, store, "weigh", **truck | {"gross": "19.2"}, **thick).status_code == 302
    assert act(desk, store, "loaded").status_code == 302

    page = goods.get(PAGE).content.decode()
    assert re.findall(r'data-testid="ticket-bars">([^<]+)<', page) == [
        "Φ12 · 0.888 × 12 × 2400", "Φ16 · 1.58 × 9 × 300",
    ]  # fmt: skip
    assert re.findall(r'data-testid="ticket-theoretical">([^<]+)<', page) == [
        "25.574 吨",
        "4.266 吨",
    ]
    assert re.findall(r'data-testid="ticket-deviation"( data-off)?>([^<]+)<', page) == [
        (" data-off", "偏差 −9.28% 超出 ±5%，可提出重量异议"), ("", "偏差 −1.55%"),
    ]  # fmt: skip
    inspector = desk.client(lab)
    found = {"q_dia_mm": "12", "q_rust": "轻锈", "q_heat_no": "H1"}
    paper = {"certificate": "Z-1", "agency": "示例钢厂", "ticket": "0"}
    answer = act(desk, inspector, "inspect", **paper, **found)
    assert (answer.status_code, codes(answer)) == (422, ["DIAMETER"])
    assert act(desk, inspector, "inspect", **paper | {"ticket": "1"}, **found).status_code == 302
    assert act(desk, goods, "accept").status_code == 302
    # 3,260 x 25.574 t and, without a certificate, 3,180 x 4.266 t
    assert 'data-testid="final-value">¥96,937.12<' in goods.get(PAGE).content.decode()


def deliver(desk: Desk) -> None:
    """Order, load 500 t, accept: the statement waits for both."""
    goods, store = desk.client("delivery", "lzrd"), desk.client("warehouse")
    act(desk, goods, "order")
    code = re.search(r'pickup-code">([A-Z0-9]{6})<', goods.get(PAGE).content.decode())
    assert code is not None
    act(desk, store, "weigh", code=code[1], plate="鲁L·12345", gross="515", tare="15")
    act(desk, store, "loaded")
    act(desk, goods, "accept")


def todo(client: Client) -> list[tuple[str, str]]:
    page = client.get("/qldz/todo/").content.decode()
    return re.findall(r'data-testid="todo-row" data-what="([a-z_]+)" data-trade="(\d+)"', page)


def test_what_to_do_is_one_list_of_ones_own_with_how_long_is_left(desk: Desk) -> None:
    agreed(desk)
    buyer, seller = desk.client("finance", "lzrd"), desk.client("trader", "rzyf")
    assert (todo(buyer), todo(seller)) == ([("pay", "1")], [])
    page = buyer.get("/qldz/todo/").content.decode()
    assert "还有 " in page
    assert re.search(r'data-testid="todo-count">1<', page)
    assert "逾期按日计费" in page
    assert todo(desk.client("finance", "jnqf")) == []
    store = desk.client("warehouse")
    assert todo(store) == []
    act(desk, buyer, "pay")
    act(desk, desk.client("delivery", "lzrd"), "order")
    assert todo(buyer) == todo(store) == [("collect", "1")]
    assert desk.client("operator").get("/qldz/todo/").status_code == 404


def test_a_deadline_that_has_passed_says_by_how_much(desk: Desk) -> None:
    agreed(desk)
    with scope.venue(1):
        past = timezone.now() - dt.timedelta(hours=3, seconds=30)
        Obligation.objects.update(due_at=past)
    buyer = desk.client("finance", "lzrd")
    assert (
        '<span class="why">逾期 3 小时 0 分钟</span>' in buyer.get("/qldz/todo/").content.decode()
    )
    page = buyer.get(PAGE).content.decode()
    assert "逾期 3 小时 0 分钟" in page
    assert 'data-testid="contract-next" data-what="pay"' in page


def test_a_price_cut_is_proposed_by_one_and_taken_by_the_other(desk: Desk) -> None:
    agreed(desk, cover_bp=10_000)
    deliver(desk)
    buyer, seller = desk.client("finance", "lzrd"), desk.client("finance", "rzyf")
    wrong = act(desk, buyer, "cut", value="361000.00", reason="减价")
    assert (wrong.status_code, codes(wrong)[0]) == (422, "AMOUNT")
    assert act(desk, buyer, "cut", value="350000.00", reason="末车掺杂").status_code == 302
    assert "take" not in acts(buyer.get(PAGE).content.decode())
    page = seller.get(PAGE).content.decode()
    assert 'data-testid="cut">¥350,000.00<' in page
    form = re.search(r'data-testid="act-take".*?</form>', page, re.DOTALL)
    assert form is not None
    assert 'name="value_fen" value="35000000"' in form[0]
    stale = act(desk, seller, "take", value_fen="34000000")
    assert (stale.status_code, codes(stale)) == (422, ["OTHER_STATEMENT"])
    assert act(desk, seller, "take", value_fen="35000000").status_code == 302
    page = seller.get(PAGE).content.decode()
    assert 'data-testid="contract-state" data-state="settled"' in page
    assert 'data-testid="cut-value">¥350,000.00<' in page


def test_refused_goods_are_replaced_by_agreement_and_delivered_once_more(desk: Desk) -> None:
    agreed(desk, cover_bp=10_000)
    buyer, seller = desk.client("delivery", "lzrd"), desk.client("delivery", "rzyf")
    store, lab = desk.client("warehouse"), desk.client("inspector")
    act(desk, buyer, "order")
    code = re.search(r'pickup-code">([A-Z0-9]{6})<', buyer.get(PAGE).content.decode())
    assert code is not None
    truck = {"code": code[1], "plate": "鲁L·12345", "gross": "515", "tare": "15"}
    act(desk, store, "weigh", **truck)
    act(desk, store, "loaded")
    assert "replace" not in acts(buyer.get(PAGE).content.decode()), "nothing is refused"
    paper = {"certificate": "C", "agency": "A", "ticket": "0"}
    act(desk, lab, "inspect", **paper, q_qnet_ar="4900", q_st_d="0.8", q_mt="18")
    act(desk, buyer, "refuse", ticket="1")
    for days, refusal in (("0", "REPLACE_DAYS"), ("400", "REPLACE_DAYS"), ("1.5", "NUMBER")):
        answer = act(desk, seller, "replace", days=days, reason="换货")
        assert (answer.status_code, codes(answer)) == (422, [refusal])
    assert act(desk, seller, "replace", days="5", reason="三日内到货").status_code == 302
    assert "replacement" not in acts(seller.get(PAGE).content.decode())
    page = buyer.get(PAGE).content.decode()
    assert 'data-testid="replacement">500 吨</strong> · 5 天内' in page
    stale = act(desk, buyer, "replacement", days="6", refused_kg="500000")
    assert (stale.status_code, codes(stale)) == (422, ["OTHER_PROPOSAL"])
    assert act(desk, buyer, "replacement", days="5", refused_kg="500000").status_code == 302
    page = buyer.get(PAGE).content.decode()
    assert 'data-testid="contract-state" data-state="delivering"' in page
    assert "换货 500 吨：待卖方交付换货" in page
    assert re.search(r"<li><span>待验收</span><small>—</small>", page), "not any more"
    assert 'data-testid="replaced">已换货<' in page
    assert todo(seller) == [("deliver", "1")]
    assert "ready" not in acts(seller.get(PAGE).content.decode())
    assert act(desk, store, "ready").status_code == 302
    assert todo(buyer) == [("collect", "1")]
    assert 'value="1"' not in lab.get(PAGE).content.decode(), "what was replaced is over"
    assert act(desk, store, "weigh", **truck).status_code == 302
    assert act(desk, store, "loaded").status_code == 302
    assert act(desk, buyer, "accept").status_code == 302
    assert 'data-testid="final-value">¥361,000.00<' in buyer.get(PAGE).content.decode()


def test_a_case_goes_to_court_and_another_clerk_enters_its_ruling(desk: Desk) -> None:
    agreed(desk, cover_bp=10_000)
    deliver(desk)
    act(desk, desk.client("finance", "lzrd"), "object", amount="1000.00", reason="重量不符")
    clerk = desk.client("clerk")
    paper = {"forum": "court", "document": "（2026）鲁11民初118号"}
    assert act(desk, clerk, "court", **paper).status_code == 302
    page = clerk.get(PAGE).content.decode()
    assert 'data-testid="held">法院 · （2026）鲁11民初118号' in page
    assert "award" not in acts(page), "not by who took it there"
    other = desk.client("reviewer")
    assert todo(other) == [("award", "1")]
    ruling = {"amount": "400.00", "document": "（2026）鲁11民终9号"}
    assert act(desk, other, "award", **ruling).status_code == 302
    page = other.get(PAGE).content.decode()
    assert "（2026）鲁11民终9号" in page
    assert "市场不是合同当事人" in page
    with scope.venue(1):
        assert Obligation.objects.get(trade_id=1).dispute.state == "executed"


def test_a_warehouse_that_finds_no_goods_reports_the_sellers_default(desk: Desk) -> None:
    agreed(desk, cover_bp=10_000)
    act(desk, desk.client("delivery", "lzrd"), "order")
    store = desk.client("warehouse")
    assert act(desk, store, "missing", reason="垛位无此货").status_code == 302
    page = store.get(PAGE).content.decode()
    assert 'data-testid="contract-state" data-state="seller_default"' in page
    assert "垛位无此货" in page
