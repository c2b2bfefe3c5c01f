"""Body of `evaluate`: progress and figures of a benchmark."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from indexer.cli.options import opened
from indexer.cli.output import print_json, print_table
from indexer.cli.progress import OnProgress, show_progress
from indexer.errors import InputError, UnreadableSource
from indexer.evaluation import (
    Answers,
    Benchmark,
    Evaluation,
    Exactness,
    ask,
    check_drawable,
    draw,
    evaluate,
    measure_exactness,
    name_references,
    rank,
    temporary_index,
)
from indexer.matching import Matcher, open_matcher
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Signal

_SAMPLE: Final = 200  # queries by which a view is compared with exact search
_SHOWN: Final = 20  # failures listed on a terminal; --json has them all
_FIGURES: Final = ("muAP", "recall@1", "recall at precision 0.9", "its bound")
_NAMES: Final = {Signal.GEOMETRY: "fused, verified"}  # of rankings; the others by their signal
_COLUMNS: Final = ("query", "reference", "score", "cosine", "pdq_distance", "inliers")


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the figures go."""

    image: Path | None
    pairs: Path | None
    as_json: bool

    def check(self) -> None:
        """Refuse files that could not be written, before any work is done for them.

        Raises
        ------
        InputError
            There is no such folder, or no picture of that name can be drawn.
        """
        if self.image:
            check_drawable(self.image)
        if self.pairs and not self.pairs.absolute().parent.is_dir():
            raise UnreadableSource(
                f"There is no folder {self.pairs.absolute().parent}. Create it first."
            )


def evaluate_benchmark(
    benchmark: Benchmark,
    settings: Settings,
    against: Path | None,
    outputs: Outputs,
    *,
    k: int,
    ann: bool,
) -> None:
    """Run a benchmark, print or write its figures, and exit with 2 when queries were unreadable."""
    outputs.check()
    with (
        show_progress() as on_progress,
        _open_index(benchmark, settings, against, on_progress) as (store, inside),
    ):
        named = name_references(store, benchmark, inside)
        matcher = open_matcher(store, inside)
        total = len(benchmark.cases)
        answers = ask(
            named, matcher, inside, k=k, on_progress=lambda done: on_progress("asking", done, total)
        )
        exactness = _compare_views(matcher, k) if ann else ()
    evaluation = evaluate(named, answers, exactness, k=k)
    if outputs.pairs:
        _write_pairs(outputs.pairs, answers, next(iter(evaluation.scores)), k)
    if outputs.image:
        draw(evaluation, outputs.image)
    if outputs.as_json:
        print_json(evaluation)
    else:
        _print_evaluation(evaluation)
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


def _print_evaluation(evaluation: Evaluation) -> None:
    """Print the figures overall, those by transform, those of the views, and what went wrong."""
    echo(
        f"{evaluation.queries} queries among {evaluation.references} references, "
        f"{evaluation.milliseconds_per_query:.0f} ms each."
    )
    print_table(None, ["ranked by", *_FIGURES], list(_overall_rows(evaluation)))
    echo()
    print_table(
        "recall@1 and muAP by transform",
        ["transform", "n", *(_NAMES.get(signal, signal) for signal in evaluation.scores)],
        list(_transform_rows(evaluation)),
    )
    for view in evaluation.exactness:
        echo(
            f"{view.view}: recall@{view.k} {view.recall:.4f} against exact search, "
            f"{view.queries} queries among {view.keys} keys, {view.milliseconds_per_query:.2f} ms."
        )
    if evaluation.missing:
        echo(f"{len(evaluation.missing)} references are not in the index.", err=True)
    for failure in evaluation.failures[:_SHOWN]:
        echo(f"missed {failure.query}: {failure.message} ({failure.code})", err=True)
    if len(evaluation.failures) > _SHOWN:
        echo(f"... and {len(evaluation.failures) - _SHOWN} more.", err=True)


def _overall_rows(evaluation: Evaluation) -> Iterator[Sequence[object]]:
    """Yield a row for each ranking."""
    for signal, score in evaluation.scores.items():
        overall = score.overall
        bound = None if overall.bound is None else f"{overall.bound:g}"
        figures = (overall.mu_ap, overall.recall_at_1, overall.recall_at_precision)
        yield _NAMES.get(signal, signal), *(f"{figure:.3f}" for figure in figures), bound


def _transform_rows(evaluation: Evaluation) -> Iterator[Sequence[object]]:
    """Yield a row for each transform, the best found first."""
    scores = [score.by_transform for score in evaluation.scores.values()]
    leading = scores[0]
    for name in sorted(leading, key=lambda name: -leading[name].recall_at_1):
        figures = [f"{each[name].recall_at_1:.3f} {each[name].mu_ap:.3f}" for each in scores]
        yield name, leading[name].copies, *figures
