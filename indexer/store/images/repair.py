"""Repair: integrity problems, and what must be embedded or logged again."""

from collections.abc import Iterable

from indexer.store.images.integrity import find_problems, lacking, not_as_logged, spoiled_semantics
from indexer.store.images.spaces import ACTIVE_SPACE, Spaces
from indexer.store.models import (
    ClassificationRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, possible_ids


class Repair(Queries):
    """What is wrong with the catalog and can be repaired, within one transaction."""

    def problems(self, sample: int = 1000, seed: int = 0) -> list[str]:
        """Look for what must not be: tables that contradict each other or the log.

        Everything is counted; of the vectors only a sample is read. A million images take seconds.

        Parameters
        ----------
        sample : int
            Images whose vectors are read, to see that they are finite and of unit length.
        seed : int
            Which images those are.

        Returns
        -------
        list of str
            A sentence for each problem; empty when all is well.
        """
        return find_problems(self._connection, Spaces(self._connection).active(), sample, seed)

    def incomplete_images(self, *, among: Iterable[int] | None = None) -> list[int]:
        """Return the active images that must be encoded again, ascending.

        They, or parts of them, have no embedding or no class probabilities in the active space.

        Parameters
        ----------
        among : iterable of int, optional
            Ids of the images to look at; all by default.
        """
        statements = [
            statement
            for table in (EmbeddingRow, ClassificationRow)
            for statement in lacking(table, ACTIVE_SPACE)
        ]
        if among is not None:
            chosen = [*chunks(possible_ids(among))]
            statements = [s.where(ImageRow.id.in_(ids)) for ids in chosen for s in statements]
        return sorted({i for s in statements for i in self._connection.scalars(s)})

    def spoiled_semantics(self) -> list[int]:
        """Return the images with a semantic embedding of another length than its space's."""
        return sorted(set(self._connection.scalars(spoiled_semantics())))

    def unlogged_images(self) -> list[int]:
        """Return the images of which the log does not say what they are, ascending."""
        return sorted(self._connection.scalars(not_as_logged(ImageRow, "image")))

    def unlogged_entries(self) -> list[int]:
        """Return the entries of which the log does not say whether they are there, ascending."""
        return sorted(self._connection.scalars(not_as_logged(EntryRow, "entry")))
