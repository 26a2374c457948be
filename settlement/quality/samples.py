"""A venue's own last statements as samples of goods, for the preview of changed rules."""

from __future__ import annotations

from typing import Any

from exchange.models import Commodity
from settlement.limits import RULE_SAMPLES
from settlement.models import FinalStatement
from settlement.quality.assess import Pieces
from settlement.quality.preview import Sample


def last_statements(commodity: Commodity) -> list[tuple[int, Sample]]:
    """Return (trade id, sample) of each part of the current venue's last statements."""
    rows = FinalStatement.objects.select_related("obligation__instrument").filter(
        obligation__instrument__commodity=commodity
    )
    found = []
    for row in rows.order_by("-pk")[:RULE_SAMPLES]:
        contract = row.obligation
        price = contract.price_ticks * contract.instrument.tick_fen_per_t
        for part in row.body["parts"]:
            tickets = "、".join(str(number) for number in part["tickets"])
            pieces = _pieces(row.body, part)
            sample = Sample(tickets, price, part["kg"], pieces, part["measured"])
            found.append((contract.trade_id, sample))
    return found


def _pieces(body: dict[str, Any], part: dict[str, Any]) -> tuple[Pieces, ...]:
    """Return the bars of a part; none where a decision or a cut stands instead of the count."""
    bars = [one for one in body.get("counted", ()) if one["ticket"] in part["tickets"]]
    if not bars or sum(one["theoretical_kg"] for one in bars) != part["kg"]:
        return ()
    return tuple(Pieces(one["diameter_mm"], one["length_m"], one["pieces"]) for one in bars)
