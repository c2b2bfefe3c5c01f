"""Benchmarks that are searched in one gallery, each query asked once."""

import csv
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.evaluation import Benchmark, BenchmarkQuery, load_benchmark
from indexer.evaluation.ground_truth import TRUTH


@dataclass(frozen=True, slots=True)
class SharedGallery:
    """Several benchmarks with the references of the first."""

    whole: Benchmark
    """Every query once; the paths are relative to the first benchmark."""
    sets: Mapping[str, Sequence[BenchmarkQuery]]
    """The queries of each benchmark, by its name: some may be in several."""


def share_gallery(first: Path, others: Iterable[Path], limit: int | None) -> SharedGallery:
    """Put benchmarks together whose references are files of the first one, by their bytes.

    Parameters
    ----------
    first : Path
    others : iterable of Path
        Benchmark folders, as generative_set.py and composition_set.py make them.
    limit : int, optional
        Most queries of each benchmark.

    Raises
    ------
    SystemExit
        A copy is of no reference of the first benchmark.
    """
    leading = load_benchmark(first).select(limit=limit)
    references = {digest(leading.path(name)): name for name in leading.references}
    cases = {case.query: case for case in split_right_angles(leading)}
    sets: dict[str, Sequence[BenchmarkQuery]] = {"DEV": list(cases.values())}
    queries = {digest(leading.path(name)): name for name in cases}
    for folder in others:
        benchmark = load_benchmark(folder).select(limit=limit)
        moved = [move(case, benchmark, leading, references, queries) for case in benchmark.cases]
        cases |= {case.query: case for case in moved if case.query not in cases}
        sets[folder.name] = moved
    return SharedGallery(replace(leading, cases=tuple(cases.values())), sets)


def move(
    case: BenchmarkQuery,
    benchmark: Benchmark,
    leading: Benchmark,
    references: Mapping[bytes, str],
    queries: Mapping[bytes, str],
) -> BenchmarkQuery:
    """Name a case's pictures as the leading benchmark does, where it has them."""
    path = benchmark.path(case.query)
    query = queries.get(digest(path)) or os.path.relpath(path, leading.root)
    if case.reference is None:
        return replace(case, query=query)
    reference = references.get(digest(benchmark.path(case.reference)))
    if reference is None:
        raise SystemExit(
            f"{benchmark.root / TRUTH} names {case.reference}, which is no reference of "
            f"{leading.root}. Make the set from that benchmark."
        )
    return replace(case, query=query, reference=reference)


def split_right_angles(benchmark: Benchmark) -> list[BenchmarkQuery]:
    """Return the cases, rotations by right angles apart from those by other large angles."""
    with (benchmark.root / TRUTH).open(newline="", encoding="utf-8") as file:
        parameters = {row["query_path"]: row["params"] for row in csv.DictReader(file)}
    return [
        replace(case, transform="rotate_90")
        if case.transform == "rotate_large" and is_right_angle(parameters[case.query])
        else case
        for case in benchmark.cases
    ]


def is_right_angle(parameters: str) -> bool:
    """Tell whether a rotation such as deg=-90 is by a multiple of 90 degrees."""
    return float(parameters.removeprefix("deg=")) % 90 == 0


def half_of(case: BenchmarkQuery) -> str:
    """Put a case into one of two halves, all copies of one reference into the same."""
    return "AB"[hashlib.sha256((case.reference or case.query).encode()).digest()[0] % 2]


def digest(path: Path) -> bytes:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).digest()
