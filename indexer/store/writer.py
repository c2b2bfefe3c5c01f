"""Writing to the catalog, each visible change with its row in the log."""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from indexer.errors import BankMismatch, InvalidName, ModelMismatch
from indexer.sources import SkippedSource
from indexer.store.edits import Edits
from indexer.store.models import (
    BankRow,
    ClassificationRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    QuarantineRow,
    SourceRow,
    SpaceRow,
)
from indexer.store.parameters import chunks, possible_ids, uri_digest
from indexer.store.rows import (
    check_embeddings,
    classification_rows,
    embedding_rows,
    image_row,
)
from indexer.store.values import AddOutcome
from indexer.types import Bank, BankKind, NewImage, SourceStamp, Space

_BANK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Writer(Edits):
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
        elif active.fingerprint != fingerprint:
            raise ModelMismatch(expected=active.fingerprint, got=fingerprint)
        elif active.model != model:
            self._set(SpaceRow, [active.id], model=model)
        space_id, *_ = self._ids_where(SpaceRow, SpaceRow.fingerprint == fingerprint)
        return self.space_by_id(space_id)

    def add_images(
        self,
        items: Sequence[tuple[NewImage, SourceStamp]],
        space_id: int,
        bank_id: int | None = None,
    ) -> AddOutcome:
        """Add images with their sources; what the index holds already gains a source only.

        An image that was removed becomes active again. The log gets a change for each image that
        becomes visible in the space, and for each new entry.

        Parameters
        ----------
        items : sequence of (NewImage, SourceStamp)
            The same bytes may come twice.
        space_id : int
            Space of the embeddings.
        bank_id : int, optional
            Bank that every image becomes an entry of.

        Raises
        ------
        DimensionMismatch
            An embedding is not as long as the space's are.
        UnusableOutput
            An embedding is not finite.
        NotFoundError
            There is no such space or bank.
        """
        if not items:
            return AddOutcome()
        space = self.space_by_id(space_id)
        check_embeddings([image for image, _ in items], space)
        images = {image.sha256: image for image, _ in items}
        held = self._ids(images)
        new = [image for digest, image in images.items() if digest not in held]
        self._insert(ImageRow, [image_row(image, self._now) for image in new])
        ids = held | self._ids(image.sha256 for image in new)
        embedded = self._embedded(held.values(), space)
        unseen = {ids[d]: image for d, image in images.items() if ids[d] not in embedded}
        self._insert(EmbeddingRow, embedding_rows(unseen, space))
        self._insert(ClassificationRow, classification_rows(unseen, space))
        reactivated = self._reactivate(held.values())
        self._log("image", "added", sorted({*unseen, *reactivated}))
        added = len(new) + len(reactivated)
        joined = [(ids[image.sha256], stamp) for image, stamp in items]
        return AddOutcome(
            added=added,
            reactivated=len(reactivated),
            duplicates=len(items) - added,
            sources=self._add_sources(joined),
            entries=self._add_entries(bank_id, ids.values()),
        )

    def add_sources(
        self, items: Sequence[tuple[int, SourceStamp]], bank_id: int | None = None
    ) -> AddOutcome:
        """Add sources of images whose bytes the index holds already.

        An image that was removed since the caller looked becomes active again.

        Parameters
        ----------
        items : sequence of (int, SourceStamp)
            Image id, and where its bytes were found.
        bank_id : int, optional
            Bank that every image becomes an entry of.

        Raises
        ------
        NotFoundError
            There is no such image or bank.
        """
        ids = {image_id for image_id, _ in items}
        self._require_images(ids)
        reactivated = self._reactivate(ids)
        self._log("image", "added", reactivated)
        return AddOutcome(
            added=len(reactivated),
            reactivated=len(reactivated),
            duplicates=len(items) - len(reactivated),
            sources=self._add_sources(items),
            entries=self._add_entries(bank_id, ids),
        )

    def remove_images(self, ids: Iterable[int]) -> int:
        """Remove images, their sources and their entries; return how many were active.

        Ids that no active image has are passed over.
        """
        removed = 0
        for chunk in chunks(possible_ids(ids)):
            active = self._ids_where(
                ImageRow, ImageRow.id.in_(chunk), ImageRow.removed_at.is_(None)
            )
            sources = self._ids_where(
                SourceRow, SourceRow.image_id.in_(active), SourceRow.closed_at.is_(None)
            )
            entries = self._ids_where(
                EntryRow, EntryRow.image_id.in_(active), EntryRow.removed_at.is_(None)
            )
            self._set(ImageRow, active, removed_at=self._now)
            self._set(SourceRow, sources, closed_at=self._now)
            self._set(EntryRow, entries, removed_at=self._now)
            self._log("image", "removed", active)
            self._log("entry", "removed", entries)
            removed += len(active)
        return removed

    def create_bank(self, name: str, kind: BankKind) -> Bank:
        """Return the bank of this name; make it when there is none.

        Parameters
        ----------
        name : str
            Letters, digits, `_`, `.` and `-`, at most 64, not starting with `.` or `-`.
        kind : BankKind

        Raises
        ------
        InvalidName
            The name is not of that form.
        BankMismatch
            The bank exists with the other kind.
        """
        if not _BANK_NAME.fullmatch(name):
            raise InvalidName(
                f"{name!r} cannot be a bank's name. Use 1 to 64 letters (a-z, A-Z), digits, '_', "
                "'.' and '-', starting with a letter, a digit or '_'."
            )
        known = {bank.name: bank for bank in self.banks()}.get(name)
        if known is None:
            self._insert(BankRow, [{"name": name, "kind": kind.value, "created_at": self._now}])
            self._log("bank", "added", self._ids_where(BankRow, BankRow.name == name))
            return self.bank(name)
        if known.kind != kind:
            raise BankMismatch(
                f"Bank {name} exists and is of kind {known.kind}, not {kind}. Choose another name, "
                f"or leave the kind at {known.kind}."
            )
        return known

    def add_entries(self, bank_id: int, image_ids: Iterable[int]) -> int:
        """Make images entries of a bank; return how many were not before.

        Raises
        ------
        NotFoundError
            There is no such bank, or no active image of one of the ids.
        """
        ids = set(image_ids)
        self._require_images(ids, ImageRow.removed_at.is_(None))
        return self._add_entries(bank_id, ids)

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

    def release(self, uris: Iterable[str]) -> None:
        """Forget that these files were bad."""
        for digests in chunks(map(uri_digest, uris)):
            statement = delete(QuarantineRow).where(QuarantineRow.uri_sha256.in_(digests))
            self._connection.execute(statement)
