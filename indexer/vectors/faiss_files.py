"""Files of FAISS indexes of float vectors."""

from pathlib import Path
from typing import Any

import faiss

from indexer.errors import SnapshotMismatch
from indexer.vectors.base import Sink


def write_faiss(index: faiss.Index, sink: Sink) -> None:
    """Write an index in FAISS's format."""
    faiss.write_index(index, callback_writer(sink))


def callback_writer(sink: Sink) -> Any:
    """Return what FAISS writes a file through.

    Through Python, because FAISS does not notice a full disk when it closes its own file.
    """
    return faiss.PyCallbackIOWriter(sink.write)  # type: ignore[attr-defined] # not in its stubs


def read_faiss(path: Path, *, mapped: bool = False) -> Any:
    """Read an index; `mapped` leaves its lists in the file.

    Raises
    ------
    SnapshotMismatch
        The file holds something else.
    """
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
    except RuntimeError as error:
        raise SnapshotMismatch(f"{path} is not a FAISS index: {error}") from error
