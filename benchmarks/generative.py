"""Measure what hardening a bank gains on generative edits, and costs in false matches.

DEV's references are entries of one bank. The photos among them that were edited are hardened twice,
each time in a copy of the index: once against styles that no copy has been made in ("other
styles"), once against the very ones ("the same styles"). Every query is asked of all three indexes,
as `lookalike evaluate` asks it, without thumbnails and local features, which gain nothing on these
edits (docs/verification.md).

The work is kept in a folder, and what is there is not done again: run the command until it says
that the report is written. `--minutes` ends a run early.

Example: python benchmarks/generative.py /tmp/generative-work /tmp/generative-set
"""

import argparse
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from threading import Event, Timer
from typing import Any

from indexer.runtime.cpu import limit_library_threads

limit_library_threads()

import numpy as np
from numpy.typing import NDArray

from dev_set import DEFAULT
from generative_tables import GenerativeRun, report
from indexer.embedding_space import bind_space
from indexer.evaluation import (
    REFERENCES,
    Benchmark,
    BenchmarkQuery,
    RankedCandidate,
    candidates,
    load_benchmark,
    name_references,
)
from indexer.generation.edits import EditKind, picture_edits
from indexer.generation.styles import STYLES
from indexer.hardening import HardeningOptions, open_hardener
from indexer.ingest import find_or_create_bank, open_ingest
from indexer.matching import Matcher, Query, SearchOptions, open_matcher
from indexer.matching.ranking import most_alike_first
from indexer.model import Encoder
from indexer.settings import Settings, load_settings
from indexer.sources import read, walk
from indexer.store import Store, open_store, upgrade
from indexer.types import Contribution, Encoding, Signal, Tier
from indexer.vectors.binary_index import PDQ_BITS
from robustness_sets import share_gallery

K = 10
BUDGET = 4
PLAIN, OTHERS, SAME = "plain", "other styles", "the same styles"
STYLES_OF = {SAME: STYLES[0::2], OTHERS: STYLES[1::2]}
"""Copies are made in every second style (generative_set.py --every 2)."""
REPORT = Path(__file__).with_name("generative.md")


class RememberingEncoder:
    """A model that remembers its last answers: three indexes are asked about one picture.

    Everything else is the model's own.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[bytes, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def forget(self) -> None:
        """Forget all answers: the next picture is another one."""
        self._known.clear()

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> Encoding:
        """Return the model's answer for whole pictures."""
        key = b"encode" + b"".join(blake2b(np.ascontiguousarray(each)).digest() for each in images)
        if key not in self._known:
            self._known[key] = self._encoder.encode(images)
        return self._known[key]

    def embed(self, prepared: Sequence[Any]) -> Any:
        """Return the model's embeddings of prepared pictures."""
        arrays = (np.ascontiguousarray(np.asarray(each)) for each in prepared)
        key = b"embed" + b"".join(blake2b(each).digest() for each in arrays)
        if key not in self._known:
            self._known[key] = self._encoder.embed(prepared)
        return self._known[key]


@dataclass(frozen=True, slots=True)
class Work:
    """The folder of a run: an index a state, and the answers so far."""

    folder: Path
    settings: Settings
    stop: Event

    def inside(self, state: str) -> Settings:
        """Return the settings of the index of a state."""
        home = self.folder / state.replace(" ", "-")
        return self.settings.model_copy(update={"home": home, "database_url": None})

    def done(self, what: str) -> Path:
        """Return the file that says that a step is done."""
        return self.folder / f"{what.replace(' ', '-')}.json"


def index(work: Work, benchmark: Benchmark) -> None:
    """Put the references into a block bank."""
    if work.done(PLAIN).exists():
        return
    inside = work.inside(PLAIN)
    upgrade(inside.resolved_database_url)
    with open_store(inside.resolved_database_url) as store:
        bind_space(store, inside)
        bank, _ = find_or_create_bank(store, REFERENCES)
        found = walk([benchmark.path(name) for name in benchmark.references])
        done = open_ingest(store, inside).run(found, bank_id=bank.id, stop=work.stop)
    if not done.interrupted:
        work.done(PLAIN).write_text(json.dumps({"references": len(benchmark.references)}))


def harden(work: Work, state: str, edited: Benchmark) -> None:
    """Harden the entries whose photos were edited, in a copy of the plain index."""
    if work.done(state).exists() or not work.done(PLAIN).exists() or work.stop.is_set():
        return
    inside = work.inside(state)
    if not inside.home.exists():
        shutil.copytree(work.inside(PLAIN).home, inside.home)
    edits = picture_edits([EditKind.STYLE, EditKind.INPAINT], [1.0], styles=STYLES_OF[state])
    with open_store(inside.resolved_database_url) as store:
        named = name_references(store, edited, inside)
        wanted = {case.reference for case in named.benchmark.cases if case.reference}
        images = [image_id for image_id, name in named.references.items() if name in wanted]
        with store.reader() as catalog:
            entries = [catalog.entries.of_image(REFERENCES, image_id).id for image_id in images]
        options = HardeningOptions(edits, BUDGET, frozenset(entries))
        done = open_hardener(store, inside).run(
            REFERENCES, options, on_progress=lambda r: print(state, r.done), stop=work.stop
        )
        with store.reader() as catalog:
            recipes = catalog.variants.recipes(images)
    if not done.interrupted:
        facts = {
            "entries": len(entries),
            "variants": sum(map(len, recipes.values())),
            "edits": len(edits),
            "seconds_an_entry": done.seconds / max(1, done.hardened + done.not_needed),
        }
        work.done(state).write_text(json.dumps(facts))


