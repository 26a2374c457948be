"""Every page: its policy kept, nothing for assistive tools to stumble over, both languages."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.journeys.product import PASSWORD

PAGES = {
    "lzrd-trader": ["/", "/qldz/", "/qldz/trade/COAL-T5500-RZG/", "/qldz/orders/",
                    "/qldz/contracts/", "/qldz/receipts/", "/qldz/funds/", "/legal/"],
    "lzrd-finance": ["/qldz/funds/", "/qldz/netting/", "/qldz/todo/"],
    "whhx-trader": ["/jdsc/trade/SEA-SQD-RC/"],
    "qldz-clerk": ["/qldz/payments/"],
    "qldz-operator": ["/qldz/ops/", "/qldz/ops/new/", "/qldz/ops/firms/rzyf/", "/qldz/ops/busts/",
                      "/qldz/ops/decisions/", "/qldz/ops/approvals/", "/qldz/ops/rules/",
                      "/qldz/ops/receipts/", "/qldz/store/receipts/1/"],
    "qldz-warehouse": ["/qldz/store/", "/qldz/store/receipts/1/"],
    "rzyf-delivery": ["/qldz/receipts/", "/qldz/receipts/1/"],
    "": ["/", "/accounts/login/", "/wall/qldz/", "/wall/jdsc/", "/wall/lblm/", "/legal/"],
}  # fmt: skip


# A board's cells at their longest: which instruments have traded depends on who ran before.
LONGEST = {
    "last": "128,888.50",
    "change": "+12,345.50",
    "percent": "+10.00%",
    "high": "128,888.50",
    "low": "108,888.50",
    "volume": "88,888.888",
}
MEASURE = """(longest) => {
  for (const [name, words] of Object.entries(longest))
    for (const cell of document.querySelectorAll(`[data-show=${name}]`)) cell.textContent = words;
  return document.documentElement.scrollWidth;
}"""


def too_narrow(page: Any) -> list[int]:
    """Return the window widths that a page does not fit, its prices at their longest."""
    missed = []
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate(MEASURE, LONGEST) > width:
            missed.append(width)
    return missed


def test_somebody_logs_in_by_the_form_and_out_again(desk: Any, product: Any) -> None:
    page = desk().page
    page.goto(product.base + "/accounts/login/")
    for password in ("wrong", PASSWORD):
        page.fill("[name=login]", "lzrd-delivery")
        page.fill("[name=password]", password)
        page.click("form.login button")
        page.wait_for_load_state()
        assert page.url.endswith("/login/") is (password == "wrong")
    assert page.url == product.base + "/"
    page.get_by_role("button", name="退出").click()
    page.wait_for_load_state()
    page.goto(product.base + "/qldz/funds/")
    assert "/accounts/login/" in page.url


@pytest.mark.parametrize("username", PAGES)
def test_no_page_breaks_its_policy_or_hides_from_assistive_tools(desk: Any, username: str) -> None:
    person = desk(username)
    found = []
    for path in PAGES[username]:
        assert person.go(path) == 200, path
        if person.by("connection").count():  # what comes by the feed is drawn after the page
            person.page.wait_for_load_state("networkidle")
        found += [(path, "wider than", width) for width in too_narrow(person.page)]
        report = Axe().run(person.page)
        for violation in report.response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                nodes = [node["html"][:120] for node in violation["nodes"][:3]]
                found.append((path, violation["id"], nodes))
    assert found == []
