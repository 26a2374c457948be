"""Every address is classified: who may see it, and everybody else learns nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from exchange.models import Role, User
from tests.web.desk import Desk, desk

__all__ = ["desk"]

FIRM: Final = frozenset({Role.TRADER, Role.FINANCE, Role.DELIVERY})
VENUE: Final = frozenset({Role.OPERATOR, Role.REVIEWER})
HANDLE: Final = frozenset({Role.WAREHOUSE, Role.INSPECTOR, Role.CLERK})
STAFF: Final = VENUE | {Role.WAREHOUSE, Role.INSPECTOR}
ALL: Final = FIRM | VENUE | HANDLE

PUBLIC: Final = {
    "": 200,
    "legal/": 200,
    "livez": 200,
    "readyz": 503,  # no feeds in this test
    "preferences/": 405,
    "hooks/<slug:rail>/": 405,
    "wall/<slug:venue>/": 200,
    "api/<slug:venue>/instruments/": 200,
    "accounts/login/": 200,
    "accounts/logout/": 302,
    "accounts/signup/": 200,
    "accounts/inactive/": 200,
    "accounts/reauthenticate/": 302,
    "i18n/setlang/": 302,
    "jsi18n/": 200,
}
"""What answers without log-in, and with which status a plain GET is answered."""

MEMBERS: Final[dict[str, frozenset[str]]] = {
    "<slug:venue>/": ALL,
    "<slug:venue>/trade/<slug:code>/": ALL,
    "<slug:venue>/funds/": FIRM,
    "<slug:venue>/receipts/": FIRM,
    "<slug:venue>/receipts/<int:receipt_id>/": FIRM,
    "<slug:venue>/receipts/<int:receipt_id>/files/<int:file_id>/": FIRM | STAFF,
    "<slug:venue>/contracts/": FIRM | VENUE | HANDLE,
    "<slug:venue>/contracts/<int:trade_id>/": FIRM | VENUE | HANDLE,
    "<slug:venue>/contracts/<int:trade_id>/contract.json": FIRM | VENUE | HANDLE,
    "<slug:venue>/contracts/<int:trade_id>/contract.pdf": FIRM | VENUE | HANDLE,
    "<slug:venue>/contracts/<int:trade_id>/evidence.json": FIRM | VENUE | {Role.CLERK},
    "<slug:venue>/contracts/<int:trade_id>/evidence.zip": FIRM | VENUE | {Role.CLERK},
    "<slug:venue>/contracts/<int:trade_id>/exhibits/<int:number>/": FIRM
    | VENUE
    | {Role.CLERK, Role.INSPECTOR},
    "<slug:venue>/contracts/<int:trade_id>/quality/": FIRM | VENUE,
    "<slug:venue>/todo/": FIRM | HANDLE | {Role.REVIEWER},
    "<slug:venue>/rules/": ALL,
    "<slug:venue>/rules/<slug:code>/<int:number>/": ALL,
    "<slug:venue>/rules/<slug:code>/<int:number>.json": ALL,
    "<slug:venue>/orders/": FIRM,
    "<slug:venue>/store/": frozenset({Role.WAREHOUSE}),
    "<slug:venue>/store/receipts/<int:receipt_id>/": STAFF,
    "<slug:venue>/payments/": VENUE | {Role.CLERK},
    "<slug:venue>/payments/files/": VENUE | {Role.CLERK},
    "<slug:venue>/payments/files/<int:file_id>/": frozenset({Role.CLERK}),
    "<slug:venue>/netting/": FIRM | VENUE | {Role.CLERK},
    "<slug:venue>/netting/<int:number>/": FIRM | VENUE | {Role.CLERK},
    "<slug:venue>/ops/": VENUE,
    "<slug:venue>/ops/new/": frozenset({Role.OPERATOR}),
    "<slug:venue>/ops/instruments/<slug:code>/": VENUE,
    "<slug:venue>/ops/halt/": VENUE,
    "<slug:venue>/ops/busts/": VENUE,
    "<slug:venue>/ops/decisions/": VENUE,
    "<slug:venue>/ops/firms/": VENUE,
    "<slug:venue>/ops/firms/<slug:code>/": VENUE,
    "<slug:venue>/ops/approvals/": VENUE,
    "<slug:venue>/ops/approvals/<int:approval_id>/": frozenset({Role.REVIEWER}),
    "<slug:venue>/ops/rules/": VENUE,
    "<slug:venue>/ops/rules/<slug:code>/": VENUE,
    "<slug:venue>/ops/rules/<slug:code>/draft/": frozenset({Role.OPERATOR}),
    "<slug:venue>/ops/freezes/": VENUE,
    "<slug:venue>/ops/receipts/": VENUE,
    "<slug:venue>/ops/journal/": VENUE,
}
"""Pages inside a venue, and the roles that have them."""

POST_ONLY: Final = frozenset(
    {"<slug:venue>/ops/approvals/<int:approval_id>/", "<slug:venue>/receipts/<int:receipt_id>/"}
)


def routes(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """Yield every route of the product."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, prefix + str(one.pattern))
        elif isinstance(one, URLPattern):
            yield prefix + str(one.pattern)


def address(route: str, desk: Desk, venue: str = "qldz") -> str:
    """Return an address for a route."""
    code = "lzrd" if "firms" in route else "coal-t5500-rzg"
    code = "COAL-T5500" if "rules" in route else code
    path = route.replace("<slug:venue>", venue).replace("<slug:code>", code)
    path = path.replace("<slug:rail>", "stripe")
    return "/" + re.sub(r"<int:\w+>", "1", path)


