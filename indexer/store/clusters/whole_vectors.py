"""Vectors of whole first frames, from the table and the space that a cluster run reads."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import ColumnElement, and_

from indexer.store.images.rows import WHOLE
from indexer.store.models import EmbeddingRow, ImageRow, SemanticRow
from indexer.types import Space


@dataclass(frozen=True, slots=True)
class WholeVectors:
    """Where they are read from, and how they are joined with images."""

    table: type[EmbeddingRow | SemanticRow]
    dimension: int
    is_of_image: ColumnElement[bool]

    @property
    def join(self) -> tuple[type[EmbeddingRow | SemanticRow], ColumnElement[bool]]:
        """What a statement of images is joined with."""
        return self.table, self.is_of_image

    @classmethod
    def of(cls, space: Space, semantic: Space | None) -> Self:
        """Take those of a space, or semantic ones."""
        table: type[EmbeddingRow | SemanticRow]
        if semantic is not None:
            table = SemanticRow
            own = and_(table.image_id == ImageRow.id, table.space_id == semantic.id)
            return cls(table, semantic.dimension, own)
        table = EmbeddingRow
        of_space = (table.image_id == ImageRow.id, table.space_id == space.id)
        return cls(table, space.dimension, and_(*of_space, table.part == WHOLE))
