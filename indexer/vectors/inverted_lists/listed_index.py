"""Listed index: a float index that from some size on is searched through inverted lists."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import structlog

from indexer.errors import InputError, RecallTooLow
from indexer.types import Completeness, Embeddings
from indexer.vectors.base import FileKeeper, KeySet, SegmentRecord
from indexer.vectors.coded_rows import CodedRows
from indexer.vectors.faiss_index import FloatIndex, codes_file
from indexer.vectors.flat_rows import FlatRows
from indexer.vectors.inverted_lists.codebook import Codebook
from indexer.vectors.inverted_lists.list_codes import KIND, ListCodes, kind_of
from indexer.vectors.inverted_lists.list_files import (
    keep_lists,
    keep_refusal,
    read_lists,
    read_refusal,
)
from indexer.vectors.inverted_lists.list_search import Probing, nearest_listed, up_to_listed
from indexer.vectors.inverted_lists.search_plan import planned_probes
from indexer.vectors.inverted_lists.view_lists import ListMaker, ViewLists, with_rows
from indexer.vectors.recall import require_recall
from indexer.vectors.results import SimilarityHits, SimilarityRangeHits
from indexer.vectors.segments import Rows, Segment, merge
from indexer.vectors.tiers import TierRule
from indexer.vectors.vector_files import map_vectors

_GROWN: Final = 4
"""How many times as many vectors as it was trained on a codebook serves."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListRule:
    """From which size on a view has lists, and how they are made."""

    from_vectors: int
    binary_from: int  # vectors from which on their codes have a bit a dimension, not a byte
    maker: ListMaker


