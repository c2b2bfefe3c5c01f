"""Reading the keys of the server and the sessions opened with them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select

from indexer.errors import NotFoundError
from indexer.store.models import ApiKeyRow, SessionRow
from indexer.store.parameters import MAX_ID, chunks
from indexer.store.queries import Queries
from indexer.types import ApiKey, Scope, SecretHash, Session


class KeyQueries(Queries):
    """The keys within one transaction; `Catalog` has the rest."""

    def keys(self, *, after_id: int = 0, limit: int = 100) -> list[ApiKey]:
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

    def key(self, key_id: int) -> ApiKey:
        """Return a key.

        Raises
        ------
        NotFoundError
            There is no such key.
        """
        found = self.keys_by_id([min(key_id, MAX_ID)])
        if not found:
            raise NotFoundError(f"There is no key {key_id}. `lookalike key list` shows the keys.")
        return found[key_id]

    def keys_by_id(self, ids: Collection[int]) -> dict[int, ApiKey]:
        """Return those keys, by id; unknown ids are left out."""
        found: dict[int, ApiKey] = {}
        for chunk in chunks(sorted(ids)):
            statement = select(ApiKeyRow.__table__).where(ApiKeyRow.id.in_(chunk))
            found |= {row.id: _key(row) for row in self._connection.execute(statement)}
        return found

    def key_with_secret(self, public_id: str) -> tuple[ApiKey, SecretHash] | None:
        """Return the key of a public id and the hash of its secret; None if there is none."""
        statement = select(ApiKeyRow.__table__).where(ApiKeyRow.public_id == public_id)
        row = self._connection.execute(statement).first()
        if row is None:
            return None
        secret = SecretHash(row.secret_hash, row.salt, row.scrypt_n, row.scrypt_r, row.scrypt_p)
        return _key(row), secret

    def count_working_keys(self, now: datetime) -> int:
        """Count the keys that are neither revoked nor expired."""
        unexpired = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > now)
        return self._count(ApiKeyRow, ApiKeyRow.revoked_at.is_(None), unexpired)

    def session(self, token_sha256: bytes) -> Session | None:
        """Return the session of a token that has not been ended; None if there is none.

        Parameters
        ----------
        token_sha256 : bytes
            32 bytes.
        """
        return self._session(SessionRow.token_sha256 == token_sha256)

    def count_open_sessions(self, now: datetime) -> int:
        """Count the sessions that were neither ended nor have run out."""
        return self._connection.execute(
            select(func.count())
            .select_from(SessionRow)
            .where(SessionRow.ended_at.is_(None), SessionRow.expires_at > now)
        ).scalar_one()

    def _session(self, *conditions: ColumnElement[bool]) -> Session | None:
        statement = select(SessionRow.__table__).where(*conditions, SessionRow.ended_at.is_(None))
        row = self._connection.execute(statement).first()
        if row is None:
            return None
        key = self.key(row.key_id)
        return Session(row.id, key, row.created_at, row.expires_at, row.last_seen_at)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        public_id=row.public_id,
        name=row.name,
        scopes=tuple(map(Scope, row.scopes)),
        requests_per_second=row.requests_per_second,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
