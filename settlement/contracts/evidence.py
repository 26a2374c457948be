"""Everything about one contract in one canonical text, for a panel, an arbitrator or a court.

RULEBOOK C15: in a dispute the operator produces the original contract and its records. What names a
journal block can be checked against the journal's hash chain, a transfer against the ledger's.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from exchange.models import Firm
from settlement import ledger
from settlement.contracts import exhibits, papers
from settlement.models import (
    ContractEvent,
    ContractSignature,
    Dispute,
    Exhibit,
    FinalStatement,
    Inspection,
    Invoice,
    Obligation,
    ReceiptChange,
    Replacement,
    WeighTicket,
)


def bundle(contract: Obligation, *, seen_by: Firm | None) -> dict[str, Any]:
    """Return the contract with all that happened to it; a party sees its own money only.

    Plain JSON: integers and texts, instants in UTC. The pick-up code is not evidence and not in it.
    """
    statement = FinalStatement.objects.filter(obligation=contract).first()
    dispute = Dispute.objects.filter(obligation=contract).first()
    replacement = Replacement.objects.filter(obligation=contract).first()
    paper = papers.find(contract)
    return {
        "format": 3,
        "contract": json.loads(paper.text) if paper else None,
        "contract_sha256": contract.terms_sha256,
        "contract_block": {"block": paper.seq, "hash": paper.block_hash} if paper else None,
        "signatures": [_signature(row) for row in papers.signatures(paper)] if paper else [],
        "state": contract.state,
        "tickets": [
            {
                "number": row.number,
                "plate": row.plate,
                "gross_kg": row.gross_kg,
                "tare_kg": row.tare_kg,
                "diameter_mm": row.diameter,
                "length_m": row.metres,
                "pieces": row.pieces,
                "theoretical_kg": row.theoretical_kg,
                "decided_kg": row.decided_kg,
                "refused": row.refused,
                "replaced": row.replaced,
                "at": _utc(row.at),
            }
            for row in WeighTicket.objects.filter(obligation=contract).order_by("number")
        ],
        "certificates": [
            {
                "ticket": row.ticket,
                "through_ticket": row.through,
                "umpire": row.is_umpire,
                "certificate": row.certificate,
                "agency": row.agency,
                "measured": row.measured,
                "at": _utc(row.at),
            }
            for row in Inspection.objects.filter(obligation=contract).order_by("pk")
        ],
        "statement": statement.body if statement else None,
        "statement_sha256": statement.sha256 if statement else "",
        "owed": {
            "late_fen": contract.late_fen,
            "storage_fen": contract.storage_fen,
            "unpaid_fen": contract.unpaid_fen,
            "penalty_fen": contract.penalty_fen,
        },
        "replacement": _replacement(replacement) if replacement else None,
        "dispute": _dispute(dispute) if dispute else None,
        "exhibits": [_exhibit(row) for row in exhibits.of_contract(contract)],
        "invoices": [
            {
                "number": row.number,
                "gross_fen": row.gross_fen,
                "vat_fen": row.vat_fen,
                "state": row.state,
                "red_number": row.red_number,
                "reason": row.reason,
                "at": _utc(row.at),
            }
            for row in Invoice.objects.filter(obligation=contract).order_by("pk")
        ],
        "receipts": [
            {
                "journal": row.key,
                "receipt": row.receipt_id,
                "kind": row.kind,
                "lots": row.lots,
                "weight_kg": row.weight_kg,
                "at": _utc(row.at),
            }
            for row in ReceiptChange.objects.filter(trade_id=contract.trade_id).order_by("key")
        ],
        "money": [
            {
                "id": str(row.pk),
                "block": row.seq,
                "kind": row.kind,
                "from_firm": row.debit.firm_id,
                "to_firm": row.credit.firm_id,
                "amount_fen": row.amount,
                "at": _utc(row.at),
            }
            for row in ledger.movements(contract.trade_id)
            if row.ledger == ledger.CNY
            and (seen_by is None or seen_by.pk in (row.debit.firm_id, row.credit.firm_id))
        ],
        "history": [
            {"kind": row.kind, "firm": row.firm_id, "at": _utc(row.at), "detail": row.detail}
            for row in ContractEvent.objects.filter(obligation=contract).order_by("pk")
        ],
    }


def _signature(row: ContractSignature) -> dict[str, Any]:
    return {
        "side": row.side,
        "firm": row.firm_id,
        "trader": row.trader_id,
        "signer": row.signer,
        "order": row.order_id,
        "client_order_id": row.client_order_id,
        "ordered_at": _utc(row.ordered_at),
    }


def _replacement(row: Replacement) -> dict[str, Any]:
    return {
        "by_firm": row.by_firm_id,
        "kg": row.kg,
        "days": row.days,
        "reason": row.reason,
        "at": _utc(row.at),
        "taken_at": _utc(row.taken_at) if row.taken_at else None,
    }


def _dispute(dispute: Dispute) -> dict[str, Any]:
    return {
        "by_firm": dispute.by_firm_id,
        "amount_fen": dispute.amount_fen,
        "reason": dispute.reason,
        "response": dispute.response,
        "state": dispute.state,
        "buyer_offer_fen": dispute.buyer_offer_fen,
        "seller_offer_fen": dispute.seller_offer_fen,
        "seller_gets_fen": dispute.seller_gets_fen,
        "decision": dispute.decision,
        "held_for": dispute.held_for,
        "held_document": dispute.held_document,
        "award_document": dispute.award_document,
    }


def _exhibit(row: Exhibit) -> dict[str, Any]:
    return {
        "number": row.number,
        "file": exhibits.file_name(row),
        "matter": row.matter,
        "side": row.side,
        "user": row.by_id,
        "description": row.description,
        "media_type": row.media_type,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "sent_sha256": row.sent_sha256,
        "at": _utc(row.at),
    }


def _utc(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")
