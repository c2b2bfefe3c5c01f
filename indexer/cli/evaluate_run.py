"""Body of `evaluate`: a benchmark run, with progress."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from indexer.cli.evaluation_view import print_evaluation
from indexer.cli.options import opened
from indexer.cli.output import print_json
from indexer.cli.progress import OnProgress, show_progress
from indexer.errors import InputError, UnreadableSource
from indexer.evaluation import (
    REFERENCES,
    Answers,
    Benchmark,
    Exactness,
    add_made_up,
    ask,
    check_drawable,
    draw,
    draw_curves,
    evaluate,
    measure_exactness,
    name_references,
    rank,
    temporary_index,
)
from indexer.ingest import find_or_create_bank
from indexer.matching import Matcher, open_matcher
from indexer.model import load_background
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Signal

_SAMPLE: Final = 200  # queries by which a view is compared with exact search
_COLUMNS: Final = ("query", "reference", "score", "cosine", "pdq_distance", "inliers")


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the figures go."""

    image: Path | None
    curves: Path | None
    pairs: Path | None
    as_json: bool

    def check(self) -> None:
        """Refuse files that could not be written, before any work is done for them.

        Raises
        ------
        InputError
            There is no such folder, or no picture of that name can be drawn.
        """
        for path in filter(None, (self.image, self.curves)):
            check_drawable(path)
        if self.pairs and not self.pairs.absolute().parent.is_dir():
            raise UnreadableSource(
                f"There is no folder {self.pairs.absolute().parent}. Create it first."
            )


def parse_sizes(given: Iterable[str]) -> tuple[int, ...]:
    """Return numbers of made-up strangers, the smallest first; none at all when nothing is given.

    Raises
    ------
    InputError
        One is not a whole number, or negative.
    """
    words = [word.strip() for each in given for word in each.split(",")]
    for word in words:
        if not (word.isascii() and word.isdecimal()):
            raise InputError(
                f"--strangers {word!r} is not a number of images. Write for instance "
                "--strangers 0,10000,100000."
            )
    return tuple(sorted({int(word) for word in words})) or (0,)


def evaluate_benchmark(
    benchmark: Benchmark,
    settings: Settings,
    against: Path | None,
    sizes: Sequence[int],
    outputs: Outputs,
    *,
    k: int,
    ann: bool,
) -> None:
    """Run a benchmark, print or write its figures, and exit with 2 when queries were unreadable.

    Raises
    ------
    InputError
        Strangers would be added to an index that exists.
    """
    outputs.check()
    if against and any(sizes):
        raise InputError(
            "Made-up strangers are never added to an index that exists. Omit --against or "
            "--strangers."
        )
    with (
        show_progress() as on_progress,
        _open_index(benchmark, settings, against, on_progress) as (store, inside),
    ):
        named = name_references(store, benchmark, inside)
        matcher = open_matcher(store, inside)
        total = len(benchmark.cases)
        answers: dict[int, Answers] = {}
        for made_up in sizes:
            _grow(store, matcher, max(answers, default=0), made_up, on_progress)
            answers[made_up] = ask(
                named,
                matcher,
                inside,
                k=k,
                on_progress=lambda done: on_progress("asking", done, total),
            )
        exactness = _compare_views(matcher, k) if ann else ()
    evaluation = evaluate(named, answers, exactness, k=k, verified=settings.verifies)
    if outputs.pairs:
        _write_pairs(outputs.pairs, answers[sizes[0]], next(iter(evaluation.scores)), k)
    if outputs.image:
        draw(evaluation, outputs.image)
    if outputs.curves:
        draw_curves(evaluation, outputs.curves)
    if outputs.as_json:
        print_json(evaluation)
    else:
        print_evaluation(evaluation)
    if evaluation.failures:
        raise typer.Exit(InputError.exit_code)


@contextmanager
def _open_index(
    benchmark: Benchmark, settings: Settings, against: Path | None, on_progress: OnProgress
) -> Iterator[tuple[Store, Settings]]:
    """Give the index to search in, and the settings that name it."""
    if against:
        inside = settings.model_copy(update={"home": against})
        with opened(inside) as store:
            yield store, inside
        return
    total = len(benchmark.references)
    with temporary_index(
        benchmark, settings, lambda report: on_progress("indexing", report.done, total)
    ) as index:
        yield index


def _grow(
    store: Store, matcher: Matcher, present: int, wanted: int, on_progress: OnProgress
) -> None:
    """Add made-up strangers until there are as many as wanted; the model's background shapes them.

    A model without a background gets vectors that are uniform on the sphere.
    """
    if wanted == present:
        return
    add_made_up(
        store,
        matcher.space,
        wanted - present,
        find_or_create_bank(store, REFERENCES)[0].id,
        first=present,
        background=load_background(matcher.classifier.encoder.card.reference),
        on_progress=lambda done: on_progress("adding strangers", done, wanted - present),
    )
    matcher.catch_up()


def _compare_views(matcher: Matcher, k: int) -> tuple[Exactness, ...]:
    measured = (measure_exactness(view, k=k, sample=_SAMPLE) for view in matcher.views)
    return tuple(exactness for exactness in measured if exactness)


def _write_pairs(path: Path, answers: Answers, leading: Signal, k: int) -> None:
    """Write the pairs of the ranking of searches, with the evidence of each signal."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for of_query in answers.candidates:
                writer.writerows(
                    (
                        c.query,
                        c.reference,
                        c.score(leading),
                        c.similarity,
                        c.pdq_distance,
                        c.inliers,
                    )
                    for c in rank(of_query, leading, k)
                )
    except OSError as error:
        raise UnreadableSource(f"{path} cannot be written: {error}.") from error
