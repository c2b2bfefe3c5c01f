"""Reading the catalog: spaces, images and the head of the log."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, bindparam, func, select

from indexer.errors import NotFoundError
from indexer.store.age_queries import AgeQueries
from indexer.store.answer_queries import AnswerQueries
from indexer.store.audit_queries import AuditQueries
from indexer.store.card_queries import CardQueries
from indexer.store.cluster_action_queries import ClusterActionQueries
from indexer.store.cluster_change_queries import ClusterChangeQueries
from indexer.store.cluster_queries import ClusterQueries
from indexer.store.cluster_run_queries import ClusterRunQueries
from indexer.store.cluster_scope_queries import ClusterScopeQueries
from indexer.store.content_queries import ContentQueries
from indexer.store.decision_queries import DecisionQueries
from indexer.store.entry_conditions import ACTIVE
from indexer.store.fingerprint_queries import FingerprintQueries
from indexer.store.hit_queries import HitQueries
from indexer.store.integrity import find_problems
from indexer.store.key_queries import KeyQueries
from indexer.store.list_queries import ListQueries
from indexer.store.mending_queries import MendingQueries
from indexer.store.models import (
    BankRow,
    ChangeRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    PartRow,
    SourceRow,
    SpaceRow,
)
from indexer.store.parameters import MAX_ID, chunks, possible_ids
from indexer.store.records import read_records
from indexer.store.report_queries import ReportQueries
from indexer.store.retro_queries import RetroQueries
from indexer.store.sample_queries import SampleQueries
from indexer.store.selection import select_images
from indexer.store.size_queries import SizeQueries
from indexer.store.source_queries import SourceQueries
from indexer.store.thumbnail_queries import ThumbnailQueries
from indexer.store.values import RemovalQuery, Tombstone
from indexer.store.webhook_queries import WebhookQueries
from indexer.types import Counts, ImageRecord, PartKind, Space

_BY_SHA256 = select(ImageRow.sha256, ImageRow.id).where(
    ImageRow.sha256.in_(bindparam("digests")), ImageRow.removed_at.is_(None)
)


class Catalog(
    AgeQueries,
    ContentQueries,
    SourceQueries,
    SizeQueries,
    MendingQueries,
    DecisionQueries,
    RetroQueries,
    HitQueries,
    CardQueries,
    SampleQueries,
    ListQueries,
    FingerprintQueries,
    ThumbnailQueries,
    WebhookQueries,
    AuditQueries,
    KeyQueries,
    ClusterScopeQueries,
    ClusterRunQueries,
    ClusterQueries,
    ClusterActionQueries,
    ClusterChangeQueries,
    AnswerQueries,
    ReportQueries,
):
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

    def change_mark(self, number: int) -> str | None:
        """Return what changed, how and when, in one line; None for a number not used yet."""
        change = ChangeRow
        columns = (change.subject, change.subject_id, change.operation, change.created_at)
        row = self._connection.execute(select(*columns).where(change.number == number)).first()
        return f"{row[0]} {row[1]} {row[2]} {row[3].isoformat()}" if row else None

    def ids_by_sha256(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Return the ids of the active images among these SHA-256 digests (32 bytes each)."""
        ids: dict[bytes, int] = {}
        for chunk in chunks(set(digests)):
            ids.update(self._connection.execute(_BY_SHA256, {"digests": chunk}).all())
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
        self,
        ids: Iterable[int],
        space_id: int | None = None,
        *,
        with_embedding: bool = False,
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
        at : datetime, optional
            The moment at which the entries of a record must count; now by default.
        """
        if space_id is None and (space := self.active_space()):
            space_id = space.id
        return read_records(
            self._connection,
            possible_ids(ids),
            space_id,
            with_embedding=with_embedding,
            at=at or datetime.now(UTC),
        )

    def list_images(
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
                EntryRow.bank_id == self.bank_id(bank), EntryRow.image_id.is_not(None), ACTIVE
            )
            statement = statement.where(ImageRow.id.in_(entries))
        if created_after is not None:
            statement = statement.where(ImageRow.created_at > created_after)
        ids = self._connection.scalars(statement).all()
        return list(self.images(ids, space_id).values())

    def find_images(
        self, query: RemovalQuery, *, after_id: int = 0, limit: int = 1000
    ) -> list[int]:
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
        bank_id = None if query.bank is None else self.bank_id(query.bank)
        return select_images(self._connection, query, bank_id, after_id, limit)

    def part_kinds(self, ids: Iterable[int]) -> dict[int, set[PartKind]]:
        """Return which kinds of parts are stored of the images that have any."""
        kinds: defaultdict[int, set[PartKind]] = defaultdict(set)
        for chunk in chunks(possible_ids(ids)):
            statement = (
                select(PartRow.image_id, PartRow.kind).where(PartRow.image_id.in_(chunk)).distinct()
            )
            for image_id, kind in self._connection.execute(statement):
                kinds[image_id].add(PartKind(kind))
        return dict(kinds)

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
            .where(columns.purged_at.is_not(None), columns.id > min(after_id, MAX_ID))
            .order_by(columns.id)
            .limit(limit)
        )
        return [Tombstone(*row) for row in self._connection.execute(statement)]

    def counts(self) -> Counts:
        """Count what the catalog holds."""
        active = select(ImageRow.id).where(ImageRow.removed_at.is_(None))
        space = self.active_space()
        by_code = self._quarantined_by_code()
        return Counts(
            images=self._count(ImageRow, ImageRow.removed_at.is_(None)),
            parts=self._count(PartRow, PartRow.image_id.in_(active)),
            sources=self._count(SourceRow, SourceRow.closed_at.is_(None)),
            embeddings=self._count(
                EmbeddingRow,
                EmbeddingRow.space_id == (space.id if space else None),
                EmbeddingRow.part == 0,
                EmbeddingRow.image_id.in_(active),
            ),
            embeddings_by_space=self._embeddings_by_space(),
            banks=self._count(BankRow, BankRow.removed_at.is_(None)),
            entries=self._count(EntryRow, ACTIVE),
            purged=self._count(ImageRow, ImageRow.purged_at.is_not(None)),
            quarantined=sum(by_code.values()),
            quarantined_by_code=by_code,
            changes=self.head(),
        )

    def integrity(self, sample: int = 1000, seed: int = 0) -> list[str]:
        """Look for what must not be: tables that contradict each other or the log.

        Everything is counted; of the vectors only a sample is read. A million images take seconds.

        Parameters
        ----------
        sample : int
            Images whose vectors are read, to see that they are finite and of unit length.
        seed : int
            Which images those are.

        Returns
        -------
        list of str
            A sentence for each problem; empty when all is well.
        """
        return find_problems(self._connection, self.active_space(), sample, seed)

    def _embeddings_by_space(self) -> dict[str, int]:
        statement = (
            select(SpaceRow.fingerprint, func.count())
            .join(EmbeddingRow, EmbeddingRow.space_id == SpaceRow.id)
            .join(ImageRow, ImageRow.id == EmbeddingRow.image_id)
            .where(ImageRow.removed_at.is_(None))
            .group_by(SpaceRow.id)
            .order_by(SpaceRow.id)
        )
        return dict(self._connection.execute(statement).all())

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
