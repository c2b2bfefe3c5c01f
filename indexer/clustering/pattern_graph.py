"""Pattern graph: the neighbours of images and their spanning forest, kept from run to run."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from indexer.clustering.cluster_parameters import ChosenParameters
from indexer.clustering.hdbscan import hdbscan_of_forest, longest_link
from indexer.clustering.partition import Partition, graph_of, neighbours_wanted
from indexer.clustering.spanning_forest import (
    SpanningForest,
    core_distances,
    grow_forest,
    spanning_forest,
)
from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings, Keys
from indexer.vectors.base import FileKeeper, SegmentRecord, Sink
from indexer.vectors.knn_graph import KnnGraph
from indexer.vectors.knn_updates import update_knn_graph

_MOST_CHANGED: Final = 0.2  # share of the images beyond which a new graph is found sooner
_FILE: Final = "graph.npy"
_ARRAYS: Final = 8  # in the file


@dataclass(frozen=True, slots=True, eq=False)
class PatternGraph:
    """The kNN graph of n images, and its minimum spanning forest of mutual reachability."""

    ids: Keys  # (n,) of the images, ascending
    neighbours: KnnGraph
    forest: SpanningForest
    min_samples: int
    longest: float  # distance beyond which the forest has no edge

    @classmethod
    def build(
        cls,
        ids: Keys,
        vectors: Embeddings,
        parameters: ChosenParameters,
        *,
        threads: int,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> Self:
        """Find the neighbours of images and their forest.

        Parameters
        ----------
        ids : ndarray of shape (n,), int64
            Ascending.
        vectors : ndarray of shape (n, d), float32, unit rows
        parameters : ChosenParameters
        threads : int
            Cores that are used.
        on_progress : callable
            Called with the number of images compared since the last call; what it raises ends it.
        """
        neighbours = graph_of(vectors, parameters, threads=threads, on_progress=on_progress)
        longest = longest_link(parameters.max_link)
        forest = spanning_forest(neighbours, parameters.min_samples, longest)
        return cls(ids, neighbours, forest, parameters.min_samples, longest)

    def __len__(self) -> int:
        return len(self.ids)

    def updated(
        self,
        ids: Keys,
        vectors: Embeddings,
        parameters: ChosenParameters,
        *,
        threads: int,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> Self:
        """Return the graph of the images that there are now; parameters are `build`'s.

        New images are compared with all, and the forest is grown by the edges of what changed. A
        new graph is found where too much changed for that.
        """
        places = np.searchsorted(ids, self.ids)
        places[np.append(ids, -1)[places] != self.ids] = -1
        gone = int((places < 0).sum())
        new = len(ids) - len(self.ids) + gone
        wanted = min(neighbours_wanted(len(ids), parameters), len(ids) - 1)
        is_other = self.neighbours.rows.shape[1] != wanted
        if is_other or new + gone > _MOST_CHANGED * len(ids):
            return self.build(ids, vectors, parameters, threads=threads, on_progress=on_progress)
        neighbours, changed = update_knn_graph(
            vectors, self.neighbours, places, threads=threads, on_progress=on_progress
        )
        longest, min_samples = longest_link(parameters.max_link), parameters.min_samples
        if (min_samples, longest) != (self.min_samples, self.longest):
            forest = spanning_forest(neighbours, min_samples, longest)
        else:
            forest = grow_forest(
                self.forest,
                places,
                neighbours,
                changed,
                core_distances(self.neighbours, min_samples),
                min_samples=min_samples,
                longest=longest,
            )
        return type(self)(ids, neighbours, forest, min_samples, longest)

    def divide(self, min_cluster_size: int) -> Partition:
        """Cluster the images by hdbscan."""
        found = hdbscan_of_forest(
            self.forest, min_cluster_size=min_cluster_size, longest=self.longest
        )
        return Partition(found.labels, found.probabilities, found.outlier_scores)

    def save(self, files: FileKeeper) -> Sequence[SegmentRecord]:
        """Write the graph into a snapshot.

        Raises
        ------
        OSError
            A file could not be written.
        """
        forest = self.forest

        def write(sink: Sink) -> None:
            for rows in (
                self.ids,
                self.neighbours.rows.astype(np.int32),
                self.neighbours.similarities,
                forest.starts.astype(np.int32),
                forest.ends.astype(np.int32),
                forest.similarities,
                forest.lengths,
                np.array([self.neighbours.recall, self.min_samples, self.longest]),
            ):
                np.save(sink, rows)

        files.write(_FILE, write)
        return ()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        SnapshotMismatch
            The file does not hold what belongs there.
        OSError
            It could not be read.
        """
        with (folder / _FILE).open("rb") as file, suppress(ValueError, EOFError):
            arrays = [np.load(file, allow_pickle=False) for _ in range(_ARRAYS)]
            ids, rows, similarities, starts, ends, of_edges, lengths, told = arrays
            recall, min_samples, longest = told.tolist()
            if len(ids) == len(rows) == len(similarities) and len(starts) == len(ends):
                neighbours = KnnGraph(rows.astype(np.int64), similarities, recall)
                forest = SpanningForest(
                    len(ids), starts.astype(np.int64), ends.astype(np.int64), of_edges, lengths
                )
                return cls(ids, neighbours, forest, int(min_samples), longest)
        raise SnapshotMismatch(f"{folder} does not hold the graph of a run's images.")
