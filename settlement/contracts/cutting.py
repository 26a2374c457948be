"""A price cut by agreement (RULEBOOK 4.7): both take a lower value than the statement's.

One party proposes a value while the statement waits for both, the other takes it or proposes its
own. Taken, the statement says it and has another digest; goods, weights and penalties stay as they
were. A proposal stops no clock: silence agrees to the statement as it was drawn up.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from exchange.models import Firm, User
from matching.units import Fen, TradeId
from settlement.contracts import settling
from settlement.contracts.flow import ContractError, State, change, locked, note, party
from settlement.contracts.terms import digest
from settlement.models import Dispute, FinalStatement, Obligation, PriceCut
from settlement.tax import split_vat


@transaction.atomic
def propose(
    trade_id: TradeId, *, firm: Firm, by: User, value_fen: Fen, reason: str, now: dt.datetime
) -> PriceCut:
    """A party proposes a value, VAT included, below the statement's; its last proposal counts."""
    contract = _stated(trade_id)
    party(contract, firm)
    if not 0 < value_fen < contract.final_fen:
        raise ContractError("AMOUNT", value_fen, contract.final_fen)
    if not reason.strip():
        raise ContractError("REQUIRED")
    if len(reason.strip()) > 400:
        raise ContractError("TOO_LONG")
    said = {"by_firm_id": firm.pk, "value_fen": value_fen, "reason": reason.strip(), "at": now}
    cut, _ = PriceCut.objects.update_or_create(
        obligation=contract, defaults=said, create_defaults={**said, "venue_id": contract.venue_id}
    )
    note(
        contract, "cut_proposed", at=now, firm_id=firm.pk, by=by, amount_fen=value_fen,
        reason=reason.strip(),
    )  # fmt: skip
    return cut


@transaction.atomic
def take(trade_id: TradeId, *, firm: Firm, by: User, value_fen: Fen, now: dt.datetime) -> None:
    """The other party takes the proposal that it has read: goods and money change hands by it.

    Both have agreed by that, whatever they said of the statement before. `OTHER_STATEMENT` if
    another value is proposed by now.
    """
    contract = _stated(trade_id)
    party(contract, firm)
    cut = PriceCut.objects.filter(obligation=contract).first()
    if cut is None:
        raise ContractError("CONTRACT_STATE")
    if cut.by_firm_id == firm.pk:
        raise ContractError("NOT_ALLOWED")
    if cut.value_fen != value_fen:
        raise ContractError("OTHER_STATEMENT")
    before = contract.statement
    net, vat = split_vat(value_fen, contract.vat_pct)
    body = before.body | {
        "value_fen": value_fen,
        "net_fen": net,
        "vat_fen": vat,
        "cut_from_fen": contract.final_fen,
    }
    sealed = digest(body)
    FinalStatement.objects.filter(pk=before.pk).update(body=body, sha256=sealed)
    PriceCut.objects.filter(pk=cut.pk).update(taken_at=now)
    note(
        contract, "cut_taken", at=now, firm_id=firm.pk, by=by, amount_fen=value_fen,
        sha256=sealed, before_sha256=before.sha256, before_fen=contract.final_fen,
    )  # fmt: skip
    before.refresh_from_db()
    change(contract, final_fen=value_fen, buyer_agreed_at=now, seller_agreed_at=now)
    settling.finish(contract, at=now)


def _stated(trade_id: TradeId) -> Obligation:
    contract = locked(trade_id)
    both = contract.buyer_agreed_at and contract.seller_agreed_at
    disputed = Dispute.objects.filter(obligation=contract).exists()
    if contract.state != State.STATED or both or disputed:
        raise ContractError("CONTRACT_STATE")
    return contract
