"""A log in memory, which a view follows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.types import Keys, VectorChanges, VectorKeys

D = 16


class MemoryFeed:
    """A log in memory: change i + 1 says which key changed, the state says what it has now."""

    subject = "image"

    def __init__(self, log_id: str = "log-1") -> None:
        self.log_id = log_id
        self.era = "first"
        self.changes: list[int] = []
        self.state: dict[int, NDArray[Any]] = {}
        self.purged: set[int] = set()
        self.reads = 0
        self._rng = np.random.default_rng(0)

    def put(self, *keys: int, frames: int = 1) -> None:
        for key in keys:
            vectors = self._rng.standard_normal((frames, D)).astype(np.float32)
            self.state[key] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            self.changes.append(key)

    def drop(self, *keys: int) -> None:
        for key in keys:
            del self.state[key]
            self.changes.append(key)

    def purge(self, *keys: int) -> None:
        for key in keys:
            self.state.pop(key, None)
            self.purged.add(key)
            self.changes.append(key)

    def head(self) -> int:
        return len(self.changes)

    def mark(self, number: int) -> str | None:
        if number > self.head():
            return None
        return f"{self.era} {self.changes[number - 1]}" if number else ""

    def read(self, after: int, limit: int) -> VectorChanges:
        self.reads += 1
        touched = self.changes[after : after + limit]
        return self._changes(after + len(touched), touched)

    def look_up(self, keys: Keys) -> VectorChanges:
        return self._changes(self.head(), keys.tolist())

    def all_keys(self) -> VectorKeys:
        changes = self._changes(self.head(), list(self.state))
        return VectorKeys(self.head(), changes.keys, np.array(sorted(self.purged), np.int64))

    def _changes(self, watermark: int, touched: list[int]) -> VectorChanges:
        live = sorted({key for key in touched if key in self.state})
        vectors = [self.state[key] for key in live]
        return VectorChanges(
            watermark=watermark,
            keys=np.repeat(np.array(live, np.int64), [len(rows) for rows in vectors]),
            vectors=np.concatenate([np.zeros((0, D), np.float32), *vectors]),
            removed=np.array(sorted(set(touched) - self.state.keys()), np.int64),
            purged=np.array(sorted(self.purged.intersection(touched)), np.int64),
        )
