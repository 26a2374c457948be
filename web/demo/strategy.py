"""How a bot trades: what it sees in, what it does out. No socket, no clock, chance as argument.

One strategy serves one firm on one side of one product. It quotes around a price that swings
about the commodity's reference, obeys tick, step, minimum, band and cover, and now and then takes
what others offer. The simulated-time test runs it against real engines.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Side: TypeAlias = Literal["buy", "sell"]
OPEN_MOST: Final = 6
"""Orders that a strategy keeps open."""
LOW_STOCK_ORDERS: Final = 12
"""Goods for fewer orders than this many minimum ones ask for a new registration."""


@dataclass(frozen=True, slots=True)
class Enter:
    """Enter or post an order."""

    side: Side
    price: int
    lots: int
    tif: str = "day"


@dataclass(frozen=True, slots=True)
class Lift:
    """Lift a named order."""

    order: int
    lots: int


@dataclass(frozen=True, slots=True)
class Amend:
    """Change an order's price."""

    order: int
    price: int
    lots: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Withdraw an order."""

    order: int


Action: TypeAlias = Enter | Lift | Amend | Cancel


@dataclass
class Sight:
    """What a bot sees of one product: public prices, its own orders, what it may commit.

    `orders` are its open orders as protocol rows; `offers` the book of a `listed` product, those of
    its own firm included; `free_lots` its sellable goods; `available` its cash in fen.
    """

    ticker: dict[str, Any]
    orders: list[dict[str, Any]]
    offers: list[dict[str, Any]] = field(default_factory=list)
    free_lots: int = 0
    available: int = 0


class Strategy:
    """One firm's side of one product; `product` is the instrument's data as the API gives it."""

    def __init__(
        self, product: dict[str, Any], side: Side, firm: str, anchor: int, seed: int
    ) -> None:
        self.product = product
        self.side = side
        self.firm = firm
        self.anchor = anchor
        self.chance = random.Random(seed)  # noqa: S311 - a demo's moods, not a secret
        self.gap = max(1, anchor // 1500)
        # Every firm sees the same price, each with an opinion of its own.
        self.phase = product["id"] * 1.7
        self.opinion = self.chance.uniform(-1.0, 1.0)

    def fair(self, now_s: float, ticker: dict[str, Any]) -> int:
        """Return the price in ticks that the firm thinks right: swings about the anchor."""
        swing = (
            0.011 * math.sin(now_s / 2400 + self.phase)
            + 0.006 * math.sin(now_s / 410 + 2 * self.phase)
            + 0.002 * self.opinion
        )
        price = round(self.anchor * (1 + swing))
        margin = 8 * self.gap
        low, high = ticker["low_limit"] + margin, ticker["high_limit"] - margin
        return int(min(max(price, low), high) if low <= high else ticker["reference"])

    def step(self, sight: Sight, now_s: float) -> Action | None:
        """Return what to do now, at most one thing."""
        ticker = sight.ticker
        if ticker["phase"] != 4 or ticker["halted"]:
            return None
        fair = self.fair(now_s, ticker)
        worst = self._worst(sight.orders, fair)
        if worst is not None and (
            len(sight.orders) >= OPEN_MOST or abs(worst["price"] - fair) > 12 * self.gap
        ):
            return Cancel(worst["order"])
        if sight.orders and self.chance.random() < 0.12:
            return self._amend(sight, fair)
        if self.product["mode"] == "matched":
            return self._matched(sight, fair)
        return self._listed(sight, fair)

    # Matched: passive quotes in several levels, now and then an order that trades.

    def _matched(self, sight: Sight, fair: int) -> Action | None:
        aggressive = self.chance.random() < 0.3
        away = self.chance.randint(1, 8) * self.gap
        if self.side == "buy":
            price = fair + self.gap if aggressive else fair - away
            best = sight.ticker["ask"]
            if aggressive and best and best <= fair + 2 * self.gap:
                price = best
        else:
            price = fair - self.gap if aggressive else fair + away
            best = sight.ticker["bid"]
            if aggressive and best and best >= fair - 2 * self.gap:
                price = best
        lots = self._lots(price, sight)
        if not lots:
            return None
        tif = "ioc" if aggressive and self.chance.random() < 0.3 else "day"
        return Enter(self.side, self._inside(price, sight), lots, tif)

    # Listed: sellers post and sometimes take a bid; buyers lift and sometimes post a bid.

    def _listed(self, sight: Sight, fair: int) -> Action | None:
        wanted = 2 if self.side == "buy" else 1
        others = [
            one
            for one in sight.offers
            if one["side"] == wanted and one["open"] and one["firm"] != self.firm
        ]
        sign = 1 if self.side == "buy" else -1
        others.sort(key=lambda one: (sign * one["price"], one["order"]))
        takes = self.chance.random() < (0.6 if self.side == "buy" else 0.35)
        if takes and others:
            best = others[0]
            if sign * (best["price"] - fair) <= 4 * self.gap:
                lots = self._lift_lots(best, sight)
                if lots:
                    return Lift(best["order"], lots)
        posts = self.side == "sell" or self.chance.random() < 0.35
        if not posts:
            return None
        price = fair - sign * self.chance.randint(0, 6) * self.gap
        if others:
            # A post never trades: stay behind the best of the other side.
            limit = others[0]["price"] - sign
            price = min(price, limit) if self.side == "buy" else max(price, limit)
        low, high = sight.ticker["low_limit"], sight.ticker["high_limit"]
        if not low <= price <= high:
            return None
        lots = self._lots(price, sight)
        return Enter(self.side, price, lots) if lots else None

    def _lift_lots(self, one: dict[str, Any], sight: Sight) -> int:
        least = self.product["min_lots"]
        lots = self._lots(one["price"], sight)
        if not lots or lots >= one["open"] or one["open"] - lots < least:
            lots = one["open"]
        return lots if self._affords(one["price"], lots, sight) else 0

    # Changing what stands.

    def _worst(self, orders: list[dict[str, Any]], fair: int) -> dict[str, Any] | None:
        return max(orders, key=lambda one: abs(one["price"] - fair), default=None)

    def _amend(self, sight: Sight, fair: int) -> Action | None:
        """Reprice one's oldest order on its own side of the market, quantity unchanged."""
        one = min(sight.orders, key=lambda order: int(order["order"]))
        away = self.chance.randint(1, 6) * self.gap
        price = fair - away if self.side == "buy" else fair + away
        bid, ask = sight.ticker["bid"], sight.ticker["ask"]
        if self.side == "buy" and ask:
            price = min(price, ask - 1)
        if self.side == "sell" and bid:
            price = max(price, bid + 1)
        price = self._inside(price, sight)
        if price == one["price"]:
            return None
        if self.side == "buy" and not self._affords(price, one["open"], sight):
            return None
        return Amend(one["order"], price, one["lots"])

    # What a firm may.

    def _inside(self, price: int, sight: Sight) -> int:
        return int(min(max(price, sight.ticker["low_limit"]), sight.ticker["high_limit"]))

    def _lots(self, price: int, sight: Sight) -> int:
        """Return a quantity in whole steps that cover allows, or 0."""
        product = self.product
        steps = product["min_lots"] // product["step_lots"]
        more = self.chance.randint(0, max(steps * 2, 2))
        lots = min(product["min_lots"] + more * product["step_lots"], product["max_lots"])
        while lots >= product["min_lots"]:
            if self._affords(price, lots, sight):
                return int(lots)
            lots -= product["step_lots"]
        return 0

    def _affords(self, price: int, lots: int, sight: Sight) -> bool:
        product = self.product
        kg = lots * (product["piece_max_kg"] or product["lot_kg"])
        value = price * product["tick_fen_per_t"] * kg // 1000 + 1
        if value > product["max_value_fen"]:
            return False
        if self.side == "sell":
            return lots <= sight.free_lots
        needed = value * (10_000 + product["plus_tolerance_bp"]) // 10_000
        return bool(needed * 1001 // 1000 + 2 <= sight.available)

    def low_stock(self, sight: Sight) -> bool:
        """Say whether a seller should have more goods registered."""
        return self.side == "sell" and sight.free_lots < LOW_STOCK_ORDERS * self.product["min_lots"]

    def pile_lots(self) -> int:
        """Return the size of a receipt that the warehouse registers for this seller."""
        product = self.product
        if product["piece_max_kg"]:
            return 1
        steps = product["min_lots"] * 40 // product["step_lots"]
        return int(steps * product["step_lots"])
