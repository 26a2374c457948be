"""Sockets: who may open one, what it may say, and that nothing it says does harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from exchange.models import Seat, User
from tests.web.stage import (
    BUYER,
    RECEIPT,
    SELLER,
    STRANGER,
    Stage,
    Wire,
    opened,
    seeded,
    stage,
    until,
)
from web import hub
from web.consumers import sockets
from web.limits import FRAME_BYTES, TOPICS_PER_SOCKET

__all__ = ["seeded", "stage"]


async def trader(stage: Stage, firm: str = BUYER) -> Wire:
    return stage.wire(await sync_to_async(stage.client)("trader", firm))


async def refused_with(wire: Wire) -> int:
    """Open a socket that is accepted only to say why it is closed; return the code."""
    await wire.communicator.connect(timeout=5)
    assert (await wire.frame())["t"] == "closed"
    return wire.closed


def enter(stage: Stage, request_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "t": "enter",
        "id": request_id,
        "instrument": stage.coal.pk,
        "side": "buy",
        "tif": "day",
        "price": stage.coal.reference_ticks,
        "lots": stage.coal.min_lots,
    } | changed


async def test_hello_says_who_one_is_and_how_the_venue_is(stage: Stage) -> None:
    wire = await trader(stage)
    await wire.communicator.connect()
    hello = await wire.frame()
    assert {name: hello[name] for name in ("protocol", "venue", "state", "firm", "role")} == {
        "protocol": 1,
        "venue": "qldz",
        "state": "open",
        "firm": "LZRD",
        "role": "trader",
    }
    await wire.close()


async def test_an_order_is_answered_when_it_is_durable_and_seen_by_its_firm_only(
    stage: Stage,
) -> None:
    async with opened(await trader(stage)) as buyer, opened(await trader(stage, SELLER)) as seller:
        assert (await buyer.ask({"t": "sub", "topic": "orders"}))["data"] == {"orders": []}
        assert (await seller.ask({"t": "sub", "topic": "orders"}))["data"] == {"orders": []}
        ack = await buyer.ask(enter(stage, "a1"))
        assert {name: ack[name] for name in ack if name not in ("at", "block", "index")} == {
            "t": "ack",
            "id": "a1",
            "repeated": False,
            "outcome": "entered",
            "order_id": 1,
            "executed_lots": 0,
            "open_lots": 500,
            "resting": True,
            "waiting": False,
            "warned": False,
        }
        update = await private_update(buyer)
        assert [(row["order"], row["state"]) for row in update["data"]["orders"]] == [(1, "open")]
        pong = await seller.ask({"t": "ping", "echo": 7})
        assert pong["echo"] == 7  # nothing else came before it


async def private_update(wire: Wire) -> dict[str, Any]:
    while (found := await wire.frame())["t"] != "update":
        assert found["t"] == "heartbeat"
    return found


async def test_amending_and_cancelling_are_answered_with_what_they_did(stage: Stage) -> None:
    async with opened(await trader(stage)) as buyer:
        await buyer.ask(enter(stage, "a1"))
        price = stage.coal.reference_ticks - 1
        amended = await buyer.ask(
            {"t": "amend", "id": "a2", "order": 1, "price": price, "lots": 700}
        )
        assert (amended["outcome"], amended["open_lots"]) == ("amended", 700)
        cancelled = await buyer.ask({"t": "cancel", "id": "a3", "order": 1})
        assert (cancelled["outcome"], cancelled["cancelled_lots"]) == ("cancelled", 700)


async def test_lifting_an_offer_trades_at_its_price(stage: Stage) -> None:
    async with opened(await trader(stage)) as buyer, opened(await trader(stage, SELLER)) as seller:
        offer = enter(stage, "s1", instrument=stage.coke.pk, side="sell",
                      price=stage.coke.reference_ticks, lots=stage.coke.min_lots)  # fmt: skip
        posted = await seller.ask(offer)
        assert posted["resting"]
        await sync_to_async(stage.catch_up)()
        too_many = await buyer.ask(
            {"t": "lift", "id": "b1", "order": posted["order_id"], "lots": 9 * stage.coke.min_lots}
        )
        assert (too_many["code"], too_many["zh"]) == (
            "EXCEEDS_OPEN",
            f"数量超过该挂牌的剩余数量。最多 {stage.coke.min_lots} 吨。",
        )
        lifted = await buyer.ask(
            {"t": "lift", "id": "b2", "order": posted["order_id"], "lots": stage.coke.min_lots}
        )
        assert (lifted["executed_lots"], lifted["resting"]) == (stage.coke.min_lots, False)


async def test_a_repeated_id_gets_the_first_answer_and_another_payload_is_refused(
    stage: Stage,
) -> None:
    async with opened(await trader(stage)) as buyer:
        first = await buyer.ask(enter(stage, "a1"))
        again = await buyer.ask(enter(stage, "a1"))
        assert again == first | {"repeated": True}
        assert await buyer.ask({"t": "status", "id": "a1"}) == again
        other = await buyer.ask(enter(stage, "a1", lots=600))
        assert (other["t"], other["code"]) == ("reject", "CLIENT_ID_REUSED")
        unknown = await buyer.ask({"t": "status", "id": "never-sent"})
        assert (unknown["t"], unknown["code"]) == ("error", "UNKNOWN_ID")


async def test_refusals_state_the_numbers_in_units_of_the_trade(stage: Stage) -> None:
    async with opened(await trader(stage)) as buyer:
        band = await buyer.ask(enter(stage, "a1", price=stage.coal.reference_ticks * 2))
        assert (band["t"], band["code"]) == ("reject", "PRICE_BAND")
        assert f"{band['values'][1]} 至 {band['values'][2]} 元/吨" in band["zh"]
        step = await buyer.ask(enter(stage, "a2", lots=stage.coal.min_lots + 1))
        assert (step["code"], step["zh"].endswith("每档 100 吨。")) == ("QUANTITY_STEP", True)
        cash = await buyer.ask(enter(stage, "a3", lots=stage.coal.max_lots))
        assert (cash["code"], cash["zh"].endswith("可用 ¥20,000,000.00。")) == ("CASH", True)


MALFORMED = [
    " ",
    "[]",
    "null",
    "{",
    '{"t": "fly"}',
    '{"t": "ping"}',
    '{"t": "ping", "echo": -1}',
    '{"t": "ping", "echo": 1, "more": 1}',
    '{"t": "ping", "echo": 1.5}',
    '{"t": "ping", "echo": "1"}',
    '{"t": "ping", "echo": true}',
    '{"t": "ping", "echo": 9007199254740992}',
    '{"t": "sub", "topic": "book.1\\u0000"}',
    '{"t": "sub", "topic": "orders:11"}',
    '{"t": "sub", "topic": ["ticker"]}',
    '{"t": "enter", "id": "\\ud800", "instrument": 1}',
    "[" * 5_000,
    '{"t": "cancel", "id": "x y", "order": 1}',
    '{"t": "cancel", "id": "' + "x" * 37 + '", "order": 1}',
]


async def test_a_malformed_frame_is_answered_and_the_socket_lives_on(stage: Stage) -> None:
    async with opened(await trader(stage)) as wire:
        answers = [await wire.ask(text) for text in MALFORMED]
        assert [(one["t"], one["code"]) for one in answers] == [("error", "MALFORMED")] * len(
            MALFORMED
        )
        assert (await wire.ask({"t": "ping", "echo": 3}))["echo"] == 3


WRONG: list[dict[str, Any]] = [
    {"price": 0},
    {"price": -1},
    {"price": 2**53},
    {"lots": 1.5},
    {"lots": 500.0},
    {"lots": "500"},
    {"lots": None},
    {"side": "short"},
    {"side": 1},
    {"tif": "forever"},
    {"kind": "market"},
    {"post": "maybe"},
    {"display": -1},
    {"firms": ["no such code!"]},
    {"firms": ["A"] * 51},
    {"until_disconnect": 1},
    {"instrument": True},
    {"receipts": [0]},
    {"receipts": list(range(1, 200))},
    {"firm": 11},
    {"venue": 2},
    {"at_us": 1},
]


async def test_an_order_with_a_wrong_field_is_refused_before_the_engine(stage: Stage) -> None:
    async with opened(await trader(stage)) as wire:
        for changed in WRONG:
            answer = await wire.ask(enter(stage, "a1", **changed))
            assert (answer["t"], answer.get("code"), answer["id"]) == (
                "error",
                "MALFORMED",
                "a1",
            ), changed
        assert (await wire.ask({"t": "sub", "topic": "orders"}))["data"] == {"orders": []}


async def test_bytes_are_no_frames(stage: Stage) -> None:
    async with opened(await trader(stage)) as wire:
        await wire.communicator.send_to(bytes_data=b'{"t":"ping","echo":1}')
        assert (await wire.next("error"))["code"] == "MALFORMED"


@pytest.mark.parametrize("text", ["x" * (FRAME_BYTES + 1), "价" * (FRAME_BYTES // 3 + 1)])
async def test_a_frame_that_is_too_large_is_answered_and_ends_the_socket(
    stage: Stage, text: str
) -> None:
    async with opened(await trader(stage)) as wire:
        assert (await wire.ask(text))["code"] == "TOO_LARGE"
        assert (await wire.next("closed"))["code"] == 1009


async def test_what_belongs_to_others_answers_like_what_is_not_there(stage: Stage) -> None:
    async with opened(await trader(stage)) as buyer, opened(await trader(stage, SELLER)) as seller:
        await buyer.ask(enter(stage, "a1"))
        answers = []
        for order in (1, 999):
            answers.append(await seller.ask({"t": "cancel", "id": f"c{order}", "order": order}))
            answers.append(
                await seller.ask(
                    {"t": "amend", "id": f"m{order}", "order": order, "price": 700, "lots": 600}
                )
            )
        assert [one["code"] for one in answers] == ["UNKNOWN_ORDER"] * 4
        nowhere = await buyer.ask(enter(stage, "a2", instrument=stage.coal.pk + 77))
        assert nowhere["code"] == "UNKNOWN_INSTRUMENT"
        mine = enter(stage, "a3", side="sell", price=730, receipts=[RECEIPT])
        theirs = await buyer.ask(mine)
        missing = await buyer.ask(mine | {"id": "a4", "receipts": [2**40]})
        assert (theirs["code"], missing["code"]) == ("UNKNOWN_RECEIPT", "UNKNOWN_RECEIPT")
        for topic in (
            "book.999",
            "orders.1",
            "funds.11",
            "book",
            "offers.1",
            "wall",
            "candles.1.2m",
        ):
            answer = await buyer.ask({"t": "sub", "topic": topic})
            assert (answer["t"], answer["code"], answer["id"]) == ("error", "UNKNOWN_TOPIC", topic)


async def test_nobody_opens_a_members_socket_without_a_seat(stage: Stage) -> None:
    def stranger() -> Any:
        return stage.client("trader", STRANGER, venue="jdsc")

    assert await refused_with(stage.wire()) == sockets.NOT_A_MEMBER
    browser = await sync_to_async(stranger)()
    assert await refused_with(stage.wire(browser)) == sockets.NOT_A_MEMBER
    assert await refused_with(stage.wire(browser, "/ws/none/")) == sockets.NOT_A_MEMBER


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", ""])
async def test_a_page_of_another_origin_opens_no_socket(stage: Stage, origin: str) -> None:
    browser = await sync_to_async(stage.client)("trader", BUYER)
    connected, _ = await stage.wire(browser, origin=origin).communicator.connect()
    assert not connected


async def test_only_traders_send_orders(stage: Stage) -> None:
    for role, firm in (
        ("finance", BUYER),
        ("delivery", BUYER),
        ("operator", ""),
        ("warehouse", ""),
    ):
        browser = await sync_to_async(stage.client)(role, firm)
        async with opened(stage.wire(browser)) as wire:
            for message in (enter(stage, "a1"), {"t": "status", "id": "a1"}):
                answer = await wire.ask(message)
                assert (answer["code"], answer["id"]) == ("NOT_ALLOWED", "a1")


async def test_the_public_sees_the_market_and_nothing_else(stage: Stage) -> None:
    async with opened(stage.wire(path="/ws/qldz/public/")) as wire:
        ticker = await wire.ask({"t": "sub", "topic": "ticker"})
        assert set(ticker["data"]["instruments"]) == {str(stage.coal.pk), str(stage.coke.pk)}
        for topic in ("orders", "funds", f"offers.{stage.coke.pk}"):
            assert (await wire.ask({"t": "sub", "topic": topic}))["code"] == "UNKNOWN_TOPIC"
        assert (await wire.ask(enter(stage, "a1")))["code"] == "NOT_ALLOWED"
    assert not (await stage.wire(path="/ws/none/public/").communicator.connect())[0]


async def test_topics_sockets_and_commands_have_a_limit(stage: Stage, settings: Any) -> None:
    settings.SOCKET_COMMANDS_PER_S = 1
    settings.SOCKETS_PER_USER = 2
    browser = await sync_to_async(stage.client)("trader", BUYER)
    async with opened(stage.wire(browser)) as wire:
        topics = [
            f"{word}.{instrument}{rest}"
            for instrument in (stage.coal.pk, stage.coke.pk)
            for word, rest in (
                ("book", ""),
                ("trades", ""),
                *(("candles", f".{interval}") for interval in ("1m", "5m", "15m", "1h", "1d")),
            )
        ] + ["ticker", "orders", "fills", "funds", "receipts", "contracts"]
        assert len(topics) <= TOPICS_PER_SOCKET
        for topic in topics:
            assert (await wire.ask({"t": "sub", "topic": topic}))["t"] == "snapshot"
        for _ in range(2):
            assert (await wire.ask({"t": "cancel", "id": "c", "order": 9}))["t"] == "reject"
        full = await wire.ask({"t": "cancel", "id": "c", "order": 9})
        assert (full["code"], full["retry_ms"]) == ("RATE", 1000)
        assert (await wire.ask(enter(stage, "a1")))["t"] == "ack"  # a bucket of its own
        async with opened(stage.wire(browser)):
            assert await refused_with(stage.wire(browser)) == sockets.TOO_MANY
        async with opened(stage.wire(browser)):
            pass
    assert hub.get_hub().sockets == {}


async def test_a_socket_has_a_most_of_topics(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "TOPICS_PER_SOCKET", 2)
    async with opened(await trader(stage)) as wire:
        assert (await wire.ask({"t": "sub", "topic": "ticker"}))["t"] == "snapshot"
        assert (await wire.ask({"t": "sub", "topic": "funds"}))["t"] == "snapshot"
        assert (await wire.ask({"t": "sub", "topic": "orders"}))["code"] == "TOPICS"
        await wire.send({"t": "unsub", "topic": "funds"})
        assert (await wire.ask({"t": "sub", "topic": "orders"}))["t"] == "snapshot"


async def test_logging_out_ends_the_users_sockets(stage: Stage) -> None:
    browser = await sync_to_async(stage.client)("trader", BUYER)
    async with opened(stage.wire(browser)) as wire, opened(await trader(stage, SELLER)) as other:
        await sync_to_async(browser.post)("/accounts/logout/")
        assert (await wire.next("closed"))["code"] == sockets.SESSION_ENDED
        assert (await other.ask({"t": "ping", "echo": 1}))["t"] == "pong"


def end_session(user: User) -> None:
    from django.contrib.sessions.models import Session

    Session.objects.all().delete()


def take_seat(user: User) -> None:
    Seat.objects.across_venues().filter(user=user).delete()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User) -> None:
    user.set_password("another-long-password")
    user.save()


def move_to_finance(user: User) -> None:
    Seat.objects.across_venues().filter(user=user).update(role="finance")


@pytest.mark.parametrize(
    "change", [end_session, take_seat, deactivate, change_password, move_to_finance]
)
async def test_a_socket_does_not_outlive_its_session_and_its_seat(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    monkeypatch.setattr(sockets, "RECHECK_S", 0.01)
    async with opened(await trader(stage)) as wire:
        assert (await wire.ask({"t": "ping", "echo": 1}))["t"] == "pong"
        user = await User.objects.aget(pk=next(iter(hub.get_hub().sockets)))
        await sync_to_async(change)(user)
        assert (await wire.next("closed"))["code"] == sockets.SESSION_ENDED


async def test_nothing_stays_behind_when_a_socket_dies_in_the_middle(stage: Stage) -> None:
    wire = await trader(stage)
    await wire.communicator.connect()
    await wire.ask({"t": "sub", "topic": "ticker"}) if (await wire.frame())[
        "t"
    ] == "hello" else None
    here = hub.get_hub()
    assert (len(here.sockets), len(here._listeners)) == (1, 1)
    wire.communicator.future.cancel()
    await until(lambda: not here._listeners)
    assert (here.sockets, here._subscribers, get_channel_layer().groups) == ({}, set(), {})


async def test_a_hostile_flood_is_answered_in_order(stage: Stage) -> None:
    async with opened(await trader(stage)) as wire:
        for number in range(50):
            await wire.send(json.dumps({"t": "ping", "echo": number}))
        echoes = [(await wire.next("pong"))["echo"] for _ in range(50)]
        assert echoes == list(range(50))


async def test_orders_bound_to_a_connection_end_with_it_and_others_stay(stage: Stage) -> None:
    async with opened(await trader(stage)) as wire:
        stays = await wire.ask(enter(stage, "stays"))
        await wire.ask({"t": "sub", "topic": "orders"})
        async with opened(await trader(stage)) as bound:
            ends = await bound.ask(enter(stage, "ends", until_disconnect=True))
            assert ends["resting"]
        states = []
        while "cancelled" not in states:
            rows = (await private_update(wire))["data"]["orders"]
            states += [row["state"] for row in rows if row["order"] == ends["order_id"]]
        whole = await wire.ask({"t": "sub", "topic": "orders"})
        live = [row["order"] for row in whole["data"]["orders"] if row["state"] == "open"]
        assert live == [stays["order_id"]]


async def test_a_directed_offer_reaches_whom_it_names(stage: Stage) -> None:
    async with opened(await trader(stage)) as buyer, opened(await trader(stage, SELLER)) as seller:
        assert (await buyer.ask({"t": "sub", "topic": "directed"}))["data"] == {"directed": []}
        offer = enter(stage, "s1", instrument=stage.coke.pk, side="sell",
                      price=stage.coke.reference_ticks, lots=stage.coke.min_lots)  # fmt: skip
        unknown = await seller.ask(offer | {"firms": ["NOBODY"]})
        assert (unknown["t"], unknown["code"]) == ("error", "UNKNOWN_FIRM")
        posted = await seller.ask(offer | {"firms": ["LZRD"]})
        assert posted["resting"]
        seen = (await private_update(buyer))["data"]["directed"]
        assert [row["order"] for row in seen] == [posted["order_id"]]
