"""Images: the active ones, and what is kept of the purged ones."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import bindparam, select

from indexer.errors import NotFoundError
from indexer.store.banks.banks import Banks
from indexer.store.banks.conditions import ACTIVE
from indexer.store.images.records import read_records
from indexer.store.images.selection import select_images
from indexer.store.images.spaces import Spaces
from indexer.store.models import EntryRow, ImageRow, PartRow
from indexer.store.queries import Queries
from indexer.store.sql_parameters import MAX_ID, chunks, possible_ids
from indexer.store.values import ImageFingerprints, RemovalQuery, Tombstone
from indexer.types import ImageRecord, Keys, PartKind, Pdq

_BY_SHA256 = select(ImageRow.sha256, ImageRow.id).where(
    ImageRow.sha256.in_(bindparam("digests")), ImageRow.removed_at.is_(None)
)


class Images(Queries):
    """The images within one transaction."""

    def get(self, image_id: int, space_id: int | None = None) -> ImageRecord:
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
        found = self.get_many([image_id], space_id)
        if image_id not in found:
            raise NotFoundError(
                f"No image {image_id} is in the index. `lookalike index list` shows the ids."
            )
        return found[image_id]

    def get_many(
        self,
        ids: Iterable[int],
        space_id: int | None = None,
        *,
        with_embedding: bool = False,
        with_probabilities: bool = True,
        at: datetime | None = None,
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
        with_probabilities : bool
            Whether they carry class probabilities.
        at : datetime, optional
            The moment at which the entries of a record must count; now by default.
        """
        if space_id is None and (space := Spaces(self._connection).active()):
            space_id = space.id
        return read_records(
            self._connection,
            possible_ids(ids),
            space_id,
            with_embedding=with_embedding,
            with_probabilities=with_probabilities,
            at=at or datetime.now(UTC),
        )

    def page(
        self,
        *,
        after_id: int = 0,
        limit: int = 100,
        bank: str | None = None,
        created_after: datetime | None = None,
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
        created_after : datetime, optional
            Only images that were first indexed after this moment.
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
                EntryRow.bank_id == Banks(self._connection).id_of(bank),
                EntryRow.image_id.is_not(None),
                ACTIVE,
            )
            statement = statement.where(ImageRow.id.in_(entries))
        if created_after is not None:
            statement = statement.where(ImageRow.created_at > created_after)
        ids = self._connection.scalars(statement).all()
        return list(self.get_many(ids, space_id).values())

    def find(self, query: RemovalQuery, *, after_id: int = 0, limit: int = 1000) -> list[int]:
        """Return a page of the ids that a query finds, ascending.

        Parameters
        ----------
        query : RemovalQuery
        after_id : int
            Last id of the page before.
        limit : int
            Most ids of a page.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        bank_id = None if query.bank is None else Banks(self._connection).id_of(query.bank)
        return select_images(self._connection, query, bank_id, after_id, limit)

    def ids(self) -> Keys:
        """Return the ids of all active images, ascending."""
        statement = select(ImageRow.id).where(ImageRow.removed_at.is_(None)).order_by(ImageRow.id)
        return np.fromiter(self._connection.scalars(statement), np.int64)

    def ids_by_sha256(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Return the ids of the active images among these SHA-256 digests (32 bytes each)."""
        ids: dict[bytes, int] = {}
        for chunk in chunks(set(digests)):
            ids.update(self._connection.execute(_BY_SHA256, {"digests": chunk}).all())
        return ids

    def ids_with_md5(self, digests: Collection[bytes]) -> set[int]:
        """Return the ids of the active images that have one of these MD5 digests (16 bytes)."""
        return {image_id for _, image_id in self.ids_by_md5(digests)}

    def ids_by_md5(self, digests: Collection[bytes]) -> list[tuple[bytes, int]]:
        """Return which active images have these MD5 digests (16 bytes each), with their ids."""
        statement = select(ImageRow.md5, ImageRow.id).where(ImageRow.removed_at.is_(None))
        return [(row.md5, row.id) for row in self._rows(statement, ImageRow.md5, digests)]

    def fingerprints(self, ids: Iterable[int]) -> dict[int, ImageFingerprints]:
        """Return the fingerprints of the active images among `ids`, by id, ascending."""
        image = ImageRow.__table__.c
        columns = (image.id, image.sha256, image.md5, image.pdq, image.pdq_quality)
        statement = select(*columns).where(ImageRow.removed_at.is_(None)).order_by(ImageRow.id)
        return {
            row.id: ImageFingerprints(row.sha256, row.md5, Pdq(row.pdq, row.pdq_quality))
            for row in self._rows(statement, ImageRow.id, possible_ids(ids))
        }

    def sha256_of(self, image_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the SHA-256 (32 bytes) of the active images among these, by id."""
        statement = select(ImageRow.id, ImageRow.sha256).where(ImageRow.removed_at.is_(None))
        rows = self._rows(statement, ImageRow.id, possible_ids(image_ids))
        return {row.id: row.sha256 for row in rows}

    def part_kinds(self, ids: Iterable[int]) -> dict[int, set[PartKind]]:
        """Return which kinds of parts are stored of the images that have any."""
        kinds: defaultdict[int, set[PartKind]] = defaultdict(set)
        statement = select(PartRow.image_id, PartRow.kind).distinct()
        for image_id, kind in self._rows(statement, PartRow.image_id, possible_ids(ids)):
            kinds[image_id].add(PartKind(kind))
        return dict(kinds)

    def purged_among(self, image_ids: Iterable[int]) -> list[int]:
        """Return those of some images that were purged."""
        return self._ids_among(ImageRow, image_ids, ImageRow.purged_at.is_not(None))

    def tombstones(self, *, after_id: int = 0, limit: int = 100) -> list[Tombstone]:
        """Return a page of what is kept of the purged images, ordered by id.

        Parameters
        ----------
        after_id : int
            Last id of the page before.
        limit : int
            Most tombstones of a page.
        """
        columns = ImageRow.__table__.c
        statement = (
            select(columns.id, columns.sha256, columns.purged_at)
            .where(
                columns.removed_at.is_not(None),  # as all purged ones are: it has an index
                columns.purged_at.is_not(None),
                columns.id > min(after_id, MAX_ID),
            )
            .order_by(columns.id)
            .limit(limit)
        )
        return [Tombstone(*row) for row in self._connection.execute(statement)]
