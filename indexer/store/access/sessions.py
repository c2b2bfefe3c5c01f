"""Sessions opened with keys of the server."""

from datetime import datetime

from sqlalchemy import delete, func, select, update

from indexer.store.access.keys import Keys
from indexer.store.edits import Edits
from indexer.store.models import SessionRow
from indexer.store.queries import Queries
from indexer.types import ApiKey, Session


class Sessions(Queries):
    """The sessions within one transaction."""

    def get(self, token_sha256: bytes) -> Session | None:
        """Return the session of a token that has not been ended; None if there is none.

        Parameters
        ----------
        token_sha256 : bytes
            32 bytes.
        """
        statement = select(SessionRow.__table__).where(
            SessionRow.token_sha256 == token_sha256, SessionRow.ended_at.is_(None)
        )
        row = self._connection.execute(statement).first()
        if row is None:
            return None
        key = Keys(self._connection).get(row.key_id)
        return Session(row.id, key, row.created_at, row.expires_at, row.last_seen_at)

    def count_open(self, now: datetime) -> int:
        """Count the sessions that were neither ended nor have run out."""
        return self._connection.execute(
            select(func.count())
            .select_from(SessionRow)
            .where(SessionRow.ended_at.is_(None), SessionRow.expires_at > now)
        ).scalar_one()


class SessionEdits(Sessions, Edits):
    """The sessions within a writing transaction."""

    def open(self, key: ApiKey, token_sha256: bytes, expires_at: datetime) -> Session:
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
        self._audit.record("session.open", "session", session_id, key=key.id, name=key.name)
        return Session(session_id, key, self._now, expires_at, self._now)

    def note_use(self, session_id: int, moment: datetime) -> None:
        """Write down when a session was used last."""
        statement = update(SessionRow).where(SessionRow.id == session_id)
        self._connection.execute(statement.values(last_seen_at=moment))

    def end(self, session_id: int) -> None:
        """End a session; again changes nothing."""
        statement = update(SessionRow).where(
            SessionRow.id == session_id, SessionRow.ended_at.is_(None)
        )
        if self._connection.execute(statement.values(ended_at=self._now)).rowcount:
            self._audit.record("session.end", "session", session_id)
