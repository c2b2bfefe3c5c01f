"""Measure what each signal finds of each kind of edit, and write robustness.md.

One run over the DEV benchmark: the references are indexed as `index add` does,
every query goes through the matcher as `lookalike evaluate` asks it, and its pairs are ranked by
all signals together, by these and verification, and by the embedding alone. PDQ (upright, and the
query in 8 orientations) and pHash (64 and 256 bits, the package ImageHash) are brute force over
the same decoded pictures. Ten pairs a query, scored as the benchmark's own scorer does.

Development has looked at this benchmark. So each figure is also given for two halves of the
queries, split by a hash of the reference: what was chosen on one is honest on the other.

Example: python benchmarks/robustness.py ../shared/bench/dev
"""

import argparse
import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from indexer.runtime.cpu import limit_library_threads

limit_library_threads()

from dev_set import DEFAULT
from hashes import rank_by_hashes
from indexer.evaluation import (
    Benchmark,
    BenchmarkQuery,
    Pair,
    Score,
    ask,
    load_benchmark,
    name_references,
    pairs,
    score,
    temporary_index,
)
from indexer.matching import open_matcher
from indexer.settings import load_settings
from indexer.types import Signal

K = 10
VERIFIED, FUSED = "ours, fused and verified", "ours, fused"
REPORT = Path(__file__).with_name("robustness.md")
TARGETS = {
    "JPEG": ("jpeg",),
    "resize": ("resize",),
    "grey": ("grayscale",),
    "colour": ("color_jitter", "saturation", "brightness", "contrast"),
    "blur": ("blur",),
    "flip": ("hflip",),
    "rotation by 90°": ("rotate_90",),
    "padding": ("pad",),
    "text": ("text",),
}
WANTED_MU_AP, WANTED_RECALL = 0.88, 0.95
METHOD = """\
The references are indexed and the queries asked as `lookalike evaluate` does it; PDQ and pHash
alone are brute force over the same pictures. Ten pairs a query count. Halves A and B split the
queries by a hash of the reference.

Neither the network nor its head was trained on these pictures, but the head, the views of a query
and the constants of fusion and verification were chosen with an eye on both halves: the figures
flatter themselves a little.
"""
LIMITS = """\
Limits of the benchmark, to be kept in mind with every figure: near-duplicates were removed from
its pool with PDQ (up to 80 bits) and pHash, so the false matches of *hash* signals are optimistic
by construction; no production threshold for PDQ may be taken from it (31 bits is the published
one), and embeddings are to be calibrated against a background set of your own (`lookalike
threshold calibrate`). A few pictures are other crops of the same stock photo: some "wrong" first
pairs are right. Intervals are about ± 0.14 a transform and ± 0.03 overall. Its subjects are
narrow (food, landscapes, game art, textures, few people): it measures copy detection, not a
platform's traffic. The edits that decide are crop, pad, meme, overlay_bg, screenshot, rotation
and the strong compositions; photometric edits are saturated.
"""


def with_right_angles(folder: Path, benchmark: Benchmark) -> list[BenchmarkQuery]:
    """Return the cases, rotations by right angles apart from those by other large angles."""
    with (folder / "ground_truth.csv").open(newline="") as file:
        parameters = {row["query_path"]: row["params"] for row in csv.DictReader(file)}
    return [
        BenchmarkQuery(case.query, case.reference, "rotate_90")
        if case.transform == "rotate_large" and is_right_angle(parameters[case.query])
        else case
        for case in benchmark.cases
    ]


def is_right_angle(parameters: str) -> bool:
    """Tell whether a rotation such as deg=-90 is by a multiple of 90 degrees."""
    return float(parameters.removeprefix("deg=")) % 90 == 0


def half_of(case: BenchmarkQuery) -> str:
    """Put a case into one of two halves, all copies of one reference into the same."""
    digest = hashlib.sha256((case.reference or case.query).encode()).digest()
    return "AB"[digest[0] % 2]


def overall_table(
    rankings: dict[str, list[Pair]], cases: Sequence[BenchmarkQuery]
) -> Iterator[str]:
    """Yield the figures of each ranking, over all queries and over either half."""
    halves = {name: [c for c in cases if half_of(c) == name] for name in "AB"}
    yield "| ranked by | muAP | recall@1 | recall at precision 0.9 | muAP A / B | recall@1 A / B |"
    yield "|---|---|---|---|---|---|"
    for name, ranked in rankings.items():
        whole = score(cases, ranked).overall
        a, b = (score(half, ranked_of(half, ranked)).overall for half in halves.values())
        yield (
            f"| {name} | {whole.mu_ap:.3f} | {whole.recall_at_1:.3f} | "
            f"{whole.recall_at_precision:.3f} | {a.mu_ap:.3f} / {b.mu_ap:.3f} | "
            f"{a.recall_at_1:.3f} / {b.recall_at_1:.3f} |"
        )


