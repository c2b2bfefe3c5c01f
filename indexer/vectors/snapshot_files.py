"""Snapshot files while they are being written."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from indexer.runtime.private_files import private
from indexer.vectors.base import Sink
from indexer.vectors.manifest import FileRecord, Manifest


class SnapshotFiles:
    """Writes or links files and keeps their checksums; see `FileKeeper`.

    Parameters
    ----------
    folder : Path
        Of the snapshot being written.
    base : tuple of Path and Manifest, or None
        The snapshot to link files from.
    """

    def __init__(self, folder: Path, base: tuple[Path, Manifest] | None) -> None:
        self.records: dict[str, FileRecord] = {}
        self._folder = folder
        self._base = base

    def write(self, name: str, write: Callable[[Sink], None]) -> None:
        """Write a new file."""
        with open(self._folder / name, "xb", opener=private) as file:
            sink = _HashingSink(file)
            write(sink)
            file.flush()
            os.fsync(file.fileno())
        self.records[name] = sink.record()

    def keep(self, name: str, write: Callable[[Sink], None]) -> None:
        """Link the base's file of that name, or write it."""
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

    def write(self, data: bytes | memoryview, /) -> int:
        self._digest.update(data)
        self._size += len(data)
        return self._file.write(data)

    def record(self) -> FileRecord:
        return FileRecord(size=self._size, sha256=self._digest.hexdigest())


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}:
            raise
        with source.open("rb") as old, open(target, "xb", opener=private) as file:
            shutil.copyfileobj(old, file)
            file.flush()
            os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable, which syncing the files does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
