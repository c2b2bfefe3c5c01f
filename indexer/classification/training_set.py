"""Training set of a probe: what a frozen network makes of labelled images."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.classification.image_groups import group_images
from indexer.classification.labelled_images import (
    LabelledImages,
    check_classes,
    read_labelled,
)
from indexer.classification.labelled_sources import find_labelled
from indexer.classification.stored_labels import StoredLabels, read_stored
from indexer.model import ClassifierInput, FeatureExtractor
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Rgb, SkippedSource, Space

GROUP_REACH: Final = 31  # bits of PDQ: near-duplicates, as published with it
OnCount = Callable[[int], None]


class LabelOrigin(StrEnum):
    """What of an index names the classes."""

    LABELS = "labels"
    BANKS = "banks"
    DECISIONS = "decisions"


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """n images, as a classifier is fitted to them and measured on them."""

    inputs: NDArray[np.float32]  # (n, d)
    input: ClassifierInput
    targets: NDArray[np.bool_]  # (n, classes)
    classes: tuple[str, ...]
    groups: NDArray[np.int64]  # (n,)
    sha256: tuple[bytes, ...]
    uris: tuple[str, ...]
    skipped: tuple[SkippedSource, ...]
    duplicates: int
    from_index: bool = False

    def __len__(self) -> int:
        return len(self.inputs)


def read_set(
    place: Path,
    extractor: FeatureExtractor,
    settings: Settings,
    source: ClassifierInput,
    *,
    multi_label: bool = False,
    on_image: OnCount = lambda _count: None,
) -> TrainingSet:
    """Run a network over the images of a folder or manifest.

    Raises
    ------
    InputError
        There are fewer than two classes, a class has fewer than two readable images, or a class
        folder is empty.
    UnreadableSource
        There is no such place.
    """

    def make(rgb: Rgb) -> NDArray[np.float32]:
        extracted = extractor.extract(extractor.prepare(rgb)[np.newaxis])
        if source is ClassifierInput.FEATURES:
            return extracted.features.reshape(-1)
        return extracted.embeddings.reshape(-1)

    images, rows = read_labelled(
        find_labelled(place, settings, multi_label=multi_label),
        settings,
        make,
        multi_label=multi_label,
        at_least=extractor.decode_size,
        on_image=on_image,
    )
    check_classes(images)
    return TrainingSet(
        inputs=np.stack(rows),
        input=source,
        targets=images.targets,
        classes=images.classes,
        groups=groups_of(images, settings),
        sha256=images.sha256,
        uris=tuple(each.uri for each in images.sources),
        skipped=images.skipped,
        duplicates=images.duplicates,
    )


def groups_of(images: LabelledImages, settings: Settings) -> NDArray[np.int64]:
    """Return the group numbers of labelled images, (n,)."""
    return group_images(
        images.pdq,
        images.pdq_quality >= settings.pdq_min_quality,
        [each.origin for each in images.sources],
        reach=GROUP_REACH,
    )


def read_stored_set(
    store: Store, space: Space, settings: Settings, origin: LabelOrigin
) -> TrainingSet:
    """Take embeddings, hashes and labels from an index; no image is read.

    Raises
    ------
    InputError
        Too few images are labelled.
    """
    stored: StoredLabels = read_stored(store, space, origin.value)
    classes = tuple(sorted(set(stored.labels)))
    images = LabelledImages(
        sources=(),
        classes=classes,
        targets=np.array([[name == label for name in classes] for label in stored.labels], bool),
        sha256=stored.sha256,
        pdq=stored.pdq[:, np.newaxis],
        pdq_quality=stored.pdq_quality,
        skipped=stored.skipped,
        duplicates=0,
    )
    check_classes(images)
    return TrainingSet(
        inputs=stored.embeddings,
        input=ClassifierInput.EMBEDDING,
        targets=images.targets,
        classes=classes,
        groups=group_images(
            images.pdq,
            stored.pdq_quality >= settings.pdq_min_quality,
            stored.origins,
            reach=GROUP_REACH,
        ),
        sha256=stored.sha256,
        uris=stored.uris,
        skipped=stored.skipped,
        duplicates=0,
        from_index=True,
    )
