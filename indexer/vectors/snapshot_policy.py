"""Snapshot policy: when a view is written to disk."""

from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class SnapshotPolicy:
    """After what a view writes a snapshot by itself, and how many stay."""

    every: int  # changes
    seconds: float  # with at least one change
    kept: int = 2  # the newest, and one to fall back on


class Schedule:
    """When the next snapshot is due, by the changes and the time since the last attempt.

    An attempt that failed counts too, so that a full disk is not tried again at every change.
    """

    def __init__(self, policy: SnapshotPolicy, watermark: int) -> None:
        self._policy = policy
        self.note(watermark)

    def note(self, watermark: int) -> None:
        """Remember that a snapshot of this state was written, tried or loaded."""
        self._watermark = watermark
        self._at = monotonic()

    def is_due(self, watermark: int) -> bool:
        """Return whether a view at this change should be written."""
        changes = watermark - self._watermark
        waited = monotonic() - self._at
        return changes >= self._policy.every or (changes > 0 and waited >= self._policy.seconds)
