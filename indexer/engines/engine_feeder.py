"""Engine feeder: sends the log's changes to an engine, from one program at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Final

import numpy as np
import structlog

from indexer.engines.base import Collection
from indexer.engines.engine_index import EngineIndex
from indexer.errors import EngineUnavailable
from indexer.store import Store
from indexer.types import ChangeFeed, Completeness, EnginePosition, Keys

CHUNK: Final = 4_096
"""Changes of the log that are sent at a time."""
PATIENCE: Final = 30.0
"""Seconds to wait for another program that sends."""
LOOKED: Final = 0.1
"""Seconds between two looks at what is waited for."""

log = structlog.get_logger(__name__)


class EngineFeeder:
    """What an engine has acknowledged, and the way to send it more.

    How far it has come is kept in the database, and is written once the engine has acknowledged a
    batch: after a crash a batch is sent twice, which changes nothing.

    Parameters
    ----------
    store : Store
    address : str
        The engine's, without credentials.
    collection : Collection
    index : EngineIndex
        What is sent to.
    feed : ChangeFeed
    """

    def __init__(
        self,
        store: Store,
        address: str,
        collection: Collection,
        index: EngineIndex,
        feed: ChangeFeed,
    ) -> None:
        self.watermark = 0
        """The last change that the engine is known to have acknowledged."""
        self._store = store
        self._address = address
        self._collection = collection
        self._index = index
        self._feed = feed
        self._is_ensured = False

    def refresh(self) -> None:
        """Read how far the engine has come, whoever sent it.

        Raises
        ------
        EngineUnavailable
            The index has given the engine up.
        """
        position = self._position()
        self.watermark, self._index.vectors = position.watermark, position.vectors
        self._index.completeness = position.completeness

    @contextmanager
    def claim(self) -> Iterator[bool]:
        """Claim the sending for the block; give whether it was free."""
        with self._store.feeding(self._address) as free:
            yield free

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have no other program send changes during the block.

        Raises
        ------
        EngineUnavailable
            Another one has been sending for too long.
        """
        until = monotonic() + PATIENCE
        while True:
            with self.claim() as free:
                if free:
                    yield
                    return
            if monotonic() > until:
                raise EngineUnavailable(
                    f"Another program is sending changes to the vector engine {self._address}. "
                    "Wait until `lookalike status` shows that it has caught up, then try again."
                )
            sleep(LOOKED)

    def send(self, head: int, until: float | None = None) -> None:
        """Send changes up to the log's `head`, or until a moment; the sending must be claimed.

        Raises
        ------
        EngineUnavailable
            The engine cannot be used; what it acknowledged before is noted.
        """
        self._ensure()
        self.refresh()
        while self.watermark < head and (until is None or monotonic() < until):
            changes = self._feed.read(self.watermark, CHUNK)
            self._index.remove(np.setdiff1d(changes.removed, changes.purged))
            if len(changes.purged):
                self._index.erase(changes.purged)
            self._index.add(changes.keys, changes.vectors)
            self.note(changes.watermark)

    def send_again(self, keys: Keys) -> None:
        """Replace all rows of some keys by what the catalog has; the sending must be claimed."""
        for start in range(0, len(keys), CHUNK):
            page = keys[start : start + CHUNK]
            self._index.remove(page)
            said = self._feed.look_up(page)
            self._index.add(said.keys, said.vectors)
        self.note(self.watermark)

    def note(self, watermark: int) -> None:
        """Write what the engine has acknowledged."""
        vectors = self._index.engine.count()
        with self._store.noting() as positions:
            positions.note(self._address, self._collection.name, watermark, vectors)
        self.watermark, self._index.vectors = watermark, vectors

    def note_recall(self, measured: Completeness) -> None:
        """Write the recall of the engine, as measured."""
        with self._store.noting() as positions:
            positions.note_recall(self._address, self._collection.name, measured)
        self._index.completeness = measured

    def distrust(self) -> None:
        """Look whether the collection is still there before anything else is sent."""
        self._is_ensured = False

    def _ensure(self) -> None:
        """Make sure that the collection is there; a new one gets everything again."""
        if self._is_ensured:
            return
        if self._index.engine.ensure() and self._position().watermark:
            log.warning("vector engine was empty, filling it again", engine=self._address)
            self.note(0)
        self._is_ensured = True

    def _position(self) -> EnginePosition:
        with self._store.reader() as catalog:
            position = catalog.engines.get(self._address, self._collection.name)
        if position is None:
            raise EngineUnavailable(
                f"The vector engine {self._address} was given up by `lookalike index migrate "
                "--drop`. Set LOOKALIKE_VECTORS to the one that the index uses, and restart."
            )
        return position
