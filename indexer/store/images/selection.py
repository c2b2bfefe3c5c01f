"""Removal queries: the images that one finds."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, func, literal, or_, select

from indexer.store.models import EntryRow, ImageRow, SourceRow
from indexer.store.models.columns import AnyText
from indexer.store.sql_parameters import MAX_ID, chunks, possible_ids, uri_digest
from indexer.store.values import RemovalQuery

_OWN = or_(SourceRow.closed_at.is_(None), ImageRow.removed_at.is_not(None))
"""Sources where the image is, or was until its removal; not where another one is by now."""


def select_images(
    connection: Connection, query: RemovalQuery, bank_id: int | None, after_id: int, limit: int
) -> list[int]:
    """Return a page of the ids that a query finds, ascending.

    Parameters
    ----------
    query : RemovalQuery
    bank_id : int or None
        Id of the query's bank.
    after_id : int
        Last id of the page before.
    limit : int
        Most ids of a page.
    """
    narrowing = [*_narrowing(query, bank_id)]
    is_named = bool(query.ids or query.uris or query.sha256)
    if not is_named and not narrowing:
        return []
    present = ImageRow.purged_at if query.removed else ImageRow.removed_at
    statement = (
        select(ImageRow.id)
        .where(present.is_(None), ImageRow.id > min(after_id, MAX_ID), *narrowing)
        .order_by(ImageRow.id)
    )
    if not is_named:
        return list(connection.scalars(statement.limit(limit)))
    found: list[int] = []
    for ids in chunks(sorted(number for number in _named(connection, query) if number > after_id)):
        wanted = statement.where(ImageRow.id.in_(ids)).limit(limit - len(found))
        found += connection.scalars(wanted)
        if len(found) == limit:
            break
    return found


def _narrowing(query: RemovalQuery, bank_id: int | None) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that every image found satisfies."""
    if bank_id is not None:
        entries = select(EntryRow.id).where(
            EntryRow.bank_id == bank_id,
            EntryRow.image_id == ImageRow.id,
            EntryRow.removed_at.is_(None),
        )
        yield entries.exists()
    if query.before is not None:
        yield ImageRow.created_at < query.before
    own = select(SourceRow.id).where(SourceRow.image_id == ImageRow.id, _OWN)
    if query.label is not None:
        yield own.where(SourceRow.label == query.label).exists()
    if query.source_prefix is not None:
        yield own.where(begins_with(query.source_prefix)).exists()


def _named(connection: Connection, query: RemovalQuery) -> set[int]:
    """Return the ids that the query names, whether images have them or not."""
    named = set(possible_ids(query.ids))
    for digests in chunks(query.sha256):
        named.update(connection.scalars(select(ImageRow.id).where(ImageRow.sha256.in_(digests))))
    for digests in chunks(map(uri_digest, query.uris)):
        # two statements, as open and closed sources have an index each
        sources = select(SourceRow.image_id).where(SourceRow.uri_sha256.in_(digests))
        is_of_removed = (SourceRow.closed_at.is_not(None), ImageRow.removed_at.is_not(None))
        closed = sources.join(ImageRow, ImageRow.id == SourceRow.image_id).where(*is_of_removed)
        named.update(connection.scalars(sources.where(SourceRow.closed_at.is_(None))))
        named.update(connection.scalars(closed))
    return named


def begins_with(prefix: str) -> ColumnElement[bool]:
    """Make the condition that a source's URI begins so; case matters, unlike with LIKE."""
    begins = literal(prefix, AnyText())
    start = func.substr(SourceRow.uri, 1, func.length(begins), type_=AnyText())
    return start == begins
