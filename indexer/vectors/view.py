"""Vector view: an index that follows the log."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import structlog

from indexer.errors import InvalidCodes, SnapshotMismatch, SnapshotNotWritten
from indexer.types import ChangeFeed
from indexer.vectors.base import LocalIndex
from indexer.vectors.log_changes import follow
from indexer.vectors.manifest import START, Identity, Position
from indexer.vectors.snapshot_loading import load_newest
from indexer.vectors.snapshot_policy import Schedule, SnapshotPolicy
from indexer.vectors.snapshots import SnapshotFolder
from indexer.vectors.view_check import ViewCheck

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
        feed: ChangeFeed,
        index: LocalIndex,
        position: Position,
        snapshots: SnapshotFolder,
        schedule: Schedule,
        new_index: Callable[[], LocalIndex],
    ) -> None:
        self.name = snapshots.view
        self.index = index
        self._feed = feed
        self._position = position
        self._snapshots = snapshots
        self._schedule = schedule
        self._new_index = new_index
        self._tried: frozenset[str] = frozenset()  # segments whose codes were to be written
        self._applying = threading.Lock()
        self._snapshotting = threading.Lock()

    @classmethod
    def open(
        cls,
        folder: Path,
        feed: ChangeFeed,
        new_index: Callable[[], LocalIndex],
        policy: SnapshotPolicy,
        *,
        from_log: bool = False,
    ) -> Self:
        """Load the newest snapshot that can be trusted; the log fills in the rest.

        Reads no changes: call `catch_up` before searching.

        Parameters
        ----------
        folder : Path
            Where the view keeps its snapshots. The folder's name is the view's, and says what its
            vectors are: snapshots of another view are refused.
        feed : ChangeFeed
            The log.
        new_index : callable
            Makes an empty index.
        policy : SnapshotPolicy
            When `catch_up` writes a snapshot.
        from_log : bool
            Whether to start with nothing: the snapshots that exist are not loaded, and give way to
            the first that is written.
        """
        index, position = new_index(), START
        identity = Identity(folder.name, feed.log_id, index.metric, index.dimension)
        snapshots = SnapshotFolder(folder, identity, policy.kept)
        if from_log:
            snapshots.refuse_all()
        else:
            index, position = load_newest(snapshots, feed, new_index)
        return cls(
            feed=feed,
            index=index,
            position=position,
            snapshots=snapshots,
            schedule=Schedule(policy, position.watermark),
            new_index=new_index,
        )

    @property
    def feed(self) -> ChangeFeed:
        """The log that it follows."""
        return self._feed

    @property
    def watermark(self) -> int:
        """The number of the last change that can be found by searching."""
        return self._position.watermark

    def lag(self) -> int:
        """Count the committed changes that are not applied yet."""
        return max(0, self._feed.head() - self.watermark)

    def catch_up(self) -> int:
        """Apply what was committed until now, then write a snapshot if one is due.

        A snapshot that cannot be written is a warning, and is tried again when the next one is due.

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

    def snapshot(self, *, alone: bool = False) -> Path:
        """Write the view as it is to disk, unless that has been done.

        Parameters
        ----------
        alone : bool
            Whether no other snapshot stays: so that what was purged is on no disk, or that what was
            wrong is gone.

        Returns
        -------
        Path
            The newest snapshot's folder.

        Raises
        ------
        SnapshotNotWritten
            The disk is full, or the folder cannot be written.
        """
        with self._snapshotting:
            return self._write_snapshot(alone=alone)

    def improve(self, on_progress: Callable[[], None] = lambda: None) -> bool:
        """Make what searches will be quicker by, such as inverted lists, if it is due.

        May take hours; changes are applied and searches answered meanwhile. Of several processes
        one makes it, and the others take it from that one's snapshot.

        Parameters
        ----------
        on_progress : callable
            Called now and then; what it raises ends the work.

        Returns
        -------
        bool
            Whether anything changed.

        Raises
        ------
        SnapshotNotWritten
            It is in use, but the disk is full, or the folder cannot be written.
        """
        with self._snapshots.turn_to_improve() as ours:
            if not ours:
                return False
            newest = next(iter(self._snapshots.newest_first()), None)
            if newest is not None and self.index.is_behind(self._snapshots.segments_of(newest)):
                return self._take_newest()
            if not self.index.improve(on_progress):
                return False
            self.snapshot()
            self._take_newest()  # whose files are mapped: what was made is in memory
            return True

    def check_snapshots(self) -> list[str]:
        """Compare every snapshot with its checksums, and look for what was purged.

        Reads all of them. A bad one is not used from then on: the next `snapshot` removes it.

        Returns
        -------
        list of str
            A sentence for each problem; empty when all is well.
        """
        purged = self._feed.all_keys().purged
        problems = []
        with self._snapshotting:
            for path in self._snapshots.newest_first():
                problem = self._snapshots.problem_of(path, self._feed, self.index, purged)
                if problem:  # look again: another process may just have replaced it
                    problem = self._snapshots.problem_of(path, self._feed, self.index, purged)
                if problem and path.exists():
                    self._snapshots.refuse(path)
                    problems.append(problem)
        return problems

    def check_index(self, *, sample: int | None = None, seed: int = 0) -> list[str]:
        """Compare the index with the log: which keys it holds, and their vectors bit by bit.

        What is wrong is put right by opening the view from the log.

        Parameters
        ----------
        sample : int, optional
            Images whose vectors are compared; those of all by default.
        seed : int
            Which images those are.

        Returns
        -------
        list of str
            A sentence for each problem; empty when all is well.
        """
        check = ViewCheck(self.name, self._feed, self._caught_up)
        return [*check.key_problems(), *check.vector_problems(sample, seed)]

    def verify(self) -> list[str]:
        """Compare the snapshots and the index with all that they must agree with."""
        return [*self.check_snapshots(), *self.check_index()]

    def _apply(self, until: int) -> int:
        before = self.watermark
        if until < before or (until > before and self._feed.mark(before) != self._position.mark):
            raise SnapshotMismatch(
                f"The view {self.name} has applied a change {before} that the log, which "
                f"ends at {until}, does not have: the database went back to an older state. "
                "Restart the program to rebuild the view from the log."
            )
        for position in follow(self._feed, self.index, self._position, until):
            self._position = position
        return self.watermark - before

    def _write_snapshot_if_due(self) -> None:
        awaiting = self.index.awaiting_codes - self._tried
        if not awaiting and not self._schedule.is_due(self.watermark):
            return
        if not self._snapshotting.acquire(blocking=False):
            return  # another thread is writing one
        try:
            self._write_snapshot()
        except (SnapshotNotWritten, InvalidCodes) as error:
            log.warning("snapshot not written", view=self.name, reason=str(error))
        finally:
            self._snapshotting.release()

    def _write_snapshot(self, *, alone: bool = False) -> Path:
        with self._applying:
            frozen, position = self.index.freeze(), self._position
        self._schedule.note(position.watermark)
        self._tried = frozen.awaiting_codes
        path = self._snapshots.write(frozen, position, alone=alone, accepts=frozen.accepts)
        if self._tried:
            self._change_tier(path, self._tried)
        return path

    def _change_tier(self, path: Path, segments: frozenset[str]) -> None:
        """Search by the codes of a snapshot what was searched in memory until now.

        Of another process's snapshot, whose segments are not ours, the whole index is taken. No
        search waits for that.
        """
        try:
            manifest = self._snapshots.manifest(path)
            self.index.adopt(path, manifest.segments)
        except (SnapshotMismatch, OSError) as error:
            log.warning("view stays in memory", view=self.name, reason=str(error))
            return
        if not segments <= {record.id for record in manifest.segments}:
            self._take_newest()

    def _take_newest(self) -> bool:
        """Search what another process's newest snapshot holds instead of what is in memory."""
        index, position = load_newest(self._snapshots, self._feed, self._new_index)
        if position == START:  # it is gone again
            return False
        with self._applying:
            *_, position = position, *follow(self._feed, index, position, self.watermark)
            if position.watermark < self.watermark:
                return False
            self.index, self._position = index, position
        return True

    @contextmanager
    def _caught_up(self) -> Iterator[tuple[LocalIndex, int]]:
        """Yield the index and its watermark, all committed changes applied, and hold them there."""
        with self._applying:
            self._apply(until=self._feed.head())
            yield self.index, self.watermark
