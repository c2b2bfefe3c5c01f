"""Example of a plug-in: a forest of random projections (Annoy)."""

import tempfile
from pathlib import Path
from typing import Any, Final

import annoy
import numpy as np

from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings
from indexer.vectors.base import Bitmap, Sink
from indexer.vectors.codes.base import Nominees
from indexer.vectors.codes.unfiltered import Near, nominate_unfiltered

_TREES: Final = 50
_SEED: Final = 7
_HEADER: Final = 8  # bytes: the dimension, which Annoy's file does not say


class AnnoyCodes:
    """A forest of one segment, mapped from a file; see `SegmentCodes`.

    Parameters
    ----------
    forest : annoy.AnnoyIndex
    dimension : int
    file : bytes
        The forest as Annoy writes it, which can only be into a file.
    """

    eps = float("inf")  # a tree may separate neighbours

    def __init__(self, forest: Any, dimension: int, file: bytes) -> None:
        self._forest = forest
        self._dimension = dimension
        self._file = file

    def __len__(self) -> int:
        return int(self._forest.get_n_items())

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return len(self._file)

    def nominate(self, queries: Embeddings, k: int, bitmap: Bitmap | None) -> Nominees:
        """Return about the k nearest rows; see `SegmentCodes`."""
        return nominate_unfiltered(self._find, queries, k, bitmap, len(self))

    def write(self, sink: Sink) -> None:
        """Write the dimension and the forest."""
        sink.write(self._dimension.to_bytes(_HEADER, "little"))
        sink.write(self._file)

    def _find(self, query: Embeddings, k: int) -> Near:
        rows, distances = self._forest.get_nns_by_vector(query, k, include_distances=True)
        angular = np.array(distances, np.float32)  # the square root of 2 (1 - cosine)
        return Near((1 - angular**2 / 2).astype(np.float32), np.array(rows, np.int64))


class AnnoyKind:
    """Annoy's forests; see `CodeKind`."""

    def build(self, vectors: Embeddings) -> AnnoyCodes:
        """Grow a forest over the vectors of one segment; see `CodeKind`."""
        dimension = vectors.shape[1]
        forest = annoy.AnnoyIndex(dimension, "angular")
        forest.set_seed(_SEED)
        for row, vector in enumerate(vectors):
            forest.add_item(row, vector)
        forest.build(_TREES)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "forest"
            forest.save(str(path))
            return AnnoyCodes(forest, dimension, path.read_bytes())

    def read(self, path: Path) -> AnnoyCodes:
        """Read what `AnnoyCodes.write` wrote; see `CodeKind`."""
        data = path.read_bytes()
        dimension = int.from_bytes(data[:_HEADER], "little")
        with tempfile.NamedTemporaryFile() as file:
            file.write(data[_HEADER:])
            file.flush()
            try:
                forest = annoy.AnnoyIndex(dimension, "angular")
                forest.load(file.name)  # maps it: the map outlives the name
            except (OSError, OverflowError) as error:
                raise SnapshotMismatch(f"{path} does not hold a forest: {error}.") from error
        return AnnoyCodes(forest, dimension, data[_HEADER:])


ANNOY: Final = AnnoyKind()
