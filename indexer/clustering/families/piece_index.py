"""Piece index: the pieces of many images by embedding and PDQ, searched for candidates.

It holds embeddings in a bit a dimension, and hashes; not what pairs are judged by. A run
of many images leaves it on disk as a view: so the images that come after it are compared with all
others, and only those that are near are read. As a view it may be lost, and is then made anew.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

from indexer.clustering.families.piece_table import ORIENTATIONS, PieceTable, Rows
from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings, Fusion, Keys, cost_of, count_comparisons
from indexer.vectors.base import FileKeeper, SegmentRecord, Sink
from indexer.vectors.hash_tables import HashTables
from indexer.vectors.knn_graph import Progress
from indexer.vectors.vector_cells import VectorCells

_NEIGHBOURS: Final = 24  # of a piece, by its embedding
_SLACK: Final = 0.1
"""What an estimated cosine and the biases of two images may differ from the measured and the mean
one: a candidate that is let in is measured."""
_VECTORS, _HASHES, _ROWS = "vectors.faiss", "hashes.bin", "rows.npy"


class Reach(NamedTuple):
    """How near two pieces are that are worth comparing."""

    cosine: float  # at least
    bits: int  # at most

    @classmethod
    def of(cls, fusion: Fusion, least: float, max_bits: float, stored: int) -> Self:
        """Return the reach of pairs whose evidence may be enough: one signal must say half of it.

        Parameters
        ----------
        fusion : Fusion
        least : float
            Log-odds in nats, with the comparisons counted.
        max_bits : float
            PDQ distance up to which pieces are near whatever their log-odds.
        stored : int
            Pieces among which candidates are looked for.
        """
        comparisons = count_comparisons(stored, 1, ORIENTATIONS)
        half = (least + cost_of(comparisons) - fusion.prior) / 2
        bits = np.arange(max(fusion.pdq_reach, int(max_bits)) + 1)
        speaking = bits[(fusion.of_pdq(bits) >= half) | (bits <= max_bits)]
        cosine = fusion.least_similarity(least, comparisons, pdq=half) + fusion.bias
        return cls(min(cosine, 1.0), int(speaking.max(initial=0)))


class NearPieces(NamedTuple):
    """Pairs of a piece that was asked about and one of an index; a pair may come twice."""

    asked: Rows  # (q,), rows of what was asked about
    found: Rows  # (q,), rows of the index


@dataclass(frozen=True, slots=True, eq=False)
class PieceIndex:
    """Where the pieces of n images lie."""

    ids: Keys  # (n,) of the images, ascending
    owners: Rows  # (p,), rows of the images
    hashed: Rows  # (h,), rows of the pieces whose PDQ is good enough
    vectors: VectorCells  # of p
    hashes: HashTables  # of h

    @classmethod
    def build(
        cls,
        ids: Keys,
        table: PieceTable,
        reach: Reach,
        *,
        seed: int,
        threads: int,
        on_progress: Progress = lambda _count: None,
    ) -> Self:
        """Index the pieces of a table.

        Parameters
        ----------
        ids : ndarray of shape (n,), int64
            Of the images of the table.
        table : PieceTable
        reach : Reach
            That of the searches to come.
        seed : int
            Of the samples from which cells are learnt.
        threads : int
            Cores that are used.
        on_progress : callable
            Called with 0 now and then; what it raises ends the work.
        """
        hashed = np.flatnonzero(table.hashed)
        vectors = VectorCells.build(
            table.embeddings,
            _NEIGHBOURS,
            at_least=reach.cosine,
            seed=seed,
            threads=threads,
            on_progress=on_progress,
        )
        hashes = HashTables(table.pdqs[hashed])
        return cls(ids, table.owners, hashed, vectors, hashes)

    def __len__(self) -> int:
        return len(self.owners)

    def near(
        self,
        table: PieceTable,
        pieces: Rows,
        reach: Reach,
        *,
        threads: int,
        on_progress: Progress = lambda _count: None,
    ) -> NearPieces:
        """Find what some pieces of a table are near to.

        Parameters
        ----------
        table : PieceTable
        pieces : ndarray of shape (m,), int64
            Rows of the table.
        reach : Reach
        threads : int
            Cores that are used.
        on_progress : callable
            Called with the number of pieces that are done since the last call; what it raises ends
            the search.
        """
        by_embedding = self.vectors.search(
            _rows_of(table.embeddings, pieces),
            _NEIGHBOURS,
            at_least=reach.cosine - _SLACK,
            threads=threads,
            on_progress=on_progress,
        )
        asked = pieces[table.hashed[pieces]]
        by_pdq = self.hashes.search(
            table.turned(asked).reshape(-1, table.pdqs.shape[1]),
            reach=reach.bits,
            threads=threads,
            on_progress=lambda _count: on_progress(0),
        )
        return NearPieces(
            np.concatenate([pieces[by_embedding.queries], asked[by_pdq.queries // ORIENTATIONS]]),
            np.concatenate([by_embedding.rows, self.hashed[by_pdq.rows]]),
        )

    def save(self, files: FileKeeper) -> Sequence[SegmentRecord]:
        """Write the index into a snapshot.

        Raises
        ------
        OSError
            A file could not be written.
        """

        def write(sink: Sink) -> None:
            for rows in (self.ids, self.owners, self.hashed, np.array(self.vectors.scale)):
                np.save(sink, rows)

        files.write(_VECTORS, self.vectors.write)
        files.write(_HASHES, self.hashes.write)
        files.write(_ROWS, write)
        return ()

    @classmethod
    def load(cls, folder: Path, dimension: int) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        SnapshotMismatch
            A file does not hold what belongs there.
        OSError
            A file could not be read.
        """
        with (folder / _ROWS).open("rb") as file, suppress(ValueError):
            ids, owners, hashed, scale = (np.load(file, allow_pickle=False) for _ in range(4))
            vectors = VectorCells.read(folder / _VECTORS, dimension, float(scale))
            hashes = HashTables.read(folder / _HASHES)
            if len(vectors) == len(owners) and len(hashes) == len(hashed):
                return cls(ids, owners, hashed, vectors, hashes)
        raise SnapshotMismatch(f"{folder} does not hold an index of pieces.")


def _rows_of(embeddings: Embeddings, pieces: Rows) -> Embeddings:
    """Return some rows, without a copy where they are all."""
    return embeddings if len(pieces) == len(embeddings) else embeddings[pieces]
