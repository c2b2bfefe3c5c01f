"""Ours: the vector index by itself, and the matcher above it and a catalog in SQLite.

Vectors are written as images of a gallery through the store; the views read them from its log, as
everywhere. Row i of the gallery is image i + 1.
"""

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
from indexer.vectors import KeySet
from matcher import GivenVector, new_index
from search_contestant import Contestant, Gallery, Rows

_FIRST_ID = 1


class OurIndex(Contestant):
    """`VectorIndex.search` of the view of embeddings, as the default settings keep it."""

    can_filter = True
    can_range = True
    settings: ClassVar[dict[str, str]] = {}
    """Environment variables that choose the tier."""

    def __init__(self, gallery: Gallery, folder: Path) -> None:
        super().__init__(gallery, folder)
        catalog = folder.parent / "catalog"
        catalog.mkdir(exist_ok=True)
        os.environ["LOOKALIKE_DATABASE_URL"] = f"sqlite:///{catalog / 'lookalike.db'}"
        os.environ.update(self.settings)
        self._opened = ExitStack()
        self._sets: dict[int, KeySet] = {}

    def load(self) -> None:
        """Load what reads the model's card: it is no part of a search."""
        load_encoder(SHIPPED_MODEL, "cpu", "torch")

    def prepare(self) -> None:
        with new_index(self.folder) as (store, space, _):
            with store.reader() as catalog:
                is_filled = catalog.log.head() > 0
            if not is_filled:
                add_made_up_with(store, space, self.gallery.vectors)

    def build(self) -> None:
        self.open()
        self._matcher.views.embeddings.snapshot()

    def open(self) -> None:
        store, space, settings = self._opened.enter_context(new_index(self.folder))
        self._model = space.fingerprint
        self._matcher = Matcher(store, GivenVector(space), space, settings)
        self._matcher.catch_up()
        self._index = self._matcher.views.embeddings.index

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:  # noqa: ARG002
        rows: Rows = self._index.search(query[np.newaxis], k).keys[0] - _FIRST_ID
        return rows

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:  # noqa: ARG002
        keys = self._sets.get(below)
        if keys is None:
            keys = KeySet(np.flatnonzero(self.gallery.tags < below) + _FIRST_ID)
            self._sets[below] = keys
        rows: Rows = self._index.search(query[np.newaxis], k, keys).keys[0] - _FIRST_ID
        return rows

    def search_range(self, query: Embeddings, threshold: float, effort: int) -> Rows:  # noqa: ARG002
        return self._index.range_search(query[np.newaxis], threshold).keys - _FIRST_ID

    def close(self) -> None:
        self._opened.close()


class OurMatcher(OurIndex):
    """`Matcher.matches` of a vector: retrieval, the catalog's rows, comparison and judgement."""

    can_filter = False
    can_range = False
    built_as = "ours"

    def search(self, query: Embeddings, k: int, effort: int) -> Rows:  # noqa: ARG002
        asked = Query.vector(query.tolist(), self._model)
        matches = self._matcher.matches(asked, SearchOptions(k=k))
        return [match.image_id - _FIRST_ID for match in matches if match.image_id is not None]
