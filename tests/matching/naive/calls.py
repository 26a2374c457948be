"""Call auctions, by trying every tick."""

from __future__ import annotations

from tests.matching.naive.cancelling import Cancelling
from tests.matching.naive.records import Market


class Calls(Cancelling):
    """What a call gives."""

    def clearing(self, market: Market) -> tuple[int, int, int]:
        buys = [(o.price, o.open) for o in market.book if o.buys]
        sells = [(o.price, o.open) for o in market.book if not o.buys]
        if not buys or not sells:
            return 0, 0, 0
        low, high = min(p for p, _ in sells), max(p for p, _ in buys)
        rows = []
        for price in range(low, high + 1):
            demand = sum(lots for limit, lots in buys if limit >= price)
            supply = sum(lots for limit, lots in sells if limit <= price)
            rows.append((price, min(demand, supply), demand - supply))
        if not rows:
            return 0, 0, 0
        most = max(volume for _, volume, _ in rows)
        rows = [row for row in rows if row[1] == most]
        least = min(abs(surplus) for _, _, surplus in rows)
        rows = [row for row in rows if abs(row[2]) == least]
        if all(surplus > 0 for _, _, surplus in rows):
            return rows[-1]
        if all(surplus < 0 for _, _, surplus in rows):
            return rows[0]
        return min(rows, key=lambda row: (abs(row[0] - market.reference), -row[0]))

    def uncross(self, market: Market) -> None:
        price, volume, surplus = self.clearing(market)
        market.indicated = (0, 0, 0)
        self.notes.append(("auction", market.terms.instrument_id, price, volume, surplus))
        while volume:
            # The bound on holders may have taken away whom the auction had counted on.
            buys = [o for o in market.book if o.buys and o.price >= price]
            sells = [o for o in market.book if not o.buys and o.price <= price]
            if not buys or not sells:
                return
            bid = min(buys, key=lambda o: -o.price)
            ask = min(sells, key=lambda o: o.price)
            lots = min(bid.shown, ask.shown, volume)
            first, second = sorted((bid, ask), key=lambda o: o.number)
            self.trade(market, first, second, lots, price, called=True)
            volume -= lots
