"""The one way to list an instrument: no goods whose money rules decide without rules in force."""

from __future__ import annotations

import datetime as dt

from exchange import rulebook
from exchange.link import BlockingLink
from exchange.models import Delivery, Instrument, InstrumentStatus, User, Venue
from exchange.rulebook import InstrumentTerms
from settlement.quality import versions


def list_instrument(
    *,
    venue: Venue,
    operator: User | None,
    link: BlockingLink,
    terms: InstrumentTerms,
    today: dt.date,
    now: dt.datetime,
    before: Instrument | None = None,
) -> Instrument:
    """List an instrument, or tell the engine again of `before`, which these terms have made.

    Trades of what is delivered by acceptance are paid by the commodity's rules of quality and
    weight (RULEBOOK C13): while no version is in force, nobody may trade. Raises `VersionError`
    (NO_RULES, RULES_DAMAGED), and `RuleError` and `LinkError` as `rulebook.propose_instrument`.
    """
    if terms.delivery == Delivery.ACCEPTANCE:
        versions.in_force(terms.commodity, now)
    if before is None:
        return rulebook.propose_instrument(
            venue=venue, operator=operator, link=link, terms=terms, today=today
        )
    if before.status == InstrumentStatus.PROPOSED:
        rulebook.announce(before, link)
    return before
