"""Money that comes and goes by Stripe, as the double of it says: in the browser, end to end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.fakestripe.__main__ import BALANCE, accounts
from tests.fakestripe.double import SECRET, Double
from tests.fakestripe.server import Service, serve
from tests.journeys.conftest import Desk
from tests.journeys.product import Product, free_port

POWER = "莱州湾热电有限公司(演示)"
PARENT = "某能源集团有限公司"


@pytest.fixture
def paid(tmp_path: Any) -> Iterator[tuple[Product, Double, str]]:
    """A product whose money goes by the double, the double, and its bank counter's address."""
    port = free_port()
    double = Double(lambda: int(time.time()), balance=BALANCE)
    service = Service(double, f"http://127.0.0.1:{port}/hooks/stripe/", None)
    accounts(double)
    server = serve(service, 0)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    more = {
        "PAYMENT_RAIL": "stripe",
        "STRIPE_API": address,
        "STRIPE_SECRET_KEY": "sk_test_journey",
        "STRIPE_WEBHOOK_SECRET": SECRET,
    }
    with Product(tmp_path / "data", port=port, more=more) as product:
        yield product, double, f"{address}/bank/"
    server.shutdown()
    server.server_close()


@pytest.mark.timeout(180)
def test_a_buyer_sends_money_a_stranger_too_and_a_seller_is_paid_out(
    paid: tuple[Product, Double, str], browser: Browser
) -> None:
    product, double, counter = paid
    buyer = Desk(browser, product, "lzrd-finance")
    seller = Desk(browser, product, "rzyf-finance")
    clerk = Desk(browser, product, "qldz-clerk")

    buyer.go("/qldz/funds/")
    expect(buyer.by("account")).to_have_attribute("data-state", "bound")
    expect(buyer.by("instructions")).to_contain_text("DE")
    expect(buyer.by("funds-available")).to_have_text("¥300,000,000.00")
    # The buyer's bank sends; a message brings us to look, nobody presses anything.
    bank = Desk(browser, product)
    bank.page.goto(counter)
    for payer, amount in ((POWER, "50000.25"), ("某贸易有限公司", "777"), (PARENT, "888")):
        bank.page.select_option("#account", label=POWER)
        bank.page.fill("#payer", payer)
        bank.page.fill("#amount", amount)
        bank.page.click("#send")
        expect(bank.page.locator("#sent")).to_contain_text(payer)
    expect(buyer.by("funds-available")).to_have_text("¥300,050,000.25")
    expect(buyer.by("movement-row").first).to_have_attribute("data-state", "confirmed")

    clerk.go("/qldz/payments/")
    row = clerk.by("item-row").filter(has_text="某贸易有限公司")
    expect(row).to_contain_text("THIRD_PARTY")
    row.locator("[name=note]").fill("非本企业来款")
    row.get_by_test_id("propose-return").click()
    row = clerk.by("item-row").filter(has_text=PARENT)
    row.locator("[name=note]").fill("集团代付，见委托书")
    row.locator("[name=firm]").select_option(label=POWER)
    row.get_by_test_id("claim").click()
    expect(clerk.by("item-row")).to_have_count(0)
    expect(clerk.by("return-row")).to_have_count(2)
    expect(clerk.by("agree-return")).to_have_count(0)
    # Somebody else agrees: one goes back to where it came from, one is the buyer's.
    reviewer = Desk(browser, product, "qldz-reviewer")
    reviewer.go("/qldz/payments/")
    for state in ("proposed", "claimed"):
        row = reviewer.page.locator(f"[data-testid=return-row][data-state={state}]")
        row.get_by_test_id("agree-return").click()
        expect(row).to_have_count(0)
    expect(reviewer.by("return-row")).to_have_count(0)
    assert [one["amount"] for one in double.all("refund")] == [77_700]
    expect(buyer.by("funds-available")).to_have_text("¥300,050,888.25")

    seller.go("/qldz/funds/")
    form = seller.page.locator("form").filter(has=seller.page.locator("[name=act][value=out]"))
    form.locator("[name=amount]").fill("12345.67")
    form.get_by_test_id("withdraw").click()
    expect(seller.by("movement-row").first).to_have_attribute("data-state", "confirmed")
    assert double.things["acct_demorzyf"]["balance"] == 1_234_567
    assert double.balance == BALANCE + 5_000_025 + 88_800 - 1_234_567
    clerk.go("/qldz/payments/")
    expect(clerk.by("operation-row").first).to_have_attribute("data-state", "done")
    expect(clerk.by("operation-row").first).to_contain_text("tr_")
    assert product.manage("books")[0] == 0
    for one in (buyer, seller, clerk, bank):
        one.close()
