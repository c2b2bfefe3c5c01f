"""Template discount: the frame that two screenshots share is no evidence that one is a copy.

A candidate that would match is looked at once more. Where it shows other content within the same
frame as the query, only pictures within the content are compared, and only at another place than
where they are known to differ: the same photo further down the screen still matches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.matching.comparison import Compared, Comparison, compare_images
from indexer.matching.pieces import stored_pieces
from indexer.matching.query import EncodedQuery
from indexer.runtime.timing import timed
from indexer.settings import Settings
from indexer.store import Store
from indexer.stored_features import read_features
from indexer.types import (
    Fusion,
    Part,
    PartKind,
    Template,
    TemplateEvidence,
    TemplateState,
)
from indexer.verification import Grey, read_thumbnail
from indexer.verification.cell_agreement import SharedFrame, find_shared_frame
from indexer.verification.cell_grid import CellGrid, Extent, is_picture
from indexer.verification.detail_agreement import DetailAgreement, Hands
from indexer.verification.known_frame import find_known_frame, share_content
from indexer.verification.local_features import Features, in_both_hands

_WITHIN: Final = 0.7  # share of a part that must lie in the content for it to be content
_ELSEWHERE: Final = 0.3  # overlap of two places below which they are different ones


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The pixels of an image, and where its pieces lie."""

    cells: CellGrid
    parts: Sequence[Part | None]  # None for the whole first frame
    extents: Sequence[Extent | None]  # None for the whole, and for later frames

    @classmethod
    def of(cls, grey: Grey, parts: Sequence[Part | None], size: tuple[int, int]) -> "_Sheet":
        """Make a sheet; `size` is width and height in the pixels of the parts' boxes."""
        boxes = (part.box if part and part.kind is not PartKind.FRAME else None for part in parts)
        return cls(
            CellGrid.of(grey),
            parts,
            [box and Extent.of(box, size) for box in boxes],
        )

    def content(self, frame: SharedFrame) -> list[Extent | None]:
        """Return where pictures within the content lie; None for pieces that are none."""
        return [
            extent
            if extent
            and extent.shared(frame.content) >= _WITHIN * extent.area
            and is_picture(self.cells.grey, extent)
            else None
            for extent in self.extents
        ]

    @property
    def later_frames(self) -> NDArray[np.bool_]:
        """Which pieces are later frames of an animation, of whose pixels nothing is known."""
        return np.array([part is not None and part.kind is PartKind.FRAME for part in self.parts])


class TemplateDiscount:
    """Takes shared frames off the evidence; safe to use from several threads."""

    def __init__(self, store: Store, settings: Settings, fusion: Fusion) -> None:
        self._store = store
        self._fusion = fusion
        self._min_quality = settings.pdq_min_quality

    @timed("templates")
    def apply(self, query: EncodedQuery, matching: Sequence[Compared]) -> list[Compared]:
        """Return the candidates that share a frame with a query and not its content, lowered.

        Only candidates that have a thumbnail are looked at, of a query that is a picture or a
        stored image. While the parts of a picture are not known yet, anything that may be a frame
        is taken for one, so that the parts are asked about.

        Parameters
        ----------
        query : EncodedQuery
        matching : sequence of Compared
            Stored images that would match, but for those of the very bytes.
        """
        asked = [query.record.id] if query.record else []
        if not matching or query.size is None or (query.pixels is None and not asked):
            return []
        wanted = [each.image_id for each in matching if each.image_id is not None]
        with self._store.reader() as catalog:
            thumbnails = catalog.thumbnails.get_many([*asked, *wanted])
            templates = catalog.templates.of_images(wanted)
        greys = {image_id: read_thumbnail(jpeg) for image_id, jpeg in thumbnails.items()}
        grey = query.pixels.grey if query.pixels else greys.pop(asked[0], None)
        if grey is None:
            return []
        ours = _Sheet.of(grey, query.pieces.parts, query.size)

        @cache
        def hands() -> Hands:
            return query.pixels.hands if query.pixels else in_both_hands(self._features(asked[0]))

        looked_at = (
            self._look(
                query,
                ours,
                each,
                greys[each.image_id],
                templates.get(each.image_id),
                DetailAgreement(
                    hands, partial(self._features, each.image_id), in_place=each.in_place
                ),
            )
            for each in matching
            if each.image_id in greys
        )
        return [each for each in looked_at if each]

    def _features(self, image_id: int) -> Features:
        with self._store.reader() as catalog:
            return read_features(catalog, [image_id])[image_id]

    def _look(
        self,
        query: EncodedQuery,
        ours: _Sheet,
        compared: Compared,
        stored: Grey,
        template: Template | None,
        details: DetailAgreement,
    ) -> Compared | None:
        """Compare a candidate once more; None if it shares no frame, or the content as well."""
        record = compared.candidate.record
        if record is None:
            return None
        parts = [part for part, _, _ in stored_pieces(record, self._min_quality)]
        theirs = _Sheet.of(stored, parts, (record.width, record.height))
        frame = _frame(query, ours, theirs, template, details)
        if frame is None:
            return None
        skipped = _skipped(ours, theirs, frame)
        [comparisons] = compare_images(query, [record], self._min_quality, self._fusion, skipped)
        without = replace(compared, comparisons=_measured(comparisons, skipped))
        before, after = compared.log_odds or 0.0, without.log_odds or 0.0
        evidence = TemplateEvidence(
            id=template.id if template else None,
            seen_in=template.seen_in if template else None,
            discount=round(before - after, 3),
        )
        return replace(without, template=evidence)


def _frame(
    query: EncodedQuery,
    ours: _Sheet,
    theirs: _Sheet,
    template: Template | None,
    details: DetailAgreement,
) -> SharedFrame | None:
    """Return the frame that a query shares with a candidate, of its template if it has one."""
    if template and template.state is TemplateState.REJECTED:
        return None
    pictures = [[extent for extent in sheet.extents if extent] for sheet in (ours, theirs)]
    if template:
        mask = bytes.fromhex(template.mask)
        if share_content(ours.cells, theirs.cells, mask, chain(*pictures), details):
            return None
        if known := find_known_frame(ours.cells, theirs.cells, mask, details):
            return known
    return find_shared_frame(
        ours.cells,
        theirs.cells,
        *pictures,
        bounded=not query.is_first_step,
        details=details,
    )


def _skipped(ours: _Sheet, theirs: _Sheet, frame: SharedFrame) -> NDArray[np.bool_]:
    """Return which pairs of pieces are no evidence, (pieces of ours, pieces of theirs)."""
    places = theirs.content(frame)
    counting = [
        [
            one is not None and other is not None and one.overlap(other) < _ELSEWHERE
            for other in places
        ]
        for one in ours.content(frame)
    ]
    return ~(np.array(counting) | np.add.outer(ours.later_frames, theirs.later_frames))


def _measured(comparisons: Sequence[Comparison], skipped: NDArray[np.bool_]) -> list[Comparison]:
    """Leave out the scores of pieces of which no pair counts."""
    return [
        replace(
            comparison,
            evidence=replace(
                comparison.evidence, similarity=None, pdq_distance=None, contributions=()
            ),
        )
        if none_left
        else comparison
        for comparison, none_left in zip(comparisons, map(np.all, skipped), strict=True)
    ]
