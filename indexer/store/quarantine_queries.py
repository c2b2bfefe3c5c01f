"""Reading the quarantine: the files that could not be indexed."""

from sqlalchemy import func, select

from indexer.store.models import QuarantineRow
from indexer.store.queries import Queries
from indexer.store.values import QuarantinedFile


class QuarantineQueries(Queries):
    """The quarantine within one transaction; `Catalog` has the rest."""

    def quarantined(
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

    def _quarantined_by_code(self) -> dict[str, int]:
        """Count the files by the code of their error."""
        code = QuarantineRow.code
        statement = select(code, func.count()).group_by(code).order_by(code)
        return dict(self._connection.execute(statement).all())
