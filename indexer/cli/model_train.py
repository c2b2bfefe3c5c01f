"""`model train`: options, progress and result."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.model_evaluate import print_skipped
from indexer.cli.options import AsJson, Board, ModelReference, load, opened
from indexer.cli.output import print_facts, print_json, print_table
from indexer.errors import InputError
from indexer.runtime.terminal import echo

if TYPE_CHECKING:  # they load scikit-learn
    from indexer.classification.trained_model import TrainedModel
    from indexer.cli.progress import Reporter
    from indexer.model.training.network_fit import EpochFigures, FitRecipe
    from indexer.settings import Settings


class Depth(StrEnum):
    """How much of the network is trained."""

    PROBE = "probe"
    HEAD = "head"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """What of a network is trained, and how."""

    depth: Depth
    recipe: "FitRecipe"
    board: Board | None
    multi_label: bool


class ProbeInput(StrEnum):
    """What a probe reads."""

    FEATURES = "features"
    EMBEDDING = "embedding"


class StoredLabelOrigin(StrEnum):
    """What of an index names the classes."""

    LABELS = "labels"
    BANKS = "banks"
    DECISIONS = "decisions"


def train(
    place: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER|MANIFEST", help="A folder per class, or a manifest."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Model folder to create.")
    ] = None,
    *,
    depth: Annotated[
        Depth, typer.Option(help="Train a linear layer, the last blocks, or all.")
    ] = Depth.PROBE,
    model: ModelReference = None,
    probe_input: Annotated[
        ProbeInput,
        typer.Option("--input", help="What a probe reads."),
    ] = ProbeInput.FEATURES,
    from_index: Annotated[
        StoredLabelOrigin | None,
        typer.Option(help="Train on stored embeddings; what names their classes."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Most passes of head and full.")] = 15,
    blocks: Annotated[int, typer.Option(min=1, help="Layers at the end that head trains.")] = 4,
    learning_rate: Annotated[
        float, typer.Option(min=0, help="Highest rate of head and full.")
    ] = 2e-4,
    report_to: Annotated[
        Board | None, typer.Option(help="Also write the figures of each epoch for this.")
    ] = None,
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="An image may be of several classes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a classifier on labelled images.

    In a folder, each folder is a class. A manifest has the columns path and label; with
    --multi-label, a label may be several with | between them. With --from-index, stored images are
    labelled by their manifests (labels), by the banks they are in (banks), or by whether analysts
    confirmed or rejected them (decisions). A fifth of the images is held out to test with;
    near-duplicates and images of one origin, which is a folder within a class or a manifest's
    column source, stay together. Writes a model folder with a model card, and a report beside it.
    Unusable files are listed and left out. A probe keeps the base model's embedding space; head and
    full train the network itself and make a new space. If ended early, they go on from the last
    whole epoch when run again.

    Example: lookalike model train policy/ --out my-model
    """
    from indexer.classification.model_folder import check_new
    from indexer.cli.progress import show_progress

    if out is None:
        raise InputError("Name the folder to create with --out.")
    check_new(out)
    settings = load(model)
    with show_progress() as reporter:
        if (place is None) == (from_index is None):
            raise InputError(
                "Name what to train on: either a folder or manifest, or what labels stored images "
                "with --from-index."
            )
        if depth is not Depth.PROBE:
            if place is None:
                raise InputError(
                    "A network is trained on images, and an index stores none. Name a folder or "
                    "manifest, or train a probe."
                )
            recipe = _recipe(depth, blocks, epochs, learning_rate, seed)
            trained = _train_network(
                place,
                out,
                settings,
                NetworkChoice(depth, recipe, report_to, multi_label),
                reporter,
            )
        elif place is None:
            trained = _train_on_index(from_index, out, settings, seed, reporter)
        else:
            trained = _train_on_images(
                place, out, settings, probe_input, seed, reporter, multi_label=multi_label
            )
    _print(trained, _save_reports(trained, settings), as_json=as_json)


