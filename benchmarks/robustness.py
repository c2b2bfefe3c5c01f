"""Measure what each signal finds of each kind of edit, and write robustness.md.

One run over the DEV benchmark and over sets made from it: the references are indexed once, as
`index add` does, every query goes through the matcher as `lookalike evaluate` asks it, and its
pairs are ranked by all signals together, by these and verification (with the pixels of thumbnails,
and by kept features without any), and by each signal alone. PDQ
(upright, and the query in 8 orientations) and pHash (64 and 256 bits, the package ImageHash) are
brute force over DEV's decoded pictures. Ten pairs a query, scored as the benchmark's own scorer
does. The same run counts forward passes and times the stages of the first way,
for DEV and for all queries.

Development has looked at this benchmark. So each figure is also given for two halves of the
queries, split by a hash of the reference: what was chosen on one is honest on the other.

Example: python benchmarks/robustness.py ../shared/bench/dev /tmp/composition /tmp/generative
"""

import argparse
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from indexer.runtime.cpu import limit_library_threads

limit_library_threads()

from dev_set import DEFAULT
from hashes import rank_by_hashes
from indexer.evaluation import (
    Answers,
    Named,
    Pair,
    ask,
    load_benchmark,
    measure_operating_point,
    name_references,
    pairs,
    temporary_index,
)
from indexer.matching import Matcher, open_matcher
from indexer.runtime.timing import Timing, listening
from indexer.settings import Settings, load_settings
from indexer.types import Signal
from robustness_sets import SharedGallery, share_gallery
from robustness_tables import (
    bounds_table,
    cost_table,
    half,
    losses,
    overall_table,
    target_table,
    transform_table,
)

