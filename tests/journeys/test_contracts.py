"""Goods that are weighed and inspected before they are paid, by everybody who has a part in it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.pictures import picture

COAL = "/qldz/trade/COAL-T5500-RZG-YS/"
CORN = "/lblm/trade/GRN-CRN-YTG-YS/"
COTTON = "/lblm/trade/CTN-3128B-BZ-YS/"
SQUID = "/jdsc/trade/SEA-SQD-RC-YS/"
REBAR = "/qldz/trade/STL-RB400E-JN-YS/"


class Case:
    """One contract and the people around it, each at a browser of their own."""

    def __init__(self, desk: Any, venue: str, seller: str, buyer: str) -> None:
        self.desk, self.venue = desk, venue
        self.names = {"seller": f"{seller}-finance", "buyer": f"{buyer}-finance"}
        self.names |= {"taker": f"{buyer}-delivery", "store": f"{venue}-warehouse"}
        self.names |= {"lab": f"{venue}-inspector", "clerk": f"{venue}-clerk"}
        self.names |= {"reviewer": f"{venue}-reviewer"}
        self.seller, self.buyer = f"{seller}-trader", f"{buyer}-trader"
        self.seats: dict[str, Any] = {}
        self.path = ""

    def trade(self, page: str, price: str, quantity: str) -> None:
        """The seller posts, the buyer lifts: a contract is made."""
        seller, buyer = self.desk(self.seller), self.desk(self.buyer)
        seller.live(page)
        buyer.live(page)
        assert "排队" in seller.order("sell", price, quantity)
        row = buyer.page.locator("[data-testid=offer-row]").first
        row.get_by_test_id("offer-lift").click()
        buyer.by("ticket-quantity").fill(quantity)
        assert "成交" in buyer.submit()
        number = buyer.page.locator("[data-tab=contracts]")
        number.click()
        buyer.by("contract-row").first.locator("a").click()
        found = re.search(r"/\w+/contracts/\d+/", buyer.page.url)
        assert found is not None, buyer.page.url
        self.path = found[0]

    def at(self, who: str) -> Any:
        """Return the person's browser, at the contract's page as it is now."""
        if who not in self.seats:
            self.seats[who] = self.desk(self.names[who])
        assert self.seats[who].go(self.path) == 200
        return self.seats[who]

    def act(self, who: str, name: str, **fields: str) -> None:
        """Fill in the form of an act and send it."""
        page = self.at(who).page
        form = page.get_by_test_id(f"act-{name}")
        for _ in range(100):  # what the last act brought about arrives within moments
            if form.count():
                break
            page.reload()
        for field, value in fields.items():
            box = form.locator(f"[name={field}]")
            if box.evaluate("element => element.tagName") == "SELECT":
                box.select_option(value)
            elif box.get_attribute("type") == "file":
                box.set_input_files(value)
            else:
                box.fill(value)
        form.locator("button").click()
        expect(page.locator(".notice.bad, [data-refusal]")).to_have_count(0)

    def becomes(self, state: str, who: str = "taker") -> Any:
        """Expect the contract to reach a state; return the page that shows it."""
        page = self.at(who).page
        shown = page.get_by_test_id("contract-state")
        for _ in range(100):
            if shown.get_attribute("data-state") == state:
                break
            page.reload()
        expect(shown).to_have_attribute("data-state", state)
        return page

    def load(self, *trucks: tuple[str, str, str]) -> None:
        """The buyer orders delivery; the warehouse weighs (plate, gross, tare) with its code."""
        self.act("taker", "order")
        code = self.becomes("delivering").get_by_test_id("pickup-code").inner_text()
        for plate, gross, tare in trucks:
            self.act("store", "weigh", code=code, plate=plate, gross=gross, tare=tare)

    def agree(self) -> None:
        """Both parties agree to the statement."""
        self.act("buyer", "agree")
        self.act("seller", "agree")

    def bill(self, number: str, gross: str, vat: str, weight: str) -> None:
        """The invoice is entered, taken, and the contract closed."""
        self.becomes("settled")
        said = {"number": number, "gross": gross, "vat": vat, "weight": weight}
        self.act("seller", "invoice", **said)
        self.act("buyer", "answer", accepted="yes")
        self.becomes("closed")


def test_coal_off_its_base_is_topped_up_and_paid(desk: Any, product: Any) -> None:
    case = Case(desk, "qldz", "rzyf", "lzrd")
    case.trade(COAL, "722", "500")
    case.act("buyer", "pay")
    case.becomes("secured")
    case.load(("日照轮 1", "560", "10"))
    case.act("store", "loaded")
    measured = {"q_qnet_ar": "5700", "q_st_d": "0.92", "q_mt": "18"}
    case.act("lab", "inspect", certificate="CCIC-1", agency="CCIC", ticket="0", **measured)
    case.act("taker", "accept")
    # 722 x 5700 / 5500 - 5 = 743.25; 550 t, one tenth more than agreed and still in tolerance
    page = case.becomes("stated")
    expect(page.get_by_test_id("final-value")).to_have_text("¥408,787.50")
    expect(page.locator("[data-attribute=st_d]")).to_contain_text("−5 元/吨")
    case.agree()
    due = case.becomes("top_up", "buyer").get_by_test_id("due")
    expect(due).to_have_text("¥11,669.45")  # beyond the 397,298.55 that were bound
    case.act("buyer", "pay")
    case.bill("26377000000000000001", "408787.50", "47028.65", "550")
    code, said = product.manage("books")
    assert code == 0, said


def test_of_three_trucks_of_corn_the_mouldy_one_goes_back(desk: Any) -> None:
    case = Case(desk, "lblm", "dzhf", "wfdf")
    case.trade(CORN, "2290", "60")
    case.load(("鲁A·1", "35", "15"), ("鲁A·2", "35", "15"), ("鲁A·3", "35", "15"))
    sound = {"q_test_weight": "690", "q_mould": "1", "q_moisture": "14", "q_impurity": "1"}
    for ticket in ("1", "3"):
        paper = {"certificate": f"G-{ticket}", "agency": "省粮油质检站", "ticket": ticket}
        case.act("lab", "inspect", **paper, **sound)
    bad = sound | {"q_mould": "4.5"}
    case.act("lab", "inspect", certificate="G-2", agency="省粮油质检站", ticket="2", **bad)
    case.act("store", "loaded")
    case.act("taker", "refuse", ticket="2")
    case.act("taker", "accept")
    page = case.becomes("stated")
    expect(page.locator("[data-testid=ticket-row][data-refused]")).to_have_count(1)
    expect(page.get_by_test_id("final-value")).to_have_text("¥91,600.00")
    case.agree()
    case.bill("26377000000000000002", "91600", "7563.30", "40")


def test_a_cotton_batch_earns_its_premiums(desk: Any) -> None:
    case = Case(desk, "lblm", "bzmy", "lbhf")
    case.trade(COTTON, "15350", "1")
    page = case.becomes("secured")
    weight = re.search(r"重量\s+([\d.]+) 吨", page.locator(".terms").first.inner_text())
    assert weight is not None
    case.load(("鲁M·1", f"{float(weight[1]) + 15:.3f}", "15"))
    case.act("store", "loaded")
    measured = {"q_color": "21", "q_length": "29", "q_micronaire": "A", "q_strength": "S2"}
    measured |= {"q_trash": "1.8", "q_regain": "6.2"}
    case.act("lab", "inspect", certificate="CNCE-1", agency="中纤局", ticket="1", **measured)
    case.act("taker", "accept")
    page = case.becomes("stated")
    expect(page.locator("[data-testid=final-part]")).to_contain_text("¥15,675.00")


def test_squid_above_its_temperature_waits_for_the_umpire(desk: Any) -> None:
    case = Case(desk, "jdsc", "rcyy", "whhx")
    case.trade(SQUID, "18500", "500")
    case.load(("鲁K·1", "25", "15"))
    case.act("store", "loaded")
    warm = {"q_size": "200-300g", "q_glaze": "5", "q_core_temp": "-13"}
    paper = {"agency": "CCIC", "ticket": "1"}
    case.act("lab", "inspect", certificate="F-1", **paper, **warm)
    page = case.becomes("disputed")
    expect(page.get_by_test_id("act-accept")).to_have_count(0)
    cold = warm | {"q_core_temp": "-19"}
    case.act("lab", "inspect", certificate="F-2", **paper, **cold)
    case.act("clerk", "umpire")
    case.act("taker", "accept")
    case.becomes("stated")


def test_a_buyer_that_never_pays_loses_its_deposit_or_a_penalty_never_both(
    desk: Any, product: Any
) -> None:
    case = Case(desk, "qldz", "rzyf", "lzrd")
    case.trade(COAL, "722", "500")
    case.becomes("matched", "buyer")
    number = int(case.path.split("/")[3])
    product.manage(  # six days pass for this contract alone
        "shell",
        "-c",
        "import datetime as d; from settlement.models import Obligation as O;"
        f"o = O.objects.across_venues().filter(venue__code='qldz', trade_id={number});"
        "at = o.get().due_at - d.timedelta(days=9);"
        "o.update(due_at=at, reminded_at=at, remind_at=None, acts_at=at)",
    )
    page = case.becomes("buyer_default", "seller")
    expect(page.get_by_test_id("act-remedy").locator("option")).to_have_count(2)
    case.act("seller", "remedy", remedy="penalty")
    page = case.becomes("terminated", "seller")
    expect(page.locator("[data-testid=payment-row][data-kind=payment]").first).to_contain_text(
        "¥36,100.00"
    )
    expect(page.get_by_test_id("act-remedy")).to_have_count(0)


def test_what_is_delivered_beyond_the_tolerance_may_be_refused(desk: Any) -> None:
    case = Case(desk, "qldz", "rzyf", "lzrd")
    case.trade(COAL, "722", "500")
    case.act("buyer", "pay")
    case.load(("日照轮 2", "570", "10"))
    case.act("store", "loaded")
    case.act("taker", "excess", refused="yes")
    case.act("taker", "accept")
    page = case.becomes("stated")
    expect(page.get_by_test_id("payable")).to_have_text("550 吨")
    case.agree()
    case.becomes("settled")


def test_rebar_is_counted_and_paid_by_its_theoretical_weight(desk: Any, product: Any) -> None:
    case = Case(desk, "qldz", "jnqf", "lyjc")
    case.trade(REBAR, "3180", "30")
    case.becomes("secured")
    case.act("taker", "order")
    code = case.becomes("delivering").get_by_test_id("pickup-code").inner_text()
    truck = {"code": code, "tare": "15", "q_length_m": "12"}
    case.act("store", "weigh", plate="鲁A·1", gross="40.2", q_dia_mm="12", q_pieces="2400", **truck)
    case.act("store", "weigh", plate="鲁A·2", gross="18.6", q_dia_mm="16", q_pieces="225", **truck)
    case.act("store", "loaded")
    paper = {"certificate": "Z-1", "agency": "示例钢厂", "ticket": "1"}
    case.act("lab", "inspect", q_dia_mm="12", q_rust="轻锈", q_heat_no="H1", **paper)
    page = case.at("taker").page
    assert page.get_by_test_id("ticket-theoretical").all_inner_texts() == ["25.574 吨", "4.266 吨"]
    assert page.locator("[data-testid=ticket-deviation][data-off]").count() == 1
    case.act("taker", "accept")
    page = case.becomes("stated")
    # 3,260 x 25.574 t by the certificate; 3,180 x 4.266 t as agreed, whatever the scale said.
    expect(page.get_by_test_id("final-value")).to_have_text("¥96,937.12")
    case.agree()
    case.bill("26377000000000000912", "96937.12", "11152.06", "29.84")


def test_a_quarrel_goes_to_arbitration_and_each_sees_what_waits_for_it(
    desk: Any, tmp_path: Path
) -> None:
    case = Case(desk, "qldz", "rzyf", "lzrd")
    case.trade(COAL, "722", "500")
    number = case.path.split("/")[3]
    page = case.at("buyer").page
    page.get_by_role("link", name="待办").click()
    row = page.locator(f"[data-testid=todo-row][data-trade='{number}']")
    expect(row).to_have_attribute("data-what", "pay")
    expect(row).to_contain_text("还有")
    row.locator("a").click()
    case.act("buyer", "pay")
    case.load(("日照轮 3", "500", "10"))
    case.act("store", "loaded")
    case.act("taker", "accept")
    case.act("buyer", "cut", value="300000", reason="末车掺杂")
    expect(case.at("seller").page.get_by_test_id("cut")).to_have_text("¥300,000.00")
    case.act("seller", "object", amount="1000", reason="不同意减价")
    case.becomes("settled", "seller")
    shown = tmp_path / "truck.png"
    shown.write_bytes(picture("PNG"))
    case.act("seller", "exhibit", file=str(shown), description="卸货现场")
    page = case.at("buyer").page
    expect(page.get_by_test_id("exhibit-row")).to_contain_text("卸货现场")
    with page.expect_download() as download:
        page.get_by_role("link", name="证据包 ZIP").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[1:] == ["exhibit-01-seller.jpg"]
    case.act("clerk", "court", forum="arbitration", document="日仲受字〔2026〕7号")
    expect(case.at("seller").page.get_by_test_id("held")).to_contain_text("日仲受字〔2026〕7号")
    case.act("reviewer", "award", amount="600", document="日仲裁字〔2026〕7号")
    page = case.at("buyer").page
    for _ in range(100):
        if "已执行" in page.get_by_test_id("dispute-state").inner_text():
            break
        page.reload()
    expect(page.locator("[data-testid=event-row][data-kind=dispute_executed]")).to_have_count(1)
