"""Writing to the catalog, each visible change with its row in the log."""

from collections.abc import Iterable, Sequence
from typing import Literal

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from indexer.errors import ModelMismatch
from indexer.sources import SkippedSource
from indexer.store.adding import Adding
from indexer.store.answering import Answering
from indexer.store.card_edits import CardEdits
from indexer.store.cluster_undoing import ClusterUndoing
from indexer.store.clustering import Clustering
from indexer.store.content_edits import ContentEdits
from indexer.store.deciding import Deciding
from indexer.store.delivering import Delivering
from indexer.store.flooding import Flooding
from indexer.store.key_edits import KeyEdits
from indexer.store.list_upsert import ListUpsert
from indexer.store.models import EntryRow, ImageRow, QuarantineRow, SpaceRow
from indexer.store.parameters import chunks, possible_ids, uri_digest
from indexer.store.removing import Removing
from indexer.store.scanning import Scanning
from indexer.types import Space


class Writer(
    Adding,
    Removing,
    ContentEdits,
    Deciding,
    Scanning,
    Flooding,
    CardEdits,
    ListUpsert,
    KeyEdits,
    Clustering,
    ClusterUndoing,
    Answering,
    Delivering,
):
    """The catalog within one transaction that holds the log's lock; `Store.writer` gives it.

    No other writer commits meanwhile, so what it has read stays true until it commits.
    """

    def register_space(
        self,
        *,
        fingerprint: str,
        model: str,
        architecture: str,
        dimension: int,
        labels: Sequence[str],
    ) -> Space:
        """Bind the index to a model; doing it again with the same weights is fine.

        Parameters
        ----------
        fingerprint : str
            64 hex digits that name the space.
        model : str
            Reference that loads the model; a new one for the same fingerprint replaces the old.
        architecture : str
            timm's name.
        dimension : int
            Length d of an embedding.
        labels : sequence of str
            The classes, in the order of the model's probabilities.

        Raises
        ------
        ModelMismatch
            The index is bound to another space.
        """
        active = self.active_space()
        if active is None:
            row = {
                "fingerprint": fingerprint,
                "model": model,
                "architecture": architecture,
                "dimension": dimension,
                "labels": list(labels),
                "created_at": self._now,
            }
            self._insert(SpaceRow, [row])
            self._audit("space.register", "space", fingerprint, architecture=architecture)
        elif active.fingerprint != fingerprint:
            raise ModelMismatch(expected=active.fingerprint, got=fingerprint)
        elif active.model != model:
            self._set(SpaceRow, [active.id], model=model)
        space_id, *_ = self._ids_where(SpaceRow, SpaceRow.fingerprint == fingerprint)
        return self.space_by_id(space_id)

    def announce(self, image_ids: Iterable[int]) -> None:
        """Log images once more as what they are now, so that every view looks at them again."""
        self._announce(ImageRow, "image", image_ids)

    def announce_entries(self, entry_ids: Iterable[int]) -> None:
        """Log entries once more as what they are now, so that the view looks at them again."""
        self._announce(EntryRow, "entry", entry_ids)

    def _announce(
        self,
        table: type[ImageRow] | type[EntryRow],
        subject: Literal["image", "entry"],
        ids: Iterable[int],
    ) -> None:
        for chunk in chunks(possible_ids(ids)):
            of_chunk = table.id.in_(chunk)
            gone = self._ids_where(table, of_chunk, table.removed_at.is_not(None))
            there = self._ids_where(table, of_chunk, table.removed_at.is_(None))
            self._log(subject, "removed", gone)
            self._log(subject, "added", there)

    def quarantine(self, items: Iterable[SkippedSource]) -> None:
        """Remember files that could not be indexed; a file known as bad gets its new reason."""
        postgres = self._connection.dialect.name == "postgresql"
        statement = postgresql.insert(QuarantineRow) if postgres else sqlite.insert(QuarantineRow)
        updated = ("code", "reason", "last_seen_at")
        statement = statement.on_conflict_do_update(
            index_elements=[QuarantineRow.uri_sha256],
            set_={name: statement.excluded[name] for name in updated},
        )
        rows = [
            {
                "uri": item.uri,
                "uri_sha256": uri_digest(item.uri),
                "code": item.code,
                "reason": item.message,
                "first_seen_at": self._now,
                "last_seen_at": self._now,
            }
            for item in items
        ]
        if rows:
            self._connection.execute(statement, rows)

    def release(self, uris: Iterable[str]) -> int:
        """Forget that these files were bad; return how many were in quarantine."""
        return sum(
            self._connection.execute(
                delete(QuarantineRow).where(QuarantineRow.uri_sha256.in_(digests))
            ).rowcount
            for digests in chunks(map(uri_digest, uris))
        )

    def clear_quarantine(self, *, code: str | None = None) -> int:
        """Forget all bad files, or those with this code of an error; return how many there were."""
        statement = delete(QuarantineRow)
        if code is not None:
            statement = statement.where(QuarantineRow.code == code)
        return self._connection.execute(statement).rowcount