K = 10
VERIFIED, WITHOUT_PIXELS, FUSED = "fused, verified", "verified without pixels", "fused"
SINGLES = {"embedding": Signal.EMBEDDING, "PDQ": Signal.PDQ}
WHOLE, SHORTENED = "forward", "embed"  # passes through the network: to its end, to the embedding
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
WANTED_RECALL = 0.95
METHOD = """\
The references are indexed and the queries asked as `lookalike evaluate` does it. "PDQ" and
"embedding" are the matcher's, in all pieces and orientations of a query; "by brute force" is the
hash of the whole picture alone. "Verified without pixels" has local features and no thumbnails,
"fused" neither. Ten pairs a query count. Halves A and B split the queries by a hash
of the reference. `composition` and `generative` are made by composition_set.py and
generative_set.py from the same references.

Neither the network nor its head was trained on these pictures, but the views of a query and what
fusion and verification are made of were chosen with an eye on half A, and earlier on both: the
figures flatter themselves a little.
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


class StageTimes:
    """Adds up the stages of all queries; safe to be told of them from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self.sizes: Counter[str] = Counter()
        """Pictures that went through each stage, where the stage says how many."""

    def note(self, timing: Timing) -> None:
        """Count a stage."""
        with self._lock:
            self._seconds[timing.stage] += timing.seconds
            self.sizes[timing.stage] += timing.size or 0

    def cost(self, queries: int, thread_seconds: float) -> "Cost":
        """Return what a query took so far; judging without verification, which is part of it."""
        whole, shortened = (self.sizes[name] / queries for name in (WHOLE, SHORTENED))
        seconds = self._seconds | {"**all**": thread_seconds}
        seconds["judge"] = seconds.get("judge", 0) - seconds.get("verify", 0)
        return Cost(
            {"whole network": whole, "to the embedding": shortened, "**all**": whole + shortened},
            {name: 1000 * each / queries for name, each in seconds.items()},
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a query took on average."""

    passes: dict[str, float]  # through the network, by how far they went
    milliseconds: dict[str, float]  # by stage


@dataclass(frozen=True, slots=True)
class Run:
    """What one run found, and what it cost."""

    gallery: SharedGallery
    answers: Answers
    without_pixels: Answers
    ours: dict[str, list[Pair]]
    hashes: dict[str, list[Pair]]
    """Of DEV's queries alone."""
    costs: dict[str, Cost]
    """Of DEV's queries, and of all."""
    threads: int


def measure(folder: Path, others: list[Path], limit: int | None, settings: Settings) -> Run:
    """Index the references once and ask every query three times.

    As it is; without the pixels of thumbnails; and with nothing verified, to rank by each other
    signal, and by all: where verification settles a query, its parts are not asked about.
    """
    gallery = share_gallery(folder, others, limit)
    dev = len(gallery.sets["DEV"])
    with temporary_index(load_benchmark(folder), settings) as (store, inside):
        named = name_references(store, gallery.whole, inside)
        matcher = open_matcher(store, inside)
        answers, costs = ask_in_two(named, matcher, inside, dev)
        blind = inside.model_copy(update={"keep_thumbnails": False})
        without_pixels = ask(named, open_matcher(store, blind), blind, k=K)
        unverified = inside.model_copy(update={"verify_candidates": 0})
        others_only = ask(named, open_matcher(store, unverified), unverified, k=K).candidates
    ours = {
        VERIFIED: pairs(answers.candidates, Signal.GEOMETRY, K),
        WITHOUT_PIXELS: pairs(without_pixels.candidates, Signal.GEOMETRY, K),
        FUSED: pairs(others_only, Signal.FUSED, K),
    } | {name: pairs(others_only, signal, K) for name, signal in SINGLES.items()}
    benchmark = load_benchmark(folder).select(limit=limit)
    hashes = {
        f"{name}, by brute force": ranked
        for name, ranked in rank_by_hashes(benchmark, settings, K).items()
    }
    return Run(gallery, answers, without_pixels, ours, hashes, costs, settings.worker_threads)


def ask_in_two(
    named: Named, matcher: Matcher, settings: Settings, first: int
) -> tuple[Answers, dict[str, Cost]]:
    """Ask DEV's queries, which come first, then the others; return answers and costs of all."""
    times, cases, costs = StageTimes(), named.benchmark.cases, {}
    answers = Answers([], [], 0)
    for name, part in (("DEV", cases[:first]), ("all sets", cases[first:])):
        asked = replace(named, benchmark=replace(named.benchmark, cases=part))
        with listening(times.note):
            more = ask(asked, matcher, settings, k=K)
        answers = Answers(
            answers.candidates + more.candidates,
            answers.failures + more.failures,
            answers.seconds + more.seconds,
        )
        thread_seconds = settings.worker_threads * answers.seconds
        costs[name] = times.cost(len(answers.candidates), thread_seconds)
    return answers, costs


def report(folder: Path, others: list[Path], run: Run) -> Iterator[str]:
    """Yield all tables, with what is to be known of them."""
    paths = " ".join([os.path.relpath(folder), *map(str, others)])
    queries = len(run.gallery.whole.cases)
    yield "# What is found of each kind of edit\n"
    yield (
        f"`python benchmarks/robustness.py {paths}` · {os.cpu_count()} cores, no GPU · "
        f"{datetime.now(UTC):%Y-%m-%d}\n"
    )
    yield f"{queries} queries in all. {METHOD}"
    yield LIMITS
    yield "## Cost\n"
    yield "Forward passes a query, and milliseconds by stage:\n"
    yield from cost_table({name: cost.passes for name, cost in run.costs.items()}, "passes", 2)
    yield ""
    yield from cost_table({name: cost.milliseconds for name, cost in run.costs.items()}, "ms", 1)
    yield (
        f"\n{run.threads} threads ask at once, so the times of the stages include waiting for a"
        " core; the last row is wall time by thread.\n"
    )
    yield "## At the bounds in force\n"
    yield "Shares with 95 % intervals; by tier with the queries that each signal decided about.\n"
    points = {}
    for way, answers in (("", run.answers), (", without pixels", run.without_pixels)):
        asked = zip(run.gallery.whole.cases, answers.candidates, strict=True)
        by_query = {case.query: each for case, each in asked}
        points |= {
            f"{name}{way}": measure_operating_point(cases, [by_query[c.query] for c in cases])
            for name, cases in run.gallery.sets.items()
        }
    yield from bounds_table(points)
    for name, cases in run.gallery.sets.items():
        rankings = run.ours | run.hashes if name == "DEV" else run.ours
        copies = sum(case.reference is not None for case in cases)
        yield f"\n## {name}\n"
        yield f"{len(cases)} queries, {copies} of them copies.\n"
        yield from overall_table(rankings, cases)
        yield "\nRecall@1 by transform, in brackets that of half B; muAP with all strangers.\n"
        yield from transform_table(run.ours, list(SINGLES), cases)
        for way in (WITHOUT_PIXELS, FUSED):
            yield f"\n{way}: " + losses(run.ours, way, list(SINGLES), cases)
            yield "Half B alone: " + losses(run.ours, way, list(SINGLES), half(cases, "B"))
    yield f"\n## The edits that recall@1 {WANTED_RECALL} was aimed at\n"
    yield "Of DEV. muAP is over these copies and all queries without a reference.\n"
    aimed = {name: run.ours[name] for name in (VERIFIED, WITHOUT_PIXELS, FUSED)}
    yield from target_table(run.gallery.sets["DEV"], aimed, TARGETS)


def main() -> None:
    """Run the benchmark and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT, help="DEV")
    parser.add_argument("sets", type=Path, nargs="*", help="benchmarks with its references")
    parser.add_argument("--limit", type=int, help="most queries of each; for a quick look")
    parser.add_argument("--out", type=Path, default=REPORT)
    arguments = parser.parse_args()
    run = measure(arguments.folder, arguments.sets, arguments.limit, load_settings())
    text = "\n".join(report(arguments.folder, arguments.sets, run)) + "\n"
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
