"""Ground truth of a copy-detection benchmark on disk."""

import csv
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from indexer.errors import InputError, UnreadableSource

TRUTH = "ground_truth.csv"
REFERENCES = "refs"
_COLUMNS = ("query_path", "reference_path", "transform")


@dataclass(frozen=True, slots=True)
class BenchmarkQuery:
    """One query: an edited copy of a reference, or a picture that has none."""

    query: str  # paths as the ground truth writes them
    reference: str | None
    transform: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Queries with their ground truth, and the pictures that they are searched among."""

    root: Path  # what the paths of the cases are relative to
    cases: tuple[BenchmarkQuery, ...]
    references: tuple[str, ...]  # paths relative to `root`, in order

    def path(self, name: str) -> Path:
        """Return where a query or a reference lies."""
        return self.root / name

    def select(self, transforms: Collection[str] = (), limit: int | None = None) -> Self:
        """Keep some queries: those of a few transforms, spread evenly over the ground truth.

        Parameters
        ----------
        transforms : collection of str
            Of copies; queries without a reference stay whatever was done to them. All when empty.
        limit : int, optional
            Most queries kept.

        Raises
        ------
        InputError
            No copy was made by one of the transforms.
        """
        known = {case.transform for case in self.cases if case.reference is not None}
        if unknown := sorted(set(transforms) - known):
            raise InputError(
                f"No copy was made by {', '.join(unknown)}. "
                f"The benchmark's transforms are {', '.join(sorted(known))}."
            )
        cases = [
            case
            for case in self.cases
            if not transforms or case.reference is None or case.transform in transforms
        ]
        if limit is not None and limit < len(cases):
            cases = [cases[row * len(cases) // limit] for row in range(limit)]
        return replace(self, cases=tuple(cases))


def load_benchmark(path: Path) -> Benchmark:
    """Read a benchmark: a folder that holds `ground_truth.csv`, or such a file.

    The file has the columns query_path, reference_path (empty where there is none) and transform;
    others are passed over. Paths are relative to its folder. The references are the files of its
    folder `refs`, and those that the ground truth names.

    Raises
    ------
    UnreadableSource
        The file cannot be read.
    InputError
        It is no ground truth, or names the same query twice, or no copy at all.
    """
    truth = path / TRUTH if path.is_dir() else path
    try:
        with truth.open(newline="", encoding="utf-8-sig") as file:
            cases = _read_cases(csv.DictReader(file), truth)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableSource(
            f"The ground truth {truth} cannot be read: {error}. Pass a folder that holds "
            f"{TRUTH}, or such a file."
        ) from error
    if not any(case.reference for case in cases):
        raise InputError(f"{truth} lists no copies: there is nothing to evaluate.")
    root = truth.parent
    named = {case.reference for case in cases if case.reference is not None}
    return Benchmark(root, tuple(cases), tuple(sorted(named.union(_files(root)))))


def _read_cases(rows: "csv.DictReader[str]", truth: Path) -> list[BenchmarkQuery]:
    if missing := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
        raise InputError(
            f"{truth} has no column {', '.join(missing)}. A ground truth has the columns "
            f"{', '.join(_COLUMNS)}."
        )
    cases: dict[str, BenchmarkQuery] = {}
    for row in rows:
        query = _normal(row["query_path"])
        if not query or row["transform"] is None:
            raise InputError(f"{truth}, line {rows.line_num}: the row is incomplete. Complete it.")
        if query in cases:
            raise InputError(f"{truth}, line {rows.line_num}: {query} is listed twice. Remove one.")
        cases[query] = BenchmarkQuery(
            query, _normal(row["reference_path"]) or None, row["transform"]
        )
    return list(cases.values())


def _normal(path: str) -> str:
    """Write a path in the one way that files are listed in; an empty one stays empty."""
    return os.path.normpath(path) if path else ""


def _files(root: Path) -> Iterable[str]:
    """List the files below the folder of references, relative to the root."""
    paths = (root / REFERENCES).rglob("*")
    return (str(path.relative_to(root)) for path in paths if path.is_file())
