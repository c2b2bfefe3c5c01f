"""Codes fp16: vectors in half precision."""

from pathlib import Path
from typing import Final

import faiss
import numpy as np

from indexer.types import Embeddings
from indexer.vectors.base import Bitmap, Sink
from indexer.vectors.codes.base import UNIT_ROUNDOFF, Nominees
from indexer.vectors.codes.scalar_index import (
    ScalarCodes,
    allocate,
    memory_of,
    read_codes,
    write_codes,
)
from indexer.vectors.faiss_selection import bitmap_parameters

_QUANTIZER: Final = faiss.ScalarQuantizer.QT_fp16
_BLOCK: Final = 8192  # rows encoded at a time
_LONGEST: Final = 1.01  # more than any code's length: vectors are of length 1 within 0.001


class Fp16Codes(ScalarCodes):
    """Vectors in 16 bits a dimension; its bound covers sums, too, for a query of length 1."""

    def nominate(self, queries: Embeddings, k: int, bitmap: Bitmap | None) -> Nominees:
        """Return the k rows of highest approximate similarity; see `SegmentCodes`."""
        similarities, rows = self._index.search(queries, k, params=bitmap_parameters(bitmap))
        similarities[rows < 0] = -np.inf
        return Nominees(similarities, rows, self._eps * np.linalg.norm(queries, axis=1) * 1.0001)

    def write(self, sink: Sink) -> None:
        """Write the bound and the codes."""
        write_codes(sink, np.full((1, self._index.d), self._eps), self._index)


class Fp16Kind:
    """Half precision; see `CodeKind`."""

    def build(self, vectors: Embeddings) -> Fp16Codes:
        """Encode the vectors of one segment; see `CodeKind`."""
        index = allocate(len(vectors), vectors.shape[1], _QUANTIZER)
        codes, farthest = memory_of(index), 0.0
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK]
            encoded = index.sa_encode(block)
            codes[start : start + _BLOCK] = encoded
            away = index.sa_decode(encoded).astype(np.float64) - block
            farthest = max(farthest, float(np.linalg.norm(away, axis=1).max()))
        # Whatever the order of summation, a product of d terms in float32 is wrong by d roundings
        # of |q| |x| at most (Higham 2002, section 3.1).
        rounding = (vectors.shape[1] + 2) * UNIT_ROUNDOFF * _LONGEST
        return Fp16Codes(index, (farthest + rounding) * 1.0001)

    def read(self, path: Path) -> Fp16Codes:
        """Read what `Fp16Codes.write` wrote; see `CodeKind`."""
        facts, index = read_codes(path, _QUANTIZER)
        return Fp16Codes(index, float(facts[0, 0]))


FP16: Final = Fp16Kind()
