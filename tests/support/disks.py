"""A disk of its own, small enough to fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_BALLAST = "ballast"
_BLOCK = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A mounted disk."""

    folder: Path

    def fill(self, *, leaving: int = 0) -> None:
        """Fill it up to so many bytes, rounded up to blocks."""
        size = (self.free - leaving) // _BLOCK * _BLOCK
        with (self.folder / _BALLAST).open("wb") as file:
            if size:
                os.posix_fallocate(file.fileno(), 0, size)
        assert leaving <= self.free < leaving + 2 * _BLOCK

    def clear(self) -> None:
        """Take away what it was filled with."""
        (self.folder / _BALLAST).unlink()

    @property
    def free(self) -> int:
        """Free bytes."""
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Mount a disk of that many bytes on a new folder; skip the test where that is not allowed."""
    folder.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],  # noqa: S607 -- by PATH
        capture_output=True,
        text=True,
        check=False,
    )
    if mounting.returncode:
        pytest.skip(f"a small disk cannot be mounted, which takes root: {mounting.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)  # noqa: S607 -- as above
