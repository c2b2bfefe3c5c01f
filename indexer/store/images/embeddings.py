"""Embeddings: what models said of stored images, by space."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, delete, exists, func, select, union

from indexer.errors import DimensionMismatch
from indexer.store.database.partitions import empty_partitions, has_partitions
from indexer.store.edits import Edits, Transaction
from indexer.store.images.integrity import lacking
from indexer.store.images.records import stored_part
from indexer.store.images.repair import Repair
from indexer.store.images.rows import (
    WHOLE,
    NumberedPart,
    check_classifier,
    check_embeddings,
    check_semantics,
    classification_rows,
    embedding_rows,
)
from indexer.store.images.spaces import ACTIVE_SPACE, SpaceEdits, Spaces
from indexer.store.log.audit import named
from indexer.store.models import (
    ClassificationRow,
    EmbeddingRow,
    ImageRow,
    PartRow,
    SemanticRow,
    SourceRow,
    SpaceRow,
    ThumbnailRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, possible_ids
from indexer.store.values import StoredPicture, UnclassifiedVectors
from indexer.types import Embeddings as Vectors
from indexer.types import NewImage, Part, PartKind, Probabilities, Space

_TABLES: Final = (EmbeddingRow, ClassificationRow)
_SEMANTIC_SPACE: Final = (
    select(SpaceRow.semantic_space_id).where(SpaceRow.id == ACTIVE_SPACE).scalar_subquery()
)


class Embeddings(Queries):
    """The embeddings and class probabilities within one transaction."""

    def lacking(self, space_id: int) -> list[int]:
        """Return the active images that are not complete in a space, ascending.

        They, or parts of them, have no embedding or no class probabilities there.
        """
        statements = [one for table in _TABLES for one in lacking(table, space_id)]
        return sorted({i for one in statements for i in self._connection.scalars(one)})

    def lacking_semantics(self, semantic_space_id: int) -> list[int]:
        """Return the active images that have no semantic embedding in a space, ascending."""
        has = exists().where(
            SemanticRow.image_id == ImageRow.id, SemanticRow.space_id == semantic_space_id
        )
        statement = select(ImageRow.id).where(ImageRow.removed_at.is_(None), ~has)
        return sorted(self._connection.scalars(statement))

    def semantic(self, image_id: int, semantic_space_id: int) -> NDArray[np.float32] | None:
        """Return an image's semantic embedding in a space, (s,) float32, if it has one."""
        statement = select(SemanticRow.vector).where(
            SemanticRow.image_id == image_id, SemanticRow.space_id == semantic_space_id
        )
        vector: NDArray[np.float32] | None = self._connection.scalar(statement)
        return vector

    def unclassified(self, space_id: int, *, limit: int = 5_000) -> UnclassifiedVectors:
        """Return some of the vectors of a space that go without class probabilities."""
        of_vector = and_(
            ClassificationRow.image_id == EmbeddingRow.image_id,
            ClassificationRow.space_id == EmbeddingRow.space_id,
            ClassificationRow.part == EmbeddingRow.part,
        )
        statement = (
            select(EmbeddingRow.image_id, EmbeddingRow.part, EmbeddingRow.vector)
            .outerjoin(ClassificationRow, of_vector)
            .where(EmbeddingRow.space_id == space_id, ClassificationRow.image_id.is_(None))
            .order_by(EmbeddingRow.image_id, EmbeddingRow.part)
            .limit(limit)
        )
        rows = self._connection.execute(statement).all()
        return UnclassifiedVectors(
            [(row.image_id, row.part) for row in rows],
            np.array([row.vector for row in rows], np.float32),
        )

    def pictures(self, image_ids: Iterable[int]) -> list[StoredPicture]:
        """Return what is needed to embed images again: those of them that are active, by id.

        Variants are left out: only hardening makes them anew.
        """
        ids = possible_ids(image_ids)
        parts = self.part_numbers(ids)
        sources: defaultdict[int, list[str]] = defaultdict(list)
        is_open = select(SourceRow.image_id, SourceRow.uri).where(SourceRow.closed_at.is_(None))
        for image_id, uri in self._rows(is_open.order_by(SourceRow.id), SourceRow.image_id, ids):
            sources[image_id].append(uri)
        statement = (
            select(
                ImageRow.id,
                ImageRow.sha256,
                ImageRow.width,
                ImageRow.height,
                ThumbnailRow.image_id.label("thumbnail"),
            )
            .outerjoin(ThumbnailRow, ThumbnailRow.image_id == ImageRow.id)
            .where(ImageRow.removed_at.is_(None))
            .order_by(ImageRow.id)
        )
        return [
            StoredPicture(
                image_id=row.id,
                sha256=row.sha256,
                sources=tuple(sources[row.id]),
                parts=tuple(p for p in parts[row.id] if p.kind is not PartKind.VARIANT),
                size=(row.width, row.height),
                has_thumbnail=row.thumbnail is not None,
            )
            for row in self._rows(statement, ImageRow.id, ids)
        ]

    def part_numbers(self, image_ids: Iterable[int]) -> defaultdict[int, dict[Part, int]]:
        """Return the numbers of the stored parts, by image, in the order of the numbers."""
        known: defaultdict[int, dict[Part, int]] = defaultdict(dict)
        statement = select(PartRow.__table__).order_by(PartRow.image_id, PartRow.part)
        for row in self._rows(statement, PartRow.image_id, image_ids):
            part = stored_part(row.kind, row.number, row.box, row.recipe)
            known[row.image_id][part] = row.part
        return known


