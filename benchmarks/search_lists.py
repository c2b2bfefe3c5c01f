"""Ours in tiers T2 and T3: inverted lists of bytes or bits, the nearest compared exactly."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from indexer.types import Embeddings
from indexer.vectors.inverted_lists.list_search import Probing, nearest_listed
from indexer.vectors.inverted_lists.listed_index import ListedIndex, ListRule
from indexer.vectors.inverted_lists.view_lists import ListMaker
from indexer.vectors.tiers import IN_MEMORY
from search_contestant import LIST_EFFORTS, Rows
from search_ours import OurFlat

_TARGET = 0.99
_NEVER = 10**12  # vectors


class OurLists(OurFlat):
    """A view in tier T2: lists of bytes; effort is lists probed, the shortlist as measured.

    Filtered and range searches go as the index plans them.
    """

    efforts = LIST_EFFORTS
    binary: ClassVar[bool] = False

    def build(self) -> None:
        self.open()
        index: Any = self._view.index
        index.improve()
        self._view.snapshot()

    def _empty(self, home: Path) -> ListedIndex:
        rule = ListRule(1, 1 if self.binary else _NEVER, ListMaker(_TARGET, self.binary))
        return ListedIndex(self.gallery.vectors.shape[1], IN_MEMORY, home, rule)

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        index: Any = self._view.index
        lists = index.lists
        probing = Probing(lists.codebook, effort, lists.settings.shortlist_for(k))
        return nearest_listed(index.segments, probing, query[np.newaxis], k, None)[0][0]


class OurBinaryLists(OurLists):
    """The same in tier T3: lists of bits."""

    binary = True
