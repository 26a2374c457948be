"""Who cannot pay in, and which obligations drop out because of it.

A firm *pays for* an obligation when all its dues of that obligation together cost it money; a
seller that pays a fee out of the price does not. The rule, in rounds:

1. Of what stays, each firm's net is counted. A firm fails when its net is above its funding.
2. Every failing firm drops obligations that it pays for, the latest (highest id) first, and stops
   as soon as its own net, the others' unchanged, is within its funding.
3. What any firm dropped leaves the batch whole, so others lose income: the next round counts anew.

All firms of a round look at the same nets, so no firm's place in a list matters. Strictly the
latest first: a small late obligation never overtakes a large early one, which a firm could
otherwise keep out by what it buys afterwards. A firm can always come within its funding, because
without anything that it pays for it pays nothing in; each round drops something, so it ends.

Where each obligation has one firm that pays for it, as a trade has, the rounds never drop too
much: losing others' obligations only ever takes income away, so what a firm drops it could not
have kept in any outcome. What stays is then the largest batch in which every firm can pay in and
keeps its obligations oldest first; it contains every other such batch. Where two firms both pay a
third for one obligation (two fees without a price) and both fail, each drops as if alone: the one
may drop more than it would have needed to, had it known that the other fails as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from matching.units import Fen, FirmId
from settlement.netting.words import Dropped, Due, ObligationId

Shares: TypeAlias = Mapping[ObligationId, Mapping[FirmId, Fen]]


def unfunded(dues: Sequence[Due], funding: Mapping[FirmId, Fen]) -> tuple[Dropped, ...]:
    """Return what must leave the batch until every firm can pay in, by round and obligation.

    `funding` is the most that a firm can pay in, in fen, not below zero; a firm that it does not
    name can pay anything. Linear in the dues, but for one sort, however many rounds it takes.
    """
    shares, nets = _shares(dues)
    failing = _failing(funding, nets, funding)
    if not failing:
        return ()
    charges = _charges(shares, funding)
    dropped: list[Dropped] = []
    gone: set[ObligationId] = set()
    round_no = 0
    while failing:
        round_no += 1
        failed: defaultdict[ObligationId, list[FirmId]] = defaultdict(list)
        for firm in failing:
            short = nets[firm] - funding[firm]
            pile = charges[firm]
            while short > 0:
                # Never empty: all that the firm pays for is worth its net or more.
                obligation, charge = pile.pop()
                if obligation not in gone:
                    failed[obligation].append(firm)
                    short -= charge
        touched = set()
        for obligation in sorted(failed):
            dropped.append(Dropped(obligation, tuple(failed[obligation]), round_no))
            gone.add(obligation)
            for firm, share in shares[obligation].items():
                nets[firm] -= share
                touched.add(firm)
        failing = _failing(touched, nets, funding)
    return tuple(dropped)


def _shares(dues: Sequence[Due]) -> tuple[Shares, dict[FirmId, Fen]]:
    """Return what each obligation costs each of its firms, and each firm's net over all."""
    shares: defaultdict[ObligationId, defaultdict[FirmId, Fen]]
    shares = defaultdict(lambda: defaultdict(int))
    nets: defaultdict[FirmId, Fen] = defaultdict(int)
    for due in dues:
        share = shares[due.obligation_id]
        share[due.payer_id] += due.amount_fen
        share[due.payee_id] -= due.amount_fen
        nets[due.payer_id] += due.amount_fen
        nets[due.payee_id] -= due.amount_fen
    return shares, dict(nets)


def _failing(
    firms: set[FirmId] | Mapping[FirmId, Fen],
    nets: Mapping[FirmId, Fen],
    funding: Mapping[FirmId, Fen],
) -> list[FirmId]:
    """Return those of `firms` whose net is above their funding, lowest id first."""
    return sorted(firm for firm in firms if firm in funding and nets.get(firm, 0) > funding[firm])


def _charges(
    shares: Shares, funding: Mapping[FirmId, Fen]
) -> dict[FirmId, list[tuple[ObligationId, Fen]]]:
    """Return what each firm with a bound pays for and how much, the latest at the end."""
    charges: dict[FirmId, list[tuple[ObligationId, Fen]]] = {firm: [] for firm in funding}
    for obligation in sorted(shares):
        for firm, share in shares[obligation].items():
            if share > 0 and firm in charges:
                charges[firm].append((obligation, share))
    return charges
