"""Reading what requests were answered."""

from datetime import datetime

from sqlalchemy import select

from indexer.errors import RequestKeyReused
from indexer.store.models import AnswerRow
from indexer.store.queries import Queries
from indexer.store.values import Answer, RequestKey


class AnswerQueries(Queries):
    """The remembered answers within one transaction; `Catalog` has the rest."""

    def remembered_answer(
        self, key: RequestKey, request_sha256: bytes, since: datetime
    ) -> Answer | None:
        """Return what a request was answered after a moment; None for one that is new.

        Raises
        ------
        RequestKeyReused
            Another request had this key.
        """
        statement = select(AnswerRow.request_sha256, AnswerRow.status, AnswerRow.body).where(
            AnswerRow.caller == key.caller,
            AnswerRow.key == key.key,
            AnswerRow.created_at > since,
        )
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            return None
        if row.request_sha256 != request_sha256:
            raise RequestKeyReused(key.key)
        return Answer(row.status, row.body)
