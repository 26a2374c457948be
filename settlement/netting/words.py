"""What netting speaks of: dues come in; legs, their lines and what dropped out come back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, TypeAlias

from matching.units import Fen, FirmId

ObligationId: TypeAlias = int

OPERATOR: Final[FirmId] = 0
"""The venue's operator, who is paid the fees; it has a leg like any firm."""


class NettingError(ValueError):
    """The input was refused whole, nothing was netted; `code` is stable, `detail` says where.

    - `TOO_MANY`: more dues than `limits.NETTING_DUES`;
    - `FIRM`: a payer, payee or funded firm below 0;
    - `SAME_FIRM`: a firm that would pay itself;
    - `AMOUNT`: a due that is zero, negative or above `limits.NETTING_DUE_MOST_FEN`;
    - `FUNDING`: a firm that could pay in less than nothing.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Due:
    """One payment that an obligation asks for today: `amount_fen` from payer to payee, above zero.

    An obligation may have several: price, fee, top-up, refund; `what` names it on the statement.
    """

    obligation_id: ObligationId
    payer_id: FirmId
    payee_id: FirmId
    amount_fen: Fen
    what: str


@dataclass(frozen=True, slots=True)
class Leg:
    """The one movement between a firm's bank and the venue's: paid in above zero, out below."""

    firm_id: FirmId
    amount_fen: Fen


@dataclass(frozen=True, slots=True)
class Line:
    """One due as one of its firms sees it: it pays the counterparty above zero, is paid below."""

    firm_id: FirmId
    obligation_id: ObligationId
    counterparty_id: FirmId
    amount_fen: Fen
    what: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """An obligation that is not in the batch, and why.

    `failed` are the firms that had to pay for it and lacked the funding, lowest id first. It is
    one firm, unless two firms pay a third for one obligation and both fail in the same round.
    `round_no` counts from 1; whoever fails in a later round lost income in the one before it.
    """

    obligation_id: ObligationId
    failed: tuple[FirmId, ...]
    round_no: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The bank legs of one venue and day, and their explanation.

    Invariants, checked by `check()`:
      1. A firm has at most one leg, no leg is zero; legs stand by firm.
      2. What is paid in is paid out, the operator's leg included.
      3. A firm's lines sum to its leg exactly, or to zero where it has none.
      4. An obligation's lines sum to zero, and what dropped out has no line.
    """

    legs: tuple[Leg, ...]
    """By firm."""
    lines: tuple[Line, ...]
    """By firm, then obligation; a firm that nets to zero has lines and no leg."""
    dropped: tuple[Dropped, ...]
    """By round, then obligation."""

    @property
    def moved_fen(self) -> Fen:
        """Return what the firms pay in together, in fen: the money that the batch moves."""
        return sum(leg.amount_fen for leg in self.legs if leg.amount_fen > 0)

    def check(self) -> None:
        """Assert the invariants; AssertionError means a bug in netting, never wrong input."""
        firms = [leg.firm_id for leg in self.legs]
        assert firms == sorted(set(firms)), "one leg a firm, by firm"
        assert all(leg.amount_fen for leg in self.legs), "no leg is zero"
        assert sum(leg.amount_fen for leg in self.legs) == 0, "paid in is paid out"
        of_firm: defaultdict[FirmId, Fen] = defaultdict(int)
        of_obligation: defaultdict[ObligationId, Fen] = defaultdict(int)
        for line in self.lines:
            of_firm[line.firm_id] += line.amount_fen
            of_obligation[line.obligation_id] += line.amount_fen
        explained = {firm: amount for firm, amount in of_firm.items() if amount}
        assert explained == {leg.firm_id: leg.amount_fen for leg in self.legs}, "lines sum to legs"
        assert not any(of_obligation.values()), "an obligation pays what it is paid"
        assert all(one.obligation_id not in of_obligation for one in self.dropped), "wholly or not"
