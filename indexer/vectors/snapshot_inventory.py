"""Snapshot inventory: what views have on disk, read without loading or locking any of it."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from indexer.errors import SnapshotMismatch
from indexer.types import Completeness
from indexer.vectors.manifest import MANIFEST, Manifest
from indexer.vectors.stated_recall import read_recall, were_lists_refused
from indexer.vectors.view_folder import UNFINISHED, snapshots_in


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """What a snapshot's manifest says, without a check of its files."""

    path: Path
    log_id: str
    watermark: int
    vectors: int
    written_at: datetime
    codes: str | None  # by which its large segments are searched
    memory_bytes: int  # of files that are read into memory
    mapped_bytes: int  # of files that are mapped
    recall: Completeness | None  # of its inverted lists, if it has any
    has_refused_lists: bool  # whether its inverted lists did not reach the recall that was wanted


@dataclass(frozen=True, slots=True)
class ViewFiles:
    """What one view has on disk."""

    name: str
    folder: Path
    snapshots: tuple[SnapshotSummary, ...]  # newest first, those that can be read
    unfinished: int  # folders of snapshots being written, or left by a process that died
    byte_size: int  # files that snapshots share count once


def read_inventory(folder: Path) -> list[ViewFiles]:
    """List the views below a folder, by name; none when there is no such folder."""
    if not folder.is_dir():
        return []
    return [_read_view(path) for path in sorted(folder.iterdir()) if path.is_dir()]


def _read_view(folder: Path) -> ViewFiles:
    return ViewFiles(
        name=folder.name,
        folder=folder,
        snapshots=tuple(_summaries(folder)),
        unfinished=len(list(folder.glob(f"{UNFINISHED}*"))),
        byte_size=_byte_size(folder),
    )


def _summaries(folder: Path) -> Iterator[SnapshotSummary]:
    for path in snapshots_in(folder):
        try:
            manifest = Manifest.parse(path / MANIFEST)
            written = (path / MANIFEST).stat().st_mtime
        except (SnapshotMismatch, OSError):
            continue  # `check_snapshots` says what is wrong with it
        yield SnapshotSummary(
            path=path,
            log_id=manifest.identity.log_id,
            watermark=manifest.watermark,
            vectors=manifest.vectors,
            written_at=datetime.fromtimestamp(written, UTC),
            codes=next((each.codes for each in manifest.segments if each.codes), None),
            memory_bytes=sum(each.size for each in manifest.files.values()) - manifest.mapped_bytes,
            mapped_bytes=manifest.mapped_bytes,
            recall=read_recall(path),
            has_refused_lists=were_lists_refused(path),
        )


def _byte_size(folder: Path) -> int:
    sizes = {}
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # another process replaces snapshots meanwhile
        if stat.S_ISREG(status.st_mode):
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())
