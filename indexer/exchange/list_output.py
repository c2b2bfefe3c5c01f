"""Output of a list: stdout, or a file that is replaced as a whole."""

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Final, TextIO, cast

from indexer.errors import ListNotWritten
from indexer.exchange.formats import is_compressed
from indexer.runtime.private_files import private

STDOUT: Final = "-"


@contextmanager
def open_target(name: str) -> Iterator[TextIO]:
    """Open what a list is written to.

    Parameters
    ----------
    name : str
        Path of a file, gzip if it ends in `.gz`; or `-` for stdout. What was there before stays
        until the list is whole, and for good when an exception leaves the block.

    Raises
    ------
    ListNotWritten
        The file cannot be written.
    """
    if name == STDOUT:
        yield sys.stdout
        return
    path = Path(name).resolve()  # a link goes on leading to the file
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
            partial = path
        with _writing(partial, compressed=is_compressed(name)) as file:
            yield file
        if partial is not path:
            partial.replace(path)
    except OSError as error:
        raise ListNotWritten(
            f"The list {name} cannot be written ({error.strerror or error}). Check the folder's "
            "permissions and free space, then try again."
        ) from error
    finally:
        if partial is not path:
            partial.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path, *, compressed: bool) -> Iterator[TextIO]:
    """Open a file and see to it that it is on the disk in the end."""
    with open(path, "wb", opener=private) as raw:
        packed = gzip.GzipFile(fileobj=raw, mode="wb") if compressed else nullcontext(raw)
        with packed as file:
            text = TextIOWrapper(cast("BinaryIO", file), "utf-8", newline="")
            yield text
            text.flush()
            text.detach()  # the others close what they opened
        raw.flush()
        if path.is_file():
            os.fsync(raw.fileno())
