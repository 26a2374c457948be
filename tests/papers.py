"""Papers for goods in tests: everything that a registration states."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, Final

from settlement.receipt_papers import Certificate, Papers
from tests.pictures import PDF, picture

DAY: Final = dt.date(2026, 11, 20)
NOON: Final = dt.datetime(2026, 11, 23, 4, tzinfo=dt.UTC)


def papers(**change: Any) -> Papers:
    """Return papers of goods that came in on `DAY`, with one photo and a certificate."""
    given = Papers(
        depositor_address="日照市东港区 1 号",
        packing="散装",
        pieces=0,
        place="日照市石臼港区 3 号",
        stored_from=DAY,
        stored_until=dt.date(2027, 11, 19),
        issued_by="日照港煤炭堆场",
        issued_place="日照",
        issued_on=DAY,
        photos=(picture(),),
        is_unpledged=True,
        produced_on=dt.date(2026, 10, 1),
        certificate=Certificate("CCIC-1", "CCIC", DAY, None, PDF),
    )
    return replace(given, **change)
