"""State of a stand-in for a vector engine: collections of rows, and faults on demand."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Answer = TypeVar("Answer")
_LONGEST: Final = 10.0  # seconds that an answer is held back at most


@dataclass(frozen=True, slots=True)
class Row:
    """One vector as the client sent it."""

    vector: NDArray[np.float32]  # (d,)
    properties: dict[str, Any]


@dataclass(slots=True)
class Collection:
    """Rows by the id that the client chose."""

    dimension: int
    description: dict[str, Any]  # what the client sent when it made the collection
    rows: dict[str, Row] = field(default_factory=dict)
    removed: dict[str, Row] = field(default_factory=dict)

    def nearest(
        self, query: NDArray[np.float32], k: int, accept: Callable[[Row], bool]
    ) -> list[tuple[str, float]]:
        """Return ids and cosines of the k nearest rows that are accepted, nearest first."""
        ids = [each for each, row in self.rows.items() if accept(row)]
        if not ids:
            return []
        cosines = np.stack([self.rows[each].vector for each in ids]) @ query
        order = np.argsort(-cosines, kind="stable")[:k].tolist()
        return [(ids[at], float(cosines[at])) for at in order]


class Refused(Exception):
    """The stand-in answers with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status  # of HTTP


class EngineRows:
    """Collections of a stand-in, read and changed by its server's threads.

    A test orders a fault, and the next requests meet it.
    """

    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.lock = threading.RLock()
        self.api_key: str | None = None
        self.writes = 0
        self.repeats = False
        self.held_back = threading.Event()
        """Set once an answer is held back."""
        self._lost = range(0)  # numbers of the writes whose answers are held back
        self._deadly: int | None = None  # number of the write before which the engine dies
        self._released = threading.Event()
        self._stale: dict[str, Collection] | None = None

    def lose_answers(self, *, after: int = 0, count: int = 1) -> None:
        """Commit the next writes, or those after some more, and answer too late for the client."""
        self._released.clear()
        self._lost = range(self.writes + after, self.writes + after + count)

    def release(self) -> None:
        """Let requests go that are held back."""
        self._lost = range(0)
        self._released.set()

    def die_after(self, *, writes: int) -> None:
        """Be out of order, for all requests, once that many more writes were made."""
        self._deadly = self.writes + writes

    def recover(self) -> None:
        """Be in order again."""
        self._deadly = None

    def held(self) -> int:
        """Count the rows of all collections."""
        return sum(len(each.rows) for each in self.collections.values())

    def resurrect(self) -> None:
        """Bring back every row that was ever removed and not sent again."""
        with self.lock:
            for collection in self.collections.values():
                collection.rows = collection.removed | collection.rows

    def drop_everything(self) -> None:
        """Lose all collections, as if somebody dropped them."""
        with self.lock:
            self.collections.clear()

    def empty_everything(self) -> None:
        """Lose all rows, and keep the collections."""
        with self.lock:
            for collection in self.collections.values():
                collection.rows.clear()

    @contextmanager
    def lagging(self) -> Iterator[None]:
        """Answer reads from the state of now, whatever is written meanwhile."""
        with self.lock:
            self._stale = {
                name: Collection(each.dimension, each.description, dict(each.rows))
                for name, each in self.collections.items()
            }
        yield
        self._stale = None

    def check(self, api_key: str | None) -> None:
        """Refuse a request without the key, or because a test has said so."""
        if self.api_key is not None and api_key != self.api_key:
            raise Refused(401, "invalid api key")
        if self._deadly is not None and self.writes >= self._deadly:
            raise Refused(503, "out of order")

    def find(self, name: str) -> Collection:
        """Return a collection for reading."""
        found = (self.collections if self._stale is None else self._stale).get(name)
        if found is None:
            raise Refused(404, f"could not find collection {name}")
        return found

    def write(self, apply: Callable[[], Answer]) -> Answer:
        """Apply a write, once or twice, and answer it, or not in time."""
        with self.lock:
            is_lost = self.writes in self._lost
            self.writes += 1
            answer = apply()
            if self.repeats:
                apply()
        if is_lost:
            self.held_back.set()
            self._released.wait(_LONGEST)
        return answer

    def put(self, name: str, rows: dict[str, Row]) -> None:
        """Add rows, in place of those of the same ids; all or none."""
        collection = self._written(name)
        for row in rows.values():
            if len(row.vector) != collection.dimension:
                got, expected = len(row.vector), collection.dimension
                raise Refused(
                    400, f"Vector dimension {got} does not match the dimension {expected}"
                )
        collection.rows.update(rows)
        for each in rows:
            collection.removed.pop(each, None)

    def take(self, name: str, ids: list[str]) -> int:
        """Remove rows, and return how many there were."""
        collection = self._written(name)
        taken = {each: collection.rows.pop(each) for each in ids if each in collection.rows}
        collection.removed |= taken
        return len(taken)

    def _written(self, name: str) -> Collection:
        if name not in self.collections:
            raise Refused(404, f"could not find collection {name}")
        return self.collections[name]