def ask(work: Work, cases: Sequence[BenchmarkQuery], benchmark: Benchmark) -> None:
    """Ask all indexes about the queries that were not asked yet, one line of answers a query."""
    states = (PLAIN, OTHERS, SAME)
    if work.stop.is_set() or not all(work.done(state).exists() for state in states):
        return
    asked = read_answers(work)
    remembering: list[RememberingEncoder] = []

    def remember(encoder: Encoder) -> Any:
        if not remembering:
            remembering.append(RememberingEncoder(encoder))
        return remembering[0]

    stores = [open_store(work.inside(state).resolved_database_url) for state in states]
    matchers = [
        (state, open_matcher(store, work.inside(state), remember), store)
        for state, store in zip(states, stores, strict=True)
    ]
    with (work.folder / "answers.jsonl").open("a", encoding="utf-8") as file:
        for case in cases:
            if work.stop.is_set():
                return
            if case.query not in asked:
                answers = {
                    state: answer(case, matcher, store, benchmark, work.inside(state))
                    for state, matcher, store in matchers
                }
                remembering[0].forget()
                file.write(json.dumps([case.query, answers]) + "\n")


_NAMES: dict[Path, dict[int, str]] = {}


def answer(
    case: BenchmarkQuery, matcher: Matcher, store: Store, benchmark: Benchmark, inside: Settings
) -> list[dict[str, Any]]:
    """Return the candidates of a query, as JSON."""
    if inside.home not in _NAMES:
        _NAMES[inside.home] = name_references(store, benchmark, inside).references
    data = read(benchmark.path(case.query), inside.max_image_bytes)
    options = SearchOptions(k=K, exact=True, pdq_reach=PDQ_BITS)  # as `lookalike evaluate` asks
    matches = matcher.matches(Query.picture(data, case.query), options).matches
    ranked = sorted(matches, key=most_alike_first)
    return [asdict(each) for each in candidates(case.query, ranked, _NAMES[inside.home])]


def read_answers(work: Work) -> dict[str, dict[str, list[RankedCandidate]]]:
    """Return the answers so far, by query and state; a line that was cut off is passed over."""
    path = work.folder / "answers.jsonl"
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            query, answers = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[query] = {
            state: [_candidate(each) for each in listed] for state, listed in answers.items()
        }
    return found


def _candidate(given: dict[str, Any]) -> RankedCandidate:
    evidence = tuple(Contribution(**each) for each in given["evidence"])
    signal = given["decided_by"]
    return RankedCandidate(
        **given
        | {
            "evidence": evidence,
            "tier": Tier(given["tier"]),
            "decided_by": Signal(signal) if signal else None,
        }
    )


def lines(work: Work, run: GenerativeRun, sets: Sequence[Path]) -> Iterator[str]:
    """Yield the report."""
    named = " ".join(os.path.relpath(each) for each in sets)
    yield "# What hardening gains on generative edits\n"
    yield (
        f"`python benchmarks/generative.py WORK {named}` · {os.cpu_count()} cores, no GPU, busy "
        f"with other work · {datetime.now(UTC):%Y-%m-%d}\n"
    )
    facts = {state: json.loads(work.done(state).read_text()) for state in (PLAIN, OTHERS, SAME)}
    yield from report(run, facts, BUDGET)


def main() -> None:
    """Do what is left to do; write the report once all is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder of the run")
    parser.add_argument("sets", type=Path, nargs="+", help="folders that generative_set.py made")
    parser.add_argument("--source", type=Path, default=DEFAULT, help="DEV")
    parser.add_argument("--minutes", type=float, help="end this run early")
    parser.add_argument("--out", type=Path, default=REPORT)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    without = {"keep_thumbnails": False, "keep_features": False, "verify_candidates": 0}
    work = Work(arguments.work, load_settings().model_copy(update=without), Event())
    if arguments.minutes:
        timer = Timer(60 * arguments.minutes, work.stop.set)
        timer.daemon = True
        timer.start()
    gallery = share_gallery(arguments.source, arguments.sets, None)
    cases = [case for each in arguments.sets for case in gallery.sets[each.name]]
    leading = load_benchmark(arguments.source)
    benchmark = Benchmark(leading.root, tuple(cases), leading.references)
    index(work, benchmark)
    for state in (OTHERS, SAME):
        harden(work, state, benchmark)
    ask(work, cases, benchmark)
    answers = read_answers(work)
    missing = sum(case.query not in answers for case in cases)
    if missing:
        print(f"{missing} of {len(cases)} queries are left. Run this again.")
        return
    run = GenerativeRun(cases, [answers[case.query] for case in cases])
    text = "\n".join(lines(work, run, arguments.sets)) + "\n"
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
