"""What a contract says beyond price and quantity, fixed when it is made.

The venue's parameters may change later; a contract keeps the words that it was made with, and of
its commodity's rules the version that was in force at its trade (RULEBOOK C13). Missing parameters
or rules fail: a contract without its terms is never opened.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from exchange import trading_days
from exchange.models import Instrument
from exchange.rulebook import percent_to_bp
from matching.units import BasisPoints, Day
from settlement.limits import RESALE_DAYS
from settlement.models import RuleVersion
from settlement.quality import versions
from settlement.quality.rules import RuleSet, read_rules
from settlement.quality.tolerance import Tolerance, read_tolerance

EARNEST_CAP_BP: Final = 2_000
"""Earnest money above a fifth of the contract's value has no such effect (民法典 art. 586)."""
CUT_OFF: Final = dt.time(16)
"""End of the funds window, on the venue's clock: a payment day ends here."""
_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_DESCRIBED: Final = ("code", "attributes", "weight_basis")
"""What describes goods whose receipt passes at once: nothing is measured or adjusted afterwards."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Deadlines in days (payment in trading days), shares in basis points.

    `rules_number` is the version of the venue's rules; 0 for contracts older than versions.
    """

    rules: RuleSet
    rules_number: int
    tolerance: Tolerance
    always_open: bool
    payment_days: int
    delivery_days: int
    inspection_days: int
    umpire_days: int
    statement_days: int
    invoice_days: int
    remedy_days: int
    grace_days: int
    late_bp_per_day: BasisPoints
    buyer_penalty_bp: BasisPoints
    seller_penalty_bp: BasisPoints
    retention_bp: BasisPoints

    def pay_by(self, now: dt.datetime) -> dt.datetime:
        """Return the end of the last day on which a payment is in time."""
        today = trading_days.as_day(now.astimezone(_SHANGHAI).date())
        last = trading_days.add_trading_days(today, self.payment_days, always_open=self.always_open)
        day = trading_days.as_date(last)
        return dt.datetime.combine(day, CUT_OFF, tzinfo=_SHANGHAI).astimezone(dt.UTC)


def write_terms(
    instrument: Instrument,
    version: RuleVersion,
    defaults: Mapping[str, Any],
    *,
    always_open: bool,
) -> dict[str, Any]:
    """Return what a contract of the instrument keeps: plain JSON, integers and texts only.

    `version` is the one in force at the trade; its rules are copied whole, with number and digest.
    """
    parameters = instrument.commodity.parameters
    late = defaults["late_payment_penalty_pct_per_day"]
    penalty = defaults["default_penalty_pct"]
    return {
        "quality": versions.rules_of(version),
        "rules": {"number": version.number, "sha256": version.digest},
        "always_open": always_open,
        "payment_days": defaults["buyer_cover"]["full_payment_trading_days"],
        "delivery_days": parameters["delivery"]["window_days"],
        "inspection_days": parameters["inspection"]["window_days"],
        "umpire_days": 7,
        "statement_days": 2,
        "invoice_days": 5,
        "remedy_days": 2,
        "grace_days": 3,
        "late_bp_per_day": percent_to_bp(late),
        "buyer_penalty_bp": percent_to_bp(penalty["buyer"]),
        "seller_penalty_bp": percent_to_bp(penalty["seller"]),
        "retention_bp": 500,
    }


def read_terms(kept: Mapping[str, Any]) -> Terms:
    """Return the terms that a contract keeps. Raises `KeyError` for a missing one."""
    quality = kept["quality"]
    return Terms(
        rules=read_rules(quality),
        rules_number=kept["rules"]["number"] if "rules" in kept else 0,
        tolerance=read_tolerance(quality),
        always_open=kept["always_open"],
        payment_days=kept["payment_days"],
        delivery_days=kept["delivery_days"],
        inspection_days=kept["inspection_days"],
        umpire_days=kept["umpire_days"],
        statement_days=kept["statement_days"],
        invoice_days=kept["invoice_days"],
        remedy_days=kept["remedy_days"],
        grace_days=kept["grace_days"],
        late_bp_per_day=kept["late_bp_per_day"],
        buyer_penalty_bp=kept["buyer_penalty_bp"],
        seller_penalty_bp=kept["seller_penalty_bp"],
        retention_bp=kept["retention_bp"],
    )


def kept_quality(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a contract by receipt keeps of its commodity: what the goods are said to be."""
    return {key: parameters[key] for key in _DESCRIBED}


def resale_day(bought_at: dt.datetime, *, always_open: bool) -> Day:
    """Return the first day on which goods bought at this instant may be sold again.

    国发〔2011〕38号: five trading days. Raises `BeyondHorizon` past the published calendar.
    """
    bought_on = trading_days.as_day(bought_at.astimezone(_SHANGHAI).date())
    return trading_days.add_trading_days(bought_on, RESALE_DAYS, always_open=always_open)


def canonical(value: Any) -> str:
    """Return JSON that is the same text for the same content, for digests and signatures."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return text_digest(canonical(value))


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
