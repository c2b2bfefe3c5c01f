"""The DEV copy-detection benchmark: where it lies and what its ground truth says."""

import csv
from dataclasses import dataclass
from pathlib import Path

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "bench" / "dev"


@dataclass(frozen=True, slots=True)
class Case:
    """One query: an edited copy, or a picture without any reference."""

    query: Path
    reference: Path | None
    transform: str


@dataclass(frozen=True, slots=True)
class DevSet:
    """Queries with their ground truth, and the gallery that they are searched in."""

    cases: tuple[Case, ...]
    references: tuple[Path, ...]


def load_dev_set(folder: Path) -> DevSet:
    """Read `ground_truth.csv` and list the references of `folder`.

    Raises
    ------
    SystemExit
        The benchmark is not there.
    """
    truth = folder / "ground_truth.csv"
    if not truth.is_file():
        raise SystemExit(f"No benchmark in {folder}: pass the folder that holds ground_truth.csv.")
    with truth.open(newline="") as rows:
        cases = tuple(
            Case(
                folder / row["query_path"],
                folder / row["reference_path"] if row["reference_path"] else None,
                row["transform"],
            )
            for row in csv.DictReader(rows)
        )
    return DevSet(cases, tuple(sorted((folder / "refs").iterdir())))
