"""Reading what can be mended: images that must be embedded, or told to the log, once more."""

from collections.abc import Iterable

from sqlalchemy import func, select

from indexer.store.integrity import lacking, not_as_logged
from indexer.store.models import (
    ClassificationRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    SpaceRow,
)
from indexer.store.parameters import chunks, possible_ids
from indexer.store.queries import Queries

_ACTIVE_SPACE = select(func.min(SpaceRow.id)).scalar_subquery()


class MendingQueries(Queries):
    """What can be mended, within one transaction; `Catalog` has the rest."""

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
            for statement in lacking(table, _ACTIVE_SPACE)
        ]
        if among is not None:
            chosen = [*chunks(possible_ids(among))]
            statements = [s.where(ImageRow.id.in_(ids)) for ids in chosen for s in statements]
        return sorted({i for s in statements for i in self._connection.scalars(s)})

    def unannounced_images(self) -> list[int]:
        """Return the images of which the log does not say what they are, ascending."""
        return sorted(self._connection.scalars(not_as_logged(ImageRow, "image")))

    def unannounced_entries(self) -> list[int]:
        """Return the entries of which the log does not say whether they are there, ascending."""
        return sorted(self._connection.scalars(not_as_logged(EntryRow, "entry")))
