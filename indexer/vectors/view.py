"""A vector index that follows the log."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import structlog

from indexer.errors import SnapshotMismatch, SnapshotNotWritten
from indexer.types import ChangeFeed
from indexer.vectors.base import LocalIndex
from indexer.vectors.comparison import count_by_key, key_problems
from indexer.vectors.manifest import Identity
from indexer.vectors.snapshots import SnapshotFolder

CHUNK = 4096
"""Changes read from the log at a time: 29 MB of vectors of 1792 floats."""

log = structlog.get_logger(__name__)


class VectorView:
    """An index, the last change it has applied (the watermark), and its snapshots.

    The log is the truth: whatever happens to the snapshots, the view is what the log says, and
    only opening it takes longer. All methods may be called from any thread, and `index` may be
    searched from any thread at any time.
    """

    def __init__(
        self,
        *,
        name: str,
        feed: ChangeFeed,
        index: LocalIndex,
        watermark: int,
        snapshots: SnapshotFolder,
        snapshot_every: int,
    ) -> None:
        self.name = name
        self.index = index
        self._feed = feed
        self._watermark = watermark
        self._snapshots = snapshots
        self._snapshot_every = snapshot_every
        self._snapshot_tried_at = watermark
        self._applying = threading.Lock()
        self._snapshotting = threading.Lock()

    @classmethod
    def open(
        cls,
        folder: Path,
        name: str,
        feed: ChangeFeed,
        new_index: Callable[[], LocalIndex],
        snapshot_every: int,
    ) -> Self:
        """Load the newest snapshot that can be trusted; the log fills in the rest.

        Reads no changes: call `catch_up` before searching.

        Parameters
        ----------
        folder : Path
            Where views keep their snapshots: this one in the folder `name` inside it.
        name : str
            Names the view, and what its vectors are.
        feed : ChangeFeed
            The log.
        new_index : callable
            Makes an empty index.
        snapshot_every : int
            After this many changes `catch_up` writes a snapshot.
        """
        index = new_index()
        identity = Identity(name, feed.log_id, index.metric, index.dimension)
        snapshots = SnapshotFolder(folder / name, identity)
        index, watermark = _load_newest(snapshots, feed, new_index)
        return cls(
            name=name,
            feed=feed,
            index=index,
            watermark=watermark,
            snapshots=snapshots,
            snapshot_every=snapshot_every,
        )

    @property
    def watermark(self) -> int:
        """The number of the last change that can be found by searching."""
        return self._watermark

    def lag(self) -> int:
        """Count the committed changes that are not applied yet."""
        return max(0, self._feed.head() - self._watermark)

    def catch_up(self) -> int:
        """Apply what was committed until now, then write a snapshot if one is due.

        A snapshot that cannot be written is a warning, and is tried again after another
        `snapshot_every` changes.

        Returns
        -------
        int
            Changes applied.

        Raises
        ------
        SnapshotMismatch
            The log went back behind what the view has applied.
        """
        with self._applying:
            applied = self._apply(until=self._feed.head())
        self._write_snapshot_if_due()
        return applied

    def snapshot(self) -> Path:
        """Write the view as it is to disk, unless that has been done.

        Returns
        -------
        Path
            The snapshot's folder.

        Raises
        ------
        SnapshotNotWritten
            The disk is full, or the folder cannot be written.
        """
        with self._snapshotting:
            return self._write_snapshot()

    def verify(self) -> list[str]:
        """Compare the newest snapshot with its checksums, and the index with the whole log.

        Reads all of both. What is wrong is repaired by opening the view again: a bad snapshot is
        refused then.

        Returns
        -------
        list of str
            A sentence for each problem; empty when all is well.
        """
        return [*self._snapshot_problems(), *self._index_problems()]

    def _apply(self, until: int) -> int:
        before = self._watermark
        if until < before:
            raise SnapshotMismatch(
                f"The view {self.name} has applied change {before}, but the log ends at {until}: "
                "the database went back to an older state. Restart the program; the view is "
                "rebuilt from the log then."
            )
        while self._watermark < until:
            changes = self._feed.read(self._watermark, CHUNK)
            if changes.watermark == self._watermark:
                break
            self.index.remove(changes.removed)
            if len(changes.keys):
                self.index.add(changes.keys, changes.vectors)
            self._watermark = changes.watermark
        return self._watermark - before

    def _write_snapshot_if_due(self) -> None:
        if self._watermark - self._snapshot_tried_at < self._snapshot_every:
            return
        if not self._snapshotting.acquire(blocking=False):
            return  # another thread is writing one
        try:
            self._write_snapshot()
        except SnapshotNotWritten as error:
            log.warning("no snapshot was written", view=self.name, reason=str(error))
        finally:
            self._snapshotting.release()

    def _write_snapshot(self) -> Path:
        with self._applying:
            frozen, watermark = self.index.freeze(), self._watermark
        self._snapshot_tried_at = watermark
        return self._snapshots.write(frozen, watermark)

    def _snapshot_problems(self) -> list[str]:
        with self._snapshotting:
            for path in self._snapshots.newest_first()[:1]:
                try:
                    self._snapshots.verified(path, self._feed.head())
                except (SnapshotMismatch, OSError) as error:
                    self._snapshots.refuse(path)
                    return [str(error)]
        return []

    def _index_problems(self) -> list[str]:
        expected: dict[int, int] = {}  # vectors by key, as the log has them
        after = 0
        while True:
            with self._applying:
                self._apply(until=self._feed.head())
                changes = self._feed.read(after, CHUNK)
                # Nothing was committed meanwhile, so both have seen the same log.
                done = changes.watermark == after == self._watermark
                held = self.index.keys() if done else None
            if held is not None:
                return key_problems(self.name, expected, held)
            for key in changes.removed.tolist():
                expected.pop(key, None)
            expected.update(count_by_key(changes.keys))
            after = changes.watermark


def _load_newest(
    snapshots: SnapshotFolder, feed: ChangeFeed, new_index: Callable[[], LocalIndex]
) -> tuple[LocalIndex, int]:
    """Return an index from the newest snapshot that can be trusted, or an empty one, at 0."""
    tried: set[Path] = set()
    # Listed anew each time, because another process may replace snapshots while we look at them;
    # and the log's head is read after listing, because that process may be ahead of us.
    while untried := [path for path in snapshots.newest_first() if path not in tried]:
        path = untried[0]
        tried.add(path)
        index = new_index()
        try:
            watermark = _load(snapshots, path, feed.head(), index)
        except (SnapshotMismatch, OSError) as error:
            snapshots.refuse(path)
            log.warning(
                "a snapshot was refused; the view is rebuilt from the log, or an older snapshot",
                snapshot=str(path),
                reason=str(error),
            )
        else:
            return index, watermark
    return new_index(), 0


def _load(snapshots: SnapshotFolder, path: Path, head: int, index: LocalIndex) -> int:
    """Fill an empty index from one snapshot and return its watermark."""
    manifest = snapshots.verified(path, head)
    index.load(path, manifest.segments)
    if len(index) != manifest.vectors:
        raise SnapshotMismatch(
            f"{path} holds {len(index)} vectors, its manifest says {manifest.vectors}."
        )
    snapshots.adopt(path, manifest)
    return manifest.watermark
