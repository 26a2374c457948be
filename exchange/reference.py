"""Reference data: venues, commodities, warehouses and firms from `fixtures/commodities.yaml`."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from stdnum.cn import uscc

from exchange.models import Commodity, Firm, Membership, Venue, Warehouse

FIXTURE = Path(__file__).parent / "fixtures" / "commodities.yaml"
VENUE_IDS = {"QLDZ": 1, "JDSC": 2, "LBLM": 3}
"""The demo's venues; a real operator's ids come from the platform's own register."""


class _Exact(yaml.SafeLoader):
    """Loads decimal numbers as text, so that no figure of the fixture becomes a float."""


def _as_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Exact.add_constructor("tag:yaml.org,2002:float", _as_text)


@cache
def fixture() -> dict[str, Any]:
    """Return the fixture as data. To be read, not written."""
    with FIXTURE.open(encoding="utf-8") as source:
        data: dict[str, Any] = yaml.load(source, Loader=_Exact)  # noqa: S506 - a SafeLoader
    return data


def check_uscc(code: str) -> None:
    """Raise `ValueError` unless both check digits of a unified social credit code are right.

    GB 32100: the last character checks all; characters 9 to 17 are an organisation code with a
    check character of its own (GB 11714).
    """
    try:
        uscc.validate(code)
    except Exception as error:
        raise ValueError(f"{code}: not a unified social credit code") from error
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    total = sum(
        weight * letters.index(letter) for weight, letter in zip(weights, code[8:16], strict=True)
    )
    expected = (11 - total % 11) % 11
    if code[16] != ("X" if expected == 10 else str(expected)):
        raise ValueError(f"{code}: the organisation code inside does not check")


def lots(quantity: dict[str, Any], amount: Any) -> int:
    """Return `amount` of the fixture's unit in lots: tonnes by lot mass, pieces one for one."""
    if quantity["unit"] != "t":
        return int(amount)
    exact = Decimal(str(amount)) * 1000 / quantity["lot_kg"]
    if exact != exact.to_integral_value():
        raise ValueError(f"{amount} t is not a whole number of lots")
    return int(exact)


@transaction.atomic
def load() -> list[Venue]:
    """Write the fixture's venues, commodities, warehouses, firms and memberships; repeatable."""
    data = fixture()
    for row in data["warehouses"]:
        Warehouse.objects.update_or_create(
            code=row["code"],
            defaults={
                "name_zh": row["zh"],
                "name_en": row["en"],
                "city_zh": row["city"],
                "port_zh": row["port"] or "",
                "categories": row["categories"],
                "capacity_kg": row["capacity_t"] * 1000,
            },
        )
    for row in data["commodities"]:
        Commodity.objects.update_or_create(
            code=row["code"],
            defaults={
                "name_zh": row["zh"],
                "name_en": row["en"],
                "category": row["category"],
                "vat_pct": row["vat_pct"],
                "parameters": row,
            },
        )
    venues = []
    for row in data["demo"]["tenants"]:
        venue, _ = Venue.objects.update_or_create(
            id=VENUE_IDS[row["code"]],
            defaults={
                "code": row["code"].lower(),
                "name_zh": row["zh"],
                "name_en": row["en"],
            },
        )
        venues.append(venue)
    by_code = {venue.code: venue for venue in venues}
    for row in data["demo"]["firms"]:
        check_uscc(row["uscc"])
        firm, _ = Firm.objects.update_or_create(
            code=row["code"].lower(),
            defaults={"uscc": row["uscc"], "name_zh": row["zh"], "name_en": row["en"]},
        )
        for tenant in row["tenants"]:
            Membership.objects.across_venues().update_or_create(
                venue=by_code[tenant.lower()],
                firm=firm,
                defaults={
                    "may_buy": row["role"] in ("buyer", "both"),
                    "may_sell": row["role"] in ("seller", "both"),
                },
            )
    return venues


def venue_commodities(venue: Venue) -> list[Commodity]:
    """Return the commodities that the fixture gives to a venue."""
    for row in fixture()["demo"]["tenants"]:
        if row["code"].lower() == venue.code:
            found = Commodity.objects.in_bulk(row["commodities"], field_name="code")
            return [found[code] for code in row["commodities"]]
    return []
