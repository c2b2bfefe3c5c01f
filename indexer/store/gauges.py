"""Gauges: how much the catalog holds."""

from sqlalchemy import func, or_, select

from indexer.store.banks.conditions import ACTIVE
from indexer.store.images.quarantine import Quarantine
from indexer.store.images.spaces import Spaces
from indexer.store.log.changes import Changes
from indexer.store.models import (
    BankRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    PartRow,
    SourceRow,
    SpaceRow,
    WebhookDeliveryRow,
    WebhookRow,
)
from indexer.store.queries import Queries
from indexer.store.values import Sizes
from indexer.types import Counts


class Gauges(Queries):
    """How much the catalog holds, within one transaction."""

    def counts(self) -> Counts:
        """Count what the catalog holds."""
        active = select(ImageRow.id).where(ImageRow.removed_at.is_(None))
        space = Spaces(self._connection).active()
        by_code = Quarantine(self._connection).counts_by_code()
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
            changes=Changes(self._connection).head(),
        )

    def sizes(self) -> Sizes:
        """Count images, entries, the quarantine and the outbox: a walk over an index of each."""
        pending, dead = self._deliveries()
        return Sizes(
            images=self._count(ImageRow, ImageRow.removed_at.is_(None)),
            entries=self._count(EntryRow, ACTIVE),
            quarantined_by_code=Quarantine(self._connection).counts_by_code(),
            deliveries_pending=pending,
            deliveries_dead=dead,
        )

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

    def _deliveries(self) -> tuple[int, int]:
        """Count the deliveries that are to be attempted, and those given up while it mattered."""
        pending, dead = WebhookDeliveryRow.next_attempt_at, WebhookDeliveryRow.dead_at
        statement = select(func.count(pending), func.count(dead)).join(
            WebhookRow, WebhookRow.id == WebhookDeliveryRow.webhook_id
        )
        left = or_(pending.is_not(None), dead.is_not(None))
        row = self._connection.execute(statement.where(WebhookRow.removed_at.is_(None), left)).one()
        return row[0], row[1]
