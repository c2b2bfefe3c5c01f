"""Measure what taking in a long list of PDQ fingerprints costs, and show that nothing is lost.

The fingerprints are random. Each step is a command of its own, in wall time of the whole command:

- import into an empty bank, and the same import again, which must change nothing
- export, which must give the same set of fingerprints back
- `index snapshot`, which opens the views: the first time the one of bare fingerprints has to read
  all of them from the log, as the first search would; the second time it loads its snapshot

Example: python benchmarks/list_import.py --lines 1000000
"""

import argparse
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from commands import COMMAND, Run, run

BANK = "list"


def write_list(path: Path, lines: int) -> None:
    """Write a list of random PDQ fingerprints."""
    random = np.random.default_rng(20261123)
    with path.open("w") as file:
        for start in range(0, lines, 10_000):
            values = random.bytes(32 * min(10_000, lines - start)).hex()
            file.writelines(f"pdq {values[at : at + 64]}\n" for at in range(0, len(values), 64))


def lines_of(path: Path) -> set[bytes]:
    """Return the different lines of a list."""
    with path.open("rb") as file:
        return set(file)


def describe(name: str, done: Run, lines: int) -> None:
    """Print one step."""
    print(f"{name}: {done.seconds:.1f} s, {lines / done.seconds:,.0f} lines a second, ", end="")
    print(f"peak memory {done.peak_bytes / 2**20:.0f} MiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of the list")
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        listed, exported = root / "list.txt", root / "exported.txt"
        write_list(listed, lines)
        environment = {**os.environ, "LOOKALIKE_HOME": str(root / "home")}
        for arguments in (["init"], ["bank", "create", BANK]):
            subprocess.run([COMMAND, *arguments], env=environment, check=True, capture_output=True)
        print(f"{lines} lines, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}")

        first = run(environment, "bank", "import", BANK, str(listed))
        describe("import", first, lines)
        again = run(environment, "bank", "import", BANK, str(listed))
        describe("the same again", again, lines)
        written = run(environment, "bank", "export", BANK, str(exported))
        describe("export", written, lines)
        opened = run(environment, "index", "snapshot")
        print(f"first opening of the view: {opened.seconds:.1f} s, ", end="")
        print(f"second: {run(environment, 'index', 'snapshot').seconds:.1f} s (whole command)")

        counts = {name: again.report[name] for name in ("added", "updated", "unchanged", "removed")}
        print(f"added first: {first.report['added']}; the second time: {counts}")
        same = lines_of(listed) == lines_of(exported)
        print(f"the exported set is the imported one: {'yes' if same else 'NO'}")
        size = sum(path.stat().st_size for path in (root / "home").glob("lookalike.db*"))
        print(f"the database takes {size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
