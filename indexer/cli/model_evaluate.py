"""`model evaluate`: options, progress and result."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import print_facts, print_json, print_table
from indexer.errors import InputError
from indexer.runtime.terminal import echo

if TYPE_CHECKING:  # they load scikit-learn
    from indexer.classification.class_metrics import Evaluation
    from indexer.classification.labelled_scores import LabelledScores
    from indexer.settings import Settings
    from indexer.types import SkippedSource

MergedClasses = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="LABEL=CLASS[,CLASS]",
        help="The model's classes that stand for a label; may be repeated.",
    ),
]


def evaluate(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|MANIFEST|SCORES", help="Labelled images, or a CSV of probabilities."
        ),
    ],
    model: ModelReference = None,
    merged: MergedClasses = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report as .html or .json.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Write digests, labels and probabilities.")
    ] = None,
    *,
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="A label in SCORES may be several.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate a classifier on labelled images.

    Labelled images are a folder for each class or a manifest, as for `model train`. SCORES is a CSV
    with the columns label and, for each class, its probability; no image is needed then. Intervals
    are of 95 %. What --json prints holds counts and figures, and no name of an image.

    Example: lookalike model evaluate holdout/ --model my-model --report out.html
    """
    from indexer.classification.class_metrics import evaluate_scores
    from indexer.classification.labelled_scores import is_scores_file, read_scores, write_scores

    settings = load(model)
    if is_scores_file(place):
        labelled, title = read_scores(place, multi_label=multi_label), place.name
    else:
        labelled, title, multi_label = _ask(place, settings, parse_merged(merged or ()))
    found = evaluate_scores(
        labelled.scores,
        labelled.targets,
        labelled.classes,
        labelled.groups,
        multi_label=multi_label,
        elsewhere=labelled.elsewhere,
    )
    if scores:
        write_scores(labelled, scores)
    if report:
        _save(report, title, place, found, labelled, settings)
    if as_json:
        print_json({"model": title, "skipped": len(labelled.skipped), "evaluation": found})
        return
    print_skipped(labelled.skipped)
    print_evaluation(title, found)


def parse_merged(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read the values of --class.

    Raises
    ------
    InputError
        One is not of the form LABEL=CLASS[,CLASS].
    """
    merged = {}
    for text in given:
        label, _, names = text.partition("=")
        wanted = tuple(name.strip() for name in names.split(",") if name.strip())
        if not label.strip() or not wanted:
            raise InputError(
                f"--class {text!r} is not valid. Write LABEL=CLASS[,CLASS], such as "
                "--class unsafe=Hentai,Porn."
            )
        merged[label.strip()] = wanted
    return merged


def print_skipped(skipped: "Sequence[SkippedSource]", most: int = 20) -> None:
    """List files that were left out, on stderr."""
    for each in skipped[:most]:
        echo(f"left out: {each.message} ({each.code})", err=True)
    if len(skipped) > most:
        echo(f"... and {len(skipped) - most} more.", err=True)


def print_evaluation(title: str, evaluation: "Evaluation") -> None:
    """Print the figures of a classifier, overall and by class."""
    accuracy, mean = evaluation.accuracy, evaluation.mean_average_precision
    facts = {
        "images": f"{evaluation.images:,} in {evaluation.groups:,} groups",
        "accuracy": f"{accuracy.share:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}); "
        f"{evaluation.majority_accuracy:.3f} by the commonest answer",
        "balanced accuracy": f"{evaluation.balanced_accuracy:.3f}",
        "mean average precision": f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})",
        "calibration error": f"{evaluation.calibration.ece:.3f}",
    }
    print_facts(title, facts.items())
    echo()
    print_table(
        "Classes",
        ["class", "images", "average precision", "AUROC", "precision", "recall"],
        [
            (
                each.label,
                each.positives,
                round(each.average_precision, 3),
                round(each.auroc, 3),
                None if each.precision is None else round(each.precision, 3),
                round(each.recall, 3),
            )
            for each in evaluation.classes
        ],
    )


def _ask(
    place: Path, settings: "Settings", merged: dict[str, tuple[str, ...]]
) -> "tuple[LabelledScores, str, bool]":
    from indexer.classification.labelled_scores import score_images
    from indexer.cli.progress import show_progress
    from indexer.embedding_space import find_model, open_encoder

    encoder = open_encoder(find_model(settings), settings)
    with show_progress() as reporter:
        [labelled] = score_images(
            place,
            [encoder],
            settings,
            merged,
            on_image=lambda done: reporter("asking", done, None),
        )
    return labelled, encoder.card.classifier or encoder.card.reference, encoder.card.multi_label


def _save(
    file: Path,
    title: str,
    place: Path,
    found: "Evaluation",
    labelled: "LabelledScores",
    settings: "Settings",
) -> None:
    from indexer.classification.mistakes import worst_mistakes
    from indexer.reports.classifier_report import ClassifierReport, save_classifier_report

    report = ClassifierReport(
        title=title,
        about=f"Measured by lookalike model evaluate on {place.name}.",
        facts={"left out": f"{len(labelled.skipped)} files"},
        evaluation=found,
        mistakes=worst_mistakes(
            labelled.scores,
            labelled.targets,
            labelled.classes,
            labelled.uris,
            labelled.sha256,
            multi_label=found.multi_label,
        ),
    )
    save_classifier_report(report, file, settings.image_limits)
