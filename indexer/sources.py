"""Sources on the local disk: find picture files and read them."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from indexer.errors import UnreadableSource
from indexer.images import check_byte_size
from indexer.types import SourceStamp

_JPEG = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}
_OTHERS = {".png", ".apng", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
# Pictures that we cannot decode yet: named as skipped rather than passed over, because a picture
# that silently stays out of the index looks like one that is clean.
_NOT_DECODED = {".heic", ".heif", ".jxl", ".jp2"}
SUFFIXES = frozenset(_JPEG | _OTHERS | _NOT_DECODED)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may be a picture."""

    path: Path
    stamp: SourceStamp


@dataclass(frozen=True, slots=True)
class SkippedSource:
    """A source that cannot be used, and why."""

    uri: str
    code: str  # of the error, such as unreadable_image; also directory_loop, dangling_link
    message: str


def walk(roots: Sequence[Path]) -> Iterator[SourceFile | SkippedSource]:
    """Find the files that may be pictures, in an order that repeats.

    Folders are searched to any depth, by name order; links are followed. Considered are files with
    a suffix in `SUFFIXES` (any case) or none; hidden files and folders are not. A file given as a
    root is always considered. A file reached from two roots, or by two links, comes twice.

    Parameters
    ----------
    roots : sequence of Path
        Files and folders.

    Returns
    -------
    iterator of SourceFile or SkippedSource
        What cannot be visited is skipped and the walk goes on. Codes: `directory_loop` (a folder
        inside itself, by way of a link), `dangling_link`, `unreadable_source` (permission, not a
        regular file, or any other fault).

    Raises
    ------
    UnreadableSource
        A root does not exist or cannot be reached: raised by the call, before the first item.
    """
    absolute = [_absolute(root) for root in roots]
    for root in absolute:
        try:
            root.stat()
        except OSError as error:
            raise _unreadable(root, error) from error
    return (found for root in absolute for found in _walk_root(root))


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
        raise _unreadable(path, error) from error
    check_byte_size(len(data), max_bytes)
    return data


def uri_of(path: Path) -> str:
    """Return the name under which a database can remember a local file.

    The absolute path as it is. A path whose bytes are not UTF-8 is no valid text to a database and
    becomes a `file:` URL instead, its bytes percent-encoded, from which the path can be had back.
    """
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return path.as_uri()
    return text


def _absolute(root: Path) -> Path:
    # Links stay in the name, as the user wrote it; only `..` has to be resolved on the disk:
    # behind a link it does not mean the folder that the text suggests.
    return Path(os.path.realpath(root)) if ".." in root.parts else root.absolute()


def _walk_root(root: Path) -> Iterator[SourceFile | SkippedSource]:
    # A stack instead of recursion: folders can be nested deeper than Python calls can. Each level
    # has its folder's device and inode (what a loop leads back to) and the paths not yet visited.
    levels: list[tuple[tuple[int, int] | None, Iterator[Path]]] = [(None, iter([root]))]
    while levels:
        path = next(levels[-1][1], None)
        if path is None:
            levels.pop()
            continue
        try:
            status = path.stat()
            if not stat.S_ISDIR(status.st_mode):
                if path == root or _may_be_image(path.name):
                    yield _file(path, status)
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
                _may_be_image(entry.name)
                or entry.is_symlink()
                or entry.is_dir(follow_symlinks=False)
            )
        )
    return (folder / name for name in names)


def _may_be_image(name: str) -> bool:
    suffix = PurePath(name).suffix.lower()
    return not suffix or suffix in SUFFIXES


def _file(path: Path, status: os.stat_result) -> SourceFile | SkippedSource:
    uri = uri_of(path)
    if problem := _irregularity(path, status):
        return SkippedSource(uri, UnreadableSource.code, problem)
    return SourceFile(path, SourceStamp(uri, status.st_size, status.st_mtime_ns))


def _loop(path: Path) -> SkippedSource:
    return SkippedSource(
        uri_of(path),
        "directory_loop",
        f"{_quote(path)} leads back to a folder that it lies in. Its pictures are found there; "
        "remove the link to be rid of this message.",
    )


def _unvisitable(path: Path, error: OSError) -> SkippedSource:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return SkippedSource(
            uri_of(path),
            "dangling_link",
            f"{_quote(path)} is a link to a file or folder that does not exist. Restore what it "
            "points to, or remove the link.",
        )
    problem = _unreadable(path, error)
    return SkippedSource(uri_of(path), problem.code, str(problem))


def _unreadable(path: Path, error: OSError) -> UnreadableSource:
    hint = (
        "Give the user who runs this command permission to read it."
        if isinstance(error, PermissionError)
        else "Check the path and that its disk is attached."
    )
    return UnreadableSource(f"{_quote(path)} cannot be read: {error.strerror or error}. {hint}")


def _irregularity(path: Path, status: os.stat_result) -> str | None:
    if stat.S_ISREG(status.st_mode):
        return None
    return f"{_quote(path)} is not a regular file (a folder, pipe, socket or device). Leave it out."


def _open_without_waiting(path: str, flags: int) -> int:
    # O_NONBLOCK: opening a pipe that nobody writes to would wait forever.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _quote(path: Path) -> str:
    """Quote a path for a message: newlines and bytes that are not text are escaped."""
    return repr(str(path))
