"""How far a day's payments shrink to bank legs, and how long netting takes.

The workloads of SETTLEMENT 4.3: random fills among firms whose activity follows Zipf's law; some
firms trade both ways, the others only buy or only sell. `moved` is the money that crosses a bank
against what is owed. Then days of 500 firms and 100,000 dues (price and two fees a fill), once with
money for everything, and once where every firm can pay in four fifths of what it owes on balance.

Run: python -m tests.benchmarks.bench_netting [--scale 1] [--seeds 10]
"""

import argparse
import json
import random
import time
from typing import Any

from settlement.netting import OPERATOR, Batch, Due, net

WORKLOADS = (
    (50, 1_000, 0), (50, 1_000, 30), (50, 1_000, 100),
    (500, 10_000, 0), (500, 10_000, 70), (50, 10_000, 100),
)  # fmt: skip
"""Firms, fills, per cent of firms that trade both ways."""
FEE_BP = 5


def day(firms: int, fills: int, *, two_way_pct: int, seed: int, fees: bool = False) -> list[Due]:
    """Return the dues of one day; obligation ids are the fills' order, firm ids start at 1."""
    chance = random.Random(seed)
    everyone = list(range(1, firms + 1))
    chance.shuffle(everyone)
    two_way = firms * two_way_pct // 100
    one_way = everyone[two_way:]
    weight = {firm: 1 / rank for rank, firm in enumerate(chance.sample(everyone, firms), 1)}

    def drawn(sides: list[int], count: int) -> list[int]:
        return chance.choices(sides, [weight[firm] for firm in sides], k=count)

    buyers = everyone[:two_way] + one_way[::2]
    sellers = everyone[:two_way] + one_way[1::2]
    dues: list[Due] = []
    while fills:
        pairs = zip(drawn(buyers, fills), drawn(sellers, fills), strict=True)
        for buyer, seller in pairs:
            if buyer == seller:
                continue
            number = len(dues)
            price = chance.randint(100_000, 100_000_000)
            dues.append(Due(number, buyer, seller, price, "price"))
            if fees:
                fee = price * FEE_BP // 10_000
                dues += [Due(number, firm, OPERATOR, fee, "fee") for firm in (buyer, seller)]
            fills -= 1
    return dues


def timed(dues: list[Due], funding: dict[int, int]) -> tuple[Batch, float]:
    """Return the batch and the milliseconds that it took."""
    began = time.perf_counter()
    batch = net(dues, funding)
    return batch, (time.perf_counter() - began) * 1_000


def run(scale: float = 1.0, seeds: int = 10) -> list[dict[str, Any]]:
    """Play every workload and return the figures, means over the seeds."""
    rows = []
    for firms, fills, two_way_pct in WORKLOADS:
        fills = max(int(fills * scale), 1)
        legs, moved, took = 0, 0.0, 0.0
        for seed in range(seeds):
            dues = day(firms, fills, two_way_pct=two_way_pct, seed=seed)
            batch, milliseconds = timed(dues, {})
            legs += len(batch.legs)
            moved += batch.moved_fen / sum(due.amount_fen for due in dues)
            took += milliseconds
        rows.append(
            {
                "firms": firms, "two_way_pct": two_way_pct, "payments": fills,
                "legs": round(legs / seeds), "moved_pct": round(100 * moved / seeds, 1),
                "dropped": 0, "rounds": 0, "ms": round(took / seeds, 1),
            }
        )  # fmt: skip
    dues = day(500, max(int(100_000 * scale) // 3, 1), two_way_pct=70, seed=7, fees=True)
    ample, _ = timed(dues, {})
    four_fifths = {leg.firm_id: max(leg.amount_fen * 4 // 5, 0) for leg in ample.legs}
    for funding in ({}, four_fifths):
        batch, milliseconds = timed(dues, funding)
        rows.append(
            {
                "firms": 500, "two_way_pct": 70, "payments": len(dues), "legs": len(batch.legs),
                "moved_pct": round(
                    100 * batch.moved_fen / sum(due.amount_fen for due in dues), 1
                ),
                "dropped": len(batch.dropped),
                "rounds": max((one.round_no for one in batch.dropped), default=0),
                "ms": round(milliseconds, 1),
            }
        )  # fmt: skip
    return rows


def main() -> None:
    """Print one JSON line a workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is the real size (5 seconds)")
    parser.add_argument("--seeds", type=int, default=10, help="days of each workload")
    options = parser.parse_args()
    for row in run(options.scale, options.seeds):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
