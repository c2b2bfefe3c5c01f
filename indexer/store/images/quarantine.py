"""Quarantine: files that could not be indexed."""

from collections.abc import Iterable

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from indexer.store.edits import Edits
from indexer.store.models import QuarantineRow
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, uri_digest
from indexer.store.values import QuarantinedFile
from indexer.types import SkippedSource


class Quarantine(Queries):
    """The quarantine within one transaction."""

    def page(
        self, *, code: str | None = None, after_uri: str = "", limit: int = 100
    ) -> list[QuarantinedFile]:
        """Return a page of the files that could not be indexed, ordered by URI.

        Parameters
        ----------
        code : str, optional
            Only files with this code of an error.
        after_uri : str
            Last URI of the page before.
        limit : int
            Most files of a page.
        """
        statement = (
            select(
                QuarantineRow.uri,
                QuarantineRow.code,
                QuarantineRow.reason,
                QuarantineRow.first_seen_at,
                QuarantineRow.last_seen_at,
            )
            .where(QuarantineRow.uri > after_uri)
            .order_by(QuarantineRow.uri)
            .limit(limit)
        )
        if code is not None:
            statement = statement.where(QuarantineRow.code == code)
        return [QuarantinedFile(*row) for row in self._connection.execute(statement)]

    def counts_by_code(self) -> dict[str, int]:
        """Count the files by the code of their error."""
        code = QuarantineRow.code
        statement = select(code, func.count()).group_by(code).order_by(code)
        return dict(self._connection.execute(statement).all())


class QuarantineEdits(Quarantine, Edits):
    """The quarantine within a writing transaction."""

    def add(self, items: Iterable[SkippedSource]) -> None:
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

    def clear(self, *, code: str | None = None) -> int:
        """Forget all bad files, or those with this code of an error; return how many there were."""
        statement = delete(QuarantineRow)
        if code is not None:
            statement = statement.where(QuarantineRow.code == code)
        return self._connection.execute(statement).rowcount
