"""The seller's VAT invoice: contract, acceptance and invoice must say the same (三单匹配)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from django.db import transaction

from exchange.models import Firm, User
from matching.commands import DischargeTrade
from matching.units import Fen, Kg, TradeId
from settlement import outbox
from settlement.contracts.flow import (
    ContractError,
    State,
    change,
    locked,
    note,
    only,
    set_due,
    step,
    terms_of,
)
from settlement.models import Dispute, DisputeState, Invoice, InvoiceState, Obligation
from settlement.tax import split_vat

NUMBER: Final = re.compile(r"[0-9]{8,20}")
"""Digits of a fully digital e-invoice's number (20), or of an older paper one (8)."""

REASON_MOST: Final = 200
"""Characters of a reason for rejecting an invoice."""


@transaction.atomic
def issue(
    trade_id: TradeId,
    *,
    firm: Firm,
    by: User,
    number: str,
    gross_fen: Fen,
    vat_fen: Fen,
    weight_kg: Kg,
    now: dt.datetime,
) -> Invoice:
    """The seller enters an invoice that it has issued; one that does not match is refused.

    `INVOICE_AMOUNT`, `INVOICE_VAT`, `INVOICE_WEIGHT` name the invoice's value and the statement's.
    """
    contract = locked(trade_id)
    only(contract, firm, "seller")
    if contract.state != State.SETTLED:
        raise ContractError("CONTRACT_STATE")
    if not NUMBER.fullmatch(number):
        raise ContractError("INVOICE_NUMBER")
    if Invoice.objects.filter(number=number).exists():
        raise ContractError("INVOICE_TAKEN")
    live = Invoice.objects.filter(obligation=contract)
    if live.filter(state__in=[InvoiceState.ISSUED, InvoiceState.ACCEPTED]).exists():
        raise ContractError("INVOICE_GIVEN")
    if live.filter(state=InvoiceState.REJECTED).exists():
        raise ContractError("RED_INVOICE_DUE")
    value, kg = settled(contract)
    net, vat = split_vat(value, contract.vat_pct)
    for code, said, ours in (
        ("INVOICE_AMOUNT", gross_fen, value),
        ("INVOICE_VAT", vat_fen, vat),
        ("INVOICE_WEIGHT", weight_kg, kg),
    ):
        if said != ours:
            raise ContractError(code, said, ours)
    invoice = Invoice.objects.create(
        venue_id=contract.venue_id,
        obligation=contract,
        number=number,
        gross_fen=value,
        net_fen=net,
        vat_fen=vat,
        vat_pct=contract.vat_pct,
        weight_kg=kg,
        state=InvoiceState.ISSUED,
        by=by,
        at=now,
    )
    note(contract, "invoiced", at=now, firm_id=firm.pk, by=by, number=number)
    _due(contract, now)
    return invoice


def _due(contract: Obligation, now: dt.datetime) -> None:
    """Whoever is next about the invoice has the contract's days; a receipt's contract has none."""
    if contract.terms:
        set_due(contract, now + dt.timedelta(days=terms_of(contract).invoice_days))


def settled(contract: Obligation) -> tuple[Fen, Kg]:
    """Return what was settled, value with VAT and paid weight: what an invoice must say."""
    if not contract.terms:
        return contract.value_fen, contract.weight_kg
    body = contract.statement.body
    return contract.final_fen, int(body["payable_kg"])


@transaction.atomic
def answer(
    trade_id: TradeId, *, firm: Firm, by: User, accepted: bool, reason: str, now: dt.datetime
) -> None:
    """The buyer takes the invoice, which releases what was kept, or rejects it with a reason."""
    contract = locked(trade_id)
    only(contract, firm, "buyer")
    invoice = Invoice.objects.filter(obligation=contract, state=InvoiceState.ISSUED).first()
    if contract.state != State.SETTLED or invoice is None:
        raise ContractError("CONTRACT_STATE")
    if not accepted and not reason.strip():
        raise ContractError("REQUIRED")
    if len(reason.strip()) > REASON_MOST:
        raise ContractError("TOO_LONG")
    state = InvoiceState.ACCEPTED if accepted else InvoiceState.REJECTED
    Invoice.objects.filter(pk=invoice.pk).update(state=state, reason=reason.strip())
    note(contract, f"invoice_{state}", at=now, firm_id=firm.pk, by=by, number=invoice.number)
    if accepted:
        set_due(contract, None)
        release(contract, at=now)
    else:
        _due(contract, now)


