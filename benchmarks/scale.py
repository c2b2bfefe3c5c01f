"""Arithmetic of hosts, memory, disk and cost at 10 million to 10 billion images: docs/scale.md.

Measured constants are read from where they are published (the patterns in scale.toml find them),
prices and the size of a host are assumptions of scale.toml. Change them and run this again.

    python benchmarks/scale.py            write docs/scale.md
    python benchmarks/scale.py --check    fail unless it is what this would write

Example: python benchmarks/scale.py
"""

import argparse
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scale_arithmetic import compute_indexing, compute_row, read_constants, read_engines
from scale_page import write_page

ROOT: Final = Path(__file__).resolve().parents[1]
INPUTS: Final = ROOT / "benchmarks" / "scale.toml"
PAGE: Final = ROOT / "docs" / "scale.md"


def compute_page(inputs: Mapping[str, Any], root: Path) -> str:
    """Return the page."""
    known = read_constants(inputs, root)
    engines = read_engines(inputs, known)
    catalog = sum(known[name].value for name in inputs["catalog"]["constants"])
    rows = [
        compute_row(entry["images"], engines[entry["engine"]], catalog, inputs)
        for entry in inputs["rows"]
    ]
    return write_page(inputs, list(known.values()), rows, compute_indexing(inputs, known))


def main() -> None:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it differs")
    given = parser.parse_args()
    page = compute_page(tomllib.loads(INPUTS.read_text(encoding="utf-8")), ROOT)
    if not given.check:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
        sys.exit(f"{PAGE.relative_to(ROOT)} is outdated. Run python benchmarks/scale.py.")


if __name__ == "__main__":
    main()
