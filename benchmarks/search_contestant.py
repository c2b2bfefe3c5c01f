"""Contestant: one way to find nearest vectors, as search.py builds, opens and asks it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

Rows = NDArray[np.int64] | Sequence[int]
"""Row numbers of the vectors that were found."""

LINKS = 32
"""M of every HNSW graph: 64 links on its lowest level."""
BUILD_EFFORT = 200
"""efConstruction of every HNSW graph."""
GRAPH_EFFORTS = (10, 16, 24, 32, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1000)
LIST_EFFORTS = (1, 2, 4, 8, 16, 24, 32, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024, 2048)
BATCH = 10_000  # vectors written at a time


@dataclass(frozen=True, slots=True)
class Gallery:
    """What is searched."""

    vectors: Embeddings  # (n, d) float32 unit rows, memory-mapped
    tags: NDArray[np.int64]  # (n,), 0 to 99, evenly drawn: what a filter selects by


class Contestant(ABC):
    """One way to search; made anew in the process that builds and in the one that is asked."""

    efforts: ClassVar[tuple[int, ...]] = (0,)
    """Search parameters to try, least first; a single one where there is nothing to choose."""
    can_filter: ClassVar[bool] = False
    can_range: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules that may be missing."""
    note: ClassVar[str] = ""
    """What a reader of the figures has to know."""

    def __init__(self, gallery: Gallery, folder: Path) -> None:
        self.gallery = gallery
        self.folder = folder

    def load(self) -> None:
        """Load libraries, before memory is measured."""
        for module in self.needs:
            import_module(module)

    @abstractmethod
    def build(self) -> None:
        """Index the gallery into the folder, which is empty; not called again once it is built."""

    @abstractmethod
    def open(self) -> None:
        """Make ready to be asked what the folder holds."""

    @abstractmethod
    def search(self, query: Embeddings, k: int, effort: int) -> Rows:
        """Return the rows nearest to a query, (d,) float32, by cosine similarity."""

    def search_tagged(self, query: Embeddings, k: int, effort: int, below: int) -> Rows:
        """Return the nearest of the rows whose tag is below a number."""
        raise NotImplementedError

    def search_range(self, query: Embeddings, threshold: float, effort: int) -> Rows:
        """Return all rows whose cosine similarity is at least the threshold."""
        raise NotImplementedError

    def size(self) -> int:
        """Return the bytes on disk of what was built."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())

    def processes(self) -> Sequence[int]:
        """Return the ids of processes that it started and that are no children of this one."""
        return ()

    def close(self) -> None:  # noqa: B027 - few start anything
        """End what it started."""


def listed_count(count: int) -> int:
    """Return how many lists a gallery is divided into: a power of two near 4 times its root."""
    return int(2 ** round(np.log2(4 * np.sqrt(count))))
