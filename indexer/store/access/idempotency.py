"""Idempotency keys: answers remembered, so that no request is carried out twice."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from indexer.errors import RequestKeyReused
from indexer.store.edits import Edits
from indexer.store.models import AnswerRow
from indexer.store.queries import Queries
from indexer.store.values import Answer, RequestKey

ANSWERS_KEPT: Final = timedelta(hours=24)
"""How long an answer is remembered."""


class Answers(Queries):
    """The remembered answers within one transaction."""

    def get(self, key: RequestKey, request_sha256: bytes, since: datetime) -> Answer | None:
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


class AnswerEdits(Answers, Edits):
    """The remembered answers within a writing transaction."""

    def remember(self, key: RequestKey, request_sha256: bytes, answer: Answer) -> None:
        """Keep an answer with what this transaction changes; forget those that are too old."""
        # by the clock, not by when we began: nobody found what is as old as that
        old = AnswerRow.created_at <= datetime.now(UTC) - ANSWERS_KEPT
        self._connection.execute(delete(AnswerRow).where(old))
        row = {
            "caller": key.caller,
            "key": key.key,
            "request_sha256": request_sha256,
            "status": answer.status,
            "body": answer.body,
            "created_at": self._now,
        }
        self._insert(AnswerRow, [row])
