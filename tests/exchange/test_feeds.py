"""Feeds: every page that adds up the frames knows what the engine knows, without a hole."""

from __future__ import annotations

import json
import zlib
from random import Random
from typing import Any

import msgspec
import pytest

from exchange.feeds import FeedBuilder, Frame
from exchange.limits import FEED_CANDLE_RING, FEED_LEVELS, FEED_RING
from matching.commands import (
    AmendOrder,
    ChangePhase,
    DebitGoods,
    HaltScope,
    Mode,
    OpenDay,
    OrderKind,
    PassTime,
    Phase,
    ResaleLock,
    SetHalt,
    SetReference,
    Side,
    Special,
    TimeInForce,
    WithholdGoods,
)
from matching.orders import BOOK, STOP, SUSPENDED
from matching.units import Micros
from tests.exchange.market import (
    BUYER,
    CASH_FEN,
    COAL,
    COTTON,
    DAY,
    FIRMS,
    MIDNIGHT_US,
    OTHER,
    SELLER,
    SQUID,
    START_US,
    Market,
    Page,
    auction_market,
    bids_and_close,
    firm_code,
    open_market,
    random_commands,
)

PUBLIC = [f"book.{COAL}", f"book.{SQUID}", f"offers.{SQUID}"]
PRIVATE = [
    f"{word}:{firm_id}"
    for word in ("orders", "fills", "funds", "receipts", "contracts", "directed")
    for firm_id in FIRMS
]


def caught_up(market: Market) -> FeedBuilder:
    builder = FeedBuilder(1, firm_code)
    for block in market.blocks:
        builder.apply(block)
    return builder


def whole(builder: FeedBuilder, topic: str) -> Any:
    """Return the data of a topic's snapshot."""
    snapshot = builder.snapshot(topic)
    assert snapshot is not None
    return json.loads(snapshot.payload)["data"]


def data(frames: list[Frame]) -> dict[str, Any]:
    """Return the data of each frame by topic."""
    return {frame.topic: json.loads(frame.payload)["data"] for frame in frames}


