"""Reveals: who looked at which picture without its veil."""

from datetime import datetime

from sqlalchemy import func, select, update

from indexer.store.edits import Edits
from indexer.store.models import RevealRow
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.types import Exposure, NewReveal, Reveal


class Reveals(Queries):
    """The reveals within one transaction."""

    def get(self, reveal_id: int) -> Reveal:
        """Return a reveal.

        Raises
        ------
        NotFoundError
            There is no such reveal.
        """
        statement = select(RevealRow.__table__).where(RevealRow.id == min(reveal_id, MAX_ID))
        found = [from_row(Reveal, row) for row in self._connection.execute(statement)]
        return require(found, f"There is no reveal {reveal_id}. `GET /v1/reveals` lists yours.")

    def page(
        self,
        *,
        person: str | None = None,
        image_id: int | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[Reveal]:
        """Return a page of the reveals, newest first.

        Parameters
        ----------
        person : str, optional
            Only those of this person.
        image_id : int, optional
            Only those of this image.
        before_id : int, optional
            Last id of the page before.
        limit : int
            Most reveals of a page.
        """
        statement = select(RevealRow.__table__).order_by(RevealRow.id.desc()).limit(limit)
        if person is not None:
            statement = statement.where(RevealRow.person == person)
        if image_id is not None:
            statement = statement.where(RevealRow.image_id == min(image_id, MAX_ID))
        if before_id is not None:
            statement = statement.where(RevealRow.id < min(before_id, MAX_ID))
        return [from_row(Reveal, row) for row in self._connection.execute(statement)]

    def exposure(self, person: str, since: datetime) -> Exposure:
        """Return how often and how long a person saw pictures since a moment."""
        statement = select(func.count(), func.sum(RevealRow.seconds)).where(
            RevealRow.person == person, RevealRow.created_at >= since
        )
        count, seconds = self._connection.execute(statement).one()
        return Exposure(count, seconds or 0.0)


class RevealEdits(Reveals, Edits):
    """The reveals within a writing transaction."""

    def add(self, new: NewReveal) -> Reveal:
        """Write down that a person looks at a picture.

        Raises
        ------
        NotFoundError
            There is no such image.
        """
        if new.image_id is not None:
            self._require_images([new.image_id])
        row = {
            "person": new.person.id,
            "name": new.person.name,
            "image_id": new.image_id,
            "review_id": new.review_id,
            "reason": new.reason,
            "created_at": self._now,
            "expires_at": new.expires_at,
        }
        reveal_id = self._insert_one(RevealRow, row)
        subject, subject_id = _subject(new.image_id, new.review_id)
        detail = {"reveal": reveal_id, "reason": new.reason}
        self._audit.record("reveal.image", subject, subject_id, **detail)
        return self.get(reveal_id)

    def end(self, reveal_id: int, seconds: float) -> Reveal:
        """Write down how long a picture was seen; it is covered from now on.

        A reveal that was ended stays as it is.

        Raises
        ------
        NotFoundError
            There is no such reveal.
        """
        reveal = self.get(reveal_id)
        if reveal.ended_at is not None:
            return reveal
        ended = update(RevealRow).where(RevealRow.id == reveal.id)
        self._connection.execute(ended.values(ended_at=self._now, seconds=seconds))
        subject, subject_id = _subject(reveal.image_id, reveal.review_id)
        detail = {"reveal": reveal.id, "seconds": round(seconds, 3)}
        self._audit.record("reveal.end", subject, subject_id, **detail)
        return self.get(reveal_id)


def _subject(image_id: int | None, review_id: int | None) -> tuple[str, int | None]:
    """Return what the audit log says was seen: the stored image, or an upload's review."""
    return ("review", review_id) if image_id is None else ("image", image_id)
