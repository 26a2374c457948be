"""From acceptance to the exchange of title and money: statement, agreement, one linked chain."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import transaction

from exchange.models import Firm, User
from matching.commands import DischargeTrade
from matching.events import TradeDischarged
from matching.units import Fen, TradeId
from settlement import outbox
from settlement.contracts import deadlines, defaults, invoicing
from settlement.contracts.flow import (
    ContractError,
    State,
    change,
    is_asked,
    locked,
    note,
    only,
    party,
    price_of,
    step,
    terms_of,
    worked_out,
)
from settlement.contracts.money import Split, Taken, goods_out, penalty_fen, split
from settlement.contracts.statement import worth
from settlement.contracts.terms import digest
from settlement.models import Dispute, DisputeState, FinalStatement, Obligation

RESPONSE_DAYS: Final = 3
"""Days for the other side to answer an allegation, evidence with it (RULEBOOK 4.7)."""


@transaction.atomic
def accept(trade_id: TradeId, *, firm: Firm, by: User, now: dt.datetime) -> None:
    """The buyer accepts what was delivered, as weighed and found: the statement is drawn up."""
    contract = locked(trade_id)
    only(contract, firm, "buyer")
    if contract.state != State.DELIVERED:
        raise ContractError("CONTRACT_STATE")
    note(contract, "accepted", at=now, firm_id=firm.pk, by=by)
    state_it(contract, at=now)


def state_it(contract: Obligation, *, at: dt.datetime) -> None:
    """Draw up the final statement; both parties have their days to agree.

    Where nothing of what came may stay, the seller has not delivered.
    """
    terms = terms_of(contract)
    final = worked_out(contract)
    if not final.payable_kg:
        defaults.begin(contract, State.SELLER_DEFAULT, at=at)
        return
    body = final.body() | {
        "trade_id": contract.trade_id,
        "terms_sha256": contract.terms_sha256,
        "excess_refused": contract.excess_refused,
        "storage_fen": contract.storage_fen,
        "left_kg": min(contract.left_kg, final.missing_kg),
    }
    FinalStatement.objects.create(
        venue_id=contract.venue_id, obligation=contract, body=body, sha256=digest(body), at=at
    )
    due = at + dt.timedelta(days=terms.statement_days)
    step(contract, State.STATED, at=at, due=due, final_fen=final.value_fen)


@transaction.atomic
def agree(trade_id: TradeId, *, firm: Firm, by: User, sha256: str, now: dt.datetime) -> None:
    """A party agrees to the statement that it has read; with both, goods and money change hands."""
    contract = locked(trade_id)
    side = party(contract, firm)
    if contract.state != State.STATED:
        raise ContractError("CONTRACT_STATE")
    if contract.statement.sha256 != sha256:
        raise ContractError("OTHER_STATEMENT")
    field = f"{side}_agreed_at"
    if getattr(contract, field) is not None:
        raise ContractError("AGREED_ALREADY")
    change(contract, **{field: now})
    note(contract, "agreed", at=now, firm_id=firm.pk, by=by, sha256=sha256)
    if contract.buyer_agreed_at and contract.seller_agreed_at:
        finish(contract, at=now)


@transaction.atomic
def object_to(
    trade_id: TradeId, *, firm: Firm, by: User, amount_fen: Fen, reason: str, now: dt.datetime
) -> Dispute:
    """A party disputes a part of the money: that part stays frozen, the rest goes on."""
    contract = locked(trade_id)
    side = party(contract, firm)
    if contract.state != State.STATED:
        raise ContractError("CONTRACT_STATE")
    if getattr(contract, f"{side}_agreed_at") is not None:
        raise ContractError("AGREED_ALREADY")
    if Dispute.objects.filter(obligation=contract).exists():
        raise ContractError("CONTRACT_STATE")
    if not reason.strip():
        raise ContractError("REQUIRED")
    if len(reason.strip()) > 400:
        raise ContractError("TOO_LONG")
    if not 0 < amount_fen <= contract.final_fen:
        raise ContractError("AMOUNT", amount_fen, contract.final_fen)
    dispute = Dispute.objects.create(
        venue_id=contract.venue_id,
        obligation=contract,
        by_firm_id=firm.pk,
        amount_fen=amount_fen,
        reason=reason.strip(),
        state=DisputeState.ALLEGED,
        at=now,
        **deadlines.columns(
            now + dt.timedelta(days=RESPONSE_DAYS), deadlines.hours_of(contract.terms)
        ),
    )
    note(contract, "objected", at=now, firm_id=firm.pk, by=by, amount_fen=amount_fen)
    finish(contract, at=now)
    return dispute


def finish(contract: Obligation, *, at: dt.datetime) -> None:
    """Exchange goods for money; ask the buyer for the rest first if it comes to more."""
    needed = contract.final_fen + contract.buyer_fee_fen + extra_fen(contract)
    if needed > contract.committed_fen:
        step(contract, State.TOP_UP, at=at, due=terms_of(contract).pay_by(at))
        return
    exchange(contract)


def exchange(contract: Obligation) -> None:
    """Ask the engine for the exchange: the one place where title and money of a contract move.

    A seller whose penalty exceeds its proceeds leaves what it did not deliver bound for the rest.
    """
    shares = shares_of(contract)
    delivered, returned = _goods(contract)
    outbox.write(
        DischargeTrade(
            f"deliver:{contract.trade_id}",
            contract.trade_id,
            delivered,
            () if shares.penalty_left else returned,
            shares.to_seller,
            shares.to_buyer,
            shares.fees,
        )
    )


def _goods(contract: Obligation) -> tuple[Taken, Taken]:
    bound = tuple((row[0], row[1], row[2]) for row in contract.receipts)
    payable_kg = contract.statement.body["payable_kg"]
    return goods_out(bound, payable_kg, contract.instrument.lot_kg)


def extra_fen(contract: Obligation) -> Fen:
    """Return what the buyer owes beside the value: late fee, storage, penalty for what it left."""
    return contract.late_fen + contract.storage_fen + left_penalty_fen(contract)


def left_penalty_fen(contract: Obligation) -> Fen:
    """Return the buyer's penalty on the goods that it ordered and never came for."""
    if not contract.left_kg:
        return 0
    left_kg = contract.statement.body["left_kg"]
    return penalty_fen(worth(price_of(contract), left_kg), terms_of(contract).buyer_penalty_bp)


