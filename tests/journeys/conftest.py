"""One product and one browser for all journeys of a worker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.journeys.product import PASSWORD, Product

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Each page in the process that the last one had: a new one for each took a tenth of all.
    "--disable-features=IsolateOrigins,site-per-process,BackForwardCache,"
    "ProactivelySwapBrowsingInstance",
    "--disable-site-isolation-trials",
    "--renderer-process-limit=2",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys that share the product share a worker."""
    for item in items:
        if "tests/journeys" in str(item.path):
            if "product" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("journeys"))
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's path; a machine without one skips, unless it decides (CI=true)."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    if os.environ.get("CI"):
        pytest.fail("no Chromium: apt-get install chromium fonts-noto-cjk")
    pytest.skip("no Chromium: apt-get install chromium fonts-noto-cjk")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Ends with its module: its event loop would be in the way of later asyncio tests."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield started
    started.close()


class Desk:
    """One person at one browser."""

    def __init__(self, browser: Browser, product: Product, username: str = "") -> None:
        self.product = product
        # Who has logged in before goes on with that session: log-ins are limited by the minute.
        self.context = browser.new_context(
            viewport={"width": 1440, "height": 900}, storage_state=product.sessions.get(username)
        )
        self.page: Page = self.context.new_page()
        self.violations: list[str] = []
        self.context.expose_binding(
            "haidaiViolation", lambda source, text: self.violations.append(text)
        )
        self.context.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " window.haidaiViolation(`${event.violatedDirective} ${event.blockedURI}`));"
        )
        self.page.on("pageerror", lambda error: self.violations.append(str(error)))
        self.page.set_default_timeout(15_000)
        if username and username not in product.sessions:
            self.log_in(username)
            # Its cookies alone: what a page remembers belongs to the browser, not to the log-in.
            product.sessions[username] = {"cookies": self.context.cookies(), "origins": []}

    def log_in(self, username: str) -> None:
        """Log in as the form does, without drawing it: `test_pages` goes through the page."""
        address = self.product.base + "/accounts/login/"
        request = self.context.request
        request.get(address)
        (token,) = [one["value"] for one in self.context.cookies() if "csrf" in one["name"]]
        form = {"login": username, "password": PASSWORD, "csrfmiddlewaretoken": token}
        answer = request.post(address, form=form, headers={"Referer": address})
        assert answer.url == self.product.base + "/", answer.url

    def go(self, path: str) -> int:
        """Open a page; return its status."""
        answer = self.page.goto(self.product.base + path)
        assert answer is not None
        return answer.status

    def live(self, path: str) -> None:
        """Open a live page and wait until its feed is live."""
        assert self.go(path) == 200
        self.page.wait_for_selector("html[data-feed=live]")

    def by(self, name: str) -> Any:
        """Return the elements with a test id."""
        return self.page.get_by_test_id(name)

    def order(self, side: str, price: str, quantity: str) -> str:
        """Fill the ticket, confirm, and return what the ticket says."""
        self.by(f"ticket-side-{side}").click()
        self.by("ticket-price").fill(price)
        self.by("ticket-quantity").fill(quantity)
        return self.submit()

    def submit(self) -> str:
        """Send what the ticket holds; return the answer shown."""
        self.page.wait_for_selector("[data-testid=ticket-submit]:not([disabled])")
        self.by("ticket-submit").click()
        self.by("confirm-ok").click()
        # "Not empty" by the locator: evaluated text would break the page's own policy.
        expect(self.by("ticket-message")).not_to_be_empty()
        return str(self.by("ticket-message").inner_text())

    def tab(self, name: str) -> None:
        """Show a tab of the blotter."""
        self.page.click(f"[data-tab={name}]")

    def close(self) -> None:
        """Leave; no page may have broken its content security policy or thrown."""
        violations = self.violations
        # A context that is closed while a page is on its way somewhere may never answer.
        self.page.goto("about:blank")
        self.context.close()
        assert violations == []


@pytest.fixture
def desk(browser: Browser, product: Product, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Make desks: `desk("lzrd-trader")`; they are closed after the test."""
    desks: list[Desk] = []

    def make(username: str = "") -> Desk:
        desks.append(Desk(browser, product, username))
        return desks[-1]

    yield make
    for one in desks:
        one.close()