class EmbeddingEdits(Embeddings, Edits):
    """The embeddings and class probabilities within a writing transaction."""

    def __init__(self, transaction: Transaction, spaces: SpaceEdits) -> None:
        super().__init__(transaction)
        self._spaces = spaces

    def embed(
        self, images: Mapping[int, NewImage], space_id: int, *, approximate: bool = False
    ) -> list[int]:
        """Write what a model says of stored images and those of their parts that are stored.

        What is there already stays. Images that were removed meanwhile are passed over. The log
        gets a change for each image that gains a vector, unless no view of the space can exist.

        Parameters
        ----------
        images : mapping of int to NewImage
            By id.
        space_id : int
            Space of the embeddings.
        approximate : bool
            Whether they are of thumbnails; the audit log then names the images.

        Returns
        -------
        list of int
            The images that gained any.

        Raises
        ------
        DimensionMismatch
            An embedding is not as long as the space's are.
        ClassifierReplaced
            The probabilities are by another classifier than the space's.
        UnusableOutput
            An embedding is not finite.
        NotFoundError
            There is no such space.
        """
        if not images:
            return []
        spaces = Spaces(self._connection)
        space = spaces.get(space_id)
        check_embeddings([*images.values()], space)
        check_classifier(images.values(), space)
        active = self._ids_among(ImageRow, images, ImageRow.removed_at.is_(None))
        known = self.part_numbers(active)
        self.write_semantics({i: images[i] for i in active}, active, space)
        parts = [part for i in active for part in _known_parts(i, images[i], known[i])]
        gained = sorted(self.write(parts, active, space))
        if spaces.is_usable(space_id):
            self._log.append("image", "added", gained)
        if approximate and gained:
            self._audit.record("space.approximate", "space", space.fingerprint, **named(gained))
        return gained

    def classify(
        self, parts: Sequence[tuple[int, int]], probabilities: Probabilities, space: Space
    ) -> None:
        """Write the class probabilities of vectors that have none; nothing is logged.

        Parameters
        ----------
        parts : sequence of (int, int)
            Image and number of each part, as `unclassified` returns them.
        probabilities : ndarray of shape (n, classes), float32
        space : Space
        """
        self._insert(
            ClassificationRow,
            [
                {
                    "image_id": image_id,
                    "space_id": space.id,
                    "part": part,
                    "top_label": space.labels[int(row.argmax())],
                    "probabilities": dict(zip(space.labels, row.tolist(), strict=True)),
                }
                for (image_id, part), row in zip(parts, probabilities, strict=True)
            ],
        )

    def write(self, parts: Sequence[NumberedPart], held: Iterable[int], space: Space) -> set[int]:
        """Write the embeddings and probabilities that parts lack in a space; nothing is logged.

        Parameters
        ----------
        parts : sequence of NumberedPart
        held : iterable of int
            The images that may have some of them already.
        space : Space

        Returns
        -------
        set of int
            The images that gained any.
        """
        held = list(held)
        unembedded = self._without(EmbeddingRow, parts, held, space)
        unclassified = self._without(ClassificationRow, parts, held, space)
        self._insert(EmbeddingRow, embedding_rows(unembedded, space))
        self._insert(ClassificationRow, classification_rows(unclassified, space))
        return {part.image_id for part in (*unembedded, *unclassified)}

    def write_semantics(
        self, images: Mapping[int, NewImage], held: Iterable[int], space: Space
    ) -> list[int]:
        """Write the semantic embeddings that images lack; return the images that gained one.

        No view holds them, so the log says nothing of it.

        Parameters
        ----------
        images : mapping of int to NewImage
            By id; those without a semantic embedding are passed over.
        held : iterable of int
            The images that may have one already.
        space : Space
            The one of their other embeddings.

        Raises
        ------
        DimensionMismatch
            An embedding is not as long as its space's are.
        UnusableOutput
            An embedding is not finite.
        """
        held, gained = list(held), list[int]()
        by_space = defaultdict[str, dict[int, Vectors]](dict)
        for image_id, image in images.items():
            if image.semantic is not None:
                by_space[image.semantic.space][image_id] = image.semantic.vectors
        for fingerprint, vectors in by_space.items():
            check_semantics([*vectors.values()], space)
            dimension = next(iter(vectors.values())).size
            own = self._spaces.add_semantic(space, fingerprint, dimension)
            if own.dimension != dimension:
                raise DimensionMismatch(expected=own.dimension, got=dimension)
            statement = select(SemanticRow.image_id).where(SemanticRow.space_id == own.id)
            present = {row[0] for row in self._rows(statement, SemanticRow.image_id, held)}
            rows = [
                {"image_id": image_id, "space_id": own.id, "vector": vector}
                for image_id, vector in vectors.items()
                if image_id not in present
            ]
            self._insert(SemanticRow, rows)
            gained += vectors.keys() - present
        return sorted(gained)

    def drop_spoiled_semantics(self) -> int:
        """Delete semantic embeddings that are not as long as their space's; return how many."""
        ids = Repair(self._connection).spoiled_semantics()
        for chunk in chunks(ids):
            self._connection.execute(delete(SemanticRow).where(SemanticRow.image_id.in_(chunk)))
        return len(ids)

    def empty(self, space_ids: Collection[int]) -> int:
        """Delete at once all that images have in those of some spaces that have partitions.

        As with `drop`, which deletes the rest row by row, programs must have been refused these
        spaces before, and those that the index uses by now stay.

        Returns
        -------
        int
            How many images had anything there; 0 in SQLite, which has no partitions.
        """
        spaces = Spaces(self._connection)
        active = spaces.active()
        semantic = spaces.semantic(active.id) if active else None
        used = {space.id for space in (active, semantic) if space}
        emptied = 0
        for space_id in {*space_ids} - used:
            if has_partitions(self._connection, space_id):
                found = union(
                    *(
                        select(table.image_id).where(table.space_id == space_id)
                        for table in (EmbeddingRow, SemanticRow)
                    )
                ).subquery()
                statement = select(func.count()).select_from(found)
                emptied += self._connection.execute(statement).scalar_one()
                empty_partitions(self._connection, space_id)
        return emptied

    def drop(
        self, space_ids: Collection[int], *, after_id: int = 0, limit: int = 10_000
    ) -> list[int]:
        """Delete what images have in some spaces; return the images' ids, ascending.

        Programs that still search one of those spaces must have been refused it before, by
        `SpaceEdits.retire`. The space that the index uses by now, and its semantic one, stay.

        Parameters
        ----------
        space_ids : collection of int
        after_id : int
            Last id of the page before.
        limit : int
            Most images of a page.
        """
        of_these = and_(EmbeddingRow.space_id.in_(space_ids), EmbeddingRow.space_id != ACTIVE_SPACE)
        unused = and_(
            SemanticRow.space_id.in_(space_ids),
            SemanticRow.space_id.is_distinct_from(_SEMANTIC_SPACE),
        )
        found = union(
            select(EmbeddingRow.image_id).where(EmbeddingRow.image_id > after_id, of_these),
            select(SemanticRow.image_id).where(SemanticRow.image_id > after_id, unused),
        ).subquery()
        statement = select(found.c.image_id).order_by(found.c.image_id).limit(limit)
        ids = list(self._connection.scalars(statement))
        for chunk in chunks(ids):
            self._connection.execute(
                delete(SemanticRow).where(SemanticRow.image_id.in_(chunk), unused)
            )
        for table in _TABLES:
            for chunk in chunks(ids):
                elsewhere = (table.space_id.in_(space_ids), table.space_id != ACTIVE_SPACE)
                self._connection.execute(delete(table).where(table.image_id.in_(chunk), *elsewhere))
        return ids

    def _without(
        self,
        table: type[EmbeddingRow] | type[ClassificationRow],
        parts: Iterable[NumberedPart],
        held: Iterable[int],
        space: Space,
    ) -> list[NumberedPart]:
        """Return the parts that have no row of the space in a table; only `held` may have any."""
        statement = select(table.image_id, table.part).where(table.space_id == space.id)
        rows = self._rows(statement, table.image_id, held)
        present = {(row.image_id, row.part) for row in rows}
        return [part for part in parts if (part.image_id, part.number) not in present]


def _known_parts(
    image_id: int, image: NewImage, numbers: Mapping[Part, int]
) -> Iterator[NumberedPart]:
    """Give the whole image, and those of its parts that the index holds, their numbers."""
    yield NumberedPart(image_id, WHOLE, image)
    for part in image.parts:
        if part.part in numbers:
            yield NumberedPart(image_id, numbers[part.part], part)
