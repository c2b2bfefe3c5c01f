"""Folder of a view: the names of its snapshots, and the turns of the processes that write there."""

import fcntl
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from indexer.errors import SnapshotNotWritten
from indexer.runtime.private_files import make_private_folder, private

PREFIX = "snapshot-"
UNFINISHED = "unfinished-"
LOCK = "lock"
IMPROVING = "improving"


def snapshots_in(folder: Path) -> list[Path]:
    """List the snapshots in a view's folder, newest first, valid or not.

    Raises
    ------
    OSError
        The folder is not there or cannot be read.
    """
    found = [path for path in folder.iterdir() if re.fullmatch(PREFIX + r"\d+", path.name)]
    return sorted(found, key=watermark_of, reverse=True)


def remove_view(folder: Path) -> None:
    """Remove all that a view has on disk; files that are not a view's stay, and their folder.

    Raises
    ------
    SnapshotNotWritten
        The folder cannot be written.
    """
    try:
        with turn(folder):
            for path in (*folder.glob(f"{UNFINISHED}*"), *snapshots_in(folder)):
                shutil.rmtree(path)
        (folder / LOCK).unlink()
        (folder / IMPROVING).unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise SnapshotNotWritten(
            f"The view in {folder} could not be removed: {error}. Correct the folder's "
            "permissions, or remove it by hand."
        ) from error


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait for the other processes that write snapshots into a folder."""
    with open(folder / LOCK, "w", opener=private) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def turn_to_improve(folder: Path) -> Iterator[bool]:
    """Yield whether no other process is improving the view; if so, none does meanwhile.

    Raises
    ------
    SnapshotNotWritten
        The folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            make_private_folder(folder)
            path = folder / IMPROVING
            file = stack.enter_context(open(path, "w", opener=private))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            ours = False
        except OSError as error:
            raise SnapshotNotWritten(
                f"The folder {folder} cannot be written: {error}. Correct its permissions."
            ) from error
        else:
            ours = True
        yield ours


def watermark_of(path: Path) -> int:
    """Return the watermark that a snapshot's name says."""
    return int(path.name.removeprefix(PREFIX))
