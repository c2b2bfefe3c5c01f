"""Example of a plug-in: a navigable small-world graph over half-precision vectors (USearch)."""

from pathlib import Path
from typing import Final

import numpy as np
from usearch.index import Index

from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings
from indexer.vectors.base import Bitmap, Sink
from indexer.vectors.codes.base import Nominees
from indexer.vectors.codes.unfiltered import Near, nominate_unfiltered

_LINKS: Final = 16  # of a row in each layer
_BUILD_BEAM: Final = 128  # candidates kept while a row is linked, ...
_SEARCH_BEAM: Final = 200  # ... and while a query is searched


class UsearchCodes:
    """A graph of one segment; see `SegmentCodes`.

    Parameters
    ----------
    graph : usearch.index.Index
    """

    eps = float("inf")  # a walk may miss neighbours

    def __init__(self, graph: Index) -> None:
        self._graph = graph

    def __len__(self) -> int:
        return len(self._graph)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(self._graph.serialized_length)

    def nominate(self, queries: Embeddings, k: int, bitmap: Bitmap | None) -> Nominees:
        """Return about the k nearest rows; see `SegmentCodes`."""
        return nominate_unfiltered(self._find, queries, k, bitmap, len(self))

    def write(self, sink: Sink) -> None:
        """Write the graph."""
        sink.write(self._graph.save() or b"")

    def _find(self, query: Embeddings, k: int) -> Near:
        found = self._graph.search(query, k, threads=1)
        return Near((1 - found.distances).astype(np.float32), found.keys.astype(np.int64))


class UsearchKind:
    """Graphs of USearch; see `CodeKind`."""

    def build(self, vectors: Embeddings) -> UsearchCodes:
        """Link the vectors of one segment; see `CodeKind`."""
        graph = Index(
            ndim=vectors.shape[1],
            metric="ip",
            dtype="f16",
            connectivity=_LINKS,
            expansion_add=_BUILD_BEAM,
            expansion_search=_SEARCH_BEAM,
        )
        graph.add(np.arange(len(vectors), dtype=np.uint64), vectors, threads=1)
        return UsearchCodes(graph)

    def read(self, path: Path) -> UsearchCodes:
        """Read what `UsearchCodes.write` wrote; see `CodeKind`."""
        graph = Index.restore(path.read_bytes())
        if graph is None:
            raise SnapshotMismatch(f"{path} does not hold a graph of USearch.")
        return UsearchCodes(graph)


USEARCH: Final = UsearchKind()
