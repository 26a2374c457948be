"""The contract as a paper: one canonical text, one digest, which both parties have signed.

Parties sign by the framework agreement that they joined the venue with: their order is the
signature (民法典 art. 491, 电子商务法 art. 49). The text is kept as it was sealed, with who gave
which order when and the journal block of the trade (电子签名法 arts 5, 6, 13: complete, unchanged,
attributable); names and parameters may change later, the paper does not.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from exchange import trading_days
from exchange.blocks import Block
from exchange.models import Firm, OrderRow, User
from matching.commands import Side
from matching.events import TradeExecuted
from settlement import receipts
from settlement.contracts import disputes, settling
from settlement.contracts.flow import note
from settlement.contracts.terms import (
    canonical,
    kept_quality,
    read_terms,
    resale_day,
    text_digest,
)
from settlement.models import ContractPaper, ContractSignature, Obligation, Receipt
from settlement.quality.rules import read_rules

FORMAT: Final = 2
"""Of the canonical text. 1, until papers were kept, had fees, but no piles, storage or English."""
_STORAGE: Final = ("fee_per_t_day", "free_days", "natural_loss_pct")


class DamagedPaper(Exception):
    """A kept text is not the one that was sealed. The message names the contract."""


def document(contract: Obligation) -> dict[str, Any]:
    """Return everything that the parties agree at the trade: integers, texts, instants in UTC.

    What each of them pays the venue in fees is not the other's business, and not in it.
    """
    instrument = contract.instrument
    commodity, warehouse, venue = instrument.commodity, instrument.warehouse, contract.venue
    parameters = commodity.parameters
    terms = contract.terms or {"quality": kept_quality(parameters)}
    days = venue.always_open
    resale = "" if contract.terms else _iso(resale_day(contract.opened_at, always_open=days))
    pay_by = ""
    if contract.terms and instrument.cover_bp < 10_000:
        pay_by = _utc(read_terms(terms).pay_by(contract.opened_at))
    return {
        "format": FORMAT,
        "venue": venue.code,
        "venue_name": {"zh": venue.name_zh, "en": venue.name_en},
        "trade_id": contract.trade_id,
        "made_at": _utc(contract.opened_at),
        "discharge": instrument.delivery,
        "buyer": _party(contract.buyer),
        "seller": _party(contract.seller),
        "instrument": instrument.code,
        "goods": f"{instrument.name_zh} {instrument.grade_zh}",
        "goods_name": {"zh": instrument.name_zh, "en": instrument.name_en},
        "grade": {"zh": instrument.grade_zh, "en": instrument.grade_en},
        "delivery_basis": instrument.basis,
        "warehouse": warehouse.code,
        "warehouse_name": {"zh": warehouse.name_zh, "en": warehouse.name_en},
        "warehouse_city": warehouse.city_zh,
        "receipts": _receipts(contract),
        "quantity_lots": contract.quantity_lots,
        "lot_kg": instrument.lot_kg,
        "unit": instrument.unit,
        "weight_kg": contract.weight_kg,
        "price_fen_per_t": contract.price_ticks * instrument.tick_fen_per_t,
        "value_fen": contract.value_fen,
        "net_fen": contract.net_fen,
        "vat_fen": contract.vat_fen,
        "vat_pct": contract.vat_pct,
        "deposit_bp": instrument.cover_bp,
        "pay_by": pay_by,
        "resale_from": resale,
        "storage": {name: parameters["storage"][name] for name in _STORAGE},
        "inspection_agencies": parameters["inspection"]["agencies"],
        "inspection_final": parameters["inspection"]["final"],
        "rules_sha256": read_rules(terms["quality"]).digest if contract.terms else "",
        "dispute_days": {
            "response": settling.RESPONSE_DAYS,
            "conciliation": disputes.CONCILIATION_DAYS,
            "appeal": disputes.APPEAL_DAYS,
        },
        "terms": terms,
    }


def seal(
    contract: Obligation, event: TradeExecuted, *, block: Block, at: dt.datetime
) -> ContractPaper:
    """Seal a new contract and record both signatures; a repeat finds the first paper.

    Both orders are in the rows of the exchange: its follower reads a block before settlement does.
    """
    text = canonical(document(contract))
    sealed = text_digest(text)
    paper, is_new = ContractPaper.objects.get_or_create(
        obligation=contract,
        defaults={
            "venue_id": contract.venue_id,
            "text": text,
            "sha256": sealed,
            "seq": block.seq,
            "block_hash": block.hash.hex(),
            "engine_version": block.engine_version,
            "at": at,
        },
    )
    if not is_new:
        return paper
    Obligation.objects.filter(pk=contract.pk).update(terms_sha256=sealed)
    contract.terms_sha256 = sealed
    _sign(paper, contract, event)
    if contract.terms:  # one that passes by receipt has no history
        for firm_id in (contract.buyer_id, contract.seller_id):
            note(contract, "signed", at=at, firm_id=firm_id, sha256=sealed)
    return paper


def find(contract: Obligation) -> ContractPaper | None:
    """Return the contract's paper, None for one that passed by receipt before texts were kept.

    Raises `DamagedPaper` when the text does not have the digest that was signed.
    """
    paper = ContractPaper.objects.filter(obligation=contract).first()
    if paper is not None and text_digest(paper.text) != paper.sha256:
        raise DamagedPaper(f"venue {contract.venue_id}, contract {contract.trade_id}")
    return paper


def signatures(paper: ContractPaper) -> list[ContractSignature]:
    """Return what bound each party, the buyer first; none for a paper of the first format."""
    rows = paper.signatures.select_related("firm")
    return sorted(rows, key=lambda row: row.side)


def _sign(paper: ContractPaper, contract: Obligation, event: TradeExecuted) -> None:
    numbers = (event.maker_order_id, event.taker_order_id)
    orders = {row.side: row for row in OrderRow.objects.filter(order_id__in=numbers)}
    traders = User.objects.in_bulk([row.trader_id for row in orders.values()])
    rows = []
    for side, name, firm_id in (
        (Side.BUY, "buyer", contract.buyer_id),
        (Side.SELL, "seller", contract.seller_id),
    ):
        order = orders[side]
        assert order.firm_id == firm_id, f"order {order.order_id} is not of the {name}"
        person = traders.get(order.trader_id)
        rows.append(
            ContractSignature(
                venue_id=contract.venue_id,
                paper=paper,
                side=name,
                firm_id=firm_id,
                trader_id=order.trader_id,
                signer=(person.name_zh or person.get_username()) if person else "",
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                ordered_at=order.entered_at,
            )
        )
    ContractSignature.objects.bulk_create(rows)


def _party(firm: Firm) -> dict[str, str]:
    return {"name": firm.name_zh, "name_en": firm.name_en, "uscc": firm.uscc}


def _receipts(contract: Obligation) -> list[dict[str, Any]]:
    """Return the receipts that the trade consumed, with the pile that each stands for."""
    numbers = [row[0] for row in contract.receipts]
    found = Receipt.objects.select_related("venue").in_bulk(numbers)
    return [
        {
            "number": receipts.number(found[receipt_id]),
            "pile": found[receipt_id].lot_reference,
            "lots": lots,
            "weight_kg": kg,
        }
        for receipt_id, lots, kg in contract.receipts
    ]


def _iso(day: int) -> str:
    return trading_days.as_date(day).isoformat()


def _utc(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")