def _train_on_images(
    place: Path,
    out: Path,
    settings: "Settings",
    probe_input: ProbeInput,
    seed: int,
    reporter: "Reporter",
    *,
    multi_label: bool,
) -> "TrainedModel":
    from indexer.classification.probe_run import train_probe
    from indexer.classification.training_set import read_set
    from indexer.embedding_space import find_model
    from indexer.model import ClassifierInput, load_extractor

    extractor = load_extractor(
        find_model(settings), settings.device, settings.runtime, settings.resolved_model_cache
    )
    labelled = read_set(
        place,
        extractor,
        settings,
        ClassifierInput(probe_input.value),
        multi_label=multi_label,
        on_image=lambda done: reporter("reading", done, None),
    )
    return train_probe(
        labelled,
        extractor.card,
        out,
        multi_label=multi_label,
        seed=seed,
        on_stage=reporter,
    )


def _recipe(depth: Depth, blocks: int, epochs: int, learning_rate: float, seed: int) -> "FitRecipe":
    from indexer.model.training.network_fit import FitRecipe

    return FitRecipe(
        blocks=blocks if depth is Depth.HEAD else None,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
    )


def _train_network(
    place: Path,
    out: Path,
    settings: "Settings",
    choice: NetworkChoice,
    reporter: "Reporter",
) -> "TrainedModel":
    from indexer.classification.network_run import NetworkOptions, train_network
    from indexer.embedding_space import find_model
    from indexer.runtime.figure_board import FigureBoard

    board = FigureBoard(out.with_name(f"{out.name}.tensorboard")) if choice.board else None
    recipe = choice.recipe

    def note(figures: "EpochFigures") -> None:
        echo(
            f"epoch {figures.epoch} of {recipe.epochs}: loss {figures.loss:.4f}, held out "
            f"{figures.validation_loss:.4f}, accuracy {figures.validation_accuracy:.3f}, rate "
            f"{figures.rate:.1e}",
            err=True,
        )
        if board:
            board.write(
                figures.epoch,
                {
                    "loss/training": figures.loss,
                    "loss/held_out": figures.validation_loss,
                    "accuracy/held_out": figures.validation_accuracy,
                    "learning_rate": figures.rate,
                },
            )

    return train_network(
        find_model(settings),
        place,
        out,
        settings,
        NetworkOptions(choice.depth.value, recipe, choice.multi_label),
        on_stage=reporter,
        on_epoch=note,
    )


def _train_on_index(
    origin: StoredLabelOrigin | None,
    out: Path,
    settings: "Settings",
    seed: int,
    reporter: "Reporter",
) -> "TrainedModel":
    from indexer.classification.probe_run import train_probe
    from indexer.classification.training_set import LabelOrigin, read_stored_set
    from indexer.embedding_space import load_bound_encoder

    with opened(settings) as store:
        encoder, space = load_bound_encoder(store, settings)
        reporter("reading embeddings", 0, None)
        labelled = read_stored_set(store, space, settings, LabelOrigin(str(origin)))
    return train_probe(labelled, encoder.card, out, multi_label=False, seed=seed, on_stage=reporter)


def _save_reports(trained: "TrainedModel", settings: "Settings") -> Path:
    """Write the reports beside the folder, which may be handed on; return the HTML file."""
    from indexer.reports.classifier_report import report_on_training, save_classifier_report

    report, folder = report_on_training(trained), trained.folder
    page = folder.with_name(f"{folder.name}.report.html")
    for file in (page, page.with_suffix(".json")):
        save_classifier_report(report, file, settings.image_limits)
    return page


def _print(trained: "TrainedModel", report: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"report": report, **asdict(trained)})
        return
    print_skipped(trained.skipped)
    evaluation = trained.evaluation
    accuracy, mean = evaluation.accuracy, evaluation.mean_average_precision
    facts = {
        "folder": trained.folder,
        "classifier": trained.classifier,
        "space": trained.space[:12] + (", the base model's" if trained.same_space else ""),
        "images": f"{trained.data.images:,}, {evaluation.images:,} of them held out",
        "accuracy": f"{accuracy.share:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}); "
        f"{evaluation.majority_accuracy:.3f} by the commonest answer",
        "mean average precision": f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})",
        "calibration error": f"{evaluation.calibration.ece:.3f}",
        "report": report,
        "seconds": f"{trained.seconds:.1f}",
    }
    print_facts("Trained", facts.items())
    echo()
    print_table(
        "Classes",
        ["class", "images", "held out", "average precision", "recall"],
        [
            (
                each.label,
                trained.data.by_class[each.label],
                each.positives,
                round(each.average_precision, 3),
                round(each.recall, 3),
            )
            for each in evaluation.classes
        ],
    )
