"""A pile's life: registered with a photo, split with the keeper's consent, frozen and lifted."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from playwright.sync_api import expect

from tests.pictures import picture

COKING = "/qldz/trade/COAL-JM-RZG/"
FIELDS = {
    "quantity": "1500",
    "lot_reference": "JOURNEY-7",
    "depositor_address": "日照市东港区 1 号",
    "packing": "散装",
    "place": "日照市石臼港区 3 号",
    "issued_by": "日照港煤炭堆场",
    "issued_place": "日照",
}


def test_goods_come_in_are_split_frozen_and_freed_by_the_people_whose_job_it_is(desk: Any) -> None:
    keeper = desk("qldz-warehouse")
    keeper.go("/qldz/store/")
    keeper.page.select_option("[name=firm]", label="RZYF 日照远帆能源贸易有限公司(演示)")
    option = keeper.page.locator("[name=instrument] option").filter(has_text="COAL-T5500").first
    keeper.page.select_option("[name=instrument]", option.get_attribute("value"))
    for name, text in FIELDS.items():
        keeper.page.fill(f"[name={name}]", text)
    until = dt.datetime.now(tz=dt.UTC).date() + dt.timedelta(days=200)
    keeper.page.fill("[name=stored_until]", until.isoformat())
    keeper.page.select_option("[name=declaration]", "none")
    photo = {"name": "pile.png", "mimeType": "image/png", "buffer": picture("PNG", (640, 480))}
    keeper.page.set_input_files("[name=photos]", [photo, photo])
    keeper.by("register").click()
    row = keeper.by("registered-row").filter(has_text="JOURNEY-7")
    expect(row).to_have_attribute("data-state", "registered")
    number = str(row.locator("a").inner_text())

    delivery = desk("rzyf-delivery")
    delivery.go("/qldz/receipts/")
    delivery.page.get_by_role("link", name=number).click()
    expect(delivery.by("photo")).to_have_count(2)
    expect(delivery.by("photo").first).to_have_js_property("naturalWidth", 640)
    delivery.page.fill("#split [name=quantity]", "500")
    delivery.by("split").click()
    expect(delivery.by("hold-row")).to_have_attribute("data-state", "entered")

    keeper.go("/qldz/store/")
    split = keeper.by("split-row").filter(has_text=number)
    split.get_by_test_id("split-agree").click()
    expect(split).to_have_count(0)

    operator = desk("qldz-operator")
    operator.go(f"/qldz/ops/receipts/?number={number}")
    operator.page.fill("[name=document] >> nth=0", "(2026) 7")
    operator.by("freeze").click()
    expect(operator.by("hold-row")).to_have_attribute("data-state", "held")
    delivery.page.reload()
    expect(delivery.by("aside")).to_be_visible()

    reviewer = desk("qldz-reviewer")
    reviewer.go(f"/qldz/ops/receipts/?number={number}")
    reviewer.page.fill("[name=document]", "(2026) 8")
    reviewer.by("lift").click()
    expect(reviewer.by("hold-row")).to_have_attribute("data-state", "lifted")
    delivery.page.reload()
    expect(delivery.by("collect")).to_be_visible()


def test_frozen_goods_leave_the_market_before_everybodys_eyes(desk: Any) -> None:
    seller, buyer = desk("rzyf-trader"), desk("lzrd-trader")
    seller.live(COKING)
    buyer.live(COKING)
    assert "排队 500 吨" in seller.order("sell", "1480", "500")
    expect(buyer.by("book-ask-296")).to_be_visible()  # in ticks of 5 yuan
    row = seller.by("orders-row").filter(has_text="1,480")
    expect(row).to_have_attribute("data-state", "open")

    delivery = desk("rzyf-delivery")
    delivery.go("/qldz/receipts/")
    held = delivery.page.locator("td[data-label=委托冻结]", has_text=re.compile(r"^500 吨$"))
    on_offer = delivery.by("receipt-row").filter(has=held)
    number = str(on_offer.first.locator("a").first.inner_text())

    operator = desk("qldz-operator")
    operator.go(f"/qldz/ops/receipts/?number={number}")
    expect(operator.by("on-offer")).to_contain_text("500 吨")
    operator.page.fill("[name=document] >> nth=0", "(2026) 9")
    operator.by("freeze").click()
    expect(operator.by("hold-row")).to_have_attribute("data-state", "held")

    expect(buyer.by("book-ask-296")).to_have_count(0)
    expect(row).to_have_attribute("data-state", "cancelled")
    expect(row).to_contain_text("仓单被冻结或已到期")
    seller.go("/qldz/orders/")
    expect(seller.by("order-reason").first).to_have_text("仓单被冻结或已到期")

    reviewer = desk("qldz-reviewer")
    reviewer.go(operator.page.url.removeprefix(operator.product.base))
    reviewer.page.fill("[name=document]", "(2026) 10")
    reviewer.by("lift").click()
    expect(reviewer.by("hold-row")).to_have_attribute("data-state", "lifted")
