"""Keys of the server."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, update

from indexer.errors import NotFoundError
from indexer.store.edits import Edits
from indexer.store.models import ApiKeyRow, SessionRow
from indexer.store.queries import Queries, from_row
from indexer.store.sql_parameters import MAX_ID
from indexer.types import ApiKey, NewKey, Scope, SecretHash


class Keys(Queries):
    """The keys within one transaction."""

    def page(self, *, after_id: int = 0, limit: int = 100) -> list[ApiKey]:
        """Return a page of the keys, oldest first, those that work no longer included.

        Parameters
        ----------
        after_id : int
            Last id of the page before.
        limit : int
            Most keys of the page.
        """
        statement = select(ApiKeyRow.__table__).where(ApiKeyRow.id > min(after_id, MAX_ID))
        found = self._connection.execute(statement.order_by(ApiKeyRow.id).limit(limit))
        return [_key(row) for row in found]

    def get(self, key_id: int) -> ApiKey:
        """Return a key.

        Raises
        ------
        NotFoundError
            There is no such key.
        """
        found = self.get_many([min(key_id, MAX_ID)])
        if not found:
            raise NotFoundError(f"There is no key {key_id}. `lookalike key list` shows the keys.")
        return found[key_id]

    def get_many(self, ids: Collection[int]) -> dict[int, ApiKey]:
        """Return those keys, by id; unknown ids are left out."""
        rows = self._rows(select(ApiKeyRow.__table__), ApiKeyRow.id, sorted(ids))
        return {row.id: _key(row) for row in rows}

    def with_secret(self, public_id: str) -> tuple[ApiKey, SecretHash] | None:
        """Return the key of a public id and the hash of its secret; None if there is none."""
        statement = select(ApiKeyRow.__table__).where(ApiKeyRow.public_id == public_id)
        row = self._connection.execute(statement).first()
        if row is None:
            return None
        secret = SecretHash(row.secret_hash, row.salt, row.scrypt_n, row.scrypt_r, row.scrypt_p)
        return _key(row), secret

    def count_working(self, now: datetime) -> int:
        """Count the keys that are neither revoked nor expired."""
        unexpired = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > now)
        return self._count(ApiKeyRow, ApiKeyRow.revoked_at.is_(None), unexpired)


class KeyEdits(Keys, Edits):
    """The keys within a writing transaction."""

    def add(self, new: NewKey) -> ApiKey:
        """Store a key."""
        row = {
            "public_id": new.public_id,
            "name": new.name,
            "scopes": [scope.value for scope in new.scopes],
            "secret_hash": new.secret.digest,
            "salt": new.secret.salt,
            "scrypt_n": new.secret.n,
            "scrypt_r": new.secret.r,
            "scrypt_p": new.secret.p,
            "requests_per_second": new.requests_per_second,
            "created_at": self._now,
            "expires_at": new.expires_at,
        }
        key = self.get(self._insert_one(ApiKeyRow, row))
        self._audit.record(
            "key.create",
            "key",
            key.id,
            name=key.name,
            public_id=key.public_id,
            scopes=list(key.scopes),
            expires_at=key.expires_at and key.expires_at.isoformat(),
            requests_per_second=key.requests_per_second,
        )
        return key

    def revoke(self, key_id: int) -> ApiKey:
        """Let a key work no longer, nor the sessions opened with it; again changes nothing.

        Raises
        ------
        NotFoundError
            There is no such key.
        """
        key = self.get(key_id)
        if key.revoked_at is not None:
            return key
        revoked = update(ApiKeyRow).where(ApiKeyRow.id == key.id)
        self._connection.execute(revoked.values(revoked_at=self._now))
        ended = update(SessionRow).where(SessionRow.key_id == key.id, SessionRow.ended_at.is_(None))
        sessions = self._connection.execute(ended.values(ended_at=self._now)).rowcount
        self._audit.record("key.revoke", "key", key.id, name=key.name, sessions_ended=sessions)
        return self.get(key_id)

    def note_use(self, used: Mapping[int, datetime]) -> None:
        """Write down when keys, by id, were used last; an earlier moment changes nothing."""
        for key_id, moment in sorted(used.items()):
            later = or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < moment)
            statement = update(ApiKeyRow).where(ApiKeyRow.id == key_id, later)
            self._connection.execute(statement.values(last_used_at=moment))


def _key(row: Row[Any]) -> ApiKey:
    return from_row(ApiKey, row, scopes=tuple(map(Scope, row.scopes)))
