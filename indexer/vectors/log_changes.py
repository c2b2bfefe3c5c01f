"""Changes of a log, applied to an index."""

from collections.abc import Iterator
from typing import Final

from indexer.types import ChangeFeed
from indexer.vectors.base import LocalIndex
from indexer.vectors.manifest import Position

CHUNK: Final = 4096
"""Changes read from the log at a time: 29 MB of vectors of 1792 floats."""


def follow(
    feed: ChangeFeed, index: LocalIndex, position: Position, until: int
) -> Iterator[Position]:
    """Apply changes to an index, and yield how far it has come after each reading.

    Parameters
    ----------
    feed : ChangeFeed
    index : LocalIndex
    position : Position
        How far the index has followed the log.
    until : int
        Number of the change to follow it to, at least.
    """
    while position.watermark < until:
        changes = feed.read(position.watermark, CHUNK)
        if changes.watermark == position.watermark:
            break
        mark = feed.mark(changes.watermark) or ""
        index.remove(changes.removed)
        if len(changes.purged):
            index.erase(changes.purged)
        if len(changes.keys):
            index.add(changes.keys, changes.vectors)
        position = Position(changes.watermark, mark)
        yield position
