"""Cluster scopes: the images of a run, and their embeddings."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, Select, and_, false, func, select

from indexer.errors import NotFoundError
from indexer.store.banks.conditions import ACTIVE
from indexer.store.cluster_values import ScopedPieces, ScopedVectors
from indexer.store.clusters.whole_vectors import WholeVectors
from indexer.store.images.rows import WHOLE
from indexer.store.models import (
    BankRow,
    ClassificationRow,
    ClusterMemberRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    PartRow,
    SourceRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks
from indexer.types import (
    ClusterScope,
    Keys,
    PartKind,
    Space,
)

_READ_AT_ONCE = 10_000  # rows
_PDQ_BYTES = 32
_Statement = Select[*tuple[Any, ...]]


class ClusterScopes(Queries):
    """The images in a scope, and their embeddings, within one transaction."""

    def vectors(
        self,
        scope: ClusterScope,
        space: Space,
        semantic: Space | None = None,
        *,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> ScopedVectors:
        """Read the embeddings of the whole first frames of the active images in a scope, by id.

        They go into one array, made for all of them: a run takes little more memory than that.

        Parameters
        ----------
        scope : ClusterScope
        space : Space
            That of the index.
        semantic : Space, optional
            Space of the semantic embeddings to read instead; images without one are left out.
        on_progress : callable
            Called with the number of images read since the last call; what it raises ends it.

        Raises
        ------
        NotFoundError
            There is no bank of one of the scope's names.
        """
        conditions = [*self._in_scope(scope, space)]
        return self._read_vectors(conditions, WholeVectors.of(space, semantic), on_progress)

    def pieces(
        self,
        scope: ClusterScope,
        space: Space,
        *,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> ScopedPieces:
        """Read embeddings and PDQ of the active images in a scope, and of their parts, by id.

        Parts without an embedding in the space are left out.

        Parameters
        ----------
        scope : ClusterScope
        space : Space
        on_progress : callable
            Called with the number of images read since the last call; what it raises ends it.

        Raises
        ------
        NotFoundError
            There is no bank of one of the scope's names.
        """
        return self._read_pieces([*self._in_scope(scope, space)], space, on_progress)

    def pieces_of(self, image_ids: Keys, scope: ClusterScope, space: Space) -> ScopedPieces:
        """Read what `pieces` reads of those among some images that are in a scope.

        Parameters
        ----------
        image_ids : ndarray of shape (m,), int64
            In any order, each once.
        scope : ClusterScope
        space : Space

        Raises
        ------
        NotFoundError
            There is no bank of one of the scope's names.
        """
        conditions = [*self._in_scope(scope, space)]
        found = [
            self._read_pieces([*conditions, ImageRow.id.in_(chunk)], space)
            for chunk in chunks(np.sort(image_ids).tolist())
        ]
        return _put_together(found) if found else self._read_pieces([false()], space)

    def unknown(
        self, run_id: int, scope: ClusterScope, space: Space, semantic: Space | None = None
    ) -> Keys:
        """Return the ids of the images in a scope that a run does not know, ascending.

        Raises
        ------
        NotFoundError
            There is no bank of one of the scope's names.
        """
        of_run = (ClusterMemberRow.run_id == run_id, ClusterMemberRow.image_id == ImageRow.id)
        known = select(ClusterMemberRow.image_id).where(*of_run).exists()
        joined = select(ImageRow.id).join(*WholeVectors.of(space, semantic).join)
        statement = joined.where(*self._in_scope(scope, space), ~known)
        return np.fromiter(self._connection.scalars(statement.order_by(ImageRow.id)), np.int64)

    def count(self, scope: ClusterScope, space: Space, semantic: Space | None = None) -> int:
        """Return how many images `vectors` reads.

        Raises
        ------
        NotFoundError
            There is no bank of one of the scope's names.
        """
        conditions = self._in_scope(scope, space)
        joined = select(ImageRow.id).join(*WholeVectors.of(space, semantic).join)
        return self._count_rows(joined.where(*conditions))

    def ids(
        self,
        scope: ClusterScope,
        space: Space,
        semantic: Space | None = None,
        *,
        after_id: int = 0,
    ) -> Keys:
        """Return the ids of the images that `vectors` reads, ascending, above one.

        Raises
        ------
        NotFoundError
            There is no bank of one of the scope's names.
        """
        joined = select(ImageRow.id).join(*WholeVectors.of(space, semantic).join)
        statement = joined.where(ImageRow.id > after_id, *self._in_scope(scope, space))
        return np.fromiter(self._connection.scalars(statement.order_by(ImageRow.id)), np.int64)

    def vectors_of(
        self, image_ids: Keys, space: Space, semantic: Space | None = None
    ) -> Iterator[ScopedVectors]:
        """Yield the embeddings of the active images among these, some thousands at a time."""
        for chunk in chunks(image_ids.tolist()):
            conditions = [ImageRow.removed_at.is_(None), ImageRow.id.in_(chunk)]
            yield self._read_vectors(conditions, WholeVectors.of(space, semantic))

    def _read_pieces(
        self,
        conditions: Sequence[ColumnElement[bool]],
        space: Space,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> ScopedPieces:
        wholes = _joined(select(ImageRow.id), space)
        parts = _parts(select(ImageRow.id), space)
        images, others = (self._count_rows(each.where(*conditions)) for each in (wholes, parts))
        ids, added_at = np.empty(images, np.int64), np.empty(images, np.float64)
        embeddings = np.empty((images + others, space.dimension), np.float32)
        pdqs = np.empty((images + others, _PDQ_BYTES), np.uint8)
        qualities = np.empty(images + others, np.uint8)
        columns = (ImageRow.id, EmbeddingRow.vector, ImageRow.pdq, ImageRow.pdq_quality)
        statement = _joined(select(*columns, ImageRow.created_at), space)
        row = 0
        with closing(
            self._partitions(statement.where(*conditions).order_by(ImageRow.id))
        ) as partitions:
            for found in partitions:
                for image_id, vector, pdq, quality, created_at in found:
                    ids[row], added_at[row] = image_id, created_at.timestamp()
                    embeddings[row], qualities[row] = vector, quality
                    pdqs[row] = np.frombuffer(pdq, np.uint8)
                    row += 1
                on_progress(len(found))
        owners = np.empty(others, np.int64)
        columns = (PartRow.image_id, EmbeddingRow.vector, PartRow.pdq, PartRow.pdq_quality)
        statement = _parts(select(*columns), space).where(*conditions)
        with closing(
            self._partitions(statement.order_by(PartRow.image_id, PartRow.part))
        ) as partitions:
            for found in partitions:
                for image_id, vector, pdq, quality in found:
                    owners[row - images] = image_id
                    embeddings[row], qualities[row] = vector, quality
                    pdqs[row] = np.frombuffer(pdq, np.uint8)
                    row += 1
                on_progress(0)
        return ScopedPieces(
            images=ScopedVectors(ids, embeddings[:images], added_at),
            embeddings=embeddings,
            owners=np.concatenate([np.arange(images), np.searchsorted(ids, owners)]),
            pdqs=pdqs,
            qualities=qualities,
        )

    def _read_vectors(
        self,
        conditions: Sequence[ColumnElement[bool]],
        source: WholeVectors,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> ScopedVectors:
        count = self._count_rows(select(ImageRow.id).join(*source.join).where(*conditions))
        ids = np.empty(count, np.int64)
        vectors = np.empty((count, source.dimension), np.float32)
        added_at = np.empty(count, np.float64)
        columns = (ImageRow.id, source.table.vector, ImageRow.created_at)
        joined = select(*columns).join(*source.join)
        statement = joined.where(*conditions).order_by(ImageRow.id)
        row = 0
        with closing(self._partitions(statement)) as partitions:
            for part in partitions:
                for image_id, vector, created_at in part:
                    ids[row], vectors[row], added_at[row] = image_id, vector, created_at.timestamp()
                    row += 1
                on_progress(len(part))
        return ScopedVectors(ids, vectors, added_at)

    def _partitions(self, statement: _Statement) -> Generator[Sequence[Row[*tuple[Any, ...]]]]:
        """Yield the rows of a statement some thousands at a time; to be closed by the caller."""
        reading = statement.execution_options(yield_per=_READ_AT_ONCE)
        with self._connection.execute(reading) as found:
            yield from found.partitions()

    def _count_rows(self, statement: _Statement) -> int:
        return self._connection.scalar(select(func.count()).select_from(statement.subquery())) or 0

    def _in_scope(self, scope: ClusterScope, space: Space) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions that every image in a scope satisfies."""
        yield ImageRow.removed_at.is_(None)
        if scope.banks:
            yield self._in_banks(scope.banks)
        if scope.since is not None:
            yield ImageRow.created_at >= scope.since
        if scope.until is not None:
            yield ImageRow.created_at < scope.until
        if scope.uploader is not None:
            of_uploader = select(SourceRow.id).where(
                SourceRow.image_id == ImageRow.id,
                SourceRow.uploader == scope.uploader,
                SourceRow.closed_at.is_(None),
            )
            yield of_uploader.exists()
        if scope.label is not None or scope.min_probability is not None:
            yield self._classified(scope, space)

    def _in_banks(self, names: tuple[str, ...]) -> ColumnElement[bool]:
        known = dict(
            self._connection.execute(
                select(BankRow.name, BankRow.id).where(
                    BankRow.name.in_(names), BankRow.removed_at.is_(None)
                )
            ).all()
        )
        if missing := sorted(set(names) - known.keys()):
            raise NotFoundError(
                f"There is no bank {missing[0]}. `lookalike bank list` shows the banks."
            )
        return (
            select(EntryRow.id)
            .where(EntryRow.image_id == ImageRow.id, EntryRow.bank_id.in_(known.values()), ACTIVE)
            .exists()
        )

    def _classified(self, scope: ClusterScope, space: Space) -> ColumnElement[bool]:
        table = ClassificationRow
        statement = select(table.image_id).where(
            table.image_id == ImageRow.id, table.space_id == space.id, table.part == WHOLE
        )
        if scope.label is not None:
            statement = statement.where(table.top_label == scope.label)
        if scope.min_probability is not None:
            labels = [scope.label] if scope.label is not None else list(space.labels)
            most = [table.probabilities[label].as_float() for label in labels]
            enough = [value >= scope.min_probability for value in most]
            condition = enough[0]
            for each in enough[1:]:
                condition = condition | each
            statement = statement.where(condition)
        return statement.exists()


