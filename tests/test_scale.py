"""The page on scale is what its script computes, from figures that are published."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
INPUTS = {
    "prices": {
        "core_hour": 0.1,
        "ram_gb_month": 2.0,
        "nvme_gb_month": 0.1,
        "hours_a_month": 700,
    },
    "host": {"cores": 10, "ram_gb": 100, "nvme_gb": 10_000, "filled": 0.5},
}


def test_the_page_is_what_the_script_writes_from_the_published_figures() -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "scale.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_hosts_cost_and_bottleneck_follow_from_the_constants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scale_arithmetic

    engine = scale_arithmetic.Engine(
        "spread", 1000, 3000, ((1_000_000, 2.0), (100_000, 1.0)), 0.5, is_spread=True, most=10**12
    )
    row = scale_arithmetic.compute_row(100_000_000, engine, 2000, INPUTS)
    assert (row.memory, row.disk) == (100, 500)  # GB
    assert row.holding == 2  # of 50 GB filled each
    assert row.milliseconds == pytest.approx(2 * 2.0 * 50**0.5)  # each host searches a half
    assert row.hosts == 4  # 28.3 cores, of 20 a copy
    assert row.storage == 100 * 2 + 500 * 0.1
    assert row.serving == pytest.approx(row.cores * 0.1 * 700 + 2 * row.storage)
    assert row.bottleneck == "processors"
    assert scale_arithmetic.growth(engine.queries) == pytest.approx(0.301, abs=1e-3)


def test_a_tier_that_keeps_all_on_one_host_refuses_more_than_one_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scale_arithmetic

    engine = scale_arithmetic.Engine(
        "alone", 1000, 0, ((1_000_000, 2.0),), 1.0, is_spread=False, most=10**12
    )
    with pytest.raises(SystemExit, match="do not fit one host in alone"):
        scale_arithmetic.compute_row(100_000_000, engine, 0, INPUTS)


def test_a_constant_that_is_not_published_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scale_arithmetic

    entry = {"page": "benchmarks/README.md", "pattern": r"never measured (\d+)"}
    with pytest.raises(SystemExit, match=r"benchmarks/README\.md has nothing like"):
        scale_arithmetic.read_constants({"measured": {"it": entry}}, BENCHMARKS.parent)
