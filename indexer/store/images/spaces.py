"""Embedding spaces: the models that the index is bound to."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from indexer.errors import ModelMismatch, NotFoundError
from indexer.store.edits import Edits
from indexer.store.models import SpaceRow
from indexer.store.queries import Queries
from indexer.types import Space


class Spaces(Queries):
    """The embedding spaces within one transaction."""

    def active(self) -> Space | None:
        """Return the space that the index is bound to: the first that was registered."""
        return self._first()

    def find(self, fingerprint: str) -> Space | None:
        """Return the space of a model's fingerprint (64 hex digits), if it is registered."""
        return self._first(SpaceRow.fingerprint == fingerprint)

    def get(self, space_id: int) -> Space:
        """Return a registered space.

        Raises
        ------
        NotFoundError
            There is no such space.
        """
        space = self._first(SpaceRow.id == space_id)
        if space is None:
            raise NotFoundError(
                f"There is no embedding space with id {space_id}. `lookalike status` names the "
                "index's."
            )
        return space

    def _first(self, *conditions: ColumnElement[bool]) -> Space | None:
        statement = (
            select(
                SpaceRow.id,
                SpaceRow.fingerprint,
                SpaceRow.model,
                SpaceRow.dimension,
                SpaceRow.labels,
            )
            .where(*conditions)
            .order_by(SpaceRow.id)
            .limit(1)
        )
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            return None
        return Space(row.id, row.fingerprint, row.model, row.dimension, tuple(row.labels))


class SpaceEdits(Spaces, Edits):
    """The embedding spaces within a writing transaction."""

    def register(
        self,
        *,
        fingerprint: str,
        model: str,
        architecture: str,
        dimension: int,
        labels: Sequence[str],
    ) -> Space:
        """Bind the index to a model; doing it again with the same weights is fine.

        Parameters
        ----------
        fingerprint : str
            64 hex digits that name the space.
        model : str
            Reference that loads the model; a new one for the same fingerprint replaces the old.
        architecture : str
            timm's name.
        dimension : int
            Length d of an embedding.
        labels : sequence of str
            The classes, in the order of the model's probabilities.

        Raises
        ------
        ModelMismatch
            The index is bound to another space.
        """
        active = self.active()
        if active is None:
            row = {
                "fingerprint": fingerprint,
                "model": model,
                "architecture": architecture,
                "dimension": dimension,
                "labels": list(labels),
                "created_at": self._now,
            }
            self._insert(SpaceRow, [row])
            self._audit.record("space.register", "space", fingerprint, architecture=architecture)
        elif active.fingerprint != fingerprint:
            raise ModelMismatch(expected=active.fingerprint, got=fingerprint)
        elif active.model != model:
            self._set(SpaceRow, [active.id], model=model)
        space_id, *_ = self._ids_where(SpaceRow, SpaceRow.fingerprint == fingerprint)
        return self.get(space_id)