def _joined(statement: _Statement, space: Space) -> _Statement:
    """Join the whole first frames of images with their embeddings."""
    return statement.join(*WholeVectors.of(space, None).join)


def _parts(statement: _Statement, space: Space) -> _Statement:
    """Join the parts of images with their embeddings; variants are no pictures of an upload."""
    of_part = and_(
        EmbeddingRow.image_id == PartRow.image_id,
        EmbeddingRow.space_id == space.id,
        EmbeddingRow.part == PartRow.part,
        PartRow.kind != PartKind.VARIANT.value,
    )
    return (
        statement.select_from(ImageRow)
        .join(PartRow, PartRow.image_id == ImageRow.id)
        .join(EmbeddingRow, of_part)
    )


def _put_together(found: Sequence[ScopedPieces]) -> ScopedPieces:
    """Join the pieces of images that follow each other by id."""
    counts = [len(each.images.ids) for each in found]
    firsts = np.cumsum([0, *counts[:-1]])

    def joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Join wholes, then parts."""
        wholes = [each[:count] for each, count in zip(arrays, counts, strict=True)]
        parts = [each[count:] for each, count in zip(arrays, counts, strict=True)]
        return np.concatenate([*wholes, *parts])

    embeddings = joined([each.embeddings for each in found])
    owners = [each.owners + first for each, first in zip(found, firsts, strict=True)]
    return ScopedPieces(
        images=ScopedVectors(
            np.concatenate([each.images.ids for each in found]),
            embeddings[: sum(counts)],
            np.concatenate([each.images.added_at for each in found]),
        ),
        embeddings=embeddings,
        owners=joined(owners),
        pdqs=joined([each.pdqs for each in found]),
        qualities=joined([each.qualities for each in found]),
    )
