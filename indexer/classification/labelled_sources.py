"""Labelled sources: a folder for each class, or a manifest with a label for each image."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from indexer.errors import InputError, UnreadableSource
from indexer.settings import Settings
from indexer.sources import SourceItem, is_manifest, open_sources
from indexer.types import SkippedSource

UNLABELLED: Final = "unlabelled"
SEPARATOR: Final = "|"
"""Between the labels of one image in a manifest."""
_SOURCE_COLUMNS: Final = ("source", "group", "package")


@dataclass(frozen=True, slots=True)
class LabelledSource:
    """An image that is not read yet, and what it is said to show."""

    item: SourceItem
    labels: tuple[str, ...]  # one, or several of a multi-label set
    origin: str | None
    """What it was taken from: images of one origin are never divided between training and test."""

    @property
    def uri(self) -> str:
        """Where it is."""
        return self.item.stamp.uri


def find_labelled(
    place: Path, settings: Settings, *, multi_label: bool = False
) -> Iterator[LabelledSource | SkippedSource]:
    """Find the images of a labelled set, in an order that repeats.

    In a folder, the first level of folders are the classes; a folder within a class is the origin
    of what is in it, in whichever class. In a manifest, the column `label` names the class and
    `source`, `group` or `package`, or else `uploader`, the origin.

    Parameters
    ----------
    place : Path
        A folder, or a manifest (docs/sources.md).
    settings : Settings
        Limits, and the protocols that a manifest's URLs may use.
    multi_label : bool
        Whether a manifest's label may be several, with `|` between them.

    Raises
    ------
    InputError
        A class folder is empty, or there are none.
    UnreadableSource
        There is no such folder or manifest.
    """
    if place.is_dir():
        return _in_folder(place.resolve(), settings)
    if not is_manifest(place.name):
        raise UnreadableSource(
            f"{place} is neither a folder nor a manifest. Name a folder with a folder of images "
            "for each class, or a manifest (.csv, .jsonl, .parquet) with the columns path and "
            "label."
        )
    return _in_manifest(place, settings, multi_label=multi_label)


def _in_folder(root: Path, settings: Settings) -> Iterator[LabelledSource | SkippedSource]:
    classes = sorted(path.name for path in root.iterdir() if _is_class(path))
    if not classes:
        raise InputError(
            f"{root} has no folders. Put the images of each class into a folder of its name: "
            f"{root / 'cats'}, {root / 'dogs'} ..."
        )
    seen = set()
    for found in open_sources([str(root)], settings):
        if isinstance(found, SkippedSource):
            yield found
            continue
        path = Path(found.stamp.uri)
        parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
        if len(parts) < 2:  # noqa: PLR2004 -- class and file
            yield _skip(found.stamp.uri, "it is in no class folder")
            continue
        seen.add(parts[0])
        origin = parts[1] if len(parts) > 2 else None  # noqa: PLR2004 -- a folder between
        yield LabelledSource(found, (parts[0],), origin)
    if empty := [name for name in classes if name not in seen]:
        raise InputError(
            f"The class {'folder' if len(empty) == 1 else 'folders'} {', '.join(empty)} of {root} "
            "hold no images. Fill or remove them."
        )


def _is_class(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _in_manifest(
    manifest: Path, settings: Settings, *, multi_label: bool
) -> Iterator[LabelledSource | SkippedSource]:
    labelled = 0
    for found in open_sources([str(manifest)], settings):
        if isinstance(found, SkippedSource):
            yield found
            continue
        labels = _labels(found.details.label or "", multi_label=multi_label)
        if not labels:
            yield _skip(found.stamp.uri, f"{manifest} gives it no label")
            continue
        labelled += 1
        origin = _origin(found.details.metadata) or found.details.uploader
        yield LabelledSource(found, labels, origin)
    if not labelled:
        raise InputError(
            f"{manifest} has no labels. Add a column label with the class of each image"
            f"{f', several with {SEPARATOR} between them' if multi_label else ''}."
        )


def _labels(text: str, *, multi_label: bool) -> tuple[str, ...]:
    names = text.split(SEPARATOR) if multi_label else [text]
    return tuple(sorted({name.strip() for name in names if name.strip()}))


def _origin(metadata: Mapping[str, Any]) -> str | None:
    named = (metadata.get(column) for column in _SOURCE_COLUMNS)
    return next((str(value) for value in named if value), None)


def _skip(uri: str, reason: str) -> SkippedSource:
    return SkippedSource(uri, UNLABELLED, f"{uri} was left out: {reason}.")
