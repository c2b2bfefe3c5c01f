"""Byte streams of a list: file or stdin, plain or gzip, forward only."""

import codecs
import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import BinaryIO, Final, cast

from indexer.errors import UnreadableSource

STDIN: Final = "-"
LONGEST_LINE: Final = 2**20
"""Bytes; what is longer is no row of a list."""
_GZIP: Final = b"\x1f\x8b"
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ListStream:
    """Bytes that come to an end where they cannot be read on; `fault` says why then."""

    def __init__(self, file: BinaryIO | gzip.GzipFile) -> None:
        self._file = file
        self.fault: str | None = None

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; none at the end."""
        return self._guarded(self._file.read, size)

    def lines(self) -> Iterator[tuple[int, str | None]]:
        """Yield each line with its number, from 1, without what ends it; None for one too long.

        Bytes that are not UTF-8 become lone surrogates, which no database takes.
        """
        number = 0
        while line := self._guarded(self._file.readline, LONGEST_LINE):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) >= LONGEST_LINE and not line.endswith(b"\n"):
                self._skip_line()
                yield number, None
            else:
                yield number, line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")

    def _skip_line(self) -> None:
        while (more := self._guarded(self._file.readline, LONGEST_LINE)) and more[-1:] != b"\n":
            pass

    def _guarded(self, read: Callable[[int], bytes], size: int) -> bytes:
        if self.fault is not None:
            return b""
        try:
            return read(size)
        except (OSError, EOFError, zlib.error) as error:
            self.fault = str(error)
            return b""


@contextmanager
def open_list(name: str) -> Iterator[ListStream]:
    """Open a list; gzip is told by its first bytes.

    Parameters
    ----------
    name : str
        Path of a file, or `-` for stdin.

    Raises
    ------
    UnreadableSource
        There is no such file, it cannot be opened, or it is UTF-16.
    """
    try:
        # a buffer of our own around stdin's: what stands for stdin cannot always be peeked into
        file = BufferedReader(cast("RawIOBase", sys.stdin.buffer)) if name == STDIN else _open(name)
        start = file.peek(2)[:2]
    except OSError as error:
        raise UnreadableSource(
            f"The list {name} cannot be read ({error.strerror or error}). Check its path and "
            "permissions."
        ) from error
    try:
        if start in _UTF16:
            raise UnreadableSource(f"The list {name} is UTF-16. Save it as UTF-8.")
        yield ListStream(gzip.GzipFile(fileobj=file) if start == _GZIP else file)
    finally:
        if name == STDIN:
            file.detach()  # or it would close stdin
        else:
            file.close()


def _open(name: str) -> BufferedReader:
    return Path(name).open("rb")
