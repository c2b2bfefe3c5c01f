"""`model compare`: options, progress and result."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.model_evaluate import MergedClasses, parse_merged, print_skipped
from indexer.cli.options import AsJson, load
from indexer.cli.output import print_json, print_table
from indexer.runtime.terminal import echo

if TYPE_CHECKING:  # they load scikit-learn
    from indexer.classification.model_comparison import Comparison
    from indexer.cli.progress import Reporter
    from indexer.settings import Settings


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A model.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another model.")],
    place: Annotated[
        Path, typer.Argument(metavar="FOLDER|MANIFEST", help="Labelled images to ask both about.")
    ],
    merged: MergedClasses = None,
    benchmark: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER|CSV", help="Copy-detection benchmark to compare muAP on."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare two models on the same images.

    Accuracy, average precision, calibration, speed and size, and how much more often the second is
    right, with its 95 % interval. With --benchmark, both are also asked to find copies, as by
    `lookalike evaluate`.

    Example: lookalike model compare shipped my-model holdout/
    """
    from indexer.classification.labelled_scores import score_images
    from indexer.classification.model_comparison import compare_models
    from indexer.cli.progress import show_progress
    from indexer.embedding_space import open_encoder

    settings = load()
    with show_progress() as reporter:
        encoders = [open_encoder(name, settings) for name in (first, second)]
        scored = score_images(
            place,
            encoders,
            settings,
            parse_merged(merged or ()),
            on_image=lambda done: reporter("asking", done, None),
        )
        mu_ap = [
            None if benchmark is None else _mu_ap(benchmark, name, settings, reporter)
            for name in (first, second)
        ]
        comparison = compare_models(encoders, scored, mu_ap)
    if as_json:
        print_json(comparison)
        return
    print_skipped(scored[0].skipped)
    _print(comparison)


def _mu_ap(benchmark: Path, model: str, settings: "Settings", reporter: "Reporter") -> float:
    """Return the muAP of the leading ranking on a copy-detection benchmark."""
    from indexer.evaluation import ask, evaluate, load_benchmark, name_references, temporary_index
    from indexer.matching import open_matcher

    loaded = load_benchmark(benchmark)
    inside = settings.model_copy(update={"model": model})
    total = len(loaded.references)
    with temporary_index(
        loaded, inside, lambda report: reporter("indexing", report.done, total)
    ) as (store, index):
        named = name_references(store, loaded, index)
        matcher = open_matcher(store, index)
        answers = ask(
            named,
            matcher,
            index,
            k=10,
            on_progress=lambda done: reporter("searching", done, len(loaded.cases)),
        )
        found = evaluate(named, {0: answers}, (), k=10, verified=settings.verifies)
    return next(iter(found.scores.values())).overall.mu_ap


def _print(comparison: "Comparison") -> None:
    rows: list[tuple[str, object, object]] = []
    first, second = comparison.models

    def add(name: str, one: object, other: object) -> None:
        rows.append((name, one, other))

    add("model", first.model, second.model)
    add("classifier", first.classifier or "its own", second.classifier or "its own")
    one, other = first.evaluation, second.evaluation
    add("accuracy", f"{one.accuracy.share:.3f}", f"{other.accuracy.share:.3f}")
    add("balanced accuracy", f"{one.balanced_accuracy:.3f}", f"{other.balanced_accuracy:.3f}")
    add(
        "mean average precision",
        f"{one.mean_average_precision.value:.3f}",
        f"{other.mean_average_precision.value:.3f}",
    )
    add("calibration error", f"{one.calibration.ece:.3f}", f"{other.calibration.ece:.3f}")
    for mine, theirs in zip(one.classes, other.classes, strict=True):
        add(
            f"average precision, {mine.label}",
            f"{mine.average_precision:.3f}",
            f"{theirs.average_precision:.3f}",
        )
    if first.mu_ap is not None and second.mu_ap is not None:
        add("muAP of copies", f"{first.mu_ap:.3f}", f"{second.mu_ap:.3f}")
    add("ms an image", f"{first.milliseconds:.1f}", f"{second.milliseconds:.1f}")
    add("megabytes", f"{first.bytes / 1e6:.1f}", f"{second.bytes / 1e6:.1f}")
    print_table(f"Comparison on {comparison.images:,} images", ["", "A", "B"], rows)
    gain = comparison.accuracy_difference
    echo()
    echo(
        f"B is right {gain.value:+.3f} of the images more often than A ({gain.low:+.3f} to "
        f"{gain.high:+.3f}); both give the same answer to {comparison.agreement:.3f}."
    )
