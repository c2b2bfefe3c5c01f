"""Feeds: the log as a view reads it, as added and removed vectors."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from indexer.types.arrays import Keys, Vectors


@dataclass(frozen=True, slots=True)
class VectorChanges:
    """A stretch of the log as a view needs it: what vectors all that it touches has now."""

    watermark: int  # every change up to and including this number is covered
    keys: Keys
    vectors: Vectors  # row i belongs to keys[i]
    removed: Keys  # what no longer has a vector
    purged: Keys = field(default_factory=lambda: np.zeros(0, np.int64))
    """Of those removed: images whose vectors nothing may keep, not even out of sight."""


@dataclass(frozen=True, slots=True)
class VectorKeys:
    """Which images or entries have vectors, as the log has it at one moment."""

    watermark: int  # the log's last change at that moment
    keys: Keys  # one for each vector, ascending
    purged: Keys  # images of which nothing may keep a vector, ascending


class ChangeFeed(Protocol):
    """The log, seen by one view."""

    @property
    def log_id(self) -> str:
        """Identity of the log: a snapshot of another log's view must not be used."""

    @property
    def subject(self) -> str:
        """What its keys are the ids of: image or entry."""

    def head(self) -> int:
        """Return the number of the last committed change; 0 for an empty log."""

    def mark(self, number: int) -> str | None:
        """Return what tells a change from any other that ever had its number.

        That of 0, before the first change, is empty; None where the log has no such change.
        """

    def read(self, after: int, limit: int) -> VectorChanges:
        """Return the effect of up to `limit` changes numbered above `after`.

        The watermark equals `after` when there are none.
        """

    def all_keys(self) -> VectorKeys:
        """Return which keys have vectors now, without the vectors."""

    def look_up(self, keys: Keys) -> VectorChanges:
        """Return the vectors that these keys have now; the watermark is the log's head."""
