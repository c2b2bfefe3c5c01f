"""Files of float32 vectors, read into memory or mapped."""

import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings


def read_vectors(path: Path, dimension: int) -> Embeddings:
    """Read an array file of vectors into memory.

    Raises
    ------
    SnapshotMismatch
        It holds something else.
    OSError
        It could not be read.
    """
    with path.open("rb") as file:
        shape = _shape(file, path, dimension)
        vectors = np.empty(shape, np.float32)
        if file.readinto(vectors.data.cast("B")) != vectors.nbytes:
            raise SnapshotMismatch(f"{path} ends early.")
    return vectors


def map_vectors(path: Path, dimension: int) -> Embeddings:
    """Map an array file of vectors, read-only: pages are read when they are first used.

    The map stays valid when the file's name is removed. A file that is cut short meanwhile ends the
    process (SIGBUS): snapshots never change, and nobody else may change them.

    Raises
    ------
    SnapshotMismatch
        It holds something else.
    OSError
        It could not be read.
    """
    with path.open("rb") as file:
        shape = _shape(file, path, dimension)
        start = file.tell()
        if os.fstat(file.fileno()).st_size != start + 4 * shape[0] * shape[1]:
            raise SnapshotMismatch(f"{path} ends early.")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    # A query compares a few rows here and there: reading ahead would fetch what nobody asks for.
    mapped.madvise(mmap.MADV_RANDOM)
    return np.frombuffer(mapped, np.float32, offset=start).reshape(shape)


def scratch_vectors(count: int, dimension: int, folder: Path) -> Embeddings:
    """Return room for vectors in a file without a name, which ends with the process.

    Raises
    ------
    OSError
        The folder cannot be written, or its disk is full.
    """
    size = 4 * count * dimension
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, size)  # a full disk is an error here, not a signal
        mapped = mmap.mmap(file.fileno(), size)
    return np.frombuffer(mapped, np.float32).reshape(count, dimension)


def _shape(file: BinaryIO, path: Path, dimension: int) -> tuple[int, int]:
    """Read an array file's header and return the array's shape."""
    try:
        version = np.lib.format.read_magic(file)
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    except ValueError as error:
        raise SnapshotMismatch(f"{path} is not a valid array file: {error}.") from error
    if version != (1, 0) or by_column or dtype != np.float32 or shape[1:] != (dimension,):
        raise SnapshotMismatch(
            f"{path} holds {dtype} of shape {shape}, expected float32 of {dimension} columns. "
            "Delete it: the view is rebuilt from the log."
        )
    return int(shape[0]), dimension


def in_blocks(vectors: Embeddings, rows: int) -> Iterator[tuple[slice, Embeddings]]:
    """Read vectors from first to last, so many rows at a time, and the next ones ahead.

    Returns
    -------
    iterator of slice and ndarray of shape (rows or fewer, d), float32
        The block's place and a copy of it in memory.
    """
    mapped = _mapping_of(vectors)
    width = vectors.strides[0]
    offset = 0 if mapped is None else len(mapped) - vectors.nbytes
    for start in range(0, len(vectors), rows):
        if mapped is not None and start + rows < len(vectors):
            ahead = offset + (start + rows) * width
            ahead -= ahead % mmap.PAGESIZE
            length = min(rows * width + mmap.PAGESIZE, len(mapped) - ahead)
            mapped.madvise(mmap.MADV_WILLNEED, ahead, length)
        part = slice(start, min(start + rows, len(vectors)))
        yield part, np.array(vectors[part])


def _mapping_of(vectors: Embeddings) -> mmap.mmap | None:
    """Return the file mapping whose last bytes the vectors are; None for others in memory."""
    base: object = vectors
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return base if isinstance(base, mmap.mmap) else None
