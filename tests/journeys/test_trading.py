"""From the browser to the bank: what firms do, seen by themselves, by each other, by strangers."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Any

from playwright.sync_api import expect

from web.management.commands.serve import answers

COAL = "/qldz/trade/COAL-T5500-RZG/"
COKING = "/qldz/trade/COAL-JM-RZG/"
SQUID = "/jdsc/trade/SEA-SQD-RC/"


def text(locator: Any, words: str) -> None:
    """Expect one of the rows to hold the words."""
    expect(locator.filter(has_text=words).first).to_be_visible()


def test_two_firms_trade_and_a_stranger_sees_nothing(desk: Any, product: Any) -> None:
    seller, buyer, wall, stranger = (
        desk("rzyf-trader"),
        desk("lzrd-trader"),
        desk(),
        desk("whhx-trader"),
    )
    seller.live(COAL)
    buyer.live(COAL)
    wall.live("/wall/qldz/")
    row = wall.page.locator("[data-testid=wall-row]").first

    assert "已受理" in seller.order("sell", "723", "600")
    buyer.page.wait_for_selector("[data-testid=book-ask-723]")
    buyer.page.click("[data-testid=book-ask-723]")
    expect(buyer.by("ticket-price")).to_have_value("723")
    buyer.by("ticket-quantity").fill("500")
    assert "成交 500 吨" in buyer.submit()

    for one in (seller, buyer):
        expect(one.page.locator(".quote [data-testid=last-price]")).to_have_text("723")
        one.tab("fills")
        text(one.by("trades-row"), "¥361,500.00")
        one.tab("contracts")
        text(one.by("contract-row"), "货款两讫")
    expect(row.locator("[data-show=last]")).to_have_text("723")
    expect(row.locator("[data-show=volume]")).not_to_have_text("0")
    buyer.tab("receipts")
    text(buyer.by("receipt-row"), "500 吨")
    seller.tab("orders")
    text(seller.by("orders-row"), "部分成交")

    buyer.tab("contracts")
    buyer.by("contract-row").first.locator("a").click()
    expect(buyer.page.locator("main")).to_contain_text("¥361,500.00")
    expect(buyer.page.locator("main")).to_contain_text("增值税")
    expect(buyer.page.locator("main")).to_contain_text("QLDZ-R-")

    assert [stranger.go(path) for path in (COAL, "/qldz/", "/qldz/contracts/1/")] == [404] * 3
    assert stranger.go("/jdsc/contracts/") == 200
    expect(stranger.page.locator("main")).not_to_contain_text("361,500")

    code, said = product.manage("books")
    assert code == 0, said
    assert said.count("agree") == 3
    code, said = product.manage("replay", "--verify")
    assert code == 0, said


def test_an_offer_is_posted_and_lifted_by_name(desk: Any) -> None:
    seller, buyer = desk("rcyy-trader"), desk("whhx-trader")
    seller.live(SQUID)
    buyer.live(SQUID)
    assert "排队" in seller.order("sell", "18600", "300")
    row = buyer.page.locator("[data-testid=offer-row]").filter(has_text="RCYY")
    expect(row).to_contain_text("300 箱")
    row.get_by_test_id("offer-lift").click()
    buyer.by("ticket-quantity").fill("200")
    assert "成交 200 箱" in buyer.submit()
    expect(row).to_contain_text("100 箱")
    buyer.tab("contracts")
    text(buyer.by("contract-row"), "RCYY")

    # The best up to a limit, two offers at once; then the seller takes back what is left.
    seller.order("sell", "18650", "200")
    seller.order("sell", "18800", "300")
    expect(row).to_have_count(3)
    buyer.by("lift-best-buy").click()
    expect(buyer.by("ticket-price")).to_have_value("18600")
    buyer.by("ticket-price").fill("18700")
    buyer.by("ticket-quantity").fill("400")
    expect(buyer.page.locator(".checks")).to_contain_text("限价内可摘 300 箱")
    said = buyer.submit()
    assert "成交 300 箱" in said
    assert "余量已放弃" in said
    expect(row).to_have_count(1)
    seller.by("withdraw-many").click()
    seller.page.check("[name=withdraw-side][value=buy]")
    expect(seller.by("withdraw-ok")).to_be_disabled()
    seller.page.check("[name=withdraw-side][value=sell]")
    expect(seller.by("withdraw-count")).to_have_text("将撤销 1 笔委托")
    seller.by("withdraw-ok").click()
    expect(seller.by("log")).to_have_text("已撤销 1 笔委托")
    expect(row).to_have_count(0)


def test_an_iceberg_and_a_stop_are_entered_from_the_fold_and_named_where_they_stand(
    desk: Any,
) -> None:
    seller, buyer = desk("rzyf-trader"), desk("lzrd-trader")
    seller.live(COKING)
    buyer.live(COKING)
    seller.by("ticket-more").locator("summary").click()
    seller.page.fill("[name=display]", "500")
    seller.page.check("[name=tif][value=gtc]")
    assert "排队 1,500 吨" in seller.order("sell", "1470", "1500")
    expect(buyer.by("book-ask-294")).to_contain_text("500")  # in ticks of 5 yuan
    text(seller.by("orders-row"), "每次显示 500 吨")

    buyer.by("ticket-more").locator("summary").click()
    buyer.page.select_option("[name=kind]", "stop")
    buyer.by("ticket-side-buy").click()
    buyer.by("ticket-price").fill("1470")
    buyer.by("ticket-quantity").fill("500")
    expect(buyer.by("ticket-submit")).to_be_disabled()
    expect(buyer.page.locator(".checks")).to_contain_text("请填写触发价")
    buyer.page.fill("[name=stop]", "1475")
    assert "等待触发 500 吨" in buyer.submit()
    row = buyer.by("orders-row").filter(has_text="触发价 1,475")
    expect(row).to_contain_text("等待触发")
    row.get_by_test_id("order-cancel").click()
    expect(row).to_contain_text("已撤销")

    buyer.page.select_option("[name=kind]", "protected")
    expect(buyer.page.locator("[name=tif][value=day]")).to_be_disabled()
    assert "成交 1,000 吨" in buyer.order("buy", "1470", "1000")


def test_a_directed_offer_is_seen_and_lifted_by_whom_it_names_alone(desk: Any) -> None:
    seller, named, other = desk("rcyy-trader"), desk("whhx-trader"), desk("qdll-trader")
    for one in (seller, named, other):
        one.live(SQUID)
    seller.by("ticket-more").locator("summary").click()
    seller.page.fill("[name=firms]", "whhx")
    seller.order("sell", "18700", "200")
    row = named.page.locator("[data-testid=offer-row][data-price='374']")  # ticks of 50 yuan
    expect(row).to_contain_text("定向")
    expect(other.page.locator("[data-testid=offer-row][data-price='374']")).to_have_count(0)
    row.get_by_test_id("offer-lift").click()
    assert "成交 200 箱" in named.submit()
    expect(row).to_have_count(0)


def test_an_order_is_amended_and_cancelled_in_its_row(desk: Any) -> None:
    buyer = desk("lzrd-trader")
    buyer.live(COKING)
    buyer.order("buy", "1400", "500")
    number = buyer.by("orders-row").filter(has_text="1,400").first.get_attribute("data-order")
    row = buyer.page.locator(f"[data-testid=orders-row][data-order='{number}']")
    row.get_by_test_id("order-amend").click()
    row.locator("[name=price]").fill("1405")
    row.locator("[name=lots]").fill("600")
    row.get_by_test_id("amend-ok").click()
    expect(row).to_contain_text("1,405")
    expect(row).to_contain_text("600 吨")
    held = buyer.by("funds-held").inner_text()
    row.get_by_test_id("order-cancel").click()
    expect(row).to_contain_text("已撤销")
    expect(buyer.by("funds-held")).not_to_have_text(held)


def test_a_refusal_has_a_code_and_words_in_both_languages(desk: Any) -> None:
    seller = desk("qdhy-trader")
    seller.live(COKING)
    seller.order("sell", "1450", "500")
    # The page would stop what the engine refuses; the firm's own offer it cannot foresee.
    assert "关联企业" in seller.order("buy", "1450", "500")
    assert seller.by("ticket-message").get_attribute("data-code") == "RELATED_PARTY"
    seller.page.click("button[name=language]")
    seller.page.wait_for_selector("html[lang=en][data-feed=live]")
    said = seller.order("buy", "1450", "500")
    assert re.search(r"related", said), said
    seller.page.click("button[name=language]")
    seller.page.wait_for_selector("html[lang^=zh][data-feed=live]")


def test_money_comes_by_the_people_whose_job_it_is(desk: Any) -> None:
    finance = desk("lyjc-finance")
    finance.go("/qldz/funds/")
    before = finance.page.locator("main").inner_text()
    form = finance.page.locator("form").filter(has=finance.page.locator("[name=act][value=in]"))
    form.locator("[name=amount]").fill("12345.67")
    form.locator("button").last.click()
    finance.page.wait_for_selector("text=¥12,345.67")
    assert "12,345.67" not in before


def test_the_operator_lists_suspends_and_resumes_an_instrument(desk: Any) -> None:
    operator, trader = desk("qldz-operator"), desk("lzrd-trader")
    reviewer = desk("qldz-reviewer")
    operator.go("/qldz/ops/new/?commodity=COAL-T5500&warehouse=QDG-C01&mode=listed")
    operator.page.fill("[name=code]", "COAL-T5500-QDG")
    operator.by("propose").click()
    operator.page.wait_for_url(re.compile("/ops/"))
    expect(operator.by("instrument-row").filter(has_text="COAL-T5500-QDG")).to_be_visible()

    trader.live("/qldz/trade/COAL-T5500-QDG/")
    expect(trader.by("phase")).to_have_text("连续交易")

    operator.go("/qldz/ops/instruments/COAL-T5500-QDG/")
    operator.page.fill("[name=reason]", "仓单核查")
    operator.page.fill("[name=confirmation]", "COAL-T5500-QDG")
    operator.by("halt").click()
    expect(trader.by("phase")).to_have_text("暂停交易")
    trader.by("ticket-price").fill("720")
    trader.by("ticket-quantity").fill("500")
    expect(trader.by("ticket-submit")).to_be_disabled()
    expect(trader.page.locator(".checks")).to_contain_text("该商品已暂停交易")

    operator.go("/qldz/ops/instruments/COAL-T5500-QDG/")
    operator.page.fill("[name=reason]", "核查完毕")
    operator.page.fill("[name=confirmation]", "COAL-T5500-QDG")
    operator.by("halt").click()
    reviewer.go("/qldz/ops/decisions/")
    reviewer.by("decision-row").first.get_by_test_id("agree").click()
    expect(trader.by("phase")).to_have_text("连续交易")
    assert "排队" in trader.order("buy", "700", "500")


def test_a_page_that_loses_its_feed_says_so_and_recovers_by_itself(desk: Any, product: Any) -> None:
    buyer, seller = desk("lzrd-trader"), desk("qdhy-trader")
    buyer.live(COKING)
    buyer.page.evaluate("window.kept = true")
    # Frozen, the server says nothing; killed, it is back before anybody would call it silence.
    started = re.compile(r"^web: started \(pid (\d+)")
    web = next(int(found[1]) for found in map(started.match, product.lines) if found)
    os.kill(web, signal.SIGSTOP)
    try:
        buyer.page.wait_for_selector("html[data-feed=stale]")
        expect(buyer.page.locator("#stale")).to_be_visible()
        expect(buyer.by("ticket-submit")).to_be_disabled()
    finally:
        os.kill(web, signal.SIGCONT)
    buyer.page.wait_for_selector("html[data-feed=live]")
    product.kill("web")
    deadline = time.monotonic() + 20
    while not answers("127.0.0.1", product.port):
        assert time.monotonic() < deadline, "the web server is not back"
    product.kill("followers")
    seller.live(COKING)
    seller.order("sell", "1460", "500")
    buyer.page.wait_for_selector("[data-testid=book-ask-292]")  # in ticks of 5 yuan
    assert buyer.page.evaluate("window.kept"), "nobody had to reload the page"
