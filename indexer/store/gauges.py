"""Gauges: how much the catalog holds."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, func, or_, select

from indexer.store.banks.conditions import ACTIVE
from indexer.store.images.quarantine import Quarantine
from indexer.store.images.spaces import Spaces
from indexer.store.log.changes import Changes
from indexer.store.models import (
    BankRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    IngestPartRow,
    PartRow,
    RevealRow,
    ReviewItemRow,
    SemanticRow,
    SourceRow,
    SpaceRow,
    WebhookDeliveryRow,
    WebhookRow,
)
from indexer.store.queries import Queries
from indexer.store.values import Sizes
from indexer.store.verdicts.cards import Cards
from indexer.types import Counts, IngestPartState, ReviewState, SpaceKind, SpaceSummary

_REMOVED = select(ImageRow.id).where(ImageRow.removed_at.is_not(None))


class Gauges(Queries):
    """How much the catalog holds, within one transaction."""

    def counts(self) -> Counts:
        """Count what the catalog holds."""
        space = Spaces(self._connection).active()
        by_code = Quarantine(self._connection).counts_by_code()
        own = EmbeddingRow.space_id == (space.id if space else None)
        return Counts(
            images=self._images(),
            parts=self._of_active(PartRow),
            sources=self._count(SourceRow, SourceRow.closed_at.is_(None)),
            embeddings=self._of_active(EmbeddingRow, own, EmbeddingRow.part == 0),
            embeddings_by_space=self._embeddings_by_space(),
            banks=self._count(BankRow, BankRow.removed_at.is_(None)),
            entries=self._count(EntryRow, ACTIVE),
            purged=self._count(
                ImageRow, ImageRow.removed_at.is_not(None), ImageRow.purged_at.is_not(None)
            ),
            quarantined=sum(by_code.values()),
            quarantined_by_code=by_code,
            changes=Changes(self._connection).head(),
        )

    def sizes(self) -> Sizes:
        """Count images, entries, quarantine, outbox and reviews: a walk over an index of each.

        Of parts of ingest jobs, which are few, it walks over the rows.
        """
        pending, dead = self._deliveries()
        parts, processed = self._ingest_parts()
        since = datetime.now(UTC) - timedelta(days=1)
        return Sizes(
            images=self._images(),
            entries=self._count(EntryRow, ACTIVE),
            quarantined_by_code=Quarantine(self._connection).counts_by_code(),
            ingest_parts=parts,
            ingest_processed=processed,
            deliveries_pending=pending,
            deliveries_dead=dead,
            reviews_open=self._count(ReviewItemRow, ReviewItemRow.state == ReviewState.OPEN.value),
            reviews_decided=self._count(ReviewItemRow, ReviewItemRow.decided_at >= since),
            reveals=self._count(RevealRow, RevealRow.created_at >= since),
        )

    def spaces(self) -> list[SpaceSummary]:
        """Return every embedding space with how much it holds, by id.

        Walks over all embeddings.
        """
        rows = self._connection.execute(select(SpaceRow).order_by(SpaceRow.id)).all()
        active = Spaces(self._connection).active()
        semantics = {row.id: row.semantic_space_id for row in rows}
        used = {active.id, semantics[active.id]} if active else set()
        cards = Counter(card.space for card in Cards(self._connection).page())
        vectors, embedded = self._vectors_by_space(), self._embedded_by_space()
        images = self._images()
        summaries = []
        for row in rows:
            is_semantic = row.id in semantics.values()
            element = np.float16 if is_semantic else np.float32
            summaries.append(
                SpaceSummary(
                    id=row.id,
                    fingerprint=row.fingerprint,
                    kind=SpaceKind.SEMANTIC if is_semantic else SpaceKind.COPY,
                    model=row.model,
                    dimension=row.dimension,
                    active=row.id in used,
                    embedded=embedded[row.id],
                    images=images,
                    vectors=vectors[row.id],
                    vector_bytes=vectors[row.id] * row.dimension * np.dtype(element).itemsize,
                    threshold_cards=cards[row.fingerprint],
                    semantic_space_id=row.semantic_space_id,
                    created_at=row.created_at,
                    activated_at=row.activated_at,
                )
            )
        return summaries

    def _vectors_by_space(self) -> Counter[int]:
        counts = Counter[int]()
        for table in (EmbeddingRow, SemanticRow):
            statement = select(table.space_id, func.count()).group_by(table.space_id)
            counts.update(dict(self._connection.execute(statement).all()))
        return counts

    def _embedded_by_space(self) -> Counter[int]:
        counts = Counter[int]()
        whole = (EmbeddingRow.part == 0,)
        for table, conditions in ((EmbeddingRow, whole), (SemanticRow, ())):
            statement = (
                select(table.space_id, func.count())
                .join(ImageRow, ImageRow.id == table.image_id)
                .where(ImageRow.removed_at.is_(None), *conditions)
                .group_by(table.space_id)
            )
            counts.update(dict(self._connection.execute(statement).all()))
        return counts

    def _images(self) -> int:
        """Count active images: all but the few that were removed, which have an index."""
        return self._count(ImageRow) - self._count(ImageRow, ImageRow.removed_at.is_not(None))

    def _of_active(
        self, table: type[PartRow | EmbeddingRow], *conditions: ColumnElement[bool]
    ) -> int:
        """Count rows of active images: all but those of the few that were removed."""
        of_removed = table.image_id.in_(_REMOVED)
        return self._count(table, *conditions) - self._count(table, of_removed, *conditions)

    def _embeddings_by_space(self) -> dict[str, int]:
        """Count embeddings of active images by the fingerprint of their space."""
        per_space = select(EmbeddingRow.space_id, func.count()).group_by(EmbeddingRow.space_id)
        counts = Counter(dict(self._connection.execute(per_space).all()))
        removed = per_space.where(EmbeddingRow.image_id.in_(_REMOVED))
        counts.subtract(dict(self._connection.execute(removed).all()))
        spaces = select(SpaceRow.id, SpaceRow.fingerprint).order_by(SpaceRow.id)
        return {
            fingerprint: counts[space_id]
            for space_id, fingerprint in self._connection.execute(spaces)
            if counts[space_id]
        }

    def _ingest_parts(self) -> tuple[dict[IngestPartState, int], int]:
        """Count parts by state, and what was processed of all."""
        state, processed = IngestPartRow.state, func.sum(IngestPartRow.processed)
        rows = self._connection.execute(
            select(state, func.count(), processed).group_by(state)
        ).all()
        counts = Counter({IngestPartState(state): count for state, count, _ in rows})
        by_state = {state: counts[state] for state in IngestPartState}
        return by_state, sum(int(processed) for _, _, processed in rows)

    def _deliveries(self) -> tuple[int, int]:
        """Count the deliveries that are to be attempted, and those given up while it mattered."""
        pending, dead = WebhookDeliveryRow.next_attempt_at, WebhookDeliveryRow.dead_at
        statement = select(func.count(pending), func.count(dead)).join(
            WebhookRow, WebhookRow.id == WebhookDeliveryRow.webhook_id
        )
        left = or_(pending.is_not(None), dead.is_not(None))
        row = self._connection.execute(statement.where(WebhookRow.removed_at.is_(None), left)).one()
        return row[0], row[1]
