"""Withdrawing one order or many."""

from __future__ import annotations

from matching import commands as c
from matching import events as e
from tests.matching.naive.lifting import Lifting
from tests.matching.naive.records import Note, Stand


class Cancelling(Lifting):
    """Cancels, kill switch, disconnects."""

    def do_CancelOrder(self, command: c.CancelOrder) -> str:
        order = self.mine(command.firm_id, command.order_id)
        if order is None or order.place == "aside":
            return "UNKNOWN_ORDER"
        self.end(order, e.CancelReason.REQUESTED)
        return ""

    def do_MassCancel(self, command: c.MassCancel) -> str:
        fitting = [
            o
            for o in self.orders.values()
            if o.firm == command.firm_id
            and o.place != "aside"
            and command.only_trader_id in (0, o.trader)
            and command.only_instrument_id in (0, o.where)
            and command.only_side in (0, o.side)
        ]
        self.end_all(fitting, e.CancelReason.MASS, ("withdrawn", len(fitting)))
        return ""

    def end_all(self, orders: list[Stand], reason: e.CancelReason, note: Note) -> None:
        self.notes.append(note)
        for order in orders:
            self.end(order, reason)

    def do_KillSwitch(self, command: c.KillSwitch) -> str:
        firm = self.firms[command.firm_id]
        if (command.trader_id in firm.blocked) == command.blocked:
            return "SAME"
        theirs: list[Stand] = []
        if command.blocked:
            firm.blocked.add(command.trader_id)
            theirs = [
                o
                for o in self.orders.values()
                if o.firm == command.firm_id
                and o.place != "aside"
                and command.trader_id in (0, o.trader)
            ]
        else:
            firm.blocked.discard(command.trader_id)
        self.end_all(theirs, e.CancelReason.KILLED, ("switched", len(theirs)))
        return ""

    def do_Disconnect(self, command: c.Disconnect) -> str:
        theirs = [
            o
            for o in self.orders.values()
            if o.firm == command.firm_id and o.place != "aside" and o.session == command.session
        ]
        self.end_all(theirs, e.CancelReason.DISCONNECTED, ("withdrawn", len(theirs)))
        return ""
