"""Calibration samples: vectors and sources of images, and confirmed copies."""

from collections.abc import Iterable

import numpy as np
from sqlalchemy import and_, func, select

from indexer.store.banks.conditions import ACTIVE
from indexer.store.images.rows import WHOLE
from indexer.store.models import (
    BankRow,
    DecisionRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    SourceRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, possible_ids
from indexer.store.values import PictureVectors
from indexer.types import BankKind, Keys, Outcome, Space


class CalibrationSamples(Queries):
    """What thresholds are calibrated with, within one transaction."""

    def innocent_ids(self) -> Keys:
        """Return the ids of the active images that no block bank holds, ascending.

        An entry that is disabled keeps its image out as well: nobody called it innocent.
        """
        accused = (
            select(EntryRow.image_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(BankRow.kind == BankKind.BLOCK.value, EntryRow.image_id.is_not(None), ACTIVE)
        )
        statement = (
            select(ImageRow.id)
            .where(ImageRow.removed_at.is_(None), ImageRow.id.not_in(accused))
            .order_by(ImageRow.id)
        )
        return np.fromiter(self._connection.scalars(statement), np.int64)

    def picture_vectors(self, ids: Iterable[int], space: Space) -> PictureVectors:
        """Return what the whole first frames of images are compared by, ordered by id.

        Images that are not active, or have no embedding in the space, are left out.
        """
        rows = [
            row
            for chunk in chunks(possible_ids(ids))
            for row in self._connection.execute(
                select(ImageRow.id, ImageRow.pdq, ImageRow.pdq_quality, EmbeddingRow.vector)
                .join(
                    EmbeddingRow,
                    and_(
                        EmbeddingRow.image_id == ImageRow.id,
                        EmbeddingRow.space_id == space.id,
                        EmbeddingRow.part == WHOLE,
                    ),
                )
                .where(ImageRow.id.in_(chunk), ImageRow.removed_at.is_(None))
                .order_by(ImageRow.id)
            )
        ]
        return PictureVectors(
            ids=np.array([row.id for row in rows], np.int64),
            embeddings=np.array([row.vector for row in rows], np.float32).reshape(
                len(rows), space.dimension
            ),
            pdq=np.frombuffer(b"".join(row.pdq for row in rows), np.uint8).reshape(-1, 32),
            pdq_quality=np.array([row.pdq_quality for row in rows], np.int16),
        )

    def source_names(self, ids: Iterable[int]) -> dict[int, str]:
        """Return by whom each image was uploaded, else its folder, as first recorded.

        Images of which neither is known are left out.
        """
        names: dict[int, str] = {}
        for chunk in chunks(possible_ids(ids)):
            statement = (
                select(SourceRow.image_id, SourceRow.uploader, SourceRow.uri)
                .where(SourceRow.image_id.in_(chunk))
                .order_by(SourceRow.id)
            )
            for image_id, uploader, uri in self._connection.execute(statement):
                names.setdefault(image_id, uploader or uri.rpartition("/")[0])
        return names

    def confirmed_pairs(self) -> list[tuple[int, int]]:
        """Return pairs of images that analysts confirmed as copies, where the index holds both.

        A confirmed query is held when it joined a bank, or was indexed for another reason.
        """
        reference = func.coalesce(EntryRow.image_id, DecisionRow.image_id)
        statement = (
            select(ImageRow.id, reference)
            .join(DecisionRow, DecisionRow.query_sha256 == ImageRow.sha256)
            .outerjoin(EntryRow, EntryRow.id == DecisionRow.entry_id)
            .where(
                ImageRow.removed_at.is_(None),
                DecisionRow.outcome == Outcome.CONFIRMED.value,
                DecisionRow.superseded_at.is_(None),
                reference != ImageRow.id,  # not null either
            )
            .order_by(DecisionRow.id)
        )
        return [(query, copy) for query, copy in self._connection.execute(statement)]
