"""Lists of a view: made of its segments, with as many probed as a measurement says are enough."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.types import Completeness, Embeddings
from indexer.vectors.coded_rows import CodedRows
from indexer.vectors.faiss_threads import faiss_threads
from indexer.vectors.flat_rows import FlatRows
from indexer.vectors.inverted_lists.codebook import Codebook, sample_size
from indexer.vectors.inverted_lists.list_codes import ListCodes
from indexer.vectors.inverted_lists.list_search import Probing, nearest_listed
from indexer.vectors.inverted_lists.probe_choice import QUERIES, choose_probes
from indexer.vectors.inverted_lists.search_plan import ListSettings
from indexer.vectors.recall import NEIGHBOURS, disturbed
from indexer.vectors.results import SimilarityHits
from indexer.vectors.segments import Segment, Selection
from indexer.vectors.vector_files import in_blocks

LEAST_LISTED: Final = 16_384
"""Vectors of a segment from which it has lists; comparing fewer takes 1 ms."""
_LONGEST: Final = {False: 512, True: 8192}
"""Rows whose exact vectors are compared at most, for codes of a byte and of a bit a dimension."""
_BLOCK: Final = 16_384  # vectors compared with the held-out queries at a time
_TOGETHER: Final = 100  # held-out queries searched at a time


@dataclass(frozen=True, slots=True)
class ViewLists:
    """What the lists of all segments have in common."""

    codebook: Codebook
    binary: bool  # whether codes have a bit a dimension, not a byte
    settings: ListSettings
    completeness: Completeness  # of searches with these settings


class HeldOut(NamedTuple):
    """Queries by which recall is measured."""

    queries: Embeddings  # (n, d), unit rows
    truth: SimilarityHits  # their nearest, by comparing all vectors


@dataclass(frozen=True, slots=True)
class ListMaker:
    """Makes the lists of a view.

    Parameters
    ----------
    target : float
        Recall that the lower end of the measurement's interval should reach.
    binary : bool
        Whether codes have a bit a dimension, not a byte.
    least_listed : int
        Vectors of a segment from which it has lists.
    threads : int
    seed : int
        Of the samples.
    on_progress : callable
        Called now and then; what it raises ends the work.
    """

    target: float
    binary: bool = False
    least_listed: int = LEAST_LISTED
    threads: int = 1
    seed: int = 0
    on_progress: Callable[[], None] = lambda: None

    def train(self, segments: Sequence[Segment]) -> Codebook:
        """Train a codebook on a sample of the segments' live vectors."""
        count = sum(segment.live for segment in segments)
        sample = _sample(segments, sample_size(count), np.random.default_rng(self.seed))
        return Codebook.train(
            sample,
            count,
            seed=self.seed + 1,
            threads=self.threads,
            on_progress=self.on_progress,
        )

    def encode(self, flat: FlatRows, codebook: Codebook) -> CodedRows:
        """Put a segment's vectors into lists; each is read twice."""
        with faiss_threads(self.threads):
            codes = ListCodes.build(
                flat.vectors, codebook, binary=self.binary, on_progress=self.on_progress
            )
        return CodedRows(codes.kind, codes, flat)

    def held_out(self, segments: Sequence[Segment]) -> HeldOut:
        """Draw queries and compare each with all vectors.

        They are live vectors of the view, each turned by a small angle (`disturbed`).
        """
        random = np.random.default_rng(self.seed + 2)
        queries = disturbed(_sample(segments, QUERIES, random), random)
        with faiss_threads(self.threads):
            return HeldOut(queries, self._truth(segments, queries))

    def measure(
        self, segments: Sequence[Segment], codebook: Codebook, held_out: HeldOut
    ) -> ViewLists:
        """Find out how many lists a search has to look into.

        Parameters
        ----------
        segments : sequence of Segment
            With lists, as `encode` makes them.
        codebook : Codebook
        held_out : HeldOut
            Of these segments.
        """
        with faiss_threads(self.threads):
            chosen = choose_probes(
                partial(_search, segments, codebook, self.on_progress),
                *held_out,
                lists=len(codebook),
                target=self.target,
                longest=_LONGEST[self.binary],
            )
        return ViewLists(codebook, self.binary, chosen.settings, chosen.completeness)

    def _truth(self, segments: Sequence[Segment], queries: Embeddings) -> SimilarityHits:
        """Return the nearest keys of each query by comparing all vectors in one pass."""
        keys = np.full((len(queries), NEIGHBOURS), -1, np.int64)
        similarities = np.full((len(queries), NEIGHBOURS), -np.inf, np.float32)
        for some_keys, vectors in _blocks(segments):
            k = min(NEIGHBOURS, len(vectors))
            distances, rows = FlatRows(vectors).nearest(queries, k, Selection(None, len(vectors)))
            both = np.concatenate([similarities, -distances], axis=1)
            of_both = np.concatenate([keys, some_keys[rows]], axis=1)
            order = np.argsort(-both, axis=1, kind="stable")[:, :NEIGHBOURS]
            similarities = np.take_along_axis(both, order, axis=1)
            keys = np.take_along_axis(of_both, order, axis=1)
            self.on_progress()
        return SimilarityHits(keys=keys, similarities=similarities)


def _search(
    segments: Sequence[Segment],
    codebook: Codebook,
    on_progress: Callable[[], None],
    queries: Embeddings,
    k: int,
    settings: ListSettings,
) -> SimilarityHits:
    keys, distances = [], []
    for start in range(0, len(queries), _TOGETHER):
        found = nearest_listed(
            segments,
            Probing(codebook, settings.probes, settings.shortlist_for(k)),
            queries[start : start + _TOGETHER],
            k,
            None,
        )
        keys.append(found[0])
        distances.append(found[1])
        on_progress()
    return SimilarityHits(keys=np.concatenate(keys), similarities=-np.concatenate(distances))


def _sample(segments: Sequence[Segment], size: int, random: np.random.Generator) -> Embeddings:
    """Return live vectors chosen at random, (size or fewer, d) float32."""
    live = np.array([segment.live for segment in segments])
    chosen = np.sort(random.choice(live.sum(), min(size, int(live.sum())), replace=False))
    parts = []
    for segment, end in zip(segments, np.cumsum(live), strict=True):
        own = chosen[(chosen >= end - segment.live) & (chosen < end)] - (end - segment.live)
        parts.append(segment.rows.vectors[segment.live_rows()[own]])
    return np.concatenate(parts)


def _blocks(segments: Sequence[Segment]) -> Iterator[tuple[NDArray[np.int64], Embeddings]]:
    """Return keys and vectors of all live rows, a few at a time, in memory."""
    for segment in segments:
        for part, vectors in in_blocks(segment.rows.vectors, _BLOCK):
            keys = segment.keys[part]
            if segment.dead is None:
                yield keys, vectors
            elif (live := ~segment.dead[part]).any():
                yield keys[live], vectors[live]


def with_rows(segment: Segment, rows: CodedRows) -> Segment:
    """Return a segment with the same vectors in another form."""
    return replace(segment, rows=rows)
