"""Log-in: closed sign-up, real Argon2, limits on guessing, sessions that end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from exchange.models import User

PASSWORD = "a-very-long-password"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def real_settings(settings: Any) -> Iterator[None]:
    """Argon2 as in production, and no attempt remembered from another test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)  # nothing collected, but WhiteNoise looks
    cache.clear()
    yield
    cache.clear()


def attempt(browser: Client, password: str = PASSWORD, path: str = "/accounts/login/") -> Any:
    return browser.post(path, {"login": "cook", "password": password})


def test_who_knows_the_password_gets_a_new_session_and_goes_where_they_wanted() -> None:
    user = User.objects.create_user("cook", password=PASSWORD)
    assert user.password.startswith("argon2")
    browser = Client()
    browser.get("/accounts/login/")
    browser.session.save()
    answer = attempt(browser, path="/accounts/login/?next=/qldz/")
    assert (answer.status_code, answer["Location"]) == (302, "/qldz/")
    assert browser.session["_auth_user_id"] == str(user.pk)
    away = attempt(Client(), path="/accounts/login/?next=https://elsewhere.example/")
    assert away["Location"] == "/"


def test_a_wrong_password_and_an_unknown_name_look_the_same() -> None:
    User.objects.create_user("cook", password=PASSWORD)
    known = attempt(Client(), "wrong-password-here")
    unknown = Client().post("/accounts/login/", {"login": "nobody", "password": PASSWORD})
    assert (known.status_code, unknown.status_code) == (200, 200)
    errors = [list(one.context["form"].non_field_errors()) for one in (known, unknown)]
    assert errors[0] == errors[1] != []


def test_guessing_is_stopped_even_for_the_right_password_afterwards() -> None:
    User.objects.create_user("cook", password=PASSWORD)
    browser = Client()
    statuses = [attempt(browser, "wrong-password-here").status_code for _ in range(7)]
    assert "_auth_user_id" not in browser.session
    blocked = attempt(browser)
    assert "_auth_user_id" not in browser.session
    assert (statuses[0], blocked.status_code) in ((200, 200), (200, 429))


def test_an_inactive_person_does_not_get_in() -> None:
    User.objects.create_user("cook", password=PASSWORD, is_active=False)
    browser = Client()
    attempt(browser)
    assert "_auth_user_id" not in browser.session


def test_nobody_signs_up() -> None:
    browser = Client()
    fields = {"username": "new", "password1": PASSWORD, "password2": PASSWORD}
    assert browser.get("/accounts/signup/").templates[0].name == "account/signup_closed.html"
    browser.post("/accounts/signup/", fields)
    assert not User.objects.exists()


def test_logging_out_takes_a_post_and_ends_the_session() -> None:
    User.objects.create_user("cook", password=PASSWORD)
    browser = Client()
    attempt(browser)
    key = browser.session.session_key
    browser.get("/accounts/logout/")
    assert "_auth_user_id" in browser.session
    browser.post("/accounts/logout/")
    assert "_auth_user_id" not in browser.session
    assert key is not None
    assert not browser.session.exists(key)


def test_forms_without_their_token_are_refused() -> None:
    User.objects.create_user("cook", password=PASSWORD)
    browser = Client(enforce_csrf_checks=True)
    assert attempt(browser).status_code == 403
    assert browser.post("/accounts/logout/").status_code == 403
    assert browser.post("/preferences/").status_code == 403
