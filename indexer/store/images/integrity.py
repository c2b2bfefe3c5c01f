"""Integrity checks: whether the tables agree with each other and with the log."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    text,
)

from indexer.store.banks.conditions import ACTIVE
from indexer.store.models import (
    BankRow,
    ChangeRow,
    ClassificationRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    LocalFeaturesRow,
    PartRow,
    SemanticRow,
    SourceRow,
    SpaceRow,
    ThumbnailRow,
)
from indexer.store.sql_parameters import chunks
from indexer.types import PartKind, Space

_UNIT = 1e-3  # how far an embedding's length may be from 1
_ACTIVE = ImageRow.removed_at.is_(None)
_LOGGED: tuple[tuple[type[ImageRow] | type[EntryRow], Literal["image", "entry"], str], ...] = (
    (ImageRow, "image", "images"),
    (EntryRow, "entry", "entries"),
)
_VectorTable = type[EmbeddingRow] | type[ClassificationRow]
_VECTOR_TABLES: tuple[tuple[str, _VectorTable], ...] = (
    ("embedding", EmbeddingRow),
    ("class probabilities", ClassificationRow),
)


def find_problems(connection: Connection, space: Space | None, sample: int, seed: int) -> list[str]:
    """Return a sentence for each kind of problem; empty when all is well.

    Parameters
    ----------
    space : Space or None
        The active space, if there is one.
    sample : int
        Images whose vectors are read.
    seed : int
        Which images those are.
    """
    found = [*_of_log(connection), *_of_references(connection), *_of_banks(connection)]
    for what, ids in [*_of_images(), *(_of_space(space) if space else [])]:
        count, first = connection.execute(select(func.count(), func.min(ids.subquery().c[0]))).one()
        if count:
            found.append(f"{count} {what}; the first is of image {first}.")
    if space:
        found += _of_vectors(connection, space, sample, seed)
    elif connection.scalar(select(exists().where(_ACTIVE))):
        found.append("There are images, but the index is bound to no model.")
    return found


def _of_log(connection: Connection) -> Iterator[str]:
    """Numbers run from 1 without gaps; the last change of an image tells whether it is there."""
    statement = select(func.count(), func.min(ChangeRow.number), func.max(ChangeRow.number))
    count, first, last = connection.execute(statement).one()
    if count and (first, last) != (1, count):
        yield f"The log has gaps: {count} changes are numbered from {first} to {last}."
    for table, subject, plural in _LOGGED:
        disagreeing = not_as_logged(table, subject).with_only_columns(
            func.count(), func.min(table.id)
        )
        count, first = connection.execute(disagreeing).one()
        if count:
            yield (
                f"{count} {plural} are not what the log says of them; the first is {subject} "
                f"{first}."
            )


def not_as_logged(
    table: type[ImageRow] | type[EntryRow], subject: Literal["image", "entry"]
) -> Select[Any]:
    """Select the ids of a table of which the last change does not say whether they are there."""
    newest = (
        select(func.max(ChangeRow.number).label("number"))
        .where(ChangeRow.subject == subject)
        .group_by(ChangeRow.subject_id)
        .subquery()
    )
    change = (
        select(ChangeRow.subject_id, ChangeRow.operation)
        .join(newest, newest.c.number == ChangeRow.number)
        .subquery()
    )
    said, is_so = change.c.operation == "removed", table.removed_at.is_not(None)
    return (
        select(table.id)
        .outerjoin(change, change.c.subject_id == table.id)
        .where(said.is_distinct_from(is_so))
    )


def _of_references(connection: Connection) -> Iterator[str]:
    """Rows point at rows that exist; Postgres sees to that by itself."""
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        for table in sorted({row[0] for row in broken}):
            count = sum(row[0] == table for row in broken)
            yield f"{count} rows of the table {table} belong to something that does not exist."


def _of_banks(connection: Connection) -> Iterator[str]:
    """Make sure that removed banks hold nothing."""
    kept = (
        select(func.count(), func.min(EntryRow.id))
        .join(BankRow, BankRow.id == EntryRow.bank_id)
        .where(ACTIVE, BankRow.removed_at.is_not(None))
    )
    count, first = connection.execute(kept).one()
    if count:
        yield f"{count} entries are active although their bank is removed; the first is {first}."


def _of_images() -> Iterator[tuple[str, Select[Any]]]:
    """Yield what must not be, whatever the model, with the ids of the images where it is."""
    gone = ImageRow.removed_at.is_not(None)
    yield (
        "bank entries are active although their image is removed",
        select(EntryRow.image_id).join(ImageRow).where(ACTIVE, gone),
    )
    yield (
        "sources are open although their image is removed",
        select(SourceRow.image_id).join(ImageRow).where(SourceRow.closed_at.is_(None), gone),
    )
    erased = (ImageRow.md5, ImageRow.pdq, ImageRow.width, ImageRow.byte_size)
    for table, what in ((ThumbnailRow, "thumbnails"), (LocalFeaturesRow, "local features")):
        yield (
            f"{what} are kept although their image is removed",
            select(table.image_id).join(ImageRow).where(gone),
        )
    held = [
        exists().where(table.image_id == ImageRow.id)
        for table in (
            SourceRow,
            PartRow,
            EmbeddingRow,
            SemanticRow,
            ClassificationRow,
            ThumbnailRow,
            LocalFeaturesRow,
        )
    ]
    yield (
        "purged images are not erased wholly",
        select(ImageRow.id).where(
            ImageRow.purged_at.is_not(None),
            or_(*held, *(column.is_not(None) for column in erased)),
        ),
    )


def _of_space(space: Space) -> Iterator[tuple[str, Select[Any]]]:
    """Yield what must not be in the active space, with the ids of the images where it is."""
    for name, table in _VECTOR_TABLES:
        images, parts = lacking(table, space.id)
        yield f"images have no {name}", images
        yield f"parts have no {name}", parts
        known = exists().where(PartRow.image_id == table.image_id, PartRow.part == table.part)
        yield (
            f"rows of {table.__tablename__} belong to no part",
            select(table.image_id).where(table.part > 0, ~known),
        )
    yield "semantic embeddings are not of their space's length", spoiled_semantics()
    size = 4 * space.dimension
    yield (
        f"embeddings are not {size} bytes long",
        select(EmbeddingRow.image_id).where(
            EmbeddingRow.space_id == space.id, func.length(EmbeddingRow.vector) != size
        ),
    )


def spoiled_semantics() -> Select[Any]:
    """Select the ids of images with a semantic embedding not as long as its space's are."""
    return (
        select(SemanticRow.image_id)
        .join(SpaceRow, SpaceRow.id == SemanticRow.space_id)
        .where(func.length(SemanticRow.vector) != 2 * SpaceRow.dimension)
    )


