"""Reading the catalog: spaces, images, sources, quarantine and the head of the log."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func, select

from indexer.errors import NotFoundError
from indexer.store.bank_queries import BankQueries
from indexer.store.models import (
    BankRow,
    Base,
    ChangeRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    QuarantineRow,
    SourceRow,
    SpaceRow,
)
from indexer.store.parameters import MAX_ID, chunks, possible_ids, uri_digest
from indexer.store.records import read_records
from indexer.store.values import Counts, QuarantinedFile
from indexer.types import ImageRecord, KnownSource, Space


class Catalog(BankQueries):
    """The catalog within one transaction; `Store.reader` gives it."""

    def active_space(self) -> Space | None:
        """Return the space that the index is bound to: the first that was registered."""
        return self._space()

    def space(self, fingerprint: str) -> Space | None:
        """Return the space of a model's fingerprint (64 hex digits), if it is registered."""
        return self._space(SpaceRow.fingerprint == fingerprint)

    def space_by_id(self, space_id: int) -> Space:
        """Return a registered space.

        Raises
        ------
        NotFoundError
            There is no such space.
        """
        space = self._space(SpaceRow.id == space_id)
        if space is None:
            raise NotFoundError(
                f"There is no embedding space with id {space_id}. `lookalike status` names the "
                "index's."
            )
        return space

    def head(self) -> int:
        """Return the number of the last change; 0 for an empty log."""
        number: int | None = self._connection.scalar(select(func.max(ChangeRow.number)))
        return number or 0

    def known_sources(self, uris: Iterable[str]) -> dict[str, KnownSource]:
        """Return what is remembered of those URIs that are open sources of active images."""
        by_digest = {uri_digest(uri): uri for uri in uris}
        known = {}
        for digests in chunks(by_digest):
            statement = (
                select(SourceRow.uri_sha256, SourceRow.image_id, SourceRow.size, SourceRow.mtime_ns)
                .join(ImageRow, ImageRow.id == SourceRow.image_id)
                .where(
                    SourceRow.uri_sha256.in_(digests),
                    SourceRow.closed_at.is_(None),
                    ImageRow.removed_at.is_(None),
                )
            )
            for digest, image_id, size, mtime_ns in self._connection.execute(statement):
                known[by_digest[digest]] = KnownSource(image_id, size, mtime_ns)
        return known

    def ids_by_sha256(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Return the ids of the active images among these SHA-256 digests (32 bytes each)."""
        ids: dict[bytes, int] = {}
        for chunk in chunks(set(digests)):
            statement = select(ImageRow.sha256, ImageRow.id).where(
                ImageRow.sha256.in_(chunk), ImageRow.removed_at.is_(None)
            )
            ids.update(self._connection.execute(statement).all())
        return ids

    def image(self, image_id: int, space_id: int | None = None) -> ImageRecord:
        """Return one active image, without its embedding.

        Parameters
        ----------
        image_id : int
        space_id : int, optional
            Space of the probabilities; the active one by default.

        Raises
        ------
        NotFoundError
            No active image has this id.
        """
        found = self.images([image_id], space_id)
        if image_id not in found:
            raise NotFoundError(
                f"No image {image_id} is in the index. `lookalike index list` shows the ids."
            )
        return found[image_id]

    def images(
        self, ids: Iterable[int], space_id: int | None = None, *, with_embedding: bool = False
    ) -> dict[int, ImageRecord]:
        """Return the active images among `ids`, by id, ascending.

        Parameters
        ----------
        ids : iterable of int
            Ids that no active image has are left out.
        space_id : int, optional
            Space of the probabilities and the embedding; the active one by default.
        with_embedding : bool
            Whether the records carry their vectors.
        """
        if space_id is None and (space := self.active_space()):
            space_id = space.id
        return read_records(
            self._connection, possible_ids(ids), space_id, with_embedding=with_embedding
        )

    def list_images(
        self,
        *,
        after_id: int = 0,
        limit: int = 100,
        bank: str | None = None,
        space_id: int | None = None,
    ) -> list[ImageRecord]:
        """Return a page of the active images, ordered by id, without their embeddings.

        Parameters
        ----------
        after_id : int
            Last id of the page before.
        limit : int
            Most images of a page.
        bank : str, optional
            Only images with an active entry in this bank.
        space_id : int, optional
            Space of the probabilities; the active one by default.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        statement = (
            select(ImageRow.id)
            .where(ImageRow.id > min(after_id, MAX_ID), ImageRow.removed_at.is_(None))
            .order_by(ImageRow.id)
            .limit(limit)
        )
        if bank is not None:
            entries = select(EntryRow.image_id).where(
                EntryRow.bank_id == self.bank(bank).id, EntryRow.removed_at.is_(None)
            )
            statement = statement.where(ImageRow.id.in_(entries))
        ids = self._connection.scalars(statement).all()
        return list(self.images(ids, space_id).values())

    def counts(self) -> Counts:
        """Count what the catalog holds."""
        active = select(ImageRow.id).where(ImageRow.removed_at.is_(None))
        space = self.active_space()
        return Counts(
            images=self._count(ImageRow, ImageRow.removed_at.is_(None)),
            sources=self._count(SourceRow, SourceRow.closed_at.is_(None)),
            embeddings=self._count(
                EmbeddingRow,
                EmbeddingRow.space_id == (space.id if space else None),
                EmbeddingRow.image_id.in_(active),
            ),
            banks=self._count(BankRow),
            entries=self._count(EntryRow, EntryRow.removed_at.is_(None)),
            quarantined=self._count(QuarantineRow),
            changes=self.head(),
        )

    def quarantined(self, *, after_uri: str = "", limit: int = 100) -> list[QuarantinedFile]:
        """Return a page of the files that could not be indexed, ordered by URI.

        Parameters
        ----------
        after_uri : str
            Last URI of the page before.
        limit : int
            Most files of a page.
        """
        statement = (
            select(
                QuarantineRow.uri,
                QuarantineRow.code,
                QuarantineRow.reason,
                QuarantineRow.first_seen_at,
                QuarantineRow.last_seen_at,
            )
            .where(QuarantineRow.uri > after_uri)
            .order_by(QuarantineRow.uri)
            .limit(limit)
        )
        return [QuarantinedFile(*row) for row in self._connection.execute(statement)]

    def _space(self, *conditions: ColumnElement[bool]) -> Space | None:
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

    def _count(self, table: type[Base], *conditions: ColumnElement[bool]) -> int:
        statement = select(func.count()).select_from(table).where(*conditions)
        return self._connection.execute(statement).scalar_one()
