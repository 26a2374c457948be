"""The first moment of a contract that is delivered and accepted: what is due next."""

from __future__ import annotations

import datetime as dt

from settlement.contracts import paying
from settlement.contracts.flow import set_due, terms_of
from settlement.models import Obligation


def begin(contract: Obligation, *, at: dt.datetime) -> None:
    """With the price bound in full it is secured, else the rest is due by its deadline."""
    if contract.committed_fen >= paying.required_fen(contract):
        paying.secure(contract, at=at)
    else:
        set_due(contract, terms_of(contract).pay_by(at))
