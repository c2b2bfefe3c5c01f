"""Ours: the vector index by itself, and the matcher above it and a catalog in SQLite."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import numpy as np

from indexer.evaluation import add_made_up_with
from indexer.matching import Matcher, Query, SearchOptions
from indexer.model import load_encoder
from indexer.settings import SHIPPED_MODEL
from indexer.types import Embeddings
from indexer.vectors import KeySet, SnapshotPolicy, VectorView
from indexer.vectors.faiss_index import FloatIndex
from indexer.vectors.tiers import IN_MEMORY, TierRule
from matcher import GivenVector, new_index
from search_contestant import Contestant, Gallery, Rows
from tiers import ArrayFeed

_NONE_DUE = SnapshotPolicy(10**9, 10**9)
_FIRST_ID = 1  # of images; row i of the gallery is image i + 1


class OurFlat(Contestant):
    """A view of embeddings in tier T0: whole vectors in memory, all compared."""

    can_filter = True
    can_range = True
    rule: ClassVar[TierRule] = IN_MEMORY

    def __init__(self, gallery: Gallery, folder: Path) -> None:
        super().__init__(gallery, folder)
        self._sets: dict[int, KeySet] = {}

    def _empty(self, home: Path) -> FloatIndex:
        return FloatIndex(self.gallery.vectors.shape[1], self.rule, home)

    def build(self) -> None:
        self.open()
        self._view.snapshot()

    def _home(self) -> Path:
        home = self.folder / "embedding-benchmark"
        home.mkdir(exist_ok=True)
        return home

    def open(self) -> None:
        home = self._home()
        feed = ArrayFeed(self.folder.parent / "vectors.npy")
        self._view = VectorView.open(home, feed, lambda: self._empty(home), _NONE_DUE)
        self._view.catch_up()

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        return self._view.index.search(query[np.newaxis], k).keys[0]

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        keys = self._sets.get(below)
        if keys is None:
            keys = self._sets[below] = KeySet(np.flatnonzero(self.gallery.tags < below))
        return self._view.index.search(query[np.newaxis], k, keys).keys[0]

    def search_range(self, query: Embeddings, threshold: float, effort: int) -> Rows:
        return self._view.index.range_search(query[np.newaxis], threshold).keys


class OurCertified(OurFlat):
    """The same in tier T1: codes of a byte a dimension nominate, mapped vectors decide."""

    rule = TierRule("sq8", 1)


class OurFlatMatcher(Contestant):
    """`Matcher.matches` of a vector: retrieval, the catalog's rows, comparison and judgement.

    Vectors are written as images of a gallery through the store, whose log the views follow.
    """

    note = "its memory has the view of PDQ hashes, its disk the catalog"
    settings: ClassVar[dict[str, str]] = {"LOOKALIKE_VECTOR_CODES": "flat"}

    def __init__(self, gallery: Gallery, folder: Path) -> None:
        super().__init__(gallery, folder)
        os.environ.update(self.settings)
        self._opened = ExitStack()

    def load(self) -> None:
        """Load what reads the model's card: it is no part of a search."""
        load_encoder(SHIPPED_MODEL, "cpu", "torch")

    def build(self) -> None:
        with new_index(self.folder) as (store, space, _):
            add_made_up_with(store, space, self.gallery.vectors)
        self.open()
        for view in self._matcher.views:
            view.snapshot()

    def open(self) -> None:
        store, space, settings = self._opened.enter_context(new_index(self.folder))
        self._model = space.fingerprint
        self._matcher = Matcher(store, GivenVector(space), space, settings)
        self._matcher.catch_up()

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        asked = Query.vector(query.tolist(), self._model)
        matches = self._matcher.matches(asked, SearchOptions(k=k)).matches
        return [match.image_id - _FIRST_ID for match in matches if match.image_id is not None]

    def close(self) -> None:
        self._opened.close()


class OurCertifiedMatcher(OurFlatMatcher):
    """The same above tier T1."""

    settings: ClassVar[dict[str, str]] = {
        "LOOKALIKE_VECTOR_CODES": "sq8",
        "LOOKALIKE_VECTOR_CODES_FROM": "1",
    }
