"""One venue: `apply(command) -> events`. Deterministic, total, and all in memory.

Time enters as the block's timestamp, ids by counting. A refusal is an event; an exception from
`apply` is a bug, and the caller must drop the engine and rebuild it from the journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from matching import (
    administration,
    discharge,
    lifting,
    negotiation,
    one_way,
    operations,
    passing,
    plain,
    special,
    trading,
    withholding,
)
from matching.commands import (
    Accept,
    AmendOrder,
    AnnounceAuction,
    AnyCommand,
    BustTrade,
    CancelOrder,
    ChangePhase,
    ClientCommand,
    Counter,
    CreditCash,
    CreditGoods,
    DebitCash,
    DebitGoods,
    Decline,
    DefineFirm,
    DefineInstrument,
    DischargeTrade,
    Disconnect,
    EnterOrder,
    Invite,
    JoinAuction,
    KillSwitch,
    LiftBest,
    LiftOrder,
    MassCancel,
    OpenDay,
    OperationCommand,
    PassTime,
    PayTrade,
    PlaceBid,
    ReleaseCash,
    ReserveCash,
    SetFirmLimits,
    SetFirmStatus,
    SetHalt,
    SetReference,
    SetSelfMatch,
    SettleTrade,
    WithdrawAuction,
    WithholdGoods,
)
from matching.cover import Account, Heard, Receipt
from matching.events import AnyEvent, CommandRepeated, RejectReason
from matching.instrument import Instrument
from matching.invariants import check_venue
from matching.limits import ID_LENGTH, OP_ID_LENGTH
from matching.orders import Order
from matching.rules import Refusal, bounded, rejected
from matching.state import Venue
from matching.uncross import Clearing, clearing
from matching.units import MAX_INT, Fen, FirmId, Micros, ReceiptId

ENGINE_VERSION: Final = "6"
"""Rises with a change of what an old journal replays to, or of what snapshots look like."""

_TRADING: Final[dict[type, Callable[[Venue, Account, Any], tuple[AnyEvent, ...]]]] = {
    EnterOrder: special.enter_special,
    LiftOrder: lifting.lift,
    LiftBest: lifting.lift_best,
    AmendOrder: trading.amend,
    CancelOrder: trading.cancel,
    MassCancel: trading.mass_cancel,
    Invite: negotiation.invite,
    Counter: negotiation.counter,
    Accept: negotiation.accept,
    Decline: negotiation.decline,
    JoinAuction: one_way.join,
    PlaceBid: one_way.bid,
}
_OPERATIONS: Final[dict[type, Callable[[Venue, Any], Refusal | list[AnyEvent]]]] = {
    CreditCash: operations.credit_cash,
    ReserveCash: operations.reserve_cash,
    DebitCash: operations.debit_cash,
    ReleaseCash: operations.release_cash,
    CreditGoods: operations.credit_goods,
    DebitGoods: operations.debit_goods,
    WithholdGoods: withholding.withhold_goods,
    SettleTrade: operations.settle_trade,
    BustTrade: operations.bust_trade,
    PayTrade: discharge.pay_trade,
    DischargeTrade: discharge.discharge_trade,
    AnnounceAuction: one_way.announce,
    WithdrawAuction: one_way.withdraw_auction,
}
_ADMINISTRATION: Final[dict[type, Callable[[Venue, Any], Refusal | list[AnyEvent]]]] = {
    DefineFirm: administration.define_firm,
    SetFirmStatus: administration.set_firm_status,
    DefineInstrument: administration.define_instrument,
    ChangePhase: administration.change_phase,
    SetHalt: administration.set_halt,
    OpenDay: administration.open_day,
    SetReference: administration.set_reference,
    KillSwitch: administration.kill_switch,
    Disconnect: administration.disconnect,
    SetFirmLimits: administration.set_firm_limits,
    SetSelfMatch: administration.set_self_match,
    PassTime: passing.pass_time,
}
_EXEMPT: Final = frozenset({CancelOrder, MassCancel, Decline})
"""Commands that only take orders away: no bound on rate or memory stops them."""
_encode = msgspec.msgpack.Encoder().encode


class Engine:
    """The engine of one venue.

    Use: `begin_block(seq, ts_us)`, then `apply` for each command of the block. The first event
    of each answer is the command's one outcome; what follows are its consequences in order.
    """

    __slots__ = ("venue",)

    def __init__(self, venue_id: int) -> None:
        self.venue = Venue(venue_id)

    @property
    def venue_id(self) -> int:
        """The venue that this engine serves."""
        return self.venue.venue_id

    @property
    def seq(self) -> int:
        """The block that was begun last; 0 before the first."""
        return self.venue.seq

    def begin_block(self, seq: int, ts_us: Micros) -> None:
        """Begin block `seq` at `ts_us`. Forgets client order ids that have grown too old."""
        venue = self.venue
        assert seq == venue.seq + 1, "blocks come one after the other"
        assert ts_us >= venue.ts_us, "time does not go back"
        venue.begin(seq, ts_us)

    def apply(self, command: AnyCommand) -> tuple[AnyEvent, ...]:
        """Execute or refuse `command`; never raises for a decodable command."""
        return self.apply_all((command,))[0]

    def apply_all(self, commands: Sequence[AnyCommand]) -> list[tuple[AnyEvent, ...]]:
        """Execute or refuse commands of the block one after the other; return each one's events."""
        return plain.apply_all(self.venue, commands, self._apply_one)

    def _apply_one(self, command: AnyCommand, index: int) -> tuple[AnyEvent, ...]:
        """Execute or refuse command `index` of the block by every rule."""
        venue = self.venue
        kept = venue.heard.commands
        if not isinstance(command, ClientCommand):
            kept[index] = None
            return self._apply_other(command, index)
        account = venue.accounts.get(command.firm_id)
        client_order_id = command.client_order_id
        if (
            account is None
            or client_order_id in account.remembered
            or not venue.oldest_us <= command.at_us <= venue.newest_us
            or not 0 < len(client_order_id) <= ID_LENGTH
            or not 0 <= command.trader_id <= MAX_INT
            or len(account.remembered) >= account.remember_most
            or (
                account.orders_per_s
                and type(command) not in _EXEMPT
                and not plain.take_token(account, venue.ts_us)
            )
        ):
            kept[index] = None
            return self._answer_unheard(command, account)
        account.remembered[client_order_id] = venue.heard
        return _TRADING[type(command)](venue, account, command)

    def _answer_unheard(
        self, command: ClientCommand, account: Account | None
    ) -> tuple[AnyEvent, ...]:
        """Answer a trader's command that is not kept: a repeat, or one that is not looked at.

        A stale one can never run, so it needs no memory. A command that only takes orders away is
        executed beyond the bound on memory: it does no harm when it comes again.
        """
        oldest_us = self.venue.oldest_us
        firm_id = command.firm_id
        client_order_id = command.client_order_id
        first = None if account is None else account.remembered.get(client_order_id)
        reason: RejectReason
        values: tuple[int, ...]
        if first is not None:
            return _answer_again(first, command)
        if not oldest_us <= command.at_us <= self.venue.newest_us:
            reason, values = RejectReason.STALE, (command.at_us, oldest_us)
        elif not (
            0 < len(client_order_id) <= ID_LENGTH
            and 0 < firm_id <= MAX_INT
            and 0 <= command.trader_id <= MAX_INT
        ):
            reason, values = RejectReason.INVALID, ()
        elif account is None:
            reason, values = RejectReason.UNKNOWN_FIRM, (firm_id,)
        elif len(account.remembered) >= account.remember_most:
            if type(command) in _EXEMPT:
                return _TRADING[type(command)](self.venue, account, command)
            reason, values = RejectReason.RATE, (len(account.remembered), account.remember_most)
        else:
            reason, values = RejectReason.RATE, (account.orders_per_s, account.burst)
        if len(client_order_id) > ID_LENGTH:
            client_order_id = ""
        return rejected(bounded(firm_id), client_order_id, reason, values)

    def _apply_other(self, command: AnyCommand, index: int) -> tuple[AnyEvent, ...]:
        operate = _OPERATIONS.get(type(command))
        if operate is not None:
            assert isinstance(command, OperationCommand)
            return self._operation(command, index, operate)
        answer = _ADMINISTRATION[type(command)](self.venue, command)
        if isinstance(answer, tuple):
            return rejected(0, "", *answer)
        return tuple(answer)

    def _operation(
        self,
        command: OperationCommand,
        index: int,
        execute: Callable[[Venue, Any], Refusal | list[AnyEvent]],
    ) -> tuple[AnyEvent, ...]:
        venue = self.venue
        op_id = command.op_id
        if not 0 < len(op_id) <= OP_ID_LENGTH:
            return rejected(0, "", RejectReason.INVALID, ())
        payload = hashlib.sha256(_encode(command)).digest()[:16]
        seen = venue.operations.get(op_id)
        if seen is not None:
            if seen[0] == payload:
                return (CommandRepeated(0, op_id, seen[1], seen[2]),)
            return rejected(0, op_id, RejectReason.OP_ID_REUSED, ())
        answer = execute(venue, command)
        if isinstance(answer, tuple):
            # A refused operation does not bind its id: the same deposit may come again later.
            return rejected(0, op_id, *answer)
        venue.operations[op_id] = (payload, venue.seq, index)
        return tuple(answer)

    # Reading. Nothing below changes the state.

    def snapshot(self) -> bytes:
        """Return the whole state as bytes; between blocks only."""
        return self.venue.snapshot()

    @classmethod
    def restore(cls, data: bytes) -> Engine:
        """Return an engine in the state that `snapshot` wrote."""
        venue = Venue.restore(data)
        engine = cls(venue.venue_id)
        engine.venue = venue
        return engine

    def digest(self) -> bytes:
        """Return the SHA-256 of the whole state."""
        return hashlib.sha256(self.snapshot()).digest()

    def first_answer(self, firm_id: FirmId, client_order_id: str) -> tuple[int, int] | None:
        """Return where a command of the dedup window was answered, as (seq, index), or None."""
        account = self.venue.accounts.get(firm_id)
        first = None if account is None else account.remembered.get(client_order_id)
        return None if first is None else (first.seq, first.index_of(firm_id, client_order_id))

    def cash(self, firm_id: FirmId) -> tuple[Fen, Fen, Fen]:
        """Return a firm's (available, held, committed) fen; raises KeyError if unknown."""
        account = self.venue.accounts[firm_id]
        return account.available_fen, account.held_fen, account.committed_fen

    def receipt(self, receipt_id: ReceiptId) -> Receipt | None:
        """Return a receipt with something left, or None. To be read, not written."""
        return self.venue.goods.by_id.get(receipt_id)

    def receipts(self) -> list[Receipt]:
        """Return all receipts with something left. To be read, not written."""
        return list(self.venue.goods.by_id.values())

    def open_orders(self, firm_id: FirmId | None = None) -> list[Order]:
        """Return the open orders of a firm, or of all. To be read, not written."""
        return [
            order
            for account in self.venue.accounts.values()
            if firm_id is None or account.firm_id == firm_id
            for order in account.orders.values()
        ]

    def instruments(self) -> list[Instrument]:
        """Return all instruments with phase, halt and book. To be read, not written."""
        return list(self.venue.instruments.values())

    def totals(self) -> dict[str, Any]:
        """Return the conservation report as plain data.

        `cash`: [firm, available, held, committed] each; `goods`: [firm, instrument, receipt,
        free, held, committed lots, kg] each; `cash_in`, `cash_out` in fen; `seq`.
        """
        venue = self.venue
        goods = []
        for receipt in venue.goods.by_id.values():
            lots = receipt.free_lots + receipt.held_lots + receipt.committed_lots
            lot_kg = venue.instruments[receipt.instrument_id].terms.lot_kg
            goods.append(
                [
                    receipt.firm_id,
                    receipt.instrument_id,
                    receipt.receipt_id,
                    receipt.free_lots,
                    receipt.held_lots,
                    receipt.committed_lots,
                    receipt.piece_kg or lots * lot_kg,
                ]
            )
        return {
            "seq": venue.seq,
            "cash": [
                [a.firm_id, a.available_fen, a.held_fen, a.committed_fen]
                for a in venue.accounts.values()
            ],
            "goods": goods,
            "cash_in": venue.cash_in_fen,
            "cash_out": venue.cash_out_fen,
        }

    def market(self) -> dict[str, Any]:
        """Return `seq`, `day`, `halted` and [id, phase, halted, reference, low, high] rows."""
        venue = self.venue
        return {
            "seq": venue.seq,
            "day": venue.day,
            "halted": venue.halted,
            "instruments": [
                [
                    i.instrument_id,
                    int(i.phase),
                    i.halted,
                    i.reference_ticks,
                    i.low_ticks,
                    i.high_ticks,
                ]
                for i in venue.instruments.values()
            ],
        }

    @property
    def next_due_us(self) -> Micros:
        """When `PassTime` is wanted next, 0 if never."""
        timers = self.venue.timers
        return timers[0][0] if timers else 0

    def indication(self, instrument_id: int) -> Clearing:
        """Return what a call of this instrument would give now; raises KeyError if unknown."""
        return clearing(self.venue.instruments[instrument_id])

    def check(self) -> None:
        """Assert every invariant of the venue: books, holds, conservation of cash and goods."""
        check_venue(self.venue)


def _answer_again(first: Heard, again: ClientCommand) -> tuple[AnyEvent, ...]:
    """Answer an id that the window knows: the first answer's place, or a refusal.

    The same payload is the same command in all but the gateway's stamp.
    """
    firm_id, client_order_id = again.firm_id, again.client_order_id
    index = first.index_of(firm_id, client_order_id)
    command = first.commands[index]
    assert command is not None, "what the window knows it has kept"
    if type(command) is type(again) and (
        command == again or command == msgspec.structs.replace(again, at_us=command.at_us)
    ):
        return (CommandRepeated(firm_id, client_order_id, first.seq, index),)
    return rejected(firm_id, client_order_id, RejectReason.CLIENT_ID_REUSED, ())
