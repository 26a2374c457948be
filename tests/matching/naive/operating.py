"""The operator's commands: limits, halts, bands, days, phases."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from matching import commands as c
from matching import events as e
from tests.matching.naive.calls import Calls
from tests.matching.naive.records import MOST, Firm, Market


class Operating(Calls):
    """What the operator and the day ask."""

    def do_DefineFirm(self, command: c.DefineFirm) -> str:
        if self.wrong(command.firm_id, command.group_id):
            return "INVALID"
        known = self.firms.get(command.firm_id)
        if known is not None:
            return "SAME" if known.group == command.group_id else "ALREADY_DEFINED"
        self.firms[command.firm_id] = Firm(command.group_id)
        return ""

    def do_DefineInstrument(self, command: c.DefineInstrument) -> str | tuple[str, int]:
        known = self.markets.get(command.instrument_id)
        if known is not None:
            return "SAME" if known.terms == command else "ALREADY_DEFINED"
        for name, sound in self.soundness(command):
            if not sound:
                return "PARAMETERS", command.__struct_fields__.index(name)
        for kg in (command.lot_kg, command.piece_max_kg):
            if Fraction(command.tick_fen_per_t * kg, 1000).denominator != 1:
                return "FRACTION_OF_FEN"
        if command.mode == c.Mode.MATCHED and not command.approval_id:
            return "APPROVAL_REQUIRED"
        self.markets[command.instrument_id] = Market(
            command, command.low_ticks, command.high_ticks, command.reference_ticks
        )
        return ""

    def soundness(self, terms: c.DefineInstrument) -> list[tuple[str, bool]]:
        """What each field must be: alone first, in their order, then beside others."""
        positive = (
            "instrument_id", "tick_fen_per_t", "lot_kg", "min_lots", "step_lots", "max_lots",
            "max_value_fen", "reference_ticks", "low_ticks", "high_ticks",
        )  # fmt: skip
        alone = [(name, 0 < getattr(terms, name) <= MOST) for name in positive]
        alone.append(("cover_bp", 0 < terms.cover_bp <= 10_000))
        for name in ("plus_tolerance_bp", "buyer_fee_bp", "seller_fee_bp"):
            alone.append((name, 0 <= getattr(terms, name) <= 10_000))
        least, most = terms.piece_min_kg, terms.piece_max_kg
        unlike = 0 < least <= most <= MOST
        alone.append(("piece_min_kg", unlike or (least == 0 and most == 0)))
        for name in ("approval_id", "product_id"):
            alone.append((name, 0 <= getattr(terms, name) <= MOST))
        called = 1 if terms.dynamic_bp else 0
        alone.append(("dynamic_bp", 0 <= terms.dynamic_bp <= 10_000))
        alone.append(("call_seconds", called <= terms.call_seconds <= 86_400))
        if any(not sound for _, sound in alone):
            return alone
        return [
            ("dynamic_bp", not terms.dynamic_bp or terms.mode == c.Mode.MATCHED),
            ("max_day_lots", 0 <= terms.max_day_lots <= MOST),
            ("step_lots", terms.min_lots % terms.step_lots == 0),
            ("max_lots", terms.min_lots <= terms.max_lots),
            ("reference_ticks", terms.low_ticks <= terms.reference_ticks <= terms.high_ticks),
        ]

    def untold(self, command: c.SetHalt | c.KillSwitch) -> bool:
        return len(command.reason) > 200 or not 0 <= command.actor_id <= MOST

    def do_SetFirmLimits(self, command: c.SetFirmLimits) -> str:
        firm = self.firms[command.firm_id]
        rate, burst = command.orders_per_s, command.burst
        if not (0 <= rate <= 100_000 and 0 <= burst <= 100_000 and bool(rate) == bool(burst)):
            return "INVALID"
        if not 0 <= command.day_value_fen <= MOST:
            return "INVALID"
        firm.rate, firm.burst = command.orders_per_s, command.burst
        firm.tokens, firm.filled_at = Fraction(command.burst), self.now
        firm.most_value = command.day_value_fen
        return ""

    def do_SetSelfMatch(self, command: c.SetSelfMatch) -> str:
        firm = self.firms[command.firm_id]
        if firm.policy == command.policy:
            return "SAME"
        firm.policy = command.policy
        return ""

    def do_SetFirmStatus(self, command: c.SetFirmStatus) -> str:
        firm = self.firms[command.firm_id]
        suspended = command.status == c.FirmStatus.SUSPENDED
        if firm.suspended == suspended:
            return "SAME"
        firm.suspended = suspended
        return ""

    def do_SetHalt(self, command: c.SetHalt) -> str:
        if self.untold(command) or (command.scope == c.HaltScope.VENUE and command.target_id):
            return "INVALID"
        target: Any = {
            c.HaltScope.VENUE: self,
            c.HaltScope.INSTRUMENT: self.markets.get(command.target_id),
            c.HaltScope.FIRM: self.firms.get(command.target_id),
        }[command.scope]
        if target is None:
            return f"UNKNOWN_{command.scope.name}"
        if target.halted == command.halted:
            return "SAME"
        target.halted = command.halted
        return ""

    def do_SetReference(self, command: c.SetReference) -> str:
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        if not 0 < command.low_ticks <= command.reference_ticks <= command.high_ticks <= MOST:
            return "INVALID"
        new = (command.low_ticks, command.reference_ticks, command.high_ticks)
        if new == (market.low, market.reference, market.high):
            return "SAME"
        market.low, market.reference, market.high = new
        buys = sorted((o for o in market.book if o.buys), key=lambda o: -o.price)
        sells = sorted((o for o in market.book if not o.buys), key=lambda o: o.price)
        for order in (*buys, *sells):
            if not market.low <= order.price <= market.high:
                self.end(order, e.CancelReason.BAND)
        return ""

    def do_OpenDay(self, command: c.OpenDay) -> str:
        if not self.day < command.day <= 99991231:
            return "DAY"
        self.day = command.day
        self.days += 1
        for firm in self.firms.values():
            firm.value, firm.lots = 0, {}
        for market in self.markets.values():
            if market.phase in (c.Phase.CALL, c.Phase.CONTINUOUS):
                self.resume(market)
                self.reach_stops(market)
        return ""

    def do_ChangePhase(self, command: c.ChangePhase) -> str:
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        before, after = market.phase, command.phase
        ways = {
            c.Phase.CLOSED: (c.Phase.PRE_OPEN,),
            c.Phase.PRE_OPEN: (c.Phase.CALL, c.Phase.CONTINUOUS),
            c.Phase.CALL: (c.Phase.CONTINUOUS, c.Phase.CLOSED),
            c.Phase.CONTINUOUS: (c.Phase.BREAK, c.Phase.CALL, c.Phase.CLOSED),
            c.Phase.BREAK: (c.Phase.CONTINUOUS, c.Phase.CALL, c.Phase.CLOSED),
        }
        if after == before:
            return "SAME"
        if after not in ways[before] or (after == c.Phase.CALL and not market.matched):
            return "PHASE"
        self.enter_phase(market, after)
        if after == c.Phase.CLOSED:
            buys = sorted((o for o in market.book if o.buys), key=lambda o: -o.price)
            sells = sorted((o for o in market.book if not o.buys), key=lambda o: o.price)
            for order in [*buys, *sells, *market.stops, *market.out]:
                if order.tif == c.TimeInForce.DAY:
                    self.end(order, e.CancelReason.EXPIRED)
        return ""

    def enter_phase(self, market: Market, after: c.Phase) -> None:
        before, market.phase = market.phase, after
        self.notes.append(("phase", market.terms.instrument_id, after))
        if before == c.Phase.CALL:
            market.call_until = 0
            self.uncross(market)
        if after == c.Phase.CALL:
            market.indicated = (0, 0, 0)
            market.indicate_at = self.now + 1_000_000
        if after in (c.Phase.CALL, c.Phase.CONTINUOUS):
            self.resume(market)
        self.reach_stops(market)