def person(desk: Desk, role: str, venue: str = "qldz", firm: str = "lzrd") -> Client:
    return desk.client(role, firm if role in FIRM else "", venue=venue)


def test_every_route_is_classified() -> None:
    assert set(routes()) == PUBLIC.keys() | MEMBERS.keys()


def test_public_pages_answer_without_a_log_in(desk: Desk) -> None:
    found = {route: Client().get(address(route, desk)).status_code for route in PUBLIC}
    assert found == PUBLIC


def test_members_pages_send_the_unknown_visitor_to_the_log_in(desk: Desk) -> None:
    """And a venue that does not exist does the same, or its absence would be told."""
    desk.instrument()
    for venue in ("qldz", "none"):
        for route in MEMBERS:
            path = address(route, desk, venue)
            answer = Client().get(path)
            assert (answer.status_code, answer["Location"]) == (
                302,
                f"/accounts/login/?next={path}",
            )


def test_each_role_sees_its_own_pages_and_404_for_the_others(desk: Desk) -> None:
    desk.instrument()
    for role in Role:
        browser = person(desk, role)
        for route, allowed in MEMBERS.items():
            status = browser.get(address(route, desk)).status_code
            if role not in allowed:
                assert status == 404, (role, route)
            elif "<int:" not in route:
                assert status == 200, (role, route)
            elif route in POST_ONLY:
                assert status in (404, 405), (role, route)


def test_a_venue_without_a_seat_answers_like_a_venue_that_is_not_there(desk: Desk) -> None:
    desk.instrument()
    for role in Role:
        stranger = person(desk, role, venue="jdsc", firm="whhx")
        for route in MEMBERS:
            for send in (stranger.get, stranger.post):
                answers = [send(address(route, desk, venue)) for venue in ("qldz", "none")]
                assert [one.status_code for one in answers] == [404, 404], (role, route)
                bodies = [
                    re.sub(r'value="\w{64}"|/(qldz|none)/', "…", one.content.decode())
                    for one in answers
                ]
                assert bodies[0] == bodies[1], (role, route)


def test_the_venue_in_a_path_may_have_any_case(desk: Desk) -> None:
    assert person(desk, "trader").get("/QLDZ/").status_code == 200
    assert Client().get("/wall/Qldz/").status_code == 200


def test_a_user_reads_in_the_language_of_their_own(desk: Desk) -> None:
    browser = person(desk, "trader")
    assert 'lang="zh' in browser.get("/qldz/").content.decode()
    User.objects.filter(username__startswith="trader").update(language="en")
    assert 'lang="en"' in browser.get("/qldz/").content.decode()


def test_preferences_are_kept_and_lead_nowhere_else(desk: Desk) -> None:
    browser = person(desk, "trader")
    changed = {"theme": "light", "trend": "intl", "language": "en"}
    answer = browser.post("/preferences/", changed | {"next": "https://elsewhere.example/"})
    user = User.objects.get(username__startswith="trader")
    assert answer["Location"] == "/"
    assert {name: getattr(user, name) for name in changed} == changed
    browser.post("/preferences/", {"theme": "pink", "language": "xx"})
    user.refresh_from_db()
    assert {name: getattr(user, name) for name in changed} == changed


@pytest.fixture
def pages(desk: Desk) -> dict[str, Any]:
    """Every page that a GET shows, as its first permitted role sees it; and a page that is not."""
    desk.instrument()
    found = {route: Client().get(address(route, desk)) for route in PUBLIC}
    browsers = {role: person(desk, role) for role in Role}
    for route, allowed in MEMBERS.items():
        found[route] = browsers[Role(sorted(allowed)[0])].get(address(route, desk))
    found["nowhere"] = Client().get("/nowhere/at/all/")
    return found


def test_every_page_carries_the_security_headers(pages: dict[str, Any]) -> None:
    expected = {
        "Content-Security-Policy": (
            "base-uri 'none'; connect-src 'self'; default-src 'none'; font-src 'self';"
            " form-action 'self'; frame-ancestors 'none'; img-src 'self' data:;"
            " manifest-src 'self'; script-src 'self'; style-src 'self'; worker-src 'self'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    for route, page in pages.items():
        found = {name: page.headers.get(name) for name in expected}
        policy = found["Content-Security-Policy"] or ""
        found["Content-Security-Policy"] = "; ".join(sorted(policy.split("; ")))
        assert found == expected, route


def test_no_page_needs_an_inline_script_or_style(pages: dict[str, Any]) -> None:
    for route, page in pages.items():
        if not page.headers.get("Content-Type", "").startswith("text/html"):
            continue
        html = page.content.decode()
        scripts = re.findall(r"<script\b[^>]*>", html)
        inline = [one for one in scripts if " src=" not in one and "application/json" not in one]
        assert (inline, re.findall(r"<style\b|\sstyle=|\son[a-z]+=", html)) == ([], []), route


def test_session_and_csrf_cookies_are_guarded(desk: Desk, settings: Any) -> None:
    browser = Client()
    browser.get("/accounts/login/")
    User.objects.create_user("cook", password="a-very-long-password")
    browser.post("/accounts/login/", {"login": "cook", "password": "a-very-long-password"})
    session = browser.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    assert browser.cookies["csrftoken"]["samesite"] == "Lax"
    assert "Set-Cookie" not in str(Client().get("/wall/qldz/").headers)
    assert not Client().get("/wall/qldz/").cookies
