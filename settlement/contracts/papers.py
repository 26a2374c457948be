"""The contract as a paper: one canonical text, one digest, which both parties have signed.

Parties sign by the framework agreement that they joined the venue with: their order is the
signature (电子商务法 art. 49), and the history keeps who, when and the digest.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from settlement.contracts.flow import note
from settlement.contracts.terms import digest
from settlement.models import Obligation


def document(contract: Obligation) -> dict[str, Any]:
    """Return everything that was agreed at the trade; nothing in it changes afterwards."""
    instrument = contract.instrument
    return {
        "format": 1,
        "venue": contract.venue.code,
        "trade_id": contract.trade_id,
        "made_at": contract.opened_at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        "buyer": {"name": contract.buyer.name_zh, "uscc": contract.buyer.uscc},
        "seller": {"name": contract.seller.name_zh, "uscc": contract.seller.uscc},
        "instrument": instrument.code,
        "goods": f"{instrument.name_zh} {instrument.grade_zh}",
        "delivery_basis": instrument.basis,
        "warehouse": instrument.warehouse.code,
        "receipts": contract.receipts,
        "weight_kg": contract.weight_kg,
        "price_fen_per_t": contract.price_ticks * instrument.tick_fen_per_t,
        "value_fen": contract.value_fen,
        "net_fen": contract.net_fen,
        "vat_fen": contract.vat_fen,
        "vat_pct": contract.vat_pct,
        "buyer_fee_fen": contract.buyer_fee_fen,
        "seller_fee_fen": contract.seller_fee_fen,
        "deposit_bp": instrument.cover_bp,
        "terms": contract.terms,
    }


def sign(contract: Obligation, *, at: dt.datetime) -> str:
    """Seal a new contract and record both signatures; return its digest."""
    sealed = digest(document(contract))
    Obligation.objects.filter(pk=contract.pk).update(terms_sha256=sealed)
    contract.terms_sha256 = sealed
    for firm_id in (contract.buyer_id, contract.seller_id):
        note(contract, "signed", at=at, firm_id=firm_id, sha256=sealed)
    return sealed
