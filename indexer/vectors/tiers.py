"""Tiers: how a view keeps its vectors, by how many they are."""

from dataclasses import dataclass
from typing import Final

LEAST_ROWS: Final = 16_384
"""Smaller segments stay float32 in memory: they are short-lived, and searched in a moment."""


@dataclass(frozen=True, slots=True)
class TierRule:
    """From which size on a view's segments are searched by codes.

    Then the codes are in memory, and the float32 vectors in a mapped file of the newest snapshot.
    """

    codes: str | None  # the kind of codes; None for float32 in memory, whatever the size
    from_vectors: int  # in the view
    least_rows: int = LEAST_ROWS  # in the segment

    def codes_of(self, rows: int, vectors: int) -> str | None:
        """Return the kind of codes of a segment of so many rows in a view of so many vectors."""
        return self.codes if rows >= self.least_rows and vectors >= self.from_vectors else None

    def is_large(self, rows: int) -> bool:
        """Return whether a new segment is written to a file, not to memory."""
        return self.codes is not None and rows >= max(self.from_vectors, self.least_rows)


IN_MEMORY: Final = TierRule(None, 0)
"""Float32 vectors in memory, always."""