def _missing_penalty_fen(contract: Obligation) -> Fen:
    """Return the seller's penalty on what lacks beyond the tolerance and was not left lying."""
    body, price = contract.statement.body, price_of(contract)
    missing_fen = body["missing_fen"]
    if contract.left_kg:
        missing_fen = worth(price, body["missing_kg"] - body["left_kg"])
    return penalty_fen(missing_fen, terms_of(contract).seller_penalty_bp)


def shares_of(contract: Obligation) -> Split:
    """Return how the buyer's money is shared out by the final statement.

    Kept back until the invoice matches: the contract's share; until a dispute ends: its amount.
    """
    disputed = Dispute.objects.filter(obligation=contract).exclude(state=DisputeState.EXECUTED)
    frozen = sum(disputed.values_list("amount_fen", flat=True))
    return split(
        committed=contract.committed_fen,
        value=contract.final_fen,
        buyer_fee=contract.buyer_fee_fen,
        seller_fee=contract.seller_fee_fen,
        extra=extra_fen(contract),
        penalty=_missing_penalty_fen(contract),
        kept=retention_fen(contract) + frozen,
    )


def retention_fen(contract: Obligation) -> Fen:
    """Return what of the final value is kept back until the invoice is accepted."""
    return contract.final_fen * terms_of(contract).retention_bp // 10_000


def exchanged(contract: Obligation, event: TradeDischarged, *, at: dt.datetime) -> None:
    """Title and money have moved: the invoice is due."""
    due = at + dt.timedelta(days=terms_of(contract).invoice_days)
    shares = shares_of(contract)
    give_back(contract, event.committed_fen - shares.kept)
    # A dispute about money that was never paid freezes only what is there.
    most = max(shares.kept - retention_fen(contract), 0)
    Dispute.objects.filter(obligation=contract, amount_fen__gt=most).update(amount_fen=most)
    step(
        contract,
        State.SETTLED,
        at=at,
        due=due,
        settled_at=at,
        committed_fen=event.committed_fen,
        kept_fen=shares.kept,
        unpaid_fen=shares.unpaid,
        penalty_fen=shares.penalty_left,
    )
    if shares.penalty_left:
        note(
            contract, "penalty_owed", at=at, firm_id=contract.seller_id,
            amount_fen=shares.penalty_left,
        )  # fmt: skip
    if event.open_lots:
        ask_penalty(contract, at=at)


def ask_penalty(contract: Obligation, *, at: dt.datetime) -> None:
    """Ask for what a seller's penalty lacked in its proceeds, and free the goods that stand for it.

    Tried anew each day until the seller has the money. After `SECURITY_DAYS` the goods are free
    without it and the penalty stays owed, as with a whole default.
    """
    number = contract.trade_id
    assert contract.settled_at is not None
    change(contract, penalty_at=at + dt.timedelta(days=1))
    if is_asked(f"penalty:{number}:"):
        return
    is_over = at > contract.settled_at + dt.timedelta(days=defaults.SECURITY_DAYS)
    penalty = 0 if is_over else contract.penalty_fen
    op_id = f"penalty:{number}:{at:%Y%m%d%H%M}"
    outbox.write(DischargeTrade(op_id, number, (), _goods(contract)[1], 0, 0, 0, penalty))


def penalty_paid(contract: Obligation, penalty: Fen, *, at: dt.datetime) -> None:
    """The rest of a seller's penalty has moved, or its time is over: its goods are free."""
    change(contract, penalty_fen=contract.penalty_fen - penalty, penalty_at=None)
    kind = "penalty_paid" if penalty else "penalty_unpaid"
    amount = penalty or contract.penalty_fen
    note(contract, kind, at=at, firm_id=contract.seller_id, amount_fen=amount)
    invoicing.close_if_done(contract, at=at)


def give_back(contract: Obligation, extra: Fen) -> None:
    """Return what the buyer paid twice: a payment that overtook the news of the one before."""
    if extra > 0:
        number = contract.trade_id
        outbox.write(DischargeTrade(f"rest:{number}", number, (), (), 0, extra, 0))
