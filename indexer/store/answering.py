"""Remembering what requests were answered, so that none is carried out twice."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete

from indexer.store.edits import Edits
from indexer.store.models import AnswerRow
from indexer.store.values import Answer, RequestKey

ANSWERS_KEPT: Final = timedelta(hours=24)
"""How long an answer is remembered."""


class Answering(Edits):
    """What writes answers; `Writer` has the rest."""

    def remember_answer(self, key: RequestKey, request_sha256: bytes, answer: Answer) -> None:
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
