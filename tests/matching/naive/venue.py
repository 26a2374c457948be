"""The whole venue: what is asked of every command, and what time brings."""

from __future__ import annotations

from typing import Any

import msgspec

from matching import commands as c
from matching import events as e
from tests.matching.naive.records import AHEAD, MOST, WINDOW, Note
from tests.matching.naive.settling import Settling


class Naive(Settling):
    """One venue."""

    def apply(self, command: c.AnyCommand) -> list[Note]:
        self.notes = []
        reason = self.gate(command)
        if not reason and not self.notes:
            reason = getattr(self, f"do_{type(command).__name__}")(command)
            if isinstance(command, c.ClientCommand) and reason != "RATE":
                self.heard[command.firm_id, command.client_order_id] = command
        return [("refused", str(reason))] if reason else self.notes

    def gate(self, command: c.AnyCommand) -> str:
        """What is asked before any rule of trade: was it heard before, is it late, by whom?"""
        if isinstance(command, c.ClientCommand):
            first = self.heard.get((command.firm_id, command.client_order_id))
            if first is not None and first.at_us >= self.now - WINDOW:
                if type(first) is not type(command):
                    return "CLIENT_ID_REUSED"
                if msgspec.structs.replace(command, at_us=first.at_us) != first:
                    return "CLIENT_ID_REUSED"
                self.notes.append(("again",))
                return ""
            if not self.now - WINDOW <= command.at_us <= self.now + AHEAD:
                return "STALE"
            if not (
                0 < len(command.client_order_id) <= 36
                and 0 < command.firm_id <= MOST
                and 0 <= command.trader_id <= MOST
            ):
                return "INVALID"
        elif isinstance(command, c.KillSwitch):
            if not 0 <= command.trader_id <= MOST:
                return "INVALID"
        elif isinstance(command, c.Disconnect) and self.wrong(command.session):
            return "INVALID"
        firm = getattr(command, "firm_id", None)
        return "UNKNOWN_FIRM" if firm is not None and firm not in self.firms else ""

    def do_PassTime(self, command: c.PassTime) -> str:
        self.notes.append(("time",))
        while True:
            due: list[tuple[int, int, int, Any]] = [
                (o.special.expires_us, 1, o.number, o)
                for o in self.orders.values()
                if o.tif == c.TimeInForce.GTD
            ]
            for number, market in self.markets.items():
                if market.phase == c.Phase.CALL:
                    if market.call_until:
                        due.append((market.call_until, 2, number, market))
                    due.append((market.indicate_at, 3, number, market))
            due = sorted((one for one in due if one[0] <= self.now), key=lambda one: one[:3])
            if not due:
                return ""
            _, kind, number, what = due[0]
            if kind == 1:
                self.end(what, e.CancelReason.EXPIRED)
            elif kind == 2:
                self.enter_phase(what, c.Phase.CONTINUOUS)
            else:
                now = self.clearing(what)
                if now != what.indicated:
                    what.indicated = now
                    self.notes.append(("indicated", number, *now))
                what.indicate_at = self.now + 1_000_000
