"""The folder in which one view keeps its snapshots."""

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import structlog

from indexer.errors import SnapshotMismatch, SnapshotNotWritten
from indexer.vectors.base import LocalIndex, Sink
from indexer.vectors.manifest import MANIFEST, FileRecord, Identity, Manifest

KEPT = 2
"""Snapshots that stay: the newest, and one to fall back on."""
PREFIX = "snapshot-"
UNFINISHED = "unfinished-"
LOCK = "lock"

log = structlog.get_logger(__name__)


class SnapshotFolder:
    """Snapshots of one view: written atomically, verified before use, the oldest removed.

    A snapshot is a folder `snapshot-<watermark>` that never changes. It is filled under another
    name, and gets its own when all of it is on disk. Writers of all processes take turns (flock,
    which ends with its process), so whatever is unfinished when a writer's turn comes is a dead
    process's rest. Readers take no lock.

    Not safe for several threads at once; `VectorView` sees to that.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity
        self._refused: set[Path] = set()
        self._base: tuple[Path, Manifest] | None = None  # whose files the next one links

    def newest_first(self) -> list[Path]:
        """List the snapshots, valid or not."""
        try:
            paths = list(self._folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning(
                "the folder of snapshots cannot be read; the view is rebuilt from the log",
                view=self._identity.view,
                folder=str(self._folder),
                reason=str(error),
            )
            return []
        found = [path for path in paths if re.fullmatch(PREFIX + r"\d+", path.name)]
        return sorted(found, key=_watermark_of, reverse=True)

    def verified(self, path: Path, head: int) -> Manifest:
        """Return a snapshot's manifest if all of it is as written and it fits the log.

        Parameters
        ----------
        path : Path
            One that `newest_first` lists.
        head : int
            The log's last change.

        Raises
        ------
        SnapshotMismatch
            It must not be used; the message says why.
        OSError
            A file of it is missing or unreadable.
        """
        manifest = Manifest.read(path, self._identity)
        if manifest.watermark != _watermark_of(path):
            raise SnapshotMismatch(f"{path} holds the state at change {manifest.watermark}.")
        if manifest.watermark > head:
            raise SnapshotMismatch(
                f"{path} is ahead of the log, which ends at change {head}: another log's, or the "
                "database went back to an older state."
            )
        manifest.verify_files(path)
        return manifest

    def refuse(self, path: Path) -> None:
        """Remember that a snapshot is bad: nothing is taken from it, the next write removes it."""
        self._refused.add(path)
        if self._base and self._base[0] == path:
            self._base = None

    def adopt(self, path: Path, manifest: Manifest) -> None:
        """Remember that the view in memory grew from this snapshot."""
        self._base = (path, manifest)

    def write(self, index: LocalIndex, watermark: int) -> Path:
        """Write a snapshot, unless there is one of that watermark, and remove old ones.

        Parameters
        ----------
        index : LocalIndex
            One that does not change meanwhile.
        watermark : int
            The last change that it has applied.

        Raises
        ------
        SnapshotNotWritten
            The disk is full, or the folder cannot be written. Earlier snapshots are untouched.
        """
        target = self._folder / f"{PREFIX}{watermark:020d}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._turn():
                self._discard_unfinished()
                if not self._is_sound(target):
                    self._write(index, watermark, target)
                self._prune(target)
        except OSError as error:
            raise SnapshotNotWritten(
                f"The snapshot {target} could not be written: {error}. Searching goes on and "
                "nothing is lost; free space or correct the permissions of the folder."
            ) from error
        return target

    def _write(self, index: LocalIndex, watermark: int, target: Path) -> None:
        unfinished = self._folder / f"{UNFINISHED}{uuid4().hex}"
        unfinished.mkdir()
        try:
            base = self._base if self._base and self._is_sound(self._base[0]) else None
            files = _Files(unfinished, base)
            segments = tuple(index.save(files))
            manifest = Manifest(self._identity, watermark, len(index), segments, files.records)
            with (unfinished / MANIFEST).open("x") as file:
                file.write(manifest.to_json())
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(unfinished)
            if target.exists():
                self._discard(target)
            unfinished.rename(target)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        _sync_folder(self._folder)
        self._refused.discard(target)
        self.adopt(target, manifest)

    def _prune(self, written: Path) -> None:
        """Keep the snapshot just written and the newest other sound ones, remove the rest."""
        others = [path for path in self.newest_first() if path != written]
        sound = [path for path in others if self._is_sound(path)]
        # One that another process has written ahead of us counts as kept, too.
        kept = {written, *sound[: KEPT - 1]}
        for path in others:
            if path not in kept:
                self._discard(path)

    def _is_sound(self, path: Path) -> bool:
        """Tell whether a snapshot looks whole, without reading all of it."""
        if path in self._refused or not path.exists():
            return False
        try:
            Manifest.read(path, self._identity)
        except (SnapshotMismatch, OSError) as error:
            log.warning("a bad snapshot is removed", snapshot=str(path), reason=str(error))
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

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the other processes that write snapshots here."""
        with (self._folder / LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class _Files:
    """The files of a snapshot being written, with their checksums; see `FileKeeper`."""

    def __init__(self, folder: Path, base: tuple[Path, Manifest] | None) -> None:
        self.records: dict[str, FileRecord] = {}
        self._folder = folder
        self._base = base

    def write(self, name: str, write: Callable[[Sink], None]) -> None:
        with (self._folder / name).open("xb") as file:
            sink = _HashingSink(file)
            write(sink)
            file.flush()
            os.fsync(file.fileno())
        self.records[name] = sink.record()

    def keep(self, name: str, write: Callable[[Sink], None]) -> None:
        record = self._base[1].files.get(name) if self._base else None
        if self._base is None or record is None:
            self.write(name, write)
        else:
            _link(self._base[0] / name, self._folder / name)
            self.records[name] = record


class _HashingSink:
    """Counts and hashes what passes through to a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes, /) -> int:
        self._digest.update(data)
        self._size += len(data)
        return self._file.write(data)

    def record(self) -> FileRecord:
        return FileRecord(size=self._size, sha256=self._digest.hexdigest())


def _watermark_of(path: Path) -> int:
    return int(path.name.removeprefix(PREFIX))


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}:
            raise
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make names in a folder durable, which syncing the files does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
