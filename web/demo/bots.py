"""Bots: ordinary clients over the members' socket, and the people who keep them in money and goods.

Money and goods come back as they do for anybody: finance users deposit and withdraw, warehouse
users register receipts, delivery users collect bought goods, each by the ordinary page's form.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
import uuid
import zlib
from typing import Final

from web.client import Answer, HaidaiClient
from web.demo import cast, strategy
from web.demo.strategy import Sight, Strategy

PAUSE_S: Final = 4.0
"""Mean pause between two acts of one strategy; 30 strategies make about 8 acts a second."""
CARE_S: Final = 20
"""How often a firm looks after its money and goods."""
RICH_FEN: Final = 900_000_000_00
POOR_FEN: Final = 60_000_000_00
DEPOSIT_YUAN: Final = 200_000_000
WITHDRAW_YUAN: Final = 500_000_000
COLLECT_ABOVE: Final = 30
"""A buyer collects its oldest goods when it has more receipts than this."""
SIGN_MOST = 10
"""Pages of waiting transfers that a keeper signs before a collection."""


class Bot:
    """One firm at one venue."""

    def __init__(self, base_url: str, venue: str, firm: str) -> None:
        self.base_url = base_url
        self.venue = venue
        self.firm = firm
        self.client = HaidaiClient(base_url, venue)
        self.chance = random.Random(zlib.crc32(f"{venue}/{firm}".encode()))  # noqa: S311
        self.strategies: list[Strategy] = []
        self.people: dict[str, HaidaiClient] = {}
        self.refusals: dict[str, int] = {}

    async def run(self) -> None:
        """Trade until cancelled."""
        await self.client.log_in(f"{self.firm}-bot", cast.PASSWORD)
        _, _, body = await self.client.get(f"/api/{self.venue}/instruments/")
        products = {one["code"]: one for one in json.loads(body)["instruments"]}
        await self.client.connect()
        for topic in ("ticker", "orders", "funds", "receipts"):
            await self.client.subscribe(topic)
        ticker = self.client.topics["ticker"].data["instruments"]
        by_commodity = {code.rpartition("-")[0]: one for code, one in products.items()}
        for commodity, side in cast.sides(list(by_commodity), self.firm):
            product = by_commodity[commodity]
            if product["mode"] == "listed":
                await self.client.subscribe(f"offers.{product['id']}")
            # The reference at the first look is the anchor; tomorrow's follows the market.
            anchor = ticker[str(product["id"])]["reference"]
            seed = zlib.crc32(f"{self.firm}/{commodity}/{side}".encode())
            self.strategies.append(
                Strategy(
                    product, "buy" if side == "buy" else "sell", self.firm.upper(), anchor, seed
                )
            )
        async with asyncio.TaskGroup() as group:
            for one in self.strategies:
                group.create_task(self._trade(one))
            group.create_task(self._care())

    async def _trade(self, one: Strategy) -> None:
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / PAUSE_S) + 0.3)
            if self.client.state != "open":
                continue
            action = one.step(self.sight(one), time.time())
            if action is None:
                continue
            answer = await self._act(one, action)
            if not answer.ok:
                self.refusals[answer.code] = self.refusals.get(answer.code, 0) + 1

    async def _act(self, one: Strategy, action: strategy.Action) -> Answer:
        client = self.client
        if isinstance(action, strategy.Enter):
            return await client.enter(
                instrument=one.product["id"],
                side=action.side,
                tif=action.tif,
                price=action.price,
                lots=action.lots,
            )
        if isinstance(action, strategy.Lift):
            return await client.lift(order=action.order, lots=action.lots)
        if isinstance(action, strategy.Amend):
            return await client.amend(order=action.order, price=action.price, lots=action.lots)
        return await client.cancel(order=action.order)

    def sight(self, one: Strategy) -> Sight:
        """Return what the bot sees of a product now."""
        topics = self.client.topics
        product = one.product
        offers = topics.get(f"offers.{product['id']}")
        today = int(time.strftime("%Y%m%d", time.gmtime(time.time() + 8 * 3600)))
        return Sight(
            ticker=topics["ticker"].data["instruments"][str(product["id"])],
            orders=[
                order
                for order in topics["orders"].data["orders"].values()
                if order["instrument"] == product["id"] and order["state"] == "open"
            ],
            offers=list(offers.data["offers"].values()) if offers is not None else [],
            free_lots=sum(
                receipt["free"]
                for receipt in topics["receipts"].data["receipts"].values()
                if receipt["instrument"] == product["id"] and receipt["from_day"] <= today
            ),
            available=topics["funds"].data["available"],
        )

    # Money and goods, by the people whose job that is.

    async def _care(self) -> None:
        while True:
            await self._look_after_money()
            for one in self.strategies:
                if one.low_stock(self.sight(one)):
                    await self._register(one)
            await self._collect()
            await asyncio.sleep(CARE_S * self.chance.uniform(0.7, 1.3))

    async def _person(self, username: str) -> HaidaiClient:
        if username not in self.people:
            person = HaidaiClient(self.base_url, self.venue)
            await person.log_in(username, cast.PASSWORD)
            self.people[username] = person
        return self.people[username]

    async def _look_after_money(self) -> None:
        available = self.client.topics["funds"].data["available"]
        act, amount = "", 0
        if available < POOR_FEN:
            act, amount = "in", DEPOSIT_YUAN
        elif available > RICH_FEN:
            act, amount = "out", WITHDRAW_YUAN
        if act:
            finance = await self._person(f"{self.firm}-finance")
            page = f"/{self.venue}/funds/"
            fields = {"act": act, "amount": str(amount), "op_id": str(uuid.uuid4())}
            await finance.post_form(page, fields, page=page)
            await self._agree(page)

    async def _agree(self, page: str) -> None:
        """Have the second finance user agree to what waits."""
        checker = await self._person(f"{self.firm}-checker")
        _, _, body = await checker.get(page)
        for movement in re.findall(r'name="movement" value="([0-9]+)"', body):
            fields = {"act": "check", "movement": movement, "agreed": "yes"}
            await checker.post_form(page, fields | {"op_id": str(uuid.uuid4())}, page=page)

    async def _register(self, one: Strategy) -> None:
        keeper = await self._person(f"{self.venue}-warehouse")
        page = f"/{self.venue}/store/"
        _, _, body = await keeper.get(page)
        firm = re.search(rf'<option value="(\d+)">{self.firm.upper()} ', body)
        if firm is None:
            return
        product, lots = one.product, one.pile_lots()
        piles = 10 if product["piece_max_kg"] else 1
        for _ in range(piles):
            tonnes = f"{lots * product['lot_kg'] / 1000:.3f}"
            fields = {
                "op_id": str(uuid.uuid4()),
                "firm": firm.group(1),
                "instrument": str(product["id"]),
                "quantity": tonnes if product["unit"] == "t" else str(lots),
                "weight": "",
                "lot_reference": f"{self.firm.upper()}-{uuid.uuid4().hex[:10]}",
            }
            if product["piece_max_kg"]:
                # The middle of what a piece may weigh, give or take two tonnes.
                middle = product["lot_kg"] + self.chance.randint(-1900, 1900)
                fields["weight"] = f"{min(middle, product['piece_max_kg']) / 1000:.3f}"
            await keeper.post_form(page, fields, page=page)

    async def _collect(self) -> None:
        """Take the oldest bought goods out of the store, as a buyer does that needs them."""
        buys = {one.product["id"]: one.product for one in self.strategies if one.side == "buy"}
        receipts = [
            one
            for one in self.client.topics["receipts"].data["receipts"].values()
            if one["instrument"] in buys and one["free"] and not one["held"]
        ]
        if len(receipts) <= COLLECT_ABOVE:
            return
        await self._sign()
        driver = await self._person(f"{self.firm}-delivery")
        for one in sorted(receipts, key=lambda row: int(row["receipt"]))[:10]:
            product = buys[one["instrument"]]
            amount = str(one["free"])
            if product["unit"] == "t":
                amount = f"{one['free'] * product['lot_kg'] / 1000:.3f}"
            page = f"/{self.venue}/receipts/{one['receipt']}/"
            fields = {"op_id": str(uuid.uuid4()), "quantity": amount}
            await driver.post_form(page, fields, page=page)

    async def _sign(self) -> None:
        """Have the keeper sign the transfers that wait: goods leave the store only then."""
        keeper = await self._person(f"{self.venue}-warehouse")
        page = f"/{self.venue}/store/"
        for _ in range(SIGN_MOST):
            _, _, body = await keeper.get(page)
            found = re.search(r'name="transfer" value="(through:[^"]+)"', body)
            if found is None:
                return
            fields = {"act": "sign", "transfer": found[1], "op_id": str(uuid.uuid4())}
            await keeper.post_form(page, fields, page=page)


def everybody(base_url: str) -> list[Bot]:
    """Return the demo's bots: one a firm and venue."""
    firms: dict[str, list[str]] = {
        "qldz": ["rzyf", "qdhy", "jnqf", "lzrd", "lyjc", "wfdf"],
        "jdsc": ["rcyy", "whhx", "qdll"],
        "lblm": ["dzhf", "bzmy", "jnqf", "wfdf", "lbhf", "qdll"],
    }
    return [Bot(base_url, venue, firm) for venue, names in firms.items() for firm in names]


async def run(base_url: str) -> None:
    """Run all bots until cancelled; one that fails is started again."""

    async def keep(bot: Bot) -> None:
        while True:
            try:
                await bot.run()
            except Exception as error:  # a bot is a guest: its faults are its own
                print(f"bot {bot.firm}: {error!r}", flush=True)  # noqa: T201
            await bot.client.close()
            await asyncio.sleep(5)
            bot.client = HaidaiClient(base_url, bot.venue)
            bot.strategies = []

    async with asyncio.TaskGroup() as group:
        for bot in everybody(base_url):
            group.create_task(keep(bot))
