"""The comparison of searches runs, and finds exact contestants exact."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "search.py"
SIZE = 20_000  # segments of fewer than 16,384 have no codes
NAMES = ("ours-t0", "ours-t1", "ours-t1-matcher", "faiss-flat", "faiss-ivf", "hnswlib")


@pytest.mark.long
def test_contestants_are_measured_beside_each_other_and_exact_ones_miss_nothing(
    tmp_path: Path,
) -> None:
    options = ["--sizes", str(SIZE), "--sets", "random", "--queries", "40", "--only", *NAMES]
    turns = ["--turns", "2", "--turn", "8"]
    done = subprocess.run(
        [sys.executable, SCRIPT, "--folder", tmp_path, *options, *turns],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    records = json.loads((tmp_path / "results.json").read_text())
    assert set(records) == {f"random/{SIZE}/{name}" for name in NAMES}
    for name in ("ours-t0", "ours-t1", "ours-t1-matcher", "faiss-flat"):
        assert records[f"random/{SIZE}/{name}"]["efforts"]["0.99"][1] == 1
    for name in ("ours-t0", "ours-t1", "faiss-flat"):
        kinds = records[f"random/{SIZE}/{name}"]["asked"]
        assert [each["what"] for each in kinds] == ["all", "tagged", "tagged", "tagged", "range"]
        for each in kinds:
            assert sum(turn["found"] for turn in each["turns"]) == sum(
                turn["there"] for turn in each["turns"]
            )
    assert "| hnswlib |" in done.stdout
