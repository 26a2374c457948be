"""The followers' process, killed without warning while the market trades and settles."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.product import Product

TRIES = 20
"""Each takes the time of a command, during which bots trade."""
KILLS = 4
"""`serve` takes a process that dies more often within a minute for broken."""


def test_followers_killed_again_and_again_lose_nothing_and_book_nothing_twice(
    tmp_path: Path,
) -> None:
    """Bots trade all the time, so that each kill falls into whatever is being booked then."""
    with Product(tmp_path / "data", bots=True, until="bots: trading") as product:
        heights = []
        for number in range(KILLS):
            product.kill("followers")
            if number % 2:
                continue  # the next one falls into the catching up
            # Ledger and engine at one height, every account counted again, in all three venues.
            code, said = product.manage("books")
            assert code == 0, said
            heights.append(said)
        for _ in range(TRIES):
            code, said = product.manage("books")
            assert code == 0, said
            if said != heights[0]:
                break
        assert said != heights[0], "and the market goes on"
