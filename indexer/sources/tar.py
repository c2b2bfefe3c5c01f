"""Tar headers, read one by one from untrusted archives."""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol, cast

from indexer.sources.names import quoted

_LARGEST_HEADER: Final = 2**20  # bytes; names and attributes need a few thousand at most


class TarContent(Protocol):
    """An archive's bytes by position, after decompression."""

    def advance(self, position: int, size: int) -> bytes:
        """Read for listing, forwards; fewer than `size` bytes come back at the end."""

    def fetch(self, position: int, size: int) -> bytes:
        """Read what was listed; safe to call from any thread."""


class _Positioned:
    """What tarfile needs of a file to read headers, and no more than that."""

    def __init__(self, content: TarContent) -> None:
        self._content = content
        self._position = 0

    def seek(self, position: int) -> None:
        self._position = position

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        data = self._content.advance(self._position, size)
        self._position += len(data)
        return data


def members(content: TarContent) -> Iterator[tarfile.TarInfo]:
    """Read the headers one after the other, each when the bytes of its member are there.

    TarFile's own iterator keeps every member in memory, and takes damage after the first member
    for the end of the archive.
    """
    file = _Positioned(content)
    archive = tarfile.TarFile(
        fileobj=cast("BinaryIO", file), mode="r", encoding="utf-8", errors="surrogateescape"
    )
    archive.offset = 0
    while True:
        offset = archive.offset
        block = content.advance(offset, tarfile.BLOCKSIZE)
        if len(block) < tarfile.BLOCKSIZE:
            raise EOFError("its end marker is missing")
        if not block.strip(b"\0"):
            return
        file.seek(offset)
        member = tarfile.TarInfo.fromtarfile(archive)
        if member.size < 0 or archive.offset <= offset:
            raise tarfile.ReadError("a header points backwards")
        end = member.offset_data + member.size
        if member.isreg() and member.size and not content.advance(end - 1, 1):
            raise EOFError(f"it ends within {quoted(member.name)}")
        yield member


def tidy(name: str) -> str:
    """Leave out the `./` that `tar c .` puts before each name."""
    while name.startswith("./"):
        name = name.removeprefix("./").lstrip("/")
    return name


def split_key(name: str) -> tuple[str, str]:
    """Split a name into the key of its sample and the extension, as WebDataset does."""
    folder, slash, last = name.rpartition("/")
    stem, _, extension = last.partition(".")
    return folder + slash + stem, extension.lower()


def why_unsafe(member: tarfile.TarInfo) -> str | None:
    """Say what about a member is not an ordinary file's."""
    if member.name.startswith("/") or ".." in member.name.split("/"):
        problem = "has a name that leads out of the archive"
    elif member.issym() or member.islnk():
        problem = "is a link"
    elif member.issparse() or not (member.isreg() or member.isdir()):
        problem = "is a device, a pipe or a file with holes"
    else:
        return None
    return f"{quoted(member.name)} {problem}. Put the picture itself into the archive."