@pytest.mark.parametrize("seed", range(8))
def test_pages_that_join_at_any_time_agree_with_the_engine(seed: int) -> None:
    random = Random(seed)
    market = open_market(ResaleLock(seed % 2), dynamic_bp=seed // 4 * 200)
    builder = caught_up(market)
    pages: list[Page] = []
    for number in range(160):
        after_us = random.choice([1_000, 300_000])
        frames = builder.apply(market.give(*random_commands(market, random), after_us=after_us))
        for page in pages:
            page.read(frames)
        if number % 40 == 0:
            snapshots = [builder.snapshot(topic) for topic in PUBLIC + PRIVATE]
            pages += [Page(snapshot) for snapshot in snapshots if snapshot is not None]
    assert len(pages) == 4 * len(PUBLIC + PRIVATE)
    for page in pages:
        assert_page_agrees(page, market)


def assert_page_agrees(page: Page, market: Market) -> None:
    word, _, rest = page.topic.replace(":", ".").partition(".")
    number, engine = int(rest), market.engine
    if word == "book":
        book = next(one for one in engine.instruments() if one.instrument_id == number).book
        for side, levels in ((book.bids, page.bids), (book.asks, page.asks)):
            seen: dict[int, list[int]] = {}
            for order in side:
                if order.special is None or not order.special.firm_ids:
                    level = seen.setdefault(order.price_ticks, [order.price_ticks, 0, 0])
                    level[1] += order.open_lots - order.hidden_lots
                    level[2] += 1
            assert levels == list(seen.values())[:FEED_LEVELS]
    elif word == "offers":
        assert {key: row["open"] for key, row in page.rows.items()} == {
            order.order_id: order.open_lots
            for order in engine.open_orders()
            if order.instrument_id == number and not (order.special and order.special.firm_ids)
        }
    elif word == "directed":
        assert {key: row["open"] for key, row in page.rows.items()} == {
            order.order_id: order.open_lots
            for order in engine.open_orders()
            if order.special and number in order.special.firm_ids
        }
    elif word == "orders":
        assert {
            key: (row["open"], row["held"], row["price"], row["shown"], row["state"])
            for key, row in page.rows.items()
        } == {
            order.order_id: (
                order.open_lots,
                order.held_fen,
                order.price_ticks,
                order.open_lots - order.hidden_lots if order.place == BOOK else 0,
                {BOOK: "open", STOP: "waiting", SUSPENDED: "suspended"}[order.place],
            )
            for order in engine.open_orders(number)
        }
    elif word == "funds":
        shown = (page.rows["available"], page.rows["held"], page.rows["committed"])
        assert shown == engine.cash(number)
    elif word == "receipts":
        assert {
            key: (row["free"], row["held"], row["committed"], row["instrument"])
            for key, row in page.rows.items()
        } == {
            receipt.receipt_id: (
                receipt.free_lots,
                receipt.held_lots,
                receipt.committed_lots,
                receipt.instrument_id,
            )
            for receipt in engine.receipts()
            if receipt.firm_id == number
        }


def test_every_topic_counts_from_one_and_has_at_most_one_frame_a_block() -> None:
    random = Random(9)
    market = open_market()
    builder = FeedBuilder(1, firm_code)
    seen: dict[str, int] = {}
    history = list(market.blocks)
    for _ in range(100):
        history.append(market.give(*random_commands(market, random)))
    for block in history:
        frames = builder.apply(block)
        assert len({frame.topic for frame in frames}) == len(frames)
        for topic, seq, payload in frames:
            frame = json.loads(payload)
            assert seq == frame["seq"] == seen.get(topic, 0) + 1
            assert frame["prev_seq"] == seq - 1
            assert (frame["block"], frame["at"]) == (block.seq, block.ts_us // 1000)
            assert frame["topic"] == topic.partition(":")[0]
            seen[topic] = seq
    assert builder.last_seqs() == seen


def test_a_builder_restored_from_its_state_goes_on_with_the_same_bytes() -> None:
    random = Random(5)
    market = open_market()
    first = caught_up(market)
    for _ in range(80):
        first.apply(market.give(*random_commands(market, random)))
    restored = FeedBuilder.from_state(1, firm_code, first.state())
    assert restored is not None
    for _ in range(80):
        block = market.give(*random_commands(market, random))
        assert restored.apply(block) == first.apply(block)
    for topic in [*first.last_seqs(), "ticker"]:
        assert restored.snapshot(topic) == first.snapshot(topic)
    assert (restored.seq, restored.hash) == (market.blocks[-1].seq, market.blocks[-1].hash)


def test_a_state_of_another_layout_is_not_used() -> None:
    state = msgspec.msgpack.encode([0, {"seq": 7}])
    assert FeedBuilder.from_state(1, firm_code, state) is None


def test_a_page_can_resume_from_any_frame_of_the_ring() -> None:
    market = open_market()
    builder = caught_up(market)
    sent: list[Frame] = []
    for price in range(450, 460):
        sent += builder.apply(market.give(market.enter(BUYER, Side.BUY, 1, price)))
    book = [frame for frame in sent if frame.topic == f"book.{COAL}"]
    assert builder.since(f"book.{COAL}", 10) == []
    assert builder.since(f"book.{COAL}", 7) == book[7:]
    assert builder.since(f"book.{COAL}", 0) == book
    assert builder.since(f"book.{COAL}", 11) is None  # from the future: a snapshot will do
    assert builder.since("book.99", 3) is None


def test_beyond_the_ring_only_a_snapshot_helps() -> None:
    market = open_market()
    builder = caught_up(market)
    topic = f"candles.{COAL}.1m"
    market.accept(market.enter(SELLER, Side.SELL, 5_000, 500))
    builder.apply(market.blocks[-1])
    for _ in range(FEED_CANDLE_RING + 5):
        builder.apply(market.accept(market.enter(BUYER, Side.BUY, 1, 500)))
    last = builder.last_seqs()[topic]
    assert last == FEED_CANDLE_RING + 5
    assert builder.since(topic, 4) is None
    missed = builder.since(topic, 5)
    assert missed is not None
    assert [frame.seq for frame in missed] == list(range(6, last + 1))
    assert builder.rings[f"book.{COAL}"].maxlen == FEED_RING == 10_000


def test_one_trade_gives_exactly_these_frames() -> None:
    market = open_market()
    builder = caught_up(market)
    frames = builder.apply(market.accept(market.enter(SELLER, Side.SELL, 30, 505)))
    at = market.now // 1000
    entered = {
        "order": 1, "client_id": "c1", "instrument": COAL, "side": 2, "tif": 1, "price": 505,
        "lots": 30, "executed": 0, "open": 30, "held": 0, "receipts": [[101, 30]],
        "state": "open", "reason": "", "lifted": 0, "at": at, "changed": at, "shown": 30, "kind": 1,
        "expires": 0, "display": 0, "least": 0, "stop": 0, "firms": [],
    }  # fmt: skip
    receipt = {
        "receipt": 101, "root": 101, "instrument": COAL, "free": 49_970, "held": 30,
        "committed": 0, "weight": 50_000_000, "from_day": 0,
    }  # fmt: skip
    assert set(data(frames)) == {f"book.{COAL}", f"orders:{SELLER}", f"receipts:{SELLER}", "ticker"}
    assert data(frames)[f"book.{COAL}"] == {
        "bids": [], "asks": [[505, 30, 1]], "crc": zlib.crc32(b"505:30"),
    }  # fmt: skip
    assert data(frames)[f"orders:{SELLER}"] == {"orders": [entered]}
    assert data(frames)[f"receipts:{SELLER}"] == {"receipts": [receipt]}

    frames = builder.apply(market.accept(market.enter(BUYER, Side.BUY, 20, 510)))
    at = market.now // 1000
    value = 505 * 100 * 20
    fee = value * 5 // 10_000
    fill = {
        "trade": 1, "order": 2, "instrument": COAL, "side": 1, "price": 505, "lots": 20,
        "weight": 20_000, "value": value, "fee": fee, "at": at,
    }  # fmt: skip
    contract = {
        "trade": 1, "instrument": COAL, "side": 1, "price": 505, "lots": 20, "weight": 20_000,
        "value": value, "fee": fee, "counterparty": "north", "state": "open", "at": at,
        "settled_at": 0,
    }  # fmt: skip
    got = data(frames)
    assert got[f"book.{COAL}"] == {
        "bids": [], "asks": [[505, 10, 1]], "crc": zlib.crc32(b"505:10"),
    }  # fmt: skip
    assert got[f"trades.{COAL}"] == {"trades": [[1, 505, 20, 1, at]]}
    assert got["ticker"]["instruments"][str(COAL)] == {
        "last": 505, "open": 505, "high": 505, "low": 505, "reference": 500, "low_limit": 300,
        "high_limit": 700, "volume": 20, "turnover": value, "bid": 0, "ask": 505, "phase": 4,
        "halted": False, "indicated": [0, 0, 0], "until": 0, "at": at, "spark": [505],
    }  # fmt: skip
    assert got[f"fills:{BUYER}"] == {"fills": [fill]}
    assert got[f"fills:{SELLER}"] == {"fills": [fill | {"order": 1, "side": 2}]}
    assert got[f"contracts:{BUYER}"] == {"contracts": [contract]}
    assert got[f"contracts:{SELLER}"] == {
        "contracts": [contract | {"side": 2, "counterparty": "lantern"}]
    }
    assert got[f"funds:{BUYER}"] == {
        "available": CASH_FEN - value - fee, "held": 0, "committed": value + fee,
    }  # fmt: skip
    assert f"funds:{SELLER}" not in got  # nothing of the seller's cash moved yet
    assert got[f"orders:{BUYER}"]["orders"][0]["state"] == "filled"
    start = START_US // 1_000_000
    assert got[f"candles.{COAL}.1m"] == {"candles": [[start, 505, 505, 505, 505, 20]]}
    assert got[f"candles.{COAL}.1d"] == {
        "candles": [[MIDNIGHT_US // 1_000_000, 505, 505, 505, 505, 20]]
    }


def test_settlement_moves_contract_receipt_and_funds_on_both_screens() -> None:
    market = open_market()
    market.accept(market.enter(SELLER, Side.SELL, 20, 505))
    market.accept(market.enter(BUYER, Side.BUY, 20, 505))
    builder = caught_up(market)
    got = data(builder.apply(market.accept(market.settle(market.unsettled[0]))))
    assert {topic.partition(":")[0] for topic in got} == {"funds", "receipts", "contracts"}
    for firm_id in (BUYER, SELLER):
        assert got[f"contracts:{firm_id}"]["contracts"][0]["state"] == "settled"
        assert got[f"contracts:{firm_id}"]["contracts"][0]["settled_at"] == market.now // 1000
        assert whole(builder, f"contracts:{firm_id}") == got[f"contracts:{firm_id}"]
    assert got[f"receipts:{BUYER}"] == {
        "receipts": [
            {
                "receipt": 1_000_001, "root": 101, "instrument": COAL, "free": 20, "held": 0,
                "committed": 0, "weight": 20_000, "from_day": 0,
            }
        ]
    }  # fmt: skip
    assert got[f"receipts:{SELLER}"]["receipts"][0]["weight"] == 50_000_000 - 20_000
    value = 505 * 100 * 20
    assert got[f"funds:{SELLER}"]["available"] == CASH_FEN + value - value * 5 // 10_000


def test_an_undone_trade_gives_back_money_and_goods_and_says_so_on_both_screens() -> None:
    market = open_market()
    market.accept(market.enter(SELLER, Side.SELL, 20, 505))
    market.accept(market.enter(BUYER, Side.BUY, 20, 505))
    builder = caught_up(market)
    got = data(builder.apply(market.accept(market.bust(market.unsettled[0]))))
    assert got[f"funds:{BUYER}"] == {"available": CASH_FEN, "held": 0, "committed": 0}
    assert got[f"receipts:{SELLER}"]["receipts"][0]["free"] == 50_000
    for firm_id in (BUYER, SELLER):
        assert got[f"contracts:{firm_id}"]["contracts"][0]["state"] == "busted"
        assert whole(builder, f"contracts:{firm_id}") == got[f"contracts:{firm_id}"]
    row = got["ticker"]["instruments"][str(COAL)]
    assert (row["volume"], row["turnover"], row["last"]) == (0, 0, 505)


def test_an_iceberg_shows_its_part_and_its_owner_sees_all() -> None:
    market = open_market()
    builder = caught_up(market)
    iceberg = market.special(SELLER, Side.SELL, 30, 505, Special(display_lots=10))
    got = data(builder.apply(market.accept(iceberg)))
    assert got[f"book.{COAL}"]["asks"] == [[505, 10, 1]]
    row = got[f"orders:{SELLER}"]["orders"][0]
    assert (row["open"], row["shown"], row["display"]) == (30, 10, 10)
    got = data(builder.apply(market.accept(market.enter(BUYER, Side.BUY, 12, 505))))
    assert got[f"book.{COAL}"]["asks"] == [[505, 8, 1]]
    row = got[f"orders:{SELLER}"]["orders"][0]
    assert (row["open"], row["shown"], row["executed"]) == (18, 8, 12)


def test_a_directed_offer_is_seen_by_whom_it_names_alone() -> None:
    market = open_market()
    builder = caught_up(market)
    offer = market.special(SELLER, Side.SELL, 30, 505, Special(firm_ids=(BUYER,)), SQUID)
    got = data(builder.apply(market.accept(offer)))
    assert set(got) == {f"orders:{SELLER}", f"receipts:{SELLER}", f"directed:{BUYER}"}
    shown = got[f"directed:{BUYER}"]["directed"]
    assert [(row["order"], row["open"], row["firm"]) for row in shown] == [(1, 30, "north")]
    assert whole(builder, f"directed:{BUYER}") == {"directed": shown}
    assert whole(builder, f"directed:{OTHER}") == {"directed": []}
    assert whole(builder, f"offers.{SQUID}") == {"offers": []}
    assert whole(builder, f"book.{SQUID}")["asks"] == []
    got = data(builder.apply(market.accept(market.lift(BUYER, 1, 30))))
    assert got[f"directed:{BUYER}"]["directed"][0]["open"] == 0
    assert f"offers.{SQUID}" not in got
    assert f"book.{SQUID}" not in got


def test_a_stop_waits_unseen_and_is_open_once_it_is_triggered() -> None:
    market = open_market()
    builder = caught_up(market)
    stop = market.special(BUYER, Side.BUY, 10, 520, Special(OrderKind.STOP_LIMIT, stop_ticks=505))
    got = data(builder.apply(market.accept(stop)))
    assert f"book.{COAL}" not in got
    row = got[f"orders:{BUYER}"]["orders"][0]
    assert (row["state"], row["stop"]) == ("waiting", 505)
    builder.apply(market.accept(market.enter(SELLER, Side.SELL, 4, 505)))
    got = data(builder.apply(market.accept(market.enter(OTHER, Side.BUY, 4, 505))))
    row = got[f"orders:{BUYER}"]["orders"][0]
    assert (row["state"], row["stop"], row["shown"]) == ("open", 0, 10)
    assert got[f"book.{COAL}"]["bids"] == [[520, 10, 1]]


def test_a_call_shows_what_it_would_give_and_forgets_it_when_it_ends() -> None:
    market = open_market()
    builder = caught_up(market)

    def row(*commands: Any, after_us: int = 1_000) -> dict[str, Any]:
        block = market.accept(*commands, after_us=after_us)
        found: dict[str, Any] = data(builder.apply(block))["ticker"]["instruments"][str(COAL)]
        return found

    assert row(ChangePhase(COAL, Phase.CALL))["phase"] == 3
    market.accept(market.enter(SELLER, Side.SELL, 30, 500))
    market.accept(market.enter(BUYER, Side.BUY, 20, 505))
    for block in market.blocks[-2:]:
        builder.apply(block)
    assert row(PassTime(), after_us=1_000_000)["indicated"] == [500, 20, -10]
    ended = row(ChangePhase(COAL, Phase.CONTINUOUS))
    assert (ended["indicated"], ended["last"], ended["volume"]) == ([0, 0, 0], 500, 20)
    assert whole(builder, f"book.{COAL}")["asks"] == [[500, 10, 1]]


def test_a_collected_receipt_disappears_from_its_owners_screen() -> None:
    market = open_market()
    builder = caught_up(market)
    got = data(builder.apply(market.accept(DebitGoods("out", 101, 50_000))))
    assert got[f"receipts:{SELLER}"]["receipts"] == [
        {
            "receipt": 101, "root": 101, "instrument": COAL, "free": 0, "held": 0, "committed": 0,
            "weight": 0, "from_day": 0,
        }
    ]  # fmt: skip
    assert [row["receipt"] for row in whole(builder, f"receipts:{SELLER}")["receipts"]] == [102]


def test_goods_that_are_withheld_take_the_offers_of_them_off_every_screen() -> None:
    market = open_market()
    market.accept(market.enter(SELLER, Side.SELL, 30, 505))
    market.accept(market.enter(SELLER, Side.SELL, 20, 505, SQUID))
    builder = caught_up(market)

    got = data(builder.apply(market.accept(WithholdGoods("freeze", 102, 0))))

    (order,) = got[f"orders:{SELLER}"]["orders"]
    assert (order["order"], order["state"], order["reason"], order["receipts"]) == (
        2, "cancelled", "WITHHELD", []
    )  # fmt: skip
    (offer,) = got[f"offers.{SQUID}"]["offers"]
    assert (offer["order"], offer["open"]) == (2, 0)
    assert got[f"book.{SQUID}"]["asks"] == [[505, 0, 0]]
    (receipt,) = got[f"receipts:{SELLER}"]["receipts"]
    assert (receipt["receipt"], receipt["free"], receipt["held"]) == (102, 0, 0)
    assert f"book.{COAL}" not in got


def test_an_amended_order_leaves_its_old_level_and_keeps_one_row() -> None:
    market = open_market()
    market.accept(market.enter(BUYER, Side.BUY, 10, 480), market.enter(BUYER, Side.BUY, 5, 470))
    builder = caught_up(market)
    amend = AmendOrder(BUYER, 7, "amend", market.now, 1, 470, 12)
    got = data(builder.apply(market.accept(amend)))
    assert got[f"book.{COAL}"]["bids"] == [[470, 17, 2], [480, 0, 0]]
    assert [
        (row["order"], row["price"], row["open"]) for row in got[f"orders:{BUYER}"]["orders"]
    ] == [(1, 470, 12)]


def test_a_level_beyond_the_fiftieth_is_shown_when_a_better_one_goes() -> None:
    market = open_market()
    for price in range(400, 400 + FEED_LEVELS + 1):
        market.accept(market.enter(BUYER, Side.BUY, 1, price))
    builder = caught_up(market)
    page = Page(builder.snapshot(f"book.{COAL}"))  # type: ignore[arg-type]
    assert [len(page.bids), page.bids[-1][0]] == [FEED_LEVELS, 401]
    best = market.engine.open_orders()[-1]
    page.read(builder.apply(market.accept(market.cancel(BUYER, best.order_id))))
    assert [len(page.bids), page.bids[0][0], page.bids[-1][0]] == [FEED_LEVELS, 449, 400]


def test_what_does_not_change_the_visible_book_gives_no_book_frame() -> None:
    market = open_market()
    market.accept(market.enter(SELLER, Side.SELL, 5, 505))
    builder = caught_up(market)
    before = builder.last_seqs()[f"book.{COAL}"]
    order = market.engine.open_orders()[0].order_id
    frames = builder.apply(
        market.accept(market.cancel(SELLER, order), market.enter(SELLER, Side.SELL, 5, 505))
    )
    assert f"book.{COAL}" not in data(frames)
    assert builder.last_seqs()[f"book.{COAL}"] == before
    ioc = market.enter(BUYER, Side.BUY, 5, 450, tif=TimeInForce.IOC)
    assert set(data(builder.apply(market.accept(ioc)))) == {f"orders:{BUYER}", f"funds:{BUYER}"}


def test_offers_name_the_firm_and_go_when_they_are_lifted() -> None:
    market = open_market()
    builder = caught_up(market)
    offer = market.accept(market.enter(SELLER, Side.SELL, 30, 505, SQUID))
    at = market.now // 1000
    got = data(builder.apply(offer))
    shown = {
        "order": 1, "instrument": SQUID, "side": 2, "price": 505, "lots": 30, "open": 30,
        "least": 0, "firm": "north", "at": at, "receipts": [102],
    }  # fmt: skip
    assert got[f"offers.{SQUID}"] == {"offers": [shown]} == whole(builder, f"offers.{SQUID}")
    got = data(builder.apply(market.accept(market.lift(BUYER, 1, 30))))
    assert got[f"offers.{SQUID}"] == {"offers": [shown | {"open": 0, "receipts": []}]}
    assert whole(builder, f"offers.{SQUID}") == {"offers": []}
    assert got[f"orders:{BUYER}"]["orders"][0]["lifted"] == 1


def test_a_locked_order_leaves_the_book_and_comes_back_when_the_lock_is_over() -> None:
    market = open_market(ResaleLock.PRODUCT_T5_SYMMETRIC)
    builder = caught_up(market)

    def shown() -> tuple[Any, Any, Any]:
        (order,) = whole(builder, f"orders:{OTHER}")["orders"][:1]
        return whole(builder, f"book.{COAL}")["asks"], order["state"], order["shown"]

    builder.apply(market.accept(market.enter(OTHER, Side.SELL, 9, 540, tif=TimeInForce.GTC)))
    assert shown() == ([[540, 9, 1]], "open", 9)
    builder.apply(market.accept(market.enter(SELLER, Side.SELL, 5, 500)))
    builder.apply(market.accept(market.enter(OTHER, Side.BUY, 5, 500)))
    assert shown() == ([], "suspended", 0)
    for day in range(1, 6):
        builder.apply(market.accept(OpenDay(DAY + day)))
    assert shown() == ([[540, 9, 1]], "open", 9)


def test_bonds_and_bids_of_an_auction_are_held_and_told_to_nobody_else() -> None:
    market = auction_market()
    builder = caught_up(market)

    def funds() -> dict[int, tuple[int, ...]]:
        return {one: tuple(whole(builder, f"funds:{one}").values()) for one in FIRMS}

    def cash() -> dict[int, tuple[int, ...]]:
        return {one: market.engine.cash(one) for one in FIRMS}

    assert whole(builder, f"funds:{BUYER}")["held"] == 50_000
    assert funds() == cash()
    opening, *bids, close = (data(builder.apply(block)) for block in bids_and_close(market))
    assert opening == {}
    assert [set(frames) for frames in bids] == [
        {f"orders:{one}", f"funds:{one}"} for one in (BUYER, OTHER)
    ]
    assert funds() == cash()
    assert close[f"trades.{COTTON}"]["trades"][0][1:3] == [540, 20]
    assert [fill["lots"] for fill in whole(builder, f"fills:{OTHER}")["fills"]] == [20]
    assert whole(builder, f"fills:{BUYER}") == {"fills": []}


@pytest.mark.parametrize(
    "topic",
    [
        "book.99", "book.x", "book.", "book", "book.1.1m", "book.-1", "book.1x", f"offers.{COAL}",
        "trades", "trades.99", "candles.1", "candles.1.2m", "candles.99.1m", "ticker.1", "", ".",
        "nonsense", "nonsense.1", "orders.11", "nonsense:11",
    ],
)  # fmt: skip
def test_there_is_no_such_topic(topic: str) -> None:
    assert caught_up(open_market()).snapshot(topic) is None


def test_an_instrument_listed_while_the_builder_runs_has_all_its_topics_at_once() -> None:
    market = open_market()
    builder = caught_up(market)
    frames = builder.apply(market.accept(market.define(3, Mode.LISTED)))
    assert list(data(frames)) == ["ticker"]
    assert list(data(frames)["ticker"]["instruments"]) == ["3"]
    assert whole(builder, "book.3") == {"bids": [], "asks": [], "crc": 0}
    assert whole(builder, "offers.3") == {"offers": []}
    assert whole(builder, "trades.3") == {"trades": []}
    assert whole(builder, "candles.3.1d") == {"candles": []}


def test_the_ticker_follows_phase_halt_and_reference_and_begins_anew_each_day() -> None:
    market = open_market()
    market.accept(market.enter(SELLER, Side.SELL, 5, 505), market.enter(BUYER, Side.BUY, 5, 505))
    builder = caught_up(market)

    def row(*commands: Any) -> dict[str, Any]:
        changed = data(builder.apply(market.accept(*commands)))["ticker"]["instruments"]
        found: dict[str, Any] = changed[str(COAL)]
        return found

    assert row(SetHalt(HaltScope.INSTRUMENT, COAL, True, 1, "why"))["halted"] is True
    assert row(SetHalt(HaltScope.INSTRUMENT, COAL, False, 1, ""))["halted"] is False
    assert row(ChangePhase(COAL, Phase.CLOSED))["phase"] == 1
    moved = row(SetReference(COAL, 505, 480, 530))
    assert (moved["reference"], moved["low_limit"], moved["high_limit"]) == (505, 480, 530)
    new_day = row(OpenDay(DAY + 1))
    assert {key: new_day[key] for key in ("last", "open", "high", "low", "volume", "turnover")} == {
        "last": 505, "open": 0, "high": 0, "low": 0, "volume": 0, "turnover": 0,
    }  # fmt: skip
    assert new_day["spark"] == [505]


def test_the_sparkline_has_one_price_a_minute_and_sixty_at_most() -> None:
    market = open_market()
    market.accept(market.enter(SELLER, Side.SELL, 5_000, 500))
    builder = caught_up(market)

    def buy(after_us: Micros) -> list[int]:
        command = market.enter(BUYER, Side.BUY, 1, 500)
        got = data(builder.apply(market.accept(command, after_us=after_us)))
        spark: list[int] = got["ticker"]["instruments"][str(COAL)]["spark"]
        return spark

    assert buy(1_000) == [500]
    assert buy(1_000) == [500]
    for minute in range(2, 70):
        assert len(buy(60_000_000)) == min(minute, 60)


def test_candles_begin_where_their_interval_begins() -> None:
    market = open_market()
    market.accept(
        market.enter(SELLER, Side.SELL, 500, 500), market.enter(OTHER, Side.SELL, 500, 510)
    )
    builder = caught_up(market)
    minute = 60_000_000
    for price, lots, after_us in ((500, 2, 0), (500, 498, 30_000_000), (510, 5, 61 * minute)):
        builder.apply(market.give(after_us=after_us))
        builder.apply(market.accept(market.enter(BUYER, Side.BUY, lots, price)))
    nine = START_US // 1_000_000
    assert whole(builder, f"candles.{COAL}.1m")["candles"] == [
        [nine, 500, 500, 500, 500, 500],
        [nine + 61 * 60, 510, 510, 510, 510, 5],
    ]
    assert whole(builder, f"candles.{COAL}.1h")["candles"] == [
        [nine, 500, 500, 500, 500, 500],
        [nine + 3600, 510, 510, 510, 510, 5],
    ]
    assert whole(builder, f"candles.{COAL}.1d")["candles"] == [
        [MIDNIGHT_US // 1_000_000, 500, 510, 500, 510, 505]
    ]


def test_a_firms_screen_keeps_its_last_fifty_finished_orders() -> None:
    market = open_market()
    for _ in range(60):
        market.accept(market.enter(BUYER, Side.BUY, 1, 450, tif=TimeInForce.IOC))
    market.accept(market.enter(BUYER, Side.BUY, 1, 450))
    builder = caught_up(market)
    orders = whole(builder, f"orders:{BUYER}")["orders"]
    assert [order["order"] for order in orders] == [61, *range(60, 10, -1)]
    assert {order["state"] for order in orders[1:]} == {"cancelled"}
