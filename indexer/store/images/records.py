"""Image records, put together from their tables some thousands at a time."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, null, select
from sqlalchemy.orm import InstrumentedAttribute

from indexer.store.banks.conditions import IN_FORCE
from indexer.store.models import (
    BankRow,
    ClassificationRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    PartRow,
    SourceRow,
)
from indexer.store.queries import IDS
from indexer.store.sql_parameters import chunks
from indexer.types import BankKind, Entry, ImageRecord, Part, PartKind, Pdq, StoredPart

# Statements are made once: SQLAlchemy takes longer to make one than SQLite to answer it.
_SPACE: Final[BindParameter[int | None]] = bindparam("space_id")
_PROBABILITIES: Final = ClassificationRow.probabilities
_VECTOR: Final = EmbeddingRow.vector


def _select_images(*, with_embedding: bool, with_probabilities: bool) -> Select[Any]:
    columns = (
        _PROBABILITIES if with_probabilities else null().label("probabilities"),
        _VECTOR if with_embedding else null().label("vector"),
    )
    statement = (
        select(ImageRow.__table__, *columns)
        .select_from(ImageRow)
        .where(ImageRow.id.in_(IDS), ImageRow.removed_at.is_(None))
    )
    return _with_joined(statement, ImageRow.id, 0, columns)


def _select_parts(*, with_probabilities: bool) -> Select[Any]:
    columns = _VECTOR, _PROBABILITIES if with_probabilities else null().label("probabilities")
    statement = (
        select(PartRow.__table__, *columns)
        .select_from(PartRow)
        .where(PartRow.image_id.in_(IDS))
        .order_by(PartRow.image_id, PartRow.part)
    )
    return _with_joined(statement, PartRow.image_id, PartRow.part, columns)


def _with_joined(
    statement: Select[Any],
    image: InstrumentedAttribute[int],
    part: InstrumentedAttribute[int] | int,
    columns: Collection[Any],
) -> Select[Any]:
    """Join the tables that some of the columns are read from."""
    for column, row in ((_VECTOR, EmbeddingRow), (_PROBABILITIES, ClassificationRow)):
        if any(column is each for each in columns):
            of_part = and_(row.image_id == image, row.space_id == _SPACE, row.part == part)
            statement = statement.outerjoin(row, of_part)
    return statement


_IMAGES: Final = {
    wanted: _select_images(with_embedding=wanted[0], with_probabilities=wanted[1])
    for wanted in product((False, True), repeat=2)
}
_PARTS: Final = {wanted: _select_parts(with_probabilities=wanted) for wanted in (False, True)}
_SOURCES: Final = (
    select(SourceRow.image_id, SourceRow.uri)
    .where(SourceRow.image_id.in_(IDS), SourceRow.closed_at.is_(None))
    .order_by(SourceRow.id)
)
_ENTRIES: Final = (
    select(EntryRow.id, EntryRow.image_id, BankRow.name, BankRow.kind)
    .join(BankRow, BankRow.id == EntryRow.bank_id)
    .where(EntryRow.image_id.in_(IDS), IN_FORCE)
    .order_by(EntryRow.id)
)


def read_records(
    connection: Connection,
    ids: Sequence[int],
    space_id: int | None,
    *,
    with_embedding: bool,
    with_probabilities: bool,
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
    with_probabilities : bool
        Whether to read the class probabilities, too.
    at : datetime
        The moment at which the entries must count.

    Returns
    -------
    dict of int to ImageRecord
        By id, in the order of the ids asked for.
    """
    records: dict[int, ImageRecord] = {}
    for chunk in chunks(ids):
        wanted = {"ids": chunk, "space_id": space_id}
        images = _IMAGES[with_embedding, with_probabilities]
        found = {row.id: row for row in connection.execute(images, wanted)}
        sources = _sources(connection, chunk)
        entries = _entries(connection, chunk, at)
        parts = (
            _parts(connection, wanted, with_probabilities=with_probabilities)
            if with_embedding
            else {}
        )
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


def _parts(
    connection: Connection, wanted: Mapping[str, Any], *, with_probabilities: bool
) -> defaultdict[int, list[StoredPart]]:
    """Return the parts by image, in the order in which they were added."""
    found: defaultdict[int, list[StoredPart]] = defaultdict(list)
    for row in connection.execute(_PARTS[with_probabilities], wanted):
        found[row.image_id].append(
            StoredPart(
                part=stored_part(row.kind, row.number, row.box, row.recipe),
                pdq=Pdq(row.pdq, row.pdq_quality),
                embedding=row.vector,
                probabilities=row.probabilities or {},
            )
        )
    return found


def stored_part(kind: str, number: int, box: Sequence[int] | None, recipe: str | None) -> Part:
    """Return what a row of `parts` names."""
    if box is None:
        return Part(PartKind(kind), number, None, recipe)
    left, top, width, height = box
    return Part(PartKind(kind), number, (left, top, width, height))


def _sources(connection: Connection, ids: Sequence[int]) -> defaultdict[int, list[str]]:
    """Return the open sources by image, oldest first."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for image_id, uri in connection.execute(_SOURCES, {"ids": ids}):
        found[image_id].append(uri)
    return found


def _entries(
    connection: Connection, ids: Sequence[int], at: datetime
) -> defaultdict[int, list[Entry]]:
    """Return the entries that count at a moment by image, oldest first."""
    found: defaultdict[int, list[Entry]] = defaultdict(list)
    for row in connection.execute(_ENTRIES, {"ids": ids, "at": at}):
        found[row.image_id].append(Entry(row.id, row.name, BankKind(row.kind), row.image_id))
    return found
