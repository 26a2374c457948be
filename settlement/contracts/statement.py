"""The final statement: what was weighed and found, worked out to the fen for both parties.

Pure. Every figure of the body can be recomputed from the contract's terms and the tickets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matching.units import Fen, Kg
from settlement.contracts.terms import Terms
from settlement.quality.assess import Pieces, Statement, assess
from settlement.quality.rules import Action
from settlement.quality.text import decimal_text
from settlement.quality.tolerance import Amount, Delivered, weigh
from settlement.tax import split_vat


@dataclass(frozen=True, slots=True)
class Counted:
    """Bars of a ticket that are paid by count: their weight by the rules, and the scale's."""

    pieces: Pieces
    theoretical_kg: Kg
    scale_kg: Kg


@dataclass(frozen=True, slots=True)
class Ticket:
    """A weighing: its number, the kg that count, and whether the buyer refuses the goods.

    What counts is the decided weight, else that of the bars `counted`, else the scale's.
    """

    number: int
    net_kg: Kg
    refused: bool
    counted: Counted | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A certificate: for one ticket, or for all (0); an umpire's goes before the first one."""

    ticket: int
    is_umpire: bool
    measured: Mapping[str, str]
    certificate: str
    through: int = 0

    def covers(self, ticket: int) -> bool:
        """Say whether it is of this ticket; one of all may end with a ticket (`through`)."""
        return self.ticket == ticket or (
            not self.ticket and (not self.through or ticket <= self.through)
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Tickets that share a certificate, and what they come to. No certificate: as agreed."""

    tickets: tuple[int, ...]
    kg: Kg
    certificate: str
    measured: Mapping[str, str]
    statement: Statement | None
    value_fen: Fen


@dataclass(frozen=True, slots=True)
class Final:
    """What a contract comes to. `body()` is what is signed."""

    parts: tuple[Part, ...]
    delivered: Delivered
    delivered_kg: Kg
    accepted_kg: Kg
    payable_kg: Kg
    value_fen: Fen
    net_fen: Fen
    vat_fen: Fen
    missing_kg: Kg
    missing_fen: Fen
    counted: tuple[Ticket, ...] = ()
    kg_per_m: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the statement as plain JSON: integers and texts.

        Where goods are paid by theoretical weight `counted` says what each ticket's comes from.
        """
        return self._figures() | ({"counted": self._bars()} if self.counted else {})

    def _bars(self) -> list[dict[str, Any]]:
        return [
            {
                "ticket": ticket.number,
                "diameter_mm": bars.pieces.diameter,
                "length_m": bars.pieces.metres,
                "pieces": bars.pieces.count,
                "kg_per_m": self.kg_per_m[bars.pieces.diameter],
                "theoretical_kg": bars.theoretical_kg,
                "scale_kg": bars.scale_kg,
                "paid_kg": 0 if ticket.refused else ticket.net_kg,
            }
            for ticket in self.counted
            if (bars := ticket.counted) is not None
        ]

    def _figures(self) -> dict[str, Any]:
        return {
            "parts": [
                {
                    "tickets": list(part.tickets),
                    "kg": part.kg,
                    "certificate": part.certificate,
                    "measured": dict(part.measured),
                    "value_fen": part.value_fen,
                }
                for part in self.parts
            ],
            "delivered_kg": self.delivered_kg,
            "accepted_kg": self.accepted_kg,
            "payable_kg": self.payable_kg,
            "value_fen": self.value_fen,
            "net_fen": self.net_fen,
            "vat_fen": self.vat_fen,
            "missing_kg": self.missing_kg,
            "missing_fen": self.missing_fen,
        }


def certificate_of(ticket: int, found: Sequence[Found]) -> Found | None:
    """Return the certificate that counts for a ticket: umpire before first, own before common."""
    ranked = sorted(
        (one for one in found if one.covers(ticket)),
        key=lambda one: (one.is_umpire, one.ticket != 0),
    )
    return ranked[-1] if ranked else None


def gravest(terms: Terms, measured: Mapping[str, str], *, price: Fen, kg: Kg) -> Action | None:
    """Return what the rejects ask for, judged alone. Raises `AssessError` for wrong values."""
    return assess(terms.rules, price=price, delivered_kg=kg, measured=measured).action


def draw(
    terms: Terms,
    *,
    price: Fen,
    agreed_kg: Kg,
    tickets: Sequence[Ticket],
    found: Sequence[Found],
    excess_refused: bool,
) -> Final:
    """Work out the final statement at a contract price in fen a tonne, VAT included.

    What was refused is not paid; of an excess beyond the tolerance that the buyer refuses the last
    tickets' kilograms are left out. The value of each part is rounded once, VAT once on their sum.
    """
    delivered_kg = sum(ticket.net_kg for ticket in tickets)
    taken = [ticket for ticket in tickets if not ticket.refused]
    accepted_kg = sum(ticket.net_kg for ticket in taken)
    delivered = weigh(terms.tolerance, agreed_kg=agreed_kg, delivered_kg=accepted_kg)
    cut = delivered.may_refuse_kg if excess_refused else 0
    payable_kg = accepted_kg - cut
    groups: dict[int, tuple[Found | None, list[int], Kg]] = {}
    for ticket in reversed(taken):
        less = min(cut, ticket.net_kg)
        cut -= less
        counts = certificate_of(ticket.number, found)
        key = found.index(counts) if counts is not None else -1
        _, numbers, kg = groups.get(key, (None, [], 0))
        groups[key] = (counts, [ticket.number, *numbers], kg + ticket.net_kg - less)
    parts = []
    for counts, numbers, kg in sorted(groups.values(), key=lambda group: group[1]):
        statement = None
        if counts is not None:
            statement = assess(terms.rules, price=price, delivered_kg=kg, measured=counts.measured)
            value = statement.value_fen
        else:
            value = worth(price, kg)
        parts.append(
            Part(
                tuple(numbers),
                kg,
                counts.certificate if counts else "",
                counts.measured if counts else {},
                statement,
                value,
            )
        )
    value = sum(part.value_fen for part in parts)
    net, vat = split_vat(value, terms.rules.vat_pct)
    missing = delivered.missing_kg if delivered.amount is Amount.SHORT else 0
    return Final(
        tuple(parts), delivered, delivered_kg, accepted_kg, payable_kg, value, net, vat,
        missing, worth(price, missing),
        counted=tuple(ticket for ticket in tickets if ticket.counted is not None),
        kg_per_m={size: decimal_text(kg) for size, kg in terms.rules.kg_per_m.items()},
    )  # fmt: skip


def worth(price: Fen, kg: Kg) -> Fen:
    """Return the value of `kg` at a price in fen a tonne, half up to the fen."""
    return (2 * price * kg + 1000) // 2000
