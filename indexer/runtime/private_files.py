"""Private files and folders: readable by their owner alone from the start."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing; one that is there stays as it is.

    Raises
    ------
    OSError
        A folder cannot be made.
    """
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def private(path: str, flags: int) -> int:
    """Open a file that is made for its owner alone: the `opener` of `open`."""
    return os.open(path, flags, FILE_MODE)


def make_private_file(path: Path) -> None:
    """Make an empty file; one that is there stays as it is.

    Raises
    ------
    OSError
        The file cannot be made.
    """
    with suppress(FileExistsError):
        os.close(private(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def open_to_others(path: Path) -> bool:
    """Tell whether others than the owner may read a file or look into a folder.

    Raises
    ------
    OSError
        It is not there or cannot be reached.
    """
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
