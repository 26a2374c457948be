"""What is not there and what is not yours look the same; nothing is read without a venue."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from exchange import access, queries, scope
from exchange.access import NotVisible
from exchange.models import Firm, Instrument, OrderRow, Role, Seat, User, Venue
from exchange.projections import Projections
from exchange.scope import NoVenueError, VenueManager
from matching.commands import CreditCash, CreditGoods, Side
from matching.events import TradeExecuted
from tests.world import World

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


def seat(venue: Venue, role: str, firm: Firm | None = None) -> Seat:
    user = User.objects.create(username=f"{venue.code}-{role}-{firm.code if firm else ''}")
    return Seat.objects.across_venues().create(venue=venue, user=user, role=role, firm=firm)


def traded_world() -> tuple[World, Instrument, int, int]:
    """Return a venue with one trade, its instrument, the seller's order and the trade."""
    world = World()
    world.followers = [Projections()]
    coal = world.instrument()
    seller, buyer = world.firm("rzyf"), world.firm("lzrd")
    world.accept(
        CreditCash("in", buyer.pk, 10**12),
        CreditGoods("goods", 7, 7, seller.pk, coal.pk, 1_000, 1_000_000, 0),
    )
    price = coal.reference_ticks
    order_id = world.enter(seller, coal, Side.SELL, 500, price)[0].order_id  # type: ignore[union-attr]
    trade = world.enter(buyer, coal, Side.BUY, 500, price)[1]
    assert isinstance(trade, TradeExecuted)
    return world, coal, order_id, trade.trade_id


def test_a_firm_sees_its_own_order_and_trade_and_the_operator_sees_all() -> None:
    world, _, order_id, trade_id = traded_world()
    seller = seat(world.venue, Role.TRADER, world.firm("rzyf"))
    operator = seat(world.venue, Role.OPERATOR)
    with scope.venue(world.venue.id):
        for one in (seller, operator):
            assert access.order(one, order_id).order_id == order_id
            assert access.trade(one, trade_id).trade_id == trade_id


def test_another_firms_order_and_one_that_never_was_are_equally_invisible() -> None:
    world, _, order_id, trade_id = traded_world()
    buyer = seat(world.venue, Role.TRADER, world.firm("lzrd"))
    stranger = seat(world.venue, Role.FINANCE, world.firm("qdhy"))
    with scope.venue(world.venue.id):
        for one, number in ((buyer, order_id), (stranger, order_id), (stranger, 999)):
            with pytest.raises(NotVisible) as hidden:
                access.order(one, number)
            assert str(hidden.value) == ""
        for number in (trade_id, 999):
            with pytest.raises(NotVisible) as hidden:
                access.trade(stranger, number)
            assert str(hidden.value) == ""


def test_another_venues_rows_are_not_there() -> None:
    world, coal, order_id, trade_id = traded_world()
    elsewhere = Venue.objects.get(code="jdsc")
    operator = seat(elsewhere, Role.OPERATOR)
    with scope.venue(elsewhere.id):
        for read in (
            lambda: access.order(operator, order_id),
            lambda: access.trade(operator, trade_id),
            lambda: access.instrument(coal.code),
            lambda: access.instrument_by_id(coal.pk),
        ):
            with pytest.raises(NotVisible):
                read()
        assert queries.board() == []
    with scope.venue(world.venue.id):
        assert access.instrument(coal.code.lower()) == coal
        assert access.instrument_by_id(coal.pk) == coal


def test_a_seat_of_one_venue_cannot_read_in_the_scope_of_another() -> None:
    world, _, order_id, trade_id = traded_world()
    elsewhere = seat(Venue.objects.get(code="jdsc"), Role.OPERATOR)
    with scope.venue(world.venue.id):
        for read in (access.order, access.trade):
            with pytest.raises(AssertionError):
                read(elsewhere, order_id if read is access.order else trade_id)


def test_venues_are_found_in_any_case_and_seats_only_where_they_are() -> None:
    world = World()
    trader = seat(world.venue, Role.TRADER, world.firm("rzyf"))
    assert access.venue_by_code("QlDz") == world.venue
    with pytest.raises(NotVisible):
        access.venue_by_code("nowhere")
    assert access.seat_of(trader.user, world.venue) == trader
    assert access.seat_of(trader.user, Venue.objects.get(code="jdsc")) is None
    assert access.seats(trader.user) == [trader]
    User.objects.filter(pk=trader.user.pk).update(is_active=False)
    assert access.seat_of(User.objects.get(pk=trader.user.pk), world.venue) is None


def test_every_model_with_a_venue_refuses_to_be_read_without_one() -> None:
    scoped = [
        model
        for model in apps.get_models()
        if model._meta.app_label in ("exchange", "settlement")
        and any(field.name == "venue" for field in model._meta.get_fields() if field.concrete)
        and not model._meta.get_field("venue").primary_key
    ]
    assert {"Instrument", "OrderRow", "TradeRow", "Seat", "Approval"} <= {
        m.__name__ for m in scoped
    }
    for model in scoped:
        manager = model._default_manager
        assert isinstance(manager, VenueManager), model.__name__
        with pytest.raises(NoVenueError):
            manager.count()


def test_scopes_nest_and_end() -> None:
    with scope.venue(1):
        with scope.venue(2):
            assert scope.current_venue_id() == 2
        assert scope.current_venue_id() == 1
    with pytest.raises(NoVenueError):
        OrderRow.objects.exists()


@pytest.mark.parametrize(
    ("role", "has_firm"), [("trader", False), ("operator", True), ("emperor", False)]
)
def test_the_database_refuses_a_seat_whose_role_and_firm_do_not_fit(
    role: str, has_firm: bool
) -> None:
    world = World()
    firm = world.firm("rzyf") if has_firm else None
    with pytest.raises(IntegrityError), transaction.atomic():
        seat(world.venue, role, firm)


def test_the_board_shows_each_instrument_with_its_latest_day() -> None:
    world, coal, _, _ = traded_world()
    with scope.venue(world.venue.id):
        (row,) = queries.board()
        assert row.instrument == coal
        assert row.statistics is not None
        assert (row.statistics.volume_lots, row.statistics.trades) == (500, 1)
        assert queries.orders(world.firm("lzrd").pk, page=1)[0].executed_lots == 500
