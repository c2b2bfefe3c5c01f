"""Scalar-quantised FAISS indexes: codes in them, their memory and their files."""

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotMismatch
from indexer.vectors.base import Sink


class ScalarCodes:
    """Codes in a scalar-quantised index; see `SegmentCodes`.

    Parameters
    ----------
    index : faiss.IndexScalarQuantizer
    eps : float
        See `SegmentCodes.eps`.
    """

    def __init__(self, index: faiss.IndexScalarQuantizer, eps: float) -> None:
        self._index = index
        self._eps = eps

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def eps(self) -> float:
        """Greatest distance of a vector from its code; see `SegmentCodes`."""
        return self._eps

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return len(self) * int(self._index.code_size)


def allocate(count: int, dimension: int, quantizer: int) -> faiss.IndexScalarQuantizer:
    """Make an index of so many rows, compared by inner product, to be filled by `memory_of`."""
    index = faiss.IndexScalarQuantizer(dimension, quantizer, faiss.METRIC_INNER_PRODUCT)
    index.codes.resize(count * index.code_size)
    index.ntotal = count
    return index


def memory_of(index: faiss.IndexScalarQuantizer) -> NDArray[np.uint8]:
    """Return an index's own codes, (n, bytes), valid while the index lives."""
    memory: NDArray[np.uint8] = faiss.rev_swig_ptr(
        index.codes.data(), index.ntotal * index.code_size
    )
    return memory.reshape(index.ntotal, index.code_size)


def write_codes(sink: Sink, facts: NDArray[np.float64], index: faiss.IndexScalarQuantizer) -> None:
    """Write an index after what its kind must know of it.

    Parameters
    ----------
    sink : Sink
    facts : ndarray of shape (m, d), float64
    index : faiss.IndexScalarQuantizer
    """
    np.save(sink, np.array([index.ntotal]), allow_pickle=False)
    np.save(sink, facts, allow_pickle=False)
    sink.write(memory_of(index).data.cast("B"))


def read_codes(
    path: Path, quantizer: int
) -> tuple[NDArray[np.float64], faiss.IndexScalarQuantizer]:
    """Read what `write_codes` wrote.

    Raises
    ------
    SnapshotMismatch
        It holds something else.
    OSError
        It could not be read.
    """
    try:
        with path.open("rb") as file:
            (count,) = np.load(file, allow_pickle=False).tolist()
            facts: NDArray[np.float64] = np.load(file, allow_pickle=False)
            index = allocate(count, facts.shape[1], quantizer)
            codes = memory_of(index)
            whole = file.readinto(codes.data.cast("B")) == codes.nbytes
    except (ValueError, TypeError, IndexError, EOFError) as error:
        raise SnapshotMismatch(
            f"{path} does not hold scalar codes: {error}. Delete its folder: the view is rebuilt "
            "from the log."
        ) from error
    if not whole:
        raise SnapshotMismatch(f"{path} ends early.")
    return facts, index
