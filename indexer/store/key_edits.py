"""Making and revoking keys of the server, and the sessions opened with them."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, or_, update

from indexer.store.edits import Edits
from indexer.store.models import ApiKeyRow, SessionRow
from indexer.types import ApiKey, NewKey, Session


class KeyEdits(Edits):
    """What changes keys and sessions; `Writer` has the rest."""

    def add_key(self, new: NewKey) -> ApiKey:
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
        key = self.key(self._insert_one(ApiKeyRow, row))
        self._audit(
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

    def revoke_key(self, key_id: int) -> ApiKey:
        """Let a key work no longer, nor the sessions opened with it; again changes nothing.

        Raises
        ------
        NotFoundError
            There is no such key.
        """
        key = self.key(key_id)
        if key.revoked_at is not None:
            return key
        revoked = update(ApiKeyRow).where(ApiKeyRow.id == key.id)
        self._connection.execute(revoked.values(revoked_at=self._now))
        ended = update(SessionRow).where(SessionRow.key_id == key.id, SessionRow.ended_at.is_(None))
        sessions = self._connection.execute(ended.values(ended_at=self._now)).rowcount
        self._audit("key.revoke", "key", key.id, name=key.name, sessions_ended=sessions)
        return self.key(key_id)

    def note_key_use(self, used: Mapping[int, datetime]) -> None:
        """Write down when keys, by id, were used last; an earlier moment changes nothing."""
        for key_id, moment in sorted(used.items()):
            later = or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < moment)
            statement = update(ApiKeyRow).where(ApiKeyRow.id == key_id, later)
            self._connection.execute(statement.values(last_used_at=moment))

    def open_session(self, key: ApiKey, token_sha256: bytes, expires_at: datetime) -> Session:
        """Store a session; those that have run out are deleted."""
        self._connection.execute(delete(SessionRow).where(SessionRow.expires_at < self._now))
        row = {
            "token_sha256": token_sha256,
            "key_id": key.id,
            "created_at": self._now,
            "expires_at": expires_at,
            "last_seen_at": self._now,
        }
        session_id = self._insert_one(SessionRow, row)
        self._audit("session.open", "session", session_id, key=key.id, name=key.name)
        return Session(session_id, key, self._now, expires_at, self._now)

    def note_session_use(self, session_id: int, moment: datetime) -> None:
        """Write down when a session was used last."""
        statement = update(SessionRow).where(SessionRow.id == session_id)
        self._connection.execute(statement.values(last_seen_at=moment))

    def end_session(self, session_id: int) -> None:
        """End a session; again changes nothing."""
        statement = update(SessionRow).where(
            SessionRow.id == session_id, SessionRow.ended_at.is_(None)
        )
        if self._connection.execute(statement.values(ended_at=self._now)).rowcount:
            self._audit("session.end", "session", session_id)
