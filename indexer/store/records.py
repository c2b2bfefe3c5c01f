"""Putting image records together from their tables, in a handful of statements per thousands."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, null, select

from indexer.store.entry_conditions import in_force
from indexer.store.models import (
    BankRow,
    ClassificationRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    PartRow,
    SourceRow,
)
from indexer.store.parameters import chunks
from indexer.types import BankKind, Entry, ImageRecord, Part, PartKind, Pdq, StoredPart


def read_records(
    connection: Connection,
    ids: Sequence[int],
    space_id: int | None,
    *,
    with_embedding: bool,
    at: datetime,
) -> dict[int, ImageRecord]:
    """Return the active images among `ids` with their open sources and the entries that count.

    Parameters
    ----------
    ids : sequence of int
    space_id : int or None
        Space of the probabilities and the embedding; None gives neither.
    with_embedding : bool
        Whether to read the vectors, by far the largest share of a record, and the parts.
    at : datetime
        The moment at which the entries must count.

    Returns
    -------
    dict of int to ImageRecord
        By id, in the order of the ids asked for.
    """
    records: dict[int, ImageRecord] = {}
    for chunk in chunks(ids):
        found = {row.id: row for row in _images(connection, chunk, space_id, with_embedding)}
        sources = _sources(connection, chunk)
        entries = _entries(connection, chunk, at)
        parts = _parts(connection, chunk, space_id) if with_embedding else {}
        for image_id in chunk:
            if row := found.get(image_id):
                records[image_id] = ImageRecord(
                    id=row.id,
                    sha256=row.sha256,
                    md5=row.md5,
                    pdq=Pdq(row.pdq, row.pdq_quality),
                    width=row.width,
                    height=row.height,
                    format=row.format,
                    frame_count=row.frame_count,
                    byte_size=row.byte_size,
                    created_at=row.created_at,
                    sources=tuple(sources[image_id]),
                    entries=tuple(entries[image_id]),
                    embedding=row.vector,
                    probabilities=row.probabilities or {},
                    parts=tuple(parts.get(image_id, ())),
                )
    return records


def _images(
    connection: Connection,
    ids: Sequence[int],
    space_id: int | None,
    with_embedding: bool,  # noqa: FBT001 -- passed on from a keyword
) -> Sequence[Row[Any]]:
    vector = EmbeddingRow.vector if with_embedding else null()
    statement = (
        select(ImageRow.__table__, ClassificationRow.probabilities, vector.label("vector"))
        .select_from(ImageRow)
        .outerjoin(
            ClassificationRow,
            and_(
                ClassificationRow.image_id == ImageRow.id,
                ClassificationRow.space_id == space_id,
                ClassificationRow.part == 0,
            ),
        )
        .where(ImageRow.id.in_(ids), ImageRow.removed_at.is_(None))
    )
    if with_embedding:
        statement = statement.outerjoin(
            EmbeddingRow,
            and_(
                EmbeddingRow.image_id == ImageRow.id,
                EmbeddingRow.space_id == space_id,
                EmbeddingRow.part == 0,
            ),
        )
    return connection.execute(statement).all()


def _parts(
    connection: Connection, ids: Sequence[int], space_id: int | None
) -> defaultdict[int, list[StoredPart]]:
    """Return the parts by image, in the order in which they were added."""
    found: defaultdict[int, list[StoredPart]] = defaultdict(list)
    statement = (
        select(PartRow.__table__, EmbeddingRow.vector, ClassificationRow.probabilities)
        .select_from(PartRow)
        .outerjoin(
            EmbeddingRow,
            and_(
                EmbeddingRow.image_id == PartRow.image_id,
                EmbeddingRow.space_id == space_id,
                EmbeddingRow.part == PartRow.part,
            ),
        )
        .outerjoin(
            ClassificationRow,
            and_(
                ClassificationRow.image_id == PartRow.image_id,
                ClassificationRow.space_id == space_id,
                ClassificationRow.part == PartRow.part,
            ),
        )
        .where(PartRow.image_id.in_(ids))
        .order_by(PartRow.image_id, PartRow.part)
    )
    for row in connection.execute(statement):
        found[row.image_id].append(
            StoredPart(
                part=stored_part(row.kind, row.number, row.box),
                pdq=Pdq(row.pdq, row.pdq_quality),
                embedding=row.vector,
                probabilities=row.probabilities or {},
            )
        )
    return found


def stored_part(kind: str, number: int, box: Sequence[int] | None) -> Part:
    """Return what a row of `parts` names."""
    if box is None:
        return Part(PartKind(kind), number, None)
    left, top, width, height = box
    return Part(PartKind(kind), number, (left, top, width, height))


def _sources(connection: Connection, ids: Sequence[int]) -> defaultdict[int, list[str]]:
    """Return the open sources by image, oldest first."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    statement = (
        select(SourceRow.image_id, SourceRow.uri)
        .where(SourceRow.image_id.in_(ids), SourceRow.closed_at.is_(None))
        .order_by(SourceRow.id)
    )
    for image_id, uri in connection.execute(statement):
        found[image_id].append(uri)
    return found


def _entries(
    connection: Connection, ids: Sequence[int], at: datetime
) -> defaultdict[int, list[Entry]]:
    """Return the entries that count at a moment by image, oldest first."""
    found: defaultdict[int, list[Entry]] = defaultdict(list)
    statement = (
        select(EntryRow.id, EntryRow.image_id, BankRow.name, BankRow.kind)
        .join(BankRow, BankRow.id == EntryRow.bank_id)
        .where(EntryRow.image_id.in_(ids), in_force(at))
        .order_by(EntryRow.id)
    )
    for row in connection.execute(statement):
        found[row.image_id].append(Entry(row.id, row.name, BankKind(row.kind), row.image_id))
    return found
