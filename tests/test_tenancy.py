"""Every path, tried by a stranger: what is not yours looks like what is not there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver

from exchange import scope
from exchange.models import Instrument, OrderRow, Seat, User, Venue
from settlement.models import Obligation, Receipt
from web.demo import cast, seed

pytestmark = [pytest.mark.django_db, pytest.mark.databases]

PUBLIC = {
    "home", "legal", "alive", "ready", "wall", "instruments", "hook", "account_login",
    "account_signup", "account_inactive", "set_language", "javascript-catalog",
}  # fmt: skip
OWN = {"preferences", "account_logout", "account_reauthenticate"}


def patterns(resolver: Any = None) -> list[URLPattern]:
    found: list[URLPattern] = []
    for one in (resolver or get_resolver()).url_patterns:
        found += patterns(one) if isinstance(one, URLResolver) else [one]
    return found


def venue_paths() -> list[str]:
    """Return the names of all paths that name a venue and are not public."""
    names = []
    for one in patterns():
        assert one.name, one
        if "venue" in one.pattern.converters and one.name not in PUBLIC:
            names.append(one.name)
    return names


def arguments(name: str) -> dict[str, Any]:
    pattern = next(one for one in patterns() if one.name == name)
    values = {"venue": "qldz", "code": "COAL-T5500-RZG", "trade_id": 1}
    return {key: values.get(key, 1) for key in pattern.pattern.converters}


def test_every_path_is_public_own_or_of_a_venue() -> None:
    unknown = [
        one.name
        for one in patterns()
        if one.name not in PUBLIC | OWN and "venue" not in one.pattern.converters
    ]
    assert unknown == [], "a new path must be classified here"


@pytest.mark.parametrize("name", sorted(set(venue_paths())))
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_finds_nothing_and_an_unknown_person_the_log_in(name: str, method: str) -> None:
    seed.rows()
    path = reverse(name, kwargs=arguments(name))
    anonymous = getattr(Client(), method)(path)
    assert anonymous.status_code == 302
    assert anonymous["Location"].startswith("/accounts/login/")
    stranger = Client()
    stranger.force_login(User.objects.get(username="whhx-trader"))
    assert getattr(stranger, method)(path).status_code == 404
    nowhere = getattr(stranger, method)(path.replace("/qldz/", "/nope/"))
    assert nowhere.status_code == 404


@pytest.mark.parametrize("model", [Instrument, OrderRow, Seat, Receipt, Obligation])
def test_a_query_outside_any_venue_raises(model: Any) -> None:
    with pytest.raises(scope.NoVenueError):
        model.objects.count()


def test_a_scope_sees_its_own_venue_only() -> None:
    seed.rows()
    counts = []
    for venue in Venue.objects.all():
        with scope.venue(venue.id):
            counts.append(Seat.objects.count())
            assert {seat.venue_id for seat in Seat.objects.all()} == {venue.id}
    assert sum(counts) == Seat.objects.across_venues().count()


def test_a_suspended_user_and_a_lost_seat_open_nothing() -> None:
    seed.rows()
    user = User.objects.get(username="lzrd-trader")
    client = Client()
    client.force_login(user)
    assert client.get("/qldz/orders/").status_code == 200
    Seat.objects.across_venues().filter(user=user).delete()
    assert client.get("/qldz/orders/").status_code == 404


def test_the_demo_password_is_long_enough_for_its_own_rules() -> None:
    from django.contrib.auth.password_validation import validate_password

    validate_password(cast.PASSWORD)


def test_the_tests_run_as_the_products_role(request: pytest.FixtureRequest) -> None:
    from django.db import connection

    if request.config.getoption("--database") == "sqlite":
        assert connection.vendor == "sqlite"
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("haidai_app",)
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname LIKE 'haidai_%'"
            " ORDER BY rolname"
        )
        assert cursor.fetchall() == [
            ("haidai_app", False, False),
            ("haidai_engine", False, False),
            ("haidai_follower", False, False),
            ("haidai_owner", False, False),
        ]
