"""A vector engine of NumPy arrays, with faults on request."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.engines.base import Capabilities, Rows, keys_of
from indexer.errors import EngineUnavailable
from indexer.types import Embeddings, Keys


class NumpyEngine:
    """Exact, until something is done to `held` behind its back."""

    capabilities = Capabilities(max_k=1_000, floor=False, read_after_write=True)

    def __init__(self) -> None:
        self.held: dict[int, NDArray[np.float32]] | None = None  # None where there is no collection
        self.is_down = False
        self.fails_after_upserts = 0  # acknowledgements that get lost
        self.upserts: list[list[int]] = []
        self.searches = 0

    def _rows(self) -> dict[int, NDArray[np.float32]]:
        if self.is_down or self.held is None:
            raise EngineUnavailable("The engine is down.")
        return self.held

    def ensure(self) -> bool:
        if self.is_down:
            raise EngineUnavailable("The engine is down.")
        is_new = self.held is None
        self.held = self.held or {}
        return is_new

    def upsert(self, rows: Rows, vectors: Embeddings) -> None:
        self._rows().update(zip(rows.tolist(), vectors, strict=True))
        self.upserts.append(rows.tolist())
        if self.fails_after_upserts:
            self.fails_after_upserts -= 1
            raise EngineUnavailable("The answer did not arrive in time.")

    def remove(self, keys: Keys) -> None:
        gone = set(keys.tolist())
        for row in [row for row in self._rows() if row >> 16 in gone]:
            del self._rows()[row]

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> Sequence[Rows]:  # noqa: ARG002
        self.searches += 1
        held = self._rows()
        rows = np.array([*held], np.int64)
        if not len(rows):
            return [rows for _ in queries]
        order = np.argsort(-(queries @ np.stack([*held.values()]).T), axis=1, kind="stable")
        return [rows[best[:k]] for best in order]

    def count(self) -> int:
        return len(self._rows())

    def rows(self, after: int, limit: int) -> Rows:
        return np.array(sorted(row for row in self._rows() if row > after)[:limit], np.int64)

    def drop(self) -> None:
        self._rows()
        self.held = None

    def close(self) -> None:
        pass

    def keys(self) -> list[int]:
        return np.unique(keys_of(self.rows(-1, 10**9))).tolist()