def lacking(
    table: _VectorTable, space_id: int | ScalarSelect[Any]
) -> tuple[Select[Any], Select[Any]]:
    """Select the ids of active images without a row in a table, and of those with such a part.

    A variant may have none: in another space hardening makes variants anew.
    """

    def has(image_id: Any, part: Any) -> ColumnElement[bool]:
        return exists().where(
            and_(table.image_id == image_id, table.space_id == space_id, table.part == part)
        )

    return (
        select(ImageRow.id).where(_ACTIVE, ~has(ImageRow.id, literal(0))),
        select(ImageRow.id)
        .join(PartRow)
        .where(
            _ACTIVE,
            PartRow.kind != PartKind.VARIANT.value,
            ~has(PartRow.image_id, PartRow.part),
        ),
    )


def _of_vectors(connection: Connection, space: Space, sample: int, seed: int) -> Iterator[str]:
    """Embeddings of some images are finite and of unit length."""
    ids = np.fromiter(
        connection.scalars(select(ImageRow.id).where(_ACTIVE).order_by(ImageRow.id)), np.int64
    )
    chosen = np.random.default_rng(seed).choice(ids, min(sample, len(ids)), replace=False)
    bad = []
    for chunk in chunks(chosen.tolist()):
        statement = select(EmbeddingRow.image_id, EmbeddingRow.vector).where(
            EmbeddingRow.image_id.in_(chunk),
            EmbeddingRow.space_id == space.id,
            func.length(EmbeddingRow.vector) == 4 * space.dimension,
        )
        for image_id, vector in connection.execute(statement):
            length = np.linalg.norm(vector.astype(np.float64))
            if not abs(length - 1) <= _UNIT:  # NaN, too, is no length that will do
                bad.append(image_id)
    if bad:
        yield (
            f"{len(bad)} embeddings of {len(chosen)} sampled images are not of unit length; the "
            f"first is of image {min(bad)}."
        )
