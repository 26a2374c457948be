"""The rails of a contract's life: refusals, the lock, one step at a time with its line of history.

Every action of this package runs in one transaction: it locks the contract, checks who may and
what stands, moves the state by compare-and-set, writes its line and, where money or goods move, the
engine's command to the outbox. Repeating it after a crash finds the state moved and is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from exchange.keys import row_key
from exchange.models import Firm, User
from exchange.scope import current_venue_id
from matching.units import Fen, FirmId, TradeId
from settlement.contracts import deadlines
from settlement.contracts.statement import Counted, Final, Found, Ticket, draw
from settlement.contracts.terms import Terms, read_terms
from settlement.models import (
    ContractEvent,
    Inspection,
    Obligation,
    ObligationState,
    OutboxCommand,
    OutboxState,
    WeighTicket,
)
from settlement.models.obligation import NEXT
from settlement.quality.assess import Pieces

State = ObligationState


class ContractError(Exception):
    """An action was refused and changed nothing; `code` says why, `values` what was compared."""

    def __init__(self, code: str, *values: int) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


def locked(trade_id: TradeId, *allowed: ObligationState) -> Obligation:
    """Return the contract, locked for this transaction, in one of the allowed states.

    Raises `ContractError("UNKNOWN_CONTRACT")`, or `("CONTRACT_STATE")` in another state.
    """
    rows = Obligation.objects.select_for_update(of=("self",)).select_related(
        "instrument__commodity", "instrument__warehouse", "buyer", "seller"
    )
    contract = rows.filter(pk=row_key(current_venue_id(), trade_id)).first()
    if contract is None:
        raise ContractError("UNKNOWN_CONTRACT")
    if allowed and contract.state not in allowed:
        raise ContractError("CONTRACT_STATE")
    return contract


def terms_of(contract: Obligation) -> Terms:
    """Return what the contract was made with. Raises `CONTRACT_STATE` where a receipt passes."""
    if not contract.terms:
        raise ContractError("CONTRACT_STATE")
    return read_terms(contract.terms)


def party(contract: Obligation, firm: Firm) -> str:
    """Return "buyer" or "seller"; another firm's contract is not there."""
    if firm.pk == contract.buyer_id:
        return "buyer"
    if firm.pk == contract.seller_id:
        return "seller"
    raise ContractError("UNKNOWN_CONTRACT")


def only(contract: Obligation, firm: Firm, side: str) -> None:
    """Let only this party act: the other one gets `NOT_ALLOWED`."""
    if party(contract, firm) != side:
        raise ContractError("NOT_ALLOWED")


def step(
    contract: Obligation,
    after: ObligationState,
    *,
    at: dt.datetime,
    due: dt.datetime | None,
    **changes: Any,
) -> None:
    """Move the contract on, with its next deadline; `CONTRACT_STATE` if somebody came first."""
    assert after in NEXT[contract.state], f"{contract.state} does not lead to {after}"
    changes |= {"state": after} | deadlines.columns(due, deadlines.hours_of(contract.terms))
    if not Obligation.objects.filter(pk=contract.pk, state=contract.state).update(**changes):
        raise ContractError("CONTRACT_STATE")
    for name, value in changes.items():
        setattr(contract, name, value)
    note(contract, after, at=at)


def set_due(contract: Obligation, due: dt.datetime | None) -> None:
    """Give a locked contract another deadline in the state that it is in."""
    change(contract, **deadlines.columns(due, deadlines.hours_of(contract.terms)))


def change(contract: Obligation, **changes: Any) -> None:
    """Write fields of a locked contract that leave its state alone."""
    Obligation.objects.filter(pk=contract.pk).update(**changes)
    for name, value in changes.items():
        setattr(contract, name, value)


def note(
    contract: Obligation,
    kind: str,
    *,
    at: dt.datetime,
    firm_id: FirmId = 0,
    by: User | None = None,
    **detail: Any,
) -> None:
    """Add a line to the contract's history."""
    ContractEvent.objects.create(
        venue_id=contract.venue_id,
        obligation=contract,
        kind=kind,
        firm_id=firm_id,
        by=by,
        at=at,
        detail=detail,
    )


def is_asked(op_id_starts: str) -> bool:
    """Say whether a command whose id starts so still waits for the engine's answer."""
    return OutboxCommand.objects.filter(
        op_id__startswith=op_id_starts, state=OutboxState.NEW
    ).exists()


def price_of(contract: Obligation) -> Fen:
    """Return the contract's price in fen a tonne, VAT included."""
    return contract.price_ticks * contract.instrument.tick_fen_per_t


def tickets_of(rows: Iterable[WeighTicket]) -> list[Ticket]:
    """Return weighings as the statement reads them."""
    return [Ticket(row.number, row.net_kg, row.refused, counted_of(row)) for row in rows]


def counted_of(row: WeighTicket) -> Counted | None:
    """Return the bars of a ticket; None where the scale's weight is paid."""
    if row.theoretical_kg is None:
        return None
    pieces = Pieces(row.diameter, row.metres, row.pieces)
    return Counted(pieces, row.theoretical_kg, row.scale_kg)


def found_of(rows: Iterable[Inspection]) -> list[Found]:
    """Return certificates as the statement reads them."""
    return [
        Found(row.ticket, row.is_umpire, row.measured, row.certificate, row.through) for row in rows
    ]


def worked_out(contract: Obligation) -> Final:
    """Return what the contract comes to by what is weighed, found and chosen so far.

    What was replaced has left the account: its replacement is in it.
    """
    tickets = WeighTicket.objects.filter(obligation=contract, replaced=False)
    return draw(
        terms_of(contract),
        price=price_of(contract),
        agreed_kg=contract.weight_kg,
        tickets=tickets_of(tickets.order_by("number")),
        found=found_of(Inspection.objects.filter(obligation=contract).order_by("pk")),
        excess_refused=contract.excess_refused,
    )
