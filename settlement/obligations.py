"""What a trade obliges to, and how its state moves: one conditional update a step."""

from __future__ import annotations

import datetime as dt
from typing import Any

from exchange import reference
from exchange.keys import row_key
from exchange.models import Delivery, Instrument
from exchange.scope import current_venue_id
from matching.events import TradeExecuted
from matching.units import TradeId
from settlement.contracts import collecting, deadlines
from settlement.contracts.terms import write_terms
from settlement.models import Obligation, ObligationState
from settlement.models.obligation import NEXT
from settlement.quality import versions
from settlement.tax import split_vat


def open_obligation(event: TradeExecuted, *, at: dt.datetime) -> Obligation:
    """Open the contract of a trade, MATCHED; a repeat finds the first.

    Raises `VersionError` when goods to be accepted have no rules in force at the trade: the trade
    stands, nothing is written, and the follower stops before this block until there are rules.
    """
    venue_id = current_venue_id()
    instrument = Instrument.objects.select_related("venue", "commodity", "warehouse").get(
        pk=event.instrument_id
    )
    net, vat = split_vat(event.value_fen, instrument.vat_pct)
    obligation, _ = Obligation.objects.get_or_create(
        id=row_key(venue_id, event.trade_id),
        defaults={
            "venue_id": venue_id,
            "trade_id": event.trade_id,
            "instrument": instrument,
            "buyer_id": event.buyer_firm_id,
            "seller_id": event.seller_firm_id,
            "price_ticks": event.price_ticks,
            "quantity_lots": event.quantity_lots,
            "weight_kg": event.weight_kg,
            "value_fen": event.value_fen,
            "net_fen": net,
            "vat_fen": vat,
            "vat_pct": instrument.vat_pct,
            "buyer_fee_fen": event.buyer_fee_fen,
            "seller_fee_fen": event.seller_fee_fen,
            "committed_fen": event.buyer_committed_fen,
            "receipts": [list(row) for row in event.receipts],
            "state": ObligationState.MATCHED,
            "opened_at": at,
            "terms": _terms(instrument, at) if instrument.delivery == Delivery.ACCEPTANCE else {},
        },
    )
    return obligation


def _terms(instrument: Instrument, at: dt.datetime) -> dict[str, Any]:
    """Return all that the contract keeps: its terms, who collects, when parties are reminded."""
    reminds = instrument.commodity.parameters.get("remind_hours") or deadlines.HOURS
    terms = write_terms(
        instrument,
        versions.in_force(instrument.commodity, at),
        reference.fixture()["defaults"],
        always_open=instrument.venue.always_open,
    )
    return terms | {
        "collection": collecting.agreed(instrument),
        "remind_hours": list(reminds),
    }


def move(
    trade_id: TradeId,
    before: ObligationState,
    after: ObligationState,
    *,
    settled_at: dt.datetime | None = None,
) -> bool:
    """Move an obligation from `before` to `after`; False when somebody else got there first."""
    assert after in NEXT[before], f"{before} does not lead to {after}"
    changes: dict[str, object] = {"state": after}
    if settled_at is not None:
        changes["settled_at"] = settled_at
    return bool(Obligation.objects.filter(trade_id=trade_id, state=before).update(**changes))
