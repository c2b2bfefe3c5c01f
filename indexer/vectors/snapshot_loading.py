"""Snapshot loading: the newest snapshot that can be trusted."""

from collections.abc import Callable
from pathlib import Path

import structlog

from indexer.errors import SnapshotMismatch
from indexer.types import ChangeFeed
from indexer.vectors.base import LocalIndex
from indexer.vectors.manifest import START, Manifest, Position
from indexer.vectors.snapshots import SnapshotFolder

log = structlog.get_logger(__name__)


def load_newest(
    snapshots: SnapshotFolder, feed: ChangeFeed, new_index: Callable[[], LocalIndex]
) -> tuple[LocalIndex, Position]:
    """Return an index from the newest snapshot that can be trusted, or an empty one.

    With it comes how far it had followed the log.
    """
    tried: set[Path] = set()
    # Listed anew each time, because another process may replace snapshots while we look at them;
    # and the log is read after listing, because that process may be ahead of us.
    while untried := [path for path in snapshots.newest_first() if path not in tried]:
        path = untried[0]
        tried.add(path)
        index = new_index()
        try:
            manifest = _load(snapshots, path, feed, index)
        except (SnapshotMismatch, OSError) as error:
            snapshots.refuse(path)
            log.warning(
                "snapshot rejected, loading view from an older one or the log",
                snapshot=str(path),
                reason=str(error),
            )
        else:
            return index, manifest.position
    return new_index(), START


def _load(snapshots: SnapshotFolder, path: Path, feed: ChangeFeed, index: LocalIndex) -> Manifest:
    """Fill an empty index from one snapshot and return its manifest.

    Files that are mapped are not read: their vectors are compared with their codes, which are
    verified here, when a search meets them.
    """
    manifest = snapshots.verified(path, feed, index.mapped_files)
    index.load(path, manifest.segments)
    if len(index) != manifest.vectors:
        raise SnapshotMismatch(
            f"{path} holds {len(index)} vectors, its manifest says {manifest.vectors}."
        )
    snapshots.adopt(path, manifest)
    return manifest
