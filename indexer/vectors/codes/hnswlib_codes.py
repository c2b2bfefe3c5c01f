"""Example of a plug-in: a navigable small-world graph (hnswlib)."""

import tempfile
from pathlib import Path
from typing import Any, Final

import hnswlib
import numpy as np

from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings
from indexer.vectors.base import Bitmap, Sink
from indexer.vectors.codes.base import Nominees
from indexer.vectors.codes.unfiltered import Near, nominate_unfiltered

_LINKS: Final = 16  # of a row in each layer
_BUILD_BEAM: Final = 100  # candidates kept while a row is linked, ...
_SEARCH_BEAM: Final = 200  # ... and while a query is searched
_SEED: Final = 7
_HEADER: Final = 8  # bytes: the dimension, which hnswlib's file does not say


class HnswlibCodes:
    """A graph of one segment; see `SegmentCodes`.

    Parameters
    ----------
    graph : hnswlib.Index
    """

    eps = float("inf")  # a walk may miss neighbours

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        graph.set_ef(_SEARCH_BEAM)

    def __len__(self) -> int:
        return int(self._graph.element_count)

    @property
    def nbytes(self) -> int:
        """Bytes in memory; the vectors are among them."""
        return int(self._graph.index_file_size())

    def nominate(self, queries: Embeddings, k: int, bitmap: Bitmap | None) -> Nominees:
        """Return about the k nearest rows; see `SegmentCodes`."""
        return nominate_unfiltered(self._find, queries, k, bitmap, len(self))

    def write(self, sink: Sink) -> None:
        """Write the dimension and the graph."""
        sink.write(int(self._graph.dim).to_bytes(_HEADER, "little"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "graph"
            self._graph.save_index(str(path))
            sink.write(path.read_bytes())

    def _find(self, query: Embeddings, k: int) -> Near:
        try:
            rows, distances = self._graph.knn_query(query[None], k, num_threads=1)
        except RuntimeError:  # fewer than k can be reached from where the walk begins
            return Near(np.zeros(0, np.float32), np.zeros(0, np.int64))
        return Near(1 - distances[0], rows[0].astype(np.int64))


class HnswlibKind:
    """Graphs of hnswlib; see `CodeKind`."""

    def build(self, vectors: Embeddings) -> HnswlibCodes:
        """Link the vectors of one segment; see `CodeKind`."""
        graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
        graph.init_index(
            max_elements=len(vectors),
            ef_construction=_BUILD_BEAM,
            M=_LINKS,
            random_seed=_SEED,
        )
        graph.add_items(vectors, np.arange(len(vectors)), num_threads=1)
        return HnswlibCodes(graph)

    def read(self, path: Path) -> HnswlibCodes:
        """Read what `HnswlibCodes.write` wrote; see `CodeKind`."""
        data = path.read_bytes()
        with tempfile.NamedTemporaryFile() as file:
            file.write(data[_HEADER:])
            file.flush()
            graph = hnswlib.Index(space="ip", dim=int.from_bytes(data[:_HEADER], "little"))
            try:
                graph.load_index(file.name)
            except RuntimeError as error:
                raise SnapshotMismatch(f"{path} does not hold a graph: {error}.") from error
        return HnswlibCodes(graph)


HNSWLIB: Final = HnswlibKind()
