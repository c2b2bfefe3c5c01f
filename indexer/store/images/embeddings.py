"""Embeddings: what models said of stored images, by space."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import delete, select

from indexer.store.edits import Edits
from indexer.store.images.integrity import lacking
from indexer.store.images.records import stored_part
from indexer.store.images.rows import (
    WHOLE,
    NumberedPart,
    check_embeddings,
    classification_rows,
    embedding_rows,
)
from indexer.store.images.spaces import ACTIVE_SPACE, Spaces
from indexer.store.log.audit import named
from indexer.store.models import (
    ClassificationRow,
    EmbeddingRow,
    ImageRow,
    PartRow,
    SourceRow,
    ThumbnailRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, possible_ids
from indexer.store.values import StoredPicture
from indexer.types import NewImage, Part, Space

_TABLES: Final = (EmbeddingRow, ClassificationRow)


class Embeddings(Queries):
    """The embeddings and class probabilities within one transaction."""

    def lacking(self, space_id: int) -> list[int]:
        """Return the active images that are not complete in a space, ascending.

        They, or parts of them, have no embedding or no class probabilities there.
        """
        statements = [one for table in _TABLES for one in lacking(table, space_id)]
        return sorted({i for one in statements for i in self._connection.scalars(one)})

    def pictures(self, image_ids: Iterable[int]) -> list[StoredPicture]:
        """Return what is needed to embed images again: those of them that are active, by id."""
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
                parts=tuple(parts[row.id]),
                size=(row.width, row.height),
                has_thumbnail=row.thumbnail is not None,
            )
            for row in self._rows(statement, ImageRow.id, ids)
        ]

    def part_numbers(self, image_ids: Iterable[int]) -> defaultdict[int, dict[Part, int]]:
        """Return the numbers of the stored parts, by image, in the order of the numbers."""
        known: defaultdict[int, dict[Part, int]] = defaultdict(dict)
        columns = (PartRow.image_id, PartRow.part, PartRow.kind, PartRow.number, PartRow.box)
        statement = select(*columns).order_by(PartRow.image_id, PartRow.part)
        for image_id, part, kind, number, box in self._rows(statement, PartRow.image_id, image_ids):
            known[image_id][stored_part(kind, number, box)] = part
        return known


class EmbeddingEdits(Embeddings, Edits):
    """The embeddings and class probabilities within a writing transaction."""

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
        active = self._ids_among(ImageRow, images, ImageRow.removed_at.is_(None))
        known = self.part_numbers(active)
        parts = [part for i in active for part in _known_parts(i, images[i], known[i])]
        gained = sorted(self.write(parts, active, space))
        if spaces.is_usable(space_id):
            self._log.append("image", "added", gained)
        if approximate and gained:
            self._audit.record("space.approximate", "space", space.fingerprint, **named(gained))
        return gained

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

    def drop(self, *, after_id: int = 0, limit: int = 10_000) -> list[int]:
        """Delete what images have in other spaces than the index's; return their ids, ascending.

        Programs that still search one of those spaces must have been refused it before, by
        `SpaceEdits.retire`.

        Parameters
        ----------
        after_id : int
            Last id of the page before.
        limit : int
            Most images of a page.
        """
        statement = (
            select(EmbeddingRow.image_id)
            .where(EmbeddingRow.image_id > after_id, EmbeddingRow.space_id != ACTIVE_SPACE)
            .distinct()
            .order_by(EmbeddingRow.image_id)
            .limit(limit)
        )
        ids = list(self._connection.scalars(statement))
        for table in _TABLES:
            for chunk in chunks(ids):
                of_others = (table.image_id.in_(chunk), table.space_id != ACTIVE_SPACE)
                self._connection.execute(delete(table).where(*of_others))
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