class ListedIndex(FloatIndex):
    """Nearest neighbours by cosine similarity, through inverted lists; see `VectorIndex`.

    Searches that must be exact, and those within small sets, compare all rows.

    Parameters
    ----------
    dimension : int
    tiers : TierRule
        Which segments are searched by codes as long as they have no lists.
    folder : Path or None
        See `FloatIndex`.
    rule : ListRule
    """

    def __init__(
        self, dimension: int, tiers: TierRule, folder: Path | None, rule: ListRule
    ) -> None:
        super().__init__(dimension, tiers, folder)
        self._rule = rule
        self._lists: ViewLists | None = None
        self._refused_at = 0  # vectors that there were when lists were refused

    @property
    def lists(self) -> ViewLists | None:
        """The lists that are in use; none once the view is half as large as it takes."""
        return self._lists if 2 * len(self) >= self._rule.from_vectors else None

    @property
    def completeness(self) -> Completeness:
        """The measured recall of the lists, if there are any; see `VectorIndex`."""
        lists = self.lists
        return super().completeness if lists is None else lists.completeness

    def search(
        self, queries: Embeddings, k: int, within: KeySet | None = None, *, exact: bool = False
    ) -> SimilarityHits:
        """Find the k keys of highest cosine similarity; see `VectorIndex`."""
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}.")
        probing = None if exact else self._probing(within, k)
        if probing is None:
            return super().search(queries, k, within, exact=exact or self._lists is not None)
        asked = self._checked(queries)
        keys, distances = nearest_listed(self._segments, probing, asked, k, within)
        return SimilarityHits(keys=keys, similarities=-distances)

    def range_search(
        self,
        queries: Embeddings,
        threshold: float,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> SimilarityRangeHits:
        """Find the keys whose cosine similarity is `threshold` or more; see `VectorIndex`."""
        probing = None if exact else self._probing(within, 1)
        if probing is None or not -1 < threshold <= 1:
            exact = exact or self._lists is not None
            return super().range_search(queries, threshold, within, exact=exact)
        offsets, keys, distances, incomplete = up_to_listed(
            self._segments, probing, self._checked(queries), -threshold, within
        )
        return SimilarityRangeHits(
            offsets=offsets, keys=keys, incomplete=incomplete, similarities=-distances
        )

    def improve(self, on_progress: Callable[[], None] = lambda: None) -> bool:
        """Make the lists that are due; see `LocalIndex`.

        Lists are made anew, which takes minutes for each million vectors, when there are none, or
        the view has grown to four times what its codebook was trained on. Those whose recall is
        below the target are not used, and not tried again before the view has doubled.
        """
        lists, count = self._lists, len(self)
        if count < max(self._rule.from_vectors, 2 * self._refused_at):
            return False
        if lists is None or self._is_outgrown(lists):
            binary = count >= self._rule.binary_from
            return self._make_lists(self._maker(on_progress, binary=binary))
        return self._encode(self._maker(on_progress, binary=lists.binary), lists.codebook)

    def is_behind(self, segments: Sequence[SegmentRecord]) -> bool:
        """Return whether segments on disk have lists that this index lacks; see `LocalIndex`."""
        lists = self._lists
        if lists is not None and not self._is_outgrown(lists):
            return False
        return any(_is_listed(each) and not self._has(each.codes) for each in segments)

    def freeze(self) -> Self:
        """Return an index that shares this one's memory; see `LocalIndex`."""
        with self._changing:
            frozen = super().freeze()
            frozen._lists, frozen._refused_at = self._lists, self._refused_at  # noqa: SLF001 - ours
        return frozen

    def accepts(self, segments: Sequence[SegmentRecord]) -> bool:
        """Return whether segments on disk have lists, if they should; see `LocalIndex`."""
        if any(_is_listed(record) for record in segments):
            return True
        return self._lists is None and super().accepts(segments)

    def adopt(self, folder: Path, segments: Sequence[SegmentRecord]) -> None:
        """Search by codes what awaits them; see `LocalIndex`."""
        known = [each for each in segments if not _is_listed(each) or self._has(each.codes)]
        super().adopt(folder, known)

    def save(self, files: FileKeeper) -> list[SegmentRecord]:
        """Write the index into a snapshot; see `LocalIndex`."""
        if self._lists is not None:
            keep_lists(files, self._lists)
        if self._refused_at:
            keep_refusal(files, self._refused_at, self._rule.maker.target)
        return super().save(files)

    def load(self, folder: Path, segments: Sequence[SegmentRecord]) -> None:
        """Fill an empty index with what `save` wrote; see `LocalIndex`."""
        self._lists = read_lists(folder, self.dimension)
        self._refused_at = read_refusal(folder, self._rule.maker.target)
        super().load(folder, segments)

    def _empty(self) -> Self:
        return type(self)(self.dimension, self._tiers, self._folder, self._rule)

    def _read(self, folder: Path, record: SegmentRecord) -> Rows:
        if self._lists is None or record.codes is None or not self._has(record.codes):
            return super()._read(folder, record)
        codes = ListCodes.read(folder / codes_file(record.id, record.codes), self._lists.codebook)
        vectors = map_vectors(folder / self._vectors_file(record.id), self.dimension)
        return CodedRows(record.codes, codes, FlatRows(vectors))

    def _is_mapped(self, record: SegmentRecord) -> bool:
        return _is_listed(record) or super()._is_mapped(record)

    def _is_outgrown(self, lists: ViewLists) -> bool:
        """Return whether the view has outgrown its lists."""
        return len(self) >= _GROWN * lists.codebook.trained_on

    def _has(self, kind: str | None) -> bool:
        """Return whether codes are lists of the codebook that is in use."""
        lists = self._lists
        return lists is not None and kind == kind_of(lists.codebook, binary=lists.binary)

    def _maker(self, on_progress: Callable[[], None], *, binary: bool) -> ListMaker:
        return replace(self._rule.maker, binary=binary, on_progress=on_progress)

    def _probing(self, within: KeySet | None, k: int) -> Probing | None:
        """Plan a search; None if it compares all rows."""
        lists = self.lists
        if lists is None:
            return None
        segments, selected = self._segments, None
        if within is not None:
            selected = sum(segment.selection(within).count for segment in segments)
        probes = planned_probes(lists.settings, selected, sum(each.live for each in segments))
        if probes is None:
            return None
        return Probing(lists.codebook, probes, lists.settings.shortlist_for(k))

    def _make_lists(self, maker: ListMaker) -> bool:
        """Merge, train and encode beside what is searched, measure, and use what is good enough.

        A search takes as long for each segment's part of a list, however short, as for a longer
        one: so all segments become one.
        """
        with self._changing:
            segments, count, erasures = self._segments, len(self), self._erasures
        merged = segments[0] if len(segments) == 1 else merge(segments, self._allocate)
        codebook = maker.train([merged])
        if len(merged.keys) >= maker.least_listed:
            merged = with_rows(merged, maker.encode(_flat(merged), codebook))
        measured = maker.measure([merged], codebook, maker.held_out([merged]))
        try:
            require_recall("the view", measured.completeness, maker.target)
        except RecallTooLow as error:
            self._refused_at = count
            log.warning("lists not used, view searched exactly", vectors=count, reason=str(error))
            return False
        with self._changing:
            if self._erasures == erasures:  # else what was erased is in the copy
                self._segments = _replaced(self._segments, segments, merged)
            self._lists, self._refused_at = measured, 0
        log.info(
            "lists made",
            vectors=count,
            lists=len(codebook),
            probed=measured.settings.probes,
            recall=measured.completeness.recall,
        )
        return True

    def _encode(self, maker: ListMaker, codebook: Codebook) -> bool:
        """Put the vectors of large segments without lists into those of the codebook."""
        due = [
            segment
            for segment in self._segments
            if len(segment.keys) >= maker.least_listed and not _has_lists(segment, codebook)
        ]
        coded = {each.id: maker.encode(_flat(each), codebook) for each in due}
        with self._changing:
            self._segments = tuple(
                with_rows(each, coded[each.id]) if each.id in coded else each
                for each in self._segments
            )
        return bool(due)


def _is_listed(record: SegmentRecord) -> bool:
    return record.codes is not None and record.codes.startswith(KIND)


def _has_lists(segment: Segment, codebook: Codebook) -> bool:
    codes = segment.rows.codes if isinstance(segment.rows, CodedRows) else None
    return isinstance(codes, ListCodes) and codes.codebook is codebook


def _replaced(
    current: Sequence[Segment], sources: Sequence[Segment], merged: Segment
) -> tuple[Segment, ...]:
    """Put what some segments were merged into in place of those of them that are still there.

    Of the merged vectors those count that still do in a source: others were removed since, or are
    in a newer segment.
    """
    merged_ids = {segment.id for segment in sources}
    still = [segment for segment in current if segment.id in merged_ids]
    others = [segment for segment in current if segment.id not in merged_ids]
    live = [segment.keys[segment.live_rows()] for segment in still]
    gone = np.setdiff1d(merged.keys, np.concatenate([np.zeros(0, np.int64), *live]))
    left = merged.without(gone)
    return (left, *others) if left.live else tuple(others)


def _flat(segment: Segment) -> FlatRows:
    """Return a segment's exact vectors."""
    rows = segment.rows
    if isinstance(rows, CodedRows):
        return rows.flat
    if isinstance(rows, FlatRows):
        return rows
    raise TypeError(f"{type(rows).__name__} has no float vectors.")
