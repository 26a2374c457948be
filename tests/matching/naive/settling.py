"""Settlement's commands."""

from __future__ import annotations

from matching import commands as c
from tests.matching.naive.operating import Operating


class Settling(Operating):
    """What becomes of trades."""

    def do_BustTrade(self, command: c.BustTrade) -> str:
        if command.actor_id == command.approver_id:
            return "TWO_PERSONS"
        found = self.trades.get(command.trade_id)
        if found is None:
            return "UNKNOWN_TRADE"
        buyer, seller, where, lots, bound, at = found
        if self.now - at > 15 * 60 * 1_000_000:
            return "BUST_WINDOW"
        del self.trades[command.trade_id]
        self.firms[buyer].bound -= bound
        self.firms[buyer].cash += bound
        self.goods[seller, where] = self.goods.get((seller, where), 0) + lots
        self.notes.append(("busted", command.trade_id))
        return ""
