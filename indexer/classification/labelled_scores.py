"""Labelled scores: probabilities that a model gave labelled images, from a run or a file."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.classification.labelled_images import check_classes, read_labelled
from indexer.classification.labelled_sources import SEPARATOR, LabelledSource, find_labelled
from indexer.classification.training_set import groups_of
from indexer.errors import InputError, UnreadableSource
from indexer.model import Encoder, ModelCard
from indexer.settings import Settings
from indexer.types import Rgb, SkippedSource

_ABOUT: Final = ("image", "sha256", "label", "source")
_NAMED: Final = {"uri", "source-ref", "path", "url"}
_LEAST: Final = 2  # classes, and images of each


@dataclass(frozen=True, slots=True)
class LabelledScores:
    """The probabilities of n labelled images."""

    scores: NDArray[np.float64]  # (n, classes)
    elsewhere: NDArray[np.float64]  # (n,), the largest of what the model gave other classes
    targets: NDArray[np.bool_]  # (n, classes)
    classes: tuple[str, ...]
    groups: NDArray[np.int64]  # (n,)
    sha256: tuple[bytes, ...]
    uris: tuple[str, ...]
    skipped: tuple[SkippedSource, ...]


def score_images(
    place: Path,
    encoders: Sequence[Encoder],
    settings: Settings,
    merged: Mapping[str, Sequence[str]],
    *,
    on_image: Callable[[int], None] = lambda _count: None,
) -> list[LabelledScores]:
    """Ask models about the images of a labelled folder or manifest, each read once.

    Parameters
    ----------
    place : Path
    encoders : sequence of Encoder
        All of them multi-label, or none.
    settings : Settings
    merged : mapping of str to sequence of str
        A class of the images to the models' classes that stand for it. A model that has none of
        these, and any model for other classes, has one of the same name.
    on_image : callable
        Told the number of images done.

    Returns
    -------
    list of LabelledScores
        By model.

    Raises
    ------
    InputError
        The images cannot be used, or a model has no class of a label's name.
    """
    multi_label = encoders[0].card.multi_label
    if any(encoder.card.multi_label != multi_label for encoder in encoders):
        raise InputError(
            "One of the models is multi-label and the other is not, so their answers cannot be "
            "compared. Evaluate each alone."
        )

    def ask(rgb: Rgb) -> list[NDArray[np.float32]]:
        return [encoder.encode([rgb]).probabilities.reshape(-1) for encoder in encoders]

    sizes = [encoder.decode_size for encoder in encoders]
    found_images = list(find_labelled(place, settings, multi_label=multi_label))
    named = {
        label for each in found_images if isinstance(each, LabelledSource) for label in each.labels
    }
    for encoder in encoders:  # before the images are read
        for label in sorted(named):
            _places(label, encoder.card, merged)
    images, answers = read_labelled(
        found_images,
        settings,
        ask,
        multi_label=multi_label,
        at_least=(max(width for width, _ in sizes), max(height for _, height in sizes)),
        on_image=on_image,
    )
    check_classes(images)
    groups = groups_of(images, settings)
    found = []
    for number, encoder in enumerate(encoders):
        rows = np.stack([answer[number] for answer in answers]).astype(np.float64)
        scores, elsewhere = _columns(rows, encoder.card, images.classes, merged)
        found.append(
            LabelledScores(
                scores=scores,
                elsewhere=elsewhere,
                targets=images.targets,
                classes=images.classes,
                groups=groups,
                sha256=images.sha256,
                uris=tuple(each.uri for each in images.sources),
                skipped=images.skipped,
            )
        )
    return found


def is_scores_file(place: Path) -> bool:
    """Tell whether a file is a CSV of labels and probabilities, which names no image to be read."""
    if place.suffix.lower() != ".csv" or not place.is_file():
        return False
    header = next(_rows(place), [])
    return "label" in header and not _NAMED & set(header)


def read_scores(file: Path, *, multi_label: bool) -> LabelledScores:
    """Read labels and probabilities from a CSV file.

    The column `label` is the class, of a multi-label set several with `|` between them; `source`,
    if there, groups images that depend on each other; `image` and `sha256` are passed over. Each
    other column is a class, and holds its probability.

    Raises
    ------
    InputError
        There is no such column, or a value is no probability; the message names the line.
    """
    lines = _rows(file)
    header = next(lines, [])
    if "label" not in header:
        raise InputError(f"{file} has no column label. Its first line must name the columns.")
    classes = tuple(sorted(name for name in header if name not in _ABOUT))
    if len(classes) < _LEAST:
        raise InputError(
            f"{file} needs a column of probabilities for each of at least {_LEAST} classes, "
            "besides label."
        )
    scores, labels, sources = [], [], []
    for number, line in enumerate(lines, start=2):
        row = dict(zip(header, line, strict=False))
        scores.append([_probability(row.get(name), f"{file}:{number}", name) for name in classes])
        said = row["label"].split(SEPARATOR) if multi_label else [row["label"]]
        labels.append({name.strip() for name in said if name.strip()})
        if unknown := labels[-1] - set(classes):
            raise InputError(
                f"{file}:{number} has the label {min(unknown)!r}, which no column is named after."
            )
        sources.append(row.get("source") or f"row {number}")
    targets = np.array([[name in said for name in classes] for said in labels], bool)
    counts = targets.sum(axis=0) if labels else np.zeros(len(classes))
    if few := [name for name, count in zip(classes, counts, strict=True) if count < _LEAST]:
        raise InputError(
            f"{file} has fewer than {_LEAST} rows of {', '.join(few)}. Add rows, or take out the "
            "column."
        )
    _, groups = np.unique(sources, return_inverse=True)
    return LabelledScores(
        scores=np.array(scores),
        elsewhere=np.zeros(len(scores)),
        targets=targets,
        classes=classes,
        groups=groups.astype(np.int64),
        sha256=tuple(b"" for _ in scores),
        uris=tuple(f"{file}:{number}" for number in range(2, len(scores) + 2)),
        skipped=(),
    )


def write_scores(labelled: LabelledScores, file: Path) -> None:
    """Write labels and probabilities as `read_scores` takes them, with digests for names.

    Raises
    ------
    UnreadableSource
        The file cannot be written.
    """
    try:
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(["sha256", "source", "label", *labelled.classes])
            for row, digest in enumerate(labelled.sha256):
                is_of = zip(labelled.classes, labelled.targets[row], strict=True)
                named = SEPARATOR.join(name for name, so in is_of if so)
                values = [f"{value:.6f}" for value in labelled.scores[row]]
                writer.writerow([digest.hex(), f"group {labelled.groups[row]}", named, *values])
    except OSError as error:
        raise UnreadableSource(f"{file} cannot be written: {error}.") from error


def _columns(
    rows: NDArray[np.float64],
    card: ModelCard,
    classes: Sequence[str],
    merged: Mapping[str, Sequence[str]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probability of each class of the images, and the largest of any other."""
    columns, used = [], set()
    for label in classes:
        places = _places(label, card, merged)
        used.update(places)
        columns.append(np.minimum(rows[:, places].sum(axis=1), 1.0))
    others = [place for place in range(len(card.labels)) if place not in used]
    return np.stack(columns, axis=1), rows[:, others].max(axis=1, initial=0.0)


def _places(label: str, card: ModelCard, merged: Mapping[str, Sequence[str]]) -> list[int]:
    """Find the model's classes that stand for a label of the images."""
    wanted = merged.get(label, (label,))
    if label in card.labels and not set(wanted) & set(card.labels):
        wanted = (label,)  # as where another model's classes are merged
    if missing := [name for name in wanted if name not in card.labels]:
        raise InputError(
            f"The model {card.reference} has no class {missing[0]!r}; its classes are "
            f"{', '.join(card.labels) or 'none'}. Rename the label, or say which of them stand for "
            f"{label!r}, such as --class {label}={card.labels[0] if card.labels else 'CLASS'}."
        )
    return [card.labels.index(name) for name in wanted]


def _rows(file: Path) -> Iterator[list[str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            yield from csv.reader(lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableSource(f"{file} cannot be read as CSV: {error}.") from error


def _probability(text: str | None, where: str, name: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise InputError(f"{where} has no probability from 0 to 1 for {name!r}, but {text!r}.")
    return float(value)
