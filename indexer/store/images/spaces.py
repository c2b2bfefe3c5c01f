"""Embedding spaces: the models that the index is bound to, one after the other."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, select

from indexer.errors import (
    ClassifierMismatch,
    ModelMismatch,
    NotFoundError,
    SpaceInUse,
    SpaceReplaced,
)
from indexer.store.database.partitions import add_partitions
from indexer.store.edits import Edits
from indexer.store.models import ClassificationRow, SpaceRow
from indexer.store.queries import Queries
from indexer.types import Space

_SPACES: Final = select(
    SpaceRow.id,
    SpaceRow.fingerprint,
    SpaceRow.model,
    SpaceRow.dimension,
    SpaceRow.labels,
    SpaceRow.classifier,
)
_IS_USABLE: Final = SpaceRow.activated_at.is_not(None)
_NEWEST: Final = (SpaceRow.activated_at.desc(), SpaceRow.id.desc())
_ACTIVE: Final = _SPACES.where(_IS_USABLE).order_by(*_NEWEST).limit(1)
_USABLE: Final = select(SpaceRow.id).where(SpaceRow.id == bindparam("space_id"), _IS_USABLE)
ACTIVE_SPACE: Final = (
    select(SpaceRow.id).where(_IS_USABLE).order_by(*_NEWEST).limit(1).scalar_subquery()
)
"""The id of the space that the index is bound to, for statements."""


class Spaces(Queries):
    """The embedding spaces within one transaction."""

    def active(self) -> Space | None:
        """Return the space that the index is bound to: the one that was activated last."""
        return self._first(_ACTIVE)

    def find(self, fingerprint: str) -> Space | None:
        """Return the space of a model's fingerprint (64 hex digits), if it is registered."""
        return self._first(_SPACES.where(SpaceRow.fingerprint == fingerprint))

    def starting_with(self, fingerprint: str) -> Space | None:
        """Return the registered space whose fingerprint starts with some hex digits, if any."""
        return self._first(_SPACES.where(SpaceRow.fingerprint.startswith(fingerprint)).limit(1))

    def get(self, space_id: int) -> Space:
        """Return a registered space.

        Raises
        ------
        NotFoundError
            There is no such space.
        """
        space = self._first(_SPACES.where(SpaceRow.id == space_id))
        if space is None:
            raise NotFoundError(
                f"There is no embedding space with id {space_id}. `lookalike status` names the "
                "index's."
            )
        return space

    def semantic(self, space_id: int) -> Space | None:
        """Return the space of the semantic embeddings that come with a space's, if there are any.

        It is known from the first image on that has one.
        """
        own = select(SpaceRow.semantic_space_id).where(SpaceRow.id == space_id).scalar_subquery()
        return self._first(_SPACES.where(SpaceRow.id == own))

    def require_usable(self, space: Space) -> None:
        """Make sure that a space's embeddings may be searched: they were not dropped.

        A program goes on in the space that it was started with until it is restarted, even while
        the index is bound to another one by now.

        Raises
        ------
        SpaceReplaced
            They were dropped.
        """
        if not self.is_usable(space.id):
            raise SpaceReplaced(space.fingerprint, "its embeddings were dropped")

    def require_active(self, space: Space) -> None:
        """Make sure that the index is bound to this space.

        Raises
        ------
        SpaceReplaced
            It is bound to another one by now.
        """
        active = self.active()
        if active is not None and active.id != space.id:
            raise SpaceReplaced(space.fingerprint, f"the index is in {active.fingerprint[:12]}")

    def is_usable(self, space_id: int) -> bool:
        """Return whether a space is, or was, the index's, and programs may still search it."""
        return self._connection.scalar(_USABLE, {"space_id": space_id}) is not None

    def _first(self, statement: Select[*tuple[Any, ...]]) -> Space | None:
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            return None
        return Space(
            row.id, row.fingerprint, row.model, row.dimension, tuple(row.labels), row.classifier
        )


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
        classifier: str | None = None,
    ) -> Space:
        """Bind the index to a model; doing it again with the same weights is fine.

        Parameters are `add`'s.

        Raises
        ------
        ModelMismatch
            The index is bound to another space.
        ClassifierMismatch
            It uses another classifier in this space.
        """
        active = self.active()
        if active is not None and active.fingerprint != fingerprint:
            raise ModelMismatch(expected=active.fingerprint, got=fingerprint, model=model)
        space = self.add(
            fingerprint=fingerprint,
            model=model,
            architecture=architecture,
            dimension=dimension,
            labels=labels,
            classifier=classifier,
        )
        if active is None:
            self._set(SpaceRow, [space.id], activated_at=self._now)
        return space

    def add(
        self,
        *,
        fingerprint: str,
        model: str,
        architecture: str,
        dimension: int,
        labels: Sequence[str],
        classifier: str | None = None,
    ) -> Space:
        """Make a space known, without binding the index to it.

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
        classifier : str, optional
            Name and version; None is the network's own.

        Raises
        ------
        ClassifierMismatch
            The index is bound to this space and uses another classifier in it.
        """
        known = self.find(fingerprint)
        if known is None:
            row = {
                "fingerprint": fingerprint,
                "model": model,
                "architecture": architecture,
                "dimension": dimension,
                "labels": list(labels),
                "classifier": classifier,
                "created_at": self._now,
                "activated_at": None,
            }
            add_partitions(self._connection, self._insert_one(SpaceRow, row))
            self._audit.record("space.register", "space", fingerprint, architecture=architecture)
        elif known.classifier != classifier:
            active = self.active()
            if active is not None and active.id == known.id:
                raise ClassifierMismatch(expected=known.classifier, got=classifier, model=model)
            self.use_classifier(known.id, model=model, labels=labels, classifier=classifier)
        elif known.model != model:
            self._set(SpaceRow, [known.id], model=model)
        [space_id] = self._ids_where(SpaceRow, SpaceRow.fingerprint == fingerprint)
        return self.get(space_id)

    def add_semantic(self, space: Space, fingerprint: str, dimension: int) -> Space:
        """Make the space of the semantic embeddings known that come with another space's.

        Parameters
        ----------
        space : Space
            That other space. It keeps the first semantic space that it gets, until
            `replace_semantic`.
        fingerprint : str
            64 hex digits that name the semantic space.
        dimension : int
        """
        known = self.find(fingerprint)
        if known is None:
            statement = select(SpaceRow.architecture).where(SpaceRow.id == space.id)
            known = self.add(
                fingerprint=fingerprint,
                model=space.model,
                architecture=self._connection.execute(statement).scalar_one(),
                dimension=dimension,
                labels=(),
            )
        if self.semantic(space.id) is None:
            self._set(SpaceRow, [space.id], semantic_space_id=known.id)
        return known

    def replace_semantic(self, space: Space, fingerprint: str, dimension: int) -> Space:
        """Let another semantic space come with a space; parameters are `add_semantic`'s."""
        semantic = self.add_semantic(space, fingerprint, dimension)
        self._set(SpaceRow, [space.id], semantic_space_id=semantic.id)
        return semantic

    def use_classifier(
        self, space_id: int, *, model: str, labels: Sequence[str], classifier: str | None
    ) -> Space:
        """Change the classifier of a space, and forget what the one before said of its images.

        Parameters
        ----------
        space_id : int
        model : str
            Reference that loads the model with the classifier.
        labels : sequence of str
            Its classes.
        classifier : str or None
            Its name and version; None is the network's own.

        Raises
        ------
        NotFoundError
            There is no such space.
        """
        before = self.get(space_id)
        self._set(SpaceRow, [space_id], model=model, labels=list(labels), classifier=classifier)
        if before.classifier != classifier:
            own = ClassificationRow.space_id == space_id
            self._connection.execute(delete(ClassificationRow).where(own))
            self._audit.record(
                "space.classifier",
                "space",
                before.fingerprint,
                before=before.classifier,
                classifier=classifier,
            )
        return self.get(space_id)

    def activate(self, space_id: int, *, missing: int = 0) -> Space:
        """Bind the index to another space, whose embeddings are there; return the space.

        Parameters
        ----------
        space_id : int
        missing : int
            Active images that have no complete embedding there, for the audit log.

        Raises
        ------
        NotFoundError
            There is no such space.
        """
        space, before = self.get(space_id), self.active()
        newest = self._connection.scalar(select(func.max(SpaceRow.activated_at)))
        self._set(SpaceRow, [space_id], activated_at=_after(newest, self._now))
        self._audit.record(
            "space.activate",
            "space",
            space.fingerprint,
            before=before.fingerprint if before else None,
            missing=missing,
        )
        return space

    def retire(self, space_ids: Collection[int]) -> list[Space]:
        """Let no program search some spaces; return them.

        `EmbeddingEdits.drop` then deletes their embeddings.

        Parameters
        ----------
        space_ids : collection of int

        Raises
        ------
        SpaceInUse
            One of them is the index's, or that of its semantic embeddings.
        NotFoundError
            There is no such space.
        """
        retired = [self.get(space_id) for space_id in space_ids]
        active = self.active()
        used = (active, self.semantic(active.id)) if active else ()
        for space in retired:
            if space in used:
                raise SpaceInUse(space.fingerprint)
        self._set(SpaceRow, [space.id for space in retired], activated_at=None)
        for space in retired:
            self._audit.record("space.retire", "space", space.fingerprint)
        return retired


def _after(newest: datetime | None, now: datetime) -> datetime:
    """Return a moment later than the newest activation, whatever the clock did since."""
    return now if newest is None else max(now, newest + timedelta(microseconds=1))
