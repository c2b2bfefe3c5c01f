"""Evaluations on a terminal: figures of a benchmark."""

from collections.abc import Iterator, Sequence
from typing import Final

from indexer.cli.output import print_table
from indexer.evaluation import Evaluation, FalseMatches, FalseMatchRates, GalleryResult, Rate
from indexer.runtime.terminal import echo
from indexer.types import Signal

_SHOWN: Final = 20  # failures listed on a terminal; --json has them all
_FIGURES: Final = ("muAP", "recall@1", "recall at precision 0.9", "its bound")
_NAMES: Final = {Signal.GEOMETRY: "fused, verified"}  # of rankings; the others by their signal
_SHORT: Final = {Signal.GEOMETRY: "verified"}


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the figures by gallery, those by transform, those of the views, and what went wrong."""
    for gallery in evaluation.galleries:
        _print_gallery(evaluation, gallery)
    first = evaluation.galleries[0]
    print_table(
        "recall@1 and muAP by transform; found: matched at the bounds in force",
        ["transform", "n", *(_SHORT.get(signal, signal) for signal in first.scores), "found"],
        list(_transform_rows(first)),
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


def _print_gallery(evaluation: Evaluation, gallery: GalleryResult) -> None:
    made_up = f" and {gallery.made_up:,} made-up strangers" if gallery.made_up else ""
    echo(
        f"{evaluation.queries} queries among {evaluation.references} references{made_up}, "
        f"{gallery.milliseconds_per_query:.0f} ms each."
    )
    print_table(None, ["ranked by", *_FIGURES], list(_overall_rows(gallery)))
    echo()
    point = gallery.at_bounds
    echo(f"Found at the bounds in force: {_share(point.recall)} of the copies.")
    if point.strangers:
        _print_false_matches("false matches of queries without a reference", point.strangers)
        echo()
    _print_false_matches("wrong matches of copies", point.copies)
    echo()


def _print_false_matches(title: str, rates: FalseMatchRates) -> None:
    queries = rates.overall.uploads.queries
    print_table(
        f"{title} ({queries})",
        ["tier", "decided by", "queries", "share (95 % interval)", "per query"],
        list(_false_match_rows(rates)),
    )


def _false_match_rows(rates: FalseMatchRates) -> Iterator[Sequence[object]]:
    """Yield a row for all, one for each tier, and one for each signal of a tier."""
    yield "any", None, *_cells(rates.overall)
    for tier, of_tier in rates.by_tier.items():
        yield tier, None, *_cells(of_tier.overall)
        for signal, of_signal in of_tier.by_signal.items():
            yield None, signal, *_cells(of_signal)


def _cells(counted: FalseMatches) -> tuple[object, ...]:
    return counted.uploads.count, _share(counted.uploads), f"{counted.per_upload:.4f}"


def _share(rate: Rate) -> str:
    return f"{rate.share:.3f} ({rate.low:.3f} to {rate.high:.3f})"


def _overall_rows(gallery: GalleryResult) -> Iterator[Sequence[object]]:
    """Yield a row for each ranking."""
    for signal, score in gallery.scores.items():
        overall = score.overall
        bound = None if overall.bound is None else f"{overall.bound:g}"
        figures = (overall.mu_ap, overall.recall_at_1, overall.recall_at_precision)
        yield _NAMES.get(signal, signal), *(f"{figure:.3f}" for figure in figures), bound


def _transform_rows(gallery: GalleryResult) -> Iterator[Sequence[object]]:
    """Yield a row for each transform, the best found first; last what the bounds in force match."""
    scores = [score.by_transform for score in gallery.scores.values()]
    leading, matched = scores[0], gallery.at_bounds.recall_by_transform
    for name in sorted(leading, key=lambda name: -leading[name].recall_at_1):
        figures = [f"{each[name].recall_at_1:.3f} {each[name].mu_ap:.3f}" for each in scores]
        yield name, leading[name].copies, *figures, f"{matched[name].share:.3f}"
