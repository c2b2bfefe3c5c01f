"""Labels of stored images: from manifests, from banks or from analysts' decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.store import Catalog, Store
from indexer.types import ClusterScope, Embeddings, Outcome, SkippedSource, Space

SEVERAL: Final = "conflicting_labels"
_PAGE: Final = 1_000
_HINTS: Final = {
    "labels": "Add images with a manifest that has a column label.",
    "banks": "Add the images of each class to a bank of its name.",
    "decisions": "Confirm and reject matches of images that are in the index.",
}


@dataclass(frozen=True, slots=True)
class StoredLabels:
    """n labelled images of an index."""

    labels: tuple[str, ...]
    embeddings: Embeddings  # (n, d)
    sha256: tuple[bytes, ...]
    pdq: NDArray[np.uint8]  # (n, 32)
    pdq_quality: NDArray[np.int64]  # (n,)
    origins: tuple[str | None, ...]
    uris: tuple[str, ...]
    skipped: tuple[SkippedSource, ...]


def read_stored(store: Store, space: Space, origin: str) -> StoredLabels:
    """Read the labelled images of an index in one space.

    Images with several labels are left out and listed.

    Parameters
    ----------
    store : Store
    space : Space
        Whose embeddings are read.
    origin : str
        `labels` are those of manifests; `banks` the names of the banks that images are in;
        `decisions` are `confirmed` and `rejected`, of the images that analysts decided on.

    Raises
    ------
    InputError
        No image is labelled.
    """
    with store.reader() as catalog:
        vectors = catalog.cluster_scopes.vectors(ClusterScope(), space)
        ids = vectors.ids.tolist()
        found = _labels(catalog, ids, origin)
        labelled = [number for number, image in enumerate(ids) if len(found.get(image, ())) == 1]
        chosen = [ids[number] for number in labelled]
        prints = catalog.images.fingerprints(chosen)
        uploaders = catalog.sources.uploaders(chosen)
    several = [image for image in ids if len(found.get(image, ())) > 1]
    if not labelled:
        raise InputError(
            f"No image of the index with an embedding has a label from {origin}. {_HINTS[origin]}"
        )
    pdq = [np.frombuffer(prints[image].pdq.bits, np.uint8) for image in chosen]
    return StoredLabels(
        labels=tuple(next(iter(found[image])) for image in chosen),
        embeddings=vectors.vectors[labelled],
        sha256=tuple(prints[image].sha256 for image in chosen),
        pdq=np.stack(pdq),
        pdq_quality=np.array([prints[image].pdq.quality for image in chosen], np.int64),
        origins=tuple(min(uploaders.get(image, ()), default=None) for image in chosen),
        uris=tuple(f"image {image}" for image in chosen),
        skipped=tuple(_skip(image, sorted(found[image])) for image in several),
    )


def _labels(catalog: Catalog, ids: list[int], origin: str) -> Mapping[int, set[str]]:
    if origin == "labels":
        return catalog.sources.labels(ids)
    if origin == "banks":
        return catalog.entries.banks_of_images(ids)
    return _decided(catalog)


def _decided(catalog: Catalog) -> dict[int, set[str]]:
    """Return what analysts said of the images of the gallery that they were asked about."""
    outcomes: dict[bytes, set[str]] = {}
    after = 0
    while page := catalog.decisions.page(after_id=after, limit=_PAGE):
        after = page[-1].id
        for decision in page:
            if decision.outcome is not Outcome.ESCALATED:
                digest = bytes.fromhex(decision.query_sha256)
                outcomes.setdefault(digest, set()).add(decision.outcome.value)
    known = catalog.images.ids_by_sha256(outcomes)
    return {image_id: outcomes[digest] for digest, image_id in known.items()}


def _skip(image_id: int, labels: list[str]) -> SkippedSource:
    uri = f"image {image_id}"
    return SkippedSource(uri, SEVERAL, f"{uri} was left out: its labels are {', '.join(labels)}.")
