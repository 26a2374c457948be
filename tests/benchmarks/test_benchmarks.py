"""Every benchmark is played tiny, so that none rots. Speed is not asserted here."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from exchange import reference
from tests.benchmarks import (
    bench_durable,
    bench_engine,
    bench_ledger,
    bench_matching,
    bench_netting,
    bench_socket,
)
from tests.journeys.product import Product


def test_the_engine_benchmark_runs() -> None:
    row = bench_engine.run(3_000)
    assert row["trades"] > 0
    assert row["commands_per_s"] > 0


def test_the_matching_benchmark_runs() -> None:
    flows = {row["flow"]: row for row in bench_matching.run(0.002)}
    assert flows["uncross"]["trades"] > 0
    assert flows["restore"]["orders"] == flows["snapshot"]["orders"] > 0
    assert flows["deep"]["commands_per_s"] > 0


def test_the_netting_benchmark_runs() -> None:
    rows = bench_netting.run(0.01, seeds=2)
    assert [row["dropped"] for row in rows[:-1]] == [0] * 7
    assert rows[-1]["dropped"] > 0
    assert all(row["legs"] <= row["firms"] + 1 for row in rows)


@pytest.mark.databases
def test_the_durable_benchmark_runs(journal_url: str, tmp_path: Path) -> None:
    row = bench_durable.run(500, journal_url, 5_000)
    assert row["refused"] == {}


@pytest.mark.databases
@pytest.mark.django_db
def test_the_ledger_benchmark_runs() -> None:
    rows = bench_ledger.run(reference.load()[0].pk, 20, firms=10)
    assert [row["flow"] for row in rows[-3:]] == ["hold", "post a part", "audit of the hash chain"]
    assert rows[-1]["faults"] == ""


@pytest.mark.browser
@pytest.mark.xdist_group("journeys")
def test_the_socket_benchmark_runs(product: Product) -> None:
    row = asyncio.run(bench_socket._drive(product.base, 2, 8))
    assert (row["orders"], row["refused"]) == (8, 0)
