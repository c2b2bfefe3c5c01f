"""Snapshot folder of one view."""

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np
import structlog

from indexer.errors import SnapshotMismatch, SnapshotNotWritten
from indexer.runtime.private_files import make_private_folder, private
from indexer.types import ChangeFeed, Keys
from indexer.vectors.base import LocalIndex, Savable, SegmentRecord
from indexer.vectors.manifest import MANIFEST, Identity, Manifest, Position
from indexer.vectors.snapshot_files import SnapshotFiles, sync_folder
from indexer.vectors.view_folder import (
    PREFIX,
    UNFINISHED,
    snapshots_in,
    turn,
    turn_to_improve,
    watermark_of,
)

log = structlog.get_logger(__name__)


class SnapshotFolder:
    """Snapshots of one view: written atomically, verified before use, the oldest removed.

    A snapshot is a folder `snapshot-<watermark>` that never changes. It is filled under another
    name, and gets its own when all of it is on disk. Writers of all processes take turns (flock,
    which ends with its process), so whatever is unfinished when a writer's turn comes is a dead
    process's rest. Readers take no lock.

    Not safe for several threads at once; `VectorView` sees to that.

    Parameters
    ----------
    folder : Path
    identity : Identity
        What the snapshots must say of themselves.
    kept : int
        Snapshots that stay when one is written, itself included.
    """

    def __init__(self, folder: Path, identity: Identity, kept: int) -> None:
        self.view: Final = identity.view
        self._folder = folder
        self._identity = identity
        self._kept = kept
        self._refused: set[Path] = set()
        self._base: tuple[Path, Manifest] | None = None  # whose files the next one links

    def newest_first(self) -> list[Path]:
        """List the snapshots, valid or not."""
        try:
            return snapshots_in(self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning(
                "snapshot folder unreadable, rebuilding view from the log",
                view=self._identity.view,
                folder=str(self._folder),
                reason=str(error),
            )
            return []

    def verified(
        self,
        path: Path,
        feed: ChangeFeed,
        except_for: Callable[[Sequence[SegmentRecord]], frozenset[str]] = lambda _: frozenset(),
    ) -> Manifest:
        """Return a snapshot's manifest if all of it is as written and it fits the log.

        Parameters
        ----------
        path : Path
            One that `newest_first` lists.
        feed : ChangeFeed
            The log.
        except_for : callable
            Returns the names of files of which only the size is checked.

        Raises
        ------
        SnapshotMismatch
            It must not be used; the message says why.
        OSError
            A file of it is missing or unreadable.
        """
        manifest = Manifest.read(path, self._identity)
        if manifest.watermark != watermark_of(path):
            raise SnapshotMismatch(f"{path} holds the state at change {manifest.watermark}.")
        mark = feed.mark(manifest.watermark)
        if mark is None:
            raise SnapshotMismatch(
                f"{path} is ahead of the log, which ends at change {feed.head()}: another log's, "
                "or the database went back to an older state."
            )
        if mark != manifest.position.mark:
            raise SnapshotMismatch(
                f"{path} covers a change {manifest.watermark} that was "
                f"{manifest.position.mark!r} and is {mark!r} now: the database went back to "
                "an older state and continued from there."
            )
        manifest.verify_files(path, except_for(manifest.segments))
        return manifest

    def problem_of(
        self, path: Path, feed: ChangeFeed, index: LocalIndex, purged: Keys
    ) -> str | None:
        """Return a sentence if a snapshot is not as written, or holds what was purged."""
        try:
            manifest = self.verified(path, feed)
            stored = index.stored_keys(path, manifest.segments)
        except (SnapshotMismatch, OSError) as error:
            return str(error)
        kept = np.intersect1d(purged, stored)
        return f"{path} still holds vectors of {len(kept)} purged images." if len(kept) else None

    def refuse(self, path: Path) -> None:
        """Remember that a snapshot is bad: nothing is taken from it, the next write removes it."""
        self._refused.add(path)
        if self._base and self._base[0] == path:
            self._base = None

    def refuse_all(self) -> None:
        """Remember that every snapshot there is now is bad."""
        for path in self.newest_first():
            self.refuse(path)

    def adopt(self, path: Path, manifest: Manifest) -> None:
        """Remember that the view in memory grew from this snapshot."""
        self._base = (path, manifest)

    def manifest(self, path: Path) -> Manifest:
        """Read a snapshot's manifest.

        Raises
        ------
        SnapshotMismatch, OSError
            As for `Manifest.read`.
        """
        return Manifest.read(path, self._identity)

    def turn_to_improve(self) -> AbstractContextManager[bool]:
        """Yield whether no other process is improving the view; see `view_folder`."""
        return turn_to_improve(self._folder)

    def segments_of(self, path: Path) -> tuple[SegmentRecord, ...]:
        """Return the segments of a snapshot; none if it cannot be read."""
        try:
            return self.manifest(path).segments
        except (SnapshotMismatch, OSError):
            return ()

    def write(
        self,
        index: Savable,
        position: Position,
        *,
        alone: bool = False,
        accepts: Callable[[Sequence[SegmentRecord]], bool] = lambda _: True,
    ) -> Path:
        """Write a snapshot, unless there is one as new, and remove old ones.

        Parameters
        ----------
        index : Savable
            One that does not change meanwhile.
        position : Position
            How far it has followed the log.
        alone : bool
            Whether to remove all others, even newer ones.
        accepts : callable
            Returns whether a snapshot that exists will do, by its segments.

        Returns
        -------
        Path
            The newest snapshot there is then.

        Raises
        ------
        SnapshotNotWritten
            The disk is full, or the folder cannot be written. Earlier snapshots are untouched.
        """
        target = self._folder / f"{PREFIX}{position.watermark:020d}"
        try:
            make_private_folder(self._folder)
            with turn(self._folder):
                self._discard_unfinished()
                if not alone:
                    target = self._newest_sound(position.watermark, accepts) or target
                if not self._will_do(target, accepts):
                    self._write(index, position, target)
                self._prune(target, kept=1 if alone else self._kept)
        except OSError as error:
            raise SnapshotNotWritten(
                f"The snapshot {target} could not be written: {error}. Searches continue and "
                "no data is lost. Free space, or correct the folder's permissions."
            ) from error
        return target

    def _write(self, index: Savable, position: Position, target: Path) -> None:
        unfinished = self._folder / f"{UNFINISHED}{uuid4().hex}"
        make_private_folder(unfinished)
        try:
            files = SnapshotFiles(unfinished, self._base if self._has_base() else None)
            segments = tuple(index.save(files))
            manifest = Manifest(self._identity, position, len(index), segments, files.records)
            with open(unfinished / MANIFEST, "x", opener=private) as file:
                file.write(manifest.to_json())
                file.flush()
                os.fsync(file.fileno())
            sync_folder(unfinished)
            if target.exists():
                self._discard(target)
            unfinished.rename(target)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        sync_folder(self._folder)
        self._refused.discard(target)
        self.adopt(target, manifest)

    def _newest_sound(
        self, watermark: int, accepts: Callable[[Sequence[SegmentRecord]], bool]
    ) -> Path | None:
        """Return the newest snapshot at least as new as a watermark.

        A view that lags behind another process's does not write what that one has outgrown.
        """
        as_new = (path for path in self.newest_first() if watermark_of(path) >= watermark)
        return next((path for path in as_new if self._will_do(path, accepts)), None)

    def _will_do(self, path: Path, accepts: Callable[[Sequence[SegmentRecord]], bool]) -> bool:
        """Return whether a snapshot looks whole, and its segments are accepted."""
        return self._is_sound(path) and accepts(self.manifest(path).segments)

    def _prune(self, written: Path, kept: int) -> None:
        """Keep the snapshot just written and the newest other sound ones, remove the rest."""
        others = [path for path in self.newest_first() if path != written]
        sound = [path for path in others if self._is_sound(path)]
        staying = {written, *sound[: kept - 1]}
        for path in others:
            if path not in staying:
                self._discard(path)

    def _has_base(self) -> bool:
        """Return whether the snapshot to link from is still there, and not another of its name."""
        if self._base is None or not self._is_sound(self._base[0]):
            return False
        path, manifest = self._base
        return Manifest.read(path, self._identity) == manifest

    def _is_sound(self, path: Path) -> bool:
        """Return whether a snapshot looks whole, without reading all of it."""
        if path in self._refused or not path.exists():
            return False
        try:
            Manifest.read(path, self._identity)
        except (SnapshotMismatch, OSError) as error:
            log.warning("invalid snapshot removed", snapshot=str(path), reason=str(error))
            return False
        return True

    def _discard(self, path: Path) -> None:
        # Renamed first: were we killed while deleting, half a snapshot would still look like one.
        doomed = self._folder / f"{UNFINISHED}{uuid4().hex}"
        path.rename(doomed)
        shutil.rmtree(doomed)
        self._refused.discard(path)

    def _discard_unfinished(self) -> None:
        for path in self._folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(path)
