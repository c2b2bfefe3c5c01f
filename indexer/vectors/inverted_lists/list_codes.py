"""List codes: one segment's vectors as compressed codes in inverted lists, in FAISS."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings
from indexer.vectors.base import Bitmap, Sink
from indexer.vectors.codes.base import Nominees
from indexer.vectors.faiss_files import read_faiss, write_faiss
from indexer.vectors.inverted_lists.codebook import Codebook, Probes
from indexer.vectors.inverted_lists.list_codecs import BinaryCodec, ListCodec, ScalarCodec
from indexer.vectors.vector_files import in_blocks

KIND: Final = "lists-"
"""How the names of all list codes begin."""
_BLOCK: Final = 8_192  # vectors encoded at a time
_TRAILER: Final = struct.Struct("<Q")  # bytes of the array before it, at the end of a file
_LONGEST: Final = 1.001  # a unit vector may be
_ROUNDING: Final = 1e-3  # radians by which the arc cosine of a float32 near 1 may be off


class ListCodes:
    """Codes of a segment's vectors, in the lists of a codebook; see `SegmentCodes`.

    Parameters
    ----------
    index : faiss.IndexIVF
        With row numbers as ids.
    codebook : Codebook
    codec : ListCodec
        Of the index.
    radii : ndarray of shape (len(codebook),), float64
        The greatest angle of a list's centroid and one of its vectors; negative if it has none.
    """

    def __init__(
        self,
        index: Any,
        codebook: Codebook,
        codec: ListCodec,
        radii: NDArray[np.float64],
    ) -> None:
        self._index = index
        self._codec = codec
        self.codebook = codebook
        self.radii = radii
        index.own_fields = False
        # RaBitQ's searches look at the centroids; so that a file has no copy, they are not its own.
        self._centroids = codebook.rotated if isinstance(codec, BinaryCodec) else codebook.flat
        index.quantizer = self._centroids

    @classmethod
    def build(
        cls,
        vectors: Embeddings,
        codebook: Codebook,
        *,
        binary: bool = False,
        on_progress: Callable[[], None] = lambda: None,
    ) -> Self:
        """Encode a segment's vectors, a few at a time.

        Parameters
        ----------
        vectors : ndarray of shape (n, d), float32, unit rows
            May be mapped: read twice from start to end.
        codebook : Codebook
        binary : bool
            Whether to a bit a dimension, not a byte.
        on_progress : callable
            Called now and then; what it raises ends the work.
        """
        lists = np.empty(len(vectors), np.int64)
        radii = np.full(len(codebook), -1.0)
        low = np.full(codebook.dimension, np.inf, np.float32)
        high = -low
        for part, some in in_blocks(vectors, _BLOCK):
            lists[part] = codebook.assign(some)
            centroids = codebook.centroids[lists[part]]
            cosines = np.clip(np.einsum("ij,ij->i", some, centroids), -1, 1)
            np.maximum.at(radii, lists[part], np.arccos(cosines) + _ROUNDING)
            difference = some - centroids
            np.minimum(low, difference.min(axis=0), out=low)
            np.maximum(high, difference.max(axis=0), out=high)
            on_progress()
        codec = BinaryCodec(codebook) if binary else ScalarCodec.between(codebook, low, high)
        index = codec.new_index()
        _reserve(index, np.bincount(lists, minlength=len(codebook)))
        codes = cls(index, codebook, codec, radii)
        for part, some in in_blocks(vectors, _BLOCK):
            codes._add(some, lists[part], part.start)
            on_progress()
        return codes

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def kind(self) -> str:
        """Name of codec and codebook, for `CodedRows`."""
        return kind_of(self.codebook, binary=isinstance(self._codec, BinaryCodec))

    @property
    def eps(self) -> float:
        """Greatest distance of a vector from its code; see `SegmentCodes`."""
        return self._codec.eps

    @property
    def nbytes(self) -> int:
        """Bytes of the codes and of the row numbers beside them."""
        return len(self) * (int(self._index.code_size) + 8)

    def nominate(self, queries: Embeddings, k: int, bitmap: Bitmap | None) -> Nominees:
        """Compare the codes of all lists with each query; see `SegmentCodes`."""
        return self.nominate_from(self.codebook.every_list(queries), queries, k, bitmap)

    def nominate_from(
        self, probes: Probes, queries: Embeddings, k: int, bitmap: Bitmap | None
    ) -> Nominees:
        """Compare the codes of some lists with each query.

        Parameters
        ----------
        probes : Probes
            Of the queries.
        queries : ndarray of shape (n, d), float32, unit rows
        k : int
        bitmap : Bitmap or None
            The rows that count.

        Returns
        -------
        Nominees
            The k rows of highest estimated similarity; fewer if the lists hold fewer.
        """
        asked = self._codec.ask(queries, probes.similarities)
        wanted = np.ascontiguousarray(asked.queries, np.float32)
        lists = np.ascontiguousarray(probes.lists, np.int64)
        given = np.ascontiguousarray(asked.similarities, np.float32)
        similarities = np.empty((len(wanted), k), np.float32)
        rows = np.empty((len(wanted), k), np.int64)
        # Python's `search_preassigned` passes no parameters: without them it is the index's own
        # `nprobe`, which all threads share, that would have to be changed.
        self._index.search_preassigned_c(
            len(wanted),
            faiss.swig_ptr(wanted),
            k,
            faiss.swig_ptr(lists),
            faiss.swig_ptr(given),
            faiss.swig_ptr(similarities),
            faiss.swig_ptr(rows),
            False,  # noqa: FBT003 - C++: rows, not places in lists
            self._codec.parameters(lists.shape[1], bitmap),
        )
        similarities *= asked.units[:, None].astype(np.float32)
        similarities[rows < 0] = -np.inf
        return Nominees(similarities, rows, _LONGEST * self.eps + asked.lost)

    def write(self, sink: Sink) -> None:
        """Write the lists in FAISS's format, then the rest; the codebook is written apart."""
        index = self._codec.new_index()
        index.replace_invlists(self._index.invlists, False)  # noqa: FBT003 - C++: they stay ours
        index.ntotal = self._index.ntotal
        write_faiss(index, sink)
        rest = np.concatenate([self.radii, self._codec.constants()])
        data = rest.astype("<f8").tobytes()
        sink.write(data)
        sink.write(_TRAILER.pack(len(data)))

    @classmethod
    def read(cls, path: Path, codebook: Codebook) -> Self:
        """Map what `write` wrote into memory.

        Raises
        ------
        SnapshotMismatch
            The file holds something else, or lists of another codebook.
        OSError
            The file could not be read.
        """
        rest = _read_trailer(path)
        index = read_faiss(path, mapped=True)
        lists, constants = len(codebook), rest[len(codebook) :]
        codec: ListCodec = BinaryCodec(codebook)
        if isinstance(index, faiss.IndexIVFScalarQuantizer) and len(constants) == 2 + 2 * index.d:
            eps, longest = constants[:2].tolist()
            codec = ScalarCodec(codebook, constants[2:].reshape(2, -1), eps, longest)
        if (
            type(index) is not type(codec.new_index())
            or (index.d, index.nlist) != (codebook.dimension, lists)
            or len(constants) != len(codec.constants())
        ):
            raise SnapshotMismatch(
                f"{path} does not hold lists of the codebook {codebook.id}. Delete its folder: the "
                "view is rebuilt from the log."
            )
        return cls(index, codebook, codec, rest[:lists])

    def _add(self, vectors: Embeddings, lists: NDArray[np.int64], first_row: int) -> None:
        encoded = self._codec.encode(vectors, lists)
        rows = np.arange(first_row, first_row + len(vectors))
        by_residual, scalar = self._index.by_residual, isinstance(self._codec, ScalarCodec)
        if scalar:  # the difference is taken already
            self._index.by_residual = False
        self._index.add_core(
            len(vectors),
            faiss.swig_ptr(encoded),
            faiss.swig_ptr(rows),
            faiss.swig_ptr(lists),
        )
        self._index.by_residual = by_residual


def kind_of(codebook: Codebook, *, binary: bool) -> str:
    """Name codes of a bit or a byte a dimension in the lists of a codebook."""
    codec = BinaryCodec.name if binary else ScalarCodec.name
    return f"{KIND}{codec}-{codebook.id[:8]}"


def _reserve(index: Any, sizes: NDArray[np.int64]) -> None:
    """Make room in the lists; lists that grow take up to twice of what they hold."""
    lists = faiss.downcast_InvertedLists(index.invlists)
    for number, size in enumerate(sizes.tolist()):
        lists.resize(number, size)
        lists.resize(number, 0)


def _read_trailer(path: Path) -> NDArray[np.float64]:
    """Read the array at the end of a file."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size > _TRAILER.size:
            file.seek(size - _TRAILER.size)
            (length,) = _TRAILER.unpack(file.read(_TRAILER.size))
            if 0 < length <= size - _TRAILER.size and length % 8 == 0:
                file.seek(size - _TRAILER.size - length)
                return np.frombuffer(file.read(length), "<f8").astype(np.float64)
    raise SnapshotMismatch(f"{path} does not end as a file of list codes does.")
