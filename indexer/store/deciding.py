"""Remembering what analysts decided about matches."""

from dataclasses import asdict
from enum import Enum
from typing import Any

from sqlalchemy import update

from indexer.errors import InputError
from indexer.store.edits import Edits
from indexer.store.models import DecisionRow, ImageRow
from indexer.types import Decision, NewDecision


class Deciding(Edits):
    """What remembers decisions; `Writer` has the rest."""

    def decide(self, new: NewDecision) -> Decision:
        """Remember a decision; it takes the place of the earlier one on the same query and target.

        One that says nothing new leaves the earlier one as it is, and returns it.

        Raises
        ------
        InputError
            Not exactly one of entry and image is given.
        NotFoundError
            There is no such entry, or no such image in the index.
        """
        if (new.entry_id is None) == (new.image_id is None):
            raise InputError(
                "A decision is about one match: give its entry, or its image when the match is of "
                "no bank."
            )
        if new.entry_id is not None:
            self.entry(new.entry_id)  # raises when there is none
        if new.image_id is not None:
            self._require_images([new.image_id], ImageRow.removed_at.is_(None))
        of_match = (
            DecisionRow.query_sha256 == new.query_sha256,
            DecisionRow.entry_id.is_not_distinct_from(new.entry_id),
            DecisionRow.image_id.is_not_distinct_from(new.image_id),
            DecisionRow.superseded_at.is_(None),
        )
        standing = next(iter(self._decisions_where(*of_match)), None)
        if standing and _says_the_same(standing, new):
            return standing
        self._connection.execute(
            update(DecisionRow).where(*of_match).values(superseded_at=self._now)
        )
        decision_id = self._insert_one(DecisionRow, _columns(new) | {"created_at": self._now})
        [decision] = self._decisions_where(DecisionRow.id == decision_id)
        self._audit(
            "decision.add",
            "decision",
            decision_id,
            outcome=decision.outcome.value,
            query_sha256=decision.query_sha256,
            entry=decision.entry_id,
            image=decision.image_id,
            supersedes=None if standing is None else standing.id,
        )
        return decision


def _columns(new: NewDecision) -> dict[str, Any]:
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in asdict(new).items()
    }


def _says_the_same(standing: Decision, new: NewDecision) -> bool:
    return all(
        getattr(standing, name) == (value.hex() if isinstance(value, bytes) else value)
        for name, value in asdict(new).items()
    )
