"""The engine against a naive venue written from the rules: all commands, all phases."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from matching import commands as c
from matching.events import CancelReason, RejectReason
from tests.matching.naive_chance import campaign

DEEP = int(os.environ.get("HAIDAI_DEEP", "1"))
CAMPAIGNS = max(60, 24 * DEEP)
BATCH = 6 * max(DEEP // 8, 1)


@pytest.mark.parametrize("first", range(0, CAMPAIGNS, BATCH))
def test_the_engine_says_and_does_what_a_naive_venue_does(first: int) -> None:
    for seed in range(first, min(first + BATCH, CAMPAIGNS)):
        campaign(seed)


def test_an_auction_ends_when_the_bound_on_holders_has_taken_its_orders() -> None:
    campaign(6_890)  # of the deep run: the naive venue had counted on them to the end


EVERYTHING = """
in rest trade shows reduced amended suspended resumed triggered interrupted auction indicated phase
withdrawn switched time ended again
cash goods withheld paid settled discharged busted
talk proposal talked
announced opened joined bid extended clock closed bond
"""


def test_the_campaigns_meet_everything_that_can_happen() -> None:
    met: Counter[str] = Counter()
    for seed in range(60, 120):
        met.update(campaign(seed).met)
    wanted = {
        *EVERYTHING.split(),
        *(f"ended {reason.name}" for reason in CancelReason),
        *(f"refused {reason}" for reason in RejectReason),
        *(kind.__name__ for kind in c.AnyCommand.__args__),
    }
    assert wanted - met.keys() == set()
