"""Who is in the demo: people with seats, what each firm trades, and on which side.

Bots are one-sided per firm and product, so that the resale lock will never stop them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PASSWORD: Final = "haidai-demo-2026"  # noqa: S105 - printed by the command, for the demo only
"""One password for every person of the demo; the demo listens on 127.0.0.1 only."""

# firm -> commodities it sells and buys; sellers get receipts, buyers money.
SELLS: Final[dict[str, tuple[str, ...]]] = {
    "rzyf": ("COAL-T5500", "COAL-JM"),
    "qdhy": ("COAL-T5500", "COAL-JM"),
    "jnqf": ("STL-RB400E", "STL-HRC235"),
    "dzhf": ("GRN-WHT", "GRN-CRN", "GRN-SOY", "GRN-RIC"),
    "bzmy": ("CTN-3128B",),
    "rcyy": ("SEA-SQD", "SEA-HTL", "SEA-KLP"),
    "qdll": ("SEA-SHR",),
}
BUYS: Final[dict[str, tuple[str, ...]]] = {
    "lzrd": ("COAL-T5500", "COAL-JM"),
    "lyjc": ("STL-RB400E", "STL-HRC235"),
    "wfdf": ("COAL-T5500", "GRN-CRN", "GRN-WHT", "GRN-SOY"),
    "jnqf": ("GRN-RIC",),
    "lbhf": ("CTN-3128B",),
    "whhx": ("SEA-SQD", "SEA-HTL", "SEA-SHR", "SEA-KLP"),
    "qdll": ("SEA-SQD", "GRN-RIC"),
}


# Commodities that are listed a second time, for delivery and acceptance, with the share of the
# value that a buyer commits at entry. No bot trades them: people take their time.
ACCEPTED: Final[dict[str, int]] = {
    "COAL-T5500": 1_000,
    "STL-RB400E": 10_000,  # by theoretical weight
    "GRN-CRN": 10_000,
    "CTN-3128B": 10_000,
    "SEA-SQD": 10_000,
}


@dataclass(frozen=True, slots=True)
class Person:
    """A log-in of the demo. `firm` is "" for the venue's own people."""

    username: str
    venue: str
    firm: str
    role: str
    name_zh: str


def venue_people(venue: str) -> list[Person]:
    """Return a venue's own people: who operates, reviews, stores, inspects and settles."""
    return [
        Person(f"{venue}-operator", venue, "", "operator", "市场经办"),
        Person(f"{venue}-reviewer", venue, "", "reviewer", "市场复核"),
        Person(f"{venue}-warehouse", venue, "", "warehouse", "仓库"),
        Person(f"{venue}-inspector", venue, "", "inspector", "检验"),
        Person(f"{venue}-clerk", venue, "", "clerk", "结算员"),
    ]


def firm_people(venue: str, firm: str) -> list[Person]:
    """Return a firm's people at a venue; the same persons where it trades at two."""
    return [
        Person(f"{firm}-trader", venue, firm, "trader", "交易员"),
        Person(f"{firm}-finance", venue, firm, "finance", "财务"),
        Person(f"{firm}-checker", venue, firm, "finance", "财务复核"),
        Person(f"{firm}-delivery", venue, firm, "delivery", "提货员"),
        Person(f"{firm}-bot", venue, firm, "trader", "演示程序"),
    ]


def sides(venue_commodities: list[str], firm: str) -> list[tuple[str, str]]:
    """Return (commodity, "sell" or "buy") of a firm among a venue's commodities."""
    sells = [(code, "sell") for code in SELLS.get(firm, ()) if code in venue_commodities]
    buys = [(code, "buy") for code in BUYS.get(firm, ()) if code in venue_commodities]
    assert not {code for code, _ in sells} & {code for code, _ in buys}, "bots are one-sided"
    return sells + buys
