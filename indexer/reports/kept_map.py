"""Kept map: the landmarks of a space, laid out when a report first needs them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import numpy as np

from indexer.reports.landmark_map import LEAST, MOST, LandmarkMap, lay_out
from indexer.store import Landmarks, ScopedVectors, Store
from indexer.types import ClusterScope, Keys, Space

_OUTGROWN: Final = 4  # times as many images as the map was laid out for
_LEFT: Final = 0.5  # share of the landmarks that are still in the index


def open_map(
    store: Store,
    space: Space,
    semantic: Space | None = None,
    *,
    renew: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[LandmarkMap, Landmarks] | None:
    """Return the map of a space, laid out now if there is none.

    It is laid out by up to 5,000 images of the whole index and kept, so that an image has the same
    place in every report. It is laid out anew when the index has four times as many images, or
    half of the landmarks have left it; the old arrangement is where the new one begins.

    Parameters
    ----------
    store : Store
    space : Space
        That of the index.
    semantic : Space, optional
        That of the semantic embeddings to lay out instead, which have a map of their own.
    renew : bool
        Whether to lay it out anew in any case.
    on_progress : callable
        Called when it is laid out, before and after.

    Returns
    -------
    tuple of LandmarkMap and Landmarks, or None
        None where the space has fewer than 50 images.
    """
    map_id = (semantic or space).id

    def read(image_ids: Keys) -> ScopedVectors:
        """Read the vectors of those of some images that are still in the index, by id."""
        with store.reader() as catalog:
            parts = [*catalog.cluster_scopes.vectors_of(image_ids, space, semantic)]
        return ScopedVectors(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.added_at for part in parts]),
        )

    with store.reader() as catalog:
        kept = catalog.maps.get(map_id)
        ids = catalog.cluster_scopes.ids(ClusterScope(), space, semantic)
    known = read(kept.image_ids) if kept else None
    if kept and known and not renew and _still_fits(kept, known, len(ids)):
        return _plane(kept, known), kept
    if len(ids) < LEAST:
        return None
    on_progress(0, 1)
    sample = read(ids[:: -(-len(ids) // MOST)])
    start = None
    if kept and known and len(known.ids) >= LEAST:
        start = _plane(kept, known).place(sample.vectors)
    made = Landmarks(sample.ids, lay_out(sample.vectors, start), len(ids), datetime.now(UTC))
    on_progress(1, 1)
    with store.writer() as writer:
        current = writer.maps.get(map_id)
        if current and (kept is None or current.created_at != kept.created_at):
            made = current  # another program was faster
        else:
            writer.maps.keep(map_id, made)
    return _plane(made, read(made.image_ids)), made


def _plane(kept: Landmarks, known: ScopedVectors) -> LandmarkMap:
    rows = np.searchsorted(kept.image_ids, known.ids)
    return LandmarkMap.of(known.vectors, kept.places[rows])


def _still_fits(kept: Landmarks, known: ScopedVectors, images: int) -> bool:
    is_outgrown = images > _OUTGROWN * kept.images
    return not is_outgrown and len(known.ids) >= _LEFT * len(kept.image_ids)
