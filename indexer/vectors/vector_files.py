"""Files of float32 vectors, read into memory or mapped."""

import mmap
import os
import tempfile
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
