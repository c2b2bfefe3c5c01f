"""Float index: unit vectors compared by cosine similarity."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import structlog

from indexer.errors import DimensionMismatch, InputError
from indexer.runtime.private_files import make_private_folder
from indexer.types import Embeddings, Vectors
from indexer.vectors.base import FileKeeper, KeySet, SegmentRecord, Sink
from indexer.vectors.coded_rows import CodedRows
from indexer.vectors.codes.code_kinds import build_codes, read_codes
from indexer.vectors.flat_rows import FlatRows
from indexer.vectors.manifest import VECTORS_SUFFIX
from indexer.vectors.results import SimilarityHits, SimilarityRangeHits
from indexer.vectors.segmented import SegmentedIndex
from indexer.vectors.segments import Rows, Segment
from indexer.vectors.tiers import IN_MEMORY, TierRule
from indexer.vectors.vector_files import map_vectors, read_vectors, scratch_vectors

log = structlog.get_logger(__name__)

UNIT_TOLERANCE = 1e-3
"""How far a vector's length may be from 1: float16 storage stays inside, a forgotten
normalisation does not."""


class FloatIndex(SegmentedIndex):
    """Nearest neighbours by cosine similarity; see `VectorIndex`.

    Parameters
    ----------
    dimension : int
    tiers : TierRule
        Which segments are searched by codes.
    folder : Path, optional
        Where large segments are written when segments are merged; in memory by default.
    """

    metric: ClassVar[str] = "cosine"
    _no_distance: ClassVar[np.float32] = np.float32(np.inf)
    _suffix: ClassVar[str] = VECTORS_SUFFIX

    def __init__(
        self, dimension: int, tiers: TierRule = IN_MEMORY, folder: Path | None = None
    ) -> None:
        super().__init__(dimension)
        self._tiers = tiers
        self._folder = folder

    @property
    def awaiting_codes(self) -> frozenset[str]:
        """Segments that are to be searched by codes; see `LocalIndex`."""
        return frozenset(
            segment.id
            for segment in self._segments
            if self._codes_of(segment) and not isinstance(segment.rows, CodedRows)
        )

    def accepts(self, segments: Sequence[SegmentRecord]) -> bool:
        """Return whether segments on disk have the codes they should; see `LocalIndex`."""
        vectors = sum(record.rows - record.dead for record in segments)
        return all(
            record.codes == (self._tiers.codes if record.codes else None)
            and (record.codes or not self._tiers.codes_of(record.rows, vectors))
            for record in segments
        )

    def adopt(self, folder: Path, segments: Sequence[SegmentRecord]) -> None:
        """Search by codes what awaits them; see `LocalIndex`."""
        awaiting = self.awaiting_codes
        coded = {
            record.id: self._read(folder, record)
            for record in segments
            if record.id in awaiting and record.codes
        }
        with self._changing:
            self._segments = tuple(
                replace(segment, rows=coded.get(segment.id, segment.rows))
                for segment in self._segments
            )

    def mapped_files(self, segments: Sequence[SegmentRecord]) -> frozenset[str]:
        """Return the names of files that are mapped; see `LocalIndex`."""
        return frozenset(
            self._vectors_file(record.id) for record in segments if self._is_mapped(record)
        )

    def search(
        self,
        queries: Embeddings,
        k: int,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> SimilarityHits:
        """Find the k keys of highest cosine similarity; see `VectorIndex`."""
        keys, distances = self._nearest(queries, k, within, exact=exact)
        return SimilarityHits(keys=keys, similarities=-distances)

    def range_search(
        self,
        queries: Embeddings,
        threshold: float,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> SimilarityRangeHits:
        """Find every key whose cosine similarity is `threshold` or more; see `VectorIndex`."""
        if not np.isfinite(threshold):
            raise InputError(f"The similarity threshold must be from -1 to 1, got {threshold}.")
        offsets, keys, distances = self._up_to(queries, -threshold, within, exact=exact)
        return SimilarityRangeHits(offsets=offsets, keys=keys, similarities=-distances)

    def _checked(self, vectors: Vectors) -> Vectors:
        array = np.asarray(vectors)
        if array.ndim != 2 or array.dtype.kind != "f":  # noqa: PLR2004 - rows and columns
            raise InputError(
                f"Vectors must be floats in rows, got {array.dtype} of shape {array.shape}. "
                f"Pass float32 of shape (n, {self.dimension})."
            )
        if array.shape[1] != self.dimension:
            raise DimensionMismatch(expected=self.dimension, got=array.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.ascontiguousarray(array, dtype=np.float32)
            lengths = np.sqrt(np.einsum("ij,ij->i", array, array))
            bad = np.flatnonzero(~(np.abs(lengths - 1) <= UNIT_TOLERANCE))
        if len(bad):
            raise InputError(
                f"{len(bad)} of {len(array)} vectors are not of unit length: row {bad[0]} has "
                f"length {lengths[bad[0]]}. Pass finite, L2-normalised vectors."
            )
        return array

    def _allocate(self, count: int) -> FlatRows:
        if self._folder and self._tiers.is_large(count):
            try:
                make_private_folder(self._folder)  # there is none before the first snapshot
                return FlatRows(scratch_vectors(count, self.dimension, self._folder))
            except OSError as error:
                log.warning("segment kept in memory", vectors=count, reason=str(error))
        return FlatRows(np.empty((count, self.dimension), np.float32))

    def _read(self, folder: Path, record: SegmentRecord) -> Rows:
        path = folder / self._vectors_file(record.id)
        if not self._is_mapped(record) or record.codes is None:
            return FlatRows(read_vectors(path, self.dimension))
        return CodedRows(
            record.codes,
            read_codes(record.codes, folder / codes_file(record.id, record.codes)),
            FlatRows(map_vectors(path, self.dimension)),
        )

    def _empty(self) -> Self:
        return type(self)(self.dimension, self._tiers, self._folder)

    def _keep_codes(self, files: FileKeeper, segment: Segment) -> str | None:
        kind = self._codes_of(segment)
        if kind:
            files.keep(codes_file(segment.id, kind), partial(_write_codes, kind, segment.rows))
        return kind

    def _codes_of(self, segment: Segment) -> str | None:
        """Return the kind of codes that a segment is to have; it keeps those it has."""
        if isinstance(segment.rows, CodedRows):
            return segment.rows.kind
        return self._tiers.codes_of(len(segment.keys), len(self))

    def _is_mapped(self, record: SegmentRecord) -> bool:
        return record.codes is not None and record.codes == self._tiers.codes


def codes_file(segment: str, kind: str) -> str:
    """Name the file of a segment's codes in a snapshot."""
    return f"segment-{segment}.{kind}.codes"


def _write_codes(kind: str, rows: Rows, sink: Sink) -> None:
    codes = rows.codes if isinstance(rows, CodedRows) else build_codes(kind, rows.vectors)
    codes.write(sink)