def lapse(contract: Obligation, *, at: dt.datetime) -> None:
    """The days for the invoice are over.

    An invoice that the buyer leaves unanswered is taken: amount, VAT and weight were compared when
    it was entered. A seller's that is late stays due, and so does the money kept for it.
    """
    invoices = Invoice.objects.filter(obligation=contract)
    if invoices.filter(state=InvoiceState.ACCEPTED).exists():
        set_due(contract, None)
        return
    if not invoices.filter(state=InvoiceState.ISSUED).update(state=InvoiceState.ACCEPTED):
        note(contract, "invoice_late", at=at, firm_id=contract.seller_id)
        change(contract, acts_at=None)
        return
    note(contract, "invoice_by_silence", at=at, firm_id=contract.buyer_id)
    set_due(contract, None)
    release(contract, at=at)


@transaction.atomic
def red_letter(trade_id: TradeId, *, firm: Firm, by: User, number: str, now: dt.datetime) -> None:
    """The seller undoes a rejected invoice by a red-letter one; then it may issue another."""
    contract = locked(trade_id)
    only(contract, firm, "seller")
    rejected = Invoice.objects.filter(obligation=contract, state=InvoiceState.REJECTED).first()
    if rejected is None:
        raise ContractError("CONTRACT_STATE")
    if not NUMBER.fullmatch(number):
        raise ContractError("INVOICE_NUMBER")
    taken = Invoice.objects.filter(number=number) | Invoice.objects.filter(red_number=number)
    if taken.exists():
        raise ContractError("INVOICE_TAKEN")
    Invoice.objects.filter(pk=rejected.pk).update(state=InvoiceState.RED, red_number=number)
    note(contract, "red_letter", at=now, firm_id=firm.pk, by=by, number=number)


def release(contract: Obligation, *, at: dt.datetime) -> None:
    """Pay the seller what was kept for the invoice; money in dispute stays where it is."""
    frozen = frozen_fen(contract)
    free = max(contract.kept_fen - frozen, 0)
    if free:
        number = contract.trade_id
        outbox.write(DischargeTrade(f"close:{number}", number, (), (), free, 0, 0))
    else:
        close_if_done(contract, at=at)


def released(contract: Obligation, committed: Fen, *, at: dt.datetime) -> None:
    """What was kept is paid out."""
    change(contract, kept_fen=committed, committed_fen=committed)
    note(contract, "released", at=at, kept_fen=committed)
    close_if_done(contract, at=at)


def close_if_done(contract: Obligation, *, at: dt.datetime) -> None:
    """Close the contract when its invoice is accepted and nothing is kept, bound or disputed."""
    accepted = Invoice.objects.filter(obligation=contract, state=InvoiceState.ACCEPTED).exists()
    disputed = Dispute.objects.filter(obligation=contract).exclude(state=DisputeState.EXECUTED)
    owes = contract.penalty_at is not None  # a penalty for which goods still stand
    if accepted and not contract.kept_fen and not owes and not disputed.exists():
        step(contract, State.CLOSED, at=at, due=None)


def frozen_fen(contract: Obligation) -> Fen:
    """Return the money that an open dispute freezes."""
    rows = Dispute.objects.filter(obligation=contract).exclude(state=DisputeState.EXECUTED)
    return sum(rows.values_list("amount_fen", flat=True))


def totals() -> tuple[Fen, Fen]:
    """Return (value of contracts with an accepted invoice, sum of those invoices): equal always."""
    rows = Invoice.objects.filter(state=InvoiceState.ACCEPTED).select_related(
        "obligation__instrument"
    )
    invoices = list(rows)
    return sum(settled(row.obligation)[0] for row in invoices), sum(r.gross_fen for r in invoices)
