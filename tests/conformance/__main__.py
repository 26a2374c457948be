"""`make test-conformance`: the engine against somebody else's cases and generated campaigns.

Fails on a difference that the table of README.md does not list, and on a listed difference that
did not occur. Exit code 0: all as listed; 1: not.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tracebook import __version__
from tracebook.conformance import (
    ConformanceConfig,
    copy_bundled_conformance_suite,
    run_conformance,
)
from tracebook.conformance.campaign import campaign_profile_names, run_campaign
from tracebook.events import MarketEvent, load_market_events

from tests.conformance.adapter import HaidaiAdapter

HERE = Path(__file__).parent
MANNERS = {"literal": False, "bridged": True}
Difference = tuple[str, str, str]
"""Where the first difference lies: event, path, and theirs against ours as JSON."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seed", type=int, default=1337)
    arguments.add_argument("--traces", type=int, default=25, help="of each profile")
    arguments.add_argument("--events", type=int, default=200, help="of each trace")
    asked = arguments.parse_args()
    print(f"tracebook-conformance {__version__}", flush=True)
    found = fixed_cases()
    faults = compared(listed_differences(), found)
    for profile in campaign_profile_names():
        faults += campaign(profile, asked.seed, asked.traces, asked.events)
    for fault in faults:
        print(f"FAULT: {fault}")
    print("FAILED" if faults else "All as listed in tests/conformance/README.md.")
    return 1 if faults else 0


def listed_differences() -> dict[tuple[str, str], Difference]:
    """Read the table of README.md: manner and case to the difference that is expected there."""
    listed: dict[tuple[str, str], Difference] = {}
    for line in (HERE / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if len(cells) != 6 or cells[0] not in (*MANNERS, "both"):
            continue
        manner, case, event, path, values, reason = cells
        assert reason, f"{case}: a difference needs its reason"
        for each in MANNERS if manner == "both" else (manner,):
            assert (each, case) not in listed, f"{each} {case} is listed twice"
            listed[each, case] = (event, path, values)
    return listed


def fixed_cases() -> dict[tuple[str, str], Difference | None]:
    """Run the package's suite and our own traces, in both manners."""
    found: dict[tuple[str, str], Difference | None] = {}
    with tempfile.TemporaryDirectory() as directory:
        suite = copy_bundled_conformance_suite(Path(directory) / "suite")
        print(f"{suite.suite_id}, {len(suite.cases)} cases, and our own traces", flush=True)
        cases = [(case.name, case.load_events(), case.config) for case in suite.cases]
    for path in sorted((HERE / "traces").glob("*.jsonl")):
        cases.append((path.stem, load_market_events(path), ConformanceConfig()))
    for name, events, config in cases:
        for manner, bridged in MANNERS.items():
            difference = found[manner, name] = first_difference(events, config, bridged=bridged)
            print(f"  {manner} {name:30} {difference or 'same'}", flush=True)
    return found


def first_difference(
    events: list[MarketEvent], config: ConformanceConfig, *, bridged: bool
) -> Difference | None:
    """Return where the engine first differs from the package's reference, or None."""
    report = run_conformance(events, functools.partial(HaidaiAdapter, bridged=bridged), config)
    found = report.divergence
    if found is None:
        return None
    if found.category == "protocol":
        raise RuntimeError(found.message)
    values = f"{json.dumps(found.reference)}, {json.dumps(found.candidate)}"
    return str(found.event_index), found.path, values


def compared(
    listed: dict[tuple[str, str], Difference], found: dict[tuple[str, str], Difference | None]
) -> list[str]:
    """Return a line for each case where what is listed is not what was found."""
    return [
        f"{manner} {case}: listed {listed.get((manner, case))}, found {found.get((manner, case))}"
        for manner, case in sorted(listed.keys() | found.keys())
        if listed.get((manner, case)) != found.get((manner, case))
    ]


def campaign(profile: str, seed: int, traces: int, events: int) -> list[str]:
    """Run one generated campaign; return what is wrong, with the smallest trace that shows it."""
    result = run_campaign(_counting(profile, traces), profile, seed, traces, events)
    coverage = result.semantic_coverage
    print(
        f"\n  {coverage.compared_events} events, {coverage.trades} trades, "
        f"{len(coverage.covered_capabilities)}/{len(coverage.expected_capabilities)} capabilities",
        flush=True,
    )
    faults = []
    if result.failure is not None:
        reduced = result.failure.minimization
        divergence = reduced.report.divergence
        assert divergence is not None, "a failure differs somewhere"
        print(json.dumps(divergence.to_dict(), indent=2))
        for event in reduced.events:
            print(json.dumps({k: v for k, v in event.to_dict().items() if v is not None}))
        faults.append(f"campaign {profile}, seed {seed}: {result.failure.failure_class}")
    elif coverage.uncovered_capabilities:
        faults.append(f"campaign {profile} did not reach {coverage.uncovered_capabilities}")
    return faults


def _counting(profile: str, traces: int) -> Callable[[ConformanceConfig], HaidaiAdapter]:
    """Return a maker of adapters that shows progress: one is made for each trace."""
    made = 0

    def make(config: ConformanceConfig) -> HaidaiAdapter:
        nonlocal made
        made += 1
        shown = f"{made}/{traces}" if made <= traces else "making the failing trace smaller"
        print(f"\rcampaign {profile}: {shown}", end="", flush=True)
        return HaidaiAdapter(config, bridged=True)

    return make


if __name__ == "__main__":
    sys.exit(main())
