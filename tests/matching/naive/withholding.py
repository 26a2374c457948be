"""Goods that must leave the market although somebody offers them."""

from __future__ import annotations

from matching import commands as c
from matching import events as e
from tests.matching.naive.one_way import OneWays
from tests.matching.naive.records import MOST, Stand


class Withholding(OneWays):
    """What a court or a keeper takes out of the market."""

    def do_WithholdGoods(self, command: c.WithholdGoods) -> str:
        number = command.receipt_id
        receipt = self.receipts.get(number)
        if receipt is None or (command.firm_id and command.firm_id != receipt.firm):
            return "UNKNOWN_RECEIPT"
        if not 0 <= command.lots <= MOST:
            return "INVALID"
        offered = [(o, sum(used for n, used in o.goods if n == number)) for o in self.by_age()]
        offered = [(order, used) for order, used in offered if used]
        there = receipt.free + sum(used for _, used in offered)
        wanted = command.lots if command.lots else there
        if not 0 < wanted <= there:
            return "GOODS"
        going, free = [], receipt.free
        while free < wanted:
            order, used = offered.pop()
            going.append(order)
            free += used
        self.notes.append(("withheld", number, receipt.firm, wanted, len(going)))
        for order in going:
            self.call_off(order)
        receipt.free -= wanted
        self.notes.append(
            ("goods", "debited", number, receipt.firm, wanted, self.kg(receipt, wanted))
        )
        self.forget_empty()
        return ""

    def by_age(self) -> list[Stand]:
        """All orders, those that have stood longest in their place first."""
        return list(self.orders.values())

    def call_off(self, order: Stand) -> None:
        """End an order, and a negotiation or auction that is about what it offers."""
        why = e.CancelReason.WITHHELD
        for talk in list(self.talks.values()):
            if talk.live is order:
                del self.talks[talk.number]
                self.notes.append(("talked", talk.number, 0, 0))
        for one in list(self.one_ways.values()):
            if order in one.bids:
                one.bids.remove(order)
            if one.owned is order:
                told = len(self.notes)
                self.free_all(one, "WITHHELD")
                self.notes[told:] = [
                    (*note[:3], why, *note[4:]) if note[:2] == ("ended", order.number) else note
                    for note in self.notes[told:]
                ]
                return
        self.end(order, why)
