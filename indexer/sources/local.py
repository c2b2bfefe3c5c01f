"""Sources on the local disk: find picture files and read them."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import UnreadableSource
from indexer.images.decode import check_byte_size
from indexer.sources.base import (
    DANGLING_LINK,
    DIRECTORY_LOOP,
    OUTSIDE_LINK,
    Listed,
    SourceItem,
    listed,
)
from indexer.sources.names import may_be_image, quoted, uri_of
from indexer.types import SkippedSource, SourceStamp


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile(SourceItem):
    """A file that may be a picture."""

    path: Path

    def read(self, max_bytes: int) -> bytes:
        return read(self.path, max_bytes)


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder with all beneath it, or one file."""

    root: Path  # absolute, checked to exist; followed if it is a link itself
    follow_links: bool = False  # also out of the folder

    def items(self) -> Iterator[SourceFile | SkippedSource]:
        return _walk_root(self.root, follow_links=self.follow_links)

    def listed(self) -> Iterator[Listed]:
        return listed(self.items())

    def count(self) -> int:
        return sum(not is_outside(found) for found in self.items())


def walk(
    roots: Sequence[Path], *, follow_links: bool = False
) -> Iterator[SourceFile | SkippedSource]:
    """Find the files that may be pictures, in an order that repeats.

    Folders are searched to any depth, by name order. Links within a root are followed while they
    stay in it; a root may be a link itself. Considered are files with
    a suffix in `SUFFIXES` (any case) or none; hidden files and folders are not. A file given as a
    root is always considered. A file reached from two roots, or by two links, comes twice.

    Parameters
    ----------
    roots : sequence of Path
        Files and folders.
    follow_links : bool
        Whether to follow links that lead out of their root, too.

    Returns
    -------
    iterator of SourceFile or SkippedSource
        What cannot be visited is skipped and the walk goes on. Codes: `directory_loop` (a folder
        inside itself, by way of a link), `dangling_link`, `outside_link`, `unreadable_source`
        (permission, not a regular file, or any other fault).

    Raises
    ------
    UnreadableSource
        A root does not exist or cannot be reached: raised by the call, before the first item.
    """
    trees = [Tree(existing(root), follow_links) for root in roots]
    return (found for tree in trees for found in tree.items())


def existing(path: Path) -> Path:
    """Return the absolute path of what exists.

    Raises
    ------
    UnreadableSource
        It does not exist or cannot be reached.
    """
    # Links stay in the name, as the user wrote it; only `..` has to be resolved on the disk:
    # behind a link it does not mean the folder that the text suggests.
    absolute = Path(os.path.realpath(path)) if ".." in path.parts else path.absolute()
    try:
        absolute.stat()
    except OSError as error:
        raise unreadable(absolute, error) from error
    except ValueError as error:  # a NUL, or characters that no file name can have
        raise UnreadableSource(
            f"{quoted(path)} is not a valid file name. Check the path."
        ) from error
    return absolute


def file_at(path: Path, root: str) -> SourceFile | SkippedSource:
    """Return the file at a path, or why it is none that we can read."""
    try:
        return _file(path, path.stat(), root)
    except OSError as error:
        return _unvisitable(path, error)


def read(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of limited size; never wait for a pipe or a device.

    Parameters
    ----------
    path : Path
    max_bytes : int
        Largest size accepted; at most one byte more is read.

    Raises
    ------
    UnreadableSource
        The file cannot be opened or read, or is no regular file.
    ImageTooLarge
        The file has more than `max_bytes` bytes.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if problem := _irregularity(path, os.fstat(file.fileno())):
                raise UnreadableSource(problem)
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    check_byte_size(len(data), max_bytes)
    return data


def unreadable(path: Path, error: OSError) -> UnreadableSource:
    """Say what the system has against a path, and what to do."""
    hint = (
        "Give the user who runs this command permission to read it."
        if isinstance(error, PermissionError)
        else "Check the path and that its disk is attached."
    )
    return UnreadableSource(f"{quoted(path)} cannot be read: {error.strerror or error}. {hint}")


def is_outside(found: object) -> bool:
    """Tell whether a walk found a link that leads out of the root, and did not follow it."""
    return isinstance(found, SkippedSource) and found.code == OUTSIDE_LINK


def _walk_root(root: Path, *, follow_links: bool) -> Iterator[SourceFile | SkippedSource]:
    # A stack instead of recursion: folders can be nested deeper than Python calls can. Each level
    # has its folder's device and inode (what a loop leads back to) and the paths not yet visited.
    name, bound = uri_of(root), os.path.realpath(root)
    levels: list[tuple[tuple[int, int] | None, Iterator[Path]]] = [(None, iter([root]))]
    while levels:
        path = next(levels[-1][1], None)
        if path is None:
            levels.pop()
            continue
        try:
            if not follow_links and path != root and _leads_out(path, bound):
                yield _outside(path)
                continue
            status = path.stat()
            if not stat.S_ISDIR(status.st_mode):
                if path == root or may_be_image(path.name):
                    yield _file(path, status, name)
                continue
            folder = (status.st_dev, status.st_ino)
            if any(folder == outer for outer, _ in levels):
                yield _loop(path)
                continue
            levels.append((folder, _children(path)))
        except OSError as error:
            yield _unvisitable(path, error)


def _children(folder: Path) -> Iterator[Path]:
    """List what may be worth a visit, by name; the links are not looked behind yet."""
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".")
            and (
                may_be_image(entry.name)
                or entry.is_symlink()
                or entry.is_dir(follow_symlinks=False)
            )
        )
    return (folder / name for name in names)


def _file(path: Path, status: os.stat_result, root: str) -> SourceFile | SkippedSource:
    uri = uri_of(path)
    if problem := _irregularity(path, status):
        return SkippedSource(uri, UnreadableSource.code, problem)
    stamp = SourceStamp(uri, status.st_size, str(status.st_mtime_ns))
    return SourceFile(path=path, stamp=stamp, root=root)


def _leads_out(path: Path, bound: str) -> bool:
    if not path.is_symlink():
        return False
    target = os.path.realpath(path)
    return target != bound and not target.startswith(bound.rstrip(os.sep) + os.sep)


def _outside(path: Path) -> SkippedSource:
    return SkippedSource(
        uri_of(path),
        OUTSIDE_LINK,
        f"{quoted(path)} is a link that leads out of the folder. Follow it with --follow-links, or "
        "name what it leads to.",
    )


def _loop(path: Path) -> SkippedSource:
    return SkippedSource(
        uri_of(path),
        DIRECTORY_LOOP,
        f"{quoted(path)} leads back to a folder that it lies in. Its pictures are found there; "
        "remove the link to be rid of this message.",
    )


def _unvisitable(path: Path, error: OSError) -> SkippedSource:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return SkippedSource(
            uri_of(path),
            DANGLING_LINK,
            f"{quoted(path)} is a link to a file or folder that does not exist. Restore what it "
            "points to, or remove the link.",
        )
    problem = unreadable(path, error)
    return SkippedSource(uri_of(path), problem.code, str(problem))


def _irregularity(path: Path, status: os.stat_result) -> str | None:
    if stat.S_ISREG(status.st_mode):
        return None
    return f"{quoted(path)} is not a regular file (a folder, pipe, socket or device). Leave it out."


def _open_without_waiting(path: str, flags: int) -> int:
    # O_NONBLOCK: opening a pipe that nobody writes to would wait forever.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
