"""Writing to the catalog, each visible change with its row in the log."""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from indexer.errors import BankMismatch, InvalidName, ModelMismatch
from indexer.sources import SkippedSource
from indexer.store.adding import Adding
from indexer.store.models import BankRow, ImageRow, QuarantineRow, SpaceRow
from indexer.store.parameters import chunks, possible_ids, uri_digest
from indexer.store.removing import Removing
from indexer.types import Bank, BankKind, Space

_BANK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Writer(Adding, Removing):
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

    def announce(self, image_ids: Iterable[int]) -> None:
        """Log images once more as what they are now, so that every view looks at them again."""
        for chunk in chunks(possible_ids(image_ids)):
            of_chunk = ImageRow.id.in_(chunk)
            gone = self._ids_where(ImageRow, of_chunk, ImageRow.removed_at.is_not(None))
            there = self._ids_where(ImageRow, of_chunk, ImageRow.removed_at.is_(None))
            self._log("image", "removed", gone)
            self._log("image", "added", there)

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
