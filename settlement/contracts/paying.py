"""Paying in full: the deposit at the trade, the rest by its deadline, a top-up at the end."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import Firm, User
from matching.commands import PayTrade
from matching.units import Fen, TradeId, hold_fen
from settlement import outbox
from settlement.contracts import settling
from settlement.contracts.flow import (
    ContractError,
    State,
    change,
    is_asked,
    locked,
    note,
    only,
    step,
    terms_of,
)
from settlement.contracts.money import late_fee
from settlement.models import Obligation


def required_fen(contract: Obligation) -> Fen:
    """Return what must be bound now: all that the contract may come to, or what it came to.

    Before delivery that is the price of the most that may be delivered, fee included; afterwards
    the final statement. What is owed for paying or collecting late is added.
    """
    if contract.final_fen:
        return contract.final_fen + contract.buyer_fee_fen + settling.extra_fen(contract)
    instrument = contract.instrument
    most = hold_fen(
        contract.value_fen, 10_000, instrument.plus_tolerance_bp, instrument.buyer_fee_bp
    )
    return most + contract.late_fen


def due_fen(contract: Obligation, now: dt.datetime) -> tuple[Fen, Fen]:
    """Return (what is still to be paid, the fee in it for paying late)."""
    open_fen = max(required_fen(contract) - contract.late_fen - contract.committed_fen, 0)
    if not open_fen or contract.due_at is None:
        return open_fen, 0
    late = late_fee(open_fen, contract.due_at, now, terms_of(contract).late_bp_per_day)
    return open_fen + late, late


@transaction.atomic
def pay(trade_id: TradeId, *, firm: Firm, by: User, op_id: str, now: dt.datetime) -> Fen:
    """Ask the engine to bind what is due; return the amount. Too little money is its refusal."""
    contract = locked(trade_id)
    only(contract, firm, "buyer")
    if contract.state not in (State.MATCHED, State.TOP_UP):
        raise ContractError("CONTRACT_STATE")
    if is_asked(f"pay:{trade_id}:"):
        raise ContractError("PAYMENT_UNDER_WAY")
    amount, late = due_fen(contract, now)
    if not amount:
        raise ContractError("CONTRACT_STATE")
    change(contract, late_fen=late)
    outbox.write(PayTrade(f"pay:{trade_id}:{op_id}", trade_id, amount))
    note(contract, "pay_asked", at=now, firm_id=firm.pk, by=by, amount_fen=amount, late_fen=late)
    return amount


def paid(contract: Obligation, committed: Fen, *, at: dt.datetime) -> None:
    """The engine has bound a payment: go on when it is enough."""
    change(contract, committed_fen=committed)
    note(contract, "paid", at=at, firm_id=contract.buyer_id, committed_fen=committed)
    if committed < required_fen(contract):
        return
    if contract.state == State.MATCHED:
        secure(contract, at=at)
    elif contract.state == State.TOP_UP:
        settling.exchange(contract)


def secure(contract: Obligation, *, at: dt.datetime) -> None:
    """Money and goods are locked: the buyer may order delivery."""
    due = at + dt.timedelta(days=terms_of(contract).delivery_days)
    step(contract, State.SECURED, at=at, due=due)
