"""The whole venue: what is asked of every command, and what time brings."""

from __future__ import annotations

from typing import Any

import msgspec

from matching import commands as c
from matching import events as e
from tests.matching.naive.records import AHEAD, MOST, WINDOW, Note
from tests.matching.naive.withholding import Withholding

WITHOUT_A_TOKEN = (c.CancelOrder, c.MassCancel, c.Decline)
KNOWN_FIRM_FIRST = (
    c.SetFirmStatus, c.KillSwitch, c.Disconnect, c.SetFirmLimits, c.SetSelfMatch, c.CreditCash,
    c.ReserveCash, c.CreditGoods,
)  # fmt: skip


class Naive(Withholding):
    """One venue."""

    def apply(self, command: c.AnyCommand) -> list[Note]:
        self.notes = []
        self.place += 1
        reason: Any = self.gate(command)
        if not reason and not self.notes:
            reason = getattr(self, f"do_{type(command).__name__}")(command)
            if isinstance(command, c.ClientCommand):
                key = (command.firm_id, command.client_order_id)
                self.heard[key] = (command, self.block, self.place)
            elif isinstance(command, c.OperationCommand) and not reason:
                self.done[command.op_id] = (command, self.block, self.place)
        if reason:
            return [("refused", *reason)] if isinstance(reason, tuple) else [("refused", reason)]
        return self.notes

    # What it comes to.

    def cash(self) -> dict[int, tuple[int, int, int]]:
        """Each firm's (available, held, committed) fen."""
        held, bound = dict.fromkeys(self.firms, 0), dict.fromkeys(self.firms, 0)
        for order in self.orders.values():
            held[order.firm] += self.need(order)
        for one in self.one_ways.values():
            for number, bond in one.bonds.items():
                held[number] += bond
        for trade in self.trades.values():
            bound[trade.buyer] += trade.bound
        for number, amount in self.reserves.values():
            bound[number] += amount
        return {n: (firm.cash, held[n], bound[n]) for n, firm in self.firms.items()}

    def goods(self) -> dict[int, tuple[int, ...]]:
        """Each receipt's firm, instrument, root, lots free, held and committed, kg and day."""
        held, bound = dict.fromkeys(self.receipts, 0), dict.fromkeys(self.receipts, 0)
        for order in self.orders.values():
            for number, lots in order.goods:
                held[number] += lots
        for trade in self.trades.values():
            for number, lots in trade.goods:
                bound[number] += lots
        return {
            n: (r.firm, r.where, r.root, r.free, held[n], bound[n], r.kg, r.day)
            for n, r in self.receipts.items()
        }

    # Commands.

    def gate(self, command: c.AnyCommand) -> str:
        """What is asked before any rule of trade: was it heard before, is it late, by whom?"""
        if isinstance(command, c.ClientCommand):
            return self.trader_gate(command)
        if isinstance(command, c.OperationCommand):
            if not 0 < len(command.op_id) <= 64:
                return "INVALID"
            if command.op_id in self.done:
                first, block, place = self.done[command.op_id]
                if type(first) is not type(command) or first != command:
                    return "OP_ID_REUSED"
                self.notes.append(("again", block, place))
                return ""
        wrong = False
        if isinstance(command, c.KillSwitch):
            wrong = not 0 <= command.trader_id <= MOST or self.untold(command)
        elif isinstance(command, c.Disconnect):
            wrong = bool(self.wrong(command.session))
        if wrong:
            return "INVALID"
        if isinstance(command, KNOWN_FIRM_FIRST) and command.firm_id not in self.firms:
            return "UNKNOWN_FIRM"
        return ""

    def trader_gate(self, command: c.ClientCommand) -> str:
        known = self.heard.get((command.firm_id, command.client_order_id))
        if known is not None and known[0].at_us >= self.now - WINDOW:
            first, block, place = known
            if type(first) is not type(command):
                return "CLIENT_ID_REUSED"
            if msgspec.structs.replace(command, at_us=first.at_us) != first:
                return "CLIENT_ID_REUSED"
            self.notes.append(("again", block, place))
            return ""
        if not self.now - WINDOW <= command.at_us <= self.now + AHEAD:
            return "STALE"
        if not (
            0 < len(command.client_order_id) <= 36
            and 0 < command.firm_id <= MOST
            and 0 <= command.trader_id <= MOST
        ):
            return "INVALID"
        if command.firm_id not in self.firms:
            return "UNKNOWN_FIRM"
        if isinstance(command, WITHOUT_A_TOKEN):
            return ""
        return self.token(self.firms[command.firm_id])

    def do_PassTime(self, command: c.PassTime) -> str:
        self.notes.append(("time",))
        while True:
            due: list[tuple[int, int, int, Any]] = [
                (o.special.expires_us, 1, o.number, o)
                for o in self.orders.values()
                if o.tif == c.TimeInForce.GTD and o.place != "aside"
            ]
            for number, market in self.markets.items():
                if market.phase == c.Phase.CALL:
                    if market.call_until:
                        due.append((market.call_until, 2, number, market))
                    due.append((market.indicate_at, 3, number, market))
            due += [(one.due, 4, number, one) for number, one in self.one_ways.items()]
            for number, talk in self.talks.items():
                due.append((talk.until, 5, number, talk))
            due = sorted((one for one in due if one[0] <= self.now), key=lambda one: one[:3])
            if not due:
                return ""
            _, kind, number, what = due[0]
            if kind == 1:
                self.end(what, e.CancelReason.EXPIRED)
            elif kind == 2:
                self.enter_phase(what, c.Phase.CONTINUOUS)
            elif kind == 3:
                now = self.clearing(what)
                if now != what.indicated:
                    what.indicated = now
                    self.notes.append(("indicated", number, *now))
                what.indicate_at = self.now + 1_000_000
            elif kind == 4:
                self.come_due(what)
            else:
                self.lapse(what)
