"""Exclusion of links that are about a frame: two screenshots of one application are no copies."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.pair_evidence import ImagePairs
from indexer.clustering.families.part_exclusion import PartExclusion
from indexer.settings import Settings
from indexer.store import ScopedPieces, Store
from indexer.stored_features import read_features
from indexer.types import Fusion, Space, TemplateState
from indexer.verification import read_thumbnail
from indexer.verification.cell_agreement import SharedFrame, find_shared_frame
from indexer.verification.cell_grid import CellGrid, Extent
from indexer.verification.detail_agreement import DetailAgreement
from indexer.verification.frame_groups import Pair, find_pictures, group_frames
from indexer.verification.known_frame import find_known_frame, share_content
from indexer.verification.local_features import Features, in_both_hands

_STEP: Final = 128  # pairs looked at at a time: half a megabyte for each of their images


class _Sheet(NamedTuple):
    """The cells of an image, and where it holds pictures within the picture."""

    cells: CellGrid
    pictures: list[Extent]
    features: Features


_Look = Callable[[Pair, _Sheet, _Sheet], SharedFrame | None]


class FrameExclusion:
    """Finds links between images that share a frame around different content.

    A frame that several images share is known by all of them: it is then also found where the
    content is too plain to tell it from the frame in two images alone. So are the frames of known
    templates, unless an analyst has rejected them. Of images without a thumbnail the pictures
    within them tell.

    Parameters
    ----------
    store : Store
    scoped : ScopedPieces
    space : Space
    fusion : Fusion
    settings : Settings
    verified : bool
        Whether pixels are looked at, where they are kept.
    """

    def __init__(
        self,
        store: Store,
        scoped: ScopedPieces,
        space: Space,
        fusion: Fusion,
        settings: Settings,
        *,
        verified: bool,
    ) -> None:
        self._store = store
        self._ids = scoped.images.ids
        self._space = space
        self._looks_at_pixels = verified and settings.keep_thumbnails
        self._parts = PartExclusion(store, scoped, space, fusion, settings.pdq_min_quality)
        self._masks: dict[int, bytes] = {}  # frames that were found, by image

    def framed(
        self,
        links: ImagePairs,
        in_place: NDArray[np.bool_],
        on_progress: Callable[[int], None],
    ) -> NDArray[np.bool_]:
        """Return which links are about a frame alone, (m,).

        Parameters
        ----------
        links : ImagePairs
        in_place : ndarray of shape (m,), bool
            Whether both images have details in common at the same places.
        on_progress : callable
            Called with the number of links that are done since the last call; what it raises ends
            it.
        """
        ids = self._ids[links.left].tolist(), self._ids[links.right].tolist()
        pairs = [*zip(*ids, strict=True)]
        places = dict(zip(pairs, in_place.tolist(), strict=True))
        with self._store.reader() as catalog:
            known = catalog.templates.of_images({*ids[0], *ids[1]})
            shown = catalog.thumbnails.ids({*ids[0], *ids[1]}) if self._looks_at_pixels else set()
        rejected = {i for i, each in known.items() if each.state is TemplateState.REJECTED}
        asked = [pair for pair in pairs if shown >= {*pair} and not rejected & {*pair}]
        on_progress(len(pairs) - len(asked))
        seen = np.array([shown >= {*pair} or bool(rejected & {*pair}) for pair in pairs], np.bool_)
        framed = self._parts.framed(links, ~seen, lambda: on_progress(0))
        frames = self._find(
            asked,
            on_progress,
            lambda pair, one, other: find_shared_frame(
                one.cells,
                other.cells,
                one.pictures,
                other.pictures,
                details=_details(one, other, in_place=places[pair]),
            ),
        )
        masks = self._masks
        masks |= {i: bytes.fromhex(known[i].mask) for i in known if i not in rejected}
        for template in group_frames(frames):
            masks |= {i: template.mask for i in template.members if i not in masks}
        self._spread(asked, frames, on_progress)
        framed |= np.array([pair in frames for pair in pairs], np.bool_)
        return framed

    def _spread(
        self,
        pairs: list[Pair],
        frames: dict[Pair, SharedFrame],
        on_progress: Callable[[int], None],
    ) -> None:
        """Add the pairs that share a frame which is known of either, and so on from there."""
        tried, masks = set(frames), self._masks
        while unsure := [pair for pair in pairs if pair not in tried and masks.keys() & pair]:
            tried.update(unsure)
            found = self._find(
                unsure,
                lambda _: on_progress(0),
                lambda pair, one, other: _known(pair, one, other, masks),
            )
            frames |= found
            for one, other in found:  # both have the frame of either
                mask = masks.get(one) or masks[other]
                masks.setdefault(one, mask)
                masks.setdefault(other, mask)

    def _find(
        self, pairs: list[Pair], on_progress: Callable[[int], None], look: _Look
    ) -> dict[Pair, SharedFrame]:
        """Look at pairs of images with thumbnails."""
        found = {}
        for start in range(0, len(pairs), _STEP):
            step = pairs[start : start + _STEP]
            sheets = self._read({image_id for pair in step for image_id in pair})
            for pair in step:
                if sheets.keys() >= {*pair}:
                    frame = look(pair, *(sheets[image_id] for image_id in pair))
                    if frame:
                        found[pair] = frame
            on_progress(len(step))
        return found

    def _read(self, image_ids: set[int]) -> dict[int, _Sheet]:
        with self._store.reader() as catalog:
            thumbnails = catalog.thumbnails.get_many(image_ids)
            records = catalog.images.get_many(thumbnails, self._space.id, with_embedding=True)
            features = read_features(catalog, thumbnails.keys())
        return {
            i: _Sheet(
                CellGrid.of(read_thumbnail(thumbnails[i])), find_pictures(record), features[i]
            )
            for i, record in records.items()
        }


def _details(one: _Sheet, other: _Sheet, *, in_place: bool = False) -> DetailAgreement:
    return DetailAgreement(
        lambda: in_both_hands(one.features), lambda: other.features, in_place=in_place
    )


def _known(
    pair: Pair, one: _Sheet, other: _Sheet, masks: Mapping[int, bytes]
) -> SharedFrame | None:
    """Return the frame of one image of a pair in the other, if their contents differ."""
    (mask, known, asked) = (
        (masks[pair[1]], other, one) if pair[1] in masks else (masks[pair[0]], one, other)
    )
    details = _details(asked, known)
    pictures = [*one.pictures, *other.pictures]
    if share_content(asked.cells, known.cells, mask, pictures, details):
        return None
    return find_known_frame(asked.cells, known.cells, mask, details)