def ranked_of(cases: Sequence[BenchmarkQuery], ranked: Sequence[Pair]) -> list[Pair]:
    """Return the pairs of some queries."""
    queries = {case.query for case in cases}
    return [pair for pair in ranked if pair.query in queries]


def transform_table(scores: dict[str, Score]) -> Iterator[str]:
    """Yield recall@1 of each ranking by transform, and the muAP of the first, best found first."""
    first = next(iter(scores))
    leading = scores[first].by_transform
    yield f"| transform | n | muAP, {first} | {' | '.join(scores)} |"
    yield "|---" * (3 + len(scores)) + "|"
    for name in sorted(leading, key=lambda name: -leading[name].recall_at_1):
        recalls = " | ".join(f"{s.by_transform[name].recall_at_1:.2f}" for s in scores.values())
        yield f"| {name} | {leading[name].copies} | {leading[name].mu_ap:.3f} | {recalls} |"


def target_table(cases: Sequence[BenchmarkQuery], rankings: dict[str, list[Pair]]) -> Iterator[str]:
    """Yield what was aimed at, and what was reached; edits without a copy are left out."""
    yield f"| edit | n | {' | '.join(f'recall@1, {name} | muAP' for name in rankings)} |"
    yield "|---" * (2 + 2 * len(rankings)) + "|"
    strangers = [case for case in cases if case.reference is None]
    for name, transforms in TARGETS.items():
        copies = [c for c in cases if c.reference is not None and c.transform in transforms]
        if copies:
            group = [*copies, *strangers]
            found = [score(group, ranked_of(group, r)).overall for r in rankings.values()]
            figures = " | ".join(f"{of.recall_at_1:.3f} | {of.mu_ap:.3f}" for of in found)
            yield f"| {name} | {len(copies)} | {figures} |"


def report(folder: Path, cases: Sequence[BenchmarkQuery], rankings: dict[str, list[Pair]]) -> str:
    """Write all tables, with what is to be known of them."""
    scores = {name: score(cases, ranked) for name, ranked in rankings.items()}
    aimed = {name: rankings[name] for name in (VERIFIED, FUSED)}
    copies = sum(case.reference is not None for case in cases)
    command = f"python benchmarks/robustness.py {os.path.relpath(folder)}"
    lines = [
        "# What is found of each kind of edit",
        "",
        f"`{command}` · {os.cpu_count()} cores, no GPU · {datetime.now(UTC):%Y-%m-%d}",
        "",
        f"{len(cases)} queries, {copies} of them copies. {METHOD}",
        LIMITS,
        "## Overall",
        "",
        *overall_table(rankings, cases),
        "",
        f"Aimed at: muAP {WANTED_MU_AP} fused, without any pixels of the references.",
        "",
        f"## The edits that recall@1 {WANTED_RECALL} was aimed at",
        "",
        "muAP is over these copies and all queries without a reference.",
        "",
        *target_table(cases, aimed),
        "",
        "## By transform",
        "",
        "Recall@1; muAP as above. `rotate_90` are the right angles among the set's `rotate_large`.",
        "",
        *transform_table(scores),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the benchmark and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--limit", type=int, help="most queries asked; for a quick look")
    parser.add_argument("--out", type=Path, default=REPORT)
    arguments = parser.parse_args()
    settings = load_settings()
    benchmark = load_benchmark(arguments.folder).select(limit=arguments.limit)
    with temporary_index(benchmark, settings) as (store, inside):
        named = name_references(store, benchmark, inside)
        answers = ask(named, open_matcher(store, inside), inside, k=K)
    ours = {
        VERIFIED: pairs(answers.candidates, Signal.GEOMETRY, K),
        FUSED: pairs(answers.candidates, Signal.FUSED, K),
        "ours, embedding only": pairs(answers.candidates, Signal.EMBEDDING, K),
    }
    rankings = ours | rank_by_hashes(named.benchmark, settings, K)
    cases = with_right_angles(arguments.folder, named.benchmark)
    arguments.out.write_text(report(arguments.folder, cases, rankings), encoding="utf-8")
    print(arguments.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
