"""Ours in tiers T2 and T3: inverted lists of bytes or bits, the nearest compared exactly."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from indexer.types import Embeddings
from indexer.vectors.base import SegmentRecord
from indexer.vectors.inverted_lists.list_search import Probing, nearest_listed
from indexer.vectors.inverted_lists.listed_index import ListRule
from indexer.vectors.inverted_lists.view_lists import ListMaker
from indexer.vectors.tiers import IN_MEMORY
from large_views import ONE_SEGMENT, MappedIndex, write_snapshot
from search_contestant import LIST_EFFORTS, Rows
from search_ours import OurFlat
from tiers import ArrayFeed

_TARGET = 0.99
_NEVER = 10**12  # vectors


class OurLists(OurFlat):
    """A view in tier T2: lists of bytes; effort is lists probed, the shortlist as measured.

    Filtered and range searches go as the index plans them. Lists are made of the mapped vectors as
    one segment, not read from a log, so that more than fit into memory can be built.
    """

    efforts = LIST_EFFORTS
    binary: ClassVar[bool] = False

    def build(self) -> None:
        vectors, count = self.folder.parent / "vectors.npy", len(self.gallery.vectors)
        home = self._home()
        index = self._empty(home)
        with TemporaryDirectory(dir=self.folder) as given:
            os.link(vectors, Path(given) / f"segment-{ONE_SEGMENT}.vectors.npy")
            np.save(Path(given) / f"segment-{ONE_SEGMENT}.keys.npy", np.arange(count))
            index.load(Path(given), [SegmentRecord(ONE_SEGMENT, count, 0)])
            if not index.improve():
                raise SystemExit("Recall is below the target: no lists.")
            write_snapshot(home, ArrayFeed(vectors), index)

    def _empty(self, home: Path) -> MappedIndex:
        rule = ListRule(1, 1 if self.binary else _NEVER, ListMaker(_TARGET, self.binary))
        return MappedIndex(self.gallery.vectors.shape[1], IN_MEMORY, home, rule)

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        index: Any = self._view.index
        lists = index.lists
        probing = Probing(lists.codebook, effort, lists.settings.shortlist_for(k))
        return nearest_listed(index.segments, probing, query[np.newaxis], k, None)[0][0]


class OurBinaryLists(OurLists):
    """The same in tier T3: lists of bits."""

    binary = True
