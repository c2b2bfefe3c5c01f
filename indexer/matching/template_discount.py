"""Template discount: the frame that two screenshots share is no evidence that one is a copy.

A candidate that would match is looked at once more. Where it shows other content within the same
frame as the query, only pictures within the content are compared, and only at another place than
where they are known to differ: the same photo further down the screen still matches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.matching.comparison import Compared, Comparison, compare_images
from indexer.matching.pieces import Piece, stored_pieces
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
from indexer.verification import read_thumbnail
from indexer.verification.cell_agreement import SharedFrame, find_shared_frame
from indexer.verification.cell_grid import CellGrid, Extent, is_picture
from indexer.verification.detail_agreement import DetailAgreement, Hands
from indexer.verification.known_frame import find_known_frame, frame_of, share_content
from indexer.verification.local_features import Features, in_both_hands
from indexer.verification.placed_parts import PlacedParts, find_other_content
from indexer.verification.recurring_details import RecurringDetails

_WITHIN: Final = 0.7  # share of a part that must lie in the content for it to be content
_ELSEWHERE: Final = 0.3  # overlap of two places below which they are different ones
_SAME: Final = 16
"""PDQ distance up to which no frame is looked for without pixels: screenshots of one application
that show other photos differ by 25 bits and more."""
_MEMBERS: Final = 12  # images of a template, by which its recurring details are known


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What is known of an image and its pieces: where they lie, and the pixels if they are kept."""

    placed: PlacedParts
    cells: CellGrid | None
    parts: Sequence[Part | None]  # None for the whole first frame
    extents: Sequence[Extent | None]  # None for the whole, and for later frames

    @classmethod
    def of(
        cls,
        parts: Sequence[Part | None],
        embedded: Sequence[Piece],
        size: tuple[int, int],
        cells: CellGrid | None,
    ) -> "_Sheet":
        """Make a sheet; `size` is width and height in the pixels of the parts' boxes."""
        boxes = (part.box if part and part.kind is not PartKind.FRAME else None for part in parts)
        return cls(
            PlacedParts.of(size, embedded),
            cells,
            parts,
            [box and Extent.of(box, size) for box in boxes],
        )

    def within(self, content: Extent) -> list[Extent | None]:
        """Return where pictures within the content lie; None for pieces that are none."""
        return [
            extent
            if extent
            and extent.shared(content) >= _WITHIN * extent.area
            and (self.cells is None or is_picture(self.cells.grey, extent))
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
        self._keeps_thumbnails = settings.keep_thumbnails

    @timed("templates")
    def apply(self, query: EncodedQuery, matching: Sequence[Compared]) -> list[Compared]:
        """Return the candidates that share a frame with a query and not its content, lowered.

        Only those of a query that is a picture or a stored image are looked at: pixel by pixel
        where both have a thumbnail, else by the pictures within them. While the parts of a picture
        are not known yet, anything that may be a frame is taken for one, so that the parts are
        asked about.

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
            kept = [*asked, *wanted] if self._keeps_thumbnails else []
            thumbnails = catalog.thumbnails.get_many(kept)
            templates = catalog.templates.of_images(wanted)
        grids = {
            image_id: CellGrid.of(read_thumbnail(jpeg)) for image_id, jpeg in thumbnails.items()
        }
        own = grids.pop(asked[0], None) if asked else None
        if not grids:
            own = None
        elif query.pixels:
            own = query.pixels.cells
        ours = _Sheet.of(query.pieces.parts, query.pieces.embedded(), query.size, own)

        @cache
        def hands() -> Hands:
            return query.pixels.hands if query.pixels else in_both_hands(self._features(asked[0]))

        @cache
        def recurring(template: Template) -> RecurringDetails:
            return RecurringDetails(lambda: hands()[0], lambda: self._others(hands, template))

        looked_at = (
            self._look(
                query,
                ours,
                each,
                grids.get(each.image_id),
                template,
                DetailAgreement(
                    hands,
                    partial(self._features, each.image_id),
                    in_place=each.in_place,
                    recurring=recurring(template) if template else None,
                ),
            )
            for each, template in ((each, templates.get(each.image_id or 0)) for each in matching)
            if each.image_id is not None
        )
        return [each for each in looked_at if each]

    def _features(self, image_id: int) -> Features:
        with self._store.reader() as catalog:
            return read_features(catalog, [image_id])[image_id]

    def _others(self, hands: Callable[[], Hands], template: Template) -> list[Features]:
        """Return the features of images of a template that do not show what the query does."""
        content = ~frame_of(bytes.fromhex(template.mask))
        with self._store.reader() as catalog:
            members = catalog.templates.images(template.id, limit=_MEMBERS)
            found = read_features(catalog, members).values()
        return [
            features
            for features in found
            if not DetailAgreement(hands, partial(_itself, features)).compare(content)
        ]

    def _look(
        self,
        query: EncodedQuery,
        ours: _Sheet,
        compared: Compared,
        stored: CellGrid | None,
        template: Template | None,
        details: DetailAgreement,
    ) -> Compared | None:
        """Compare a candidate once more; None if it shares no frame, or the content as well."""
        record = compared.candidate.record
        if record is None:
            return None
        pieces = stored_pieces(record, self._min_quality)
        parts = [part for part, _, _ in pieces]
        theirs = _Sheet.of(parts, pieces, (record.width, record.height), stored)
        if template and template.state is TemplateState.REJECTED:
            content = None
        elif ours.cells and theirs.cells:
            frame = _frame(query, (ours.cells, theirs.cells), (ours, theirs), template, details)
            content = frame.content if frame else None
        else:
            content = self._other_content(query, ours, theirs, compared)
        if content is None:
            return None
        skipped = _skipped(ours, theirs, content, details)
        [comparisons] = compare_images(query, [record], self._min_quality, self._fusion, skipped)
        without = replace(compared, comparisons=_measured(comparisons, skipped))
        before, after = compared.log_odds or 0.0, without.log_odds or 0.0
        evidence = TemplateEvidence(
            id=template.id if template else None,
            seen_in=template.seen_in if template else None,
            discount=round(before - after, 3),
            pixels=bool(ours.cells and theirs.cells),
        )
        return replace(without, template=evidence)

    def _other_content(
        self, query: EncodedQuery, ours: _Sheet, theirs: _Sheet, compared: Compared
    ) -> Extent | None:
        """Return where a query and a candidate hold different pictures, without their pixels."""
        if not query.is_first_step:
            return find_other_content(ours.placed, theirs.placed, self._fusion)
        bits = compared.strongest.evidence.pdq_distance
        if bits is not None and bits <= _SAME:
            return None
        return ours.placed.may_differ(theirs.placed)


def _itself(features: Features) -> Features:
    return features


def _frame(
    query: EncodedQuery,
    cells: tuple[CellGrid, CellGrid],
    sheets: tuple[_Sheet, _Sheet],
    template: Template | None,
    details: DetailAgreement,
) -> SharedFrame | None:
    """Return the frame that a query shares with a candidate, of its template if it has one."""
    pictures = [[extent for extent in sheet.extents if extent] for sheet in sheets]
    if template:
        mask = bytes.fromhex(template.mask)
        if share_content(*cells, mask, chain(*pictures), details):
            return None
        if known := find_known_frame(*cells, mask, details):
            return known
    return find_shared_frame(
        *cells,
        *pictures,
        bounded=not query.is_first_step,
        details=details,
    )


def _skipped(
    ours: _Sheet, theirs: _Sheet, content: Extent, details: DetailAgreement
) -> NDArray[np.bool_]:
    """Return which pairs of pieces are no evidence, (pieces of ours, pieces of theirs)."""
    places = theirs.within(content)
    counting = [
        [
            one is not None
            and other is not None
            and one.overlap(other) < _ELSEWHERE
            and details.compare_places(one, other) is not False
            for other in places
        ]
        for one in ours.within(content)
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
