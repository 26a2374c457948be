"""Late collection (RULEBOOK 4.7): storage is the buyer's from the cut-off day, then it defaults.

Unless the seller brings the goods to the buyer (basis `DELIVERED`) it is the buyer that sends for
them with its pick-up code. What still lies in store when the delivery window ends costs the buyer
storage for a bounded number of days, at the rate that the contract was made with.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from exchange import trading_days
from exchange.models import Instrument
from matching.units import Fen, Kg
from settlement.contracts.flow import change, note, set_due, terms_of
from settlement.models import Obligation, Replacing, WeighTicket
from settlement.quality.tolerance import weigh

DAYS_MOST: Final = 10
"""Days after the delivery window for which goods wait for a late buyer."""


def agreed(instrument: Instrument) -> dict[str, Any]:
    """Return what a contract keeps about collection. Raises `KeyError` for a missing tariff.

    Raises `ValueError` for a tariff below a fen a tonne and day.
    """
    parameters = instrument.commodity.parameters
    exact = Decimal(parameters["storage"]["fee_per_t_day"]) * 100
    if exact != int(exact):
        raise ValueError(f"storage of {instrument.code}: not whole fen")
    return {
        "by": "seller" if instrument.basis == "DELIVERED" else "buyer",
        "days": min(parameters["delivery"]["window_days"], DAYS_MOST),
        "storage_fen_per_t_day": int(exact),
    }


def is_buyers(contract: Obligation) -> bool:
    """Say whether the buyer sends for the goods: for a replacement once it lies ready."""
    by_terms = contract.terms.get("collection", {}).get("by") == "buyer"
    return bool(by_terms and contract.replacing != Replacing.DUE)


def may_wait(contract: Obligation) -> bool:
    """Say whether the goods may wait for the buyer once more: they do so once."""
    return is_buyers(contract) and contract.storage_from is None


def begin_late(contract: Obligation, *, at: dt.datetime) -> None:
    """The delivery window is over and the buyer's goods still lie there: storage is its own now."""
    assert contract.due_at is not None
    due = contract.due_at + dt.timedelta(days=contract.terms["collection"]["days"])
    cut_off = contract.due_at
    note(contract, "collection_late", at=at, firm_id=contract.buyer_id)
    change(contract, storage_from=cut_off)
    set_due(contract, due)


def charge(contract: Obligation, *, until: dt.datetime) -> None:
    """Fix the storage that a late buyer owes up to now; nothing for one that came in time."""
    if contract.storage_from is None:
        return
    rows = WeighTicket.objects.filter(obligation=contract, replaced=False)
    fen = storage_fen(
        agreed_kg=contract.weight_kg,
        collected=[(_day(row.at), row.net_kg) for row in rows],
        since=_day(contract.storage_from),
        until=_day(until),
        fen_per_t_day=contract.terms["collection"]["storage_fen_per_t_day"],
    )
    before = contract.replacement.storage_fen if contract.replacing else 0
    change(contract, storage_fen=before + fen)
    if fen:
        note(contract, "storage", at=until, firm_id=contract.buyer_id, amount_fen=fen)


def storage_fen(
    *,
    agreed_kg: Kg,
    collected: Iterable[tuple[dt.date, Kg]],
    since: dt.date,
    until: dt.date,
    fen_per_t_day: Fen,
) -> Fen:
    """Return storage of what was agreed, from the cut-off day until each part left, in fen.

    A night in store is a day to pay; what is collected beyond what was agreed is not the buyer's
    to store. Rounded half up once.
    """
    left, kg_days = agreed_kg, 0
    for day, kg in sorted(collected):
        kg_days += min(kg, left) * max((day - since).days, 0)
        left -= min(kg, left)
    kg_days += left * max((until - since).days, 0)
    return (2 * kg_days * fen_per_t_day + 1_000) // 2_000


def lacks_kg(contract: Obligation) -> Kg:
    """Return what lacks to the least weight that fulfils the contract, by the tickets so far."""
    rows = WeighTicket.objects.filter(obligation=contract, replaced=False)
    net_kg = sum(row.net_kg for row in rows)
    tolerance = terms_of(contract).tolerance
    return weigh(tolerance, agreed_kg=contract.weight_kg, delivered_kg=net_kg).missing_kg


def _day(at: dt.datetime) -> dt.date:
    """Return the day of an instant where the goods lie."""
    return at.astimezone(trading_days.SHANGHAI).date()
